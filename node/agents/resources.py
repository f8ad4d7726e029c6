"""The resources agent: can the offer do it, and how soon. Source: specs/09-decision.md, "Resources"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Objective, Rule, Verdict
from protocol.terms import Now

AGENT = "resources"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: expected seconds to the whole answer, waiting included."""
    tokens = facts.context_tokens
    with np.errstate(all="ignore"):
        service = table.ttft_s + facts.output_tokens_expected / table.tokens_per_s
        waiting = np.where(table.free > 0, 0.0, (table.queue + 1) / np.maximum(table.slots, 1))
        latency = service + waiting * service
    rules = [
        Rule("unreachable", table.alive, lambda row: "it does not answer the failure detector"),
        Rule("other_model", facts.selector.matches(table), lambda row: f"the request names {facts.selector}"),
        Rule(
            "context_too_small",
            table.context_tokens >= tokens,
            lambda row: f"{tokens} tokens asked for, {table.context_tokens[row]} fit",
        ),
        Rule("no_slots", table.slots > 0, lambda row: "it has no slot for requests"),
        Rule(
            "battery_low",
            table.battery >= policy.battery_floor,
            lambda row: f"battery at {table.battery[row]:g} %, the floor is {policy.battery_floor:g} %",
        ),
    ]
    if facts.embeds:
        rules.append(Rule("no_embeddings", table.embeds, lambda row: "vectors are asked for, and it gives none"))
    else:
        rules.append(Rule("embeds_only", ~table.embeds, lambda row: "it gives vectors, and no answers"))
    if facts.needs_tools:
        rules.append(Rule("no_tools", table.tools, lambda row: "the request offers tools, and it takes none"))
    return Verdict.of(AGENT, Objective.LATENCY, rules, latency)
