"""Chat completions, completions and models: the forms, the headers, and every way to fail."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from node.api.ports import Order, Sink
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import (
    BackendError,
    BackendFailure,
    CutAnswerError,
    OfferRefusal,
    Refusal,
    RefusedError,
    RequestError,
)
from protocol.terms import Tier
from tests.api_edge import INFERENCE_KEY, QUESTION, ROUTE, Edge, Reply, Script, edge

CHAT = "/v1/chat/completions"


def question(**members: Any) -> bytes:
    return json.dumps(json.loads(QUESTION) | members).encode()


def playing(*events: AnswerEvent, error: Exception | None = None) -> Script:
    async def script(order: Order, sink: Sink) -> None:
        await sink.started(ROUTE)
        for event in events:
            await sink.event(event)
        if error is not None:
            raise error

    return script


def failing(error: Exception) -> Script:
    async def script(order: Order, sink: Sink) -> None:
        raise error

    return script


def events(reply: Reply) -> list[Any]:
    lines = reply.body.decode().split("\n\n")
    assert lines.pop() == ""
    return [data if data == "[DONE]" else json.loads(data) for data in (line.removeprefix("data: ") for line in lines)]


async def ask(at: Edge, body: bytes = QUESTION, *headers: str, path: str = CHAT) -> Reply:
    return await at.exchange(at.post(path, body, *headers))


ISLANDRUN_HEADERS = {
    "x-islandrun-island": "home",
    "x-islandrun-tier": "edge",
    "x-islandrun-sanitized": "true",
    "x-islandrun-sensitivity": "confidential",
    "x-islandrun-decision": "d1",
    "x-islandrun-cost": "0.0015",
}


async def test_whole_answer_has_openais_form_and_tells_who_answered() -> None:
    async with edge() as at:
        reply = await ask(at)
    assert reply.status == 200
    assert ISLANDRUN_HEADERS.items() <= reply.headers.items()
    assert json.loads(reply.body) == {
        "id": "chatcmpl-d1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "smollm2",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello, Ada", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 2},
        },
    }


async def test_stream_has_role_pieces_reason_and_done_and_tells_who_answers() -> None:
    async with edge() as at:
        reply = await ask(at, question(stream=True))
    assert reply.headers["content-type"] == "text/event-stream"
    assert ISLANDRUN_HEADERS.items() <= reply.headers.items()
    *chunks, done = events(reply)
    assert done == "[DONE]"
    assert {(chunk["id"], chunk["object"], chunk["model"]) for chunk in chunks} == {
        ("chatcmpl-d1", "chat.completion.chunk", "smollm2")
    }
    assert [(chunk["choices"][0]["delta"], chunk["choices"][0]["finish_reason"]) for chunk in chunks] == [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hello"}, None),
        ({"content": ", Ada"}, None),
        ({}, "stop"),
    ]
    assert all("usage" not in chunk for chunk in chunks)


async def test_stream_counts_tokens_when_asked() -> None:
    async with edge() as at:
        reply = await ask(at, question(stream=True, stream_options={"include_usage": True}))
    *chunks, last, done = events(reply)
    assert done == "[DONE]"
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 10


CALLS = (
    Delta("", b'{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"look","arguments":""}}]}'),
    Delta("", b'{"tool_calls":[{"index":0,"function":{"arguments":"{\\"a\\":"}}]}'),
    Delta("", b'{"tool_calls":[{"index":0,"function":{"arguments":"1}"}}],"reasoning_content":"hm"}'),
    Delta(
        "", b'{"tool_calls":[{"index":1,"id":"c2","function":{"name":"go","arguments":"{}"}}],"reasoning_content":"m"}'
    ),
    Finished("tool_calls", 1, 1),
)


async def test_tool_calls_are_passed_on_in_pieces_and_put_together_in_a_whole_answer() -> None:
    async with edge(playing(*CALLS)) as at:
        pieces = [chunk["choices"][0]["delta"] for chunk in events(await ask(at, question(stream=True)))[1:-2]]
        assert pieces == [json.loads(call.extra) for call in CALLS if isinstance(call, Delta)]
        choice = json.loads((await ask(at)).body)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "reasoning_content": "hmm",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "go", "arguments": "{}"}},
        ],
    }


async def test_several_choices_are_told_apart_by_index() -> None:
    script = playing(Delta("a", index=0), Delta("b", index=1), Delta("c", index=1), Finished("length", 1, 3))
    async with edge(script) as at:
        whole = json.loads((await ask(at, question(n=2))).body)["choices"]
        assert [(each["index"], each["message"]["content"], each["finish_reason"]) for each in whole] == [
            (0, "a", "length"),
            (1, "bc", "length"),
        ]
        chunks = [chunk["choices"][0] for chunk in events(await ask(at, question(n=2, stream=True)))[:-1]]
        assert [chunk["index"] for chunk in chunks] == [0, 1, 0, 1, 1, 0, 1]


@pytest.mark.parametrize("stream", [False, True])
async def test_answer_without_a_piece_is_whole_too(stream: bool) -> None:
    async with edge(playing(Finished("stop", 1, 0))) as at:
        reply = await ask(at, question(stream=stream))
    assert reply.status == 200 and reply.whole
    assert not stream or events(reply)[-1] == "[DONE]"


REFUSED = RefusedError(
    "no_eligible_island",
    "no island may answer this",
    reachable=True,
    should_retry=False,
    offers=[OfferRefusal("office/m", "edge", (Refusal("privacy", "clearance_below_sensitivity", "restricted"),))],
)
FAILURES: Sequence[tuple[Exception, int, str, str | None]] = (
    (REFUSED, 403, "no_eligible_island", "false"),
    (RefusedError("no_eligible_island", "nothing reachable", reachable=False), 503, "no_eligible_island", None),
    (RefusedError("model_not_found", "no such model", reachable=True, status=404), 404, "model_not_found", None),
    (
        RefusedError("duplicate", "sent before", reachable=True, should_retry=False, status=409),
        409,
        "duplicate",
        "false",
    ),
    (BackendError(BackendFailure.REFUSED, "backend_refused", "400"), 502, "backend_refused", None),
    (BackendError(BackendFailure.AMBIGUOUS, "time_out", "no answer"), 502, "time_out", "false"),
    (RequestError("tools[0]", "expected an object"), 400, "invalid_request", None),
)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("error", "status", "code", "retry"), FAILURES)
async def test_failure_before_the_first_piece_has_its_own_status(
    error: Exception, status: int, code: str, retry: str | None, stream: bool
) -> None:
    async with edge(failing(error)) as at:
        reply = await ask(at, question(stream=stream))
    assert (reply.status, reply.whole) == (status, True)
    told = json.loads(reply.body)["error"]
    assert told["code"] == code
    assert {"message", "type", "param", "code"} <= told.keys()
    assert reply.headers.get("x-should-retry") == retry


async def test_refusal_carries_its_decision_so_that_it_can_be_explained_afterwards() -> None:
    async def script(order: Order, sink: Sink) -> None:
        sink.decided("d9")
        raise REFUSED

    async with edge(script) as at:
        for stream in (False, True):
            reply = await ask(at, question(stream=stream))
            assert (reply.status, reply.headers["x-islandrun-decision"]) == (403, "d9")


async def test_refusal_names_the_reasons_offer_by_offer() -> None:
    async with edge(failing(REFUSED)) as at:
        told = json.loads((await ask(at)).body)["error"]
    assert told["islandrun"] == [
        {
            "offer": "office/m",
            "tier": "edge",
            "reasons": [{"agent": "privacy", "code": "clearance_below_sensitivity", "detail": "restricted"}],
        }
    ]


CUTS: Sequence[Script] = (
    playing(Delta("Hel"), error=CutAnswerError("peer_gone", "the island went away")),
    playing(Delta("Hel"), error=BackendError(BackendFailure.AMBIGUOUS, "reset", "gone")),
    playing(Delta("Hel"), error=RuntimeError("a mistake")),
    playing(Delta("Hel"), Finished("stop", 1, 1), error=CutAnswerError("bad_end", "the seal of the end was wrong")),
    playing(Delta("Hel")),
    playing(Delta("Hel"), Delta("", b"[1]")),
    playing(Delta("Hel"), Delta("", b"rubbish")),
)


TEXT_CUTS = CUTS[:-2]  # a completion has no members beside its text


@pytest.mark.parametrize(
    ("path", "script"), [*((CHAT, cut) for cut in CUTS), *(("/v1/completions", cut) for cut in TEXT_CUTS)]
)
async def test_cut_stream_ends_with_an_error_and_without_done_or_proper_end(script: Script, path: str) -> None:
    body = question(stream=True) if path == CHAT else b'{"model":"auto","prompt":"hi","stream":true}'
    async with edge(script) as at:
        reply = await ask(at, body, path=path)
    assert (reply.status, reply.whole) == (200, False)
    assert b"[DONE]" not in reply.body and b'"finish_reason":"stop"' not in reply.body
    assert "error" in events(reply)[-1]


@pytest.mark.parametrize("script", CUTS)
async def test_cut_answer_that_is_not_streamed_is_an_error(script: Script) -> None:
    async with edge(script) as at:
        reply = await ask(at)
    assert reply.status in (500, 502)
    assert b"Hel" not in reply.body


async def test_headers_that_tighten_reach_the_order() -> None:
    async with edge() as at:
        await ask(
            at,
            QUESTION,
            "x-islandrun-max-tier: edge",
            "x-islandrun-max-cost: 0.002",
            "x-islandrun-policy: strict",
            "x-islandrun-conversation: c-1",
            "Idempotency-Key: 7f",
        )
        order = at.execution.orders[0]
    assert (order.max_tier, order.max_cost, order.policy) == (Tier.EDGE, 2_000_000, "strict")
    assert (order.conversation, order.idempotency_key) == ("c-1", "7f")


@pytest.mark.parametrize(
    ("header", "param"),
    [
        ("x-islandrun-max-tier: Edge", "x-islandrun-max-tier"),
        ("x-islandrun-max-tier:", "x-islandrun-max-tier"),
        ("x-islandrun-max-tier: edge\r\nx-islandrun-max-tier: cloud", "x-islandrun-max-tier"),
        ("x-islandrun-max-cost: -1", "x-islandrun-max-cost"),
        ("x-islandrun-max-cost: 1e3", "x-islandrun-max-cost"),
        ("x-islandrun-max-cost: nan", "x-islandrun-max-cost"),
        ("x-islandrun-max-cost: 0.0000000001", "x-islandrun-max-cost"),
        ("x-islandrun-policy: ../etc", "x-islandrun-policy"),
        ("x-islandrun-conversation: a b", "x-islandrun-conversation"),
        ("x-islandrun-conversation: \xe9", "x-islandrun-conversation"),
        ("Idempotency-Key: a b", "idempotency-key"),
        ("x-islandrun-maxtier: personal", "x-islandrun-*"),
    ],
)
async def test_header_that_is_not_understood_is_refused_by_name(header: str, param: str) -> None:
    async with edge() as at:
        reply = await ask(at, QUESTION, header)
        assert (reply.status, json.loads(reply.body)["error"]["param"]) == (400, param)
        assert at.execution.orders == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model":"auto"}', b'{"model":"auto","model":"b","messages":[]}'])
async def test_bad_request_is_refused_with_the_member_named(body: bytes) -> None:
    async with edge() as at:
        reply = await ask(at, body)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"]


async def test_models_are_listed_and_found_by_name() -> None:
    async with edge() as at:
        listed = json.loads((await at.get("/v1/models", key=INFERENCE_KEY)).body)
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["auto", "home/smollm2"]
        for path in ("/v1/models/home/smollm2", "/v1/models/home%2Fsmollm2"):
            found = json.loads((await at.get(path, key=INFERENCE_KEY)).body)
            assert found == {"id": "home/smollm2", "object": "model", "created": 1, "owned_by": "home"}
        missing = await at.get("/v1/models/none", key=INFERENCE_KEY)
        assert (missing.status, json.loads(missing.body)["error"]["code"]) == (404, "model_not_found")


async def test_completion_is_a_chat_of_one_message() -> None:
    body = b'{"model":"auto","prompt":["Say hello"],"max_tokens":5,"logprobs":null,"echo":false}'
    async with edge() as at:
        reply = json.loads((await ask(at, body, path="/v1/completions")).body)
        request = at.execution.orders[0].request
        assert dict(request.body)["messages"] == [{"role": "user", "content": "Say hello"}]
        assert request.max_output_tokens == 5
        assert (reply["object"], reply["choices"][0]["text"]) == ("text_completion", "Hello, Ada")
        options = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = events(
            await ask(at, json.dumps({"model": "a", "prompt": "b"} | options).encode(), path="/v1/completions")
        )
    assert [each["choices"][0]["text"] for each in streamed[:-2]] == ["Hello", ", Ada", ""]
    assert streamed[-3]["choices"][0]["finish_reason"] == "stop"
    assert streamed[-2]["usage"]["total_tokens"] == 10
    assert streamed[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("member", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"suffix": "x"}, "suffix"),
        ({"echo": True}, "echo"),
        ({"best_of": 2}, "best_of"),
        ({"logprobs": 1}, "logprobs"),
        ({"messages": []}, "messages"),
    ],
)
async def test_completion_that_a_chat_cannot_give_is_refused(member: dict[str, Any], param: str) -> None:
    async with edge() as at:
        body = json.dumps({"model": "auto", "prompt": "a"} | member).encode()
        reply = await ask(at, body, path="/v1/completions")
    assert (reply.status, json.loads(reply.body)["error"]["param"]) == (400, param)


async def test_name_that_no_header_can_carry_is_escaped() -> None:
    async def script(order: Order, sink: Sink) -> None:
        await sink.started(replace(ROUTE, island="Zoë\r\nx-evil: 100%"))
        await sink.event(Finished("stop", 1, 1))

    async with edge(script) as at:
        reply = await ask(at)
    assert reply.headers["x-islandrun-island"] == "Zo%C3%AB%0D%0Ax-evil: 100%25"
    assert "x-evil" not in reply.headers


async def test_a_request_names_a_collection_beside_its_model_and_the_member_goes_no_further() -> None:
    async with edge() as at:
        reply = await ask(at, question(model="small", islandrun={"collection": "papers"}))
        assert reply.status == 200
        (order,) = at.execution.orders
        assert (order.collection, order.request.model) == ("papers", "small")
        assert "islandrun" not in order.request.body
        assert "papers" not in order.request.to_json().decode()
        assert not any("islandrun" in part.text or "papers" in part.text for part in order.request.texts())


async def test_the_same_question_to_another_collection_is_not_the_same_order() -> None:
    async with edge() as at:
        for member in ({}, {"islandrun": {"collection": "papers"}}, {"islandrun": {"collection": "letters"}}):
            assert (await ask(at, question(**member))).status == 200
        assert len({order.content for order in at.execution.orders}) == 3


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"islandrun": None}, "islandrun"),
        ({"islandrun": []}, "islandrun"),
        ({"islandrun": {"collection": "papers", "max_tier": "edge"}}, "islandrun.*"),
        ({"islandrun": {"colection": "papers"}}, "islandrun.*"),
        ({"islandrun": {}}, "islandrun.collection"),
        ({"islandrun": {"collection": None}}, "islandrun.collection"),
        ({"islandrun": {"collection": "../papers"}}, "islandrun.collection"),
        ({"islandrun": {"collection": "p" * 65}}, "islandrun.collection"),
        ({"islandrun": {"collection": "papers"}, "model": "auto@letters"}, "islandrun.collection"),
    ],
)
async def test_a_member_of_ours_that_is_not_understood_is_refused_by_its_name(
    members: dict[str, Any], param: str
) -> None:
    async with edge() as at:
        reply = await ask(at, question(**members))
        assert (reply.status, json.loads(reply.body)["error"]["param"]) == (400, param)
        assert not at.execution.orders
