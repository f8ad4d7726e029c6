"""Notices that a connected peer has died, sooner than TCP or expiry would.

Source: specs/07-dissemination.md, section 5.

SWIM (Das, Gupta, Motivala: "SWIM", DSN 2002, sections 3 and 4): a direct ping, then INDIRECT_PROBES others are asked to
ping, then suspicion. From Lifeguard (Dadgar, Phillips, Currey, DSN 2018) comes doubt of oneself: a detector whose own
clock came late blames nobody for the answers it missed.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from protocol.chance import Chance
from protocol.errors import MisuseError
from protocol.keys import IslandId
from protocol.sync import NONCE_MAX, Ack, Ping, PingRequest, SyncFrame
from protocol.terms import Now

PING_INTERVAL_MS: Final = 1_000  # whoever was heard within this needs no ping
ACK_TIMEOUT_MS: Final = 700  # 350 round trips of a LAN: a laptop whose cores all decode tokens answers late
INDIRECT_TIMEOUT_MS: Final = 700
SUSPICION_MS: Final = 1_600  # raised: fewer false alarms, later truth
INDIRECT_PROBES: Final = 2  # SWIM's k: lost with 10 % of frames, both ways fail in 4 of 100 cases
ALL_PROBED_MAX: Final = 32  # up to so many peers each is probed every interval; of more, so many in turn
LATE_MS: Final = 300  # own ticks later than this prove that this process was starved
RELAYS_MAX: Final = 256  # pings under way for others
DEATH_NOTICED_MS: Final = 5_000
assert 2 * PING_INTERVAL_MS + ACK_TIMEOUT_MS + INDIRECT_TIMEOUT_MS + SUSPICION_MS <= DEATH_NOTICED_MS
assert LATE_MS < ACK_TIMEOUT_MS <= PING_INTERVAL_MS


@dataclass(frozen=True, slots=True)
class Send:
    peer: IslandId
    frame: SyncFrame


@dataclass(frozen=True, slots=True)
class Alive:
    """The peer is here, or is here again."""

    peer: IslandId


@dataclass(frozen=True, slots=True)
class Suspect:
    """The peer is slow to answer. It still counts as alive (SWIM, section 4.2), but others are to be preferred."""

    peer: IslandId


@dataclass(frozen=True, slots=True)
class Dead:
    """The peer is gone, as far as this island can tell."""

    peer: IslandId


DetectorAction = Send | Alive | Suspect | Dead


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """For simulations that shrink or stretch time; the defaults are what nodes use."""

    ping_interval_ms: int = PING_INTERVAL_MS
    ack_timeout_ms: int = ACK_TIMEOUT_MS
    indirect_timeout_ms: int = INDIRECT_TIMEOUT_MS
    suspicion_ms: int = SUSPICION_MS
    all_probed_max: int = ALL_PROBED_MAX

    def __post_init__(self) -> None:
        if not 0 < self.ack_timeout_ms <= self.ping_interval_ms or self.all_probed_max < 1:
            raise MisuseError("an answer must be due before the next ping, and somebody must be probed")


@dataclass(slots=True)
class _Peer:
    heard_ms: int
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class _Waiting:
    """For a sign of life of `peer` since `since_ms`."""

    due_ms: int
    peer: IslandId
    since_ms: int
    nonce: int


@dataclass(slots=True)
class FailureDetector:
    """Watches the peers it is told of. Every frame of a peer is a sign of life; pings go only where none came."""

    chance: Chance
    settings: DetectorSettings = field(default_factory=DetectorSettings)
    _peers: dict[IslandId, _Peer] = field(default_factory=dict)
    _turn: list[IslandId] = field(default_factory=list)  # who is still to be probed in this round of all
    _next_ping_ms: int | None = None
    _direct: deque[_Waiting] = field(default_factory=deque)
    _indirect: deque[_Waiting] = field(default_factory=deque)
    _suspects: deque[_Waiting] = field(default_factory=deque)
    _asked: dict[int, IslandId] = field(default_factory=dict)  # nonce of a ping request under way -> its target
    _relays: dict[int, tuple[IslandId, IslandId, int]] = field(default_factory=dict)  # nonce -> target, asker, theirs
    _nonce: int = 0

    def add(self, peer: IslandId, now: Now) -> tuple[DetectorAction, ...]:
        known = peer in self._peers
        self._peers[peer] = _Peer(now.mono_ms)
        if self._next_ping_ms is None:
            self._next_ping_ms = now.mono_ms + self.settings.ping_interval_ms
        return () if known else (Alive(peer),)

    def remove(self, peer: IslandId) -> bool:
        """The connection is gone. Whether the peer was watched."""
        return self._peers.pop(peer, None) is not None

    def heard(self, peer: IslandId, now: Now) -> tuple[DetectorAction, ...]:
        """Something of the peer came, whatever it was."""
        known = self._peers.get(peer)
        if known is None:
            return ()
        known.heard_ms = now.mono_ms
        if not known.suspect:
            return ()
        known.suspect = False
        return (Alive(peer),)

    def on_frame(self, peer: IslandId, frame: Ping | PingRequest | Ack, now: Now) -> tuple[DetectorAction, ...]:
        """Call `heard` for it too."""
        match frame:
            case Ping(nonce):
                return (Send(peer, Ack(nonce)),)
            case PingRequest(nonce, target):
                if target not in self._peers or target == peer:
                    return ()
                while len(self._relays) >= RELAYS_MAX:
                    del self._relays[next(iter(self._relays))]
                own = self._next_nonce()
                self._relays[own] = (target, peer, nonce)
                return (Send(target, Ping(own)),)
            case Ack(nonce):
                return self._on_ack(peer, nonce, now)

    def tick(self, now: Now) -> tuple[DetectorAction, ...]:
        due_ms = self.next_wake_ms()
        if due_ms is None or now.mono_ms < due_ms:
            return ()
        if now.mono_ms - due_ms > LATE_MS:
            self._doubt_oneself(now)
        return tuple(self._act(now))

    def next_wake_ms(self) -> int | None:
        """When `tick` is due, on the monotonic clock; None while nobody is watched."""
        if self._next_ping_ms is None:
            return None
        queues = (self._direct, self._indirect, self._suspects)
        return min([self._next_ping_ms, *(queue[0].due_ms for queue in queues if queue)])

    def _act(self, now: Now) -> Iterator[DetectorAction]:
        settings = self.settings
        for waiting in self._unanswered(self._direct, now):
            yield from self._ask_others(waiting, now)
        for waiting in self._unanswered(self._indirect, now):
            peer = self._peers[waiting.peer]
            if not peer.suspect:
                peer.suspect = True
                yield Suspect(waiting.peer)
                due_ms = now.mono_ms + settings.suspicion_ms
                self._suspects.append(_Waiting(due_ms, waiting.peer, peer.heard_ms, 0))
        for waiting in self._unanswered(self._suspects, now):
            del self._peers[waiting.peer]
            yield Dead(waiting.peer)
        if self._next_ping_ms is not None and now.mono_ms >= self._next_ping_ms:
            self._next_ping_ms = now.mono_ms + settings.ping_interval_ms if self._peers else None
            yield from self._ping_round(now)

    def _unanswered(self, queue: deque[_Waiting], now: Now) -> Iterator[_Waiting]:
        while queue and queue[0].due_ms <= now.mono_ms:
            waiting = queue.popleft()
            self._asked.pop(waiting.nonce, None)
            peer = self._peers.get(waiting.peer)
            if peer is not None and peer.heard_ms <= waiting.since_ms:
                yield waiting

    def _ping_round(self, now: Now) -> Iterator[DetectorAction]:
        silent_since_ms = now.mono_ms - self.settings.ping_interval_ms
        for target in self._targets():
            if self._peers[target].heard_ms <= silent_since_ms:
                nonce = self._next_nonce()
                due_ms = now.mono_ms + self.settings.ack_timeout_ms
                self._direct.append(_Waiting(due_ms, target, self._peers[target].heard_ms, nonce))
                yield Send(target, Ping(nonce))

    def _targets(self) -> list[IslandId]:
        """All, or the next of a shuffled round, so that each is probed within a bounded time (SWIM, section 4.3)."""
        most = self.settings.all_probed_max
        if len(self._peers) <= most:
            return list(self._peers)
        targets: list[IslandId] = []
        while len(targets) < most:
            if not self._turn:
                self._turn = self.chance.shuffled(list(self._peers))
            peer = self._turn.pop()
            if peer in self._peers and peer not in targets:
                targets.append(peer)
        return targets

    def _ask_others(self, waiting: _Waiting, now: Now) -> Iterator[DetectorAction]:
        nonce = self._next_nonce()
        due_ms = now.mono_ms + self.settings.indirect_timeout_ms
        self._indirect.append(_Waiting(due_ms, waiting.peer, waiting.since_ms, nonce))
        self._asked[nonce] = waiting.peer
        others = [peer for peer in self._peers if peer != waiting.peer and not self._peers[peer].suspect]
        for helper in self.chance.some(others, INDIRECT_PROBES):
            yield Send(helper, PingRequest(nonce, waiting.peer))

    def _on_ack(self, peer: IslandId, nonce: int, now: Now) -> tuple[DetectorAction, ...]:
        target = self._asked.get(nonce)
        if target is not None:
            return self.heard(target, now)
        relay = self._relays.get(nonce)
        if relay is None or relay[0] != peer:
            return ()
        del self._relays[nonce]
        return (Send(relay[1], Ack(relay[2])),) if relay[1] in self._peers else ()

    def _doubt_oneself(self, now: Now) -> None:
        """This process was starved: what did not come may be waiting to be read. Everybody gets a fresh start."""
        self._direct.clear()
        self._indirect.clear()
        self._asked.clear()
        for peer in self._peers.values():
            peer.heard_ms = max(peer.heard_ms, now.mono_ms - self.settings.ping_interval_ms)
        self._suspects = deque(
            _Waiting(now.mono_ms + self.settings.suspicion_ms, one.peer, now.mono_ms - 1, 0) for one in self._suspects
        )

    def _next_nonce(self) -> int:
        self._nonce = self._nonce % NONCE_MAX + 1
        return self._nonce
