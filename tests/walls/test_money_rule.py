"""Design, section 2 (money) and promise 2: a paid request is sent at most once; a cut answer is never whole."""

from dataclasses import replace

import pytest

from node.agents.policy import Policy
from node.agents.router import Choice, decide
from node.agents.table import OfferTable
from node.dispatch import Connected, Cut, Dispatch, Event, Fail, Failed, TimedOut, Token, Try
from protocol.errors import BackendFailure
from protocol.terms import NanoUsd, Now
from tests.offers import NOW, facts, offer, paid

HOME, CLOUD, OTHER = (Choice(one, False) for one in (offer("home"), paid("cloud"), paid("other")))
NOT_CONNECTED = Failed(BackendFailure.NOT_CONNECTED, "no_route")
REFUSED = Failed(BackendFailure.REFUSED, "http_400")
AMBIGUOUS = Failed(BackendFailure.AMBIGUOUS, "reset")


def after(*events: Event, plan: tuple[Choice, ...] = (CLOUD, OTHER, HOME)) -> object:
    dispatch = Dispatch(plan)
    action: object = dispatch.start(Now(0, 0))
    for event in events:
        action = dispatch.on(event, Now(0, 0))
    return action


@pytest.mark.parametrize(
    "events", [(AMBIGUOUS,), (Connected(), AMBIGUOUS), (Connected(), TimedOut()), (TimedOut(),)], ids=str
)
def test_after_an_ambiguous_paid_attempt_only_unpaid_offers_may_follow(events: tuple[Event, ...]) -> None:
    action = after(*events)
    assert isinstance(action, Try)
    assert action.choice == HOME


def test_after_an_ambiguous_paid_attempt_and_no_unpaid_offer_the_error_forbids_to_retry() -> None:
    action = after(Connected(), TimedOut(), plan=(CLOUD, OTHER))
    assert action == Fail("paid_attempt_ambiguous", reachable=True, should_retry=False)


@pytest.mark.parametrize("definite", [(NOT_CONNECTED,), (Connected(), REFUSED)], ids=str)
def test_after_a_definite_refusal_of_a_paid_offer_anything_may_follow(definite: tuple[Event, ...]) -> None:
    action = after(*definite)
    assert isinstance(action, Try)
    assert action.choice == OTHER


def test_before_the_first_token_the_next_offer_of_the_plan_answers() -> None:
    action = after(Connected(), AMBIGUOUS, plan=(HOME, CLOUD))
    assert isinstance(action, Try)
    assert action.choice == CLOUD


@pytest.mark.parametrize("end", [AMBIGUOUS, REFUSED, NOT_CONNECTED, TimedOut()], ids=str)
@pytest.mark.parametrize("first", [HOME, CLOUD], ids=["unpaid", "paid"])
def test_after_the_first_token_nothing_is_tried_again_and_the_answer_is_cut(first: Choice, end: Event) -> None:
    action = after(Connected(), Token(), end, plan=(first, OTHER))
    assert isinstance(action, Cut)
    assert action.should_retry is (first is HOME)


def test_offers_that_may_follow_an_ambiguous_attempt_are_decided_as_unpaid_only() -> None:
    table = OfferTable.of([offer("home"), paid("cloud"), paid("unknown", input_price=None, output_price=None)])
    plan = decide(facts(unpaid_only=True), table, Policy(), NOW).plan
    assert [choice.offer.island for choice in plan] == ["home"]


@pytest.mark.parametrize(
    ("policy", "cap"), [(replace(Policy(), remaining=NanoUsd(10**12)), None), (Policy(), NanoUsd(10**12))]
)
def test_model_without_a_known_price_is_infeasible_under_any_cap(policy: Policy, cap: NanoUsd | None) -> None:
    table = OfferTable.of([paid("cloud", output_price=None)])
    assert decide(facts(), table, Policy(), NOW).plan
    decision = decide(facts(max_cost=cap), table, policy, NOW)
    assert [reason.code for reason in decision.refusals[0].reasons] == ["price_unknown"]


def test_cap_counts_the_dearest_answer_in_whole_nano_usd() -> None:
    table = OfferTable.of([paid("cloud", input_price=NanoUsd(1), output_price=NanoUsd(1_500_000))])
    bill = 1 + 384  # 100 tokens at 1 rounded up, and 256 at 1,500,000

    def allowed(remaining: int) -> bool:
        return bool(decide(facts(), table, replace(Policy(), remaining=NanoUsd(remaining)), NOW).plan)

    assert allowed(bill)
    assert not allowed(bill - 1)


def test_unpaid_offer_is_feasible_when_nothing_is_left_of_the_cap() -> None:
    table = OfferTable.of([offer("home"), paid("cloud")])
    plan = decide(facts(), table, replace(Policy(), remaining=NanoUsd(0)), NOW).plan
    assert [choice.offer.island for choice in plan] == ["home"]
