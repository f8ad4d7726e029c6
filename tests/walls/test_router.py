"""Design, sections 1 and 3: agents and router."""

from dataclasses import replace

from node.agents.policy import PRESETS, Policy
from node.agents.request import RequestFacts
from node.agents.router import AGENTS, decide
from node.agents.table import OfferTable
from node.agents.verdict import Objective
from protocol.terms import Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid


def first(table: OfferTable, request: RequestFacts | None = None, policy: Policy | None = None) -> str:
    return decide(request or facts(), table, policy or Policy(), NOW).plan[0].offer.island


def test_each_agent_returns_a_mask_a_cost_and_a_reason_for_each_refusal() -> None:
    table = OfferTable.of([offer("home", alive=False, member_live=False), paid("cloud")])
    request = facts(Sensitivity.RESTRICTED, "auto@papers", unpaid_only=True)
    for agent, judge in AGENTS.items():
        verdict = judge(request, table, Policy(), NOW)
        assert verdict.agent == agent
        assert verdict.feasible.shape == verdict.cost.shape == (2,)
        assert all(bool(verdict.reasons(row)) is not bool(verdict.feasible[row]) for row in range(2))


def test_each_objective_is_one_agents_cost() -> None:
    table = OfferTable.of([offer()])
    assert {judge(facts(), table, Policy(), NOW).objective for judge in AGENTS.values()} == set(Objective)


def test_an_infeasible_offer_more_never_changes_the_choice() -> None:
    rows = [offer("home", ttft_s=2.0), offer("office", tier=Tier.EDGE)]
    marvel = offer("marvel", ttft_s=0.0, tokens_per_s=1e9, quality=1.0, member_live=False)
    assert first(OfferTable.of(rows)) == first(OfferTable.of([*rows, marvel]))


def test_a_dominated_offer_more_never_changes_the_choice() -> None:
    rows = [offer("home", quality=0.4), paid("cloud", quality=0.9)]
    worse = paid("awful", quality=0.1, ttft_s=1e6)
    assert first(OfferTable.of(rows)) == first(OfferTable.of([*rows, worse]))


def test_where_objectives_tie_the_owners_own_compute_is_used_first() -> None:
    assert first(OfferTable.of([offer("a-office", tier=Tier.EDGE), offer("z-home")])) == "z-home"


def test_constraints_are_never_weights() -> None:
    table = OfferTable.of([offer("home", ttft_s=90.0, quality=0.01), paid("cloud", quality=1.0, ttft_s=0.01)])
    secret = facts(Sensitivity.RESTRICTED, sensitivity_after=Sensitivity.RESTRICTED)
    for preset in PRESETS.values():
        assert first(table, secret, preset) == "home"
        assert len(decide(secret, table, preset, NOW).plan) == 1


def test_presets_weigh_openly() -> None:
    table = OfferTable.of(
        [
            offer("near", ttft_s=12.0, quality=0.3),
            paid("quick", ttft_s=0.1, quality=0.5, tokens_per_s=500.0),
            paid("clever", ttft_s=8.0, quality=0.99),
        ]
    )
    assert first(table, policy=PRESETS["fast"]) == "quick"
    assert first(table, policy=PRESETS["best"]) == "clever"
    assert first(table, policy=PRESETS["cheap"]) == "near"
    assert first(table, policy=PRESETS["private"]) == "near"


def test_a_request_may_tighten_policy_never_loosen_it() -> None:
    table = OfferTable.of([offer("home"), paid("cloud")])
    near = replace(Policy(), max_tier=Tier.EDGE)
    wide = facts(max_tier=Tier.CLOUD)
    assert [choice.offer.island for choice in decide(wide, table, near, NOW).plan] == ["home"]
    tight = facts(max_tier=Tier.PERSONAL)
    assert [choice.offer.island for choice in decide(tight, table, Policy(), NOW).plan] == ["home"]
