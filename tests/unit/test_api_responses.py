"""/v1/responses at the edge: its raw events, what goes into an order, and what is handed to be stored."""

import json
from dataclasses import replace
from typing import Any

import pytest

from node.api.ports import Order, Sink
from protocol.answers import Delta, Finished
from protocol.errors import RefusedError
from protocol.terms import Sensitivity
from tests.api_edge import OWNER_KEY, ROUTE, Edge, Reply, edge
from tests.unit.test_api_chat import REFUSED, failing

PATH = "/v1/responses"


async def ask(at: Edge, *headers: str, **members: Any) -> Reply:
    return await at.exchange(at.post(PATH, json.dumps({"model": "auto", "input": "hi", **members}).encode(), *headers))


async def test_events_are_named_and_numbered_and_nothing_follows_the_last() -> None:
    async with edge() as at:
        reply = await ask(at, stream=True)
        assert reply.whole
        assert reply.headers["content-type"] == "text/event-stream"
        assert reply.headers["x-islandrun-tier"] == "edge"
        events = [event.split("\n") for event in reply.body.decode().strip().split("\n\n")]
        for number, (name, data) in enumerate(events):
            value = json.loads(data.removeprefix("data: "))
            assert name == f"event: {value['type']}"
            assert value["sequence_number"] == number
        assert events[-1][0] == "event: response.completed"


async def test_the_id_leads_to_the_decision() -> None:
    async with edge() as at:
        assert json.loads((await ask(at)).body)["id"] == f"resp_{ROUTE.decision_id}"


async def test_an_order_says_what_it_goes_on_from_and_whether_it_is_stored() -> None:
    async with edge() as at:
        first = json.loads((await ask(at, "x-islandrun-conversation: diary")).body)["id"]
        await ask(at, previous_response_id=first, store=False)
        one, other = at.execution.orders
        assert (one.conversation, one.previous, one.stored) == ("diary", None, True)
        assert (other.conversation, other.previous, other.stored) == ("diary", first, False)
        assert [message["content"] for message in other.request.body["messages"]] == ["hi", "Hello, Ada", "hi"]


async def test_a_label_that_the_answer_takes_on_holds_for_what_goes_on_from_it() -> None:
    async def labelled(order: Order, sink: Sink) -> None:
        await sink.started(replace(ROUTE, at_least=max(order.at_least, Sensitivity.CONFIDENTIAL)))
        await sink.event(Delta("of the collection"))
        await sink.event(Finished("stop", 7, 3))

    async with edge(labelled) as at:
        first = json.loads((await ask(at)).body)["id"]
        second = json.loads((await ask(at, previous_response_id=first)).body)["id"]
        await ask(at, previous_response_id=second)
        levels = [order.at_least for order in at.execution.orders]
        assert levels == [Sensitivity.PUBLIC, Sensitivity.CONFIDENTIAL, Sensitivity.CONFIDENTIAL]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_before_the_answer_has_its_own_status(stream: bool) -> None:
    async with edge(failing(REFUSED)) as at:
        reply = await ask(at, stream=stream)
        assert (reply.status, reply.headers["content-type"]) == (403, "application/json")
        assert json.loads(reply.body)["error"]["islandrun"]


async def test_a_mistake_of_ours_in_the_middle_cuts_the_stream_without_a_last_event() -> None:
    async def broken(order: Order, sink: Sink) -> None:
        await sink.started(ROUTE)
        await sink.event(Delta("so far"))
        raise ZeroDivisionError

    async with edge(broken) as at:
        reply = await ask(at, stream=True)
        assert not reply.whole
        assert b"response.completed" not in reply.body
        assert b"internal_error" in reply.body


async def test_an_answer_without_its_end_is_no_response() -> None:
    async def unended(order: Order, sink: Sink) -> None:
        await sink.started(ROUTE)
        await sink.event(Delta("so far"))

    async with edge(unended) as at:
        assert (await ask(at)).status == 502
        assert b"response.failed" in (await ask(at, stream=True)).body


async def test_other_methods_and_paths_below_are_refused() -> None:
    async with edge() as at:
        made = json.loads((await ask(at)).body)["id"]
        for line, status in (
            (f"GET {PATH}/{made}", 200),
            (f"GET {PATH}/{made}?stream=true", 400),
            (f"GET {PATH}/{made}/input_items", 404),
            (f"GET {PATH}/", 404),
            (f"GET {PATH}", 405),
            (f"PUT {PATH}/{made}", 405),
            (f"DELETE {PATH}/{made}", 200),
            (f"DELETE {PATH}/{made}", 404),
        ):
            assert (await at.exchange(at.head(line))).status == status, line


async def test_the_owner_lists_and_removes_conversations_by_name() -> None:
    async with edge() as at:
        assert (await at.get("/api/conversations")).body == b'{"conversations":[]}'
        for line in (
            "DELETE /api/conversations/a%2Fb%3Fc",
            "DELETE /api/conversations/diary?key=app",
            "DELETE /api/conversations",
        ):
            assert (await at.exchange(at.head(line, key=OWNER_KEY))).status == 200
            assert (await at.exchange(at.head(line))).status == 403, "an inference key removes none"
        assert at.management.asked == [
            ("conversations",),
            ("conversation_remove", "a/b?c", None),
            ("conversation_remove", "diary", "app"),
            ("conversations_remove",),
        ]


async def test_an_unknown_model_is_told_as_everywhere() -> None:
    missing = RefusedError("model_not_found", "no such model here", reachable=True, status=404)
    async with edge(failing(missing)) as at:
        assert (await ask(at)).status == 404
