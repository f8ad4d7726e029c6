"""The order among feasible offers. Source: specs/09-decision.md, "The ranking"."""

from hashlib import blake2b

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import Floats, Ints, Mask, OfferTable

SCORE_STEPS = 1_000  # distances within one thousandth of a range count as equal, and the nearer offer wins


def scores(objectives: Floats, policy: Policy) -> Floats:
    """Weighted Chebyshev distance to the ideal point, where every objective is 0, in whole steps.

    Scaled by the policy's ranges and not by what is on the table: an offer more changes no other offer's score.
    """
    scale = np.array(policy.weights.values()) / np.array(policy.ranges.values())
    with np.errstate(over="ignore"):
        distance: Floats = np.floor((objectives * scale).max(axis=1, initial=0.0) * SCORE_STEPS)
    return distance


def ranking(rows: Ints, objectives: Floats, table: OfferTable, policy: Policy, facts: RequestFacts) -> list[int]:
    """Those rows, best first: again and again the best of what no other one left dominates.

    An offer that dominates another has no greater distance, so a dominated offer can only come first among equals:
    it is enough to look for dominance within one step.
    """
    if not len(rows):
        return []
    steps = scores(objectives[rows], policy)
    order: list[int] = []
    by_step = rows[np.argsort(steps, kind="stable")].tolist()
    counts = np.unique(steps, return_counts=True)[1].tolist()
    start = 0
    for count in counts:
        group = by_step[start : start + count]
        order += group if count == 1 else _equals(group, objectives, table, facts)
        start += count
    return order


def _equals(group: list[int], objectives: Floats, table: OfferTable, facts: RequestFacts) -> list[int]:
    """Offers of one score: none before one that dominates it, and else the least `_preference` first."""
    left = sorted(group, key=lambda row: _preference(row, table, facts))
    costs: Floats = objectives[left]
    if bool(np.all(costs == costs[0])):
        return left
    no_worse: Mask = np.all(costs[:, None, :] <= costs[None, :, :], axis=2)
    dominates = no_worse & ~no_worse.T
    if not dominates.any():
        return left
    blockers = dominates.sum(axis=0)
    order: list[int] = []
    waiting = np.ones(len(left), dtype=np.bool_)
    while len(order) < len(left):
        first = int(np.argmax(waiting & (blockers == 0)))
        waiting[first] = False
        blockers = blockers - dominates[first]
        order.append(left[first])
    return order


def _preference(row: int, table: OfferTable, facts: RequestFacts) -> tuple[int, bool, bytes, str]:
    offer = table.offers[row]
    name = offer.name
    drawn = blake2b(name.encode(), key=facts.seed, digest_size=8).digest() if facts.seed else b""
    return offer.distance, offer.island_id != facts.previous_island, drawn, name
