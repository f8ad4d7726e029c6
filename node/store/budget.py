"""Money on disk: reserved before a paid dispatch, settled after it, booked in full where it is in doubt.

Functions on a connection. Every amount is nano-USD. Days are days since 1970-01-01 in UTC, so that every node of an
owner means the same day by a share of the cap.
"""

import datetime
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from protocol.errors import StateError
from protocol.terms import NanoUsd

SECONDS_PER_DAY = 86_400
_EPOCH = datetime.date(1970, 1, 1)


class ReservationState(StrEnum):
    """What became of reserved money."""

    RESERVED = "reserved"  # the paid request may be under way
    SETTLED = "settled"  # what it really cost is booked
    RELEASED = "released"  # a definite refusal: nothing is booked
    AMBIGUOUS = "ambiguous"  # nobody knows: the whole amount stays booked


@dataclass(frozen=True, slots=True)
class Caps:
    """What may be spent; None means that the owner set no cap."""

    day: NanoUsd | None = None
    month: NanoUsd | None = None

    @property
    def any(self) -> bool:
        return self.day is not None or self.month is not None


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
    period: str  # day | month


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


def remaining_share(share: NanoUsd | None, spent: NanoUsd) -> NanoUsd | None:
    """What is left of a share for the day; never below 0. None: no cap."""
    return None if share is None else NanoUsd(max(0, share - spent))


def effective_day_cap(share: NanoUsd | None, configured: NanoUsd | None) -> NanoUsd | None:
    """The smaller of the certificate's share and this node's own configuration: a node may only tighten."""
    known = [cap for cap in (share, configured) if cap is not None]
    return min(known) if known else None


def booked(connection: sqlite3.Connection, first_day: int, last_day: int) -> NanoUsd:
    """Spent, in doubt and reserved, in the days from first to last, both included."""
    row = connection.execute(
        "SELECT COALESCE(SUM(booked), 0) FROM budget_days WHERE day BETWEEN ? AND ?", (first_day, last_day)
    ).fetchone()
    return NanoUsd(row[0])


def remaining(connection: sqlite3.Connection, caps: Caps, day: int) -> NanoUsd | None:
    """What may still be spent under both caps; None when there is no cap."""
    left = [NanoUsd(cap - booked(connection, first, last)) for _, cap, first, last in _periods(caps, day)]
    return NanoUsd(max(0, min(left))) if left else None


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
    day = day_of(wall_s)
    for period, cap, first, last in _periods(caps, day):
        left = cap - booked(connection, first, last)
        if amount > left:
            return OverCap(NanoUsd(max(0, left)), period)
    cursor = connection.execute(
        "INSERT INTO reservations (request_id, offer, day, amount, booked, state, at_wall_s)"
        " VALUES (?, ?, ?, ?, ?, 'reserved', ?)",
        (request_id, offer, day, amount, amount, wall_s),
    )
    _book(connection, day, amount)
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


def _periods(caps: Caps, day: int) -> list[tuple[str, NanoUsd, int, int]]:
    periods = []
    if caps.day is not None:
        periods.append(("day", caps.day, day, day))
    if caps.month is not None:
        periods.append(("month", caps.month, *month_of(day)))
    return periods


def _close(
    connection: sqlite3.Connection, reservation_id: int, state: ReservationState, amount: NanoUsd | None
) -> None:
    row = connection.execute("SELECT day, booked, state FROM reservations WHERE id = ?", (reservation_id,)).fetchone()
    if row is None or row[2] != ReservationState.RESERVED:
        raise StateError(f"reservation {reservation_id}: {'unknown' if row is None else row[2]}: expected reserved")
    day, before, _ = row
    after = before if amount is None else amount
    connection.execute(
        "UPDATE reservations SET state = ?, booked = ? WHERE id = ?", (state.value, after, reservation_id)
    )
    _book(connection, day, after - before)


def _book(connection: sqlite3.Connection, day: int, difference: int) -> None:
    connection.execute(
        "INSERT INTO budget_days (day, booked) VALUES (?, ?)"
        " ON CONFLICT DO UPDATE SET booked = booked + excluded.booked",
        (day, difference),
    )
