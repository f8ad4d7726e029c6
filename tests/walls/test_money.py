"""Design, section 2, Money: the sentences that storage and configuration keep, each as a test."""

import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from node.config import FileContent, OutputLimit, load
from node.store import budget, ledger, shares
from node.store.budget import Account, Bound, Caps, OverCap, PaidBefore, Reservation
from node.store.database import Store
from node.store.money import Money, Repeated
from node.store.schema import MIGRATIONS
from protocol.errors import ConfigError
from protocol.shares import Held
from protocol.terms import NanoUsd, Now
from tests.attested import signing_key

NOW = Now(5_000_000, 1_700_000_000)
KILLS = 6
CONFIG = Path("/h/.config/islandrun/config.toml")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    with Store.open(tmp_path / "islandrun.db") as opened:
        yield opened


@pytest.fixture
async def money(store: Store) -> Money:
    return await Money.open(store, os.urandom, NOW)


async def reserved(money: Money, request: bytes, body: bytes = b"body", now: Now = NOW) -> Reservation:
    result = await money.reserve(request, "cloud/m", NanoUsd(100), Caps(), money.marks("k", None, body), now)
    assert isinstance(result, Reservation)
    return result


def test_money_is_integers_of_nano_usd_everywhere() -> None:
    text = b'version = 1\n[[providers]]\nname = "c"\nurl = "https://c.example/v1"\n[[providers.models]]\nname = "m"\n%s'
    config = load({}, {"HOME": "/h"}, {CONFIG: FileContent(text % b'input_usd = "0.000000001"\n')}.get)
    (model,) = config.providers[0].models
    assert model.input_price == 1
    assert type(model.input_price) is int
    with pytest.raises(ConfigError, match="as a quoted decimal"):
        load({}, {"HOME": "/h"}, {CONFIG: FileContent(text % b"input_usd = 0.1\n")}.get)
    money_columns = [line for line in MIGRATIONS[0] if "amount" in line or "CREATE TABLE budget_days" in line]
    assert money_columns
    assert all("REAL" not in line and "INTEGER NOT NULL" in line for line in money_columns)


def test_unknown_price_stays_unknown_and_is_never_nothing() -> None:
    text = b'version = 1\n[[providers]]\nname = "c"\nurl = "https://c.example/v1"\n[[providers.models]]\nname = "m"\n'
    (model,) = load({}, {"HOME": "/h"}, {CONFIG: FileContent(text)}.get).providers[0].models
    assert (model.input_price, model.output_price) == (None, None)


def test_missing_output_limit_has_a_bound_and_the_name_that_the_provider_takes() -> None:
    text = (
        b'version = 1\n[[providers]]\nname = "c"\nurl = "https://c.example/v1"\n%s\n[[providers.models]]\nname = "m"\n'
    )
    for line, name in ((b"", "max_completion_tokens"), (b'kind = "anthropic"', "max_tokens")):
        config = load({}, {"HOME": "/h"}, {CONFIG: FileContent(text % line)}.get)
        assert config.providers[0].output_limit == name
        assert config.limits.output_tokens_default > 0
    for limit in OutputLimit:
        line = b'output_limit = "%s"' % limit.encode()
        assert load({}, {"HOME": "/h"}, {CONFIG: FileContent(text % line)}.get).providers[0].output_limit is limit


async def test_paid_request_in_doubt_is_followed_by_no_other_paid_dispatch(money: Money) -> None:
    await money.doubt(await reserved(money, b"1"), NOW)
    again = await money.reserve(b"1", "other/m", NanoUsd(1), Caps(), (), NOW)
    assert again == PaidBefore("cloud/m")


async def test_paid_request_that_may_be_running_is_followed_by_no_other_paid_dispatch(money: Money) -> None:
    await reserved(money, b"1")
    assert await money.reserve(b"1", "other/m", NanoUsd(1), Caps(), (), NOW) == PaidBefore("cloud/m")


async def test_answered_paid_request_is_followed_by_no_other_paid_dispatch(money: Money) -> None:
    await money.settle(await reserved(money, b"1"), NanoUsd(1), NOW)
    assert await money.reserve(b"1", "other/m", NanoUsd(1), Caps(), (), NOW) == PaidBefore("cloud/m")


async def test_definite_refusal_costs_nothing_and_lets_another_paid_offer_follow(money: Money) -> None:
    await money.release(await reserved(money, b"1"), NOW)
    assert money.spent_today(NOW) == 0
    assert isinstance(await money.reserve(b"1", "other/m", NanoUsd(1), Caps(), (), NOW), Reservation)


async def test_same_body_within_a_minute_of_doubt_is_refused_and_after_it_is_not(money: Money) -> None:
    await money.doubt(await reserved(money, b"1"), NOW)
    marks = money.marks("k", None, b"body")
    almost = Now(NOW.mono_ms + 59_999, NOW.wall_s + 59)
    assert money.repeated(marks, b"2", almost)
    assert await money.reserve(b"2", "cloud/m", NanoUsd(1), Caps(), marks, almost) == Repeated()
    later = Now(NOW.mono_ms + 60_000, NOW.wall_s + 60)
    assert not money.repeated(marks, b"2", later)
    assert isinstance(await money.reserve(b"2", "cloud/m", NanoUsd(1), Caps(), marks, later), Reservation)


async def test_same_idempotency_key_within_a_minute_of_doubt_is_refused_with_another_body(money: Money) -> None:
    first = await money.reserve(b"1", "cloud/m", NanoUsd(1), Caps(), money.marks("k", "key", b"body"), NOW)
    assert isinstance(first, Reservation)
    await money.doubt(first, NOW)
    assert money.repeated(money.marks("k", "key", b"another body"), b"2", NOW)
    assert not money.repeated(money.marks("k", "another key", b"another body"), b"2", NOW)
    assert not money.repeated(money.marks("another program", "key", b"another body"), b"2", NOW)


async def test_doubt_survives_a_restart(store: Store, money: Money) -> None:
    await money.doubt(await reserved(money, b"1"), NOW)
    restarted = Now(10, NOW.wall_s + 30)
    again = await Money.open(store, os.urandom, restarted)
    assert again.repeated(again.marks("k", None, b"body"), b"2", restarted)


async def test_same_body_asked_again_after_a_whole_answer_is_sent(money: Money) -> None:
    first = await reserved(money, b"1")
    await money.settle(first, NanoUsd(1), NOW)
    money.told(first)
    assert isinstance(await reserved(money, b"2"), Reservation)


async def test_amount_in_doubt_counts_against_the_cap_in_full(money: Money) -> None:
    await money.doubt(await reserved(money, b"1"), NOW)
    assert money.remaining(Caps(NanoUsd(120)), NOW) == 20
    refused = await money.reserve(b"2", "cloud/m", NanoUsd(21), Caps(NanoUsd(120)), (), NOW)
    assert refused == OverCap(NanoUsd(20), Bound.DAY)


async def test_cap_is_the_owners_and_a_node_can_only_tighten_its_share(store: Store) -> None:
    account = Account(bytes(32), signing_key(1).island, signing_key(2).island)
    assert store.peek(partial(budget.remaining, caps=Caps(account=account), day=1, provider="cloud")) == 0
    purse = account.purse("cloud", 1)
    store.write_now(partial(shares.keep_held, purse=purse, kept=Held(NanoUsd(50))))
    for own, most in ((1_000, 50), (10, 10)):
        caps = Caps(NanoUsd(own), account=account)
        assert store.peek(partial(budget.remaining, caps=caps, day=1, provider="cloud")) == most


async def test_no_prompt_can_be_read_back_from_what_money_keeps(store: Store, money: Money) -> None:
    marks = money.marks("k", "canary-key", b"canary-body")
    first = await money.reserve(b"1", "cloud/m", NanoUsd(1), Caps(), marks, NOW)
    assert isinstance(first, Reservation)
    await money.doubt(first, NOW)
    store.close()
    for path in store.path.parent.iterdir():
        assert b"canary" not in path.read_bytes()


_SPENDER = """
import os, pathlib, sys, trio
from node.store.budget import Bound, Caps, Reservation
from node.store.database import Store
from node.store.money import Money
from protocol.terms import NanoUsd, Now

async def main():
    store = Store.open(pathlib.Path(sys.argv[1]))
    now = Now(0, 1_700_000_000)
    money = await Money.open(store, os.urandom, now)
    while True:
        request = os.urandom(16)
        marks = money.marks("k", None, request)
        reservation = await money.reserve(request, "cloud/m", NanoUsd(10), Caps(), marks, now)
        assert isinstance(reservation, Reservation), reservation
        print("sent", request.hex(), flush=True)
        await money.settle(reservation, NanoUsd(3), now)
        print("settled", request.hex(), flush=True)

trio.run(main)
"""


def spend_and_be_killed(path: Path, chance: random.Random) -> tuple[set[str], set[str]]:
    """The requests that a killed process said it sent, and those that it said it settled."""
    with subprocess.Popen([sys.executable, "-c", _SPENDER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(chance.randrange(1, 40))]
        child.kill()
        lines += [line for line in child.stdout if line.endswith("\n")]
    words = [line.split() for line in lines]
    return {request for word, request in words if word == "sent"}, {
        request for word, request in words if word != "sent"
    }


async def test_kill_leaves_nothing_sent_and_unrecorded_and_nothing_to_be_sent_twice(tmp_path: Path) -> None:
    path, chance = tmp_path / "islandrun.db", random.Random(4754)
    sent: set[str] = set()
    settled: set[str] = set()
    for _ in range(KILLS):
        sent_now, settled_now = spend_and_be_killed(path, chance)
        sent |= sent_now
        settled |= settled_now
    with Store.open(path) as store:
        money = await Money.open(store, os.urandom, NOW)
        rows = store.peek(
            lambda connection: connection.execute("SELECT request_id, state, booked FROM reservations").fetchall()
        )
        states = {bytes(request).hex(): (state, amount) for request, state, amount in rows}
        assert sent <= set(states)
        assert len(states) <= len(sent) + KILLS
        assert {states[request] for request in settled} == {("settled", 3)}
        assert set(states.values()) <= {("settled", 3), ("ambiguous", 10)}
        assert money.spent_today(NOW) == sum(amount for _, amount in states.values())
        for request, (state, _) in states.items():
            again = await money.reserve(bytes.fromhex(request), "other/m", NanoUsd(1), Caps(), (), NOW)
            assert again == PaidBefore("cloud/m")
            if state == "ambiguous":
                receipt = store.peek(partial(ledger.show, receipt_id=request))
                assert receipt is not None
                assert receipt.outcome is ledger.Outcome.AMBIGUOUS
