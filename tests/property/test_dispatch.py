"""Whatever happens to the attempts of one request: money is spent once, clearance holds, and it ends."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.agents.policy import Policy
from node.agents.router import Choice, decide
from node.agents.table import Offer, OfferTable
from node.dispatch import (
    Action,
    Connected,
    Cut,
    Dispatch,
    Done,
    Event,
    Fail,
    Failed,
    Finished,
    GoOn,
    Slow,
    State,
    TimedOut,
    Token,
    Try,
    Wait,
)
from protocol.errors import BackendFailure, MisuseError
from protocol.terms import Now, Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid

PATIENCE_MS = 3


def cleared(tier: Tier, level: Sensitivity) -> bool:
    """By the design's table, for text that cannot be sanitised."""
    return level <= (Sensitivity.RESTRICTED, Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC)[tier]


class OneRequest(RuleBasedStateMachine):
    """`open`: the attempts that the shell has begun, and neither ended nor was told to cancel; what each may do."""

    def __init__(self) -> None:
        super().__init__()
        self.clock_ms = 0
        self.begun: list[Choice] = []
        self.open: dict[int, tuple[Try, State]] = {}
        self.may_be_billed = 0
        self.answering: int | None = None
        self.last: Action | None = None

    @initialize(
        data=st.data(),
        level=st.sampled_from([Sensitivity.PUBLIC, Sensitivity.PUBLIC, *Sensitivity]),
        rows=st.lists(st.tuples(st.sampled_from(Tier), st.booleans(), st.sampled_from([0, 1, 1])), max_size=6)
        | st.lists(st.tuples(st.just(Tier.PERSONAL), st.booleans(), st.just(1)), min_size=4, max_size=6),
    )
    def decided(self, data: st.DataObject, level: Sensitivity, rows: list[tuple[Tier, bool, int]]) -> None:
        table = OfferTable.of(
            [
                (paid if bills else offer)(f"island{number}", tier=tier, free=free)
                for number, (tier, bills, free) in enumerate(rows)
            ]
        )
        plan = decide(facts(level, sensitivity_after=None), table, Policy(), NOW).plan
        self.feasible = data.draw(st.permutations(list(plan)))
        self.cleared = {offer.name for offer in table.offers if cleared(offer.tier, level)}
        self.dispatch = Dispatch(self.feasible, patience=self.patience)
        self.note(self.dispatch.start(Now(0, 0)))

    @staticmethod
    def patience(_offer: Offer) -> int:
        return PATIENCE_MS

    def note(self, action: Action) -> None:
        self.last = action
        match action:
            case Try(choice, _, number):
                assert self.answering is None, "something is tried after the first token"
                assert not (self.may_be_billed and choice.offer.paid), "a second paid dispatch after an ambiguity"
                if self.open:
                    beside = [other.choice for other, _ in self.open.values()]
                    assert not any(one.offer.paid for one in (choice, *beside)), "a paid one beside another"
                    assert choice.offer.free > 0
                assert number == len(self.begun), "numbers tell attempts apart"
                self.begun.append(choice)
                self.open[number] = action, State.TRYING
            case Wait(_, lost) | Done(lost):
                if lost is not None:
                    del self.open[lost]

    def happen(self, number: int, event: Event, after: State | None) -> None:
        """`after`: the attempt's own state then; None: it has ended."""
        self.clock_ms += 1
        if after is None:
            self.open.pop(number)
        else:
            self.open[number] = self.open[number][0], after
        if isinstance(event, Token | Finished):
            self.answering = number
        self.note(self.dispatch.on(event, Now(self.clock_ms, 0), number))

    def drawn(self, data: st.DataObject, *states: State) -> int:
        return data.draw(st.sampled_from([number for number, (_, state) in self.open.items() if state in states]))

    def some(self, *states: State) -> bool:
        return any(state in states for _, state in self.open.values())

    @precondition(lambda self: self.some(State.TRYING))
    @rule(data=st.data())
    def connects(self, data: st.DataObject) -> None:
        self.happen(self.drawn(data, State.TRYING), Connected(), State.SENT)

    @precondition(lambda self: self.some(State.SENT, State.STREAMING))
    @rule(data=st.data(), whole=st.integers(0, 3))
    def answers(self, data: st.DataObject, whole: int) -> None:
        number = self.drawn(data, State.SENT, State.STREAMING)
        self.happen(number, Token() if whole else Finished(), State.STREAMING if whole else None)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), failure=st.sampled_from([*BackendFailure, None]))
    def fails(self, data: st.DataObject, failure: BackendFailure | None) -> None:
        self.give_up(self.drawn(data, *State), failure)

    def give_up(self, number: int, failure: BackendFailure | None) -> None:
        tried, state = self.open[number]
        ambiguous = failure in (None, BackendFailure.AMBIGUOUS) or state is State.STREAMING
        self.may_be_billed += ambiguous and tried.choice.offer.paid
        self.happen(number, TimedOut() if failure is None else Failed(failure, "lost"), None)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), late_ms=st.sampled_from([-2, 0, 0, 1]))
    def is_slow(self, data: st.DataObject, late_ms: int) -> None:
        number = self.drawn(data, *State)
        tried, state = self.open[number]
        self.clock_ms = max(self.clock_ms, (tried.slow_ms or 0) + late_ms)
        if tried.slow_ms is None or self.clock_ms + 1 < tried.slow_ms:
            with pytest.raises(MisuseError):
                self.dispatch.on(Slow(), Now(self.clock_ms, 0), number)
            return
        self.happen(number, Slow(), state)
        assert isinstance(self.last, Try | GoOn)

    @precondition(lambda self: self.last is not None)
    @rule(event=st.sampled_from([Connected(), Token(), Finished(), TimedOut(), Slow()]), number=st.integers(-1, 8))
    def comes_late(self, event: Event, number: int) -> None:
        if number not in self.open:
            with pytest.raises(MisuseError):
                self.dispatch.on(event, Now(self.clock_ms, 0), number)

    @invariant()
    def the_machine_knows_what_is_under_way_and_that_is_at_most_two(self) -> None:
        if self.last is not None:
            assert set(self.dispatch.under_way) == set(self.open)
            assert len(self.open) <= 2

    @invariant()
    def only_feasible_offers_each_once(self) -> None:
        names = [choice.offer.name for choice in self.begun]
        assert len(names) == len(set(names))
        if self.last is not None:
            assert set(names) <= self.cleared
            assert all(choice in self.feasible for choice in self.begun)

    @invariant()
    def one_answers_alone(self) -> None:
        if self.answering is not None and self.open:
            assert list(self.open) == [self.answering]
            assert self.dispatch.current == self.begun[self.answering]

    @invariant()
    def it_ends_in_a_whole_answer_a_cut_or_an_error(self) -> None:
        if self.last is not None and not self.open:
            assert isinstance(self.last, Done | Cut | Fail)
            assert self.may_be_billed <= 1
            if isinstance(self.last, Cut | Fail):
                assert self.last.should_retry is not bool(self.may_be_billed)
            accounted = {one.offer for one in self.dispatch.attempts} | {one.offer.name for one in self.dispatch.lost}
            answered = {self.dispatch.current.offer.name} if self.dispatch.current is not None else set()
            assert accounted | answered == {choice.offer.name for choice in self.begun}

    def teardown(self) -> None:
        if self.last is None:
            return
        for _ in self.feasible:
            for number in list(self.open):
                self.give_up(number, None)
        assert not self.open


OneRequest.TestCase.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
test_a_paid_request_is_never_sent_twice_after_an_ambiguity_and_always_ends = OneRequest.TestCase
