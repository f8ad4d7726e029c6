"""One envelope over one stream of a peer: moves the bytes of `protocol.envelope`, in the order that it gave them.

The reader never stops: what comes in is bounded by the credit that this end granted, and what it has to say is left to
the writer. A sender without credit waits.
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
LINGER_S = 30.0  # for the last 256 KiB of credit over a slow link

Received = Accepted | Opened | Cancelled | Ended


class SealedStream:
    """Both directions of one request. Made by `sealed`."""

    def __init__(self, stream: PeerStream, machine: AskerEnvelope | IslandEnvelope, clock: Callable[[], Now]) -> None:
        self._stream = stream
        self._machine = machine
        self._clock = clock
        self._sending = trio.Lock()  # one frame at a time
        self._credit = trio.Event()
        self._over = trio.Event()  # nothing more comes from the other end
        self._failure: EnvelopeError | LinkError | None = None
        self._put, self._take = trio.open_memory_channel[Received](math.inf)
        self._say, self._said = trio.open_memory_channel[bytes](math.inf)  # bounded by the other end's credit

    def send_raw(self, data: bytes) -> None:
        """Bytes that the machine gave already. Raises LinkError when nothing can be said any more."""
        try:
            if data:
                self._say.send_nowait(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError):
            raise LinkError("the stream has ended") from None

    async def send(self, frame: bytes, *, final: bool = False) -> None:
        """Returns when the whole frame is within the credit. Raises EnvelopeError or LinkError: the stream is lost."""
        async with self._sending:
            self._raise_failure()
            self.send_raw(self._machine.send(frame, final=final))
            while self._machine.waiting:
                await self._credit.wait()
                self._raise_failure()
                self._credit = trio.Event()
                self.send_raw(self._machine.flush())

    async def receive(self) -> Received:
        """The next event. Raises EnvelopeError (a cut answer too) or LinkError, after what came before it."""
        try:
            return await self._take.receive()
        except trio.EndOfChannel:
            self._raise_failure()
            raise LinkError("the stream has ended") from None

    def consumed(self, opened: Opened) -> None:
        """The frame is out of the way: the other end may send as much again."""
        data = self._machine.consumed(opened.cost)
        if not self._over.is_set():
            self.send_raw(data)

    async def over(self) -> None:
        """Until nothing more comes from the other end. Raises EnvelopeError or LinkError where the stream was lost."""
        await self._over.wait()
        self._raise_failure()

    async def finish(self) -> None:
        """After the final frame: half-closes behind it, and waits until the other end has it and closes too.

        A reset could overtake what is still under way, and the other end would take the answer for cut.
        """
        self._say.close()
        with trio.move_on_after(LINGER_S):
            await self._over.wait()

    async def cancel(self) -> None:
        """The last thing that an asker says. For a caller that is cancelled itself and shields this."""
        assert isinstance(self._machine, AskerEnvelope)
        self.send_raw(self._machine.cancel())
        self._say.close()
        await self._write()  # the writer beside was cancelled with the caller

    async def run(self) -> None:
        """Both directions, until the stream ends or fails. What fails is raised from `receive` and `send`."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            nursery.start_soon(self._read)

    async def _write(self) -> None:
        try:
            async for data in self._said:
                await self._stream.send(data)
            await self._stream.close()
        except LinkError as error:
            self._fail(error)

    async def _read(self) -> None:
        with self._put:
            try:
                while data := await self._stream.receive():
                    for event in self._machine.receive(data, self._clock()):
                        self._on_event(event)
                self._machine.eof()
            except (EnvelopeError, LinkError) as error:
                self._fail(error)
            finally:
                self._over.set()
                self._credit.set()

    def _on_event(self, event: object) -> None:
        match event:
            case Send(data):
                self.send_raw(data)
            case Credit():
                self._credit.set()
            case Accepted() | Opened() | Cancelled() | Ended():
                self._put.send_nowait(event)
                if isinstance(event, Ended) and isinstance(self._machine, AskerEnvelope):
                    self._say.close()  # the island waits for it: see `finish`

    def _fail(self, error: EnvelopeError | LinkError) -> None:
        self._failure = self._failure or error
        self._credit.set()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


@asynccontextmanager
async def sealed(
    stream: PeerStream, machine: AskerEnvelope | IslandEnvelope, clock: Callable[[], Now]
) -> AsyncIterator[SealedStream]:
    """The stream with its reader and its writer running. However the block ends, the stream is over afterwards."""
    made = SealedStream(stream, machine, clock)
    try:
        async with beside(made.run):
            yield made
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + RESET_S):
            await stream.reset()
