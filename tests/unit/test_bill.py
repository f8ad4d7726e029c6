"""What a paid answer is booked at: the tokens that the provider reports, as far as they can be."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.agents.table import Offer
from node.bill import ADDED_TOKENS_MAX, Possible, cost_of
from node.ports import Call, Emit
from node.store.ledger import Outcome, Usage
from protocol.answers import Delta, Finished
from protocol.errors import BackendFailure
from protocol.terms import NanoUsd
from tests.offers import offer, paid
from tests.pipelines import KnownNames, Script, a_store, fails, open_node, order, says

PRICED = replace(paid("cloud"), input_price=NanoUsd(3_000_000), output_price=NanoUsd(5_000_000))  # 3 and 5 a token
CACHED = replace(PRICED, cached_input_price=NanoUsd(1_000_000))


def answers(finished: Finished) -> Script:
    async def script(_call: Call, emit: Emit) -> None:
        await emit(Delta("yes"))
        await emit(finished)

    return script


@pytest.mark.parametrize(
    ("row", "counted", "cost"),
    [
        (PRICED, Finished("stop", 100, 10, 40), 350),
        (CACHED, Finished("stop", 100, 10, 40), 60 * 3 + 40 + 50),
        (CACHED, Finished("stop", 100, 10), 350),
        (replace(CACHED, cached_input_price=NanoUsd(0)), Finished("stop", 100, 0, 100), 0),
        (CACHED, Finished("stop", 0, 0), 0),
    ],
)
def test_cached_prompt_tokens_have_their_own_price_where_the_table_has_one(
    row: Offer, counted: Finished, cost: int
) -> None:
    assert cost_of(row, counted) == cost


async def test_what_is_booked_is_what_the_provider_reports_and_the_receipt_holds_it(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        node = await open_node(store, (CACHED, answers(Finished("stop", 100, 10, 40))), names=KnownNames())
        await node.ask(order())
        (receipt,) = await node.receipts()
        assert (receipt.prompt_tokens, receipt.cached_tokens, receipt.completion_tokens) == (100, 40, 10)
        assert (receipt.cost, receipt.usage) == (270, Usage.REPORTED)
        assert node.money.spent_today(node.pipeline.clock()) == 270


async def test_more_tokens_than_can_have_been_are_bounded_and_it_is_noted(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        node = await open_node(store, (CACHED, answers(Finished("stop", 10**12, 10**12, 10**13))), names=KnownNames())
        asked = order()
        await node.ask(asked)
        (receipt,) = await node.receipts()
        most = Possible.of(node.backend(CACHED).calls[0].request, CACHED, 1_024)
        assert most.prompt < 1_000 + ADDED_TOKENS_MAX
        assert most.completion == CACHED.context_tokens
        assert (receipt.prompt_tokens, receipt.completion_tokens) == (most.prompt, most.completion)
        assert receipt.cached_tokens == most.prompt
        assert (receipt.usage, receipt.outcome) == (Usage.BOUNDED, Outcome.ANSWERED)
        assert receipt.cost == node.money.spent_today(node.pipeline.clock()) == most.prompt + most.completion * 5


async def test_tokens_that_nobody_counted_are_noted_as_estimated(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        node = await open_node(store, (CACHED, answers(Finished("stop", 20, 3, estimated=True))), names=KnownNames())
        await node.ask(order())
        assert [one.usage for one in await node.receipts()] == [Usage.ESTIMATED]


async def test_a_receipt_says_why_an_island_that_was_tried_did_not_answer(tmp_path: Path) -> None:
    near, far = offer("home", ttft_s=0.01), offer("den", ttft_s=9.0)
    with a_store(tmp_path) as store:
        rows = (near, fails(BackendFailure.NOT_CONNECTED)), (far, says("yes"))
        node = await open_node(store, *rows, names=KnownNames())
        await node.ask(order())
        (receipt,) = await node.receipts()
    assert receipt.offer == far.name
    assert [(one.offer, [why.code for why in one.reasons]) for one in receipt.refusals] == [(near.name, ["scripted"])]


async def test_more_of_the_cap_is_asked_for_where_it_alone_keeps_a_paid_model_from_answering(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        row = replace(PRICED, provider="cloud", paid_remaining=NanoUsd(0))
        node = await open_node(store, (row, says("yes")), names=KnownNames())
        asked: list[dict[str, int]] = []

        async def supply(needs: object) -> bool:
            asked.append(dict(needs))  # type: ignore[call-overload]
            node.offers.rows = [(replace(row, paid_remaining=NanoUsd(10**9)), node.offers.rows[0][1])]
            await trio.lowlevel.checkpoint()
            return True

        node.pipeline.supply = supply
        sink = await node.ask(order())
        assert sink.text == "yes"
        (needs,) = asked
        (receipt,) = await node.receipts()
        assert list(needs) == ["cloud"]
        assert needs["cloud"] >= 1_024 * 5
        assert receipt.outcome is Outcome.ANSWERED


async def test_no_more_of_the_cap_is_asked_for_where_something_else_refuses(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        row = replace(PRICED, provider="cloud", paid_remaining=NanoUsd(0), alive=False)
        node = await open_node(store, (row, says("yes")), (offer("home"), says("home")), names=KnownNames())

        async def supply(_needs: object) -> bool:
            raise AssertionError("asked")

        node.pipeline.supply = supply
        assert (await node.ask(order())).text == "home"


async def test_a_paid_model_that_only_the_holder_of_the_cap_could_pay_for_is_refused_with_that_reason(
    tmp_path: Path,
) -> None:
    row = replace(PRICED, provider="cloud", paid_remaining=NanoUsd(0), share_away=True)
    with a_store(tmp_path) as store:
        node = await open_node(store, (row, says("yes")), (offer("home"), says("home")), names=KnownNames())
        assert (await node.ask(order())).text == "home"
        (receipt,) = await node.receipts()
    (refusal,) = receipt.refusals
    assert [why.code for why in refusal.reasons if why.agent == "cost"] == ["over_cap", "share_out_of_reach"]
