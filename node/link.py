"""What the processes of one node speak: bounded msgpack frames over a socket pair.

A frame is u32 big-endian length, then a msgpack map whose member "k" is its kind. Both ends belong to the same node,
but a process may be hurt, so every frame is bounded and checked. The other process gone, or nonsense: LinkError.
"""

import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgpack
import trio

from protocol.errors import LinkError

FRAME_BYTES_MAX = 9 * 1024 * 1024  # an HTTP body (8 MiB, node/api) and what goes with it
SEND_S = 10.0  # both ends always read: one that does not for so long is hurt
_LENGTH = struct.Struct(">I")
_RECEIVE_BYTES = 64 * 1024
_T = TypeVar("_T")

Field = None | bool | int | float | str | bytes | list["Field"] | Mapping[str, "Field"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One message: its kind and its fields. Getters raise LinkError that names what is missing or of the wrong type."""

    kind: str
    fields: Mapping[str, Field]

    def text(self, name: str) -> str:
        return self._typed(name, str)

    def data(self, name: str) -> bytes:
        return self._typed(name, bytes)

    def number(self, name: str) -> int:
        return self._typed(name, int)

    def real(self, name: str) -> float:
        value = self.fields.get(name)
        return float(value) if type(value) is int else self._typed(name, float)

    def flag(self, name: str) -> bool:
        return self._typed(name, bool)

    def items(self, name: str) -> list[Field]:
        return self._typed(name, list)

    def mapping(self, name: str) -> dict[str, Field]:
        return self._typed(name, dict)

    def _typed(self, name: str, wanted: type[_T]) -> _T:
        value = self.fields.get(name)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise LinkError(f"{self.kind}.{name}: expected {wanted.__name__}, not {type(value).__name__}")
        return value


def encode_frame(kind: str, fields: Mapping[str, object]) -> bytes:
    """Raises LinkError when the frame is over FRAME_BYTES_MAX."""
    body: bytes = msgpack.packb({"k": kind, **fields}, use_bin_type=True)
    if len(body) > FRAME_BYTES_MAX:
        raise LinkError(f"{kind}: a frame of {len(body)} bytes, at most {FRAME_BYTES_MAX}")
    return _LENGTH.pack(len(body)) + body


def _decode_body(body: bytes) -> Frame:
    try:
        fields = msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=True,
            max_str_len=FRAME_BYTES_MAX,
            max_bin_len=FRAME_BYTES_MAX,
            max_array_len=100_000,
            max_map_len=1_000,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise LinkError(f"not a frame: {type(error).__name__}") from None
    if not isinstance(fields, dict) or not isinstance(kind := fields.pop("k", None), str):
        raise LinkError("not a frame: no kind")
    return Frame(kind, fields)


class FrameReader:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises LinkError; the reader is of no use afterwards."""
        self._buffer += data
        frames = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > FRAME_BYTES_MAX:
                raise LinkError(f"a frame of {length} bytes, at most {FRAME_BYTES_MAX}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            frames.append(_decode_body(bytes(self._buffer[_LENGTH.size : end])))
            del self._buffer[:end]
        return frames


class Link:
    """One end of the socket pair, for trio. Any number of senders; one receiver."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._sending = trio.Lock()
        self._reader = FrameReader()
        self._ready: list[Frame] = []

    @classmethod
    def from_fd(cls, fd: int) -> "Link":
        """The end that this process inherited as `fd`."""
        return cls(trio.SocketStream(trio.socket.from_stdlib_socket(socket.socket(fileno=fd))))

    async def send(self, kind: str, **fields: object) -> None:
        """Raises LinkError when the other end is gone, or reads nothing for SEND_S.

        Cancelled: the frame still goes whole.
        """
        data = encode_frame(kind, fields)
        async with self._sending:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + SEND_S) as scope:
                try:
                    await self._stream.send_all(data)
                except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                    raise LinkError("the other process is gone") from error
            if scope.cancelled_caught:
                self._stream.socket.close()
                raise LinkError(f"the other process read nothing for {SEND_S:g} s")

    async def receive(self) -> Frame:
        """The next frame, in order. Raises LinkError at the end of the link."""
        while not self._ready:
            try:
                data = await self._stream.receive_some(_RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkError("the other process is gone") from error
            if not data:
                raise LinkError("the other process has ended")
            self._ready = self._reader.feed(bytes(data))[::-1]
        return self._ready.pop()

    async def aclose(self) -> None:
        """Never blocks; the other end reads its end."""
        self._stream.socket.close()
        await trio.lowlevel.checkpoint()


class BlockingLink:
    """One end for a worker without an event loop. One receiver; senders in several threads hold a lock of their own."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = FrameReader()
        self._ready: list[Frame] = []

    @classmethod
    def from_fd(cls, fd: int) -> "BlockingLink":
        sock = socket.socket(fileno=fd)
        sock.setblocking(True)  # trio makes both ends of a pair non-blocking
        return cls(sock)

    def send(self, kind: str, **fields: object) -> None:
        """Raises LinkError when the other end is gone."""
        try:
            self._sock.sendall(encode_frame(kind, fields))
        except OSError as error:
            raise LinkError("the other process is gone") from error

    def receive(self) -> Frame:
        """Blocks for the next frame. Raises LinkError at the end of the link."""
        while not self._ready:
            try:
                data = self._sock.recv(_RECEIVE_BYTES)
            except OSError as error:
                raise LinkError("the other process is gone") from error
            if not data:
                raise LinkError("the other process has ended")
            self._ready = self._reader.feed(data)[::-1]
        return self._ready.pop()
