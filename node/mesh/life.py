"""One life of the mesh process, as the core holds it: its streams and what waits for an answer."""

import itertools
from collections import deque

import trio

from node.mesh import frames
from node.mesh.events import MeshEvent
from node.mesh.frames import UNREAD_BYTES_MAX, Message, MessageLink
from protocol.errors import LinkError
from protocol.keys import IslandId

EVENTS_WAITING_MAX = 10_000
GRACE_S = 1.0  # for the mesh's own word on a deadline that it was given


class LinkStream:
    """A stream to a peer, through the mesh process; a `PeerStream` (node/ports.py)."""

    def __init__(self, life: "Life", number: int, peer: IslandId) -> None:
        self.peer = peer
        self.number = number
        self._life = life
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._changed = trio.Event()
        self._opened = False
        self._ended = False
        self._closed = False
        self._problem: str | None = None

    async def send(self, data: bytes) -> None:
        """Raises LinkError when the peer or the mesh is gone."""
        if self._problem is not None or self._closed:
            raise LinkError(self._problem or "the stream is closed")
        await self._life.link.send_data(self.number, data)

    async def receive(self) -> bytes:
        """The next bytes; b"" at the peer's end. Raises LinkError on a reset."""
        while not self._chunks:
            if self._problem is not None:
                raise LinkError(self._problem)
            if self._ended:
                return b""
            await self._changed.wait()
        data = self._chunks.popleft()
        self._unread -= len(data)
        return data

    async def close(self) -> None:
        """Half-close: no more from here. Never raises."""
        if self._closed or self._problem is not None:
            return
        self._closed = True
        await self._say(frames.End(self.number))
        if self._ended:
            self._life.streams.pop(self.number, None)

    async def reset(self) -> None:
        """Ends both ways at once; never raises."""
        if self._problem is not None or (self._closed and self._ended):
            return
        self.fail("the stream was reset")
        await self._say(frames.Reset(self.number))

    def arrive(self, data: bytes) -> bool:
        """False when more is unread than any credit allows."""
        self._chunks.append(data)
        self._unread += len(data)
        self._change()
        return self._unread <= UNREAD_BYTES_MAX

    def finish(self) -> None:
        self._ended = True
        if self._closed:
            self._life.streams.pop(self.number, None)
        self._change()

    def fail(self, problem: str) -> None:
        if self._problem is None:
            self._problem = problem
        self._chunks.clear()
        self._life.streams.pop(self.number, None)
        self._change()

    def open(self) -> None:
        self._opened = True
        self._change()

    async def wait_open(self) -> None:
        """Raises LinkError."""
        while not self._opened:
            if self._problem is not None:
                raise LinkError(self._problem)
            await self._changed.wait()

    async def _say(self, message: Message) -> None:
        try:
            await self._life.link.send(message)
        except LinkError as error:
            self.fail(str(error))

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class Asked:
    def __init__(self) -> None:
        self.settled = trio.Event()
        self.answer: bytes | None = None
        self.problem = ""

    def settle(self, answer: bytes | None, problem: str) -> None:
        if not self.settled.is_set():
            self.answer, self.problem = answer, problem
            self.settled.set()


class Life:
    """What belongs to one life of the mesh process."""

    def __init__(self, link: MessageLink, events: trio.MemorySendChannel[MeshEvent]) -> None:
        self.link = link
        self.streams: dict[int, LinkStream] = {}
        self.questions: dict[int, Asked] = {}
        self.window = Asked()
        self.numbers = itertools.count(2, 2)
        self.before: list[Message] = []
        self.ended = False
        self._events = events
        self._outbox, self._outgoing = trio.open_memory_channel[Message](EVENTS_WAITING_MAX)

    async def post(self) -> None:
        """Sends what the reader has to say."""
        async for message in self._outgoing:
            try:
                await self.link.send(message)
            except LinkError:
                return  # the reader learns the same

    def tell(self, event: MeshEvent) -> None:
        try:
            self._events.send_nowait(event)
        except trio.WouldBlock:
            raise LinkError("the core is behind with the mesh's events") from None

    def new_stream(self, peer: IslandId) -> LinkStream:
        number = next(self.numbers)
        stream = self.streams[number] = LinkStream(self, number, peer)
        return stream

    def accept(self, number: int, peer: IslandId) -> LinkStream:
        if number % 2 == 0 or number in self.streams:
            raise LinkError(f"stream {number}: not the mesh's to open")
        stream = self.streams[number] = LinkStream(self, number, peer)
        stream.open()
        return stream

    async def opened(self, stream: LinkStream, word: Message, deadline_s: float) -> LinkStream:
        try:
            await self.link.send(word)
            with trio.fail_after(deadline_s + GRACE_S):
                await stream.wait_open()
        except trio.TooSlowError:
            with trio.CancelScope(shield=True):
                await stream.reset()
            raise LinkError(f"no stream in {deadline_s:g} s") from None
        except BaseException:
            with trio.CancelScope(shield=True):
                await stream.reset()
            raise
        return stream

    def on_stream(self, message: frames.Data | frames.End | frames.Reset | frames.Opened) -> None:
        stream = self.streams.get(message.stream)
        if stream is None:
            return  # it was reset here, and the mesh had not heard of that yet
        match message:
            case frames.Data(_, data):
                if not stream.arrive(data):
                    stream.fail("the peer sent more than its credit")
                    self._outbox.send_nowait(frames.Reset(stream.number))  # a reader that sends could wait for itself
            case frames.End():
                stream.finish()
            case frames.Reset():
                stream.fail("the peer is gone or reset the stream")
            case frames.Opened():
                stream.open()

    def settle(self, number: int, answer: bytes | None, problem: str) -> None:
        asked = self.questions.get(number)
        if asked is not None:
            asked.settle(answer, problem)

    async def reply(self, number: int, answer: bytes) -> None:
        if not self.ended:
            await self.link.send(frames.Reply(number, answer))

    def end(self, problem: str) -> None:
        self.ended = True
        for stream in list(self.streams.values()):
            stream.fail(f"the mesh is gone: {problem}")
        for asked in [*self.questions.values(), self.window]:
            asked.settle(None, f"the mesh is gone: {problem}")
        self._events.close()
        self._outbox.close()
