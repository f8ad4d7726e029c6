"""Design, sections 1 and 2: what follows when an offer fails; a paid request is sent at most once; no silent cut."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.api.ports import Route
from node.dispatch import FIRST_TOKEN_MS_MAX
from node.ports import Call, Emit
from node.store.budget import Caps
from node.store.database import Store
from node.store.ledger import Outcome
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import BackendError, BackendFailure, CutAnswerError, RefusedError, StateError
from protocol.terms import NanoUsd, Tier, cost_nano_usd
from tests.offers import offer, paid
from tests.pipelines import (
    CLOUD,
    EDGE,
    END,
    OTHER_CLOUD,
    OWN,
    KnownNames,
    RecordingSink,
    Script,
    a_store,
    fails,
    hangs,
    open_node,
    order,
    pass_time,
    says,
)
from tests.unit.privacy_texts import chat

NOT_CONNECTED, REFUSED, AMBIGUOUS = (
    fails(failure) for failure in (BackendFailure.NOT_CONNECTED, BackendFailure.REFUSED, BackendFailure.AMBIGUOUS)
)
FIRST_CLOUD = replace(CLOUD, quality=0.99, ttft_s=0.01)  # taken before the other cloud
LAST_OWN = replace(OWN, ttft_s=300.0)  # taken after every other
RESTRICTED = "My mother has diabetes. What may she eat?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


@pytest.mark.parametrize("end", [NOT_CONNECTED, REFUSED, AMBIGUOUS, hangs()], ids=["gone", "no", "reset", "silent"])
async def test_an_island_that_dies_before_its_first_token_gives_way_to_the_next_of_the_plan(
    store: Store, mock_clock: object, end: Script
) -> None:
    node = await open_node(store, (OWN, end), (replace(EDGE, ttft_s=9.0), says("hel", "lo")), names=KnownNames())
    sink = await node.ask(order("What is a lighthouse?"))
    assert sink.text == "hello"
    assert [route.island for route in sink.routes] == [EDGE.island]


@pytest.mark.parametrize("end", [NOT_CONNECTED, REFUSED, AMBIGUOUS, hangs()], ids=["gone", "no", "reset", "silent"])
async def test_what_follows_is_never_of_lower_clearance(store: Store, mock_clock: object, end: Script) -> None:
    node = await open_node(store, (OWN, end), (EDGE, says("no")), (CLOUD, says("no")), names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order(RESTRICTED))
    assert node.backend(EDGE).calls == node.backend(CLOUD).calls == []
    assert {one.offer for one in refused.value.offers} == {OWN.name, EDGE.name, CLOUD.name}
    assert (refused.value.status, refused.value.should_retry) == (503, True)


@pytest.mark.parametrize("end", [AMBIGUOUS, hangs()], ids=["reset", "silent"])
async def test_after_a_paid_request_in_doubt_only_unpaid_offers_follow(
    store: Store, mock_clock: object, end: Script
) -> None:
    node = await open_node(
        store, (FIRST_CLOUD, end), (OTHER_CLOUD, says("no")), (LAST_OWN, says("yes")), names=KnownNames()
    )
    assert (await node.ask(order())).text == "yes"
    assert node.backend(OTHER_CLOUD).calls == []
    (receipt,) = await node.receipts()
    assert (receipt.outcome, receipt.island) == (Outcome.ANSWERED, OWN.island)
    assert receipt.cost > 0, "what was in doubt is booked in full"


@pytest.mark.parametrize("end", [AMBIGUOUS, hangs()], ids=["reset", "silent"])
async def test_after_a_paid_request_in_doubt_and_no_unpaid_offer_the_error_forbids_to_retry(
    store: Store, mock_clock: object, end: Script
) -> None:
    node = await open_node(store, (FIRST_CLOUD, end), (OTHER_CLOUD, says("no")), names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order())
    assert not refused.value.should_retry
    assert node.backend(OTHER_CLOUD).calls == []
    (receipt,) = await node.receipts()
    assert (receipt.outcome, receipt.offer) == (Outcome.AMBIGUOUS, FIRST_CLOUD.name)


async def test_the_receipt_of_a_paid_request_in_doubt_names_it_even_when_unpaid_offers_failed_after_it(
    store: Store,
) -> None:
    rows = (FIRST_CLOUD, AMBIGUOUS), (LAST_OWN, NOT_CONNECTED)
    node = await open_node(store, *rows, names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order())
    assert not refused.value.should_retry
    (receipt,) = await node.receipts()
    assert (receipt.outcome, receipt.offer) == (Outcome.AMBIGUOUS, FIRST_CLOUD.name)


@pytest.mark.parametrize("end", [NOT_CONNECTED, REFUSED], ids=["gone", "no"])
async def test_after_a_definite_refusal_of_a_paid_offer_another_paid_one_may_follow(store: Store, end: Script) -> None:
    node = await open_node(store, (FIRST_CLOUD, end), (OTHER_CLOUD, says("yes")), names=KnownNames())
    assert (await node.ask(order())).text == "yes"
    assert node.money.spent_today(node.pipeline.clock()) == (await node.receipts())[0].cost


@pytest.mark.parametrize("row", [OWN, CLOUD], ids=["unpaid", "paid"])
@pytest.mark.parametrize(
    "end",
    [fails(BackendFailure.AMBIGUOUS, 1), fails(BackendFailure.REFUSED, 1), hangs(1)],
    ids=["reset", "no", "silent"],
)
async def test_after_the_first_token_nothing_is_tried_again_and_the_answer_is_cut(
    store: Store, mock_clock: object, row: object, end: Script
) -> None:
    assert row in (OWN, CLOUD)
    other = offer("other", quality=0.0, ttft_s=500.0)
    node = await open_node(store, (row, end), (other, says("no")), names=KnownNames())  # type: ignore[arg-type]
    sink = RecordingSink()
    with pytest.raises(CutAnswerError) as cut:
        await node.ask(order(max_tier=Tier.CLOUD), sink)
    assert (sink.text, sink.whole) == ("piece ", False)
    assert node.backend(other).calls == []
    assert cut.value.should_retry is (row is OWN)


async def test_an_answer_that_ends_without_its_end_is_cut(store: Store) -> None:
    async def forgets_the_end(_call: Call, emit: Emit) -> None:
        await emit(Delta("half an ans"))

    node = await open_node(store, (OWN, forgets_the_end), names=KnownNames())
    with pytest.raises(CutAnswerError):
        await node.ask(order())


async def test_whoever_goes_on_after_the_end_is_not_believed(store: Store) -> None:
    async def goes_on(_call: Call, emit: Emit) -> None:
        await emit(END)
        await emit(Delta("and another thing"))

    node = await open_node(store, (OWN, goes_on), names=KnownNames())
    sink = RecordingSink()
    with pytest.raises(CutAnswerError):
        await node.ask(order(), sink)
    assert sink.text == ""


async def test_a_piece_that_is_no_chunk_is_a_fault_of_who_answered_not_of_the_client(store: Store) -> None:
    async def rubbish(_call: Call, emit: Emit) -> None:
        await emit(Delta("", b"[]"))

    node = await open_node(store, (CLOUD, rubbish), names=KnownNames())
    with pytest.raises(CutAnswerError):
        await node.ask(order("Write to ada@example.org."))


async def test_a_client_that_goes_away_cancels_the_backend_within_a_second(store: Store, mock_clock: object) -> None:
    node = await open_node(store, (OWN, says()), names=KnownNames())
    started = trio.Event()

    async def begins(_call: Call, emit: Emit) -> None:
        await emit(Delta("piece "))
        started.set()
        await trio.sleep_forever()

    node.backend(OWN).script = begins
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ask, order())
        await started.wait()
        gone_at = trio.current_time()
        nursery.cancel_scope.cancel()
    stopped_at = node.backend(OWN).stopped_at
    assert stopped_at is not None
    assert stopped_at - gone_at <= 1.0
    (receipt,) = await node.receipts()
    assert receipt.outcome is Outcome.CANCELLED


async def test_tokens_already_paid_for_are_booked_when_a_client_goes_away(store: Store) -> None:
    node = await open_node(store, (CLOUD, says()), names=KnownNames())
    words = 30 * ["thirteen char"]

    with trio.CancelScope() as client:

        async def leaves(_call: Call, emit: Emit) -> None:
            for word in words:
                await emit(Delta(word))
            client.cancel()
            await trio.sleep_forever()

        node.backend(CLOUD).script = leaves
        await node.ask(order())
    written = NanoUsd(CLOUD.output_price or 0)
    (receipt,) = await node.receipts()
    assert receipt.cost >= cost_nano_usd(30, written)
    assert node.money.spent_today(node.pipeline.clock()) == receipt.cost
    again = await open_node(store, (CLOUD, says("yes")), names=KnownNames())
    assert (await again.ask(order())).text == "yes", "who went away may ask again"


@pytest.mark.parametrize("row", [OWN, CLOUD], ids=["unpaid", "paid"])
async def test_a_client_that_pauses_reading_loses_nothing_and_nothing_times_out(
    store: Store, mock_clock: object, row: object
) -> None:
    async def reads_slowly(_event: AnswerEvent) -> None:
        pass_time(FIRST_TOKEN_MS_MAX / 1_000 + 15)
        await trio.lowlevel.checkpoint()

    node = await open_node(store, (row, says("a", "b", "c")), names=KnownNames())  # type: ignore[arg-type]
    sink = await node.ask(order(), RecordingSink(reads_slowly))
    assert (sink.text, sink.whole) == ("abc", True)


async def test_the_client_hears_who_answers_before_the_first_event_and_of_no_other(store: Store) -> None:
    node = await open_node(store, (OWN, AMBIGUOUS), (replace(EDGE, ttft_s=9.0), says("yes")), names=KnownNames())
    sink = await node.ask(order())
    (route,) = sink.routes
    assert isinstance(route, Route)
    assert (route.island, route.tier, route.decision_id) == (EDGE.island, Tier.EDGE, sink.decision)


async def test_the_same_body_or_key_within_a_minute_of_a_paid_request_in_doubt_gets_409(
    store: Store, mock_clock: object
) -> None:
    node = await open_node(store, (CLOUD, AMBIGUOUS), names=KnownNames())
    first = order("What is a lighthouse?", idempotency_key="k1")
    with pytest.raises(RefusedError):
        await node.ask(first)
    node.backend(CLOUD).script = says("yes")
    for again in (order("What is a lighthouse?"), order("Something else", idempotency_key="k1")):
        sink = RecordingSink()
        with pytest.raises(RefusedError) as refused:
            await node.ask(again, sink)
        assert (refused.value.status, refused.value.should_retry) == (409, False)
        assert (await node.receipts())[0].id == sink.decision, "a repeated request has its receipt too"
    assert len(node.backend(CLOUD).calls) == 1
    assert (await node.ask(order("Something else"))).text == "yes"
    pass_time(61)
    assert (await node.ask(first)).text == "yes"


async def test_the_same_paid_request_is_not_sent_while_the_first_runs(store: Store, mock_clock: object) -> None:
    node = await open_node(store, (CLOUD, says()), names=KnownNames())
    running = trio.Event()

    async def runs(_call: Call, _emit: Emit) -> None:
        running.set()
        await trio.sleep_forever()

    node.backend(CLOUD).script = runs
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ask, order())
        await running.wait()
        with pytest.raises(RefusedError) as refused:
            await node.ask(order())
        assert refused.value.status == 409
        nursery.cancel_scope.cancel()


async def test_money_is_reserved_on_disk_before_anything_is_sent_and_a_missing_output_limit_is_bounded_before_that(
    store: Store,
) -> None:
    reserved = []

    async def looks(call: Call, emit: Emit) -> None:
        reserved.append(node.money.spent_today(node.pipeline.clock()))
        await says("yes")(call, emit)

    node = await open_node(store, (CLOUD, looks), names=KnownNames())
    node.output_tokens_default = 500
    await node.ask(order("What is a lighthouse?"))
    (call,) = node.backend(CLOUD).calls
    assert call.max_output_tokens == 500
    assert reserved[0] >= cost_nano_usd(500, NanoUsd(CLOUD.output_price or 0))
    assert node.money.spent_today(node.pipeline.clock()) < reserved[0], "then only what it cost is booked"
    await node.ask(order(request=chat("What is a lighthouse?", max_tokens=7)))
    assert node.backend(CLOUD).calls[1].max_output_tokens == 7


async def test_a_model_without_a_known_price_is_infeasible_under_any_cap(store: Store) -> None:
    unknown = paid("new", input_price=None, output_price=None)
    node = await open_node(store, (unknown, says("yes")), names=KnownNames())
    assert (await node.ask(order("One question"))).text == "yes"
    with pytest.raises(RefusedError):
        await node.ask(order("Two questions", max_cost=NanoUsd(10**15)))
    node.caps = Caps(day=NanoUsd(10**15))
    with pytest.raises(RefusedError):
        await node.ask(order("Three questions"))
    assert len(node.backend(unknown).calls) == 1


async def test_every_answer_that_is_asked_for_counts_against_what_the_client_would_pay(store: Store) -> None:
    node = await open_node(store, (CLOUD, says("yes")), names=KnownNames())
    enough = NanoUsd(cost_nano_usd(100, NanoUsd(CLOUD.output_price or 0)) + 10_000)
    await node.ask(order(request=chat("A question", max_tokens=100), max_cost=enough))
    with pytest.raises(RefusedError):
        await node.ask(order(request=chat("Another question", max_tokens=100, n=4), max_cost=enough))


async def test_a_cap_holds_over_all_requests_and_unpaid_offers_stay(store: Store) -> None:
    async def writes_all_it_may(call: Call, emit: Emit) -> None:
        await emit(Delta("cloud"))
        await emit(Finished("length", 10, call.max_output_tokens))

    node = await open_node(store, (FIRST_CLOUD, writes_all_it_may), (LAST_OWN, says("own")), names=KnownNames())
    node.output_tokens_default = 100
    day = NanoUsd(3 * cost_nano_usd(100, NanoUsd(CLOUD.output_price or 0)) + 10_000)
    node.caps = Caps(day=day)
    assert [(await node.ask(order(f"Question {number}"))).text for number in range(5)] == 3 * ["cloud"] + 2 * ["own"]
    assert node.money.spent_today(node.pipeline.clock()) <= day
    with pytest.raises(RefusedError):
        await node.ask(order("One more", model=CLOUD.model))


async def test_a_disk_that_takes_no_reservation_leaves_the_unpaid_offers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: object) -> None:
        raise StateError("disk full")

    node = await open_node(store, (FIRST_CLOUD, says("no")), (LAST_OWN, says("yes")), names=KnownNames())
    monkeypatch.setattr(node.money, "reserve", full)
    assert (await node.ask(order())).text == "yes"
    assert node.backend(FIRST_CLOUD).calls == []


async def test_there_is_one_receipt_a_request_however_it_ends_and_no_text_of_it_in_any_file(
    store: Store, mock_clock: object, tmp_path: Path
) -> None:
    asked, said = "CANARY-ASKED", "CANARY-SAID"

    async def leaves(_call: Call, emit: Emit) -> None:
        await emit(Delta(said))
        client.cancel()
        await trio.sleep_forever()

    async def breaks(_call: Call, emit: Emit) -> None:
        await emit(Delta(said))
        raise BackendError(BackendFailure.AMBIGUOUS, "reset", "the connection broke")

    ends: list[tuple[object, Script, Outcome]] = [
        (OWN, says(said), Outcome.ANSWERED),
        (OWN, NOT_CONNECTED, Outcome.REFUSED),
        (replace(OWN, alive=False), says(said), Outcome.REFUSED),
        (OWN, breaks, Outcome.CUT),
        (OWN, leaves, Outcome.CANCELLED),
        (CLOUD, breaks, Outcome.AMBIGUOUS),
        (CLOUD, AMBIGUOUS, Outcome.AMBIGUOUS),
        (CLOUD, says(said), Outcome.ANSWERED),
    ]
    for number, (row, script, outcome) in enumerate(ends):
        node = await open_node(store, (row, script), names=KnownNames())  # type: ignore[arg-type]
        sink = RecordingSink()
        with trio.CancelScope() as client:
            try:
                await node.ask(order(f"{asked} {number} for ada@example.org"), sink)
            except (RefusedError, CutAnswerError):
                assert outcome is not Outcome.ANSWERED
        receipts = await node.receipts()
        assert (len(receipts), receipts[0].outcome, receipts[0].id) == (number + 1, outcome, sink.decision)
        assert bool(receipts[0].island) is (outcome is not Outcome.REFUSED), "nobody answered what was refused"
    store.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())  # noqa: ASYNC240 - some KiB
    assert not [canary for canary in (asked, said, "example.org") if canary.encode() in written]
    assert b"cancelled" in written, "the receipts are in what was searched"
