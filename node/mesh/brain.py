"""The shell of the mesh process: owns the pure machines of one node, feeds them and performs what they say.

Nothing is decided here that a simulator should run: who belongs, what is believed, whom to tell and who is alive is in
`protocol`; whom to dial is in `node.mesh.dialling`.
"""

import logging
import random
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack

import trio

from node.clock import now
from node.mesh import frames
from node.mesh.announcement import SALT_BYTES, Announcement, Rumour
from node.mesh.caller import Caller
from node.mesh.discovery import Discovery
from node.mesh.endpoint import Endpoint
from node.mesh.frames import Message, MessageLink
from node.mesh.greeter import Greeter
from node.mesh.host import MeshHost
from node.mesh.lines import Lines
from node.mesh.pairing import Pairing
from node.mesh.pipes import Pipes
from node.mesh.questions import Questions
from node.mesh.streams import MeshStream
from node.mesh.swarm import Connection
from protocol import mesh_actions
from protocol.dissemination import Dissemination
from protocol.errors import EncodingError, LinkError, MembershipError, PeerError, RecordError
from protocol.failure import Alive, Dead, Suspect
from protocol.hints import hint
from protocol.keys import IslandId
from protocol.membership import Membership
from protocol.records import Genesis, open_record
from protocol.registry import Registry
from protocol.session import Admit, Learned
from protocol.sync import decode_gossip

INFER = "/islandrun/infer/1.0.0"
TOPIC = "/islandrun/gossip/1.0.0/{}"
CROSSING_MS = 5_000  # two connections this close together were dialled at the same moment, from both ends
WORDS_WAITING_MAX = 20_000
COUNT_S = 5.0

log = logging.getLogger("islandrun.mesh")


class Brain:
    """One enrolled node's mesh, from `run` to the end of the link."""

    def __init__(self, setup: frames.Setup, genesis: bytes, link: MessageLink) -> None:
        record = open_record(genesis)
        if not isinstance(record.record, Genesis):
            raise LinkError("the genesis of the setup is another record")
        self._setup = setup
        self._link = link
        self._membership = Membership(record)  # type: ignore[arg-type]
        self._host = MeshHost(setup.seed, self)
        self._me = self._host.island
        registry = Registry(self._membership)
        self._machine = Dissemination(self._me, self._membership, registry, seed=secrets.randbits(64), now=now())
        self._greeter = Greeter(self._host, self._membership, self._me, self)
        chance = random.Random(secrets.randbits(64))
        self._caller = Caller(self._host, self._membership, self._greeter.greet, chance)
        self._lines = Lines(self._host, self._on_sync)
        self._pipes = Pipes(link)
        self._discovery = Discovery(setup.interfaces, self._describe)
        self._pairing = Pairing(link, self._pipes, window_hosts(setup), self._discovery.announce_pairing)
        self._questions = Questions(self._machine, self._act, self._say)
        self._current: dict[IslandId, Connection] = {}
        self._since_ms: dict[IslandId, int] = {}
        self._outbox, self._outgoing = trio.open_memory_channel[Message | mesh_actions.Gossip](WORDS_WAITING_MAX)
        self._changed = trio.Event()
        self._nursery: trio.Nursery
        self._host.handle(INFER, self._infer)

    async def run(self) -> None:
        """Raises LinkError when the link ends, or the node cannot listen."""
        async with trio.open_nursery() as self._nursery, AsyncExitStack() as stack:
            self._believe_setup()
            try:
                await stack.enter_async_context(self._host.running([Endpoint.parse(one) for one in self._setup.listen]))
            except (LinkError, ValueError) as error:
                await self._link.send(frames.Failed(str(error)))
                raise LinkError(str(error)) from error
            topic = TOPIC.format(self._membership.archipelago.hex())
            await stack.enter_async_context(self._host.topic(topic, self._judge))
            self._say(frames.Ready(tuple(str(endpoint) for endpoint in self._host.listening)))
            for task in (self._speak, self._tick, self._count, self._caller.run):
                self._nursery.start_soon(task)
            self._nursery.start_soon(self._discovery.run, self._hear)
            while True:
                self._on_message(await self._link.receive())

    def _believe_setup(self) -> None:
        for raw in self._setup.entries:
            try:
                self._membership.accept(raw, now())
            except (EncodingError, RecordError, MembershipError) as error:
                self._say(frames.Alarm("entry_refused", "", str(error)))
        self._caller.meet_newcomers()
        if self._setup.statement is not None:
            self._act(self._machine.publish(self._setup.statement, now()))

    # What the host tells

    def connection_up(self, connection: Connection) -> None:
        if not self._greeter.met(connection):
            self._nursery.start_soon(self._host.close, connection)

    def connection_down(self, connection: Connection) -> None:
        self._greeter.parted(connection)
        self._lines.forget(connection)
        island = connection.peer
        if self._current.get(island) is not connection:
            return
        del self._current[island], self._since_ms[island]
        self._questions.lost(island)
        self._act(self._machine.on_session_closed(island, now()))
        self._say(frames.PeerDown(island))
        self._caller.disconnected(island)

    async def learned(self, action: Learned, source: IslandId) -> None:
        self._act(self._machine.on_learned(action.raw, action.events, source, now()))

    async def admitted(self, connection: Connection, action: Admit) -> None:
        island = connection.peer
        old = self._current.get(island)
        if old is not None and old.is_open:
            loser = connection if self._keeps(old, connection) else old
            self._nursery.start_soon(self._host.close, loser)
            if loser is connection:
                return
        self._current[island] = connection
        self._since_ms[island] = now().mono_ms
        self._lines.prepare(connection)
        if connection.dialled:
            self._nursery.start_soon(self._lines.open, connection)
        places = self._caller.connected(connection)
        self._act(self._machine.on_session(island, action.heads, now()))
        self._say(frames.PeerUp(island, tuple(str(place) for place in places)))

    def _keeps(self, old: Connection, new: Connection) -> bool:
        """Both ends must keep the same one: of two that crossed the smaller id's, else the newer."""
        crossed = now().mono_ms - self._since_ms[old.peer] < CROSSING_MS
        ours = self._me < old.peer
        return crossed and old.dialled == ours and new.dialled != ours

    async def _infer(self, stream: MeshStream) -> None:
        if self._membership.is_live(stream.peer, now()):
            await self._pipes.carry_in(stream, lambda number: frames.Incoming(number, stream.peer))

    def _judge(self, forwarder: IslandId, origin: IslandId, frame: bytes) -> bool:
        """Whether a gossiped frame may be passed on; what is in it is believed or not by the machine."""
        at = now()
        if not (self._membership.is_live(forwarder, at) and self._membership.is_live(origin, at)):
            return False
        self._act(self._machine.on_gossip(origin, frame, at))
        try:
            decode_gossip(frame)
        except PeerError:
            return False
        return True

    async def _on_sync(self, connection: Connection, frame: bytes) -> None:
        if self._current.get(connection.peer) is connection:
            self._act(self._machine.on_sync(connection.peer, frame, now()))

    # What the core says

    def _on_message(self, message: Message) -> None:
        match message:
            case frames.Data() | frames.End() | frames.Reset():
                self._pipes.on_message(message)
            case frames.Open(number):
                self._pipes.expect(number)
                self._nursery.start_soon(self._open, message)
            case frames.Ask():
                self._nursery.start_soon(self._questions.ask, message)
            case frames.Reply(number, answer):
                self._questions.reply(number, answer)
            case frames.Publish(raw):
                self._act(self._machine.publish(raw, now()))
            case frames.Remember(island, addresses):
                self._caller.remember(IslandId(island), addresses)
            case frames.OpenWindow():
                self._nursery.start_soon(self._pairing.open, message)
            case frames.CloseWindow():
                self._pairing.close()
            case frames.Join(number):
                self._pipes.expect(number)
                self._nursery.start_soon(self._pairing.join, message)
            case _:
                raise LinkError(f"{type(message).__name__}: said twice")

    async def _open(self, message: frames.Open) -> None:
        island = IslandId(message.island)
        try:
            connection = self._current.get(island)
            if connection is None or not self._membership.is_live(island, now()):
                raise LinkError("the member is not here")
            stream = await self._host.open_stream(connection, INFER, message.deadline_ms / 1_000)
        except LinkError:
            await self._pipes.refuse(message.stream)
            return
        await self._pipes.carry_out(message.stream, stream)

    # What the network says

    def _describe(self, name: str) -> Announcement:
        salt = secrets.token_bytes(SALT_BYTES)
        port = self._host.listening[0].port
        return Announcement(name, port, salt, hint(salt, self._membership.archipelago, self._me))

    def _hear(self, rumour: Rumour) -> None:
        if rumour.pairing is not None:
            self._nursery.start_soon(self._pairing.hear, rumour)
        self._caller.hear(rumour)

    # What the machine says

    def _act(self, actions: Sequence[mesh_actions.Action]) -> None:
        for action in actions:
            match action:
                case mesh_actions.SendSync(peer, data):
                    connection = self._current.get(peer)
                    if connection is not None:
                        self._lines.send(connection, data)
                case mesh_actions.Gossip():
                    self._put(action)
                case mesh_actions.Believed(raw):
                    self._say(frames.Believed(raw))
                    self._caller.meet_newcomers()
                case Alive(peer) | Suspect(peer) | Dead(peer):
                    self._say(frames.Health(peer, type(action).__name__.lower()))
                case mesh_actions.NeedStatement():
                    self._say(frames.NeedStatement())
                case mesh_actions.Alarm(kind, island, detail):
                    self._say(frames.Alarm(str(kind), island, detail))
                case mesh_actions.Questioned() | mesh_actions.Answered():
                    self._questions.on_action(action)
                case mesh_actions.CloseSession(peer, reason):
                    self._end_session(peer, reason)
        if actions:
            self._changed.set()

    def _end_session(self, peer: IslandId, reason: str) -> None:
        for connection in self._host.connections:
            if connection.peer == peer:
                log.info("session_ended", extra={"peer": peer, "reason": str(reason)})
                self._nursery.start_soon(self._host.close, connection)

    async def _tick(self) -> None:
        while True:
            self._changed = trio.Event()
            self._act(self._machine.tick(now()))
            wait_s = max(0.0, (self._machine.next_wake_ms() - now().mono_ms) / 1_000)
            with trio.move_on_after(wait_s):
                await self._changed.wait()

    # The way out

    def _say(self, word: Message) -> None:
        self._put(word)

    def _put(self, thing: Message | mesh_actions.Gossip) -> None:
        try:
            self._outbox.send_nowait(thing)
        except trio.WouldBlock:
            raise LinkError("the core does not listen") from None

    async def _speak(self) -> None:
        async for thing in self._outgoing:
            if isinstance(thing, mesh_actions.Gossip):
                await self._host.publish(thing.data)
            else:
                await self._link.send(thing)

    async def _count(self) -> None:
        said = None
        while True:
            refused = self._greeter.refused + self._host.counts.refused_at_door
            counts = frames.Counts(len(self._current), self._caller.rumours, self._host.faults, refused)
            if counts != said:
                self._say(counts)
                said = counts
            await trio.sleep(COUNT_S)


def window_hosts(setup: frames.Setup) -> tuple[str, ...]:
    """A pairing window listens where the node does."""
    return tuple(dict.fromkeys(Endpoint.parse(one).host for one in setup.listen))
