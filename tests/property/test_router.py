"""What holds of every decision, whatever the table, the request and the policy."""

from dataclasses import replace
from math import isfinite
from re import IGNORECASE, escape, fullmatch

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.agents.policy import PRESETS, AtCap, Bound, Policy, Use
from node.agents.ranking import scores
from node.agents.request import RequestFacts, Selection
from node.agents.router import Decision, decide
from node.agents.table import Offer, OfferTable
from protocol.terms import Sensitivity, Tier, cost_nano_usd
from tests.offers import NOW, offers, policies, requests, tables_of_offers

quick = settings(max_examples=50, deadline=None)


def run(request: RequestFacts, rows: tuple[Offer, ...], policy: Policy) -> Decision:
    return decide(request, OfferTable.of(rows), policy, NOW)


def names(decision: Decision) -> list[str]:
    return [choice.offer.name for choice in decision.plan]


def like(pattern: str, model: str) -> bool:
    return fullmatch(".*".join(map(escape, pattern.split("*"))), model, IGNORECASE) is not None


def bounds_on(offer: Offer, policy: Policy) -> list[Bound]:
    found = [bound for bound in policy.islands if bound.name == offer.island]
    found += [bound for bound in policy.providers if bound.name == offer.provider]
    return found + [bound for bound in policy.models if like(bound.name, offer.model)]


def clearance_of(offer: Offer, policy: Policy, how: str) -> int:
    """The rank of the highest level; -1: nothing."""
    cells = [getattr(policy.clearance[offer.tier], how), *(getattr(bound, how) for bound in bounds_on(offer, policy))]
    ranks = [-1 if cell is None else int(cell) for cell in cells]
    closed = [
        entry.level - 1 for entry in policy.models_for if not any(like(one, offer.model) for one in entry.patterns)
    ]
    return min(ranks + closed)


def text_may_go(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    raised = Sensitivity.PUBLIC
    if request.selector.kind is Selection.COLLECTION:
        raised = Sensitivity.RESTRICTED if request.label is None else request.label
    as_is, sanitised = (clearance_of(offer, policy, how) for how in ("as_is", "sanitised"))
    after = None if request.embeds else request.sensitivity_after
    whole = max(request.sensitivity, raised) <= as_is
    rest = after is not None and max(after, raised) <= sanitised
    return (whole or rest) and (request.names_known or as_is == Sensitivity.RESTRICTED)


def money_may_go(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    prices = offer.input_price, offer.output_price
    if request.unpaid_only and prices != (0, 0):
        return False
    caps = [cap for cap in (policy.remaining, request.max_cost, offer.paid_remaining) if cap is not None]
    if not caps:
        return True
    if prices[0] is None or prices[1] is None:
        return False
    output = cost_nano_usd(request.answers * request.max_output_tokens, prices[1])
    return cost_nano_usd(request.prompt_tokens, prices[0]) + output <= min(caps)


def device_may(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    battery = 100.0 if offer.battery is None else offer.battery
    uses = (policy.metered, offer.metered), (policy.owner_active, offer.owner_active), (policy.hot, offer.hot)
    fits = request.longest_input_tokens if request.embeds else request.prompt_tokens + request.max_output_tokens
    return (
        offer.context_tokens >= fits
        and offer.embeds == request.embeds
        and (offer.tools or not request.needs_tools)
        and (battery >= policy.battery_floor or (offer.charging and battery >= 0))
        and not any(use is Use.FORBID and state for use, state in uses)
        and offer.alive
    )


def is_trusted(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    cloud, minute = offer.tier is Tier.CLOUD, request.local_minute
    kept, most = offer.retention_days, policy.retention_days_max
    return (
        offer.tier <= min(policy.max_tier, request.max_tier)
        and (policy.jurisdictions is None or offer.tier is Tier.PERSONAL or offer.jurisdiction in policy.jurisdictions)
        and (offer.member_live and offer.fresh and offer.authentic and offer.name not in request.excluded)
        and (most is None or not cloud or (kept is not None and kept <= most))
        and (not policy.no_training or not cloud or offer.trains is False)
        and all(bound.allow for bound in bounds_on(offer, policy))
        and all(bound.hours is None or bound.hours.hold(minute) for bound in bounds_on(offer, policy))
    )


def is_estimated(offer: Offer) -> bool:
    return (
        all(isfinite(value) and value >= 0 for value in (offer.ttft_s, offer.energy_j_per_token))
        and offer.tokens_per_s > 0
        and offer.prefill_tokens_per_s > 0
        and 0 <= offer.doubt <= 1
        and 0 <= offer.failure_rate < 1
        and 0 <= offer.quality <= 1
    )


def may_take(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    """The constraints once more, from the words of the specification, one offer at a time."""
    if request.selector.kind is Selection.COLLECTION and request.collection not in offer.collections:
        return False
    selector = request.selector
    named = selector.kind not in (Selection.NAMED, Selection.PINNED) or offer.model == selector.text
    return (
        named
        and (selector.kind is not Selection.PINNED or offer.island == selector.island)
        and text_may_go(offer, request, policy)
        and money_may_go(offer, request, policy)
        and device_may(offer, request, policy)
        and is_trusted(offer, request, policy)
        and is_estimated(offer)
    )


def costs_of(decision: Decision, name: str) -> dict[str, float]:
    row = decision.table.index.named(name)
    assert row is not None
    return {objective: cost for objective, cost in decision.costs(row).items() if cost is not None}


def dominates(one: dict[str, float], other: dict[str, float]) -> bool:
    pairs = [(one[key], other[key]) for key in one]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@quick
@given(requests(), tables_of_offers(), policies())
def test_an_offer_is_in_the_plan_exactly_when_every_constraint_holds(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    """But where the caps end the whole request: then nobody is, and what would come first is paid and over them."""
    decision = run(request, rows, policy)
    may = {row.name for row in rows if may_take(row, request, policy)}
    if decision.at_cap is None:
        assert set(names(decision)) == may
        assert len(names(decision)) == len(set(names(decision))) == len(decision.plan)
    else:
        assert names(decision) == []
        assert policy.at_cap is AtCap.REFUSE
        uncapped = replace(policy, remaining=None)
        best = run(request, tuple(replace(row, paid_remaining=None) for row in rows), replace(uncapped, explore=0))
        assert best.plan[0].offer.paid
        assert best.plan[0].offer.name not in may


@quick
@given(requests(), tables_of_offers(), policies())
def test_every_offer_is_planned_or_refused_with_a_reason(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    decision = run(request, rows, policy)
    refused = {refusal.offer: refusal.reasons for refusal in decision.refusals}
    assert set(refused) | set(names(decision)) == {row.name for row in rows}
    assert not set(refused) & set(names(decision))
    assert all(reasons and all(reason.detail for reason in reasons) for reasons in refused.values())


@quick
@given(requests(), tables_of_offers(), policies())
def test_no_offer_comes_before_one_that_dominates_it(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    decision = run(request, rows, policy)
    costs = [costs_of(decision, name) for name in names(decision)]
    for place, later in enumerate(costs):
        assert not any(dominates(later, earlier) for earlier in costs[:place])


@quick
@given(requests(), tables_of_offers(), policies(), offers("newcomer"))
def test_an_infeasible_or_dominated_offer_more_changes_nothing(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, newcomer: Offer
) -> None:
    policy = replace(policy, at_cap=AtCap.LOCAL)
    before, after = run(request, rows, policy), run(request, (*rows, newcomer), policy)
    if newcomer.name in names(after):
        mine = costs_of(after, newcomer.name)
        assume(any(dominates(costs_of(after, name), mine) for name in names(before)))
    assert [name for name in names(after) if name != newcomer.name] == names(before)
    assert names(after)[:1] == names(before)[:1]


@quick
@given(requests(), tables_of_offers(), policies())
def test_nothing_dominates_the_choice(request: RequestFacts, rows: tuple[Offer, ...], policy: Policy) -> None:
    decision = run(request, rows, policy)
    for name in names(decision)[1:]:
        assert not dominates(costs_of(decision, name), costs_of(decision, names(decision)[0]))


@quick
@given(requests(), tables_of_offers(), policies())
def test_what_is_tried_out_costs_no_more_and_only_a_first_plan_tries(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    usual, trying = (run(request, rows, replace(policy, explore=explore)) for explore in (0, 1_000))
    assert set(names(usual)) == set(names(trying))
    if names(usual) == names(trying):
        return
    assert request.seed and not request.excluded and not request.unpaid_only
    tried, best = names(trying)[0], names(usual)[0]
    assert not next(row for row in rows if row.name == tried).probation
    assert costs_of(trying, tried)["cost_nano_usd"] <= costs_of(usual, best)["cost_nano_usd"]
    others = [[name for name in names(plan) if name not in (tried, best)] for plan in (usual, trying)]
    assert others[0] == others[1]


@quick
@given(requests(), tables_of_offers(), policies(), st.integers(0, 3))
def test_a_refreshed_table_decides_as_one_that_is_made_anew(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, busy: int
) -> None:
    table = OfferTable.of(rows)
    decide(request, table, policy, NOW)
    count = len(table)
    live = {"free": [0] * count, "queue": [busy] * count, "ttft_s": [0.1 * place for place in range(count)]}
    live |= {"alive": [bool(place % 3) for place in range(count)], "battery": [None] * count}
    anew = [
        replace(row, **{name: values[place] for name, values in live.items()}) for place, row in enumerate(table.rows)
    ]
    refreshed = table.refreshed(**live)
    assert refreshed.offers == tuple(anew)
    one, other = decide(request, refreshed, policy, NOW), decide(request, OfferTable.of(anew), policy, NOW)
    assert one.plan == other.plan
    assert [one.reasons(row) for row in range(count)] == [other.reasons(row) for row in range(count)]


@quick
@given(requests(), tables_of_offers(), policies(), st.sampled_from(list(PRESETS.values())))
def test_constraints_are_never_weights(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, preset: Policy
) -> None:
    policy = replace(policy, at_cap=AtCap.LOCAL)
    other = replace(policy, weights=preset.weights, hysteresis=0, explore=1_000)
    assert set(names(run(request, rows, policy))) == set(names(run(request, rows, other)))


@quick
@given(requests(), tables_of_offers(), policies(), st.permutations(range(7)))
def test_same_table_request_and_seed_give_the_same_plan_in_whatever_order_offers_came(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, order: list[int]
) -> None:
    shuffled = tuple(rows[place] for place in order if place < len(rows))
    assert run(request, rows, policy).plan == run(request, shuffled, policy).plan


@quick
@given(requests(), tables_of_offers(), policies(), policies())
def test_intersecting_policies_only_ever_tightens(
    request: RequestFacts, rows: tuple[Offer, ...], one: Policy, other: Policy
) -> None:
    both = run(request, rows, one.intersect(other))
    for single in (run(request, rows, one), run(request, rows, other)):
        raw = {choice.offer.name for choice in single.plan if not choice.sanitize}
        assert set(names(both)) <= set(names(single))
        assert {choice.offer.name for choice in both.plan if not choice.sanitize} <= raw


@quick
@given(requests(), tables_of_offers(), policies())
def test_text_goes_unsanitised_only_where_clearance_covers_it(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    for choice in run(request, rows, policy).plan:
        if not choice.sanitize:
            assert request.level <= clearance_of(choice.offer, policy, "as_is")
        else:
            assert request.level_after is not None
            assert request.level_after <= clearance_of(choice.offer, policy, "sanitised")


@quick
@given(requests(), tables_of_offers(), policies())
def test_plan_has_the_least_distance_to_the_ideal_point_first(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    """But for the one that is put first."""
    decision = run(request, rows, policy)
    columns = [decision.table.index.named(name) for name in names(decision)]
    steps = scores(decision.objectives.T[:, columns], policy)
    assert bool(np.all(np.diff(steps[1:]) >= 0))
    if not policy.explore:
        assert len(steps) < 2 or steps[0] <= steps[1] + policy.hysteresis
