"""The failover plan of one request, as a machine: events in, what to do out. Source: specs/09-decision.md, "Failover".

Before the first token the next offer of the plan answers. A paid attempt that ended with neither a whole answer nor a
definite refusal is ambiguous: after it only unpaid offers may follow. After the first token nothing is tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from node.agents.router import Choice
from protocol.errors import BackendFailure, MisuseError
from protocol.terms import Now

CONNECT_MS_MAX = 5_000
FIRST_TOKEN_MS_MAX = 60_000  # a large prompt on a small device is slow before its first token, and not dead
QUIET_MS_MAX = 60_000  # between two signs of life of an answer that streams
assert CONNECT_MS_MAX < FIRST_TOKEN_MS_MAX


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long one attempt may be silent, by where it stands; milliseconds."""

    connect_ms: int = CONNECT_MS_MAX
    first_token_ms: int = FIRST_TOKEN_MS_MAX
    quiet_ms: int = QUIET_MS_MAX


# What happened to the attempt.


@dataclass(frozen=True, slots=True)
class Connected:
    """The way to the offer stands. Said before the first byte of the request is sent."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer came; the first one settles who answers."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer is there."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The backend raised BackendError; `code` is its code."""

    failure: BackendFailure
    code: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The moment of the last `Try` or `Wait` passed. The shell has cancelled the attempt."""


Event = Connected | Token | Finished | Failed | TimedOut

# What to do next.


@dataclass(frozen=True, slots=True)
class Try:
    """Start an attempt at `choice`; at `until_ms` of the monotonic clock it has timed out."""

    choice: Choice
    until_ms: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The attempt goes on until `until_ms`."""

    until_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is whole."""


@dataclass(frozen=True, slots=True)
class Fail:
    """No offer answered. `reachable`: somebody said no, rather than nothing. Not to be retried: it may be paid for."""

    code: str
    reachable: bool
    should_retry: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """The answer ended after its first token: an error to the client, never a whole answer."""

    code: str
    should_retry: bool


Action = Try | Wait | Done | Fail | Cut


class State(StrEnum):
    READY = "ready"
    TRYING = "trying"  # on the way to an offer
    SENT = "sent"  # the request may be there
    STREAMING = "streaming"  # the first token came
    DONE = "done"
    FAILED = "failed"
    CUT = "cut"


class Step(StrEnum):
    """What a transition does besides changing the state."""

    NEXT = "next"  # the next offer that may follow, or failure
    WAIT_FIRST = "wait_first"
    WAIT_QUIET = "wait_quiet"
    FINISH = "finish"
    CUT = "cut"


TRANSITIONS: dict[tuple[State, type[Event]], Step] = {
    (State.TRYING, Connected): Step.WAIT_FIRST,
    (State.TRYING, Failed): Step.NEXT,
    (State.TRYING, TimedOut): Step.NEXT,
    (State.SENT, Token): Step.WAIT_QUIET,
    (State.SENT, Finished): Step.FINISH,
    (State.SENT, Failed): Step.NEXT,
    (State.SENT, TimedOut): Step.NEXT,
    (State.STREAMING, Token): Step.WAIT_QUIET,
    (State.STREAMING, Finished): Step.FINISH,
    (State.STREAMING, Failed): Step.CUT,
    (State.STREAMING, TimedOut): Step.CUT,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One offer that was tried and did not answer whole. For the receipt."""

    offer: str
    paid: bool
    failure: BackendFailure
    code: str


class Dispatch:
    """One request's way down its plan. `attempts`: those that failed; `current`: under way, or what answered."""

    def __init__(
        self, plan: Sequence[Choice], deadlines: Deadlines | None = None, *, unpaid_only: bool = False
    ) -> None:
        """`unpaid_only`: an earlier plan of the same request already had an ambiguous paid attempt."""
        names = [choice.offer.name for choice in plan]
        if len(names) != len(set(names)):
            raise MisuseError("a plan names an offer twice")
        self.state = State.READY
        self.current: Choice | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self._left = tuple(plan)
        self._deadlines = deadlines or Deadlines()
        self._ambiguous = unpaid_only

    @property
    def ambiguous(self) -> bool:
        """A paid attempt may have run: whatever follows must be unpaid, and the client must not retry by itself."""
        return self._ambiguous

    def start(self, now: Now) -> Action:
        """The first attempt. An empty plan fails."""
        if self.state is not State.READY:
            raise MisuseError(f"start in state {self.state}")
        return self._next(now)

    def on(self, event: Event, now: Now) -> Action:
        """What to do after `event`. Raises MisuseError, and changes nothing, where the table has no such transition."""
        step = TRANSITIONS.get((self.state, type(event)))
        if step is None:
            raise MisuseError(f"{type(event).__name__} in state {self.state}")
        match step:
            case Step.NEXT:
                self._record(event)
                return self._next(now)
            case Step.WAIT_FIRST:
                self.state = State.SENT
                return Wait(now.mono_ms + self._deadlines.first_token_ms)
            case Step.WAIT_QUIET:
                self.state = State.STREAMING
                return Wait(now.mono_ms + self._deadlines.quiet_ms)
            case Step.FINISH:
                self.state = State.DONE
                return Done()
            case Step.CUT:
                # What streamed from a paid offer is billed, whatever the failure calls itself.
                attempt = self._record(event, streamed=True)
                self.state = State.CUT
                return Cut(attempt.code, should_retry=not self._ambiguous)

    def _record(self, event: Event, *, streamed: bool = False) -> Attempt:
        choice = self.current
        if choice is None:
            raise MisuseError(f"no attempt in state {self.state}")
        failure, code = (event.failure, event.code) if isinstance(event, Failed) else (None, "timed_out")
        if failure is None or streamed:
            # A silence is never definite: bytes may have left before it.
            failure = BackendFailure.AMBIGUOUS
        attempt = Attempt(choice.offer.name, choice.offer.paid, failure, code)
        self.attempts += (attempt,)
        self._ambiguous |= choice.offer.paid and failure is BackendFailure.AMBIGUOUS
        return attempt

    def _next(self, now: Now) -> Action:
        self._left = tuple(choice for choice in self._left if not (self._ambiguous and choice.offer.paid))
        if not self._left:
            return self._fail()
        self.current, *left = self._left
        self._left = tuple(left)
        self.state = State.TRYING
        return Try(self.current, now.mono_ms + self._deadlines.connect_ms)

    def _fail(self) -> Fail:
        self.state = State.FAILED
        self.current = None
        reachable = any(attempt.failure is not BackendFailure.NOT_CONNECTED for attempt in self.attempts)
        code = "paid_attempt_ambiguous" if self._ambiguous else "every_offer_failed"
        return Fail(code, reachable, should_retry=not self._ambiguous)
