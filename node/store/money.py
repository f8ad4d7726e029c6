"""The money rule as the pipeline calls it: ask, reserve on disk, send at most once, say how it ended.

marks = money.marks(key_name, idempotency_key, body)
if money.repeated(marks, request_id, now): …409…
match await money.reserve(request_id, offer, amount, caps, marks, now):
    case Reservation() as reservation: …send… then exactly one of settle, release, doubt
"""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import trio

from node.store import budget, idempotency, ledger, shares
from node.store.budget import Account, Caps, OverCap, PaidBefore, Reservation
from node.store.database import Store
from node.store.files import Entropy
from node.store.records import fact, set_fact
from protocol.errors import StateError
from protocol.shares import Given, Held, Purse
from protocol.terms import NanoUsd, Now, Sensitivity

TOLD_MAX = 256  # requests whose end was told and which the disk may still call running
Book = Callable[[sqlite3.Connection], None]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same request runs on a paid offer, or ended there in doubt less than a minute ago: 409."""


class Money:
    """Reservations, caps and repeats of one node. Made by `open` once a start, before the first request."""

    def __init__(self, store: Store, hash_key: bytes, recovered: tuple[Reservation, ...]) -> None:
        self._store = store
        self._hash_key = hash_key
        self._told: OrderedDict[bytes, None] = OrderedDict()
        self.recovered = recovered
        """What an earlier crash left in doubt; booked in full, with a receipt each."""

    @classmethod
    async def open(cls, store: Store, entropy: Entropy, now: Now) -> "Money":
        """Puts on disk that whatever a crash left reserved or running is in doubt. Raises StateError."""
        fresh_key = entropy(idempotency.HASH_KEY_BYTES)

        def job(connection: sqlite3.Connection) -> tuple[bytes, tuple[Reservation, ...]]:
            hash_key = fact(connection, "fingerprint_key")
            if hash_key is None:
                hash_key = fresh_key
                set_fact(connection, "fingerprint_key", hash_key)
            left = budget.recover(connection)
            idempotency.recover(connection, now)
            for reservation in budget.without_receipt(connection):
                _receipt_of_crash(connection, reservation)
            return hash_key, left

        return cls(store, *await store.write(job))

    def marks(self, key_name: str, idempotency_key: str | None, body: bytes) -> tuple[bytes, ...]:
        """What the same request is recognised by; `body` as the client sent it."""
        return idempotency.fingerprints(self._hash_key, key_name, idempotency_key, body)

    def repeated(self, marks: tuple[bytes, ...], request_id: bytes, now: Now) -> bool:
        """For every request, before anything else: True means 409 with `x-should-retry: false`. Microseconds."""
        mine = (request_id, *self._told)
        return self._store.peek(lambda connection: idempotency.repeated(connection, marks, mine, now))

    def remaining(self, caps: Caps, now: Now) -> NanoUsd | None:
        """For the cost agent: what may still be spent; None when there is no cap. Microseconds."""
        return self._store.peek(lambda connection: budget.remaining(connection, caps, budget.day_of(now.wall_s)))

    def remaining_for(self, caps: Caps, provider: str, now: Now) -> NanoUsd | None:
        """What every cap and lease together leave for one provider now; None where nothing bounds it. Microseconds."""
        day = budget.day_of(now.wall_s)
        return self._store.peek(lambda connection: budget.remaining(connection, caps, day, provider))

    async def lease(
        self, caps: Caps, purse: Purse, known: NanoUsd, need: NanoUsd, wish: NanoUsd
    ) -> tuple[Given, NanoUsd]:
        """As the holder: grants what the rule allows, on disk. Returns the purse, and what was left before it."""

        def job(connection: sqlite3.Connection) -> tuple[Given, NanoUsd]:
            rest = budget.leasable(connection, caps, purse.day, purse.provider)
            before = shares.given(connection, purse)
            after = before.lease(rest, known, need, wish)
            if after != before:
                shares.keep_given(connection, purse, after)
            return after, rest

        return await self._store.write(job)

    async def came_back(self, purse: Purse, returned: NanoUsd) -> Given:
        """As the holder: notes a return. Raises RecordError where it is more than was granted."""

        def job(connection: sqlite3.Connection) -> Given:
            after = shares.given(connection, purse).hear(returned)
            shares.keep_given(connection, purse, after)
            return after

        return await self._store.write(job)

    async def leased(self, purse: Purse, granted: NanoUsd) -> None:
        """As the subject: a lease came."""
        await self._store.write(lambda c: shares.keep_held(c, purse, shares.held(c, purse).hear(granted)))

    async def give_back(self, purse: Purse) -> Held:
        """As the subject: what is not booked is given up, on disk. Only then may it be said."""

        def job(connection: sqlite3.Connection) -> Held:
            spent = budget.booked(connection, purse.day, purse.day, purse.provider)
            after = shares.held(connection, purse).give_back(spent)
            if after.granted:
                shares.keep_held(connection, purse, after)
            return after

        return await self._store.write(job)

    def held(self, purse: Purse) -> tuple[Held, NanoUsd]:
        """As the subject: the purse, and what may be spent of it; below 0 where more was spent."""

        def job(connection: sqlite3.Connection) -> tuple[Held, NanoUsd]:
            kept = shares.held(connection, purse)
            return kept, kept.usable(budget.booked(connection, purse.day, purse.day, purse.provider))

        return self._store.peek(job)

    def purses_held(self, account: Account, last_day: int) -> tuple[tuple[Purse, Held], ...]:
        """As the subject: those of that month and the one before, up to `last_day`."""
        first, _ = budget.month_of(budget.month_of(last_day)[0] - 1)
        return self._store.peek(lambda c: shares.purses_held(c, account.archipelago, account.me, first, last_day))

    def purses_out(self, account: Account, day: int) -> tuple[tuple[Purse, Given], ...]:
        """As the holder: those of the day's month of which something may come back, the newest first."""
        first, last = budget.month_of(day)
        return self._store.peek(lambda c: shares.purses_out(c, account.archipelago, account.holder, first, last))

    async def holder_since(self, account: Account, now: Now) -> int:
        """The day on which this island first found itself the holder of that archipelago's cap."""
        name = f"cap_holder_{account.archipelago.hex()}"

        def job(connection: sqlite3.Connection) -> int:
            known = fact(connection, name)
            if known is None:
                known = budget.day_of(now.wall_s).to_bytes(8, "big")
                set_fact(connection, name, known)
            return int.from_bytes(known, "big")

        return await self._store.write(job)

    def spent_today(self, now: Now) -> NanoUsd:
        """Spent, in doubt and reserved today."""
        day = budget.day_of(now.wall_s)
        return self._store.peek(lambda connection: budget.booked(connection, day, day))

    async def reserve(
        self, request_id: bytes, offer: str, amount: NanoUsd, caps: Caps, marks: tuple[bytes, ...], now: Now
    ) -> Reservation | OverCap | PaidBefore | Repeated:
        """Returns once the reservation is on disk; only then may the request be sent, once.

        Goes to its end even when cancelled, so that a reservation always has somebody who ends it: `release` it when
        nothing was sent. Raises StateError (disk full, or hanging): nothing may be sent.
        """

        def job(connection: sqlite3.Connection) -> Reservation | OverCap | PaidBefore | Repeated:
            if idempotency.repeated(connection, marks, (request_id,), now):
                return Repeated()
            result = budget.reserve(connection, request_id, offer, amount, caps, now.wall_s)
            if isinstance(result, Reservation):
                idempotency.begin(connection, marks, request_id, now)
            return result

        with trio.CancelScope(shield=True):
            return await self._store.write(job)

    async def settle(self, reservation: Reservation, actual: NanoUsd, now: Now) -> None:
        """A whole answer came, or one that the client cancelled: books `actual`. Then the end may be told.

        Until `told` says that it was, the same request is a repeat: a client that a crash kept the answer from asks
        again, and must not pay again unasked.
        """
        await self._end(reservation, now, lambda connection: budget.settle(connection, reservation.id, actual), None)

    def told(self, reservation: Reservation) -> None:
        """The client has the end of what was settled, or went away: asking the same is a new wish. Does not wait."""
        request_id = reservation.request_id
        self._told[request_id] = None  # counts at once, also before the disk has it
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        self._store.write_soon(lambda connection: idempotency.forget(connection, request_id))

    async def release(self, reservation: Reservation, now: Now) -> None:
        """A definite refusal came: once this returns, another paid offer may be tried."""
        await self._end(reservation, now, lambda connection: budget.release(connection, reservation.id), False)

    async def doubt(self, reservation: Reservation, now: Now) -> None:
        """Neither a whole answer nor a definite refusal: booked in full, repeats get 409 for a minute."""
        await self._end(reservation, now, lambda connection: budget.doubt(connection, reservation.id), True)

    async def _end(self, reservation: Reservation, now: Now, book: Book, ambiguous: bool | None) -> None:
        """Goes to its end even when cancelled. `ambiguous` None: the request goes on counting as one that runs.

        A failing disk raises nothing here: the store's health says so, the amount stays booked in full, and the next
        start counts it as in doubt.
        """

        def job(connection: sqlite3.Connection) -> None:
            book(connection)
            if ambiguous is not None:
                idempotency.finish(connection, reservation.request_id, now, ambiguous=ambiguous)

        with trio.CancelScope(shield=True):
            try:
                await self._store.write(job)
            except StateError as error:
                self._store.note_lost(error)


def _receipt_of_crash(connection: sqlite3.Connection, reservation: Reservation) -> None:
    """What is known of a request whose receipt a crash kept from the ledger. Whether the client has the answer is not
    known, also where it was settled."""
    island = reservation.offer.partition("/")[0]
    ledger.append(
        connection,
        ledger.Receipt(
            id=reservation.request_id.hex(),
            at_wall_s=reservation.at_wall_s,
            key_name="",
            asker="",
            model_asked="",
            island=island,
            offer=reservation.offer,
            tier=None,
            sensitivity=Sensitivity.RESTRICTED,
            sensitivity_after=Sensitivity.RESTRICTED,
            sanitized=False,
            prompt_tokens=0,
            completion_tokens=0,
            ttft_ms=None,
            total_ms=0,
            cost=reservation.amount,
            outcome=ledger.Outcome.AMBIGUOUS,
        ),
    )
