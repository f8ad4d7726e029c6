"""One collection's file: its documents' passages in SQLite FTS5, and what it was made from."""

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.collections.chunks import chunks
from node.collections.extraction import FILE_BYTES_MAX, lines_of, skip_reason, text_of
from node.collections.folder import Entry, documents, read_document
from node.collections.query import match_query
from node.collections.terms import CollectionId, Held, Indexed, Notice, Passage
from protocol.errors import StateError
from protocol.terms import Sensitivity

SCHEMA_VERSION = 1
BATCH_BYTES = 4 * 1024 * 1024  # read between two commits: what a kill costs, and what memory holds
PASSAGES_MAX = 50
BUSY_SECONDS_MAX = 5.0
_SCHEMA = (
    "CREATE TABLE about (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        digest BLOB NOT NULL, first_row INTEGER NOT NULL, next_row INTEGER NOT NULL, skipped TEXT
    )""",
    """CREATE VIRTUAL TABLE passages USING fts5(
        text, place UNINDEXED, file UNINDEXED, tokenize = "unicode61 remove_diacritics 2"
    )""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

Progress = Callable[[int, int], None]
"""Told now and then: files done, bytes read."""


@dataclass(frozen=True, slots=True)
class Index:
    """The file of one collection. Every call opens it anew, so any thread or process may call."""

    path: Path

    @classmethod
    def create(cls, path: Path, collection: CollectionId, name: str, label: Sensitivity, root: Path) -> "Index":
        """Raises StateError."""
        path.touch(mode=0o600, exist_ok=False)
        index = cls(path)
        with index._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA:
                connection.execute(statement)
            about = {"id": collection, "name": name, "label": label.label, "root": str(root), "digest": b"", "stale": 0}
            connection.executemany("INSERT INTO about (name, value) VALUES (?, ?)", about.items())
        return index

    def notice(self) -> Notice:
        with self._open() as connection:
            return _notice(connection)

    def held(self) -> Held:
        """For the owner's list."""
        with self._open() as connection:
            skipped = dict(
                connection.execute("SELECT skipped, COUNT(*) FROM files WHERE skipped IS NOT NULL GROUP BY skipped")
            )
            files, passages = connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(next_row - first_row), 0) FROM files WHERE skipped IS NULL"
            ).fetchone()
            return Held(_notice(connection), str(_about(connection, "root")), files, passages, skipped)

    def describe(self, label: Sensitivity, root: Path) -> None:
        """The owner's word, said again: another label, another folder."""
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            _set_about(connection, "label", label.label)
            if _about(connection, "root") != str(root):
                _set_about(connection, "root", str(root))
                # The same name, size and time in another folder is another file: read all of them again.
                connection.execute("UPDATE files SET mtime_ns = -1")

    def update(self, excluded: Path, progress: Progress | None = None) -> Indexed:
        """Makes the index what the folder is now. Killed in between, the next call goes on where it was.

        What is no longer there leaves no trace in the file. Raises StateError when the folder is away or the disk full.
        """
        with self._open() as connection:
            root = Path(str(_about(connection, "root")))
            if not root.is_dir():
                raise StateError(f"{root}: no such folder: nothing of the collection was changed")
            return _Update(connection, root, excluded, progress).run()

    def search(self, question: str, limit: int) -> tuple[Passage, ...]:
        """The passages that fit best, best first. No question can fail: hostile text finds words or nothing."""
        with self._open() as connection:
            connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, passages, row)")

            def frequency(word: str) -> int:
                row = connection.execute("SELECT doc FROM temp.words WHERE term = ?", (word,)).fetchone()
                return 0 if row is None else int(row[0])

            query = match_query(question, frequency)
            if query is None:
                return ()
            rows = connection.execute(
                """SELECT files.path, passages.place, passages.text, best.rank
                   FROM (SELECT rowid, rank FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?) AS best
                   JOIN passages ON passages.rowid = best.rowid JOIN files ON files.id = passages.file
                   ORDER BY best.rank, best.rowid""",
                (query, max(1, min(limit, PASSAGES_MAX))),
            ).fetchall()
        return tuple(Passage(path, place, text, -rank) for path, place, text, rank in rows)

    def mark(self) -> tuple[int, ...] | None:
        """Differs after every change to the file, whoever made it; None when it is gone. Microseconds."""
        try:
            main = self.path.stat()
        except FileNotFoundError:
            return None
        try:
            log = self._beside("-wal").stat()
        except FileNotFoundError:
            return (main.st_ino, main.st_mtime_ns, main.st_size)
        return (main.st_ino, main.st_mtime_ns, main.st_size, log.st_ino, log.st_mtime_ns, log.st_size)

    def erase(self) -> None:
        """Overwrites the file, then takes it away."""
        for path in (self._beside("-wal"), self.path):
            try:
                with path.open("r+b") as file:
                    _overwrite(file.fileno())
            except FileNotFoundError:
                continue
            path.unlink(missing_ok=True)
        self._beside("-shm").unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(self.path.name + ending)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            # mode=rw: a collection removed meanwhile must not come back as an empty file.
            uri = f"{self.path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS_MAX, isolation_level=None)
            with closing(connection):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")  # it can be made again from the documents
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("PRAGMA cache_size = -16384")
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > SCHEMA_VERSION:
                    raise StateError(f"{self.path}: version {version} was written by a newer IslandRun: upgrade it")
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StateError(f"{self.path}: {error}") from error


class _Update:
    """One walk over the folder."""

    def __init__(self, connection: sqlite3.Connection, root: Path, excluded: Path, progress: Progress | None) -> None:
        self._connection = connection
        self._root = root
        self._excluded = excluded
        self._progress = progress
        self._known: dict[str, tuple[int, int, int]] = {
            path: (file, size, mtime_ns)
            for file, path, size, mtime_ns in connection.execute("SELECT id, path, size, mtime_ns FROM files")
        }
        self._next_row = connection.execute("SELECT COALESCE(MAX(next_row), 1) FROM files").fetchone()[0]
        self._read = self._unchanged = self._bytes = self._pending = self._seen = 0

    def run(self) -> Indexed:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for entry in documents(self._root, self._excluded):
                self._take(entry)
            removed = len(self._known)
            for file, _, _ in self._known.values():
                self._forget(file)
            _set_about(connection, "digest", _digest(connection))
            stale = bool(_about(connection, "stale"))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if stale:
            _expunge(connection)
        skipped = Counter(
            reason for (reason,) in connection.execute("SELECT skipped FROM files WHERE skipped IS NOT NULL")
        )
        return Indexed(_notice(connection), self._read, self._unchanged, removed, dict(skipped), self._bytes)

    def _take(self, entry: Entry) -> None:
        self._seen += 1
        known = self._known.pop(entry.path, None)
        if known is not None and known[1:] == (entry.size, entry.mtime_ns):
            self._unchanged += 1
            return
        reason = skip_reason(entry.path, entry.size)
        data = read_document(self._root, entry, FILE_BYTES_MAX) if reason is None else None
        text = text_of(entry.path, data) if data is not None else None
        if reason is None and text is None:
            reason = "cannot be read" if data is None else "not text"
        digest = _file_digest(entry.path, data or b"")
        if known is not None and self._touched(known[0], entry, digest, reason):
            self._unchanged += 1
            return
        if known is not None:
            self._forget(known[0])
        self._insert(entry, digest, text, reason)
        self._pending += len(data or b"")
        self._bytes += len(data or b"")
        self._read += reason is None
        if self._pending >= BATCH_BYTES:
            self._commit()

    def _touched(self, file: int, entry: Entry, digest: bytes, reason: str | None) -> bool:
        """Whether only the time of the file is new."""
        row = self._connection.execute("SELECT digest, skipped FROM files WHERE id = ?", (file,)).fetchone()
        if (bytes(row[0]), row[1]) != (digest, reason) or reason is not None:
            return False
        self._connection.execute(
            "UPDATE files SET size = ?, mtime_ns = ? WHERE id = ?", (entry.size, entry.mtime_ns, file)
        )
        return True

    def _insert(self, entry: Entry, digest: bytes, text: str | None, reason: str | None) -> None:
        connection, first = self._connection, self._next_row
        cursor = connection.execute(
            "INSERT INTO files (path, size, mtime_ns, digest, first_row, next_row, skipped)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.path, entry.size, entry.mtime_ns, digest, first, first, reason),
        )
        if text is None:
            return
        file = cursor.lastrowid
        rows = [
            (row, passage, place, file)
            for row, (place, passage) in enumerate(chunks(lines_of(entry.path, text)), first)
        ]
        connection.executemany("INSERT INTO passages (rowid, text, place, file) VALUES (?, ?, ?, ?)", rows)
        self._next_row += len(rows)
        connection.execute("UPDATE files SET next_row = ? WHERE id = ?", (self._next_row, file))

    def _forget(self, file: int) -> None:
        connection = self._connection
        connection.execute(
            "DELETE FROM passages WHERE rowid >= (SELECT first_row FROM files WHERE id = ?1)"
            " AND rowid < (SELECT next_row FROM files WHERE id = ?1)",
            (file,),
        )
        connection.execute("DELETE FROM files WHERE id = ?", (file,))
        _set_about(connection, "stale", 1)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._pending = 0
        if self._progress is not None:
            self._progress(self._seen, self._bytes)
        self._connection.execute("BEGIN IMMEDIATE")


def _expunge(connection: sqlite3.Connection) -> None:
    """Takes the words of deleted passages out of the file.

    FTS5 only marks them as deleted until its segments are merged; secure_delete zeroes the pages that come free, and
    the checkpoint empties the write-ahead log, which holds older pages.
    """
    connection.execute("INSERT INTO passages (passages) VALUES ('optimize')")
    _set_about(connection, "stale", 0)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _notice(connection: sqlite3.Connection) -> Notice:
    about = dict(connection.execute("SELECT name, value FROM about"))
    try:
        label = Sensitivity.parse(about["label"])
        return Notice(CollectionId(bytes(about["id"])), str(about["name"]), label, bytes(about["digest"]))
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"a collection's file is damaged: {error}") from error


def _about(connection: sqlite3.Connection, name: str) -> object:
    row = connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return row[0]


def _set_about(connection: sqlite3.Connection, name: str, value: object) -> None:
    connection.execute("UPDATE about SET value = ? WHERE name = ?", (value, name))


def _file_digest(path: str, data: bytes) -> bytes:
    name = path.encode("utf-8")
    return hashlib.blake2b(len(name).to_bytes(8, "big") + name + data, digest_size=32).digest()


def _digest(connection: sqlite3.Connection) -> bytes:
    state = hashlib.blake2b(digest_size=32)
    for (digest,) in connection.execute("SELECT digest FROM files WHERE skipped IS NULL ORDER BY path"):
        state.update(digest)
    return state.digest()


def _overwrite(descriptor: int) -> None:
    left, zeros = os.fstat(descriptor).st_size, bytes(1024 * 1024)
    while left > 0:
        left -= os.write(descriptor, zeros[:left])
    os.fsync(descriptor)
