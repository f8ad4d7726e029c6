"""Design, sections 1 and 2: a slow unpaid offer gets another unpaid one beside it; nobody else does."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from node.ports import Call, Emit
from node.store.database import Store
from node.store.ledger import Outcome
from protocol.answers import Delta
from protocol.errors import BackendError, BackendFailure, CutAnswerError
from protocol.terms import NanoUsd, Tier
from tests.offers import offer, paid
from tests.pipelines import (
    CLOUD,
    EDGE,
    END,
    OWN,
    KnownNames,
    Node,
    RecordingSink,
    Script,
    a_store,
    fails,
    open_node,
    order,
    pass_time,
    says,
)

SECOND = offer("second", ttft_s=9.0)  # taken after OWN
FREE_CLOUD = paid("gratis", input_price=NanoUsd(0), output_price=NanoUsd(0), quality=0.5, ttft_s=20.0)
PATIENCE_S = 2.0  # of OWN: twice its 0.2 s is less
RESTRICTED = "My mother has diabetes. What may she eat?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


def slow(*pieces: str, until: trio.Event | None = None, seconds: float = PATIENCE_S) -> Script:
    """Is silent so long on the mock clock; then says its pieces once `until` is set, or stays silent."""

    async def script(call: Call, emit: Emit) -> None:
        pass_time(seconds)
        await trio.sleep_forever() if until is None else await until.wait()
        await says(*pieces)(call, emit)

    return script


def hedged(refusals: tuple[object, ...]) -> list[str]:
    return [one.offer for one in refusals if [why.code for why in one.reasons] == ["hedged"]]  # type: ignore[attr-defined]


async def test_a_slow_unpaid_offer_gets_another_beside_it_whose_token_wins_and_is_cancelled_within_a_second(
    store: Store, mock_clock: object
) -> None:
    node = await open_node(store, (OWN, slow("no")), (SECOND, says("hel", "lo")), names=KnownNames())
    began = trio.current_time()
    sink = await node.ask(order())
    assert (sink.text, sink.whole, [route.island for route in sink.routes]) == ("hello", True, ["second"])
    stopped = node.backend(OWN).stopped_at
    assert stopped is not None
    assert stopped - began <= PATIENCE_S + 1
    (receipt,) = await node.receipts()
    assert (receipt.outcome, receipt.island, receipt.cost) == (Outcome.ANSWERED, "second", 0)
    assert hedged(receipt.refusals) == [OWN.name], "whom the text went to is told, also where another answered"


async def test_where_the_first_answers_after_all_the_second_is_cancelled(store: Store, mock_clock: object) -> None:
    asked = trio.Event()

    async def too_late(_call: Call, _emit: Emit) -> None:
        asked.set()
        await trio.sleep_forever()

    node = await open_node(store, (OWN, slow("hel", "lo", until=asked)), (SECOND, too_late), names=KnownNames())
    sink = await node.ask(order())
    assert (sink.text, [route.island for route in sink.routes]) == ("hello", [OWN.island])
    assert node.backend(SECOND).stopped_at is not None
    assert hedged((await node.receipts())[0].refusals) == [SECOND.name]


async def test_nobody_is_asked_beside_an_offer_that_is_quick_enough(store: Store, mock_clock: object) -> None:
    ready = trio.Event()
    ready.set()
    script = slow("yes", until=ready, seconds=PATIENCE_S - 0.1)
    node = await open_node(store, (OWN, script), (SECOND, says("no")), names=KnownNames())
    assert (await node.ask(order())).text == "yes"
    assert node.backend(SECOND).calls == []


async def test_nor_after_the_first_token(store: Store, mock_clock: object) -> None:
    async def begins_and_falters(_call: Call, emit: Emit) -> None:
        await emit(Delta("yes"))
        pass_time(30)
        await trio.testing.wait_all_tasks_blocked()
        await emit(END)

    node = await open_node(store, (OWN, begins_and_falters), (SECOND, says("no")), names=KnownNames())
    assert (await node.ask(order())).text == "yes"
    assert node.backend(SECOND).calls == []


@pytest.mark.parametrize("slow_one", [OWN, replace(CLOUD, quality=0.99, ttft_s=0.01)], ids=["unpaid", "paid"])
async def test_no_paid_offer_is_asked_beside_any_nor_any_beside_a_paid_one(
    store: Store, mock_clock: object, slow_one: object
) -> None:
    other = replace(CLOUD, ttft_s=9.0) if slow_one is OWN else replace(OWN, ttft_s=300.0)
    together = []

    async def is_silent(_call: Call, _emit: Emit) -> None:
        pass_time(30)
        await trio.testing.wait_all_tasks_blocked()
        together.extend(node.backend(other).calls)
        raise BackendError(BackendFailure.NOT_CONNECTED, "gone", "as the test says")

    node = await open_node(store, (slow_one, is_silent), (other, says("yes")), names=KnownNames())  # type: ignore[arg-type]
    assert (await node.ask(order())).text == "yes"
    assert together == []


async def test_nobody_is_asked_beside_another_who_is_not_cleared_for_the_text(store: Store, mock_clock: object) -> None:
    rows = (OWN, slow("no", seconds=70)), (EDGE, says("no")), (FREE_CLOUD, says("no"))
    node = await open_node(store, *rows, (SECOND, says("yes")), names=KnownNames())
    assert (await node.ask(order(RESTRICTED))).text == "yes"
    assert node.backend(EDGE).calls == node.backend(FREE_CLOUD).calls == []


async def test_each_of_two_gets_its_own_form_of_the_text_and_its_answer_is_restored(
    store: Store, mock_clock: object
) -> None:
    async def repeats(call: Call, emit: Emit) -> None:
        await says(call.request.body["messages"][-1]["content"])(call, emit)

    text = "Write to Ada Lovelace at ada@example.org about the meeting."
    node = await open_node(store, (EDGE, slow()), (FREE_CLOUD, repeats), names=KnownNames())
    sink = await node.ask(order(text))
    assert "ada@example.org" in node.backend(EDGE).read
    assert "ada@example.org" not in node.backend(FREE_CLOUD).read
    assert "Lovelace" not in node.backend(FREE_CLOUD).read
    assert sink.text == text
    (route,) = sink.routes
    assert (route.tier, route.sanitized) == (Tier.CLOUD, True)


async def test_who_is_asked_beside_another_and_fails_leaves_the_first_to_go_on(
    store: Store, mock_clock: object
) -> None:
    failed = trio.Event()

    async def fails_at_once(call: Call, emit: Emit) -> None:
        failed.set()
        await fails(BackendFailure.REFUSED)(call, emit)

    node = await open_node(store, (OWN, slow("yes", until=failed)), (SECOND, fails_at_once), names=KnownNames())
    sink = await node.ask(order())
    assert (sink.text, [route.island for route in sink.routes]) == ("yes", [OWN.island])


async def test_an_answer_that_won_and_is_cut_stays_cut(store: Store, mock_clock: object) -> None:
    rows = (OWN, slow("no")), (SECOND, fails(BackendFailure.AMBIGUOUS, 1)), (replace(EDGE, ttft_s=12.0), says("no"))
    node = await open_node(store, *rows, names=KnownNames())
    sink = RecordingSink()
    with pytest.raises(CutAnswerError):
        await node.ask(order(), sink)
    assert (sink.text, sink.whole) == ("piece ", False)
    assert node.backend(EDGE).calls == []


async def test_a_client_that_goes_away_cancels_both_within_a_second(store: Store, mock_clock: object) -> None:
    both = trio.Event()

    async def begins(_call: Call, _emit: Emit) -> None:
        both.set()
        await trio.sleep_forever()

    node = await open_node(store, (OWN, slow()), (SECOND, begins), names=KnownNames())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ask, order())
        await both.wait()
        gone_at = trio.current_time()
        nursery.cancel_scope.cancel()
    stopped = [node.backend(row).stopped_at for row in (OWN, SECOND)]
    assert all(at is not None and at - gone_at <= 1.0 for at in stopped)
    (receipt,) = await node.receipts()
    assert (receipt.outcome, receipt.offer, hedged(receipt.refusals)) == (Outcome.CANCELLED, OWN.name, [SECOND.name])


def talks(name: str, begin: trio.Event, pauses: list[int]) -> Script:
    """Says its own name, a piece for each pause of so many turns of the loop."""

    async def script(_call: Call, emit: Emit) -> None:
        await begin.wait()
        for pause in pauses:
            for _ in range(pause):
                await trio.lowlevel.checkpoint()
            await emit(Delta(name))
        await emit(END)

    return script


pauses = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(first=pauses, second=pauses)
@settings(max_examples=40, deadline=None)
def test_however_two_answers_interleave_the_client_gets_one_whole_and_nothing_of_the_other(
    first: list[int], second: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async def both_talk(store: Store) -> tuple[Node, RecordingSink]:
        begin = trio.Event()

        async def is_slow(call: Call, emit: Emit) -> None:
            pass_time(PATIENCE_S)
            await talks("a", begin, first)(call, emit)

        async def begins_both(call: Call, emit: Emit) -> None:
            begin.set()
            await talks("b", begin, second)(call, emit)

        node = await open_node(store, (OWN, is_slow), (SECOND, begins_both), names=KnownNames())
        return node, await node.ask(order())

    with a_store(tmp_path_factory.mktemp("store")) as store:
        node, sink = trio.run(both_talk, store, clock=trio.testing.MockClock())
    assert sink.text in (len(first) * "a", len(second) * "b")
    assert sink.whole
    assert [route.island for route in sink.routes] == [OWN.island if "a" in sink.text else SECOND.island]
    loser = SECOND if "a" in sink.text else OWN
    assert node.backend(loser).stopped_at is not None
