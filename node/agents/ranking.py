"""The order among feasible offers. Source: specs/09-decision.md, "The ranking".

Only the first choice is looked for until somebody asks for the second: most plans are left after it.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from node.agents.columns import Floats, Ints, Mask
from node.agents.dominance import first_undominated, undominated_first
from node.agents.index import Words, word
from node.agents.policy import Five, Policy
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Objective

SCORE_STEPS = 1_000  # distances within one thousandth of a range count as equal, and the nearer offer wins
LATENCY, COST = (tuple(Objective).index(objective) for objective in (Objective.LATENCY, Objective.COST))
EXPLORED_OF = np.uint64(1_000)
EXPLORE_WORDS = np.array([word(b"explore")])  # an array: a number alone would warn where it overflows


def scores(costs: Floats, policy: Policy) -> Floats:
    """Weighted Chebyshev distance to the ideal point, where every objective is 0, in whole steps.

    `costs` has a row an objective, a column an offer. Scaled by the policy's ranges and not by what is on the table:
    an offer more changes no other offer's score.
    """
    with np.errstate(over="ignore"):
        weighed = costs * _scale(policy.weights, policy.ranges)
        distance: Floats = np.floor(np.maximum.reduce(weighed, axis=0, initial=0.0) * SCORE_STEPS)
    return distance


@lru_cache(maxsize=64)
def _scale(weights: Five, ranges: Five) -> Floats:
    """A column."""
    found: Floats = np.array(weights.values())[:, None] / np.array(ranges.values())[:, None]
    found.flags.writeable = False
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Those rows of the table that may answer, and what each would cost: columns of `costs` and places of `scores`."""

    rows: Ints
    costs: Floats
    scores: Floats
    table: OfferTable
    policy: Policy
    facts: RequestFacts
    _order: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, feasible: Mask, costs: Floats, table: OfferTable, policy: Policy, facts: RequestFacts) -> "Ranking":
        """`costs` of every row of the table."""
        rows = np.flatnonzero(feasible)
        kept = costs if len(rows) == len(feasible) else costs[:, rows]
        return cls(rows, kept, scores(kept, policy), table, policy, facts)

    def best(self) -> int:
        """The place of the first offer of the plan before anything is tried out: the ranking's, or who answered last.

        There must be one.
        """
        least = self.scores.min()
        equals = np.flatnonzero(self.scores == least)
        # Nobody of a greater score dominates anybody of a lower one, so it is enough to look among equals.
        found = first_undominated(self.preferred(equals), equals, self.costs) if len(equals) > 1 else None
        first = int(equals[0]) if found is None else found
        again = self._places(self.facts.answered_before(self.table))
        if not len(again) or first in again:
            return first
        near = again[self.scores[again] <= least + self.policy.hysteresis]
        if not len(near):
            return first
        kept = first_undominated(self.preferred(near), None, self.costs)
        return first if kept is None else kept

    def explored(self, first: int, hoped: Floats) -> int:
        """The place of the offer that is worth trying out before `first`, or that one again.

        `hoped`: the seconds of every row of the table at the good end of its doubt.
        """
        costs = self.costs.copy()
        costs[LATENCY] = hoped[self.rows]
        table, doubt = self.table, self.table.doubt[self.rows]
        worth = ~table.probation[self.rows] & (scores(costs, self.policy) <= self.scores[first])
        worth &= self.costs[COST] <= self.costs[COST][first]
        candidates = self.preferred(np.flatnonzero(worth))
        by_doubt = candidates[np.argsort(-doubt[candidates], kind="stable")]
        found = first_undominated(by_doubt, None, self.costs)
        return first if found is None else found

    def order(self) -> list[int]:
        """Rows, best first: again and again the best of what no other one left dominates. Worked out once.

        An offer that dominates another has no greater distance, so a dominated offer can only come first among equals.
        """
        if not self._order and len(self.rows):
            places = self.preferred(np.arange(len(self.rows)))
            steps = self.scores[places]
            ends = (np.flatnonzero(steps[1:] != steps[:-1]) + 1).tolist()
            order = places.tolist()
            for start, end in pairwise([0, *ends, len(order)]):
                if end - start > 1:
                    order[start:end] = undominated_first(order[start:end], self.costs)
            self._order.extend(self.rows[order].tolist())
        return self._order

    def preferred(self, places: Ints) -> Ints:
        """Those places by score, then nearest first, then who answered last, then as the seed draws, then by name."""
        if len(places) < 2:
            return places
        rows = self.rows[places]
        keys: list[npt.NDArray[Any]] = [rows, self.table.distance[rows], self.scores[places]]
        if self.facts.seed:
            keys.insert(1, drawn(self.table.index.words[rows], self.facts.seed))
        again = self.facts.answered_before(self.table)
        if len(again):
            keys.insert(-2, ~np.isin(rows, again))
        sorted_places: Ints = places[np.lexsort(keys)]
        return sorted_places

    def _places(self, rows: Ints) -> Ints:
        """Where those rows stand, as far as they may answer."""
        if not len(rows):
            return rows
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        found: Ints = places[self.rows[places] == rows]
        return found


def explores(facts: RequestFacts, policy: Policy) -> bool:
    """Whether this request may try out an offer: some of those with a seed, and only with their first plan."""
    if not facts.seed or not policy.explore or facts.unpaid_only or facts.excluded:
        return False
    return bool(mix(EXPLORE_WORDS ^ word(facts.seed))[0] % EXPLORED_OF < policy.explore)


def drawn(name_words: Words, seed: bytes) -> Words:
    """A number for each name that the seed shuffles."""
    return mix(name_words ^ word(seed))


def mix(words: Words) -> Words:
    """splitmix64's."""
    mixed: Words = (words ^ words >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return mixed ^ mixed >> np.uint64(31)
