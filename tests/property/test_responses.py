"""The Responses API on hostile bytes and on any cut of an answer."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.api.responses_output import Output
from node.api.responses_request import ResponseRequest
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError, RequestError
from protocol.strict_json import dump_json

END = Finished("stop", 1, 1)
WORDS = st.sampled_from(
    [
        "message",
        "function_call",
        "function_call_output",
        "reasoning",
        "user",
        "assistant",
        "input_text",
        "refusal",
        "input_image",
        "input_file",
        "output_text",
        "function",
        "json_schema",
        "resp_1",
        "auto",
        "x",
    ]
)
MEMBERS = st.sampled_from(
    [
        "type",
        "role",
        "content",
        "text",
        "refusal",
        "call_id",
        "name",
        "arguments",
        "output",
        "image_url",
        "file_data",
        "format",
        "schema",
        "strict",
        "parameters",
        "effort",
        "id",
        "index",
        "function",
        "x",
    ]
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False, allow_infinity=False), WORDS),
    lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(MEMBERS, below, max_size=5)),
    max_leaves=20,
)
TOP = st.sampled_from(
    [
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "stream",
        "stream_options",
        "store",
        "previous_response_id",
        "metadata",
        "include",
        "temperature",
        "max_output_tokens",
        "truncation",
        "prompt",
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(TOP, JSON, max_size=6), st.one_of(st.just("Hello."), JSON))
def test_any_json_is_a_request_or_refused_with_the_member_named(members: dict[str, Any], input: Any) -> None:
    try:
        request = ResponseRequest.parse(json.dumps({"model": "auto", "input": input, **members}).encode())
    except RequestError as error:
        assert error.field
    else:
        assert request.after(()).body["messages"]
        dump_json(request.echo)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    try:
        ResponseRequest.parse(data)
    except RequestError as error:
        assert error.field


@settings(max_examples=600, deadline=None)
@given(st.lists(st.one_of(JSON, st.fixed_dictionaries({"tool_calls": JSON})), max_size=8))
def test_any_piece_of_a_model_is_taken_or_ends_the_answer_as_cut(pieces: list[Any]) -> None:
    output = Output("d1")
    try:
        for piece in pieces:
            output.feed(Delta("", json.dumps(piece).encode()))
    except CutAnswerError:
        return
    output.finish(END)
    json.dumps([output.items, output.message()])


PIECE = st.one_of(
    st.tuples(st.just("content"), st.text(max_size=5)),
    st.tuples(st.just("refusal"), st.text(max_size=5)),
    st.tuples(st.just("reasoning_content"), st.text(max_size=5)),
    st.tuples(st.sampled_from(["call 0", "call 1", "call 7"]), st.text(max_size=5)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECE, max_size=20))
def test_the_events_put_together_are_the_response_and_nothing_of_the_answer_is_lost(
    pieces: list[tuple[str, str]],
) -> None:
    output = Output("d1")
    events = [event for kind, text in pieces for event in output.feed(delta(kind, text))]
    events += output.finish(END)
    built: list[Any] = []
    for name, members in events:
        at = members["output_index"]
        match name.removeprefix("response."):
            case "output_item.added":
                assert at == len(built)
                built.append(members["item"] | {"text": "", "done": False})
            case "output_item.done":
                assert not built[at]["done"]
                assert members["item"] == output.items[at]
                built[at]["done"] = True
            case other if other.endswith(".delta"):
                assert not built[at]["done"]
                built[at]["text"] += members["delta"]
    assert all(item["done"] for item in built)
    for item, told in zip(output.items, built, strict=True):
        whole = item.get("arguments") if item["type"] == "function_call" else None
        parts = item.get("content", ())
        assert told["text"] == (whole if whole is not None else "".join(p.get("text", p.get("refusal")) for p in parts))
    message = output.message()
    assert (message["content"] or "") == "".join(text for kind, text in pieces if kind == "content")
    said = {f"call {number}": "" for number in (0, 1, 7)}
    for kind, text in pieces:
        if kind in said:
            said[kind] += text
    told_calls = [call["function"]["arguments"] for call in message.get("tool_calls", ())]
    assert sorted(told_calls) == sorted(said[kind] for kind in {kind for kind, _ in pieces} & set(said))


def delta(kind: str, text: str) -> Delta:
    if kind == "content":
        return Delta(text)
    if not kind.startswith("call"):
        return Delta("", dump_json({kind: text}))
    call = {"index": int(kind[5:]), "id": kind, "function": {"name": "", "arguments": text}}
    return Delta("", dump_json({"tool_calls": [call]}))
