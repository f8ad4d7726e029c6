"""The node's SQLite file: WAL, full sync, one writer thread, readers beside it."""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import trio

from node.store.schema import MIGRATIONS, Migration, migrate, refuse_newer, version_of
from node.store.writer import SQLITE_ERRORS, Outcome, Writer, state_error
from protocol.errors import StateError

T = TypeVar("T")

READERS_MAX = 4
WRITE_SECONDS_MAX = 10.0  # a sync takes milliseconds; a disk that needs longer than this is broken
READ_SECONDS_MAX = 30.0
BUSY_SECONDS_MAX = 5.0
CHECKED_BYTES_MAX = 256 * 1024 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """`lost` writes that nobody waited for did not reach the disk; `last_error` says why."""

    lost: int
    last_error: str | None


class Store:
    """Everything that must survive a crash. One a process, held open from start to end.

    If in doubt: `write` where something must be on disk before the next step (money), `write_soon` everywhere else.
    """

    def __init__(self, path: Path, writer: Writer | None, readers: Sequence[sqlite3.Connection]) -> None:
        self.path = path
        self._writer = writer
        self._peek = readers[0]
        self._pool: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for reader in readers[1:]:
            self._pool.put(reader)
        self._readers = tuple(readers)
        self._limiter = trio.CapacityLimiter(len(readers) - 1)
        self._lost = 0
        self._last_error: str | None = None

    @classmethod
    def open(cls, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> "Store":
        """Opens, creates or migrates the file. Raises StateError: newer than this program, corrupt, or unwritable."""
        try:
            path.touch(mode=0o600, exist_ok=True)
            with ExitStack() as undo:
                connection = undo.enter_context(closing(_connect(path)))
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA secure_delete = ON")
                _refuse_damaged(path, connection)
                migrate(connection, path, migrations)
                readers = _open_readers(path)
                undo.pop_all()
            return cls(path, Writer(connection), readers)
        except SQLITE_ERRORS as error:
            raise StateError(f"{path}: {error}") from error
        except OSError as error:
            raise StateError(f"{path}: {error.strerror}") from error

    @classmethod
    def open_read_only(cls, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> "Store":
        """For tools beside a node that may be running: never writes. Raises StateError when there is no such file."""
        if not path.exists():
            raise StateError(f"{path}: no state yet: `islandrun start` makes it")
        try:
            readers = _open_readers(path)
            version = version_of(readers[0])
            _refuse_damaged(path, readers[0])
        except SQLITE_ERRORS as error:
            raise StateError(f"{path}: {error}") from error
        if version != len(migrations):
            for reader in readers:
                reader.close()
        refuse_newer(path, version, len(migrations))
        if version < len(migrations):
            raise StateError(f"{path}: version {version} is older than this program: `islandrun start` updates it")
        return cls(path, None, readers)

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `job` in a transaction and returns its value once that is on disk.

        Raises what the job raised (it alone is undone then), or StateError: disk full, or no end within
        WRITE_SECONDS_MAX. Cancelled, or at that deadline: the job may still be done, so a caller must treat it as done.
        """
        token = trio.lowlevel.current_trio_token()
        done = trio.Event()
        box: list[Outcome] = []

        def deliver(outcome: Outcome) -> None:
            box.append(outcome)
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        self._submit(job, deliver)
        with trio.move_on_after(WRITE_SECONDS_MAX):
            await done.wait()
        if not box:
            raise StateError(f"{self.path}: a write did not end in {WRITE_SECONDS_MAX:g} s")
        value: T = box[0].unwrap()
        return value

    def write_now(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """`write` for programs without an event loop."""
        done = threading.Event()
        box: list[Outcome] = []

        def deliver(outcome: Outcome) -> None:
            box.append(outcome)
            done.set()

        self._submit(job, deliver)
        if not done.wait(WRITE_SECONDS_MAX):
            raise StateError(f"{self.path}: a write did not end in {WRITE_SECONDS_MAX:g} s")
        value: T = box[0].unwrap()
        return value

    def write_soon(self, job: Callable[[sqlite3.Connection], object]) -> None:
        """Queues `job` and returns. What fails is counted in `health` and logged: nobody waits for it."""
        try:
            self._submit(job, self._note)
        except StateError as error:
            self.note_lost(error)

    async def flush(self) -> None:
        """Returns when everything that was queued before is on disk or has failed."""
        await self.write(lambda _: None)

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `job` on a reading connection in a thread. Cancelled: returns at once, the thread ends by itself."""
        with trio.move_on_after(READ_SECONDS_MAX):
            # The outdated trio-stubs, which a dependency of libp2p installs, do not know this name.
            return await trio.to_thread.run_sync(  # type: ignore[call-arg]
                lambda: self._read_pooled(job), abandon_on_cancel=True, limiter=self._limiter
            )
        raise StateError(f"{self.path}: a read did not end in {READ_SECONDS_MAX:g} s")

    def peek(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `job` at once in the caller's thread: for look-ups of a row, which take microseconds, or for tools."""
        try:
            return job(self._peek)
        except SQLITE_ERRORS as error:
            raise state_error(error) from error

    def note_lost(self, error: Exception) -> None:
        """Counts a write that failed and that its maker goes on without."""
        self._lost += 1
        self._last_error = str(error)
        _log.error("write_lost", extra={"why": str(error)})

    @property
    def health(self) -> StoreHealth:
        return StoreHealth(self._lost, self._last_error)

    def check(self) -> tuple[str, ...]:
        """SQLite's own check of the file: what is wrong with it, nothing when all is well."""
        rows = self.peek(lambda connection: connection.execute("PRAGMA quick_check").fetchall())
        return tuple(row[0] for row in rows if row[0] != "ok")

    def close(self) -> None:
        """Puts what was queued on disk and closes the file."""
        if self._writer is not None:
            self._writer.close()
        for reader in self._readers:
            reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, job: Callable[[sqlite3.Connection], object], deliver: Callable[[Outcome], None]) -> None:
        if self._writer is None:
            raise StateError(f"{self.path}: opened for reading only")
        self._writer.submit(job, deliver)

    def _note(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            self.note_lost(outcome.error)

    def _read_pooled(self, job: Callable[[sqlite3.Connection], T]) -> T:
        reader = self._pool.get(timeout=READ_SECONDS_MAX)
        try:
            return job(reader)
        except SQLITE_ERRORS as error:
            raise state_error(error) from error
        finally:
            self._pool.put(reader)


def _connect(path: Path) -> sqlite3.Connection:
    # Transactions are opened by hand (isolation_level None); each connection is used by one thread at a time.
    return sqlite3.connect(path, timeout=BUSY_SECONDS_MAX, isolation_level=None, check_same_thread=False)


def _refuse_damaged(path: Path, connection: sqlite3.Connection) -> None:
    """SQLite's own check, where it takes less than about a second."""
    if path.stat().st_size > CHECKED_BYTES_MAX:
        return
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        problem = " ".join(found.split())
        raise StateError(f"{path}: damaged: {problem}: put a copy back, or move it away to start without its history")


def _open_readers(path: Path) -> list[sqlite3.Connection]:
    readers = [_connect(path) for _ in range(1 + READERS_MAX)]
    for reader in readers:
        reader.execute("PRAGMA query_only = ON")
    return readers
