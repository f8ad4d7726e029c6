"""Ways to choose: the node's own, what others do, and an oracle. All through one interface, on what a node sees.

Unless said otherwise a baseline keeps the same constraints as the node, so that what is compared is the choice alone.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from node.agents.columns import Floats
from node.agents.index import word
from node.agents.policy import Policy
from node.agents.ranking import mix
from node.agents.request import RequestFacts
from node.agents.router import OBJECTIVES, Decision, decide
from node.agents.table import OfferTable
from node.agents.verdict import Objective
from protocol.terms import Now, Tier


class Routing(Protocol):
    """A routing policy."""

    name: str

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        """Rows of the table to try, best first; what is not in it is not tried."""


class IslandRun:
    """What the node does."""

    def __init__(self, policy: Policy, name: str = "islandrun") -> None:
        self.name = name
        self._policy = policy

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        return decide(facts, table, self._policy, now).plan.rows


Key = Callable[[Decision, RequestFacts, OfferTable], Floats]
"""What a baseline makes small."""


class Greedy:
    """The least of one number among the feasible offers; the seed shuffles equals."""

    def __init__(self, name: str, policy: Policy, key: Key) -> None:
        self.name = name
        self._policy = policy
        self._key = key

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        decision = decide(facts, table, self._policy, now)
        return _by(self._key(decision, facts, table), facts, table, np.flatnonzero(decision.feasible))


class RoundRobin:
    """Each feasible offer in turn."""

    name = "round robin"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._next = 0

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        self._next = (self._next + 1) % max(1, len(table))
        feasible = np.flatnonzero(decide(facts, table, self._policy, now).feasible).tolist()
        return [row for row in feasible if row >= self._next] + [row for row in feasible if row < self._next]


class WeightedSum:
    """The usual sum of weighed and scaled costs over every offer: no constraint is kept."""

    name = "weighted sum, no constraints"

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._scale = np.array(policy.weights.values()) / np.array(policy.ranges.values())

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        sums = decide(facts, table, self._policy, now).objectives @ self._scale
        return _by(sums, facts, table, np.arange(len(table)))


class Oracle:
    """Knows what the request would come to at each offer: `truth`, by the row."""

    def __init__(self, name: str, policy: Policy, truth: Callable[[int], float]) -> None:
        self.name = name
        self._policy = policy
        self._truth = truth

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> Iterable[int]:
        feasible = np.flatnonzero(decide(facts, table, self._policy, now).feasible).tolist()
        return sorted(feasible, key=self._truth)


def baselines(policy: Policy) -> Sequence[Routing]:
    return (
        Greedy("random", policy, lambda decision, facts, table: np.zeros(len(table))),
        RoundRobin(policy),
        Greedy("local, cloud where it must", policy, _far_last),
        Greedy("cloud, local where it must", policy, _near_last),
        Greedy("least latency", policy, lambda decision, facts, table: _objective(decision, Objective.LATENCY)),
        Greedy("nearest", policy, lambda decision, facts, table: table.distance.astype(np.float64)),
        Greedy("least cost", policy, lambda decision, facts, table: _objective(decision, Objective.COST)),
        WeightedSum(policy),
    )


def _objective(decision: Decision, objective: Objective) -> Floats:
    column: Floats = decision.objectives[:, OBJECTIVES.index(objective)]
    return column


def _far_last(decision: Decision, facts: RequestFacts, table: OfferTable) -> Floats:
    """The quickest of the person's own devices, as it seems."""
    return _objective(decision, Objective.LATENCY) + np.where(table.tier == Tier.PERSONAL, 0.0, 1e9)


def _near_last(decision: Decision, facts: RequestFacts, table: OfferTable) -> Floats:
    return _objective(decision, Objective.LATENCY) + np.where(table.tier == Tier.CLOUD, 0.0, 1e9)


def _by(values: Floats, facts: RequestFacts, table: OfferTable, rows: npt.NDArray[np.intp]) -> list[int]:
    shuffled = mix(table.index.words[rows] ^ word(facts.seed))
    ordered: list[int] = rows[np.lexsort([shuffled, values[rows]])].tolist()
    return ordered
