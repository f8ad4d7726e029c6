"""What a collection's file says of itself: one small table beside its documents."""

import sqlite3

from node.collections.terms import CollectionId, Notice
from protocol.errors import StateError
from protocol.terms import Sensitivity

TABLE = "CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID"


def about(connection: sqlite3.Connection, name: str) -> object:
    """None where the file says nothing of it."""
    row = connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def set_about(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute("INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)", (name, value))


def notice_of(connection: sqlite3.Connection) -> Notice:
    """Raises StateError."""
    said = dict(connection.execute("SELECT name, value FROM about"))
    try:
        label = Sensitivity.parse(said["label"])
        return Notice(CollectionId(bytes(said["id"])), str(said["name"]), label, bytes(said["digest"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"a collection's file is damaged: {error}") from error
