"""One simulated island: the production machines of the mesh on simulated time. Source: specs/10-simulator.md."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

from protocol.dissemination import Dissemination
from protocol.failure import Alive, Dead, Suspect
from protocol.keys import IslandId, SealingKey
from protocol.mesh_actions import (
    Action,
    Alarm,
    Answered,
    Believed,
    CloseSession,
    Gossip,
    NeedStatement,
    Questioned,
    SendSync,
)
from protocol.questions import LoadAnswer, LoadQuestion, ModelLoad, decode_answer, encode_answer, encode_question
from protocol.records import CapabilityStatement, ModelOffer, ModelOrigin, peek, seal_record
from protocol.registry import Registry
from protocol.session import Admit, Close, Learned, SendGreeting, Session, SessionAction
from protocol.terms import Now
from sim.kernel import MILLISECOND_US, SECOND_US, Kernel
from sim.metrics import Metrics
from sim.network import Network
from sim.serving import Server
from sim.world import Inhabitant, World

STATEMENT_LIFETIME_MS = 900_000
GOSSIP_DEGREE = 8  # gossipsub's mesh, as the node sets it
GOSSIP_DEGREE_MAX = 12
DISCOVERY_US = 1_000_000  # from the start of an island until mDNS has told it of the others


@dataclass(slots=True)
class Mesh:
    """What the islands of one run share: time, ways, books; and who is where."""

    kernel: Kernel
    network: Network
    metrics: Metrics
    world: World
    islands: dict[IslandId, "SimIsland"]


class SimIsland:
    """An island with its own membership, registry, sessions and dissemination, and the models that it serves."""

    def __init__(self, mesh: Mesh, me: Inhabitant) -> None:
        now = mesh.kernel.now
        self.mesh = mesh
        self.me = me
        self.down = False
        self.membership = mesh.world.membership(now)
        self.registry = Registry(
            self.membership, islands_max=max(256, len(mesh.world.inhabitants)), verifier=mesh.world.verifier
        )
        seed = int.from_bytes(blake2b(me.key.seed, digest_size=8).digest(), "big")
        self.dissemination = Dissemination(me.id, self.membership, self.registry, seed=seed, now=now)
        self.servers = {model.name: Server(mesh.kernel, model) for model in me.device.models}
        self.dead: set[IslandId] = set()
        self.lost: Callable[[IslandId], None] = lambda peer: None  # streams to a peer that died end at once
        self.loads: dict[IslandId, tuple[int, LoadAnswer]] = {}
        self._sessions: dict[IslandId, Session] = {}
        self._asked: dict[int, Callable[[], None]] = {}
        self._gossip_seen: set[bytes] = set()
        self._gossip_peers: list[IslandId] = []
        self._arrivals_us: dict[IslandId, int] = {}
        self._sequence = 0
        self._wake_us: int | None = None
        self._first_seen: set[IslandId] = set()

    # Life

    def start(self, peers: Iterable[IslandId]) -> None:
        """States what it has, ticks from now on, and dials `peers` when it has found them."""
        self._tick()
        self.mesh.kernel.after(DISCOVERY_US, self._dial, tuple(peers))

    def _dial(self, peers: Iterable[IslandId]) -> None:
        if not self.down:
            for peer in peers:
                self._session(peer, dialler=True)

    def crash(self) -> None:
        self.down = True
        self.mesh.kernel.note("crash", self.me.name)

    @property
    def now(self) -> Now:
        return self.mesh.kernel.now

    # Sessions

    def _session(self, peer: IslandId, *, dialler: bool) -> Session:
        session = Session(self.membership, self.me.id, peer, dialler=dialler)
        self._sessions[peer] = session
        self._perform_session(peer, session.start(self.now))
        return session

    def on_greeting(self, peer: IslandId, data: bytes) -> None:
        if self.down:
            return
        session = self._sessions.get(peer) or self._session(peer, dialler=False)
        self._perform_session(peer, session.receive(data, self.now))

    def _perform_session(self, peer: IslandId, actions: Iterable[SessionAction]) -> None:
        for action in actions:
            match action:
                case SendGreeting(data):
                    self._send(peer, data, lambda other, data: other.on_greeting(self.me.id, data))
                case Learned(raw, events):
                    self._perform(self.dissemination.on_learned(raw, events, peer, self.now))
                case Admit(_, heads):
                    self._graft(peer)
                    self._perform(self.dissemination.on_session(peer, heads, self.now))
                case Close():
                    self._forget(peer)

    def on_closed(self, peer: IslandId) -> None:
        if not self.down:
            self._forget(peer)

    def _forget(self, peer: IslandId) -> None:
        session = self._sessions.pop(peer, None)
        if session is not None:
            session.closed()
            self._perform(self.dissemination.on_session_closed(peer, self.now))
        if peer in self._gossip_peers:
            self._gossip_peers.remove(peer)

    def _graft(self, peer: IslandId) -> None:
        """gossipsub's mesh: both ends hand on to each other, as far as both want more."""
        if len(self._gossip_peers) < GOSSIP_DEGREE and peer not in self._gossip_peers:
            self._gossip_peers.append(peer)
            self._send(peer, b"", lambda other, _: other.on_graft(self.me.id))

    def on_graft(self, peer: IslandId) -> None:
        if self.down or peer in self._gossip_peers:
            return
        if peer in self._sessions and len(self._gossip_peers) < GOSSIP_DEGREE_MAX:
            self._gossip_peers.append(peer)
        else:
            self._send(peer, b"", lambda other, _: other.on_prune(self.me.id))

    def on_prune(self, peer: IslandId) -> None:
        if peer in self._gossip_peers:
            self._gossip_peers.remove(peer)

    # Frames

    def on_sync(self, peer: IslandId, data: bytes) -> None:
        if not self.down:
            self._perform(self.dissemination.on_sync(peer, data, self.now))

    def on_gossip(self, origin: IslandId, data: bytes, forwarder: IslandId) -> None:
        """Handed on where it is new and its origin earned no alarm, as gossipsub's validator decides in a node."""
        message = blake2b(data, digest_size=16).digest()
        if self.down or message in self._gossip_seen:
            return
        self._gossip_seen.add(message)
        actions = self.dissemination.on_gossip(origin, data, self.now)
        if not any(isinstance(action, Alarm | CloseSession) for action in actions):
            self._hand_on(origin, data, forwarder)
        self._perform(actions)

    def _hand_on(self, origin: IslandId, data: bytes, forwarder: IslandId) -> None:
        for peer in self._gossip_peers:
            if peer not in (origin, forwarder):
                self.mesh.metrics.gossip_bytes += len(data)
                self._send(peer, data, lambda other, data: other.on_gossip(origin, data, self.me.id))

    def _send(self, peer: IslandId, data: bytes, arrive: Callable[["SimIsland", bytes], None]) -> None:
        other = self.mesh.islands[peer]
        now_us = self.mesh.kernel.now_us
        arrives_us = now_us + self.mesh.network.delay_us(self.me.name, other.me.name, len(data))
        # One connection carries it all: what was sent later never overtakes.
        self._arrivals_us[peer] = max(arrives_us, self._arrivals_us.get(peer, 0))
        self.mesh.kernel.after(self._arrivals_us[peer] - now_us, arrive, other, data)

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case SendSync(peer, data):
                    self.mesh.metrics.gossip_bytes += len(data)
                    self._send(peer, data, lambda other, data: other.on_sync(self.me.id, data))
                case Gossip(data):
                    self._hand_on(self.me.id, data, self.me.id)
                case NeedStatement():
                    self._perform(self._publish())
                case Questioned(peer, number, _):
                    content = encode_answer(self._load())
                    self._perform(self.dissemination.answer(peer, number, content))
                case Answered(peer, number, content):
                    self._answered(peer, number, content)
                case Alive(peer):
                    self.dead.discard(peer)
                case Suspect(peer):
                    self.dead.add(peer)
                case Dead(peer):
                    self.dead.add(peer)
                    self.lost(peer)
                case CloseSession(peer):
                    self._forget(peer)
                    self._send(peer, b"", lambda other, _: other.on_closed(self.me.id))
                case Believed(raw):
                    self._believed(raw)
                case Alarm(kind, island, _):
                    self.mesh.kernel.note("alarm", self.me.name, kind.value, island)
        self._set_wake()

    def _believed(self, raw: bytes) -> None:
        self.mesh.kernel.note("believed", self.me.name, blake2b(raw, digest_size=8).hexdigest())
        header = peek(raw)
        if header.kind == CapabilityStatement.KIND and header.author not in self._first_seen:
            self._first_seen.add(header.author)
            self.mesh.metrics.spread_s.append(self.mesh.kernel.now_us / SECOND_US)

    def _publish(self) -> tuple[Action, ...]:
        self._sequence += 1
        statement = CapabilityStatement(
            subject=self.me.id,
            boot=1,
            sequence=self._sequence,
            lifetime_ms=STATEMENT_LIFETIME_MS,
            prekey=SealingKey(blake2b(self.me.key.seed, digest_size=32, person=b"prekey").digest()),
            offers=tuple(
                ModelOffer(
                    model=model.name,
                    context_tokens=model.context_tokens,
                    slots=model.slots,
                    tokens_per_s=model.tokens_per_s,
                    ttft_ms=model.ttft_ms,
                    origin=ModelOrigin.EMBEDDED,
                    tools=True,
                )
                for model in self.me.device.models
            ),
        )
        return self.dissemination.publish(seal_record(statement, self.me.key).raw, self.now)

    # Load

    def ask_load(self, peer: IslandId, answered: Callable[[], None]) -> bool:
        """False where there is no session to ask over."""
        number, actions = self.dissemination.ask(peer, encode_question(LoadQuestion()))
        if not actions:
            return False
        self._asked[number] = answered
        self._perform(actions)
        return True

    def _answered(self, peer: IslandId, number: int, content: bytes) -> None:
        answer = decode_answer(content)
        if isinstance(answer, LoadAnswer):
            self.loads[peer] = (self.now.mono_ms, answer)
        answered = self._asked.pop(number, None)
        if answered is not None:
            answered()

    def _load(self) -> LoadAnswer:
        return LoadAnswer(tuple(ModelLoad(name, one.free, one.queued) for name, one in self.servers.items()))

    # Time

    def _tick(self) -> None:
        self._wake_us = None
        if not self.down:
            self._perform(self.dissemination.tick(self.now))

    def _set_wake(self) -> None:
        """One wake-up is under way at most, and an earlier one replaces it."""
        due_us = max(self.dissemination.next_wake_ms() * MILLISECOND_US, self.mesh.kernel.now_us + MILLISECOND_US)
        if self._wake_us is None or due_us < self._wake_us:
            self._wake_us = due_us
            self.mesh.kernel.after(due_us - self.mesh.kernel.now_us, self._wake, due_us)

    def _wake(self, due_us: int) -> None:
        if due_us == self._wake_us:
            self._tick()
