"""The failover plan of one request, as a machine: events in, what to do out. Source: specs/09-decision.md, "Failover".

Before the first token the next offer of the plan answers. A paid attempt that ended with neither a whole answer nor a
definite refusal is ambiguous: after it only unpaid offers may follow. After the first token nothing is tried again.
An unpaid attempt that is slow gets another unpaid one beside it: the first token wins, and the other is lost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from node.agents.router import Choice
from node.agents.table import Offer
from protocol.errors import BackendFailure, MisuseError
from protocol.terms import Now

CONNECT_MS_MAX = 5_000
FIRST_TOKEN_MS_MAX = 60_000  # a large prompt on a small device is slow before its first token, and not dead
QUIET_MS_MAX = 60_000  # between two signs of life of an answer that streams
assert CONNECT_MS_MAX < FIRST_TOKEN_MS_MAX
BESIDE_MAX = 2  # attempts at once

Patience = Callable[[Offer], int | None]
"""How many milliseconds an unpaid offer is waited for before another is asked beside it; None: nobody is."""


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


@dataclass(frozen=True, slots=True)
class Slow:
    """The moment `slow_ms` of its `Try` passed."""


Event = Connected | Token | Finished | Failed | TimedOut | Slow

# What to do next.


@dataclass(frozen=True, slots=True)
class Try:
    """Start an attempt at `choice`, beside what is under way; at `until_ms` of the monotonic clock it has timed out."""

    choice: Choice
    until_ms: int
    attempt: int = 0  # its number, from 0, in the order of the beginnings
    slow_ms: int | None = None  # say `Slow` then; None: never


@dataclass(frozen=True, slots=True)
class Wait:
    """The attempt goes on until `until_ms`. Cancel the attempt `lost` at once: this one answers."""

    until_ms: int
    lost: int | None = None


@dataclass(frozen=True, slots=True)
class GoOn:
    """What is under way goes on as it is."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is whole. Cancel the attempt `lost`."""

    lost: int | None = None


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


Action = Try | Wait | GoOn | Done | Fail | Cut


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
    BESIDE = "beside"  # another offer beside this one, if one may
    GO_ON = "go_on"


TRANSITIONS: dict[tuple[State, type[Event]], Step] = {
    (State.TRYING, Connected): Step.WAIT_FIRST,
    (State.TRYING, Failed): Step.NEXT,
    (State.TRYING, TimedOut): Step.NEXT,
    (State.TRYING, Slow): Step.BESIDE,
    (State.SENT, Token): Step.WAIT_QUIET,
    (State.SENT, Finished): Step.FINISH,
    (State.SENT, Failed): Step.NEXT,
    (State.SENT, TimedOut): Step.NEXT,
    (State.SENT, Slow): Step.BESIDE,
    (State.STREAMING, Token): Step.WAIT_QUIET,
    (State.STREAMING, Finished): Step.FINISH,
    (State.STREAMING, Slow): Step.GO_ON,
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


class _UnderWay:
    """An attempt that has not ended, and its own state."""

    __slots__ = ("choice", "slow_ms", "state")

    def __init__(self, choice: Choice, slow_ms: int | None) -> None:
        self.choice = choice
        self.slow_ms = slow_ms
        self.state = State.TRYING


class Dispatch:
    """One request's way down its plan. `attempts`: those that failed; `current`: the first under way, or what answered;
    `lost`: offers that were asked beside another, whose token came first."""

    def __init__(
        self,
        plan: Sequence[Choice],
        deadlines: Deadlines | None = None,
        *,
        unpaid_only: bool = False,
        patience: Patience = lambda offer: None,
    ) -> None:
        """`unpaid_only`: an earlier plan of the same request already had an ambiguous paid attempt."""
        names = [choice.offer.name for choice in plan]
        if len(names) != len(set(names)):
            raise MisuseError("a plan names an offer twice")
        self.current: Choice | None = None
        self.attempts: tuple[Attempt, ...] = ()
        self.lost: tuple[Choice, ...] = ()
        self._under_way: dict[int, _UnderWay] = {}
        self._state = State.READY  # while nothing is under way
        self._began = 0
        self._left = tuple(plan)
        self._deadlines = deadlines or Deadlines()
        self._ambiguous = unpaid_only
        self._patience = patience

    @property
    def state(self) -> State:
        """Of the first attempt under way; while there is none, of the request."""
        return next((attempt.state for attempt in self._under_way.values()), self._state)

    @property
    def under_way(self) -> tuple[int, ...]:
        """The numbers of the attempts that have not ended; at most two."""
        return tuple(self._under_way)

    @property
    def ambiguous(self) -> bool:
        """A paid attempt may have run: whatever follows must be unpaid, and the client must not retry by itself."""
        return self._ambiguous

    @property
    def asked_beside(self) -> tuple[Choice, ...]:
        """Who was asked beside `current` and has not failed: those that lost, or are under way."""
        return self.lost + tuple(one.choice for one in self._under_way.values() if one.choice != self.current)

    def start(self, now: Now) -> Action:
        """The first attempt. An empty plan fails."""
        if self.state is not State.READY:
            raise MisuseError(f"start in state {self.state}")
        return self._next(now)

    def on(self, event: Event, now: Now, attempt: int | None = None) -> Action:
        """What to do after `event` of the attempt with that number; None: of the only one under way.

        Raises MisuseError, and changes nothing, where the table has no such transition.
        """
        number, one = self._of(event, attempt)
        step = TRANSITIONS.get((one.state, type(event)))
        if step is None or (isinstance(event, Slow) and (one.slow_ms is None or now.mono_ms < one.slow_ms)):
            raise MisuseError(f"{type(event).__name__} in state {one.state}")
        match step:
            case Step.NEXT:
                self._record(one.choice, event)
                self._end(number, State.FAILED)
                return GoOn() if self._under_way else self._next(now)
            case Step.WAIT_FIRST:
                one.state = State.SENT
                return Wait(now.mono_ms + self._deadlines.first_token_ms)
            case Step.WAIT_QUIET:
                one.state = State.STREAMING
                return Wait(now.mono_ms + self._deadlines.quiet_ms, self._settle(number))
            case Step.FINISH:
                lost = self._settle(number)
                self._end(number, State.DONE)
                return Done(lost)
            case Step.CUT:
                # What streamed from a paid offer is billed, whatever the failure calls itself.
                failed = self._record(one.choice, event, streamed=True)
                self._end(number, State.CUT)
                return Cut(failed.code, should_retry=not self._ambiguous)
            case Step.BESIDE:
                return self._beside(now)
            case Step.GO_ON:
                return GoOn()

    def _of(self, event: Event, attempt: int | None) -> tuple[int, _UnderWay]:
        number = next(iter(self._under_way)) if attempt is None and len(self._under_way) == 1 else attempt
        if number is None or number not in self._under_way:
            raise MisuseError(f"{type(event).__name__} of no attempt under way, in state {self.state}")
        return number, self._under_way[number]

    def _settle(self, number: int) -> int | None:
        """This attempt answers; the number of the other, which is over."""
        self.current = self._under_way[number].choice
        lost = next((other for other in self._under_way if other != number), None)
        if lost is not None:
            self.lost += (self._under_way.pop(lost).choice,)
        return lost

    def _end(self, number: int, state: State) -> None:
        """`state`: of the request, where nothing else is under way."""
        del self._under_way[number]
        self._state = state
        if self._under_way:
            self.current = next(iter(self._under_way.values())).choice

    def _record(self, choice: Choice, event: Event, *, streamed: bool = False) -> Attempt:
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
        self.current = self._left[0]
        return self._try(self.current, now)

    def _beside(self, now: Now) -> Action:
        second = self._second()
        return GoOn() if second is None or len(self._under_way) >= BESIDE_MAX else self._try(second, now)

    def _second(self) -> Choice | None:
        """What may be asked beside an unpaid attempt: it costs nothing, and takes nobody's turn."""
        return next((one for one in self._left if not one.offer.paid and one.offer.free > 0), None)

    def _try(self, choice: Choice, now: Now) -> Try:
        self._left = tuple(other for other in self._left if other != choice)
        patience_ms = None if choice.offer.paid or self._second() is None else self._patience(choice.offer)
        slow_ms = None if patience_ms is None else now.mono_ms + patience_ms
        number, self._began = self._began, self._began + 1
        self._under_way[number] = _UnderWay(choice, slow_ms)
        return Try(choice, now.mono_ms + self._deadlines.connect_ms, number, slow_ms)

    def _fail(self) -> Fail:
        self._state = State.FAILED
        self.current = None
        reachable = any(attempt.failure is not BackendFailure.NOT_CONNECTED for attempt in self.attempts)
        code = "paid_attempt_ambiguous" if self._ambiguous else "every_offer_failed"
        return Fail(code, reachable, should_retry=not self._ambiguous)
