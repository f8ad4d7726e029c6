"""The router: constraints first, then Pareto, then the least weighted Chebyshev distance.

Doubt becomes a refusal here and nowhere else: an agent that raises, or whose verdict is not a mask and a finite cost
for each offer, makes the offers that it failed on infeasible, with the code `agent_failed`.
Source: specs/09-decision.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from node.agents import cost, locality, privacy, resources, trust
from node.agents.policy import Policy
from node.agents.ranking import ranking
from node.agents.request import RequestFacts
from node.agents.table import Floats, Mask, Offer, OfferTable
from node.agents.verdict import Objective, Verdict
from protocol.errors import OfferRefusal, Refusal
from protocol.terms import Now, Sensitivity

Judge = Callable[[RequestFacts, OfferTable, Policy, Now], Verdict]

AGENTS: Mapping[str, Judge] = MappingProxyType(
    {
        privacy.AGENT: privacy.judge,
        resources.AGENT: resources.judge,
        cost.AGENT: cost.judge,
        trust.AGENT: trust.judge,
        locality.AGENT: locality.judge,
    }
)
OBJECTIVES = tuple(Objective)
UNREACHABLE_CODES = frozenset({"unreachable", "statement_stale"})


class Choice(NamedTuple):
    """An entry of a plan. `sanitize`: this offer takes the text only with placeholders in it."""

    offer: Offer
    sanitize: bool


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """`plan` holds every feasible offer, best first: the order of failover. Reasons are made when asked for."""

    plan: tuple[Choice, ...]
    sensitivity: Sensitivity  # as it was judged: raised to the label of a collection
    after: Sensitivity | None
    table: OfferTable
    feasible: Mask
    objectives: Floats  # a row an offer, a column an objective; NaN where an agent failed
    verdicts: tuple[Verdict, ...]
    failed: tuple[tuple[str, Mask], ...]  # the agents that failed, and on which offers
    excluded: frozenset[str]

    @property
    def refusals(self) -> tuple[OfferRefusal, ...]:
        """Every offer that may not answer, in the order of the table, with every reason of every agent."""
        rows = np.flatnonzero(~self.feasible)
        return tuple(
            OfferRefusal(self.table.offers[row].name, self.table.offers[row].tier.label, self.reasons(int(row)))
            for row in rows
        )

    @property
    def reachable(self) -> bool:
        """False where nothing could be reached at all: what is refused is so for silence (503), not by policy (403)."""
        return bool(self.plan) or any(
            UNREACHABLE_CODES.isdisjoint(reason.code for reason in refusal.reasons) for refusal in self.refusals
        )

    def reasons(self, row: int) -> tuple[Refusal, ...]:
        found = [reason for verdict in self.verdicts for reason in verdict.reasons(row)]
        found += [
            Refusal(agent, "agent_failed", "its judgement could not be used") for agent, on in self.failed if on[row]
        ]
        if self.table.offers[row].name in self.excluded:
            found.append(Refusal("router", "already_tried", "it was tried for this request"))
        if not found and not self.feasible[row]:
            found.append(Refusal("router", "agent_failed", "an agent is missing"))
        return tuple(found)

    def costs(self, row: int) -> dict[str, float | None]:
        """By objective, in the unit that its name ends with; None where an agent failed."""
        values = self.objectives[row]
        return {
            objective.value: float(value) if np.isfinite(value) else None
            for objective, value in zip(OBJECTIVES, values, strict=True)
        }


def decide(
    facts: RequestFacts, table: OfferTable, policy: Policy, now: Now, agents: Mapping[str, Judge] = AGENTS
) -> Decision:
    """The plan for one request on one table. Never raises for an agent's failure."""
    count = len(table)
    feasible = np.ones(count, dtype=np.bool_)
    objectives = np.full((count, len(OBJECTIVES)), np.nan)
    sanitize = np.ones(count, dtype=np.bool_)
    verdicts: list[Verdict] = []
    failed: list[tuple[str, Mask]] = []
    for agent, judge in agents.items():
        verdict = _ask(judge, facts, table, policy, now)
        if verdict is None:
            failed.append((agent, np.ones(count, dtype=np.bool_)))
            feasible[:] = False
            continue
        sound = np.isfinite(verdict.cost) & (verdict.cost >= 0)
        if not sound.all():
            failed.append((agent, ~sound))
        feasible &= verdict.feasible & sound
        objectives[:, OBJECTIVES.index(verdict.objective)] = np.where(sound, verdict.cost, np.nan)
        verdicts.append(verdict)
        if verdict.sanitize is not None:
            sanitize = verdict.sanitize
    feasible &= np.isfinite(objectives).all(axis=1)
    if facts.excluded:
        feasible &= np.array([offer.name not in facts.excluded for offer in table.offers], dtype=np.bool_)
    order = ranking(np.flatnonzero(feasible), objectives, table, policy, facts)
    flags = sanitize.tolist()
    return Decision(
        plan=tuple(Choice(table.offer(row), flags[row]) for row in order),
        sensitivity=facts.level,
        after=facts.level_after,
        table=table,
        feasible=feasible,
        objectives=objectives,
        verdicts=tuple(verdicts),
        failed=tuple(failed),
        excluded=facts.excluded,
    )


def _ask(judge: Judge, facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict | None:
    try:
        verdict = judge(facts, table, policy, now)
        return verdict if _is_sound(verdict, len(table)) else None
    except Exception:  # noqa: BLE001 - whatever an agent raises, the offers it did not judge are infeasible
        return None


def _is_sound(verdict: Verdict, count: int) -> bool:
    masks: Sequence[Mask] = [verdict.feasible] if verdict.sanitize is None else [verdict.feasible, verdict.sanitize]
    return (
        all(mask.shape == (count,) and mask.dtype == np.bool_ for mask in masks)
        and verdict.cost.shape == (count,)
        and verdict.cost.dtype == np.float64
        and verdict.objective in OBJECTIVES
    )
