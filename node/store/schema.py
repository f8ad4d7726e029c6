"""The tables, and how an older file becomes a newer one.

`MIGRATIONS[n]` leads from version n to n + 1; the version of a file is its `PRAGMA user_version`. Never edit a
migration that was released: append one.
"""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from protocol.errors import StateError

Migration = tuple[str, ...]

# STRICT: SQLite's own check then finds values of a wrong type, so that a damaged file is refused when it is opened.
_FIRST: Migration = (
    # Single values: genesis, the wall clock's floor, languages that the owner accepted, the key of keyed hashes.
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",
    # The membership log, exactly the bytes that were verified, in order of arrival.
    "CREATE TABLE log_entries (position INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, raw BLOB NOT NULL) STRICT",
    # Where islands were reached; a hint, never a proof.
    """CREATE TABLE addresses (
        island TEXT NOT NULL, address TEXT NOT NULL, seen_wall_s INTEGER NOT NULL, PRIMARY KEY (island, address)
    ) STRICT, WITHOUT ROWID""",
    # `hash` chains each receipt to the one before it.
    """CREATE TABLE receipts (
        position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_wall_s INTEGER NOT NULL,
        body TEXT NOT NULL, hash BLOB NOT NULL
    ) STRICT""",
    # `booked` is what counts against the caps: the amount reserved, or what it really was, or 0 once released.
    """CREATE TABLE reservations (
        id INTEGER PRIMARY KEY, request_id BLOB NOT NULL, offer TEXT NOT NULL, day INTEGER NOT NULL,
        amount INTEGER NOT NULL, booked INTEGER NOT NULL, state TEXT NOT NULL, at_wall_s INTEGER NOT NULL
    ) STRICT""",
    # The money rule itself: one request has at most one paid dispatch that was not definitely refused.
    "CREATE UNIQUE INDEX one_paid_dispatch ON reservations (request_id) WHERE state != 'released'",
    "CREATE INDEX open_reservations ON reservations (state) WHERE state = 'reserved'",
    "CREATE TABLE budget_days (day INTEGER PRIMARY KEY, booked INTEGER NOT NULL) STRICT",
    # Keyed hashes of paid requests that run or ended in doubt; rows live a minute.
    """CREATE TABLE paid_requests (
        fingerprint BLOB PRIMARY KEY, request_id BLOB NOT NULL, state TEXT NOT NULL,
        mono_ms INTEGER NOT NULL, wall_s INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)

# Lasting conversations and stored responses. Their names and contents are encrypted (node/store/row_key.py); `id` is a
# keyed hash of whose it is and how it is called. `used` grows with each use: the least one goes first.
_CONVERSATIONS: Migration = (
    """CREATE TABLE conversations (
        row INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, key_name TEXT NOT NULL,
        conversation BLOB, name BLOB NOT NULL, vault BLOB, response BLOB,
        size INTEGER NOT NULL, made_wall_s INTEGER NOT NULL, used_wall_s INTEGER NOT NULL, used INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX conversations_by_use ON conversations (used, size)",
    "CREATE INDEX responses_of_conversations ON conversations (conversation) WHERE conversation IS NOT NULL",
)

# Caps by provider, and the owner's cap in shares. `spending` is the sum of what is booked, by UTC day.
_SHARES: Migration = (
    """CREATE TABLE spending (
        day INTEGER NOT NULL, provider TEXT NOT NULL, booked INTEGER NOT NULL, PRIMARY KEY (day, provider)
    ) STRICT, WITHOUT ROWID""",
    """INSERT INTO spending (day, provider, booked)
        SELECT day, substr(offer, 1, instr(offer || '/', '/') - 1), SUM(booked) FROM reservations GROUP BY 1, 2""",
    "DROP TABLE budget_days",
    # What this node leased to `subject` as the holder of the owner's cap, and what came back: both only ever grow.
    """CREATE TABLE leases_given (
        archipelago BLOB NOT NULL, subject TEXT NOT NULL, provider TEXT NOT NULL, day INTEGER NOT NULL,
        granted INTEGER NOT NULL, returned INTEGER NOT NULL, PRIMARY KEY (archipelago, day, provider, subject)
    ) STRICT, WITHOUT ROWID""",
    # What was leased to this node, and what it gave back.
    """CREATE TABLE leases_held (
        archipelago BLOB NOT NULL, holder TEXT NOT NULL, provider TEXT NOT NULL, day INTEGER NOT NULL,
        granted INTEGER NOT NULL, returned INTEGER NOT NULL, PRIMARY KEY (archipelago, day, provider, holder)
    ) STRICT, WITHOUT ROWID""",
)

MIGRATIONS: tuple[Migration, ...] = (_FIRST, _CONVERSATIONS, _SHARES)


def version_of(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refuse_newer(path: Path, version: int, known: int) -> None:
    if version > known:
        raise StateError(
            f"{path}: version {version} was written by a newer IslandRun; this one knows up to {known}: upgrade it"
        )


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Brings the file to the newest version in one transaction, after a copy of an older one. Raises StateError."""
    version = version_of(connection)
    refuse_newer(path, version, len(migrations))
    if version == len(migrations):
        return
    if version > 0:
        _copy(connection, path.with_name(f"{path.name}.v{version}"))
    connection.execute("BEGIN EXCLUSIVE")
    try:
        for migration in migrations[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    """A whole copy beside the file, mode 0600; an older copy of the same version is replaced."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    connection.execute("VACUUM INTO ?", (str(target),))
    with target.open("rb") as copy:
        os.fsync(copy.fileno())
