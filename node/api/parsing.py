"""Bytes of a connection in, HTTP/1.1 requests out: no I/O, no clock. The grammar is llhttp's, the bounds are ours.

A request is handed out when its head is complete; its body grows behind it. After a fault nothing more is read.
"""

from collections import deque
from dataclasses import dataclass, field

import httptools

from node.api.limits import PIPELINED_MAX, Limits
from protocol.errors import HttpError

Header = tuple[bytes, bytes]


@dataclass(slots=True)
class Incoming:
    """A request whose head is whole. `complete` turns true with the last byte of its body."""

    method: str
    target: bytes
    headers: tuple[Header, ...]  # names in lower case
    keep_alive: bool
    expects_continue: bool
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


class RequestReader:
    """Reads one connection. `requests` holds what is not answered yet, oldest first; `fault` ends the reading."""

    def __init__(self, limits: Limits) -> None:
        self.requests: deque[Incoming] = deque()
        self.fault: HttpError | None = None
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._target = bytearray()
        self._headers: list[Header] = []
        self._in_head = False
        self._upgrading = False  # the parser stops at a head that asks for another protocol
        self._resuming = False  # a second parser is being led past a head that was read already
        self._progress = False
        self._silent_bytes = 0  # taken by the parser without anything to show for it

    @property
    def begun(self) -> bool:
        """Whether a part of a request is here that nobody has answered."""
        return bool(self.requests) or self._in_head or self.fault is not None

    def feed(self, data: bytes) -> None:
        """Never raises: what is wrong with the bytes is in `fault`."""
        if self.fault is not None:
            return
        self._progress = False
        rest = data
        try:
            while rest:
                rest = self._parse(rest)
        except httptools.HttpParserError:
            self._refuse(HttpError(400, "bad_request", "not a valid HTTP/1.1 request"))
        # llhttp keeps an unfinished header line, trailer or chunk extension to itself: bound what goes in for nothing.
        self._silent_bytes = 0 if self._progress else self._silent_bytes + len(data)
        if self._silent_bytes > self._limits.header_bytes:
            self._refuse(self._head_too_large())

    def _refuse(self, fault: HttpError) -> None:
        self.fault = self.fault or fault

    def _stop(self, fault: HttpError) -> HttpError:
        self._refuse(fault)
        return fault

    def _head_too_large(self) -> HttpError:
        return HttpError(431, "headers_too_large", f"more than {self._limits.header_bytes} bytes of request headers")

    def _parse(self, data: bytes) -> bytes:
        """What is left of `data` when the parser stopped at a head that asks for another protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.fault is None:
                self._pass_over_upgrade()
                return data[upgrade.args[0] :]
        return b""

    def _pass_over_upgrade(self) -> None:
        """No other protocol is spoken here, and Java's client offers h2c with every request: read on as HTTP/1.1."""
        current = self.requests[-1]
        framing = [header for header in current.headers if header[0] in (b"content-length", b"transfer-encoding")]
        self._parser = httptools.HttpRequestParser(self)
        self._upgrading = False
        self._resuming = True
        self._parser.feed_data(
            b"POST / HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % header for header in framing) + b"\r\n"
        )

    # What llhttp calls.

    def on_message_begin(self) -> None:
        if self._resuming:
            return
        if len(self.requests) >= PIPELINED_MAX:
            raise self._stop(HttpError(400, "too_many_pipelined", f"more than {PIPELINED_MAX} requests wait"))
        self._target.clear()
        self._headers.clear()
        self._in_head = True

    def on_url(self, part: bytes) -> None:
        if not self._resuming:
            self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._resuming:
            return
        if not self._in_head:
            raise self._stop(HttpError(400, "bad_request", "trailers are not taken"))
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._progress = True
        if self._resuming:
            self._resuming = False
            return
        self._in_head = False
        headers = tuple(self._headers)
        if len(self._target) + sum(len(name) + len(value) + 4 for name, value in headers) > self._limits.header_bytes:
            raise self._stop(self._head_too_large())
        if self._parser.get_http_version() != "1.1":
            raise self._stop(HttpError(505, "http_version", "only HTTP/1.1 is spoken here"))
        if not self._target.startswith(b"/"):
            raise self._stop(HttpError(400, "bad_request", "the request target must be a path"))
        for name, value in headers:
            if name == b"content-length" and int(value) > self._limits.body_bytes:
                raise self._stop(self._body_too_large())
            if name == b"expect" and value.lower() != b"100-continue":
                raise self._stop(HttpError(417, "expectation_failed", "only 100-continue can be expected"))
        self._upgrading = self._parser.should_upgrade()
        self.requests.append(
            Incoming(
                method=self._parser.get_method().decode("ascii"),
                target=bytes(self._target),
                headers=headers,
                keep_alive=self._parser.should_keep_alive() or self._upgrading,
                expects_continue=any(name == b"expect" for name, _ in headers),
            )
        )

    def on_body(self, part: bytes) -> None:
        self._progress = True
        if sum(len(request.body) for request in self.requests) + len(part) > self._limits.body_bytes:
            raise self._stop(self._body_too_large())
        self.requests[-1].body += part

    def on_message_complete(self) -> None:
        self._progress = True
        if not self._upgrading:
            self.requests[-1].complete = True

    def _body_too_large(self) -> HttpError:
        return HttpError(413, "body_too_large", f"more than {self._limits.body_bytes} bytes of request body")
