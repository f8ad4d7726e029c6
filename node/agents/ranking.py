"""The order among feasible offers. Source: specs/09-decision.md, "The ranking"."""

from heapq import heappop, heappush
from itertools import pairwise
from operator import le

import numpy as np

from node.agents.index import Words, word
from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import Floats, Ints, Mask, OfferTable

SCORE_STEPS = 1_000  # distances within one thousandth of a range count as equal, and the nearer offer wins
FEW = 8  # so many are compared sooner one by one than as an array

Costs = tuple[float, ...]


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
    costs = objectives[rows]
    steps = scores(costs, policy)
    last = ~np.isin(rows, table.index.of_answerer(facts.previous_island))
    by_preference = np.lexsort((rows, drawn(table.index.words[rows], facts.seed), last, table.distance[rows], steps))
    order: list[int] = rows[by_preference].tolist()
    steps = steps[by_preference]
    ends = (np.flatnonzero(steps[1:] != steps[:-1]) + 1).tolist()
    if len(ends) + 1 == len(order):
        return order
    in_order = costs[by_preference].tolist()
    for start, end in pairwise([0, *ends, len(order)]):
        if end - start > 1:
            group = [tuple(row) for row in in_order[start:end]]
            order[start:end] = [order[start + place] for place in _undominated_first(group)]
    return order


def drawn(name_words: Words, seed: bytes) -> Words:
    """A number for each name that the seed shuffles: splitmix64's mixing of both. All 0 without a seed."""
    if not seed:
        return np.zeros_like(name_words)
    mixed: Words = name_words ^ word(seed)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ mixed >> np.uint64(31)


def _undominated_first(group: list[Costs]) -> list[int]:
    """Places of the group, in their order but none before one that dominates it."""
    places: dict[Costs, list[int]] = {}
    for place, costs in enumerate(group):
        places.setdefault(costs, []).append(place)
    below = _dominated(list(places))
    if not any(below):
        return list(range(len(group)))
    members = list(places.values())
    blockers = [0] * len(members)
    for dominated in below:
        for kind in dominated:
            blockers[kind] += 1
    left = [len(one) for one in members]
    kind_of = {place: kind for kind, one in enumerate(members) for place in one}
    ready = sorted(place for kind, one in enumerate(members) if not blockers[kind] for place in one)
    order: list[int] = []
    while ready:
        place = heappop(ready)
        order.append(place)
        kind = kind_of[place]
        left[kind] -= 1
        for freed in () if left[kind] else below[kind]:
            blockers[freed] -= 1
            if not blockers[freed]:
                for other in members[freed]:
                    heappush(ready, other)
    return order


def _dominated(kinds: list[Costs]) -> list[list[int]]:
    """For each of these different costs, which others it dominates."""
    if len(kinds) <= FEW:
        return [
            [place for place, other in enumerate(kinds) if other is not kind and all(map(le, kind, other))]
            for kind in kinds
        ]
    costs = np.array(kinds)
    no_worse: Mask = np.all(costs[:, None, :] <= costs[None, :, :], axis=2)
    below: list[list[int]] = [[] for _ in kinds]
    for kind, other in np.argwhere(no_worse).tolist():
        if kind != other:
            below[kind].append(other)
    return below
