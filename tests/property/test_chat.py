import json

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.chat import ChatRequest
from protocol.errors import RequestError

LEAVES = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
MARK = "\u2603"
NAMES = st.sampled_from(["user", "stop", "metadata", "tools", "tool_choice", "seed", "x", "model", "name", "audio"])


def planted(value):
    """The same value with a mark behind each string and each name in it."""
    if isinstance(value, str):
        return value + MARK
    if isinstance(value, list):
        return [planted(item) for item in value]
    if isinstance(value, dict):
        return {name + MARK: planted(member) for name, member in value.items()}
    return value


def count(value):
    if isinstance(value, dict):
        return sum(MARK in name for name in value) + sum(map(count, value.values()))
    if isinstance(value, list):
        return sum(map(count, value))
    return int(isinstance(value, str) and MARK in value)


@given(
    body=st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=4),
    message=st.dictionaries(NAMES | st.sampled_from(["tool_calls", "function_call", "content"]), VALUES, max_size=3),
    part=st.dictionaries(NAMES | st.sampled_from(["text", "file", "image_url"]), VALUES, max_size=3),
    kind=st.sampled_from(["text", "file", "image_url", "hologram"]),
)
@settings(max_examples=300, deadline=None)
def test_no_written_string_hides_from_the_texts(body, message, part, kind):
    body = {name: planted(value) for name, value in body.items()}
    part = {"text": "t", **{name: planted(value) for name, value in part.items()}, "type": kind}
    message = {"content": [part], **{name: planted(value) for name, value in message.items()}, "role": "user"}
    body |= {"messages": [message], "model": "m"}
    try:
        request = ChatRequest.parse(body)
    except RequestError:
        return
    parts = request.texts()
    assert sum(MARK in item.text for item in parts) == count(json.loads(request.to_json()))
    assert len({item.path for item in parts}) == len(parts)


@given(body=st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
@settings(max_examples=200, deadline=None)
def test_replacing_each_text_by_itself_marked_is_seen_at_the_same_paths(body):
    try:
        request = ChatRequest.parse({**body, "model": "m", "messages": [{"role": "user", "content": "x"}]})
    except RequestError:
        return
    before = request.texts()
    after = request.with_texts({part.path: part.text + MARK for part in before})
    assert count(json.loads(after.to_json())) == len(before)
    assert ChatRequest.parse(after.to_json()).to_json() == after.to_json()


@given(
    data=st.binary(max_size=64) | st.text(max_size=64).map(str.encode) | VALUES.map(lambda v: json.dumps(v).encode())
)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_request_or_a_request_error(data):
    try:
        ChatRequest.parse(data)
    except RequestError as error:
        assert error.field
