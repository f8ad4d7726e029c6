"""Makes a collection's file what its folder is now: reads what is new or changed, forgets what is gone."""

import hashlib
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from node.collections.about import about, notice_of, set_about
from node.collections.chunks import Chunk
from node.collections.documents import read_document
from node.collections.folder import Entry, documents
from node.collections.parts import Unread
from node.collections.reader import DocumentReader
from node.collections.terms import NOT_READ_NAMED_MAX, Indexed, NotRead, Progressed

BATCH_BYTES = 4 * 1024 * 1024  # read between two commits: what a kill costs, and what memory holds
BATCH_S = 1.0  # the same, where reading is slow
TELL_S = 0.2
READERS = 2  # grows when a format is read that was not, or otherwise: what was not read before is tried again
AGAIN = -1  # no file has this time: it is read again

Progress = Callable[[Progressed], None]
"""Told at each commit and a few times a second. May raise: then the reading stops, and goes on there the next time."""

_log = logging.getLogger(__name__)


class Update:
    """One walk over the folder. Everything in it is hostile, so no file can stop the walk: it is named as not read."""

    def __init__(self, connection: sqlite3.Connection, root: Path, excluded: Path, progress: Progress | None) -> None:
        self._connection = connection
        self._root = root
        self._excluded = excluded
        self._progress = progress
        self._reader = DocumentReader()
        self._files = self._files_total = self._bytes = self._bytes_total = 0
        self._read = self._unchanged = self._bytes_read = self._pending = 0
        self._committed, self._told = time.monotonic(), 0.0
        self._known: dict[str, tuple[int, int, int]] = {}
        self._next_row = 1
        self._unopened: list[str] = []

    def run(self) -> Indexed:
        connection = self._connection
        self._count()
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._known = self._knowledge()
            self._next_row = connection.execute("SELECT COALESCE(MAX(next_row), 1) FROM files").fetchone()[0]
            with self._reader:
                for entry in documents(self._root, self._excluded, self._unopened.append):
                    self._take(entry)
            removed = self._forget_the_rest()
            set_about(connection, "digest", _digest(connection))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if about(connection, "stale"):
            _expunge(connection)
        skipped, not_read = self._not_read()
        return Indexed(notice_of(connection), self._read, self._unchanged, removed, skipped, not_read, self._bytes_read)

    def _count(self) -> None:
        for entry in documents(self._root, self._excluded, lambda _: None):
            self._files_total += 1
            self._bytes_total += entry.size

    def _knowledge(self) -> dict[str, tuple[int, int, int]]:
        connection = self._connection
        if about(connection, "readers") != READERS:
            connection.execute("UPDATE files SET mtime_ns = ? WHERE skipped IS NOT NULL", (AGAIN,))
            set_about(connection, "readers", READERS)
        return {
            path: (file, size, mtime_ns)
            for file, path, size, mtime_ns in connection.execute("SELECT id, path, size, mtime_ns FROM files")
        }

    def _take(self, entry: Entry) -> None:
        self._files += 1
        self._bytes += entry.size
        known = self._known.pop(entry.path, None)
        if known is not None and known[1:] == (entry.size, entry.mtime_ns):
            self._unchanged += 1
            self._tell()
            return
        file = None if known is None else known[0]
        document = read_document(self._root, entry, self._digest_of(file), self._reader, self._tell)
        if document.found is None:
            self._unchanged += 1
            self._connection.execute(
                "UPDATE files SET size = ?, mtime_ns = ? WHERE id = ?", (entry.size, entry.mtime_ns, file)
            )
        else:
            if file is not None:
                self._forget(file)
            self._insert(entry, document.digest, document.found)
        self._bytes_read += document.bytes_read
        self._pending += document.bytes_read
        if self._pending >= BATCH_BYTES or time.monotonic() - self._committed >= BATCH_S:
            self._commit()
        else:
            self._tell()

    def _digest_of(self, file: int | None) -> bytes | None:
        """None also for what was not read: it is tried again."""
        row = self._connection.execute("SELECT digest FROM files WHERE id = ? AND skipped IS NULL", (file,)).fetchone()
        return None if row is None else bytes(row[0])

    def _insert(self, entry: Entry, digest: bytes, found: Sequence[Chunk] | Unread) -> None:
        connection, first = self._connection, self._next_row
        why = found if isinstance(found, Unread) else None
        passages = () if isinstance(found, Unread) else found
        mtime_ns = AGAIN if why is Unread.UNREADABLE else entry.mtime_ns  # rights change without a new time
        after = first + len(passages)
        cursor = connection.execute(
            "INSERT INTO files (path, size, mtime_ns, digest, first_row, next_row, skipped)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (entry.path, entry.size, mtime_ns, digest, first, after, why),
        )
        file = cursor.lastrowid
        rows = ((row, text, place, file) for row, (place, text) in enumerate(passages, first))
        connection.executemany("INSERT INTO passages (rowid, text, place, file) VALUES (?, ?, ?, ?)", rows)
        self._next_row = after
        self._read += why is None

    def _forget_the_rest(self) -> int:
        """What is known and was not met is gone, but for what is in folders that could not be listed."""
        unknown = tuple(f"{folder}/" for folder in self._unopened)
        gone = [file for path, (file, _, _) in self._known.items() if not path.startswith(unknown)]
        for file in gone:
            self._forget(file)
        return len(gone)

    def _forget(self, file: int) -> None:
        connection = self._connection
        connection.execute(
            "DELETE FROM passages WHERE rowid >= (SELECT first_row FROM files WHERE id = ?1)"
            " AND rowid < (SELECT next_row FROM files WHERE id = ?1)",
            (file,),
        )
        connection.execute("DELETE FROM files WHERE id = ?", (file,))
        set_about(connection, "stale", 1)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._pending, self._committed, self._told = 0, time.monotonic(), 0.0
        self._tell()
        self._connection.execute("BEGIN IMMEDIATE")

    def _tell(self) -> None:
        if self._progress is not None and time.monotonic() - self._told >= TELL_S:
            self._told = time.monotonic()
            self._progress(Progressed(self._files, self._files_total, self._bytes, self._bytes_total))

    def _not_read(self) -> tuple[dict[str, int], tuple[NotRead, ...]]:
        rows = self._connection.execute("SELECT path, skipped FROM files WHERE skipped IS NOT NULL ORDER BY path")
        found = [NotRead(path, why) for path, why in rows]
        found += [NotRead(f"{folder}/", Unread.UNREADABLE) for folder in self._unopened]
        return dict(Counter(one.why for one in found)), tuple(found[:NOT_READ_NAMED_MAX])


def _expunge(connection: sqlite3.Connection) -> None:
    """Takes the words of deleted passages out of the file.

    FTS5 only marks them as deleted until its segments are merged; secure_delete zeroes the pages that come free, and
    the checkpoint empties the write-ahead log, which holds older pages. Where somebody reads for so long that it
    cannot, the next update does it.
    """
    connection.execute("INSERT INTO passages (passages) VALUES ('optimize')")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        _log.warning("collection_keeps_removed_words", extra={"until": "the next update"})
    else:
        set_about(connection, "stale", 0)


def _digest(connection: sqlite3.Connection) -> bytes:
    state = hashlib.blake2b(digest_size=32)
    for (digest,) in connection.execute("SELECT digest FROM files WHERE skipped IS NULL ORDER BY path"):
        state.update(digest)
    return state.digest()
