"""One collection's file: its documents' passages in SQLite FTS5, and what it was made from."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.collections.about import TABLE, about, notice_of, set_about
from node.collections.query import POSTINGS_MAX, match_query
from node.collections.terms import CollectionId, Held, Indexed, Notice, Passage
from node.collections.update import AGAIN, Progress, Update
from protocol.errors import StateError
from protocol.terms import Sensitivity

SCHEMA_VERSION = 1
PASSAGES_MAX = 50
BUSY_SECONDS_MAX = 5.0
UNFINISHED = "unfinished"  # one is made at a time
_SCHEMA = (
    TABLE,
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
        digest BLOB NOT NULL, first_row INTEGER NOT NULL, next_row INTEGER NOT NULL, skipped TEXT
    )""",
    """CREATE VIRTUAL TABLE passages USING fts5(
        text, place UNINDEXED, file UNINDEXED, tokenize = "unicode61 remove_diacritics 2"
    )""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


@dataclass(frozen=True, slots=True)
class Index:
    """The file of one collection. Every call opens it anew, so any thread or process may call."""

    path: Path

    @classmethod
    def create(cls, path: Path, collection: CollectionId, name: str, label: Sensitivity, root: Path) -> "Index":
        """Raises StateError. Killed in between, there is no collection; the rest is taken away next time."""
        new = cls(path.with_name(UNFINISHED))
        new.erase()
        new.path.touch(mode=0o600, exist_ok=False)
        with new._open() as connection:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                first = {
                    "id": collection,
                    "name": name,
                    "label": label.label,
                    "root": str(root),
                    "digest": b"",
                    "stale": 0,
                }
                connection.executemany("INSERT INTO about (name, value) VALUES (?, ?)", first.items())
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        new.path.rename(path)
        return cls(path)

    def notice(self) -> Notice:
        with self._open() as connection:
            return notice_of(connection)

    def held(self) -> Held:
        """For the owner's list."""
        with self._open() as connection:
            skipped = dict(
                connection.execute("SELECT skipped, COUNT(*) FROM files WHERE skipped IS NOT NULL GROUP BY skipped")
            )
            files, passages = connection.execute(
                "SELECT COUNT(*), COALESCE(SUM(next_row - first_row), 0) FROM files WHERE skipped IS NULL"
            ).fetchone()
            return Held(notice_of(connection), str(about(connection, "root")), files, passages, skipped)

    def describe(self, label: Sensitivity, root: Path) -> None:
        """The owner's word, said again: another label, another folder."""
        with self._open() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            set_about(connection, "label", label.label)
            if about(connection, "root") != str(root):
                set_about(connection, "root", str(root))
                # The same name, size and time in another folder is another file: read all of them again.
                connection.execute("UPDATE files SET mtime_ns = ?", (AGAIN,))

    def update(self, excluded: Path, progress: Progress | None = None) -> Indexed:
        """Makes the index what the folder is now. Killed in between, the next call goes on where it was.

        What is no longer there leaves no trace in the file. Raises StateError when the folder is away or the disk full.
        """
        with self._open() as connection:
            root = Path(str(about(connection, "root")))
            if not root.is_dir():
                raise StateError(f"{root}: no such folder: nothing of the collection was changed")
            return Update(connection, root, excluded, progress).run()

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
                   FROM (SELECT rowid, rank FROM (SELECT rowid, rank FROM passages WHERE passages MATCH ? LIMIT ?)
                         ORDER BY rank LIMIT ?) AS best
                   JOIN passages ON passages.rowid = best.rowid JOIN files ON files.id = passages.file
                   ORDER BY best.rank, best.rowid""",
                (query, POSTINGS_MAX, max(1, min(limit, PASSAGES_MAX))),
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
                connection.execute("PRAGMA temp_store = MEMORY")  # no text in files that nobody overwrites
                connection.execute("PRAGMA cache_size = -16384")
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > SCHEMA_VERSION:
                    raise StateError(f"{self.path}: version {version} was written by a newer IslandRun: upgrade it")
                yield connection
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StateError(f"{self.path}: {error}") from error


def _overwrite(descriptor: int) -> None:
    left, zeros = os.fstat(descriptor).st_size, bytes(1024 * 1024)
    while left > 0:
        left -= os.write(descriptor, zeros[:left])
    os.fsync(descriptor)
