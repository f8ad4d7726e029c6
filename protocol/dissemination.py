"""Whom to tell what and when, in one archipelago; what to believe of what is told; who of the peers is alive.

Source: specs/07-dissemination.md. A pure machine around a Membership and a Registry: inputs are sessions, frames and
time, outputs are actions. Gossipsub only carries its frames; a simulator runs it as it is. What gossip loses,
anti-entropy brings: a session starts with it, and it is repeated with one peer in turn.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from protocol.budget import Budget
from protocol.chance import Chance
from protocol.encoding import digest
from protocol.errors import EncodingError, MembershipError, MisuseError, PeerError, RecordError
from protocol.failure import Dead, DetectorAction, DetectorSettings, FailureDetector, Send
from protocol.greeting import Heads
from protocol.keys import IslandId
from protocol.members import Forked, Known, MembershipEvent, Removed, Waiting
from protocol.membership import Membership
from protocol.mesh_actions import (
    Action,
    Alarm,
    AlarmKind,
    Alarms,
    Answered,
    Believed,
    CloseSession,
    DropReason,
    Gossip,
    NeedStatement,
    Questioned,
    SendSync,
)
from protocol.records import LIFETIME_MS_MAX
from protocol.registry import New, RefusalReason, Refused, Registry
from protocol.sync import (
    NONCE_MAX,
    SYNC_FRAME_BYTES_MAX,
    Ack,
    Answer,
    LogDigest,
    Ping,
    PingRequest,
    Question,
    Records,
    StateDigest,
    Summary,
    SyncFrame,
    decode_frame,
    decode_gossip,
    encode_frame,
    log_digest_frame,
    record_frame,
    record_frames,
    state_digest_frames,
)
from protocol.terms import Now

STATEMENT_LIFETIME_MS: Final = LIFETIME_MS_MAX
STATEMENT_REPEAT_MS: Final = STATEMENT_LIFETIME_MS // 2
STATEMENT_RETRY_MS: Final = 10_000  # the core was asked for a statement and gave none
ANTI_ENTROPY_INTERVAL_MS: Final = 60_000  # a statement sent at half-life must survive five lost rounds
GOSSIP_SPACING_MS: Final = 200  # five frames a second: py-libp2p drops what comes faster than ten
GOSSIP_QUEUE_MAX: Final = 1_024  # records; more is left to anti-entropy
GOSSIP_PER_S: Final = 5  # of one sender, as it should send
GOSSIP_BURST: Final = 20
SYNC_PER_S: Final = 50  # frames of one peer; 32 pings and as many acks in an interval are the least of it
SYNC_BURST: Final = 256  # a log of 4,096 entries at once
DIGESTS_PER_S: Final = 1  # each may be answered with everything
DIGESTS_BURST: Final = 8
FAILURES_MAX: Final = 4_096  # refused entries of the log remembered, so that a repeated one costs a hash
QUESTIONS_MAX: Final = 1_024  # asked and not answered yet
assert STATEMENT_REPEAT_MS >= 6 * ANTI_ENTROPY_INTERVAL_MS
assert 1_000 // GOSSIP_SPACING_MS <= GOSSIP_PER_S
assert STATEMENT_RETRY_MS < ANTI_ENTROPY_INTERVAL_MS


@dataclass(frozen=True, slots=True)
class Settings:
    """For simulations that shrink or stretch time; the defaults are what nodes use."""

    anti_entropy_ms: int = ANTI_ENTROPY_INTERVAL_MS
    statement_repeat_ms: int = STATEMENT_REPEAT_MS
    detector: DetectorSettings = field(default_factory=DetectorSettings)

    def __post_init__(self) -> None:
        if self.statement_repeat_ms < 6 * self.anti_entropy_ms or self.anti_entropy_ms < 1:
            raise MisuseError("a statement sent at half-life must survive five lost rounds")


class _Session:
    __slots__ = ("digests", "frames")

    def __init__(self, now: Now) -> None:
        self.frames = Budget(SYNC_PER_S, SYNC_BURST, now.mono_ms)
        self.digests = Budget(DIGESTS_PER_S, DIGESTS_BURST, now.mono_ms)


class Dissemination:
    """The machine of one island, `me`. `seed` decides whom it turns to first; nothing secret hangs on it."""

    def __init__(
        self,
        me: IslandId,
        membership: Membership,
        registry: Registry,
        *,
        seed: int,
        now: Now,
        settings: Settings | None = None,
    ) -> None:
        self._me = me
        self._membership = membership
        self._registry = registry
        self._settings = settings or Settings()
        self._chance = Chance(seed)
        self._detector = FailureDetector(self._chance, self._settings.detector)
        self._sessions: dict[IslandId, _Session] = {}
        self._rounds: list[IslandId] = []  # whom anti-entropy turns to next
        self._gossip_budgets: dict[IslandId, Budget] = {}
        self._queue: deque[bytes] = deque()
        self._gossip_due_ms = now.mono_ms
        self._statement_due_ms = now.mono_ms
        self._anti_entropy_due_ms = now.mono_ms + 1 + self._chance.below(self._settings.anti_entropy_ms)
        self._failures: OrderedDict[bytes, None] = OrderedDict()
        self._questions: OrderedDict[tuple[IslandId, int], None] = OrderedDict()
        self._question_id = 0
        self._alarms = Alarms()

    @property
    def sessions(self) -> tuple[IslandId, ...]:
        return tuple(self._sessions)

    # Inputs

    def publish(self, raw: bytes, now: Now) -> tuple[Action, ...]:
        """A record that this island's core has signed: its statement, or an entry of the log."""
        verdict = self._registry.accept(raw, now)
        if isinstance(verdict, New):
            self._statement_due_ms = now.mono_ms + self._settings.statement_repeat_ms
            self._enqueue(raw, first=False)
            return tuple(self._flush(now))
        if isinstance(verdict, Refused) and verdict.reason is RefusalReason.OTHER_KIND:
            return (*self._take_entry(raw, self._me, now, pass_on=True), *self._flush(now))
        return ()

    def on_learned(
        self, raw: bytes, events: tuple[MembershipEvent, ...], source: IslandId, now: Now
    ) -> tuple[Action, ...]:
        """A session's greeting brought an entry that Membership has taken already."""
        return (*self._entry_taken(raw, events, source, now, pass_on=True), *self._flush(now))

    def on_session(self, peer: IslandId, heads: Heads, now: Now) -> tuple[Action, ...]:
        """A session with a live member; `heads` as its greeting gave them. What it lacks goes out at once."""
        if not self._membership.is_live(peer, now):
            return (CloseSession(peer, DropReason.NOT_A_MEMBER),)
        self._sessions[peer] = _Session(now)
        return (
            *self._translated(self._detector.add(peer, now)),
            *self._send_entries(peer, heads),
            *(SendSync(peer, data) for data in state_digest_frames(self._registry.digest(), reply=False)),
        )

    def on_session_closed(self, peer: IslandId, now: Now) -> tuple[Action, ...]:
        """The connection is gone; Dead unless that was said before."""
        self._sessions.pop(peer, None)
        return (Dead(peer),) if self._detector.remove(peer) else ()

    def on_gossip(self, sender: IslandId, data: bytes, now: Now) -> tuple[Action, ...]:
        """A frame that `sender` published. Judged in the order of cost: a signature is verified last."""
        if len(data) > SYNC_FRAME_BYTES_MAX:
            return tuple(self._misbehaved(sender, "gossip: too large", now))
        if sender == self._me or not self._membership.is_live(sender, now):
            return ()
        budget = self._gossip_budgets.get(sender)
        if budget is None:
            budget = self._gossip_budgets[sender] = Budget(GOSSIP_PER_S, GOSSIP_BURST, now.mono_ms)
        if not budget.take(now.mono_ms):
            return tuple(self._alarm(AlarmKind.FLOOD, sender, "gossip", now))
        try:
            records = decode_gossip(data)
        except PeerError as error:
            return tuple(self._misbehaved(sender, str(error), now))
        heard = self._translated(self._detector.heard(sender, now)) if sender in self._sessions else ()
        return (*heard, *self._take_records(records, sender, now, pass_on=False))

    def on_sync(self, peer: IslandId, data: bytes, now: Now) -> tuple[Action, ...]:
        """A frame from the other end of a session."""
        session = self._sessions.get(peer)
        if session is None:
            return ()
        if not self._membership.is_live(peer, now):
            return tuple(self._close(peer, DropReason.NOT_A_MEMBER))
        if len(data) > SYNC_FRAME_BYTES_MAX:
            return tuple(self._misbehaved(peer, "sync: too large", now))
        if not session.frames.take(now.mono_ms):
            return tuple(self._alarm(AlarmKind.FLOOD, peer, "sync", now))
        try:
            frame = decode_frame(data)
        except PeerError as error:
            return tuple(self._misbehaved(peer, str(error), now))
        return (*self._translated(self._detector.heard(peer, now)), *self._on_frame(peer, session, frame, now))

    def ask(self, peer: IslandId, content: bytes) -> tuple[int, tuple[Action, ...]]:
        """Asks another island's core. The id comes back in Answered, if an answer comes: set a deadline."""
        self._question_id = self._question_id % NONCE_MAX + 1
        if peer not in self._sessions:
            return self._question_id, ()
        while len(self._questions) >= QUESTIONS_MAX:
            self._questions.popitem(last=False)
        self._questions[peer, self._question_id] = None
        return self._question_id, (SendSync(peer, encode_frame(Question(self._question_id, content))),)

    def answer(self, peer: IslandId, question_id: int, content: bytes) -> tuple[Action, ...]:
        """What our core says to a Questioned."""
        return (SendSync(peer, encode_frame(Answer(question_id, content))),) if peer in self._sessions else ()

    def tick(self, now: Now) -> tuple[Action, ...]:
        """Time has passed."""
        actions: list[Action] = list(self._translated(self._detector.tick(now)))
        if now.mono_ms >= self._statement_due_ms:
            self._statement_due_ms = now.mono_ms + STATEMENT_RETRY_MS
            actions.append(NeedStatement())
        if now.mono_ms >= self._anti_entropy_due_ms:
            self._anti_entropy_due_ms = now.mono_ms + self._settings.anti_entropy_ms
            actions.extend(self._anti_entropy(now))
        actions.extend(self._flush(now))
        return tuple(actions)

    def next_wake_ms(self) -> int:
        """When `tick` is due, on the monotonic clock."""
        due_ms = min(self._statement_due_ms, self._anti_entropy_due_ms)
        detector_ms = self._detector.next_wake_ms()
        if detector_ms is not None:
            due_ms = min(due_ms, detector_ms)
        return min(due_ms, self._gossip_due_ms) if self._queue else due_ms

    # Frames

    def _on_frame(self, peer: IslandId, session: _Session, frame: SyncFrame, now: Now) -> Iterable[Action]:
        match frame:
            case Records():
                return (*self._take_records(frame, peer, now, pass_on=True), *self._flush(now))
            case Summary() | LogDigest() | StateDigest():
                if not session.digests.take(now.mono_ms):
                    return self._alarm(AlarmKind.FLOOD, peer, "digests", now)
                return self._on_digest(peer, frame, now)
            case Ping() | PingRequest() | Ack():
                return self._translated(self._detector.on_frame(peer, frame, now))
            case Question(number, content):
                return (Questioned(peer, number, content),)
            case Answer(number, content):
                if (peer, number) not in self._questions:
                    return ()
                del self._questions[peer, number]
                return (Answered(peer, number, content),)

    def _on_digest(self, peer: IslandId, frame: Summary | LogDigest | StateDigest, now: Now) -> Iterator[Action]:
        heads, states = self._membership.heads(), self._registry.digest()
        match frame:
            case Summary():
                if frame != Summary.of(heads, states):
                    yield SendSync(peer, log_digest_frame(heads, reply=True))
                    yield from (SendSync(peer, data) for data in state_digest_frames(states, reply=True))
            case LogDigest(theirs, reply):
                yield from self._send_entries(peer, theirs)
                if reply and any(heads.get(issuer) != head for issuer, head in theirs.items()):
                    yield SendSync(peer, log_digest_frame(heads, reply=False))
            case StateDigest(known, _, _, reply):
                uncovered = {island: order for island, order in states.items() if not frame.covers(island)}
                missing = self._registry.newer_than({**uncovered, **known})
                yield from (SendSync(peer, data) for data in record_frames(missing))
                if reply and any(self._lacks(island, order, states, now) for island, order in known.items()):
                    yield from (SendSync(peer, data) for data in state_digest_frames(states, reply=False))

    def _lacks(
        self, island: IslandId, order: tuple[int, int], states: dict[IslandId, tuple[int, int]], now: Now
    ) -> bool:
        return states.get(island, (-1, -1)) < order and self._membership.is_live(island, now)

    def _send_entries(self, peer: IslandId, heads: Heads) -> Iterator[Action]:
        """What whoever has `heads` lacks of the log: first who belongs no more."""
        missing = self._membership.entries_after(heads)
        if missing:
            revocations = set(self._membership.revocations())
            ordered = sorted(missing, key=lambda raw: raw not in revocations)
            yield from (SendSync(peer, data) for data in record_frames(ordered))

    # Records

    def _take_records(self, records: Records, sender: IslandId, now: Now, *, pass_on: bool) -> Iterator[Action]:
        unknown: list[bytes] = []
        for raw in records.raws:
            verdict = self._registry.accept(raw, now)
            match verdict:
                case New():
                    yield Believed(raw)
                case Refused(RefusalReason.OTHER_KIND):
                    yield from self._take_entry(raw, sender, now, pass_on=pass_on)
                case Refused(RefusalReason.NOT_A_MEMBER):
                    unknown.append(raw)
                case Refused():
                    yield from self._refused(verdict, sender, now)
        for raw in unknown:  # an entry of the same frame may have admitted its author
            if isinstance(self._registry.accept(raw, now), New):
                yield Believed(raw)

    def _refused(self, refused: Refused, sender: IslandId, now: Now) -> Iterator[Action]:
        match refused.reason:
            case RefusalReason.EQUIVOCATION:
                author = refused.author or sender
                yield from self._alarm(AlarmKind.EQUIVOCATION, author, "two statements with one number", now)
            case RefusalReason.BAD_SIGNATURE:
                yield from self._alarm(AlarmKind.BAD_SIGNATURE, sender, "handed on a record that nobody signed", now)
            case RefusalReason.FULL:
                yield from self._alarm(AlarmKind.FULL, sender, "no room for more islands", now)
            case RefusalReason.MALFORMED | RefusalReason.TOO_LARGE:
                yield from self._misbehaved(sender, f"record: {refused.reason}", now)

    def _take_entry(self, raw: bytes, sender: IslandId, now: Now, *, pass_on: bool) -> Iterator[Action]:
        raw_hash = digest(raw)
        if raw_hash in self._failures:
            self._failures.move_to_end(raw_hash)
            return
        try:
            events = self._membership.accept(raw, now)
        except (EncodingError, RecordError, MembershipError) as error:
            while len(self._failures) >= FAILURES_MAX:
                self._failures.popitem(last=False)
            self._failures[raw_hash] = None
            yield from self._alarm(AlarmKind.BAD_SIGNATURE, sender, f"handed on {error}", now)
            return
        yield from self._entry_taken(raw, events, sender, now, pass_on=pass_on)

    def _entry_taken(
        self, raw: bytes, events: tuple[MembershipEvent, ...], source: IslandId, now: Now, *, pass_on: bool
    ) -> Iterator[Action]:
        if all(isinstance(event, Known | Waiting) for event in events):
            return
        yield Believed(raw)
        for event in events:
            if isinstance(event, Forked):
                yield from self._alarm(AlarmKind.FORK, event.issuer, f"two entries with number {event.sequence}", now)
        removal = any(isinstance(event, Removed) for event in events)
        if removal:
            yield from self._recheck(now)
        if pass_on:
            self._enqueue(raw, first=removal)
        if removal:
            # Gossip may be lost in a prune back-off; a removal must not wait for anti-entropy.
            (data,) = record_frames([raw])
            yield from (SendSync(peer, data) for peer in self._sessions if peer != source)

    # Time

    def _anti_entropy(self, now: Now) -> Iterator[Action]:
        self._registry.expire(now)
        yield from self._recheck(now)
        for sender in [sender for sender in self._gossip_budgets if not self._membership.is_live(sender, now)]:
            del self._gossip_budgets[sender]
        peer = self._next_round()
        if peer is not None:
            summary = Summary.of(self._membership.heads(), self._registry.digest())
            yield SendSync(peer, encode_frame(summary))

    def _next_round(self) -> IslandId | None:
        while self._sessions:
            if not self._rounds:
                self._rounds = self._chance.shuffled(list(self._sessions))
            peer = self._rounds.pop()
            if peer in self._sessions:
                return peer
        return None

    def _recheck(self, now: Now) -> Iterator[Action]:
        """Whoever belongs no more loses its session; when that is this island, everybody does."""
        if not self._membership.is_live(self._me, now):
            yield from self._alarm(AlarmKind.SELF_REMOVED, self._me, "this island belongs no more", now)
            for peer in list(self._sessions):
                yield from self._close(peer, DropReason.OWN_CERTIFICATE)
        for peer in [peer for peer in self._sessions if not self._membership.is_live(peer, now)]:
            yield from self._close(peer, DropReason.NOT_A_MEMBER)

    def _enqueue(self, raw: bytes, *, first: bool) -> None:
        if first:
            self._queue.appendleft(raw)
        else:
            self._queue.append(raw)
        while len(self._queue) > GOSSIP_QUEUE_MAX:
            self._queue.pop()

    def _flush(self, now: Now) -> Iterator[Action]:
        """One frame, if one may go now: as many of the waiting records as it holds."""
        if not self._queue or now.mono_ms < self._gossip_due_ms:
            return
        if not self._membership.is_live(self._me, now):
            self._queue.clear()
            return
        self._gossip_due_ms = now.mono_ms + GOSSIP_SPACING_MS
        yield Gossip(record_frame(self._queue))

    # Peers

    def _translated(self, actions: Iterable[DetectorAction]) -> Iterator[Action]:
        for action in actions:
            match action:
                case Send(peer, frame):
                    yield SendSync(peer, encode_frame(frame))
                case Dead(peer):
                    yield action
                    self._sessions.pop(peer, None)
                    yield CloseSession(peer, DropReason.SILENT)
                case _:
                    yield action

    def _misbehaved(self, peer: IslandId, detail: str, now: Now) -> Iterator[Action]:
        yield from self._alarm(AlarmKind.MALFORMED, peer, detail, now)
        if peer in self._sessions:
            yield from self._close(peer, DropReason.MALFORMED)

    def _close(self, peer: IslandId, reason: DropReason) -> Iterator[Action]:
        self._sessions.pop(peer, None)
        if self._detector.remove(peer):
            yield Dead(peer)
        yield CloseSession(peer, reason)

    def _alarm(self, kind: AlarmKind, island: IslandId, detail: str, now: Now) -> tuple[Action, ...]:
        return (Alarm(kind, island, detail),) if self._alarms.rings(kind, island, now) else ()
