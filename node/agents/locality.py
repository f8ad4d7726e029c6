"""The locality agent: compute goes to data, never data to compute. Source: specs/09-decision.md, "Locality"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts, Selection
from node.agents.table import Mask, OfferTable
from node.agents.verdict import Objective, Rule, Verdict
from protocol.terms import Now

AGENT = "locality"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: expected joules."""
    rules = []
    if facts.selector.kind is Selection.COLLECTION:
        rules.append(Rule("collection_not_held", _holds(facts, table), lambda row: _absent(facts)))
    return Verdict.of(AGENT, Objective.ENERGY, rules, table.energy_j_per_token * facts.output_tokens_expected)


def _holds(facts: RequestFacts, table: OfferTable) -> Mask:
    if facts.collection is None:
        return np.zeros(len(table), dtype=np.bool_)
    return np.array([facts.collection in offer.collections for offer in table.offers], dtype=np.bool_)


def _absent(facts: RequestFacts) -> str:
    if facts.collection is None:
        return f"no collection {facts.selector.text} is granted to this person"
    return f"it does not hold {facts.selector.text}"
