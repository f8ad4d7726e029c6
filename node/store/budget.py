"""Money on disk: reserved before a paid dispatch, settled after it, booked in full where it is in doubt.

Functions on a connection. Every amount is nano-USD. Days are days since 1970-01-01 in UTC, so that every node of an
owner means the same day by a share of the cap.
"""

import datetime
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from node.store import shares
from protocol.errors import StateError
from protocol.keys import IslandId
from protocol.shares import SECONDS_PER_DAY, Limit, Purse, left
from protocol.terms import NanoUsd

_EPOCH = datetime.date(1970, 1, 1)


class ReservationState(StrEnum):
    """What became of reserved money."""

    RESERVED = "reserved"  # the paid request may be under way
    SETTLED = "settled"  # what it really cost is booked
    RELEASED = "released"  # a definite refusal: nothing is booked
    AMBIGUOUS = "ambiguous"  # nobody knows: the whole amount stays booked


class Bound(StrEnum):
    """What a payment may fall under."""

    DAY = "day"
    MONTH = "month"
    PROVIDER_DAY = "provider_day"
    PROVIDER_MONTH = "provider_month"
    LEASE = "lease"  # what the holder of the owner's cap leased to this island


@dataclass(frozen=True, slots=True)
class ProviderCaps:
    """What may be spent at one provider, besides what may be spent at all."""

    day: NanoUsd | None = None
    month: NanoUsd | None = None


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent; None means that no cap is set.

    `account`: the archipelago's cap that they are, where this island holds it; or that binds it besides, by leases.
    """

    day: NanoUsd | None = None
    month: NanoUsd | None = None
    providers: Mapping[str, ProviderCaps] = field(default_factory=lambda: MappingProxyType({}))
    account: "Account | None" = None


@dataclass(frozen=True, slots=True)
class Account:
    """The owner's cap, as this island has to do with it."""

    archipelago: bytes
    holder: IslandId
    me: IslandId

    @property
    def held(self) -> bool:
        return self.holder == self.me

    def purse(self, provider: str, day: int) -> Purse:
        """Of this island, which is not the holder."""
        return Purse(self.archipelago, self.holder, self.me, provider, day)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside for one paid dispatch."""

    id: int
    request_id: bytes
    offer: str
    day: int
    amount: NanoUsd
    at_wall_s: int


@dataclass(frozen=True, slots=True)
class OverCap:
    """The reservation would break a cap; `remaining` is what is left of it."""

    remaining: NanoUsd
    bound: Bound


@dataclass(frozen=True, slots=True)
class PaidBefore:
    """This request was dispatched to a paid offer before, without a definite refusal: never again."""

    offer: str


def day_of(wall_s: int) -> int:
    return wall_s // SECONDS_PER_DAY


def month_of(day: int) -> tuple[int, int]:
    """The first and the last day of the month that `day` is in."""
    date = _EPOCH + datetime.timedelta(days=day)
    first = date.replace(day=1)
    following = (first + datetime.timedelta(days=31)).replace(day=1)
    return (first - _EPOCH).days, (following - _EPOCH).days - 1


def provider_of(offer: str) -> str:
    """Of a paid offer: its island is the provider, whose name has no slash."""
    return offer.partition("/")[0]


def booked(connection: sqlite3.Connection, first_day: int, last_day: int, provider: str | None = None) -> NanoUsd:
    """Spent, in doubt and reserved, in the days from first to last, both included; at one provider or at all."""
    row = connection.execute(
        "SELECT COALESCE(SUM(booked), 0) FROM spending WHERE day BETWEEN ? AND ? AND (provider = ? OR ? IS NULL)",
        (first_day, last_day, provider, provider),
    ).fetchone()
    return NanoUsd(row[0])


def remaining(connection: sqlite3.Connection, caps: Caps, day: int, provider: str | None = None) -> NanoUsd | None:
    """What may still be spent at a provider; None where nothing bounds it. Without one: under the caps of all."""
    bounds = [rest for _, rest in _rests(connection, caps, day, provider)]
    return NanoUsd(max(0, min(bounds))) if bounds else None


def leasable(connection: sqlite3.Connection, caps: Caps, day: int, provider: str) -> NanoUsd:
    """What the holder may lease: nothing where it has no cap, since nobody needs to ask then."""
    return left(limit for _, limit in _limits(connection, caps, day, provider)) or NanoUsd(0)


def reserve(
    connection: sqlite3.Connection,
    request_id: bytes,
    offer: str,
    amount: NanoUsd,
    caps: Caps,
    wall_s: int,
) -> Reservation | OverCap | PaidBefore:
    """Sets money aside, if caps and the money rule allow it. Must be on disk before anything is sent."""
    if amount < 0:
        raise ValueError("an amount of money to reserve is not negative")
    earlier = connection.execute(
        "SELECT offer FROM reservations WHERE request_id = ? AND state != 'released'", (request_id,)
    ).fetchone()
    if earlier is not None:
        return PaidBefore(earlier[0])
    day, provider = day_of(wall_s), provider_of(offer)
    for bound, rest in _rests(connection, caps, day, provider):
        if amount > rest:
            return OverCap(NanoUsd(max(0, rest)), bound)
    cursor = connection.execute(
        "INSERT INTO reservations (request_id, offer, day, amount, booked, state, at_wall_s)"
        " VALUES (?, ?, ?, ?, ?, 'reserved', ?)",
        (request_id, offer, day, amount, amount, wall_s),
    )
    _book(connection, day, provider, amount)
    assert cursor.lastrowid is not None
    return Reservation(cursor.lastrowid, request_id, offer, day, amount, wall_s)


def settle(connection: sqlite3.Connection, reservation_id: int, actual: NanoUsd) -> None:
    """Books what it really cost, also where that is more than was reserved: it was spent."""
    if actual < 0:
        raise ValueError("a cost is not negative")
    _close(connection, reservation_id, ReservationState.SETTLED, actual)


def release(connection: sqlite3.Connection, reservation_id: int) -> None:
    """After a definite refusal only (not connected, 4xx except 408): nothing was spent."""
    _close(connection, reservation_id, ReservationState.RELEASED, NanoUsd(0))


def doubt(connection: sqlite3.Connection, reservation_id: int) -> None:
    """Neither a whole answer nor a definite refusal: the amount stays booked in full."""
    _close(connection, reservation_id, ReservationState.AMBIGUOUS, None)


def recover(connection: sqlite3.Connection) -> tuple[Reservation, ...]:
    """At start: what a crash left reserved may have been sent, so it is in doubt, and never released."""
    rows = connection.execute(
        "SELECT id, request_id, offer, day, amount, at_wall_s FROM reservations WHERE state = 'reserved' ORDER BY id"
    ).fetchall()
    left = tuple(Reservation(row[0], bytes(row[1]), row[2], row[3], NanoUsd(row[4]), row[5]) for row in rows)
    for reservation in left:
        doubt(connection, reservation.id)
    return left


@dataclass(frozen=True, slots=True)
class Spending:
    """What a day or a month has come to, at one provider."""

    provider: str
    booked: NanoUsd
    leased_out: NanoUsd  # to other devices, and not given back: this one holds the cap
    leased_here: NanoUsd  # from the holder, and not given back


def spending(connection: sqlite3.Connection, first_day: int, last_day: int) -> tuple[Spending, ...]:
    """By provider, from the first day to the last, both included."""
    span = (first_day, last_day)
    rows = connection.execute(
        "SELECT provider, SUM(booked), SUM(given), SUM(held) FROM ("
        " SELECT provider, booked, 0 AS given, 0 AS held FROM spending WHERE day BETWEEN ? AND ?"
        " UNION ALL SELECT provider, 0, granted - returned, 0 FROM leases_given WHERE day BETWEEN ? AND ?"
        " UNION ALL SELECT provider, 0, 0, granted - returned FROM leases_held WHERE day BETWEEN ? AND ?"
        ") GROUP BY provider ORDER BY provider",
        span * 3,
    ).fetchall()
    return tuple(Spending(row[0], NanoUsd(row[1]), NanoUsd(row[2]), NanoUsd(row[3])) for row in rows)


def without_receipt(connection: sqlite3.Connection) -> tuple[Reservation, ...]:
    """What was booked, and a crash kept from the ledger. `amount` is what was booked."""
    rows = connection.execute(
        "SELECT r.id, r.request_id, r.offer, r.day, r.booked, r.at_wall_s FROM reservations r"
        " LEFT JOIN receipts ON receipts.id = lower(hex(r.request_id))"
        " WHERE r.state != 'released' AND receipts.id IS NULL ORDER BY r.id"
    ).fetchall()
    return tuple(Reservation(row[0], bytes(row[1]), row[2], row[3], NanoUsd(row[4]), row[5]) for row in rows)


def _rests(connection: sqlite3.Connection, caps: Caps, day: int, provider: str | None) -> list[tuple[Bound, int]]:
    """What is left under each bound; below 0 where more was spent."""
    rests = [(bound, limit.cap - limit.used) for bound, limit in _limits(connection, caps, day, provider)]
    account = caps.account
    if account is not None and not account.held and provider is not None:
        held = shares.held(connection, account.purse(provider, day))
        rests.append((Bound.LEASE, held.usable(booked(connection, day, day, provider))))
    return rests


def _limits(connection: sqlite3.Connection, caps: Caps, day: int, provider: str | None) -> list[tuple[Bound, Limit]]:
    """The caps that are set, and what is gone of them: of the owner's also what is leased out."""
    first, last = month_of(day)
    found: list[tuple[Bound, NanoUsd | None, int, int, str | None]] = [
        (Bound.DAY, caps.day, day, day, None),
        (Bound.MONTH, caps.month, first, last, None),
    ]
    own = None if provider is None else caps.providers.get(provider)
    if own is not None:
        found.append((Bound.PROVIDER_DAY, own.day, day, day, provider))
        found.append((Bound.PROVIDER_MONTH, own.month, first, last, provider))
    account = caps.account

    def used(since: int, until: int, at: str | None) -> NanoUsd:
        out = shares.out(connection, account.archipelago, since, until, at) if account and account.held else 0
        return NanoUsd(booked(connection, since, until, at) + out)

    return [(bound, Limit(cap, used(since, until, at))) for bound, cap, since, until, at in found if cap is not None]


def _close(
    connection: sqlite3.Connection, reservation_id: int, state: ReservationState, amount: NanoUsd | None
) -> None:
    row = connection.execute(
        "SELECT day, booked, state, offer FROM reservations WHERE id = ?", (reservation_id,)
    ).fetchone()
    if row is None or row[2] != ReservationState.RESERVED:
        raise StateError(f"reservation {reservation_id}: {'unknown' if row is None else row[2]}: expected reserved")
    day, before, _, offer = row
    after = before if amount is None else amount
    connection.execute(
        "UPDATE reservations SET state = ?, booked = ? WHERE id = ?", (state.value, after, reservation_id)
    )
    _book(connection, day, provider_of(offer), after - before)


def _book(connection: sqlite3.Connection, day: int, provider: str, difference: int) -> None:
    connection.execute(
        "INSERT INTO spending (day, provider, booked) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET booked = booked + excluded.booked",
        (day, provider, difference),
    )
