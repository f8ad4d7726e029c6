"""Reservations, caps and repeats."""

import datetime
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from node.store import budget, idempotency, ledger, shares
from node.store.budget import Account, Bound, Caps, OverCap, PaidBefore, ProviderCaps, Reservation
from node.store.database import Store
from node.store.idempotency import PaidRequest, PaidState
from node.store.money import Money, Repeated
from node.store.schema import MIGRATIONS
from protocol.errors import StateError
from protocol.shares import SECONDS_PER_DAY, Given, Held, Purse
from protocol.terms import NanoUsd, Now
from tests.attested import signing_key

DAY_S = 20_000 * SECONDS_PER_DAY
NOW = Now(1_000_000, DAY_S)
DOLLAR = NanoUsd(1_000_000_000)
ONE_DOLLAR = Caps(DOLLAR)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(":memory:", isolation_level=None)
    for statement in itertools.chain(*MIGRATIONS):
        opened.execute(statement)
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "islandrun.db") as opened:
        yield opened


def reserve(connection: sqlite3.Connection, request: bytes, amount: int, caps: Caps = ONE_DOLLAR) -> Reservation:
    result = budget.reserve(connection, request, "cloud/m", NanoUsd(amount), caps, DAY_S)
    assert isinstance(result, Reservation)
    return result


def test_cap_is_reached_to_the_last_nano_and_not_passed(connection: sqlite3.Connection) -> None:
    reserve(connection, b"1", DOLLAR - 1)
    assert budget.reserve(connection, b"2", "cloud/m", NanoUsd(2), Caps(DOLLAR), DAY_S) == OverCap(
        NanoUsd(1), Bound.DAY
    )
    reserve(connection, b"2", 1)
    assert budget.remaining(connection, Caps(DOLLAR), budget.day_of(DAY_S)) == 0


def test_month_binds_where_it_is_nearer_than_the_day(connection: sqlite3.Connection) -> None:
    caps = Caps(day=DOLLAR, month=NanoUsd(DOLLAR + 5))
    reserve(connection, b"1", DOLLAR, caps)
    tomorrow = DAY_S + SECONDS_PER_DAY
    assert budget.reserve(connection, b"2", "cloud/m", NanoUsd(6), caps, tomorrow) == OverCap(NanoUsd(5), Bound.MONTH)
    assert isinstance(budget.reserve(connection, b"2", "cloud/m", NanoUsd(5), caps, tomorrow), Reservation)


def test_without_a_cap_everything_is_booked_and_nothing_refused(connection: sqlite3.Connection) -> None:
    reserve(connection, b"1", 10 * DOLLAR, Caps())
    assert budget.remaining(connection, Caps(), budget.day_of(DAY_S)) is None
    assert budget.booked(connection, 0, 99_999) == 10 * DOLLAR


def test_share_of_nothing_refuses_everything_that_costs(connection: sqlite3.Connection) -> None:
    assert isinstance(budget.reserve(connection, b"1", "c/m", NanoUsd(1), Caps(NanoUsd(0)), DAY_S), OverCap)


@pytest.mark.parametrize("day", [0, 30, 31, 59, 11_016, 20_000, 20_148])
def test_month_of_a_day_is_the_calendar_month_in_utc(day: int) -> None:
    date = datetime.date(1970, 1, 1) + datetime.timedelta(days=day)
    first, last = (datetime.date(1970, 1, 1) + datetime.timedelta(days=end) for end in budget.month_of(day))
    assert (first.year, first.month, first.day) == (date.year, date.month, 1)
    assert (last.month, (last + datetime.timedelta(days=1)).day) == (date.month, 1)


def test_settled_books_what_it_cost_also_above_the_reservation(connection: sqlite3.Connection) -> None:
    first, second = reserve(connection, b"1", 100), reserve(connection, b"2", 100)
    budget.settle(connection, first.id, NanoUsd(30))
    budget.settle(connection, second.id, NanoUsd(120))
    assert budget.booked(connection, first.day, first.day) == 150


@pytest.mark.parametrize("end", ["settle", "release", "doubt"])
def test_reservation_ends_once(connection: sqlite3.Connection, end: str) -> None:
    reservation = reserve(connection, b"1", 100)
    budget.doubt(connection, reservation.id)
    arguments = (NanoUsd(1),) if end == "settle" else ()
    with pytest.raises(StateError, match="ambiguous: expected reserved"):
        getattr(budget, end)(connection, reservation.id, *arguments)
    with pytest.raises(StateError, match="unknown"):
        budget.release(connection, 99)
    assert budget.booked(connection, reservation.day, reservation.day) == 100


def test_negative_money_is_a_mistake_of_ours(connection: sqlite3.Connection) -> None:
    with pytest.raises(ValueError, match="not negative"):
        budget.reserve(connection, b"1", "c/m", NanoUsd(-1), Caps(), DAY_S)
    with pytest.raises(ValueError, match="not negative"):
        budget.settle(connection, 1, NanoUsd(-1))


def test_a_provider_is_bound_by_its_own_caps_and_by_those_of_all(connection: sqlite3.Connection) -> None:
    caps = Caps(NanoUsd(100), None, {"cloud": ProviderCaps(NanoUsd(30), NanoUsd(40))})
    day, tomorrow = budget.day_of(DAY_S), DAY_S + SECONDS_PER_DAY
    assert budget.remaining(connection, caps, day, "cloud") == 30
    assert budget.remaining(connection, caps, day, "other") == 100
    reserve(connection, b"1", 30, caps)
    refused = budget.reserve(connection, b"2", "cloud/m", NanoUsd(1), caps, DAY_S)
    assert refused == OverCap(NanoUsd(0), Bound.PROVIDER_DAY)
    refused = budget.reserve(connection, b"2", "cloud/m", NanoUsd(11), caps, tomorrow)
    assert refused == OverCap(NanoUsd(10), Bound.PROVIDER_MONTH)
    refused = budget.reserve(connection, b"2", "other/m", NanoUsd(71), caps, DAY_S)
    assert refused == OverCap(NanoUsd(70), Bound.DAY)
    assert isinstance(budget.reserve(connection, b"2", "other/m", NanoUsd(70), caps, DAY_S), Reservation)


def test_an_island_spends_no_more_than_it_was_leased_and_its_own_caps_can_only_tighten(
    connection: sqlite3.Connection,
) -> None:
    account = Account(bytes(32), signing_key(1).island, signing_key(2).island)
    day = budget.day_of(DAY_S)
    caps = Caps(NanoUsd(60), account=account)
    assert budget.remaining(connection, caps, day, "cloud") == 0
    shares.keep_held(connection, account.purse("cloud", day), Held(NanoUsd(100), NanoUsd(50)))
    assert budget.remaining(connection, caps, day, "cloud") == 50
    assert budget.remaining(connection, caps, day, "other") == 0
    reserve(connection, b"1", 20, caps)
    assert budget.remaining(connection, caps, day, "cloud") == 30
    refused = budget.reserve(connection, b"2", "cloud/m", NanoUsd(31), caps, DAY_S)
    assert refused == OverCap(NanoUsd(30), Bound.LEASE)
    shares.keep_held(connection, account.purse("cloud", day), Held(NanoUsd(1_000), NanoUsd(50)))
    refused = budget.reserve(connection, b"2", "cloud/m", NanoUsd(41), caps, DAY_S)
    assert refused == OverCap(NanoUsd(40), Bound.DAY)


def test_what_is_leased_and_not_given_back_is_gone_for_the_holder(connection: sqlite3.Connection) -> None:
    account = Account(bytes(32), signing_key(1).island, signing_key(1).island)
    day = budget.day_of(DAY_S)
    first, last = budget.month_of(day)
    caps = Caps(NanoUsd(100), NanoUsd(150), {"cloud": ProviderCaps(NanoUsd(80))}, account)
    for provider, on, granted, returned in (("cloud", day, 30, 10), ("other", day, 5, 0), ("cloud", first, 40, 0)):
        purse = Purse(account.archipelago, account.holder, signing_key(2).island, provider, on)
        shares.keep_given(connection, purse, Given(NanoUsd(granted), NanoUsd(returned)))
    assert first < day < last
    assert budget.remaining(connection, caps, day) == 75
    assert budget.remaining(connection, caps, day, "cloud") == budget.leasable(connection, caps, day, "cloud") == 60
    assert budget.remaining(connection, caps, day, "other") == 75
    assert budget.remaining(connection, caps, last, "other") == 85


def test_an_older_file_keeps_what_was_booked(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    Store.open(path, MIGRATIONS[:2]).close()
    old = sqlite3.connect(path, isolation_level=None)
    for request, offer, day, amount in ((b"1", "cloud/m/x", 5, 7), (b"2", "cloud/n", 5, 1), (b"3", "other/m", 6, 2)):
        row = (request, offer, day, amount, amount)
        old.execute(
            "INSERT INTO reservations (request_id, offer, day, amount, booked, state, at_wall_s)"
            " VALUES (?, ?, ?, ?, ?, 'settled', 0)",
            row,
        )
    old.close()
    with Store.open(path) as store:
        assert store.peek(lambda c: budget.booked(c, 5, 5, "cloud")) == 8
        assert store.peek(lambda c: budget.booked(c, 0, 9)) == 10


@pytest.mark.parametrize(
    ("state", "elapsed_ms", "blocked"),
    [
        (PaidState.RUNNING, 0, True),
        (PaidState.RUNNING, 10_000_000, True),
        (PaidState.AMBIGUOUS, 0, True),
        (PaidState.AMBIGUOUS, idempotency.WINDOW_MS - 1, True),
        (PaidState.AMBIGUOUS, idempotency.WINDOW_MS, False),
        (PaidState.AMBIGUOUS, -5, True),
    ],
)
def test_repeat_is_blocked_while_it_runs_and_a_minute_after_doubt(
    state: PaidState, elapsed_ms: int, blocked: bool
) -> None:
    assert idempotency.blocks(PaidRequest(b"r", state, 1_000), Now(1_000 + elapsed_ms, 0)) is blocked


def test_fingerprints_tell_programs_keys_and_bodies_apart_and_hide_them() -> None:
    key = bytes(32)
    body, named = idempotency.fingerprints(key, "editor", "k1", b"secret prompt")
    assert idempotency.fingerprints(key, "editor", None, b"secret prompt") == (body,)
    others = [
        idempotency.fingerprints(key, "shell", None, b"secret prompt")[0],
        idempotency.fingerprints(key, "editor", None, b"secret prompts")[0],
        idempotency.fingerprints(bytes([1]) * 32, "editor", None, b"secret prompt")[0],
        idempotency.fingerprints(key, "editor", "secret prompt", b"")[1],
        named,
    ]
    assert len({body, *others}) == 6
    assert all(len(mark) == 32 for mark in (body, *others))


def test_restart_keeps_fresh_doubts_and_forgets_old_ones(connection: sqlite3.Connection) -> None:
    for mark, ended in ((b"old", 60), (b"fresh", 59), (b"future", -500)):
        then = Now(NOW.mono_ms, NOW.wall_s - ended)
        idempotency.begin(connection, [mark], mark, then)
        idempotency.finish(connection, mark, then, ambiguous=True)
    idempotency.begin(connection, [b"running"], b"running", Now(0, NOW.wall_s - 9_999))
    restarted = Now(50, NOW.wall_s)
    idempotency.recover(connection, restarted)
    blocked = {
        mark: idempotency.repeated(connection, [mark], [b"another"], restarted)
        for mark in (b"old", b"fresh", b"future", b"running")
    }
    assert blocked == {b"old": False, b"fresh": True, b"future": True, b"running": True}
    later = Now(50 + idempotency.WINDOW_MS, NOW.wall_s)
    assert not idempotency.repeated(connection, [b"running"], [b"another"], later)


async def test_money_of_two_identical_requests_at_once_lets_one_through(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", None, b"body")
    results: list[object] = []

    async def ask(request: bytes) -> None:
        results.append(await money.reserve(request, "cloud/m", NanoUsd(5), Caps(), marks, NOW))

    async with trio.open_nursery() as nursery:
        for request in (b"1", b"2", b"3"):
            nursery.start_soon(ask, request)
    assert sorted(type(result).__name__ for result in results) == ["Repeated", "Repeated", "Reservation"]
    assert money.spent_today(NOW) == 5


async def test_reservation_comes_back_also_to_a_cancelled_caller_who_then_ends_it(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", None, b"body")
    with trio.CancelScope() as scope:
        scope.cancel()
        reservation = await money.reserve(b"1", "cloud/m", NanoUsd(50), Caps(), marks, NOW)
        assert isinstance(reservation, Reservation)
        await money.release(reservation, NOW)
    assert money.spent_today(NOW) == 0
    assert not money.repeated(marks, b"2", NOW)


async def test_end_of_a_paid_request_is_booked_even_when_the_client_is_gone(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", None, b"body")
    reservation = await money.reserve(b"1", "cloud/m", NanoUsd(50), Caps(), marks, NOW)
    assert isinstance(reservation, Reservation)
    with trio.CancelScope() as scope:
        scope.cancel()
        await money.settle(reservation, NanoUsd(7), NOW)
    assert money.spent_today(NOW) == 7
    assert money.repeated(marks, b"2", NOW), "whoever asks again may not have got the answer"
    money.told(reservation)
    assert not money.repeated(marks, b"2", NOW), "at once"
    await store.flush()
    assert not money.repeated(marks, b"2", NOW)
    assert not (await Money.open(store, os.urandom, NOW)).repeated(marks, b"2", NOW)


async def test_answer_that_was_paid_and_not_told_before_a_crash_is_not_paid_again_unasked(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", None, b"body")
    reservation = await money.reserve(b"\x01", "cloud/m", NanoUsd(50), Caps(), marks, NOW)
    assert isinstance(reservation, Reservation)
    await money.settle(reservation, NanoUsd(7), NOW)
    again = await Money.open(store, os.urandom, NOW)
    assert again.repeated(marks, b"2", NOW)
    assert not again.repeated(marks, b"2", Now(NOW.mono_ms + 60_000, NOW.wall_s + 60))
    receipts = store.peek(lambda connection: ledger.latest(connection, 10))
    assert [(one.id, one.cost, one.outcome.value) for one in receipts] == [("01", 7, "ambiguous")]
    await Money.open(store, os.urandom, NOW)
    assert len(store.peek(lambda connection: ledger.latest(connection, 10))) == 1


async def test_disk_that_fails_at_the_end_leaves_the_whole_amount_booked(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", None, b"body")
    reservation = await money.reserve(b"1", "cloud/m", NanoUsd(50), Caps(), marks, NOW)
    assert isinstance(reservation, Reservation)
    await store.write(lambda connection: connection.set_authorizer(_read_only))
    await money.settle(reservation, NanoUsd(7), NOW)
    await store.write(lambda connection: connection.set_authorizer(None))
    assert store.health.lost == 1
    assert money.spent_today(NOW) == 50
    again = await Money.open(store, os.urandom, NOW)
    assert again.recovered == (reservation,)


async def test_crash_leaves_a_receipt_of_what_is_in_doubt_unless_there_is_one(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    for request in (b"\x01", b"\x02"):
        marks = money.marks("editor", None, request)
        assert isinstance(await money.reserve(request, "cloud/m", NanoUsd(5), Caps(), marks, NOW), Reservation)
    again = await Money.open(store, os.urandom, NOW)
    assert [reservation.request_id for reservation in again.recovered] == [b"\x01", b"\x02"]
    receipts = store.peek(lambda connection: ledger.latest(connection, 10))
    assert [(receipt.id, receipt.cost, receipt.outcome.value, receipt.island) for receipt in receipts] == [
        ("02", 5, "ambiguous", "cloud"),
        ("01", 5, "ambiguous", "cloud"),
    ]
    assert (await Money.open(store, os.urandom, NOW)).recovered == ()


async def test_refused_reservations_leave_nothing_behind(store: Store) -> None:
    money = await Money.open(store, os.urandom, NOW)
    marks = money.marks("editor", "key", b"body")
    refused = await money.reserve(b"1", "cloud/m", NanoUsd(2), Caps(NanoUsd(1)), marks, NOW)
    assert refused == OverCap(NanoUsd(1), Bound.DAY)
    assert not money.repeated(marks, b"2", NOW)
    first = await money.reserve(b"1", "cloud/m", NanoUsd(1), Caps(NanoUsd(1)), marks, NOW)
    assert isinstance(first, Reservation)
    assert await money.reserve(b"1", "other/m", NanoUsd(0), Caps(), marks, NOW) == PaidBefore("cloud/m")
    assert await money.reserve(b"2", "cloud/m", NanoUsd(0), Caps(), marks, NOW) == Repeated()
    assert money.remaining(Caps(NanoUsd(1)), NOW) == 0


def _read_only(action: int, *_: object) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_UPDATE else sqlite3.SQLITE_OK
