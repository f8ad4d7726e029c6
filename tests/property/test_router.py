"""What holds of every decision, whatever the table, the request and the policy."""

from dataclasses import replace
from math import isfinite

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.policy import PRESETS, Policy
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


def may_take(offer: Offer, request: RequestFacts, policy: Policy) -> bool:
    """The constraints once more, from the words of the specification, one offer at a time."""
    raised = Sensitivity.PUBLIC
    if request.selector.kind is Selection.COLLECTION:
        raised = Sensitivity.RESTRICTED if request.label is None else request.label
        if request.collection is None or request.collection not in offer.collections:
            return False
    as_is, sanitised = policy.clearance[offer.tier].as_is, policy.clearance[offer.tier].sanitised
    whole = as_is is not None and max(request.sensitivity, raised) <= as_is
    after = request.sensitivity_after
    rest = after is not None and sanitised is not None and max(after, raised) <= sanitised
    prices = offer.input_price, offer.output_price
    caps = [cap for cap in (policy.remaining, request.max_cost) if cap is not None]
    if caps and None in prices:
        return False
    if caps and prices[0] is not None and prices[1] is not None:
        bill = cost_nano_usd(request.prompt_tokens, prices[0]) + cost_nano_usd(
            request.answers * request.max_output_tokens, prices[1]
        )
        if bill > min(caps):
            return False
    text = request.selector.text
    at_once = request.prompt_tokens + request.max_output_tokens
    seconds = offer.ttft_s + (
        request.output_tokens_expected / offer.tokens_per_s if offer.tokens_per_s else float("nan")
    )
    estimates = seconds, offer.energy_j_per_token, offer.quality
    return (
        (whole or (rest and not request.embeds))
        and offer.embeds is request.embeds
        and (request.names_known or as_is is Sensitivity.RESTRICTED)
        and not (request.unpaid_only and prices != (0, 0))
        and (request.selector.kind is not Selection.NAMED or text == offer.model)
        and (
            request.selector.kind is not Selection.PINNED
            or (request.selector.island, text) == (offer.island, offer.model)
        )
        and offer.context_tokens >= (request.longest_input_tokens if request.embeds else at_once)
        and (offer.tools or not request.needs_tools)
        and (offer.battery is None or offer.battery >= policy.battery_floor)
        and offer.tier <= min(policy.max_tier, request.max_tier)
        and (policy.jurisdictions is None or offer.tier is Tier.PERSONAL or offer.jurisdiction in policy.jurisdictions)
        and (offer.member_live and offer.fresh and offer.alive and offer.name not in request.excluded)
        and all(isfinite(value) and value >= 0 for value in estimates)
        and 0 <= offer.quality <= 1
    )


def dominates(one: dict[str, float | None], other: dict[str, float | None]) -> bool:
    pairs = [(one[key] or 0.0, other[key] or 0.0) for key in one]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@quick
@given(requests(), tables_of_offers(), policies())
def test_an_offer_is_in_the_plan_exactly_when_every_constraint_holds(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    decision = run(request, rows, policy)
    may = {row.name for row in rows if may_take(row, request, policy)}
    usable = {row.name for row in rows if not (row.tokens_per_s == 0 and request.output_tokens_expected == 0)}
    assert set(names(decision)) & usable == may & usable
    assert len(names(decision)) == len(set(names(decision)))


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
    row_of = {offer.name: row for row, offer in enumerate(decision.table.offers)}
    costs = [decision.costs(row_of[name]) for name in names(decision)]
    for place, later in enumerate(costs):
        assert not any(dominates(later, earlier) for earlier in costs[:place])


@quick
@given(requests(), tables_of_offers(), policies(), offers("newcomer"))
def test_an_infeasible_or_dominated_offer_more_never_changes_the_plan_of_the_others(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, newcomer: Offer
) -> None:
    before, after = run(request, rows, policy), run(request, (*rows, newcomer), policy)
    assert [name for name in names(after) if name != newcomer.name] == names(before)
    if newcomer.name not in names(after):
        return
    row_of = {offer.name: row for row, offer in enumerate(after.table.offers)}
    mine = after.costs(row_of[newcomer.name])
    if any(dominates(after.costs(row_of[name]), mine) for name in names(before)):
        assert names(after)[0] == names(before)[0]


@quick
@given(requests(), tables_of_offers(), policies(), st.sampled_from(list(PRESETS.values())), st.randoms())
def test_constraints_are_never_weights(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy, preset: Policy, random: object
) -> None:
    other = replace(policy, weights=preset.weights)
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
        clearance = policy.clearance[choice.offer.tier]
        if not choice.sanitize:
            assert clearance.as_is is not None and request.level <= clearance.as_is
        else:
            assert clearance.sanitised is not None and request.level_after is not None
            assert request.level_after <= clearance.sanitised


@quick
@given(requests(), tables_of_offers(), policies())
def test_plan_has_the_least_distance_to_the_ideal_point_first(
    request: RequestFacts, rows: tuple[Offer, ...], policy: Policy
) -> None:
    decision = run(request, rows, policy)
    row_of = {offer.name: row for row, offer in enumerate(decision.table.offers)}
    steps = scores(decision.objectives[[row_of[name] for name in names(decision)]], policy)
    assert bool(np.all(np.diff(steps) >= 0)) if len(steps) else True
