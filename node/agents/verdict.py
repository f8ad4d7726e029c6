"""What an agent says of every offer at once. Source: specs/09-decision.md, "Agents"."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import numpy as np

from node.agents.table import Floats, Mask
from protocol.errors import Refusal


class Objective(StrEnum):
    """What is weighed among the feasible offers; each is one agent's cost, and less is better."""

    LATENCY = "latency_s"
    COST = "cost_nano_usd"
    QUALITY = "quality_shortfall"
    EXPOSURE = "exposure"
    ENERGY = "energy_j"


@dataclass(frozen=True, slots=True)
class Rule:
    """A constraint: an offer is feasible where it `holds`. Written as what must be true, so that a NaN refuses."""

    code: str
    holds: Mask
    detail: Callable[[int], str]  # for people, of one row; called for refused offers only


@dataclass(frozen=True, slots=True)
class Verdict:
    """`cost` is in the unit that the objective's name ends with. `sanitize` is the privacy agent's alone."""

    agent: str
    objective: Objective
    feasible: Mask
    cost: Floats
    rules: tuple[Rule, ...]
    sanitize: Mask | None = None

    @classmethod
    def of(
        cls, agent: str, objective: Objective, rules: Sequence[Rule], cost: Floats, sanitize: Mask | None = None
    ) -> Self:
        feasible = np.ones(len(cost), dtype=np.bool_)
        for rule in rules:
            feasible &= rule.holds
        return cls(agent, objective, feasible, cost, tuple(rules), sanitize)

    def reasons(self, row: int) -> tuple[Refusal, ...]:
        """Why this agent refuses the offer of that row; empty where it does not."""
        return tuple(Refusal(self.agent, rule.code, rule.detail(row)) for rule in self.rules if not rule.holds[row])
