"""Streams as the rest of the mesh sees them: always drained, never torn in the middle of a frame, and ours in errors.

py-libp2p writes a Noise frame half when its task is cancelled, and sends a window update inside `read`: both would end
the connection, so neither is ever cancelled. A reader that pauses makes the other side reset the stream after 5 s, so
a task of its own always reads; credits in the envelope stop the sender.
"""

import struct
from collections import deque

import trio
from libp2p.abc import INetStream
from libp2p.network.stream.exceptions import StreamEOF

from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.keys import IslandId

SLICE_BYTES = 32 * 1024  # of one write: bounds how long a cancelled sender is kept
WRITE_S = 10.0  # for one slice; Yamux gives up after 5 s without a window
UNREAD_BYTES_MAX = 8 * 1024 * 1024  # far above what an envelope's credit allows
READ_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")


class MeshStream:
    """One stream of one connection; a `PeerStream` (node/ports.py)."""

    def __init__(self, connection: Connection, stream: INetStream) -> None:
        self.connection = connection
        self.peer: IslandId = connection.peer
        self._stream = stream
        self._chunks: deque[bytes] = deque()
        self._unread = 0
        self._arrived = trio.Event()
        self._sending = trio.Lock()
        self._ended = False  # the peer said its end
        self._failed = False
        self._closed = False
        self._was_reset = False
        self.done = trio.Event()  # both ways are over

    async def pump(self) -> None:
        """Reads until the end. The owner of the stream runs it in a nursery that outlives every reader."""
        try:
            while not self._failed:
                data = await self._stream.read(READ_BYTES)
                if not data:
                    break
                self._chunks.append(data)
                self._unread += len(data)
                if self._unread > UNREAD_BYTES_MAX:
                    await self.reset()
                self._wake()
            self._ended = not self._failed
        except StreamEOF:
            if self._cut():
                self._failed = True
            else:
                self._ended = True
        except Exception:  # noqa: BLE001 -- py-libp2p lets errors of every layer through: all of them are a lost stream
            self._failed = True
        finally:
            self._wake()
            self._settle()

    async def send(self, data: bytes) -> None:
        """Raises LinkError when the stream or its connection is gone. A cancelled send may have sent a part."""
        view = memoryview(data)
        async with self._sending:
            for start in range(0, len(view), SLICE_BYTES):
                await self._write(bytes(view[start : start + SLICE_BYTES]))

    async def _write(self, data: bytes) -> None:
        if self._failed or self._closed:
            raise LinkError("the stream is closed")
        with trio.CancelScope(shield=True, deadline=trio.current_time() + WRITE_S) as scope:
            try:
                await self._stream.write(data)
            except Exception as error:  # as in pump
                self._failed = True
                raise LinkError(f"the stream is gone: {type(error).__name__}") from error
        if scope.cancelled_caught:
            self._failed = True
            self.connection.wire.cut()  # half a frame went out, or the peer reads nothing at all
            raise LinkError(f"the peer read nothing for {WRITE_S:g} s")
        await trio.lowlevel.checkpoint()

    async def receive(self) -> bytes:
        """The next bytes; b"" at the peer's end. Raises LinkError on a reset or a lost connection."""
        while not self._chunks:
            if self._failed:
                raise LinkError("the stream was reset")
            if self._ended:
                return b""
            await self._arrived.wait()
        data = self._chunks.popleft()
        self._unread -= len(data)
        return data

    @property
    def failed(self) -> bool:
        """Whether it ended otherwise than by both sides' word."""
        return self._failed

    async def close(self) -> None:
        """Half-close: no more from here. Never raises."""
        if self._closed or self._failed:
            return
        self._closed = True
        async with self._sending:
            await self._quietly(self._stream.close_write)
        self._settle()

    async def reset(self) -> None:
        """Ends both ways at once; never raises."""
        if self._was_reset or (self._ended and self._closed and not self._failed):
            return
        self._was_reset = self._failed = True
        self._chunks.clear()
        self._unread = 0
        self._wake()
        await self._quietly(self._stream.reset)
        self._settle()

    async def _quietly(self, action: object) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + WRITE_S) as scope:
            try:
                await action()  # type: ignore[operator]
            except Exception:  # noqa: BLE001 -- a stream that cannot be closed is gone, which is what was wanted
                self._failed = True
        if scope.cancelled_caught:
            self._failed = True
            self.connection.wire.cut()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = trio.Event()

    def _cut(self) -> bool:
        """Whether what was read as an end is a reset or a lost connection: py-libp2p tells all three alike."""
        muxed = self._stream.muxed_stream
        return not self.connection.is_open or not muxed.recv_closed or bool(muxed.reset_received)

    def _settle(self) -> None:
        if self._failed or (self._ended and self._closed):
            if self.connection.swarm_conn is not None:
                self.connection.swarm_conn.remove_stream(self._stream)
            self.done.set()


class FramedStream:
    """Frames with a u32 big-endian length over a stream."""

    def __init__(self, stream: MeshStream, bytes_max: int) -> None:
        self.stream = stream
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    async def send(self, frame: bytes) -> None:
        """Raises LinkError."""
        await self.stream.send(_LENGTH.pack(len(frame)) + frame)

    async def receive(self) -> bytes | None:
        """The next frame; None at the peer's end. LinkError for an end inside a frame, or one too long."""
        while True:
            if len(self._buffer) >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer)
                if length > self._bytes_max:
                    raise LinkError(f"a frame of {length} bytes, at most {self._bytes_max}")
                end = _LENGTH.size + length
                if len(self._buffer) >= end:
                    frame = bytes(self._buffer[_LENGTH.size : end])
                    del self._buffer[:end]
                    return frame
            data = await self.stream.receive()
            if not data:
                if self._buffer:
                    raise LinkError("the stream ended inside a frame")
                return None
            self._buffer += data
