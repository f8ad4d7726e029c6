"""The trust agent: a member, heard of lately, near enough, under a law. Source: specs/09-decision.md, "Trust"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import Mask, OfferTable
from node.agents.verdict import Objective, Rule, Verdict
from protocol.terms import Now, Tier

AGENT = "trust"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: the shortfall of quality to be reckoned with, 0 (none) to 1."""
    farthest = min(policy.max_tier, facts.max_tier)
    rules = [
        Rule("not_a_member", table.member_live, lambda row: "no certificate of it is valid now"),
        Rule("statement_stale", table.fresh, lambda row: "its last statement has outlived its lifetime"),
        Rule(
            "tier_too_far",
            table.tier <= farthest,
            lambda row: f"{Tier(int(table.tier[row])).label}, and {farthest.label} is the farthest allowed",
        ),
    ]
    if policy.jurisdictions is not None:
        rules.append(Rule("jurisdiction", _within(table, policy.jurisdictions), lambda row: _where(table, row)))
    return Verdict.of(AGENT, Objective.QUALITY, rules, 1.0 - table.quality)


def _within(table: OfferTable, allowed: frozenset[str]) -> Mask:
    return np.array([o.tier is Tier.PERSONAL or o.jurisdiction in allowed for o in table.offers], dtype=np.bool_)


def _where(table: OfferTable, row: int) -> str:
    place = table.offers[row].jurisdiction
    return f"it is in {place}, which policy does not allow" if place else "nobody knows under which law it is"
