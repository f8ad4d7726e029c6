"""The resources agent: can the offer do it, and how soon. Source: specs/09-decision.md, "Resources"."""

import numpy as np

from node.agents.columns import Floats
from node.agents.policy import Policy, Use
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Code, Objective, Rule, Verdict
from protocol.terms import Now

AGENT = "resources"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: seconds to the whole answer, at the bad end of the doubt, with waiting and the failures to be expected."""
    latency, hoped = _seconds(facts, table)
    return Verdict.of(AGENT, Objective.LATENCY, _rules(facts, table, policy), latency, hoped=hoped)


def _seconds(facts: RequestFacts, table: OfferTable) -> tuple[Floats, Floats]:
    """At the bad and at the good end of the doubt; NaN where an estimate is none."""
    pace = table.pace
    with np.errstate(all="ignore"):
        reading = facts.prompt_tokens / table.prefill_tokens_per_s
        if facts.previous_tokens and facts.previous_model:
            again = facts.answered_before(table)
            unread = facts.prompt_tokens - min(facts.previous_tokens, facts.prompt_tokens)
            reading[again] = unread / table.prefill_tokens_per_s[again]
        mean = (table.ttft_s + reading + facts.output_tokens_expected / table.tokens_per_s) * pace.waiting
        return mean * pace.worse + pace.failing_s, mean * pace.better + pace.failing_s


def _rules(facts: RequestFacts, table: OfferTable, policy: Policy) -> list[Rule]:
    tokens = facts.context_tokens
    rules = [
        Rule(Code.UNREACHABLE, table.alive, lambda row: "it does not answer the failure detector"),
        Rule(
            Code.CONTEXT_TOO_SMALL,
            table.context_tokens >= tokens,
            lambda row: f"{tokens} tokens asked for, {table.context_tokens[row]} fit",
        ),
        Rule(Code.NO_SLOTS, table.slots > 0, lambda row: "it has no slot for requests"),
        Rule(
            Code.BATTERY_LOW,
            (table.battery >= policy.battery_floor) | (table.charging & (table.battery >= 0)),
            lambda row: f"battery at {table.battery[row]:g} %, the floor is {policy.battery_floor:g} %",
        ),
    ]
    if facts.selector.names_model:
        named = facts.selector.matches(table)
        rules.append(Rule(Code.OTHER_MODEL, named, lambda row: f"the request names {facts.selector}"))
    if facts.embeds:
        rules.append(Rule(Code.NO_EMBEDDINGS, table.embeds, lambda row: "vectors are asked for, and it gives none"))
    else:
        rules.append(Rule(Code.EMBEDS_ONLY, ~table.embeds, lambda row: "it gives vectors, and no answers"))
    if facts.needs_tools:
        rules.append(Rule(Code.NO_TOOLS, table.tools, lambda row: "the request offers tools, and it takes none"))
    if policy.metered is Use.FORBID:
        rules.append(Rule(Code.METERED, ~table.metered, lambda row: "its link is paid for by volume"))
    if policy.owner_active is Use.FORBID:
        rules.append(Rule(Code.OWNER_ACTIVE, ~table.owner_active, lambda row: "somebody is working at it"))
    if policy.hot is Use.FORBID:
        rules.append(Rule(Code.HOT, ~table.hot, lambda row: "it is too hot"))
    return rules
