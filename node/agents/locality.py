"""The locality agent: compute goes to data, never data to compute. Source: specs/09-decision.md, "Locality"."""

import numpy as np

from node.agents.columns import Ints, Mask
from node.agents.policy import Policy, Use
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Code, Objective, Rule, Verdict
from protocol.terms import Now

AGENT = "locality"
AVOIDED_J = 10_000.0  # ten times the default range: as bad as three waits of half a minute under equal weights


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: expected joules, and AVOIDED_J for each state of the device that the owner would rather avoid."""
    rules = []
    if facts.names_collection and not facts.carried:
        rules.append(Rule(Code.COLLECTION_NOT_HELD, _holds(facts, table), lambda row: _absent(facts)))
    with np.errstate(invalid="ignore"):
        joules = table.energy_j_per_token * facts.output_tokens_expected + _avoided(table, policy) * AVOIDED_J
    return Verdict.of(AGENT, Objective.ENERGY, rules, joules)


def _avoided(table: OfferTable, policy: Policy) -> Ints:
    """How many states of its device the owner would rather avoid."""
    states = (policy.metered, table.metered), (policy.owner_active, table.owner_active), (policy.hot, table.hot)
    found = np.zeros(len(table), dtype=np.int64)
    for use, state in states:
        if use is Use.AVOID:
            found += state
    return found


def _holds(facts: RequestFacts, table: OfferTable) -> Mask:
    found = np.zeros(len(table), dtype=np.bool_)
    if facts.collection is not None:
        found[table.index.holders(facts.collection)] = True
    return found


def _absent(facts: RequestFacts) -> str:
    if facts.collection is None:
        return "no such collection is granted to this person"
    return "it does not hold the collection"
