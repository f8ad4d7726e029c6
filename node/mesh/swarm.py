"""py-libp2p's swarm and host without what we do not want: it dials nobody, identifies nobody, and forgets nothing.

What is overridden, and why, each seen in py-libp2p 0.8.1:
- its TCP listener shares a port in use (SO_REUSEPORT) and knows no IPv6 address: we listen and dial ourselves;
- its inbound handler waits for the swarm's end, so a slot of the inbound limit is lost with every connection;
- the auto-connector dials addresses from the peer store, which a peer may have written;
- a stream that fails to negotiate raises StreamFailure through every nursery and ends the program;
- a stranger is offered identify, ping and pubsub.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

import trio
from libp2p import create_yamux_muxer_option, generate_peer_id_from
from libp2p.abc import IMuxedConn, INetConn, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_new_x25519_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.basic_host import BasicHost
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.network.exceptions import SwarmException
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from libp2p.protocol_muxer.multiselect import Multiselect
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as NoiseTransport
from libp2p.transport.manager import TransportManager
from libp2p.transport.upgrader import TransportUpgrader
from multiaddr import Multiaddr

from node.mesh.wire import Wire
from protocol.errors import LinkError
from protocol.keys import IslandId, public_key

CONNECTIONS_MAX = 320  # 256 islands, and strangers
STREAMS_MAX = 32  # at once on one connection, both ways together
STRANGER_STREAMS_MAX = 2
UPGRADE_S = 3.0  # security and muxer together; 25 ms of CPU, and the network
NEGOTIATION_S = 5

log = logging.getLogger("islandrun.mesh")


class Connection:
    """One connection after Noise and Yamux. A stranger's until the greeting holds."""

    def __init__(self, muxed: IMuxedConn, wire: Wire, peer: IslandId) -> None:
        self.muxed = muxed
        self.wire = wire
        self.peer = peer
        self.is_member = False
        self.settled = trio.Event()  # a member now, or gone
        self.swarm_conn: SwarmConn | None = None

    @property
    def dialled(self) -> bool:
        return self.wire.dialled

    @property
    def is_open(self) -> bool:
        return self.swarm_conn is not None and not self.wire.closed.is_set()

    def __repr__(self) -> str:
        return f"Connection({self.peer[-6:]}, {'out' if self.dialled else 'in'}, member={self.is_member})"


class _NoAutoConnector:
    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def run_background_task(self, nursery: trio.Nursery) -> None: ...


class MeshSwarm(Swarm):  # type: ignore[misc]
    """Connections are made by `attach` alone, and each is known by its wire from the first byte."""

    def __init__(self, seed: bytes, on_up: Callable[[Connection], None], on_down: Callable[[Connection], None]) -> None:
        pair = create_new_key_pair(seed)
        peer_id = generate_peer_id_from(pair)
        store = PeerStore()
        store.add_key_pair(peer_id, pair)
        noise = NoiseTransport(pair, noise_privkey=create_new_x25519_key_pair().private_key)
        limits = ConnectionConfig(
            max_connections=CONNECTIONS_MAX,
            min_connections=0,
            low_watermark=0,
            high_watermark=CONNECTIONS_MAX,
            max_connections_per_peer=8,
            inbound_upgrade_timeout=UPGRADE_S,
            outbound_upgrade_timeout=UPGRADE_S,
            inbound_stream_protocol_negotiation_timeout=NEGOTIATION_S,
            outbound_stream_protocol_negotiation_timeout=NEGOTIATION_S,
        )
        super().__init__(
            peer_id,
            store,
            TransportUpgrader({NOISE: noise}, create_yamux_muxer_option()),
            transports=[],
            retry_config=RetryConfig(max_retries=0),
            connection_config=limits,
            transport_manager=TransportManager(),
        )
        self.auto_connector = _NoAutoConnector()
        self.by_muxed: dict[IMuxedConn, Connection] = {}
        self._on_up = on_up
        self._on_down = on_down

    async def attach(self, wire: Wire, peer: IslandId | None) -> Connection:
        """Noise and Yamux over `wire`: towards `peer`, or inbound. Raises LinkError; the wire is then closed."""
        raw = RawConnection(wire, wire.dialled)
        try:
            with trio.fail_after(UPGRADE_S):
                if peer is not None:
                    muxed = (await self.upgrade_outbound_raw_conn(raw, ID.from_base58(peer))).muxed_conn
                else:
                    muxed = await self.upgrade_inbound_raw_conn(raw, Multiaddr("/ip4/0.0.0.0/tcp/0"))
        except trio.TooSlowError as error:
            raise LinkError("no handshake in time") from error
        except Exception as error:  # whatever a stranger's bytes made py-libp2p raise ends this connection only
            raise LinkError(f"no handshake: {type(error).__name__}") from error
        finally:
            if not any(connection.wire is wire for connection in self.by_muxed.values()):
                wire.cut()
        return self.by_muxed[muxed]

    async def add_conn(self, muxed_conn: IMuxedConn, direction: str = "unknown") -> SwarmConn:
        wire = _wire_of(muxed_conn)
        peer = IslandId(str(muxed_conn.peer_id))
        public_key(peer)  # Ed25519 identities only; RecordError closes it
        connection = self.by_muxed[muxed_conn] = Connection(muxed_conn, wire, peer)
        try:
            connection.swarm_conn = await super().add_conn(muxed_conn, direction)
        except BaseException:
            self._forget(muxed_conn)
            raise
        self._on_up(connection)
        return connection.swarm_conn

    def remove_conn(self, swarm_conn: SwarmConn) -> None:
        super().remove_conn(swarm_conn)
        self._forget(swarm_conn.muxed_conn)

    def _forget(self, muxed: IMuxedConn) -> None:
        connection = self.by_muxed.pop(muxed, None)
        if connection is not None:
            connection.wire.cut()
            connection.settled.set()
            self._on_down(connection)

    async def dial_peer(self, peer_id: ID) -> list[INetConn]:
        raise SwarmException("nothing is dialled but what the brain says")

    def _schedule_auto_connect(self) -> None: ...

    def _schedule_prune(self) -> None: ...


def _wire_of(muxed: IMuxedConn) -> Wire:
    layer: object = muxed.secured_conn
    for name in ("conn", "read_writer", "read_write_closer", "stream"):
        layer = getattr(layer, name)
    if not isinstance(layer, Wire):
        raise LinkError("a connection without a wire")
    return layer


StreamHandler = Callable[[Connection, INetStream], Awaitable[None]]


class _Offered(Multiselect):  # type: ignore[misc]
    """What one connection is offered, asked anew with every word: a greeting may hold while a stream is negotiated."""

    def __init__(self, connection: Connection, members: Multiselect, strangers: Multiselect) -> None:
        self._connection = connection
        self._members = members
        self._strangers = strangers

    @property
    def handlers(self) -> Mapping[TProtocol | None, object]:
        table = self._members if self._connection.is_member else self._strangers
        handlers: Mapping[TProtocol | None, object] = table.handlers
        return handlers


class MeshBasicHost(BasicHost):  # type: ignore[misc]
    """Streams are opened on one named connection, and strangers are offered only what `stranger_protocols` holds."""

    def __init__(self, swarm: MeshSwarm) -> None:
        self.swarm = swarm
        super().__init__(
            swarm, negotiate_timeout=NEGOTIATION_S, announce_addrs=[], disable_identify_address_discovery=True
        )
        self.stranger_protocols = Multiselect()
        self.faults = 0

    def offer(self, protocol: TProtocol, handler: StreamHandler, *, strangers: bool) -> None:
        async def handle(stream: INetStream) -> None:
            connection = self.swarm.by_muxed.get(stream.muxed_conn)
            if connection is not None:
                await handler(connection, stream)

        self.set_stream_handler(protocol, handle)
        if strangers:
            self.stranger_protocols.add_handler(protocol, handle)

    async def open_on(self, connection: Connection, protocols: list[TProtocol]) -> INetStream:
        """Raises LinkError. Not to be cancelled: half a frame would end the connection."""
        swarm_conn = connection.swarm_conn
        if swarm_conn is None or not connection.is_open:
            raise LinkError("the connection is closed")
        if len(swarm_conn.streams) >= STREAMS_MAX:
            raise LinkError(f"{STREAMS_MAX} streams are open to this peer")
        stream = None
        try:
            stream = await swarm_conn.new_stream()
            chosen = await self.multiselect_client.select_one_of(
                protocols, MultiselectCommunicator(stream), NEGOTIATION_S
            )
        except Exception as error:  # py-libp2p lets errors of every layer through here
            if stream is not None:
                await stream.reset()
            raise LinkError(f"no stream: {type(error).__name__}") from error
        stream.set_protocol(chosen)
        return stream

    async def new_stream(self, peer_id: ID, protocol_ids: list[TProtocol]) -> INetStream:
        """For pubsub: on a member's connection or not at all."""
        for connection in list(self.swarm.by_muxed.values()):
            if connection.is_member and connection.is_open and connection.muxed.peer_id == peer_id:
                try:
                    return await self.open_on(connection, list(protocol_ids))
                except LinkError as error:
                    raise SwarmException(str(error)) from error
        raise SwarmException("not a member")

    async def _swarm_stream_handler(self, net_stream: INetStream) -> None:
        connection = self.swarm.by_muxed.get(net_stream.muxed_conn)
        if connection is None:
            await net_stream.reset()
            return
        table = _Offered(connection, self.multiselect, self.stranger_protocols)
        most = STREAMS_MAX if connection.is_member else STRANGER_STREAMS_MAX
        try:
            if connection.swarm_conn is not None and len(connection.swarm_conn.streams) > most:
                await net_stream.reset()
                return
            protocol, handler = await table.negotiate(MultiselectCommunicator(net_stream), NEGOTIATION_S)
            if protocol is None or handler is None:
                await net_stream.reset()
                return
            net_stream.set_protocol(protocol)
            await handler(net_stream)
        except BaseLibp2pError:
            await net_stream.reset()
        except Exception as error:  # noqa: BLE001 -- rubbish from one peer ends its connection and nothing else
            self.faults += 1
            log.warning("stream_fault", extra={"peer": connection.peer, "error": type(error).__name__})
            connection.wire.cut()

    def _schedule_identify(self, peer_id: ID, *, reason: str) -> None:
        """Nobody is asked: every node of ours speaks the same protocols, and identify costs more than a greeting."""
