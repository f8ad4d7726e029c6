import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.anthropic_answer import MessageReader
from node.backends.anthropic_body import request_body
from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bern"}'}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": SCHEMA}}


def sent(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    request = ChatRequest.parse({"model": "x", "messages": list(messages), **members})
    made: dict[str, Any] = json.loads(request_body(request, "claude", 64))
    return made


def test_chat_becomes_a_message_request() -> None:
    made = sent(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "In German."}]},
        USER,
        {"role": "user", "content": "there"},
        {"role": "assistant", "content": "Hallo", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "t1", "content": "rain"},
        temperature=1.5, top_p=0.9, stop="END", tools=[TOOL], parallel_tool_calls=False, seed=3, max_tokens=9,
    )  # fmt: skip
    assert made == {
        "model": "claude",
        "max_tokens": 64,
        "stream": True,
        "system": "Be brief.\n\nIn German.",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Hallo"},
                    {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Bern"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}]}
                ],
            },
        ],
        "temperature": 1,
        "top_p": 0.9,
        "stop_sequences": ["END"],
        "tools": [{"name": "weather", "description": "d", "input_schema": SCHEMA}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    }


def test_image_goes_as_data_and_never_as_a_url_to_fetch() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    made = sent({"role": "user", "content": [image]})
    assert made["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    ]


@pytest.mark.parametrize(
    ("choice", "made"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choice_has_its_counterpart(choice: Any, made: Any) -> None:
    assert sent(USER, tools=[TOOL], tool_choice=choice)["tool_choice"] == made


@pytest.mark.parametrize(
    "members",
    [
        {"n": 2},
        {"logprobs": True},
        {"response_format": {"type": "json_object"}},
        {"functions": [{"name": "f"}]},
        {"tools": [{"type": "custom"}]},
        {"tools": [TOOL], "tool_choice": "sometimes"},
        {"tools": [TOOL], "tool_choice": {"type": "function"}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "["}}]}]},
        {"messages": [{"role": "function", "name": "f", "content": "x"}]},
    ],
)
def test_what_has_no_counterpart_is_refused_before_anything_is_sent(members: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as raised:
        sent(USER, **members)
    assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "unsupported_parameter")


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"usage": {"input_tokens": 10, **usage}}}


def text(piece: str, index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}


def stop(reason: str) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]


def read(*events: Any) -> tuple[list[Delta], MessageReader]:
    reader = MessageReader()
    return [delta for event in events for delta in reader.feed(event)], reader


def test_text_stream_becomes_deltas_and_one_finished() -> None:
    deltas, reader = read(
        start(cache_read_input_tokens=4, cache_creation_input_tokens=2),
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        text("Hel"),
        text("lo"),
        {"type": "content_block_stop", "index": 0},
        {"type": "something_new"},
        *stop("end_turn"),
    )
    assert deltas == [Delta("Hel"), Delta("lo")]
    assert reader.finish() == Finished("stop", 16, 5, 4)


def test_tool_use_becomes_openai_tool_calls() -> None:
    deltas, reader = read(
        start(),
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t1", "name": "f"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "1}"}},
        *stop("tool_use"),
    )
    calls = [json.loads(delta.extra)["tool_calls"][0] for delta in deltas]
    assert calls[0] == {"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}
    assert "".join(call["function"]["arguments"] for call in calls) == '{"a":1}'
    assert reader.finish().reason == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "ours"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "content_filter")],
)
def test_stop_reason_has_its_counterpart(reason: str, ours: str) -> None:
    assert read(start(), text("x"), *stop(reason))[1].finish().reason == ours


@pytest.mark.parametrize(
    "events", [[start(), text("x")], [start(), text("x"), stop("end_turn")[0]], [start(), *stop("pause_turn")], []]
)
def test_an_answer_without_its_stop_is_cut(events: list[Any]) -> None:
    with pytest.raises(BackendError) as raised:
        read(*events)[1].finish()
    assert (raised.value.failure, raised.value.code) == (BackendFailure.AMBIGUOUS, "cut")


def test_error_event_is_a_failure_without_its_message() -> None:
    with pytest.raises(BackendError) as raised:
        read(start(), {"type": "error", "error": {"type": "overloaded_error", "message": "SECRET"}})
    assert raised.value.code == "provider_error"
    assert "SECRET" not in str(raised.value)


values = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2)
kinds = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "text_delta",
     "tool_use", "input_json_delta", "thinking_delta", "end_turn"]
)  # fmt: skip
names = st.sampled_from(["type", "index", "delta", "message", "usage", "content_block", "text", "stop_reason"])
json_values = st.recursive(values | kinds, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(st.lists(json_values, max_size=5))
def test_any_json_is_an_answer_or_a_backend_error(events: list[Any]) -> None:
    try:
        read(*events)[1].finish()
    except BackendError as error:
        assert error.failure is BackendFailure.AMBIGUOUS
