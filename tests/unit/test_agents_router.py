"""The router refuses what it doubts, in one place."""

from collections.abc import Callable
from typing import Any

import pytest

from node.agents import resources
from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.router import AGENTS, Decision, Judge, decide
from node.agents.table import OfferTable
from node.agents.verdict import Objective, Verdict
from protocol.errors import RecordError
from protocol.terms import NanoUsd, Now, Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid

TABLE = OfferTable.of([offer("home"), offer("office", tier=Tier.EDGE), paid("cloud")])


def run(table: OfferTable = TABLE, request: RequestFacts | None = None, **agents: Judge) -> Decision:
    return decide(request or facts(), table, Policy(), NOW, {**AGENTS, **agents})


def codes(decision: Decision, name: str) -> set[str]:
    return {reason.code for refusal in decision.refusals if refusal.offer == name for reason in refusal.reasons}


def broken(change: Callable[[Verdict], object]) -> Judge:
    def judge(request: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
        return change(resources.judge(request, table, policy, now))  # type: ignore[return-value]

    return judge


def with_parts(verdict: Verdict, feasible: object, cost: object) -> Verdict:
    return Verdict("resources", Objective.LATENCY, feasible, cost, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda verdict: 1 / 0,
        lambda verdict: None,
        lambda verdict: with_parts(verdict, verdict.feasible[:-1], verdict.cost),
        lambda verdict: with_parts(verdict, verdict.feasible, verdict.cost[:-1]),
        lambda verdict: with_parts(verdict, verdict.feasible.astype(float), verdict.cost),
        lambda verdict: with_parts(verdict, verdict.feasible, verdict.cost.astype(complex)),
        lambda verdict: with_parts(verdict, None, verdict.cost),
        lambda verdict: with_parts(verdict, verdict.feasible, list(verdict.cost)),
    ],
    ids=["raises", "nothing", "short mask", "short cost", "no mask", "complex cost", "missing mask", "list"],
)
def test_agent_that_fails_makes_every_offer_infeasible(change: Callable[[Verdict], object]) -> None:
    decision = run(resources=broken(change))
    assert decision.plan == ()
    assert all(codes(decision, row.name) >= {"agent_failed"} for row in TABLE.offers)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf"), -0.5])
def test_cost_that_is_no_cost_makes_that_offer_alone_infeasible(wrong: float) -> None:
    def judge(request: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
        cost = resources.judge(request, table, policy, now).cost.copy()
        cost[1] = wrong
        return Verdict.of("resources", Objective.LATENCY, [], cost)

    decision = run(resources=judge)
    assert {choice.offer.name for choice in decision.plan} == {"cloud/large", "office/small"}
    assert codes(decision, "home/small") == {"agent_failed"}


@pytest.mark.parametrize("column", ["ttft_s", "tokens_per_s", "quality", "energy_j_per_token", "battery"])
def test_nan_in_any_estimate_refuses_the_offer(column: str) -> None:
    wrong: dict[str, Any] = {column: float("nan")}
    table = OfferTable.of([offer("home", **wrong), offer("other")])
    assert [choice.offer.island for choice in run(table).plan] == ["other"]


@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_missing_agent_refuses_everything_and_says_so(agent: str) -> None:
    agents = {name: judge for name, judge in AGENTS.items() if name != agent}
    decision = decide(facts(), TABLE, Policy(), NOW, agents)
    assert decision.plan == ()
    assert all("agent_failed" in codes(decision, row.name) for row in TABLE.offers)


def test_table_without_a_column_refuses_everything() -> None:
    table = OfferTable.of(TABLE.offers)
    object.__delattr__(table, "price_known")
    decision = run(table, facts(max_cost=NanoUsd(10**9)))
    assert decision.plan == ()
    assert all(codes(decision, row.name) == {"agent_failed"} for row in table.offers)


def test_equal_offers_go_to_own_compute_first_and_then_by_name() -> None:
    table = OfferTable.of([offer("a-edge", tier=Tier.EDGE), offer("c-own"), offer("b-own")])
    assert [choice.offer.island for choice in run(table).plan] == ["b-own", "c-own", "a-edge"]


def test_among_equals_the_island_that_answered_last_is_kept() -> None:
    table = OfferTable.of([offer("b"), offer("c"), offer("a")])
    assert run(table, facts(previous_island="id-c")).plan[0].offer.island == "c"


def test_seed_spreads_equals_and_nothing_else() -> None:
    table = OfferTable.of([offer("a"), offer("b"), offer("slow", ttft_s=20.0)])
    firsts = {run(table, facts(seed=bytes([number]))).plan[0].offer.island for number in range(32)}
    assert firsts == {"a", "b"}


def test_offer_that_was_tried_is_not_planned_again() -> None:
    decision = run(request=facts(excluded=frozenset(["home/small"])))
    assert "home/small" not in [choice.offer.name for choice in decision.plan]
    assert codes(decision, "home/small") == {"already_tried"}


def test_refusal_tells_silence_from_policy() -> None:
    silent = OfferTable.of([offer("home", alive=False), offer("old", fresh=False)])
    assert run(silent).reachable is False
    assert run(OfferTable.of([])).reachable is False
    strict = facts(Sensitivity.RESTRICTED, sensitivity_after=Sensitivity.RESTRICTED)
    assert run(OfferTable.of([offer("home", alive=False), paid()]), strict).reachable is True


def test_two_offers_of_one_name_are_no_table() -> None:
    with pytest.raises(RecordError, match="home/small is there twice"):
        OfferTable.of([offer("home"), offer("home")])


def test_price_beyond_the_arithmetic_is_no_offer() -> None:
    offer("cloud", input_price=NanoUsd(10**15))
    with pytest.raises(RecordError, match="input_price"):
        offer("cloud", input_price=NanoUsd(10**15 + 1))
    with pytest.raises(RecordError, match="output_price"):
        offer("cloud", output_price=NanoUsd(-1))
