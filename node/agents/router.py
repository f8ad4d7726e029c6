"""The router: constraints first, then Pareto, then the least weighted Chebyshev distance.

Doubt becomes a refusal here and nowhere else: an agent that raises, or whose verdict is not a mask and a finite cost
for each offer, makes the offers that it failed on infeasible, with the code `agent_failed`.
Source: specs/09-decision.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from node.agents import cost, locality, privacy, resources, trust
from node.agents.columns import Floats, Mask
from node.agents.plan import Choice, Plan
from node.agents.policy import AtCap, Policy
from node.agents.ranking import Ranking, explores
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Code, Objective, Verdict
from protocol.errors import OfferRefusal, Refusal
from protocol.terms import Now, Sensitivity

__all__ = ["AGENTS", "Choice", "Decision", "Judge", "Plan", "decide"]

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
AGENT = "router"
OBJECTIVES = tuple(Objective)
PLACE_OF = MappingProxyType({objective: place for place, objective in enumerate(OBJECTIVES)})
BOOLEANS, FLOATS = np.dtype(np.bool_), np.dtype(np.float64)
UNREACHABLE_CODES = frozenset({Code.UNREACHABLE, Code.STATEMENT_STALE})


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """`plan` holds every feasible offer, best first: the order of failover. Reasons are made when asked for."""

    plan: Plan
    sensitivity: Sensitivity  # as it was judged: raised to the label of a collection
    after: Sensitivity | None
    table: OfferTable
    feasible: Mask
    objectives: Floats  # a row an offer, a column an objective; NaN where an agent failed
    verdicts: tuple[Verdict, ...]
    failed: tuple[tuple[str, Mask], ...]  # the agents that failed, and on which offers
    excluded: frozenset[str]
    at_cap: Mask | None = None  # whom the refusal of the whole request concerns, where a cap made it

    @property
    def refusals(self) -> tuple[OfferRefusal, ...]:
        """Every offer that may not answer, in the order of the table, with every reason of every agent."""
        rows, offers = np.flatnonzero(~self.feasible).tolist(), self.table.rows
        return tuple(OfferRefusal(offers[row].name, offers[row].tier.label, self.reasons(row)) for row in rows)

    @property
    def reachable(self) -> bool:
        """False where nothing could be reached at all: what is refused is so for silence (503), not by policy (403)."""
        return bool(self.plan) or any(
            UNREACHABLE_CODES.isdisjoint(reason.code for reason in refusal.reasons) for refusal in self.refusals
        )

    def reasons(self, row: int) -> tuple[Refusal, ...]:
        found = [reason for verdict in self.verdicts for reason in verdict.reasons(row)]
        found += [
            Refusal(agent, Code.AGENT_FAILED, "its judgement could not be used") for agent, on in self.failed if on[row]
        ]
        if self.excluded and self.table.rows[row].name in self.excluded:
            found.append(Refusal(AGENT, Code.ALREADY_TRIED, "it was tried for this request"))
        if self.at_cap is not None and self.at_cap[row]:
            found.append(Refusal(AGENT, Code.AT_CAP, "the best offer is paid for, and the caps do not leave enough"))
        if not found and not self.feasible[row]:
            found.append(Refusal(AGENT, Code.AGENT_FAILED, "an agent is missing"))
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
    heard = _Heard(len(table))
    for agent, judge in agents.items():
        heard.hear(agent, _ask(judge, facts, table, policy, now))
    for name in facts.excluded:
        row = table.index.named(name)
        if row is not None:
            heard.untried[row] = False
    heard.weigh()
    feasible, objectives = heard.feasible(), heard.objectives
    at_cap = _at_cap(heard, feasible, table, policy, facts) if policy.at_cap is AtCap.REFUSE else None
    if at_cap is not None:
        feasible = np.zeros_like(feasible)
    ranking = Ranking.of(feasible, objectives, table, policy, facts)
    return Decision(
        plan=Plan(_first(ranking, heard), ranking, heard.sanitize),
        sensitivity=facts.level,
        after=facts.level_after,
        table=table,
        feasible=feasible,
        objectives=objectives.T,
        verdicts=tuple(heard.verdicts),
        failed=tuple(heard.failed),
        excluded=facts.excluded,
        at_cap=at_cap,
    )


class _Heard:
    """What the agents said, put together. A missing word counts as a no."""

    def __init__(self, count: int) -> None:
        self.objectives = np.full((len(OBJECTIVES), count), np.nan)
        self.untried = np.ones(count, dtype=np.bool_)
        self.sanitize: Mask = np.ones(count, dtype=np.bool_)
        self.hoped: Floats | None = None
        self.capped: Mask | None = None
        self.verdicts: list[Verdict] = []
        self.failed: list[tuple[str, Mask]] = []
        self.sound: Mask

    def hear(self, agent: str, verdict: Verdict | None) -> None:
        if verdict is None:
            self.failed.append((agent, np.ones_like(self.untried)))
            return
        self.objectives[PLACE_OF[verdict.objective]] = verdict.cost
        self.verdicts.append(verdict)
        if verdict.sanitize is not None:
            self.sanitize = verdict.sanitize
        if verdict.hoped is not None:
            self.hoped = verdict.hoped
        if verdict.capped is not None:
            self.capped = verdict.capped

    def weigh(self) -> None:
        """Finds the costs that are none, once every agent was heard. An objective that nobody gave stays NaN."""
        costs = np.isfinite(self.objectives) & (self.objectives >= 0)
        self.sound = costs.all(axis=0)
        if not self.sound.all():
            self.objectives[~costs] = np.nan
            for verdict in self.verdicts:
                wrong = ~costs[PLACE_OF[verdict.objective]]
                if wrong.any():
                    self.failed.append((verdict.agent, wrong))

    def feasible(self, *, uncapped: bool = False) -> Mask:
        """Who may answer; `uncapped`: and whom the owner's caps alone refuse."""
        found: Mask = self.sound & self.untried
        for verdict in self.verdicts:
            found &= verdict.feasible if verdict.capped is None or not uncapped else verdict.feasible | verdict.capped
        return found


def _first(ranking: Ranking, heard: _Heard) -> int | None:
    if not len(ranking.rows):
        return None
    best = ranking.best()
    if heard.hoped is not None and explores(ranking.facts, ranking.policy):
        best = ranking.explored(best, heard.hoped)
    return int(ranking.rows[best])


def _at_cap(heard: _Heard, feasible: Mask, table: OfferTable, policy: Policy, facts: RequestFacts) -> Mask | None:
    """Whom a refusal of the whole request concerns: where, but for the owner's caps, a paid offer would come first."""
    if heard.capped is None or not heard.capped.any():
        return None
    uncapped = heard.feasible(uncapped=True)
    ranking = Ranking.of(uncapped, heard.objectives, table, policy, facts)
    if not len(ranking.rows) or feasible[ranking.rows[ranking.best()]]:
        return None
    return uncapped


def _ask(judge: Judge, facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict | None:
    try:
        verdict = judge(facts, table, policy, now)
        return verdict if _is_sound(verdict, len(table)) else None
    except Exception:  # noqa: BLE001 - whatever an agent raises, the offers it did not judge are infeasible
        return None


def _is_sound(verdict: Verdict, count: int) -> bool:
    return (
        verdict.objective in PLACE_OF
        and _is_column(verdict.feasible, BOOLEANS, count)
        and _is_column(verdict.cost, FLOATS, count)
        and (verdict.sanitize is None or _is_column(verdict.sanitize, BOOLEANS, count))
        and (verdict.hoped is None or _is_column(verdict.hoped, FLOATS, count))
        and (verdict.capped is None or _is_column(verdict.capped, BOOLEANS, count))
    )


def _is_column(value: Mask | Floats, kind: "np.dtype[Any]", count: int) -> bool:
    return value.dtype is kind and value.shape == (count,)
