"""An HTTP server whose answers are raw bytes, so that a test can cut, stall and break them where it likes."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from protocol.strict_json import Json, parse_json


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Json]:
        value = parse_json(self.body)
        assert isinstance(value, dict)
        return value


Script = Callable[[Asked, trio.SocketStream], Awaitable[None]]


@dataclass
class StandInServer:
    url: str
    asked: list[Asked] = field(default_factory=list)
    client_gone: trio.Event = field(default_factory=trio.Event)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[StandInServer]:
    """Runs `script` for each request of each connection; the connection is closed when the script returns."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = StandInServer(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1")

        async def handle(stream: trio.SocketStream) -> None:
            try:
                asked = await _read(stream)
                server.asked.append(asked)
                await script(asked, stream)
            except trio.BrokenResourceError:
                server.client_gone.set()

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield server
        nursery.cancel_scope.cancel()


async def _read(stream: trio.SocketStream) -> Asked:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = await stream.receive_some()
        if not piece:
            raise trio.BrokenResourceError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += await stream.receive_some()
    method, path, _ = first.split(" ")
    return Asked(method, path, headers, body)


def response(body: bytes, *, status: int = 200, kind: str = "application/json", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKED_END = b"0\r\n\r\n"


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def answering(*pieces: bytes) -> Script:
    """Sends these bytes, then closes."""

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        for piece in pieces:
            await stream.send_all(piece)

    return script


def streaming(*lines: str, end: bytes = CHUNKED_END) -> Script:
    """Sends each line as one server-sent event."""
    return answering(CHUNKED_HEAD, *(chunked(f"data: {line}\n\n".encode()) for line in lines), end)


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
