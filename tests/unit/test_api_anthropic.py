"""Anthropic's Messages API: requests turned into chats, answers turned back."""

import json
from typing import Any

import pytest

from node.api.anthropic_request import chat_of
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError, RefusedError, RequestError
from tests.api_edge import INFERENCE_KEY, Reply, edge
from tests.unit.test_api_chat import CALLS, failing, playing

BODY: dict[str, Any] = {"model": "auto", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}


def turned(**members: Any) -> dict[str, Any]:
    return dict(chat_of(json.dumps(BODY | members).encode()).body)


def events(reply: Reply) -> list[tuple[str, Any]]:
    parts = [part.split("\ndata: ") for part in reply.body.decode().removesuffix("\n\n").split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data)) for name, data in parts]


def test_request_becomes_the_chat_that_means_the_same() -> None:
    chat = turned(
        system=[{"type": "text", "text": "Be brief."}],
        messages=[
            {"role": "user", "content": "weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}]},
                    {"type": "text", "text": "so?"},
                ],
            },
        ],
        stop_sequences=["END"],
        tools=[{"name": "look", "description": "d", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        metadata={"user_id": "u"},
    )
    call = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"city":"Oslo"}'}}
    assert chat["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "Looking.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "t1", "content": "rain"},
        {"role": "user", "content": "so?"},
    ]
    function = {"name": "look", "parameters": {"type": "object"}, "description": "d"}
    assert chat["tools"] == [{"type": "function", "function": function}]
    assert (chat["tool_choice"], chat["parallel_tool_calls"]) == ("required", False)
    assert (chat["stop"], chat["max_tokens"]) == (["END"], 9)
    assert "metadata" not in chat


def test_image_becomes_an_image_that_nobody_can_read() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    body = json.dumps(BODY | {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]})
    chat = chat_of(body.encode())
    assert chat.unreadable()
    assert chat.body["messages"][0]["content"][0]["image_url"] == {"url": "data:image/png;base64,AA=="}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"mcp_servers": []}, "body"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "document"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}, "messages[0].content[0].type"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"system": 7}, "system"),
    ],
)
def test_request_that_cannot_be_carried_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        turned(**members)
    assert caught.value.field == field


async def test_whole_answer_has_anthropics_form() -> None:
    script = playing(Delta("Let me"), *CALLS[:3], Finished("tool_calls", 9, 4, 2))
    async with edge(script) as at:
        request = at.post("/v1/messages", json.dumps(BODY).encode(), f"x-api-key: {INFERENCE_KEY}", key=None)
        reply = await at.exchange(request)
    assert reply.headers["x-islandrun-island"] == "home"
    assert json.loads(reply.body) == {
        "id": "msg_d1",
        "type": "message",
        "role": "assistant",
        "model": "smollm2",
        "content": [
            {"type": "text", "text": "Let me"},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 7,
            "output_tokens": 4,
            "cache_read_input_tokens": 2,
            "cache_creation_input_tokens": 0,
        },
    }


async def test_stream_opens_and_closes_each_block_in_turn() -> None:
    async with edge(playing(Delta("Let "), Delta("me"), *CALLS)) as at:
        reply = await at.exchange(at.post("/v1/messages", json.dumps(BODY | {"stream": True}).encode()))
    assert reply.whole
    told = events(reply)
    assert all(name == value["type"] for name, value in told)
    assert [(name, value.get("index")) for name, value in told] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert told[-2][1]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


async def test_cut_stream_ends_with_anthropics_error_event_and_no_message_stop() -> None:
    script = playing(Delta("Hel"), error=CutAnswerError("peer_gone", "went away"))
    async with edge(script) as at:
        reply = await at.exchange(at.post("/v1/messages", json.dumps(BODY | {"stream": True}).encode()))
    name, value = events(reply)[-1]
    assert not reply.whole and b"message_stop" not in reply.body
    assert (name, value["type"], value["error"]["type"]) == ("error", "error", "api_error")


async def test_refusal_has_anthropics_shape_and_the_reasons() -> None:
    async with edge(failing(RefusedError("no_eligible_island", "nobody may", reachable=True))) as at:
        reply = await at.exchange(at.post("/v1/messages", json.dumps(BODY).encode()))
    assert reply.status == 403
    assert json.loads(reply.body) == {"type": "error", "error": {"message": "nobody may", "type": "permission_error"}}
