"""Streams of peers carried over the link to the core, as opaque bytes. The link's reader never waits for a peer."""

import itertools
from collections import deque
from collections.abc import Callable

import trio

from node.mesh import frames
from node.mesh.frames import UNREAD_BYTES_MAX, Message, MessageLink
from node.mesh.streams import MeshStream
from protocol.errors import LinkError


class _Pipe:
    """One stream: what the core said and the peer has not taken yet."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.dropped = trio.Event()  # the core wants it no more, or sent more than any credit allows
        self._waiting: deque[bytes] = deque()
        self._unsent = 0
        self._ended = False
        self._changed = trio.Event()

    def put(self, data: bytes) -> bool:
        """False when more waits than any credit allows."""
        self._waiting.append(data)
        self._unsent += len(data)
        self._changed.set()
        return self._unsent <= UNREAD_BYTES_MAX

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """The next bytes for the peer; None at the core's end."""
        while not self._waiting:
            if self._ended:
                return None
            self._changed = trio.Event()
            await self._changed.wait()
        data = self._waiting.popleft()
        self._unsent -= len(data)
        return data


class Pipes:
    """All streams between the core and peers. The core's numbers are even, these odd."""

    def __init__(self, link: MessageLink) -> None:
        self._link = link
        self._numbers = itertools.count(1, 2)
        self._pipes: dict[int, _Pipe] = {}

    async def carry_in(self, stream: MeshStream, announce: Callable[[int], Message]) -> None:
        """A stream that a peer opened: tells the core of it, and carries it to its end."""
        pipe = _Pipe(next(self._numbers))
        self._pipes[pipe.number] = pipe
        await self._link.send(announce(pipe.number))
        await self._carry(pipe, stream)

    def expect(self, number: int) -> None:
        """The core asked for a stream with this number; what it sends before the stream is there waits."""
        self._pipes[number] = _Pipe(number)

    async def carry_out(self, number: int, stream: MeshStream) -> None:
        """The stream that the core asked for is there: carries it to its end."""
        pipe = self._pipes.get(number)
        if pipe is None:  # the core has given it up meanwhile
            await stream.reset()
            return
        await self._link.send(frames.Opened(number))
        await self._carry(pipe, stream)

    async def refuse(self, number: int) -> None:
        """The stream that the core asked for did not come."""
        if self._pipes.pop(number, None) is not None:
            await self._link.send(frames.Reset(number))

    def on_message(self, message: frames.Data | frames.End | frames.Reset) -> None:
        pipe = self._pipes.get(message.stream)
        if pipe is None:
            return  # it ended here, and the core had not heard of that yet
        match message:
            case frames.Data(_, data):
                if not pipe.put(data):
                    pipe.dropped.set()
            case frames.End():
                pipe.end()
            case frames.Reset():
                del self._pipes[pipe.number]
                pipe.dropped.set()

    async def _carry(self, pipe: _Pipe, stream: MeshStream) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._to_peer, pipe, stream)
                nursery.start_soon(self._reset_when_dropped, pipe, stream)
                await self._to_core(pipe, stream)
                await stream.done.wait()
                nursery.cancel_scope.cancel()
        finally:
            known = self._pipes.pop(pipe.number, None)
            whole = stream.done.is_set() and not stream.failed
            with trio.CancelScope(shield=True):
                await stream.reset()
                if known is not None and not whole:
                    await self._link.send(frames.Reset(pipe.number))

    async def _to_core(self, pipe: _Pipe, stream: MeshStream) -> None:
        while True:
            try:
                data = await stream.receive()
            except LinkError:
                return  # told as a reset
            if not data:
                await self._link.send(frames.End(pipe.number))
                return
            await self._link.send_data(pipe.number, data)

    async def _to_peer(self, pipe: _Pipe, stream: MeshStream) -> None:
        while (data := await pipe.next()) is not None:
            try:
                await stream.send(data)
            except LinkError:
                await stream.reset()
                return
        await stream.close()

    async def _reset_when_dropped(self, pipe: _Pipe, stream: MeshStream) -> None:
        await pipe.dropped.wait()
        await stream.reset()  # also ends a write that waits for the peer
