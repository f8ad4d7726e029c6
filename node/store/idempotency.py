"""The same paid request twice: refused while the first runs, and for a minute after it ended in doubt.

What is kept of a request is a keyed hash of its idempotency key and one of its body: neither can be read back.
"""

import hashlib
import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from protocol.terms import Now

WINDOW_MS = 60_000
HASH_KEY_BYTES = 32


class PaidState(StrEnum):
    RUNNING = "running"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class PaidRequest:
    """A paid request that runs, or ended in doubt at `mono_ms` of this start."""

    request_id: bytes
    state: PaidState
    mono_ms: int


def blocks(earlier: PaidRequest, now: Now) -> bool:
    """Whether `earlier` forbids to send the same again at `now`."""
    return earlier.state is PaidState.RUNNING or now.mono_ms - earlier.mono_ms < WINDOW_MS


def fingerprints(hash_key: bytes, key_name: str, idempotency_key: str | None, body: bytes) -> tuple[bytes, ...]:
    """What the same request is recognised by. `key_name`, the API key's, keeps two programs' requests apart."""
    parts = [_fingerprint(hash_key, b"body", key_name, body)]
    if idempotency_key is not None:
        parts.append(_fingerprint(hash_key, b"key", key_name, idempotency_key.encode("utf-8", "surrogatepass")))
    return tuple(parts)


def repeated(connection: sqlite3.Connection, prints: Iterable[bytes], but: Collection[bytes], now: Now) -> bool:
    """True where a request with one of these fingerprints forbids another (409, `x-should-retry: false`). `but`: the
    ids of requests that forbid nothing: the one that asks, and those that are known to be over."""
    return any(
        earlier.request_id not in but and blocks(earlier, now)
        for earlier in (_find(connection, mark) for mark in prints)
        if earlier is not None
    )


def begin(connection: sqlite3.Connection, prints: Iterable[bytes], request_id: bytes, now: Now) -> None:
    """Notes a paid request as running. Must be on disk before anything is sent."""
    connection.executemany(
        "INSERT OR REPLACE INTO paid_requests (fingerprint, request_id, state, mono_ms, wall_s)"
        " VALUES (?, ?, 'running', ?, ?)",
        [(mark, request_id, now.mono_ms, now.wall_s) for mark in prints],
    )


def finish(connection: sqlite3.Connection, request_id: bytes, now: Now, *, ambiguous: bool) -> None:
    """Notes how it ended, and drops what no longer blocks anything."""
    if ambiguous:
        connection.execute(
            "UPDATE paid_requests SET state = 'ambiguous', mono_ms = ?, wall_s = ? WHERE request_id = ?",
            (now.mono_ms, now.wall_s, request_id),
        )
    else:
        forget(connection, request_id)
    connection.execute(
        "DELETE FROM paid_requests WHERE state = 'ambiguous' AND mono_ms <= ?", (now.mono_ms - WINDOW_MS,)
    )


def forget(connection: sqlite3.Connection, request_id: bytes) -> None:
    """It is over, and whoever asks the same again wants it again."""
    connection.execute("DELETE FROM paid_requests WHERE request_id = ?", (request_id,))


def recover(connection: sqlite3.Connection, now: Now) -> None:
    """At start: what ran is in doubt from now on; doubts of a minute ago by the wall clock are gone.

    A monotonic clock starts anew with the machine, so doubts that remain (or lie in the future of a clock that was set
    back) count from now: they may block a little longer, never shorter.
    """
    connection.execute(
        "DELETE FROM paid_requests WHERE state = 'ambiguous' AND wall_s <= ?", (now.wall_s - WINDOW_MS // 1000,)
    )
    connection.execute(
        "UPDATE paid_requests SET state = 'ambiguous', mono_ms = ?, wall_s = ?", (now.mono_ms, now.wall_s)
    )


def _find(connection: sqlite3.Connection, fingerprint: bytes) -> PaidRequest | None:
    row = connection.execute(
        "SELECT request_id, state, mono_ms FROM paid_requests WHERE fingerprint = ?", (fingerprint,)
    ).fetchone()
    return None if row is None else PaidRequest(bytes(row[0]), PaidState(row[1]), row[2])


def _fingerprint(hash_key: bytes, kind: bytes, key_name: str, data: bytes) -> bytes:
    name = key_name.encode("utf-8")
    state = hashlib.blake2b(key=hash_key, digest_size=32)
    for part in (kind, name, data):
        state.update(len(part).to_bytes(8, "big") + part)
    return state.digest()
