"""One connection of a client: one task reads all the time, the other answers one request after the other.

Because somebody always reads, a client that goes away is noticed at once, and the handler of its request is cancelled.
A client that ends its sending side is taken for gone: the two look the same, and a paid answer for nobody is worse than
none for a client that half-closes.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

import trio

from node.api.faults import INTERNAL, Fault, fault_of
from node.api.limits import LINGER_BYTES_MAX, RECEIVE_BYTES, Limits
from node.api.parsing import Header, Incoming, RequestReader
from protocol.errors import CutAnswerError, HttpError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

log = logging.getLogger(__name__)

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_BODYLESS = (204, 304)


class Connection:
    """Serves one stream until it ends. `run` raises nothing but cancellation."""

    def __init__(self, stream: trio.SocketStream, app: AsgiApp, limits: Limits) -> None:
        self.waiting = True  # without a complete header: the first to go when there are too many connections
        self.waiting_since = trio.current_time()
        self._stream = stream
        self._app = app
        self._limits = limits
        self._reader = RequestReader(limits)
        self._changed = trio.Event()
        self._gone = False
        self._lingering = False
        self._draining = False
        self._all = trio.CancelScope()
        self._handling = trio.CancelScope()

    async def run(self) -> None:
        async with self._stream:
            with self._all:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read)
                    if await self._serve():
                        await self._linger()
                    nursery.cancel_scope.cancel()

    def evict(self) -> None:
        """Ends it now, without a word: somebody with a request needs the place."""
        self._all.cancel()

    def drain(self) -> None:
        """Ends it after the request that it is at; at once when there is none."""
        self._draining = True
        if self.waiting:
            self._all.cancel()

    async def _read(self) -> None:
        lingered = 0
        try:
            while data := await self._stream.receive_some(RECEIVE_BYTES):
                if self._lingering:
                    lingered += len(data)
                    if lingered > LINGER_BYTES_MAX:
                        break
                else:
                    self._reader.feed(data)
                    self._wake()
        except trio.BrokenResourceError:
            log.debug("a client reset its connection")
        self._client_gone()

    def _client_gone(self) -> None:
        self._gone = True
        self._handling.cancel()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _serve(self) -> bool:
        """Whether the last answer was sent while the client may still be sending."""
        patience_s = self._limits.header_s
        while True:
            try:
                incoming = await self._next(patience_s)
            except HttpError as error:
                await self._failed(error, Response(self._stream, may_keep=lambda: False, bodyless=False))
                return not self._gone
            if incoming is None:
                return False
            kept = await self._answer(incoming)
            self._reader.requests.popleft()
            if not kept:
                return not self._gone
            patience_s = self._limits.idle_s

    async def _next(self, patience_s: float) -> Incoming | None:
        """The next request with a whole head; None when the client has no more."""
        self.waiting = True
        self.waiting_since = trio.current_time()
        with trio.move_on_after(patience_s):
            while not (self._reader.begun or self._gone):
                await self._changed.wait()
        with trio.move_on_after(self._limits.header_s):
            while self._reader.begun and not (self._reader.requests or self._reader.fault or self._gone):
                await self._changed.wait()
        if self._reader.requests:
            self.waiting = False
            return None if self._gone else self._reader.requests[0]
        if self._reader.fault:
            raise self._reader.fault
        if self._reader.begun and not self._gone:
            raise HttpError(408, "header_timeout", f"no complete header within {self._limits.header_s:g} s")
        return None

    async def _answer(self, incoming: Incoming) -> bool:
        """Whether the connection can carry another request."""
        response = Response(
            self._stream,
            may_keep=lambda: incoming.keep_alive and incoming.complete and not self._draining,
            bodyless=incoming.method == "HEAD",
        )
        exchange = _Exchange(self, incoming, response)
        with trio.CancelScope() as self._handling:
            if self._gone:
                self._handling.cancel()
            try:
                await self._app(_scope(incoming), exchange.receive, exchange.send)
                if not response.ended:
                    raise CutAnswerError("handler_ended_early", "the handler ended before its answer")
            except Exception as error:  # noqa: BLE001 - whatever went wrong becomes a 500, or an answer visibly cut
                await self._failed(error, response)
        return response.ended and response.kept and not (self._gone or self._draining)

    async def _failed(self, error: Exception, response: "Response") -> None:
        fault = fault_of(error)
        if fault is None:
            log.error("a handler failed: %s", where(error))
        if not response.started:
            try:
                with trio.move_on_after(self._limits.linger_s):
                    await response.refuse(fault or INTERNAL)
            except trio.BrokenResourceError:
                self._client_gone()

    async def _body(self, incoming: Incoming, response: "Response") -> bytes:
        if incoming.expects_continue and not (incoming.complete or incoming.body or response.started):
            await self._stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
        with trio.move_on_after(self._limits.body_s):
            while not (incoming.complete or self._reader.fault):
                await self._changed.wait()
        if not incoming.complete:
            raise self._reader.fault or HttpError(
                408, "body_timeout", f"no complete body within {self._limits.body_s:g} s"
            )
        body = bytes(incoming.body)
        incoming.body.clear()
        return body

    async def _linger(self) -> None:
        """Closing with unread bytes resets the connection, and the reset can overtake the answer: read on a little."""
        self._lingering = True
        with trio.move_on_after(self._limits.linger_s):
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            while not self._gone:
                await self._changed.wait()


class _Exchange:
    """The two callables of ASGI for one request."""

    def __init__(self, connection: Connection, incoming: Incoming, response: "Response") -> None:
        self._connection = connection
        self._incoming = incoming
        self._response = response
        self._body_given = False

    async def receive(self) -> Message:
        """The whole body in one message; later, waits for the client to leave. Raises HttpError at a limit."""
        if self._body_given:
            await trio.sleep_forever()
        self._body_given = True
        try:
            body = await self._connection._body(self._incoming, self._response)
        except trio.BrokenResourceError:
            await self._leave()
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        """Waits while the client does not read. A client that is gone cancels the caller; nothing is raised."""
        try:
            with trio.fail_after(self._connection._limits.write_s):
                await self._response.take(message)
        except (trio.BrokenResourceError, trio.TooSlowError):
            await self._leave()

    async def _leave(self) -> None:
        self._connection._client_gone()
        await trio.sleep_forever()


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


def _scope(incoming: Incoming) -> MutableMapping[str, Any]:
    path, _, query = incoming.target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": incoming.method,
        "scheme": "http",
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": incoming.headers,
    }


def where(error: BaseException) -> str:
    """Kind and place of an error, without its message: that could hold text of the request."""
    frame = error.__traceback__
    places = []
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    inner = [where(each) for each in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    return f"{type(error).__name__} at {' > '.join(places[-6:])}" + "".join(f" [{each}]" for each in inner)
