"""The kept sync stream of each member: whole frames both ways, in order, and never a wait for whoever sends one."""

from collections import deque
from collections.abc import Awaitable, Callable

import trio

from node.mesh.host import MeshHost
from node.mesh.streams import FramedStream, MeshStream
from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.sync import SYNC_FRAME_BYTES_MAX

SYNC = "/islandrun/sync/1.0.0"
OPEN_S = 5.0
WAITING_MAX = 4_096  # frames that a member has not taken yet; a whole log is a few hundred

OnFrame = Callable[[Connection, bytes], Awaitable[None]]


class Line:
    """What is to be said to one member on its connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._waiting: deque[bytes] = deque()
        self._changed = trio.Event()
        self._taken = False

    def send(self, frame: bytes) -> None:
        """Raises LinkError when the member takes nothing."""
        if len(self._waiting) >= WAITING_MAX:
            raise LinkError("the member takes nothing")
        self._waiting.append(frame)
        self._changed.set()

    async def run(self, stream: MeshStream, on_frame: OnFrame) -> None:
        """Until the stream ends; a second stream on one connection is refused. Raises LinkError."""
        if self._taken:
            raise LinkError("a second sync stream")
        self._taken = True
        framed = FramedStream(stream, SYNC_FRAME_BYTES_MAX)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, framed)
            while (frame := await framed.receive()) is not None:
                await on_frame(self.connection, frame)
            nursery.cancel_scope.cancel()

    async def _write(self, framed: FramedStream) -> None:
        while True:
            while self._waiting:
                await framed.send(self._waiting.popleft())
            self._changed = trio.Event()
            if not self._waiting:
                await self._changed.wait()


class Lines:
    """All of them. A connection whose line ends is closed: nothing works without it."""

    def __init__(self, host: MeshHost, on_frame: OnFrame) -> None:
        self._host = host
        self._on_frame = on_frame
        self._lines: dict[Connection, Line] = {}
        host.handle(SYNC, self._answer)

    def prepare(self, connection: Connection) -> None:
        """The connection is a member's: frames for it wait from now on."""
        self._lines[connection] = Line(connection)

    def forget(self, connection: Connection) -> None:
        self._lines.pop(connection, None)

    async def open(self, connection: Connection) -> None:
        """The dialler's part; returns when the line ends. Never raises."""
        line = self._lines.get(connection)
        try:
            if line is not None:
                stream = await self._host.open_stream(connection, SYNC, OPEN_S)
                await self._run(line, stream)
        except* LinkError:
            pass
        finally:
            await self._host.close(connection)

    async def _answer(self, stream: MeshStream) -> None:
        line = self._lines.get(stream.connection)
        try:
            if line is not None:
                await self._run(line, stream)
        except* LinkError:
            pass
        finally:
            await self._host.close(stream.connection)

    async def _run(self, line: Line, stream: MeshStream) -> None:
        try:
            await line.run(stream, self._on_frame)
        finally:
            await stream.reset()

    def send(self, connection: Connection, frame: bytes) -> None:
        """Cuts a connection that takes nothing."""
        line = self._lines.get(connection)
        if line is None:
            return
        try:
            line.send(frame)
        except LinkError:
            connection.wire.cut()
