"""Ollama's API: requests turned into chats, answers turned back, and every way to fail in Ollama's shape."""

import json
from typing import Any

import pytest

from node.api.ollama_request import OllamaAsk, chat_of, generate_of
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError, OfferRefusal, Refusal, RefusedError, RequestError
from protocol.terms import Tier
from tests.api_edge import INFERENCE_KEY, Edge, Reply, edge
from tests.unit.test_api_chat import ISLANDRUN_HEADERS, failing, playing

BODY: dict[str, Any] = {"model": "home/smollm2", "messages": [{"role": "user", "content": "hi"}]}
CREATED = "2023-11-14T22:13:20Z"
LOOK = {"function": {"name": "look", "arguments": {"city": "Oslo"}}}


def chat(**members: Any) -> OllamaAsk:
    return chat_of(json.dumps(BODY | members).encode())


def generate(**members: Any) -> OllamaAsk:
    return generate_of(json.dumps({"model": "m", "prompt": "Say hi."} | members).encode())


def turned(ask: OllamaAsk) -> dict[str, Any]:
    assert ask.chat is not None
    return dict(ask.chat.body)


def lines(reply: Reply) -> list[Any]:
    *whole, rest = reply.body.split(b"\n")
    assert rest == b""
    return [json.loads(line) for line in whole]


async def post(at: Edge, path: str = "/api/chat", **members: Any) -> Reply:
    return await at.exchange(at.post(path, json.dumps(members).encode()))


def test_a_chat_becomes_the_chat_that_means_the_same() -> None:
    body = turned(
        chat(
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [LOOK]},
                {"role": "tool", "tool_name": "look", "content": "rain"},
            ],
            options={"num_predict": 9, "temperature": 0.5, "top_p": 1, "top_k": 3, "seed": 7, "stop": ["END"]},
            format={"type": "object"},
            tools=[{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
            keep_alive="5m",
        )
    )
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"city":"Oslo"}'}}
    assert body == {
        "model": "home/smollm2",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ],
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 3,
        "seed": 7,
        "stop": ["END"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
    }


def test_results_of_tools_go_to_the_calls_that_they_are_of() -> None:
    read = {"id": "r1", "function": {"name": "read", "arguments": {}}}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [LOOK, read, LOOK]},
        {"role": "tool", "tool_call_id": "r1", "content": "2"},
        {"role": "tool", "tool_name": "look", "content": "1"},
        {"role": "tool", "content": "3"},
    ]
    answered = [(m["tool_call_id"], m["content"]) for m in turned(chat(messages=messages))["messages"][2:]]
    assert answered == [("r1", "2"), ("call_1", "1"), ("call_3", "3")]


def test_a_prompt_becomes_a_chat_of_one_message() -> None:
    ask = generate(system="Be brief.", stream=False, format="json", options={"num_predict": -1, "stop": "END"})
    assert not ask.stream
    assert turned(ask) == {
        "model": "m",
        "stream": False,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hi."}],
        "stop": ["END"],
        "response_format": {"type": "json_object"},
    }


@pytest.mark.parametrize(
    "ask", [chat(messages=[{"role": "user", "content": "?", "images": ["iVBORw0K"]}]), generate(images=["iVBORw0K"])]
)
def test_an_image_becomes_an_image_that_nobody_can_read(ask: OllamaAsk) -> None:
    assert ask.chat is not None
    assert ask.chat.unreadable()
    assert turned(ask)["messages"][0]["content"][1]["image_url"] == {"url": "data:image/png;base64,iVBORw0K"}


def test_what_only_tells_ollama_how_to_load_or_to_cut_changes_nothing() -> None:
    of_loading = {"num_ctx": 8192, "num_gpu": 1, "num_keep": 4, "use_mmap": True, "mirostat": 0, "mirostat_tau": 5.0}
    hints = {"keep_alive": -1, "truncate": True, "shift": False, "format": "", "tools": []}
    assert turned(chat(options=of_loading, **hints)) == turned(chat())


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"prompt": "x"}, "body"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "owner", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x", "file": "y"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "x", "images": [7]}]}, "messages[0].images"),
        ({"messages": [{"role": "system", "content": "x", "images": ["aaaa"]}]}, "messages[0].images"),
        ({"messages": [{"role": "tool", "tool_name": "look", "content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [LOOK]}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}, "messages[0].tool_calls[0]"),
        ({"stream": "yes"}, "stream"),
        ({"think": "high"}, "think"),
        ({"logprobs": True}, "logprobs"),
        ({"format": "yaml"}, "format"),
        ({"options": []}, "options"),
        ({"options": {"wings": 2}}, "options"),
        ({"options": {"repeat_last_n": 64}}, "options"),
        ({"options": {"mirostat": 2}}, "options.mirostat"),
        ({"options": {"temperature": "hot"}}, "options.temperature"),
        ({"options": {"seed": 1.5}}, "options.seed"),
        ({"options": {"num_predict": 0}}, "options.num_predict"),
        ({"options": {"stop": [7]}}, "options.stop"),
    ],
)
def test_what_a_chat_cannot_be_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        chat(**members)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"raw": True}, "raw"),
        ({"template": "{{ .Prompt }}"}, "template"),
        ({"suffix": "}"}, "suffix"),
        ({"context": [1, 2]}, "context"),
        ({"prompt": ["hi"]}, "prompt"),
        ({"images": "aaaa"}, "images"),
        ({"messages": []}, "body"),
    ],
)
def test_what_a_prompt_cannot_be_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        generate(**members)
    assert caught.value.field == field


async def test_a_chat_streams_unless_asked_not_to_and_ends_with_what_it_took() -> None:
    async with edge() as at:
        reply = await post(at, **BODY)
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert ISLANDRUN_HEADERS.items() <= reply.headers.items()
    *pieces, last = lines(reply)
    head = {"model": "smollm2", "created_at": CREATED}
    assert pieces == [
        {**head, "message": {"role": "assistant", "content": text}, "done": False} for text in ("Hello", ", Ada")
    ]
    assert last == {
        **head,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 7,
        "prompt_eval_duration": 0,
        "eval_count": 3,
        "eval_duration": 0,
    }


@pytest.mark.parametrize(
    ("path", "asked", "member"),
    [
        ("/api/chat", {"messages": BODY["messages"]}, {"message": {"role": "assistant", "content": "Hello, Ada"}}),
        ("/api/generate", {"prompt": "hi"}, {"response": "Hello, Ada"}),
    ],
)
async def test_a_whole_answer_is_one_object(path: str, asked: dict[str, Any], member: dict[str, Any]) -> None:
    async with edge() as at:
        reply = await post(at, path, model="home/smollm2", stream=False, **asked)
    assert reply.headers["content-type"] == "application/json"
    assert ISLANDRUN_HEADERS.items() <= reply.headers.items()
    body = json.loads(reply.body)
    assert member.items() <= body.items()
    assert (body["done"], body["done_reason"], body["eval_count"]) == (True, "stop", 3)


async def test_a_generated_text_streams() -> None:
    async with edge() as at:
        reply = await post(at, "/api/generate", model="auto", prompt="hi")
    assert [line["response"] for line in lines(reply)] == ["Hello", ", Ada", ""]


PIECES = (
    Delta("", b'{"reasoning_content":"Hm."}'),
    Delta("Looking."),
    Delta("", b'{"tool_calls":[{"index":0,"id":"c1","function":{"name":"look","arguments":"{\\"city\\":"}}]}'),
    Delta("", b'{"tool_calls":[{"index":0,"function":{"arguments":"\\"Oslo\\"}"}}]}'),
    Finished("tool_calls", 1, 2),
)
CALLED = [{"id": "c1", "function": {"name": "look", "arguments": {"city": "Oslo"}}}]


@pytest.mark.parametrize(("think", "thought"), [(None, ["Hm."]), (True, ["Hm."]), (False, [])])
async def test_thinking_and_whole_calls_of_tools_are_told(think: bool | None, thought: list[str]) -> None:
    async with edge(playing(*PIECES)) as at:
        streamed = lines(await post(at, **BODY, think=think))
        whole = json.loads((await post(at, **BODY, think=think, stream=False)).body)
    assert [line["message"]["thinking"] for line in streamed if "thinking" in line["message"]] == thought
    assert [line["message"]["tool_calls"] for line in streamed if "tool_calls" in line["message"]] == [CALLED]
    assert streamed[-1]["done_reason"] == "stop"
    message = {"role": "assistant", "content": "Looking.", "tool_calls": CALLED}
    assert whole["message"] == message | ({"thinking": thought[0]} if thought else {})


async def test_arguments_that_are_no_object_cut_the_answer() -> None:
    bad = Delta("", b'{"tool_calls":[{"index":0,"id":"c1","function":{"name":"look","arguments":"[1]"}}]}')
    async with edge(playing(bad, Finished("tool_calls", 1, 2))) as at:
        reply = await post(at, **BODY, stream=False)
    assert (reply.status, json.loads(reply.body)["code"]) == (502, "answer_malformed")


async def test_a_request_without_messages_loads_and_runs_nothing() -> None:
    async with edge() as at:
        loaded = await post(at, model="home/smollm2")
        unloaded = await post(at, "/api/generate", model="home/smollm2", keep_alive=0)
        unknown = await post(at, model="gpt-99")
        assert at.execution.orders == []
    body = json.loads(loaded.body)
    assert (body["done"], body["done_reason"]) == (True, "load")
    assert body["message"] == {"role": "assistant", "content": ""}
    assert json.loads(unloaded.body)["done_reason"] == "unload"
    assert (unknown.status, json.loads(unknown.body)["code"]) == (404, "model_not_found")


async def test_a_name_may_carry_the_tag_that_ollama_puts_there() -> None:
    async with edge() as at:
        for name in ("home/smollm2:latest", "home/smollm2", "auto:latest", "other:7b", "auto@papers"):
            await post(at, **BODY | {"model": name}, stream=False)
        asked = [order.request.model for order in at.execution.orders]
    assert asked == ["home/smollm2", "home/smollm2", "auto", "other:7b", "auto@papers"]


async def test_tags_show_and_version_answer_an_inference_key() -> None:
    async with edge() as at:
        tags = json.loads((await at.get("/api/tags", key=INFERENCE_KEY)).body)
        version = json.loads((await at.get("/api/version", key=INFERENCE_KEY)).body)
        shown = json.loads((await post(at, "/api/show", model="home/smollm2")).body)
        unknown = await post(at, "/api/show", model="gpt-99")
    assert [model["model"] for model in tags["models"]] == ["auto", "home/smollm2"]
    assert tags["models"][1]["modified_at"] == "1970-01-01T00:00:01Z"
    assert tuple(map(int, version["version"].split("."))) >= (0, 6, 4)
    assert shown["capabilities"] == ["completion"]
    assert unknown.status == 404


async def test_errors_have_ollamas_shape_and_our_status_and_reasons() -> None:
    reason = Refusal("privacy", "clearance_below_sensitivity", "restricted")
    refused = RefusedError(
        "no_eligible_island", "nobody may", reachable=True, offers=(OfferRefusal("cloud/large", Tier.CLOUD, (reason,)),)
    )
    async with edge(failing(refused)) as at:
        reply = await post(at, **BODY)
        malformed = await post(at, model="m", messages=[], raw=True)
        unknown_key = await at.exchange(at.post("/api/chat", json.dumps(BODY).encode(), key="wrong"))
    body = json.loads(reply.body)
    assert (reply.status, reply.headers["content-type"]) == (403, "application/json")
    assert body["error"] == str(refused)
    assert body["code"] == "no_eligible_island"
    assert body["islandrun"][0]["offer"] == "cloud/large"
    assert body["islandrun"][0]["reasons"][0]["code"] == "clearance_below_sensitivity"
    assert malformed.status == 400
    assert unknown_key.status == 401
    assert isinstance(json.loads(unknown_key.body)["error"], str)


async def test_a_cut_stream_ends_with_an_error_and_never_with_done() -> None:
    cut = CutAnswerError("cut", "it broke", should_retry=False)
    async with edge(playing(Delta("Hel"), error=cut)) as at:
        reply = await post(at, **BODY)
    first, last = lines(reply)
    assert not reply.whole
    assert first["message"]["content"] == "Hel"
    assert isinstance(last["error"], str)
    assert "done" not in last
