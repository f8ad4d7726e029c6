"""The one thread that writes, with group commit: whatever waits goes into one transaction and one sync of the disk."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocol.errors import IslandRunError, StateError

Job = Callable[[sqlite3.Connection], Any]
"""Runs inside a transaction of the writer's thread; what it raises undoes it alone."""

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; of a damaged file, its own complaint may hold bytes that are no text."""

BATCH_MAX = 256  # jobs of one transaction: bounds how long the first of them waits for the last
QUEUE_MAX = 16_384  # jobs waiting; beyond, the disk is not keeping up and new ones are refused


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its value is on disk, or `error` says why not."""

    value: Any = None
    error: Exception | None = None

    def unwrap(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


Deliver = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class _Pending:
    job: Job
    deliver: Deliver


class Writer:
    """Owns the writing connection. `submit` may be called from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: queue.Queue[_Pending | None] = queue.Queue(QUEUE_MAX)
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="islandrun-store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job, deliver: Deliver) -> None:
        """Queues a job; `deliver` is called in the writer's thread once it is committed or has failed.

        Raises StateError when the store is closed or too much waits already.
        """
        with self._lock:
            if self._closed:
                raise StateError("the store is closed")
            try:
                self._queue.put_nowait(_Pending(job, deliver))
            except queue.Full:
                raise StateError(f"{QUEUE_MAX} writes wait for the disk") from None

    def close(self) -> None:
        """Commits what was queued, then ends the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._take()
            if batch:
                self._commit(batch)

    def _take(self) -> tuple[list[_Pending], bool]:
        pending = self._queue.get()
        batch: list[_Pending] = []
        while pending is not None:
            batch.append(pending)
            if len(batch) == BATCH_MAX:
                return batch, True
            try:
                pending = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit(self, batch: list[_Pending]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            outcomes = [self._one(pending.job) for pending in batch]
            self._connection.execute("COMMIT")
        except SQLITE_ERRORS as error:
            # A full disk may undo the whole transaction by itself: nothing of the batch is on disk then.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            outcomes = [Outcome(error=state_error(error))] * len(batch)
        for pending, outcome in zip(batch, outcomes, strict=True):
            pending.deliver(outcome)

    def _one(self, job: Job) -> Outcome:
        self._connection.execute("SAVEPOINT job")
        try:
            outcome = Outcome(job(self._connection))
        except Exception as error:  # whatever it is, it goes back to the one who submitted the job
            if not self._connection.in_transaction:
                raise sqlite3.OperationalError(str(error)) from error
            self._connection.execute("ROLLBACK TO job")
            outcome = Outcome(error=state_error(error) if isinstance(error, SQLITE_ERRORS) else error)
        self._connection.execute("RELEASE job")
        return outcome


def state_error(error: Exception) -> IslandRunError:
    """SQLite's complaint as ours."""
    return StateError(f"the state on disk: {error}")
