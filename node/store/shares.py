"""Purses on disk: what this node leased to others as the cap's holder, and what was leased to it. Functions on a
connection; what they mean is in protocol/shares.py."""

import sqlite3

from protocol.keys import IslandId
from protocol.shares import Given, Held, Purse
from protocol.terms import NanoUsd


def given(connection: sqlite3.Connection, purse: Purse) -> Given:
    """As the holder has it; nothing granted where there is no row."""
    row = connection.execute(
        "SELECT granted, returned FROM leases_given WHERE archipelago = ? AND subject = ? AND provider = ? AND day = ?",
        (purse.archipelago, purse.subject, purse.provider, purse.day),
    ).fetchone()
    return Given() if row is None else Given(NanoUsd(row[0]), NanoUsd(row[1]))


def keep_given(connection: sqlite3.Connection, purse: Purse, kept: Given) -> None:
    connection.execute(
        "INSERT INTO leases_given (archipelago, subject, provider, day, granted, returned) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET granted = excluded.granted, returned = excluded.returned",
        (purse.archipelago, purse.subject, purse.provider, purse.day, kept.granted, kept.returned),
    )


def held(connection: sqlite3.Connection, purse: Purse) -> Held:
    """As the subject has it."""
    row = connection.execute(
        "SELECT granted, returned FROM leases_held WHERE archipelago = ? AND holder = ? AND provider = ? AND day = ?",
        (purse.archipelago, purse.holder, purse.provider, purse.day),
    ).fetchone()
    return Held() if row is None else Held(NanoUsd(row[0]), NanoUsd(row[1]))


def keep_held(connection: sqlite3.Connection, purse: Purse, kept: Held) -> None:
    connection.execute(
        "INSERT INTO leases_held (archipelago, holder, provider, day, granted, returned) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET granted = excluded.granted, returned = excluded.returned",
        (purse.archipelago, purse.holder, purse.provider, purse.day, kept.granted, kept.returned),
    )


def out(connection: sqlite3.Connection, archipelago: bytes, first_day: int, last_day: int, provider: str | None) -> int:
    """Granted and not returned, over all subjects, from the first day to the last; at one provider or at all."""
    row = connection.execute(
        "SELECT COALESCE(SUM(granted - returned), 0) FROM leases_given"
        " WHERE archipelago = ? AND day BETWEEN ? AND ? AND (provider = ? OR ? IS NULL)",
        (archipelago, first_day, last_day, provider, provider),
    ).fetchone()
    return int(row[0])


def purses_out(
    connection: sqlite3.Connection, archipelago: bytes, holder: IslandId, first_day: int, last_day: int
) -> tuple[tuple[Purse, Given], ...]:
    """The purses of which the holder may get something back."""
    rows = connection.execute(
        "SELECT subject, provider, day, granted, returned FROM leases_given"
        " WHERE archipelago = ? AND day BETWEEN ? AND ? AND granted > returned ORDER BY day DESC, subject, provider",
        (archipelago, first_day, last_day),
    ).fetchall()
    return tuple(
        (Purse(archipelago, holder, IslandId(row[0]), row[1], row[2]), Given(NanoUsd(row[3]), NanoUsd(row[4])))
        for row in rows
    )


def purses_held(
    connection: sqlite3.Connection, archipelago: bytes, subject: IslandId, first_day: int, last_day: int
) -> tuple[tuple[Purse, Held], ...]:
    """The purses in which anything ever was."""
    rows = connection.execute(
        "SELECT holder, provider, day, granted, returned FROM leases_held"
        " WHERE archipelago = ? AND day BETWEEN ? AND ? ORDER BY day, provider, holder",
        (archipelago, first_day, last_day),
    ).fetchall()
    return tuple(
        (Purse(archipelago, IslandId(row[0]), subject, row[1], row[2]), Held(NanoUsd(row[3]), NanoUsd(row[4])))
        for row in rows
    )
