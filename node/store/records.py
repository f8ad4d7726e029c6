"""What an archipelago member keeps: genesis, log, addresses, the wall clock's floor, accepted languages.

Functions on a connection, to be handed to `Store.write`, `write_soon`, `read` or `peek`.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence

from protocol.errors import StateError
from protocol.keys import IslandId

ADDRESSES_PER_ISLAND_MAX = 8
CLOCK_SKEW_S_MAX = 120


def fact(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def set_fact(connection: sqlite3.Connection, name: str, value: bytes) -> None:
    connection.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value)
    )


def keep_genesis(connection: sqlite3.Connection, raw: bytes) -> None:
    """Raises StateError where this node belongs to another archipelago already: it joins no second one."""
    known = genesis(connection)
    if known is not None and known != raw:
        raise StateError("this node belongs to another archipelago already")
    set_fact(connection, "genesis", raw)


def genesis(connection: sqlite3.Connection) -> bytes | None:
    """The signed genesis record, None before the node founded or joined anything."""
    return fact(connection, "genesis")


def forget_archipelago(connection: sqlite3.Connection) -> None:
    """Genesis, log and addresses go: for a node that was alone and joins others."""
    connection.execute("DELETE FROM facts WHERE name = 'genesis'")
    connection.execute("DELETE FROM log_entries")
    connection.execute("DELETE FROM addresses")


def keep_entries(connection: sqlite3.Connection, entries: Iterable[tuple[bytes, bytes]]) -> None:
    """Log entries as (hash, raw), already verified; known ones stay where they are."""
    connection.executemany("INSERT INTO log_entries (hash, raw) VALUES (?, ?) ON CONFLICT DO NOTHING", entries)


def entries(connection: sqlite3.Connection) -> tuple[bytes, ...]:
    """Every log entry in order of arrival. To be verified again: a disk is no authority."""
    return tuple(row[0] for row in connection.execute("SELECT raw FROM log_entries ORDER BY position"))


def keep_addresses(connection: sqlite3.Connection, island: IslandId, addresses: Sequence[str], wall_s: int) -> None:
    """Notes where an authenticated island was reached; the newest ADDRESSES_PER_ISLAND_MAX stay."""
    connection.executemany(
        "INSERT INTO addresses (island, address, seen_wall_s) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET seen_wall_s = excluded.seen_wall_s",
        [(island, address, wall_s) for address in addresses[:ADDRESSES_PER_ISLAND_MAX]],
    )
    connection.execute(
        """DELETE FROM addresses WHERE island = ? AND address NOT IN
           (SELECT address FROM addresses WHERE island = ? ORDER BY seen_wall_s DESC, address LIMIT ?)""",
        (island, island, ADDRESSES_PER_ISLAND_MAX),
    )


def addresses(connection: sqlite3.Connection) -> dict[IslandId, tuple[str, ...]]:
    """Known addresses by island, the one seen last first."""
    found: dict[IslandId, tuple[str, ...]] = {}
    rows = connection.execute("SELECT island, address FROM addresses ORDER BY island, seen_wall_s DESC, address")
    for island, address in rows:
        found[IslandId(island)] = (*found.get(IslandId(island), ()), address)
    return found


def forget_addresses(connection: sqlite3.Connection, island: IslandId) -> None:
    connection.execute("DELETE FROM addresses WHERE island = ?", (island,))


def wall_floor(connection: sqlite3.Connection) -> int:
    """The latest wall clock that this node has seen, Unix seconds."""
    value = fact(connection, "wall_floor_s")
    return int(value) if value is not None else 0


def raise_wall_floor(connection: sqlite3.Connection, wall_s: int) -> None:
    """Never lowers it."""
    set_fact(connection, "wall_floor_s", b"%d" % max(wall_s, wall_floor(connection)))


def reset_wall_floor(connection: sqlite3.Connection, wall_s: int) -> None:
    """The owner's act after a clock that ran ahead was put right; the node itself never does this."""
    set_fact(connection, "wall_floor_s", b"%d" % wall_s)


def clock_is_trusted(floor_s: int, wall_s: int) -> bool:
    """False where the clock runs behind what it showed before: then nobody can tell whether a certificate is valid."""
    return wall_s >= floor_s - CLOCK_SKEW_S_MAX


def accepted_languages(connection: sqlite3.Connection) -> frozenset[str]:
    """Languages without a name model that the owner accepted by name (ISO 639-1)."""
    value = fact(connection, "accepted_languages")
    return frozenset(json.loads(value)) if value is not None else frozenset()


def accept_languages(connection: sqlite3.Connection, languages: Iterable[str]) -> None:
    """Adds to the accepted languages."""
    together = accepted_languages(connection) | set(languages)
    set_fact(connection, "accepted_languages", json.dumps(sorted(together)).encode())
