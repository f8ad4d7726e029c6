"""gossipsub as a carrier of frames: what py-libp2p lets escape is caught here, and what it keeps off is switched on.

A malformed RPC escapes py-libp2p's reader and its publish path, and ends the program; bad signatures are neither
limited nor remembered. Frames reach the brain through the topic's validator: only what was believed is passed on.
"""

import logging
from collections.abc import Callable

from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.score import ScoreParams, TopicScoreParams

from node.clock import now
from node.mesh.swarm import Connection, MeshBasicHost
from protocol.budget import Budget
from protocol.keys import IslandId
from protocol.sync import SYNC_FRAME_BYTES_MAX

RPC_BYTES_MAX = SYNC_FRAME_BYTES_MAX + 1_024  # ids, signature and peer record around a frame. At 1 MiB, the default,
# one RPC of bad signatures stalls the loop for 15 s; at this size for 30 ms
MESSAGES_PER_S = 20  # from one forwarder, before its signatures are checked
MESSAGES_BURST = 200
HEARTBEAT_S = 1
PROTOCOLS = [PROTOCOL_ID_V12, PROTOCOL_ID_V11]

log = logging.getLogger("islandrun.mesh")

OnFrame = Callable[[IslandId, IslandId, bytes], bool]
"""Forwarder, origin, frame: whether it may be passed on."""


def scoring() -> ScoreParams:
    """Off by default. Invalid messages and floods cost; a peer is heard again after a minute of good behaviour."""
    return ScoreParams(
        p4_invalid_messages=TopicScoreParams(weight=1.0, cap=100.0, decay=0.95),
        p5_behavior_penalty_weight=1.0,
        p5_behavior_penalty_decay=0.95,
        p5_behavior_penalty_threshold=20.0,
        gossip_threshold=-20.0,
        publish_threshold=-40.0,
        graylist_threshold=-60.0,
        accept_px_threshold=0.0,
    )


def new_router() -> GossipSub:
    """`adaptive_gossip_enabled` would let the heartbeat drift to 30 s."""
    return GossipSub(
        protocols=[TProtocol(name) for name in PROTOCOLS],
        degree=8,
        degree_low=6,
        degree_high=12,
        heartbeat_interval=HEARTBEAT_S,
        adaptive_gossip_enabled=False,
        do_px=False,
        score_params=scoring(),
    )


class MeshPubsub(Pubsub):  # type: ignore[misc]
    """Speaks to members only, on one topic."""

    def __init__(self, host: MeshBasicHost, topic: str, on_frame: OnFrame) -> None:
        self._mesh_host = host
        self._topic = topic
        self._on_frame = on_frame
        self._budgets: dict[ID, Budget] = {}
        self._registering: set[ID] = set()
        self.faults = 0
        super().__init__(
            host,
            new_router(),
            strict_signing=True,
            max_inbound_rpc_size=RPC_BYTES_MAX,
            max_subscriptions_per_rpc=8,
            max_subscriptions_per_peer=4,
            allowed_topics={topic},
        )
        self.set_topic_validator(topic, self._judge, False)

    def admit(self, peer: ID) -> None:
        """The greeting held: now, and not when the connection opened, pubsub speaks to it."""
        if self.manager.is_running:
            self.manager.run_task(self._handle_new_peer_with_retry, peer)

    def forget(self, connection: Connection) -> None:
        """A member's connection is gone; where another is left, its next stream opens on that."""
        peer = connection.muxed.peer_id
        stream = self.peers.get(peer)
        if stream is None or stream.muxed_conn is connection.muxed:
            self._handle_dead_peer(peer)
        if not self._is_member(peer):
            self._budgets.pop(peer, None)

    async def _handle_new_peer_with_retry(self, peer_id: ID, timeout: float | None = None) -> None:
        """One at a time for each peer: of two, the first would leave a task behind that waits for ever."""
        if not self._is_member(peer_id) or peer_id in self._registering:
            return
        self._registering.add(peer_id)
        try:
            await super()._handle_new_peer_with_retry(peer_id, timeout)
        finally:
            self._registering.discard(peer_id)

    def _peer_is_connected(self, peer_id: ID) -> bool:
        return self._is_member(peer_id)

    async def continuously_read_stream(self, stream: INetStream) -> None:
        try:
            await super().continuously_read_stream(stream)
        except BaseLibp2pError:
            await stream.reset()
        except Exception as error:  # noqa: BLE001 -- rubbish from one peer ends its connection and nothing else
            self._blame(stream.muxed_conn.peer_id, error)

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        if list(msg.topicIDs) != [self._topic] or len(msg.data) > SYNC_FRAME_BYTES_MAX:
            return
        if msg_forwarder != self.my_id and not self._take(msg_forwarder):
            return
        try:
            await super().push_msg(msg_forwarder, msg)
        except Exception as error:  # noqa: BLE001 -- a key or an id that does not decode escapes py-libp2p's validators
            self._blame(msg_forwarder, error)

    def _judge(self, forwarder: ID, msg: rpc_pb2.Message) -> bool:
        if forwarder == self.my_id:
            return True
        if not self._is_member(forwarder):
            return False
        return self._on_frame(IslandId(str(forwarder)), IslandId(str(ID(msg.from_id))), msg.data)

    def notify_subscriptions(self, publish_message: rpc_pb2.Message) -> None:
        """The validator has handed the frame over already."""

    def _take(self, peer: ID) -> bool:
        at_ms = now().mono_ms
        return self._budgets.setdefault(peer, Budget(MESSAGES_PER_S, MESSAGES_BURST, at_ms)).take(at_ms)

    def _is_member(self, peer: ID) -> bool:
        return any(
            connection.is_member and connection.is_open and connection.muxed.peer_id == peer
            for connection in self._mesh_host.swarm.by_muxed.values()
        )

    def _blame(self, peer: ID, error: Exception) -> None:
        self.faults += 1
        log.warning("gossip_fault", extra={"peer": str(peer), "error": type(error).__name__})
        for connection in list(self._mesh_host.swarm.by_muxed.values()):
            if connection.muxed.peer_id == peer:
                connection.wire.cut()
