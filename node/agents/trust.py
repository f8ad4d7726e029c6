"""The trust agent: a member, heard of lately, near enough, on terms. Source: specs/09-decision.md, "Trust"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.standing import Standing, standing
from node.agents.table import OfferTable
from node.agents.verdict import Code, Objective, Rule, Verdict
from protocol.terms import Now, Tier

AGENT = "trust"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: by how much the quality to be reckoned with falls short of what the request needs, 0 (not) to 1."""
    farthest = min(policy.max_tier, facts.max_tier)
    stands = standing(table, policy)
    rules = [
        Rule(Code.NOT_A_MEMBER, table.member_live, lambda row: "no certificate of it is valid now"),
        Rule(Code.STATEMENT_STALE, table.fresh, lambda row: "its last statement has outlived its lifetime"),
        Rule(
            Code.TIER_TOO_FAR,
            table.tier <= farthest,
            lambda row: f"{Tier(int(table.tier[row])).label}, and {farthest.label} is the farthest allowed",
        ),
        Rule(
            Code.AUTHENTICITY_FAILED,
            table.authentic,
            lambda row: "it was not who or what it says it is, within the last 24 hours",
        ),
        Rule(Code.NOT_ALLOWED, stands.allowed, lambda row: f"policy.{stands.forbidden_by(row)} does not allow it"),
    ]
    rules += _terms(table, policy, stands)
    if stands.timed:
        rules.append(_hours(facts, stands, len(table)))
    return Verdict.of(AGENT, Objective.QUALITY, rules, np.maximum(facts.need - table.quality, 0.0))


def _terms(table: OfferTable, policy: Policy, stands: Standing) -> list[Rule]:
    rules = []
    if stands.jurisdiction is not None:
        rules.append(Rule(Code.JURISDICTION, stands.jurisdiction, lambda row: _where(table, row)))
    if stands.retention is not None:
        rules.append(Rule(Code.RETENTION, stands.retention, lambda row: _kept(table, row, policy)))
    if stands.training is not None:
        rules.append(Rule(Code.TRAINING, stands.training, lambda row: _trains(table, row)))
    return rules


def _hours(facts: RequestFacts, stands: Standing, count: int) -> Rule:
    minute = facts.local_minute
    holds = np.ones(count, dtype=np.bool_)
    for bound, on in stands.timed:
        if bound.hours is None or not bound.hours.hold(minute):
            holds &= ~on

    def outside(row: int) -> str:
        if minute is None:
            return "policy names hours, and the local time is not known"
        texts = [b.hours.text or "never" for b, on in stands.timed if on[row] and b.hours and not b.hours.hold(minute)]
        return f"policy lets it answer {' and '.join(texts)}"

    return Rule(Code.OUTSIDE_HOURS, holds, outside)


def _where(table: OfferTable, row: int) -> str:
    place = table.rows[row].jurisdiction
    return f"it is in {place}, which policy does not allow" if place else "nobody knows under which law it is"


def _kept(table: OfferTable, row: int, policy: Policy) -> str:
    days = table.rows[row].retention_days
    stated = (
        "nobody knows how long it keeps what it is sent" if days is None else f"it keeps what it is sent {days} days"
    )
    return f"{stated}, and policy allows {policy.retention_days_max}"


def _trains(table: OfferTable, row: int) -> str:
    return "nobody knows whether it trains on what it is sent" if table.rows[row].trains is None else "it trains on it"
