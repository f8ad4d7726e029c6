"""What the design's sections 1 to 3 promise at the HTTP edge, sentence by sentence."""

import json
import logging
from typing import Any

import pytest
import trio

from node.api.orders import usd_text
from node.api.ports import Order, Sink
from protocol.answers import Delta
from protocol.errors import CutAnswerError, OfferRefusal, Refusal, RefusedError
from protocol.terms import NANO_USD_PER_USD
from tests.api_edge import INFERENCE_KEY, OWNER_KEY, QUESTION, ROUTE, Reply, edge
from tests.unit.test_api_chat import failing, playing

CHAT = "/v1/chat/completions"
STREAMED = QUESTION[:-1] + b',"stream":true}'


def told(reply: Reply) -> Any:
    return json.loads(reply.body)["error"]


async def test_with_no_feasible_offer_the_answer_is_a_clear_error_that_names_island_by_island_what_failed() -> None:
    offers = [
        OfferRefusal("home/m", "personal", (Refusal("resources", "no_free_slot", "busy"),)),
        OfferRefusal(
            "cloud/m",
            "cloud",
            (Refusal("privacy", "clearance_below_sensitivity", "restricted"), Refusal("cost", "over_cap", "0.02 USD")),
        ),
    ]
    error = RefusedError("no_eligible_island", "no island may answer this", reachable=True, offers=offers)
    async with edge(failing(error)) as at:
        reply = await at.exchange(at.post(CHAT))
    assert reply.status == 403
    assert told(reply)["code"] == "no_eligible_island"
    reasons = {each["offer"]: [reason["code"] for reason in each["reasons"]] for each in told(reply)["islandrun"]}
    assert reasons == {"home/m": ["no_free_slot"], "cloud/m": ["clearance_below_sensitivity", "over_cap"]}


async def test_nothing_reachable_is_told_apart_from_nothing_allowed() -> None:
    async with edge(failing(RefusedError("no_eligible_island", "nothing answers", reachable=False))) as at:
        assert (await at.exchange(at.post(CHAT))).status == 503


async def test_a_cut_answer_is_never_passed_off_as_a_whole_one() -> None:
    cut = playing(Delta("half"), error=CutAnswerError("peer_gone", "the island went away"))
    async with edge(cut) as at:
        streamed = await at.exchange(at.post(CHAT, STREAMED))
        whole = await at.exchange(at.post(CHAT))
    assert not streamed.whole
    assert b'"error"' in streamed.body and b"[DONE]" not in streamed.body
    assert whole.status == 502 and b"half" not in whole.body


@pytest.mark.parametrize("status", [409, 503])
async def test_the_error_and_the_409_carry_x_should_retry_false(status: int) -> None:
    error = RefusedError("ambiguous", "it may have been paid", reachable=True, should_retry=False, status=status)
    async with edge(failing(error)) as at:
        reply = await at.exchange(at.post(CHAT))
    assert (reply.status, reply.headers["x-should-retry"]) == (status, "false")


@pytest.mark.parametrize("body", [QUESTION, STREAMED])
async def test_a_client_that_disconnects_cancels_everything_behind_it_within_a_second(body: bytes) -> None:
    began, cancelled = trio.Event(), trio.Event()

    async def behind() -> None:
        began.set()
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async def script(order: Order, sink: Sink) -> None:
        await sink.started(ROUTE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(behind)

    async with edge(script) as at:
        stream = await at.connect()
        await stream.send_all(at.post(CHAT, body))
        await began.wait()
        await stream.aclose()
        with trio.fail_after(1):
            await cancelled.wait()


async def test_a_conversation_is_what_the_request_carries_unless_a_header_names_a_lasting_one() -> None:
    async with edge() as at:
        async with await at.connect() as stream:
            await stream.send_all(at.post(CHAT) + at.post(CHAT, QUESTION, "x-islandrun-conversation: diary"))
            while len(at.execution.orders) < 2:
                await stream.receive_some(1_000)
        assert [order.conversation for order in at.execution.orders] == [None, "diary"]


@pytest.mark.parametrize("usd", ["0", "1", "0.000000001", "0.1", "0.3", "123456.123456789", "999999.999999999"])
async def test_money_is_integers_of_nano_usd_from_the_header_to_the_order_and_back(usd: str) -> None:
    async with edge() as at:
        await at.exchange(at.post(CHAT, QUESTION, f"x-islandrun-max-cost: {usd}"))
        cost = at.execution.orders[0].max_cost
    whole, _, fraction = usd.partition(".")
    assert cost == int(whole) * NANO_USD_PER_USD + int(fraction.ljust(9, "0"))
    assert type(cost) is int
    assert usd_text(cost) == usd


async def test_a_request_may_tighten_policy_never_loosen_it_by_a_header_that_is_misspelt() -> None:
    async with edge() as at:
        for header in ("x-islandrun-max_tier: personal", "x-islandrun-tier: personal", "x-islandrun-max-tier: persnal"):
            assert (await at.exchange(at.post(CHAT, QUESTION, header))).status == 400
        assert at.execution.orders == []


async def test_no_page_of_another_site_and_no_rebound_name_reaches_a_handler() -> None:
    async with edge() as at:
        for key in (INFERENCE_KEY, OWNER_KEY):
            for path in (CHAT, "/api/explain", "/api/revoke"):
                foreign = at.post(path, QUESTION, "Origin: http://evil.example", key=key)
                rebound = at.post(path, QUESTION, key=key).replace(b"Host: 127.0.0.1", b"Host: evil.example")
                form = at.post(path, QUESTION, key=key).replace(b"application/json", b"text/plain")
                assert [(await at.exchange(request)).status for request in (foreign, rebound)] == [403, 421]
                assert (await at.exchange(form)).status in (403, 415)
        assert at.execution.orders == [] and at.management.asked == []


async def test_logs_hold_neither_prompt_nor_key(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(order: Order, sink: Sink) -> None:
        raise ValueError(f"cannot handle {dict(order.request.body)}")

    secret = b'{"model":"auto","messages":[{"role":"user","content":"canary-7431"}]}'
    with caplog.at_level(logging.DEBUG):
        async with edge(crash) as at:
            for body in (secret, secret[:-1], secret[:-1] + b',"stream":true}'):
                reply = await at.exchange(at.post(CHAT, body))
                assert b"canary-7431" not in reply.body
            await at.exchange(at.post(CHAT, secret, key="canary-7431"))
            await at.get("/v1/canary-7431")
    assert "a handler failed" in caplog.text
    assert "canary-7431" not in caplog.text and INFERENCE_KEY not in caplog.text
