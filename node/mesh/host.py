"""The only adapter over libp2p: a host from a raw seed, TCP + Noise + Yamux, strangers held at the door.

Its callers see endpoints, connections, streams, frames and LinkError; nothing of py-libp2p reaches them.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.tools.anyio_service import background_trio_service

from node.clock import now
from node.mesh.door import Door
from node.mesh.endpoint import Endpoint
from node.mesh.gossip import MeshPubsub, OnFrame
from node.mesh.streams import MeshStream
from node.mesh.swarm import Connection, MeshBasicHost, MeshSwarm
from node.mesh.wire import Wire, bound_endpoint, connect, listen, usable
from protocol.errors import LinkError
from protocol.keys import IslandId

GREETING_S = 2.0  # from Noise to a greeting that holds
CONNECT_S = 2.0  # for one address
ENDPOINTS_MAX = 8  # tried in one dial
CLOSE_S = 1.0

log = logging.getLogger("islandrun.mesh")

Handler = Callable[[MeshStream], Awaitable[None]]


class HostEvents(Protocol):
    """What the host tells its owner. Synchronous: the owner puts it aside and returns."""

    def connection_up(self, connection: Connection) -> None:
        """Noise and Yamux are done; a stranger still."""

    def connection_down(self, connection: Connection) -> None:
        """Once for each connection that was up."""


@dataclass(slots=True)
class HostCounts:
    """For the status of the node."""

    refused_at_door: int = 0
    failed_handshakes: int = 0
    late_greetings: int = 0


class MeshHost:
    """Runs inside `async with host.running(listen)`."""

    def __init__(self, seed: bytes, events: HostEvents, *, greeting_s: float = GREETING_S) -> None:
        self._events = events
        self._greeting_s = greeting_s
        self._swarm = MeshSwarm(seed, events.connection_up, self._on_down)
        self._host = MeshBasicHost(self._swarm)
        self._pubsub: MeshPubsub | None = None
        self._nursery: trio.Nursery | None = None
        self.island = IslandId(str(self._swarm.get_peer_id()))
        self.listening: tuple[Endpoint, ...] = ()
        self.door = Door()
        self.counts = HostCounts()

    @asynccontextmanager
    async def running(self, endpoints: Sequence[Endpoint]) -> AsyncIterator[None]:
        """Listens, and serves until left. Raises LinkError when an address cannot be listened on."""
        listeners: list[trio.SocketListener] = []
        try:
            for endpoint in usable(endpoints):
                # port 0 for both families means one port: the second follows the first
                port = endpoint.port or next((bound_endpoint(other).port for other in listeners), 0)
                listeners.append(listen(Endpoint(endpoint.host, port)))
            self.listening = tuple(bound_endpoint(listener) for listener in listeners)
            async with background_trio_service(self._swarm), trio.open_nursery() as nursery:
                self._nursery = nursery
                for listener in listeners:
                    nursery.start_soon(trio.serve_listeners, self._admit, [listener])
                yield
                nursery.cancel_scope.cancel()
        finally:
            self._nursery = None
            for connection in self.connections:
                connection.wire.cut()
            for listener in listeners:
                listener.socket.close()

    @property
    def connections(self) -> tuple[Connection, ...]:
        return tuple(self._swarm.by_muxed.values())

    def handle(self, protocol: str, handler: Handler, *, strangers: bool = False) -> None:
        """`handler` owns the stream; the stream is reset when it returns before both ends are closed, or raises."""

        async def serve(connection: Connection, raw: INetStream) -> None:
            stream = MeshStream(connection, raw)
            try:
                self._in_background(stream.pump)
                await handler(stream)
            except* LinkError:
                pass  # the peer or its stream is gone: reset below
            finally:
                await stream.reset()

        self._host.offer(TProtocol(protocol), serve, strangers=strangers)

    async def dial(self, peer: IslandId, endpoints: Sequence[Endpoint], deadline_s: float) -> Connection:
        """A new connection to exactly this peer, at the first address that proves to be it. Raises LinkError."""
        if not endpoints:
            raise LinkError("no address is known")
        problem = LinkError("no address answered in time")
        with trio.move_on_after(deadline_s):
            for endpoint in endpoints[:ENDPOINTS_MAX]:
                try:
                    return await self._dial_one(peer, endpoint)
                except LinkError as error:
                    problem = error
        raise problem

    async def _dial_one(self, peer: IslandId, endpoint: Endpoint) -> Connection:
        with trio.move_on_after(CONNECT_S):
            wire = await connect(endpoint)
            return await self._swarm.attach(wire, peer)
        raise LinkError(f"{endpoint}: no answer in {CONNECT_S:g} s")

    async def open_stream(self, connection: Connection, protocol: str, deadline_s: float) -> MeshStream:
        """Raises LinkError. Cancelled: the stream is reset as soon as it is there, the connection stays whole."""
        opened: list[MeshStream | LinkError] = []
        settled = trio.Event()
        wanted = True

        async def attempt() -> None:
            try:
                raw = await self._host.open_on(connection, [TProtocol(protocol)])
            except LinkError as error:
                opened.append(error)
            else:
                stream = MeshStream(connection, raw)
                self._in_background(stream.pump)
                opened.append(stream)
                if not wanted:
                    await stream.reset()
            settled.set()

        self._in_background(attempt)
        try:
            with trio.move_on_after(deadline_s):
                await settled.wait()
        finally:
            wanted = bool(opened)
        if not opened:
            raise LinkError(f"no stream in {deadline_s:g} s")
        if isinstance(opened[0], LinkError):
            raise opened[0]
        return opened[0]

    def promote(self, connection: Connection) -> None:
        """The greeting held: from here on it is a member's connection."""
        if connection.is_member or not connection.is_open:
            return
        connection.is_member = True
        connection.wire.trust()
        self.door.befriend(connection.wire.remote.host)
        connection.settled.set()
        if self._pubsub is not None:
            self._pubsub.admit(connection.muxed.peer_id)

    async def close(self, connection: Connection) -> None:
        """Says goodbye for at most a second, then cuts. Never raises."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
            try:
                if connection.swarm_conn is not None:
                    await connection.swarm_conn.close()
            except Exception as error:  # noqa: BLE001 -- it is cut below, whatever went wrong
                log.debug("close_fault", extra={"error": type(error).__name__})
        connection.wire.cut()

    @asynccontextmanager
    async def topic(self, name: str, on_frame: OnFrame) -> AsyncIterator[None]:
        """Gossips on one topic until left."""
        pubsub = MeshPubsub(self._host, name, on_frame)
        async with background_trio_service(pubsub), background_trio_service(pubsub.router):
            await pubsub.wait_until_ready()
            await pubsub.subscribe(name)
            self._pubsub = pubsub
            self._topic = name
            try:
                yield
            finally:
                self._pubsub = None

    async def publish(self, frame: bytes) -> None:
        """To every member that hears us; nothing is promised. Raises LinkError only for a frame that is too long."""
        if self._pubsub is not None:
            await self._pubsub.publish(self._topic, frame)

    @property
    def faults(self) -> int:
        """Peers' rubbish that would have ended py-libp2p's program."""
        return self._host.faults + (self._pubsub.faults if self._pubsub is not None else 0)

    async def _admit(self, stream: trio.SocketStream) -> None:
        """One inbound connection, from the door to its end."""
        try:
            wire = Wire(stream, dialled=False)
        except OSError:
            return  # gone before it was looked at
        host = wire.remote.host
        if not self.door.knock(host, now().mono_ms):
            self.counts.refused_at_door += 1
            wire.cut()
            return
        try:
            if await self._greeted(wire):
                await wire.closed.wait()
        finally:
            wire.cut()

    async def _greeted(self, wire: Wire) -> bool:
        """Whether this stranger became a member in time. Either way its place among the strangers is free again."""
        try:
            connection = await self._swarm.attach(wire, None)
            with trio.move_on_after(self._greeting_s):
                await connection.settled.wait()
        except LinkError:
            self.counts.failed_handshakes += 1
            return False
        finally:
            self.door.leave(wire.remote.host)
        if not connection.is_member:
            self.counts.late_greetings += connection.is_open
            await self.close(connection)
        return connection.is_member

    def _on_down(self, connection: Connection) -> None:
        if self._pubsub is not None and connection.is_member:
            self._pubsub.forget(connection)
        self._events.connection_down(connection)

    def _in_background(self, task: Callable[[], Awaitable[None]]) -> None:
        if self._nursery is None:
            raise LinkError("the host is not running")
        self._nursery.start_soon(task)
