"""Whatever is lost, repeated, late, forged of old or killed: all devices together never spend more than the cap."""

import itertools
import sqlite3
from collections.abc import Callable
from types import MappingProxyType

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.store import budget, shares
from node.store.budget import Account, Caps, OverCap, PaidBefore, ProviderCaps, Reservation
from node.store.schema import MIGRATIONS
from protocol.errors import RecordError
from protocol.shares import (
    SECONDS_PER_DAY,
    Given,
    Held,
    Lease,
    Limit,
    Purse,
    Return,
    left,
    may_lease,
    open_share,
    seal_share,
)
from protocol.terms import NanoUsd
from tests.attested import signing_key

HOLDER, *OTHERS = (signing_key(number) for number in range(1, 5))
ARCHIPELAGO = bytes(32)
START = 20_088  # 2024-12-31: the next day is another month's
CAPS = Caps(NanoUsd(100), NanoUsd(150), MappingProxyType({"cloud": ProviderCaps(NanoUsd(70), NanoUsd(90))}))
PROVIDERS = st.sampled_from(["cloud", "other"])
SUBJECTS = st.integers(0, len(OTHERS) - 1)
AMOUNTS = st.integers(0, 60)
Job = Callable[[sqlite3.Connection], object]


class Device:
    """A store that a kill rolls back, and a clock that anything may set."""

    def __init__(self, number: int) -> None:
        self.key = signing_key(number)
        self.wall_s = START * SECONDS_PER_DAY
        self.open: list[Reservation] = []
        self.store = sqlite3.connect(":memory:", isolation_level=None)
        for statement in itertools.chain(*MIGRATIONS):
            self.store.execute(statement)

    @property
    def caps(self) -> Caps:
        account = Account(ARCHIPELAGO, HOLDER.island, self.key.island)
        return Caps(CAPS.day, CAPS.month, CAPS.providers, account) if account.held else Caps(account=account)

    @property
    def day(self) -> int:
        return budget.day_of(self.wall_s)

    def commit(self, job: Callable[[sqlite3.Connection], bytes | None], killed: str) -> bytes | None:
        """What is to be sent: nothing where it was killed before the disk had it, or after and before it was sent."""
        self.store.execute("BEGIN")
        message = job(self.store)
        self.store.execute("ROLLBACK" if killed == "before" else "COMMIT")
        if killed != "no":
            self.restart()
            return None
        return message

    def restart(self) -> None:
        budget.recover(self.store)
        self.open.clear()


KILLED = st.sampled_from(["no", "no", "no", "before", "after"])


class Archipelago(RuleBasedStateMachine):
    """Every message ever sent stays in the air, and may come any number of times or never."""

    @initialize()
    def begin(self) -> None:
        self.devices = [Device(number) for number in range(1, 5)]
        self.holder, self.subjects = self.devices[0], self.devices[1:]
        self.air: list[bytes] = []
        self.names = itertools.count()

    def teardown(self) -> None:
        for device in getattr(self, "devices", ()):
            device.store.close()

    @rule(subject=SUBJECTS, provider=PROVIDERS, need=AMOUNTS, wish=AMOUNTS, deaf=st.booleans(), killed=KILLED)
    def ask(self, subject: int, provider: str, need: int, wish: int, deaf: bool, killed: str) -> None:
        """`deaf`: the question is an old one, of when nothing was known."""
        device = self.subjects[subject]
        purse = device.caps.account.purse(provider, device.day)  # type: ignore[union-attr]
        known = NanoUsd(0) if deaf else shares.held(device.store, purse).granted

        def job(store: sqlite3.Connection) -> bytes | None:
            if not may_lease(purse.day, self.holder.wall_s):
                return None
            rest = budget.leasable(store, self.holder.caps, purse.day, provider)
            kept = shares.given(store, purse).lease(rest, known, NanoUsd(need), NanoUsd(wish))
            shares.keep_given(store, purse, kept)
            return seal_share(Lease(purse, kept.granted), self.holder.key)

        self._send(self.holder.commit(job, killed))

    @rule(subject=SUBJECTS, provider=PROVIDERS, need=AMOUNTS)
    def ask_hear_and_pay(self, subject: int, provider: str, need: int) -> None:
        """The usual way."""
        self.ask(subject, provider, need, 0, deaf=False, killed="no")
        self.deliver(-1, "no")
        self.pay(subject + 1, provider, need, killed=False)

    @rule(subject=SUBJECTS, provider=PROVIDERS)
    def give_back_and_be_heard(self, subject: int, provider: str) -> None:
        self.give_back(subject, provider, 0, "no")
        self.deliver(-1, "no")

    @rule(subject=SUBJECTS, provider=PROVIDERS, back=st.integers(0, 1), killed=KILLED)
    def give_back(self, subject: int, provider: str, back: int, killed: str) -> None:
        device = self.subjects[subject]
        purse = device.caps.account.purse(provider, device.day - back)  # type: ignore[union-attr]

        def job(store: sqlite3.Connection) -> bytes:
            kept = shares.held(store, purse).give_back(budget.booked(store, purse.day, purse.day, provider))
            shares.keep_held(store, purse, kept)
            return seal_share(Return(purse, kept.returned), device.key)

        self._send(device.commit(job, killed))

    @rule(which=st.integers(0, 10_000), killed=KILLED)
    def deliver(self, which: int, killed: str) -> None:
        if not self.air:
            return
        share = open_share(self.air[which % len(self.air)])
        device = self.holder if isinstance(share, Return) else self._of(share.purse)

        def job(store: sqlite3.Connection) -> None:
            if isinstance(share, Lease):
                shares.keep_held(store, share.purse, shares.held(store, share.purse).hear(share.granted))
            else:
                shares.keep_given(store, share.purse, shares.given(store, share.purse).hear(share.returned))

        device.commit(job, killed)

    @rule(who=st.integers(0, 3), provider=PROVIDERS, amount=AMOUNTS, killed=st.booleans())
    def pay(self, who: int, provider: str, amount: int, killed: bool) -> None:
        device, request = self.devices[who], str(next(self.names)).encode()
        found = budget.reserve(device.store, request, f"{provider}/m", NanoUsd(amount), device.caps, device.wall_s)
        assert isinstance(found, Reservation | OverCap | PaidBefore)
        if isinstance(found, Reservation):
            device.open.append(found)
        if killed:
            device.restart()

    @rule(who=st.integers(0, 3), end=st.sampled_from(["settle", "release", "doubt"]), part=st.integers(0, 100))
    def end(self, who: int, end: str, part: int) -> None:
        device = self.devices[who]
        if not device.open:
            return
        ended = device.open.pop(0)
        if end == "settle":
            budget.settle(device.store, ended.id, NanoUsd(ended.amount * part // 100))
        else:
            (budget.release if end == "release" else budget.doubt)(device.store, ended.id)

    @rule(who=st.integers(0, 3), days=st.sampled_from([0, 0, 0, -1, 1, 2]), seconds=st.integers(-200, 200))
    def set_clock(self, who: int, days: int, seconds: int) -> None:
        self.devices[who].wall_s = (START + days) * SECONDS_PER_DAY + seconds

    @rule(who=st.integers(0, 3))
    def kill(self, who: int) -> None:
        self.devices[who].restart()

    @rule(subject=SUBJECTS, amount=st.integers(1, 100))
    def claim_more_than_was_granted(self, subject: int, amount: int) -> None:
        """A member that lies about what comes back."""
        device = self.subjects[subject]
        purse = device.caps.account.purse("cloud", device.day)  # type: ignore[union-attr]
        kept = shares.given(self.holder.store, purse)
        try:
            kept.hear(NanoUsd(kept.granted + amount))
        except RecordError:
            return
        raise AssertionError("taken")

    @invariant()
    def the_caps_hold(self) -> None:
        for day in range(START - 2, START + 4):
            month = budget.month_of(day)
            for first, last, at, cap in (
                (day, day, None, CAPS.day),
                (*month, None, CAPS.month),
                (day, day, "cloud", CAPS.providers["cloud"].day),
                (*month, "cloud", CAPS.providers["cloud"].month),
            ):
                spent = sum(budget.booked(device.store, first, last, at) for device in self.devices)
                assert cap is not None
                assert spent <= cap, (day, at, spent)

    @invariant()
    def no_island_has_more_to_spend_than_the_holder_counts_as_out(self) -> None:
        for device, provider, day in itertools.product(self.subjects, ("cloud", "other"), range(START - 2, START + 4)):
            purse = device.caps.account.purse(provider, day)  # type: ignore[union-attr]
            kept, given_ = shares.held(device.store, purse), shares.given(self.holder.store, purse)
            assert kept.granted - kept.returned <= given_.out

    def _send(self, message: bytes | None) -> None:
        if message is not None:
            self.air.append(message)

    def _of(self, purse: Purse) -> Device:
        return next(device for device in self.subjects if device.key.island == purse.subject)


TestArchipelago = Archipelago.TestCase
TestArchipelago.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@settings(max_examples=200, deadline=None)
@given(cap=st.integers(0, 10**6), needs=st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
def test_an_idle_share_goes_to_whoever_needs_it_once_all_hear_each_other(cap: int, needs: list[int]) -> None:
    """One after another each island gets all that it needs, if the cap has it, whoever had it before."""
    purses: dict[int, tuple[Given, Held]] = {}
    for island, need in enumerate(needs):
        for other, (given_, held) in purses.items():  # recalled, and said to the holder
            kept = held.give_back(NanoUsd(0))
            purses[other] = given_.hear(kept.returned), kept
        out = sum(given_.out for given_, _ in purses.values())
        rest = left([Limit(NanoUsd(cap), NanoUsd(out))])
        assert rest is not None
        given_ = Given().lease(rest, NanoUsd(0), NanoUsd(need), NanoUsd(0))
        purses[island] = given_, Held().hear(given_.granted)
        assert purses[island][1].usable(NanoUsd(0)) == (need if need <= cap else 0)


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
@settings(max_examples=300, deadline=None)
def test_a_lease_never_grants_more_than_is_left(rest: int, known: int, need: int, wish: int) -> None:
    before = Given(NanoUsd(1_000), NanoUsd(10))
    after = before.lease(NanoUsd(rest), NanoUsd(known), NanoUsd(need), NanoUsd(wish))
    assert 0 <= after.granted - before.granted <= rest
    assert after.returned == before.returned
