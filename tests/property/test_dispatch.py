"""Whatever happens to the attempts of one request: money is spent once, clearance holds, and it ends."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.agents.policy import Policy
from node.agents.router import Choice, decide
from node.agents.table import OfferTable
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
    State,
    TimedOut,
    Token,
    Try,
    Wait,
)
from protocol.errors import BackendFailure, MisuseError
from protocol.terms import Now, Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid

OPEN = (State.TRYING, State.SENT, State.STREAMING)


def cleared(tier: Tier, level: Sensitivity) -> bool:
    """By the design's table, for text that cannot be sanitised."""
    return level <= (Sensitivity.RESTRICTED, Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC)[tier]


class OneRequest(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock_ms = 0
        self.tried: list[Choice] = []
        self.may_be_billed = 0
        self.last: Action | None = None

    @initialize(
        level=st.sampled_from(Sensitivity),
        rows=st.lists(st.tuples(st.sampled_from(Tier), st.booleans()), max_size=6),
    )
    def decided(self, level: Sensitivity, rows: list[tuple[Tier, bool]]) -> None:
        table = OfferTable.of(
            [(paid if bills else offer)(f"island{number}", tier=tier) for number, (tier, bills) in enumerate(rows)]
        )
        self.feasible = decide(facts(level, sensitivity_after=None), table, Policy(), NOW).plan
        self.cleared = {offer.name for offer in table.offers if cleared(offer.tier, level)}
        self.dispatch = Dispatch(self.feasible)
        self.note(self.dispatch.start(Now(0, 0)))

    def note(self, action: Action) -> None:
        self.last = action
        if isinstance(action, Try):
            assert not (self.may_be_billed and action.choice.offer.paid), "a second paid dispatch after an ambiguity"
            self.tried.append(action.choice)

    def happen(self, event: Event) -> None:
        self.clock_ms += 1
        self.note(self.dispatch.on(event, Now(self.clock_ms, 0)))

    def open(self) -> bool:
        return self.dispatch.state in OPEN

    @precondition(lambda self: self.dispatch.state is State.TRYING)
    @rule()
    def connects(self) -> None:
        self.happen(Connected())

    @precondition(lambda self: self.dispatch.state in (State.SENT, State.STREAMING))
    @rule(whole=st.booleans())
    def answers(self, whole: bool) -> None:
        self.happen(Finished() if whole else Token())

    @precondition(open)
    @rule(failure=st.sampled_from([*BackendFailure, None]))
    def fails(self, failure: BackendFailure | None) -> None:
        ambiguous = failure in (None, BackendFailure.AMBIGUOUS)
        self.may_be_billed += ambiguous and self.tried[-1].offer.paid
        self.happen(TimedOut() if failure is None else Failed(failure, "lost"))

    @precondition(lambda self: not self.open())
    @rule(event=st.sampled_from([Connected(), Token(), Finished(), TimedOut()]))
    def comes_late(self, event: Event) -> None:
        with pytest.raises(MisuseError):
            self.dispatch.on(event, Now(self.clock_ms, 0))

    @invariant()
    def only_feasible_offers_each_once_in_order(self) -> None:
        if self.last is not None:
            places = [self.feasible.index(choice) for choice in self.tried]
            assert places == sorted(set(places))
            assert {choice.offer.name for choice in self.tried} <= self.cleared

    @invariant()
    def nothing_is_tried_after_the_first_token(self) -> None:
        if self.last is not None and self.dispatch.state is State.STREAMING:
            assert isinstance(self.last, Wait)

    @invariant()
    def it_ends_in_a_whole_answer_a_cut_or_an_error(self) -> None:
        if self.last is not None and not self.open():
            assert isinstance(self.last, Done | Cut | Fail)
            assert self.may_be_billed <= 1
            if isinstance(self.last, Fail):
                assert self.last.should_retry is not bool(self.may_be_billed)

    def teardown(self) -> None:
        if self.last is None:
            return
        for _ in self.feasible:
            if self.open():
                self.fails(None)
        assert not self.open()


OneRequest.TestCase.settings = settings(max_examples=60, stateful_step_count=14, deadline=None)
test_a_paid_request_is_never_sent_twice_after_an_ambiguity_and_always_ends = OneRequest.TestCase
