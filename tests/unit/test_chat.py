import json

import pytest

from protocol.chat import ChatRequest, TextPart
from protocol.errors import RequestError
from protocol.strict_json import JSON_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX

MESSAGES = [{"role": "user", "content": "hello"}]


def parse(**members):
    return ChatRequest.parse({"model": "auto", "messages": MESSAGES, **members})


def written(request):
    return [part.text for part in request.texts()]


FULL = {
    "model": "auto",
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 0.5,
    "max_tokens": 100,
    "max_completion_tokens": 50,
    "user": "ada@example.org",
    "metadata": {"case of Ada": "number 7"},
    "tool_choice": {"type": "function", "function": {"name": "choose_ada"}},
    "stop": ["THE END"],
    "messages": [
        {"role": "system", "content": "You help Ada."},
        {"role": "user", "name": "ada_l", "content": [{"type": "text", "text": "Read this."}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_9aZ", "type": "function", "function": {"name": "look_up", "arguments": '{"q":"Ada"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_9aZ", "content": "Ada is 36."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "finds Ada",
                "parameters": {"type": "object", "properties": {"q": {"type": "string", "maxLength": 9}}},
            },
        }
    ],
}


def test_every_text_that_somebody_wrote_is_named_once_and_known_parameters_are_not():
    assert written(ChatRequest.parse(FULL)) == [
        "ada@example.org",
        "case of Ada",
        "number 7",
        "choose_ada",
        "THE END",
        "You help Ada.",
        "ada_l",
        "Read this.",
        "look_up",
        '{"q":"Ada"}',
        "Ada is 36.",
        "look_up",
        "finds Ada",
        "q",
    ]


def test_a_text_knows_its_message_role():
    parts = {part.text: part.role for part in ChatRequest.parse(FULL).texts()}
    assert parts["You help Ada."] == "system"
    assert parts["Ada is 36."] == "tool"
    assert parts["ada@example.org"] == "request"


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("notes about Ada", "private", ["notes about Ada", "private"]),
        ("extra", {"Ada": [True, None, "x"]}, ["extra", "Ada", "x"]),
        ("card", 4111111111111111, ["card", "4111111111111111"]),
        ("reasoning_effort", "Ada's", ["Ada's"]),
        ("service_tier", {"Ada": 1}, ["Ada", "1"]),
        ("logit_bias", {"Ada": 1}, ["Ada", "1"]),
        ("modalities", ["text", "Ada"], ["text", "Ada"]),
        ("stream_options", {"include_usage": True, "Ada": True}, ["include_usage", "Ada"]),
        ("tools", [{"maximum": 4111111111111111}], ["4111111111111111"]),
        ("prediction", {"type": "content", "content": "Ada"}, ["type", "content", "content", "Ada"]),
    ],
)
def test_an_unknown_member_or_value_counts_as_text(member, value, expected):
    assert written(parse(**{member: value})) == ["hello", *expected]


@pytest.mark.parametrize(
    ("member", "value"),
    [("reasoning_effort", "low"), ("logit_bias", {"50256": -100}), ("tool_choice", "auto"), ("modalities", ["text"])],
)
def test_a_known_value_of_a_known_parameter_is_no_text(member, value):
    assert written(parse(**{member: value})) == ["hello"]


def test_a_tool_call_id_that_no_program_made_counts_as_text():
    request = ChatRequest.parse(
        {"model": "m", "messages": [{"role": "tool", "tool_call_id": "4111 1111 1111 1111", "content": "x"}]}
    )
    assert written(request) == ["4111 1111 1111 1111", "x"]


@pytest.mark.parametrize(
    ("part", "named", "texts"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "image_url", []),
        ({"type": "image_url", "image_url": {"url": "https://x/ada.png"}}, "image_url", ["https://x/ada.png"]),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, "input_audio", []),
        ({"type": "file", "file": {"filename": "ada.pdf", "file_data": "AAAA"}}, "file", ["ada.pdf"]),
        ({"type": "hologram", "Ada": ["x"]}, "unknown type", ["hologram", "Ada", "x"]),
        ({"type": "text", "text": "t", "detail": ["Ada"]}, None, ["t", "detail", "Ada"]),
    ],
)
def test_content_that_nobody_can_read_is_named_and_its_names_are_text(part, named, texts):
    request = ChatRequest.parse({"model": "m", "messages": [{"role": "user", "content": [part]}]})
    assert request.unreadable() == ((f"messages[0].content[0]: {named}",) if named else ())
    assert written(request) == texts


def test_replaced_texts_change_nothing_else():
    request = ChatRequest.parse(FULL)
    changed = request.with_texts({part.path: part.text.replace("Ada", "[PERSON_1]") for part in request.texts()})
    assert changed.to_json() == request.to_json().replace(b"Ada", b"[PERSON_1]")
    assert request.to_json() == ChatRequest.parse(FULL).to_json()


def test_a_members_name_can_be_replaced():
    request = parse(metadata={"Ada": "x", "b": "y"})
    path = next(part.path for part in request.texts() if part.text == "Ada")
    assert request.with_texts({path: "[PERSON_1]"}).body["metadata"] == {"[PERSON_1]": "x", "b": "y"}
    with pytest.raises(RequestError):
        request.with_texts({path: "b"})


def test_a_replacement_where_no_text_is_is_refused():
    with pytest.raises(RequestError):
        parse().with_texts({("model",): "other"})


def test_parameters_are_read():
    request = ChatRequest.parse(FULL)
    assert (request.model, request.stream, request.include_usage) == ("auto", True, True)
    assert (request.max_output_tokens, request.has_tools, request.choices) == (50, True, 1)
    assert parse().max_output_tokens is None


def test_with_body_sets_and_takes_out_members_and_checks_again():
    request = parse(temperature=1, stream=True).with_body(temperature=None, model="m", n=2)
    assert "temperature" not in request.body
    assert (request.model, request.choices, request.stream) == ("m", 2, True)
    with pytest.raises(RequestError, match=r"^n: "):
        request.with_body(n=9)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": MESSAGES}, "model"),
        ({"model": "", "messages": MESSAGES}, "model"),
        ({"model": "m"}, "messages"),
        ({"model": "m", "messages": []}, "messages"),
        ({"model": "m", "messages": ["x"]}, "messages[0]"),
        ({"model": "m", "messages": [{"role": "king", "content": ""}]}, "messages[0].role"),
        ({"model": "m", "messages": [{"role": "user"}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"model": "m", "messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}]},
            "messages[0].tool_calls[0].function.name",
        ),
        ({"model": "m", "messages": MESSAGES, "temperature": "hot"}, "temperature"),
        ({"model": "m", "messages": MESSAGES, "max_tokens": 0}, "max_tokens"),
        ({"model": "m", "messages": MESSAGES, "n": True}, "n"),
        ({"model": "m", "messages": MESSAGES, "stream": "yes"}, "stream"),
        ({"model": "m", "messages": MESSAGES, "stop": 1}, "stop"),
        ({"model": "m", "messages": MESSAGES, "tools": {}}, "tools"),
        ({"model": "m", "messages": MESSAGES, "metadata": []}, "metadata"),
        ({"model": "m", "messages": MESSAGES, "stream_options": []}, "stream_options"),
        ({"model": "m", "messages": MESSAGES, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    ],
)
def test_a_malformed_request_names_its_field(body, field):
    with pytest.raises(RequestError) as caught:
        ChatRequest.parse(json.dumps(body).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"model":"m","model":"m"}',
        b'{"model":NaN}',
        b'{"model":1e999}',
        b'{"model":-Infinity}',
        b'{"model":"\\ud800"}',
        b'{"\\udc00":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1),
        b"[" + b"1," * JSON_VALUES_MAX + b"1]",
        b" " * (JSON_BYTES_MAX + 1),
    ],
    ids=lambda data: repr(data[:16]),
)
def test_json_that_two_parsers_could_read_differently_is_refused(data):
    with pytest.raises(RequestError) as caught:
        ChatRequest.parse(data)
    assert caught.value.field == "body"


def test_depth_and_size_at_the_bound_are_read():
    inner = JSON_DEPTH_MAX - 1
    data = b'{"model":"m","messages":[{"role":"user","content":"x"}],"x":' + b"[" * inner + b"]" * inner + b"}"
    assert ChatRequest.parse(data + b" " * (JSON_BYTES_MAX - len(data))).model == "m"


def test_neither_a_request_nor_a_text_shows_its_words_in_repr():
    secret = "hunter2"
    request = ChatRequest.parse({"model": "m", "messages": [{"role": "user", "content": secret}]})
    assert secret not in repr(request)
    assert secret not in repr(request.texts())
    assert request.texts() == (TextPart(("messages", 0, "content"), secret, "user"),)
