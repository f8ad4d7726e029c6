"""Two ends of one stream between islands, in memory: bounded, cut as the test wants, reset like the real one.

A reset drops what the other end has not read yet, as libp2p's may.
"""

from collections import deque
from collections.abc import Iterator
from itertools import repeat

import trio

from protocol.errors import LinkError
from protocol.keys import IslandId

ROOM_BYTES = 64 * 1024


class _Way:
    """One direction."""

    def __init__(self, room: int, cuts: Iterator[int]) -> None:
        self.room = room
        self.cuts = cuts
        self.waiting: deque[bytes] = deque()
        self.unread = 0
        self.ended = False
        self.changed = trio.Event()

    def change(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


class MemoryStream:
    """A `PeerStream` (node/ports.py)."""

    def __init__(self, peer: IslandId, ours: _Way, theirs: _Way) -> None:
        self.peer = peer
        self.was_reset = False
        self.sent = bytearray()  # everything that went out here, for tests that look for canaries
        self._ours = ours
        self._theirs = theirs
        self.other: MemoryStream

    async def send(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        at = 0
        while at < len(data):
            self._check()
            if self._ours.ended:
                raise LinkError("the stream is closed")
            if self._ours.unread >= self._ours.room:
                await self._ours.changed.wait()
                continue
            part = data[at : at + max(1, next(self._ours.cuts))]
            at += len(part)
            self.sent += part
            self._ours.waiting.append(part)
            self._ours.unread += len(part)
            self._ours.change()

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while True:
            self._check()
            if self._theirs.waiting:
                data = self._theirs.waiting.popleft()
                self._theirs.unread -= len(data)
                self._theirs.change()
                return data
            if self._theirs.ended:
                return b""
            await self._theirs.changed.wait()

    async def close(self) -> None:
        self._ours.ended = True
        self._ours.change()
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        if not (self._ours.ended and self._theirs.ended and not self._theirs.waiting and not self._ours.waiting):
            for end in (self, self.other):
                end.was_reset = True
            self._ours.waiting.clear()
            self._theirs.waiting.clear()
        self._ours.change()
        self._theirs.change()
        await trio.lowlevel.checkpoint()

    def _check(self) -> None:
        if self.was_reset:
            raise LinkError("the stream was reset")


def stream_pair(
    asker: IslandId, island: IslandId, *, room: int = ROOM_BYTES, cuts: Iterator[int] | None = None
) -> tuple[MemoryStream, MemoryStream]:
    """The asker's end and the island's. `cuts`: sizes of the pieces in which bytes arrive."""
    cuts = cuts or repeat(1_000_000)
    there, back = _Way(room, cuts), _Way(room, cuts)
    ours, theirs = MemoryStream(island, there, back), MemoryStream(asker, back, there)
    ours.other, theirs.other = theirs, ours
    return ours, theirs
