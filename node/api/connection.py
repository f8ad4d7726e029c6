"""One connection of a client: one task reads all the time, the other answers one request after the other.

Because somebody always reads, a client that goes away is noticed at once, and the handler of its request is cancelled.
A client that ends its sending side is taken for gone: the two look the same, and a paid answer for nobody is worse than
none for a client that half-closes.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

import trio

from node.api.faults import INTERNAL, fault_of, where
from node.api.limits import LINGER_BYTES_MAX, RECEIVE_BYTES, Limits
from node.api.parsing import Incoming, RequestReader
from node.api.response import Message, Response
from protocol.errors import CutAnswerError, HttpError

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

KNOWN_SENDER = "islandrun.known_sender"  # the application calls it once a key held: others are the first to go

log = logging.getLogger(__name__)


class Connection:
    """Serves one stream until it ends. `run` raises nothing but cancellation."""

    def __init__(self, stream: trio.SocketStream, app: AsgiApp, limits: Limits) -> None:
        self.waiting = True  # without a complete header: the first to go when there are too many connections
        self.waiting_since = trio.current_time()
        self.knows_sender = False  # whether who sent the request at hand has shown a key
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

    def know_sender(self) -> None:
        self.knows_sender = True

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
        self._begin_waiting()
        with trio.move_on_after(patience_s):
            while not (self._reader.begun or self._gone):
                await self._changed.wait()
        if self._reader.begun and not self._reader.requests:
            with trio.move_on_after(self._limits.header_s):
                while not (self._reader.requests or self._reader.fault or self._gone):
                    await self._changed.wait()
        if self._reader.requests:
            self.waiting = False
            return None if self._gone else self._reader.requests[0]
        if self._reader.fault:
            raise self._reader.fault
        if self._reader.begun and not self._gone:
            raise HttpError(408, "header_timeout", f"no complete header within {self._limits.header_s:g} s")
        return None

    def _begin_waiting(self) -> None:
        self.waiting = True
        self.waiting_since = trio.current_time()
        self.knows_sender = False

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
                await self._app(_scope(incoming, self.know_sender), exchange.receive, exchange.send)
                if not response.ended:
                    raise CutAnswerError("handler_ended_early", "the handler ended before its answer")
            except Exception as error:  # noqa: BLE001 - whatever went wrong becomes a 500, or an answer visibly cut
                await self._failed(error, response)
        return response.ended and response.kept and not (self._gone or self._draining)

    async def _failed(self, error: Exception, response: Response) -> None:
        fault = fault_of(error)
        if fault is None:
            log.error("a handler failed: %s", where(error))
        if not response.started:
            try:
                with trio.move_on_after(self._limits.linger_s):
                    await response.refuse(fault or INTERNAL)
            except trio.BrokenResourceError:
                self._client_gone()

    async def _body(self, incoming: Incoming, response: Response) -> bytes:
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
        self._begin_waiting()
        with trio.move_on_after(self._limits.linger_s):
            try:
                await self._stream.send_eof()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            while not self._gone:
                await self._changed.wait()


class _Exchange:
    """The two callables of ASGI for one request."""

    def __init__(self, connection: Connection, incoming: Incoming, response: Response) -> None:
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


def _scope(incoming: Incoming, know_sender: Callable[[], None]) -> MutableMapping[str, Any]:
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
        "extensions": {KNOWN_SENDER: know_sender},
    }
