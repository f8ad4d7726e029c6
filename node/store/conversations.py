"""Lasting conversations and stored responses on disk: encrypted, bounded, removable.

A row is either a conversation that a client named, or a response that it may go on from. It holds up to two values: the
vault, and of a response what it said with the history before it. Whose row it is, what it is called and what it holds
can be read with the key alone; how large it is and when it was used cannot be hidden from whoever has the disk.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import trio

from node.store.database import Store
from node.store.files import Entropy
from node.store.records import fact, set_fact
from node.store.row_key import RowKey, load_or_make
from protocol.errors import StateError
from protocol.terms import Now

_MARK = "conversations_key_mark"
VALUE_BYTES_MAX = 16 * 1024 * 1024  # a history is read from a request of 8 MiB, and written with its escapes


class Kind(StrEnum):
    """What a row is."""

    NAMED = "named"
    RESPONSE = "response"


class Column(StrEnum):
    """What a row holds."""

    VAULT = "vault"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Ref:
    """One row: what is of another key's name is another row."""

    kind: Kind
    key_name: str  # of the API key that made it
    name: str  # as the client gave it, or the response's id


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beyond these the least recently used go; what nobody used for so long goes too."""

    rows: int = 5_000
    bytes: int = 128 * 1024 * 1024  # half of what the store checks at its start
    age_s: int = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Kept:
    """What the owner sees of a row. `name` is None where the row is damaged."""

    kind: Kind
    key_name: str
    name: str | None
    made_wall_s: int
    used_wall_s: int
    bytes: int


class Conversations:
    """The rows. Nothing is read or made before the first that is needed. One a node."""

    def __init__(
        self, store: Store, key_path: Path, clock: Callable[[], Now], entropy: Entropy, bounds: Bounds | None = None
    ) -> None:
        self.bounds = bounds or Bounds()
        self._store = store
        self._key_path = key_path
        self._clock = clock
        self._entropy = entropy
        self._key_in_use: RowKey | None = None

    def value(self, ref: Ref, column: Column) -> bytes | None:
        """At once: a look-up of one row. None where there is none. Raises StateError: no key, another, or damage."""
        key = self._key_of_rows()
        if key is None:
            return None
        id_ = _id(key, ref)
        query = f"SELECT {column.value} FROM conversations WHERE id = ?"
        row = self._store.peek(lambda connection: connection.execute(query, (id_,)).fetchone())
        if row is None or row[0] is None:
            return None
        plain = key.open((column.value.encode(), id_), row[0])
        wall_s = self._clock().wall_s
        self._store.write_soon(lambda connection: _touch(connection, id_, wall_s))
        return plain

    async def keep(self, ref: Ref, column: Column, plain: bytes, conversation: Ref | None = None) -> None:
        """Returns once it is on disk, the old value or the new one and never a part. `conversation`: whose end is this
        row's too. Goes to its end even when cancelled. Raises StateError.
        """
        if len(plain) > VALUE_BYTES_MAX:
            raise StateError(f"a conversation of more than {VALUE_BYTES_MAX} bytes is not kept: begin another")
        key, wall_s, bounds = self._key(), self._clock().wall_s, self.bounds
        id_ = _id(key, ref)
        row = {
            "id": id_,
            "kind": ref.kind.value,
            "key_name": ref.key_name,
            "conversation": None if conversation is None else _id(key, conversation),
            "name": key.seal((b"name", id_), ref.name.encode()),
            "value": key.seal((column.value.encode(), id_), plain),
            "wall_s": wall_s,
        }

        def job(connection: sqlite3.Connection) -> None:
            set_fact(connection, _MARK, key.mark)
            connection.execute(_KEEP[column], row)
            _touch(connection, id_, wall_s)
            _shrink(connection, bounds, id_)

        with trio.CancelScope(shield=True):
            await self._store.write(job)

    async def remove(self, ref: Ref) -> bool:
        """With what was made in it. False where there is none. Raises StateError."""
        key = self._key_of_rows()
        if key is None:
            return False
        id_ = _id(key, ref)
        return await self._store.write(lambda connection: _remove(connection, id_)) > 0

    async def remove_all(self) -> int:
        """Needs no key: also where it was lost."""

        def job(connection: sqlite3.Connection) -> int:
            connection.execute("DELETE FROM facts WHERE name = ?", (_MARK,))
            return connection.execute("DELETE FROM conversations").rowcount

        self._key_in_use = None
        return await self._store.write(job)

    async def expire(self) -> None:
        """Removes what nobody used for too long."""
        oldest = self._clock().wall_s - self.bounds.age_s
        await self._store.write(
            lambda connection: connection.execute("DELETE FROM conversations WHERE used_wall_s < ?", (oldest,)).rowcount
        )

    async def kept(self) -> tuple[Kept, ...]:
        """The most recently used first. Raises StateError where there is no key for them."""
        key = self._key_of_rows()
        if key is None:
            return ()
        query = "SELECT id, kind, key_name, name, made_wall_s, used_wall_s, size FROM conversations ORDER BY used DESC"
        rows = await self._store.read(lambda connection: connection.execute(query).fetchall())
        return tuple(
            Kept(Kind(kind), key_name, _name(key, id_, name), made, used, size)
            for id_, kind, key_name, name, made, used, size in rows
        )

    def _key_of_rows(self) -> RowKey | None:
        """None where nothing was ever kept."""
        return None if self._key_in_use is None and self._mark() is None else self._key()

    def _key(self) -> RowKey:
        if self._key_in_use is None:
            self._key_in_use = load_or_make(self._key_path, self._mark(), self._entropy)
        return self._key_in_use

    def _mark(self) -> bytes | None:
        return self._store.peek(lambda connection: fact(connection, _MARK))


def _id(key: RowKey, ref: Ref) -> bytes:
    return key.hashed((b"row", ref.kind.value.encode(), ref.key_name.encode(), ref.name.encode()))


def _name(key: RowKey, id_: bytes, sealed: bytes) -> str | None:
    try:
        return key.open((b"name", id_), sealed).decode()
    except (StateError, UnicodeDecodeError):
        return None


def _keep(column: Column) -> str:
    value, other = column.value, {Column.VAULT: Column.RESPONSE, Column.RESPONSE: Column.VAULT}[column].value
    return (
        f"INSERT INTO conversations"
        f" (id, kind, key_name, conversation, name, {value}, size, made_wall_s, used_wall_s, used)"
        f" VALUES (:id, :kind, :key_name, :conversation, :name, :value, length(:name) + length(:value), :wall_s, 0, 0)"
        f" ON CONFLICT (id) DO UPDATE SET {value} = :value, conversation = coalesce(:conversation, conversation),"
        f" size = length(name) + length(:value) + coalesce(length({other}), 0)"
    )


_KEEP = {column: _keep(column) for column in Column}


def _touch(connection: sqlite3.Connection, id_: bytes, wall_s: int) -> None:
    connection.execute(
        "UPDATE conversations SET used_wall_s = ?, used = (SELECT coalesce(max(used), 0) + 1 FROM conversations)"
        " WHERE id = ?",
        (wall_s, id_),
    )


def _remove(connection: sqlite3.Connection, id_: bytes) -> int:
    return connection.execute("DELETE FROM conversations WHERE id = ? OR conversation = ?", (id_, id_)).rowcount


def _shrink(connection: sqlite3.Connection, bounds: Bounds, last: bytes) -> None:
    """`last`, which was just written, stays."""
    rows, size = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM conversations").fetchone()
    while rows > bounds.rows or size > bounds.bytes:
        oldest = connection.execute(
            "SELECT row, size FROM conversations WHERE id != ? ORDER BY used LIMIT 1", (last,)
        ).fetchone()
        if oldest is None:
            return
        connection.execute("DELETE FROM conversations WHERE row = ?", (oldest[0],))
        rows, size = rows - 1, size - oldest[1]
