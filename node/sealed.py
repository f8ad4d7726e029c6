"""One envelope over one stream of a peer: moves the bytes of `protocol.envelope`, in the order that it gave them.

The reader never stops: what comes in is bounded by the credit that this end granted. A sender without credit waits.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from node.beside import beside
from node.ports import PeerStream
from protocol.envelope import Accepted, AskerEnvelope, Cancelled, Credit, Ended, IslandEnvelope, Opened, Send
from protocol.errors import EnvelopeError, LinkError
from protocol.terms import Now

RESET_S = 1.0

Received = Accepted | Opened | Cancelled | Ended


class SealedStream:
    """Both directions of one request. Made by `sealed`."""

    def __init__(self, stream: PeerStream, machine: AskerEnvelope | IslandEnvelope, clock: Callable[[], Now]) -> None:
        self._stream = stream
        self._machine = machine
        self._clock = clock
        self._writing = trio.Lock()  # held from the machine's giving of bytes until the stream has them
        self._sending = trio.Lock()  # one frame at a time; never held by the reader, which must not wait for credit
        self._credit = trio.Event()
        self._failure: EnvelopeError | LinkError | None = None
        self._put, self._take = trio.open_memory_channel[Received](math.inf)

    async def send_raw(self, data: bytes) -> None:
        """Bytes that the machine gave already: its hello, a grant in the middle of a frame."""
        async with self._writing:
            await self._stream.send(data)

    async def send(self, frame: bytes, *, final: bool = False) -> None:
        """Returns when the whole frame is on its way. Raises EnvelopeError or LinkError when the stream is lost."""
        async with self._sending:
            self._raise_failure()
            async with self._writing:
                await self._send_some(self._machine.send(frame, final=final))
            while self._machine.waiting:
                await self._credit.wait()
                self._raise_failure()
                self._credit = trio.Event()
                async with self._writing:
                    await self._send_some(self._machine.flush())

    async def receive(self) -> Received:
        """The next event. Raises EnvelopeError (a cut answer too) or LinkError, after what came before it."""
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            self._raise_failure()
            raise LinkError("the stream has ended") from None

    async def consumed(self, opened: Opened) -> None:
        """The frame is out of the way: the other end may send as much again."""
        async with self._writing:
            await self._send_some(self._machine.consumed(opened.cost))

    async def cancel(self) -> None:
        """The last thing that an asker says."""
        assert isinstance(self._machine, AskerEnvelope)
        async with self._writing:
            await self._send_some(self._machine.cancel())

    async def pump(self) -> None:
        """Reads until the stream ends or fails. What fails is raised from `receive` and `send`."""
        with self._put:
            try:
                while data := await self._stream.receive():
                    for event in self._machine.receive(data, self._clock()):
                        await self._on_event(event)
                self._machine.eof()
            except (EnvelopeError, LinkError) as error:
                self._failure = error
            finally:
                self._credit.set()

    async def _on_event(self, event: object) -> None:
        match event:
            case Send(data):
                await self.send_raw(data)
            case Credit():
                self._credit.set()
            case Accepted() | Opened() | Cancelled() | Ended():
                self._put.send_nowait(event)

    async def _send_some(self, data: bytes) -> None:
        if data:
            await self._stream.send(data)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


@asynccontextmanager
async def sealed(
    stream: PeerStream, machine: AskerEnvelope | IslandEnvelope, clock: Callable[[], Now]
) -> AsyncIterator[SealedStream]:
    """The stream with its reader running. However the block ends, the stream is over afterwards."""
    made = SealedStream(stream, machine, clock)
    try:
        async with beside(made.pump):
            yield made
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + RESET_S):
            await stream.reset()
