"""What one connection may do: stranger, greeting, then member or closed. Source: specs/04-session.md.

dialler:   STRANGER --start--> GREETING --good greeting--> MEMBER
accepter:  STRANGER --start--> GREETING --good greeting--> MEMBER   (and only now it greets back)
any state: --time, fault, revocation--> CLOSED
"""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import Final

from protocol.errors import EncodingError, MembershipError, MisuseError, RecordError, SessionError
from protocol.greeting import GREETING_BYTES_MAX, Greeting, Heads
from protocol.keys import IslandId, public_key
from protocol.members import Known, Member, MembershipEvent
from protocol.membership import Membership
from protocol.terms import Now

GREETING_MS_MAX: Final = 2_000  # from the connection to the other end's whole greeting


class SessionState(Enum):
    STRANGER = auto()
    GREETING = auto()
    MEMBER = auto()
    CLOSED = auto()


class CloseReason(StrEnum):
    """Why a connection ends; stable, for counting."""

    NOT_ED25519 = "not_ed25519"  # a peer id of another kind of key
    UNKNOWN = "unknown"  # we do not dial whom we do not know for a member
    SELF = "self"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    OUT_OF_TURN = "out_of_turn"
    TIMEOUT = "timeout"
    NOT_A_MEMBER = "not_a_member"
    OWN_CERTIFICATE = "own_certificate"  # this island is no live member itself


@dataclass(frozen=True, slots=True, repr=False)
class SendGreeting:
    data: bytes


@dataclass(frozen=True, slots=True)
class Admit:
    """From now on identify, ping, pubsub and our protocols are served on this connection."""

    member: Member
    heads: Heads  # how far the peer has read the log: dissemination sends what is missing


@dataclass(frozen=True, slots=True, repr=False)
class Learned:
    """An entry of the log that is new here: keep it, tell others."""

    raw: bytes
    events: tuple[MembershipEvent, ...]


@dataclass(frozen=True, slots=True)
class Close:
    reason: CloseReason
    detail: str = ""


SessionAction = SendGreeting | Admit | Learned | Close


class Session:
    """One connection with `peer`, the peer id that Noise has proven. `dialler`: whether we dialled."""

    __slots__ = ("_deadline_ms", "_dialler", "_me", "_membership", "_peer", "_state")

    def __init__(self, membership: Membership, me: IslandId, peer: str, *, dialler: bool) -> None:
        self._membership = membership
        self._me = me
        self._peer = IslandId(peer)
        self._dialler = dialler
        self._state = SessionState.STRANGER
        self._deadline_ms: int | None = None

    @property
    def state(self) -> SessionState:
        return self._state

    @property
    def deadline_ms(self) -> int | None:
        """When `tick` is due, on the monotonic clock; None when nothing is."""
        return self._deadline_ms

    def start(self, now: Now) -> tuple[SessionAction, ...]:
        """The connection is there. Only a dialler says something, and only to whom it knows for a member."""
        if self._state is not SessionState.STRANGER:
            raise MisuseError("a session starts once")
        try:
            public_key(self._peer)
        except RecordError:
            return self._close(CloseReason.NOT_ED25519)
        if self._peer == self._me:
            return self._close(CloseReason.SELF)
        if not self._membership.is_live(self._me, now):
            return self._close(CloseReason.OWN_CERTIFICATE)
        if self._membership.is_revoked(self._peer):
            return self._close(CloseReason.NOT_A_MEMBER)
        if self._dialler and not self._membership.is_live(self._peer, now):
            return self._close(CloseReason.UNKNOWN)
        self._state = SessionState.GREETING
        self._deadline_ms = now.mono_ms + GREETING_MS_MAX
        return (self._greeting(),) if self._dialler else ()

    def receive(self, data: bytes, now: Now) -> tuple[SessionAction, ...]:
        """The other end's greeting, as one frame. Everything that it has to say comes after this."""
        if self._state is SessionState.CLOSED:
            return ()
        if self._state is not SessionState.GREETING:
            return self._close(CloseReason.OUT_OF_TURN)
        if len(data) > GREETING_BYTES_MAX:
            return self._close(CloseReason.TOO_LARGE)
        try:
            greeting = Greeting.from_bytes(data)
        except SessionError as error:
            return self._close(CloseReason.MALFORMED, str(error))
        learned: list[SessionAction] = []
        # Revocations first: nothing else of a sender counts before we know whether it still belongs.
        for raw in (*greeting.revocations, *greeting.chain):
            try:
                events = self._membership.accept(raw, now)
            except (EncodingError, RecordError, MembershipError) as error:
                return (*learned, *self._close(CloseReason.MALFORMED, str(error)))
            if any(not isinstance(event, Known) for event in events):
                learned.append(Learned(raw, events))
        return (*learned, *self._judge(greeting, now))

    def tick(self, now: Now) -> tuple[SessionAction, ...]:
        """Time has passed."""
        if self._deadline_ms is not None and now.mono_ms >= self._deadline_ms:
            return self._close(CloseReason.TIMEOUT)
        return ()

    def recheck(self, now: Now) -> tuple[SessionAction, ...]:
        """The log changed, or a certificate may have ended: who belongs no more loses its connection."""
        if self._state is SessionState.GREETING and self._membership.is_revoked(self._peer):
            return self._close(CloseReason.NOT_A_MEMBER)
        if self._state is not SessionState.MEMBER:
            return ()
        if not self._membership.is_live(self._me, now):
            return self._close(CloseReason.OWN_CERTIFICATE)
        if not self._membership.is_live(self._peer, now):
            return self._close(CloseReason.NOT_A_MEMBER)
        return ()

    def closed(self) -> None:
        """The connection is gone."""
        self._state = SessionState.CLOSED
        self._deadline_ms = None

    def _judge(self, greeting: Greeting, now: Now) -> tuple[SessionAction, ...]:
        if not self._membership.is_live(self._me, now):
            return self._close(CloseReason.OWN_CERTIFICATE)
        member = self._membership.member(self._peer, now)
        if member is None:
            return self._close(CloseReason.NOT_A_MEMBER)
        self._state = SessionState.MEMBER
        self._deadline_ms = None
        admit = Admit(member, greeting.heads)
        return (admit,) if self._dialler else (self._greeting(), admit)

    def _greeting(self) -> SendGreeting:
        membership = self._membership
        greeting = Greeting.fitting(membership.chain(self._me), membership.revocations(), membership.heads())
        return SendGreeting(greeting.to_bytes())

    def _close(self, reason: CloseReason, detail: str = "") -> tuple[Close]:
        self._state = SessionState.CLOSED
        self._deadline_ms = None
        return (Close(reason, detail),)
