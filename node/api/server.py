"""A small ASGI 3 server on trio and httptools: admission, connections, an orderly end.

Hypercorn on trio adds 3 ms to a request here. This adds 0.3 to 0.4 ms with everything that the edge checks, 0.2 more
than trio and httptools with nothing in between (a chat completion over loopback, one connection).
"""

import logging
from collections.abc import Callable, Sequence

import trio

from node.api.connection import AsgiApp, Connection
from node.api.faults import Fault, where
from node.api.limits import Limits

log = logging.getLogger(__name__)

_FULL = Fault(503, "too_many_connections", "every connection is at work; try again in a moment").body()
_TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nconnection: close\r\nretry-after: 1\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)


class Server:
    """Serves `app` on listeners that its caller opened, until `stop` or cancellation."""

    def __init__(self, app: AsgiApp, limits: Limits | None = None) -> None:
        self._app = app
        self._limits = limits or Limits()
        self._connections: dict[Connection, None] = {}  # in order of arrival
        self._accepting = trio.CancelScope()
        self._drain_s = 0.0

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def serve(self, listeners: Sequence[trio.SocketListener]) -> None:
        """Returns when everything is answered after `stop`. Cancelled, it ends every connection at once."""
        async with trio.open_nursery() as nursery:
            with self._accepting:
                await trio.serve_listeners(self._connect, list(listeners), handler_nursery=nursery)
            for connection in list(self._connections):
                connection.drain()
            nursery.cancel_scope.deadline = trio.current_time() + self._drain_s

    def stop(self, drain_s: float) -> None:
        """Accepts no more; requests under way get `drain_s` seconds to end, then they are cancelled."""
        self._drain_s = drain_s
        self._accepting.cancel()

    async def _connect(self, stream: trio.SocketStream) -> None:
        if not self._admit():
            with trio.move_on_after(self._limits.linger_s):
                await _turn_away(stream)
            return
        connection = Connection(stream, self._app, self._limits)
        self._connections[connection] = None
        try:
            await connection.run()
        except Exception as error:  # noqa: BLE001 - ends this connection; the others live on
            log.error("a connection failed: %s", where(error))
        finally:
            self._connections.pop(connection, None)

    def _admit(self) -> bool:
        """Makes room where there is none; False when every connection is at the work of somebody with a key."""
        if len(self._connections) < self._limits.connections:
            return True
        victim = self._oldest(lambda each: each.waiting) or self._oldest(lambda each: not each.knows_sender)
        if victim is None:
            return False
        victim.evict()
        del self._connections[victim]
        return True

    def _oldest(self, expendable: Callable[[Connection], bool]) -> Connection | None:
        return min(filter(expendable, self._connections), key=lambda each: each.waiting_since, default=None)


async def _turn_away(stream: trio.SocketStream) -> None:
    async with stream:
        try:
            await stream.send_all(_TURNED_AWAY)
        except trio.BrokenResourceError:
            log.debug("a client left before it was turned away")
