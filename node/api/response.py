"""One answer as bytes of HTTP/1.1."""

from collections.abc import Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any

import trio

from node.api.faults import Fault
from node.api.parsing import Header

Message = MutableMapping[str, Any]  # of ASGI

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_BODYLESS = (204, 304)


class Response:
    """Frames one answer: the head waits for the first piece of the body, so that small answers are one write.

    `may_keep` is asked when the head is written; what it said then, the client was told, and `kept` has it.
    """

    def __init__(self, stream: trio.SocketStream, *, may_keep: Callable[[], bool], bodyless: bool) -> None:
        self.started = False
        self.ended = False
        self.kept = False
        self._may_keep = may_keep
        self._stream = stream
        self._bodyless = bodyless
        self._head: tuple[int, list[Header]] | None = None
        self._chunked = False

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._head is not None:
                raise RuntimeError("an answer has one start")
            self._head = (message["status"], [(bytes(name), bytes(value)) for name, value in message["headers"]])
            return
        if self._head is None or self.ended:
            raise RuntimeError("a body belongs between start and end")
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        out = b"" if self.started else self._start(len(body), more)
        if not self._bodyless:
            out += self._piece(body, more)
        self.started = True
        if out:
            await self._stream.send_all(out)
        self.ended = not more

    async def refuse(self, fault: Fault) -> None:
        """A whole answer that says why there is none, in place of one that was not begun."""
        body = fault.body()
        self._head = None
        headers = [(b"content-type", b"application/json")]
        headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in fault.headers]
        await self.take({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self.take({"type": "http.response.body", "body": body})

    def _start(self, length: int, more: bool) -> bytes:
        assert self._head is not None
        status, headers = self._head
        self._bodyless = self._bodyless or status in _BODYLESS
        if not any(name == b"content-length" for name, _ in headers) and status not in _BODYLESS:
            self._chunked = more
            headers.append((b"transfer-encoding", b"chunked") if more else (b"content-length", b"%d" % length))
        self.kept = self._may_keep()
        if not self.kept:
            headers.append((b"connection", b"close"))
        return _head_bytes(status, headers)

    def _piece(self, body: bytes, more: bool) -> bytes:
        if not self._chunked:
            return body
        piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return piece if more else piece + b"0\r\n\r\n"


def _head_bytes(status: int, headers: Iterable[Header]) -> bytes:
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, _REASONS.get(status, b""))]
    for name, value in headers:
        if b"\r" in value or b"\n" in value or b"\0" in value:
            raise RuntimeError("a header value with a line break")
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines) + b"\r\n"
