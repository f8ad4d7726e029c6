"""What an agent says of every offer at once. Source: specs/09-decision.md, "Agents"."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from node.agents.columns import Floats, Mask
from protocol.errors import Refusal


class Objective(StrEnum):
    """What is weighed among the feasible offers; each is one agent's cost, and less is better."""

    LATENCY = "latency_s"
    COST = "cost_nano_usd"
    QUALITY = "quality_shortfall"
    EXPOSURE = "exposure"
    ENERGY = "energy_j"


class Code(StrEnum):
    """Why an offer is refused: what programs may rely on."""

    AGENT_FAILED = "agent_failed"  # of any agent: it raised, or its cost is none
    # privacy
    CLEARANCE_BELOW_SENSITIVITY = "clearance_below_sensitivity"
    NAMES_UNREAD = "names_unread"
    # resources
    UNREACHABLE = "unreachable"
    OTHER_MODEL = "other_model"
    CONTEXT_TOO_SMALL = "context_too_small"
    NO_SLOTS = "no_slots"
    NO_TOOLS = "no_tools"
    NO_EMBEDDINGS = "no_embeddings"
    EMBEDS_ONLY = "embeds_only"
    BATTERY_LOW = "battery_low"
    METERED = "metered"
    OWNER_ACTIVE = "owner_active"
    HOT = "hot"
    # cost
    PAID_AFTER_AMBIGUITY = "paid_after_ambiguity"
    PRICE_UNKNOWN = "price_unknown"
    OVER_CAP = "over_cap"
    # trust
    NOT_A_MEMBER = "not_a_member"
    STATEMENT_STALE = "statement_stale"
    TIER_TOO_FAR = "tier_too_far"
    AUTHENTICITY_FAILED = "authenticity_failed"
    JURISDICTION = "jurisdiction"
    RETENTION = "retention"
    TRAINING = "training"
    NOT_ALLOWED = "not_allowed"
    OUTSIDE_HOURS = "outside_hours"
    # locality
    COLLECTION_NOT_HELD = "collection_not_held"
    # the router
    ALREADY_TRIED = "already_tried"
    SHARE_OUT_OF_REACH = "share_out_of_reach"
    AT_CAP = "at_cap"


class Rule(NamedTuple):
    """A constraint: an offer is feasible where it `holds`. Written as what must be true, so that a NaN refuses."""

    code: Code
    holds: Mask
    detail: Callable[[int], str]  # for people, of one row; called for refused offers only


class Verdict(NamedTuple):
    """`cost` is in the unit that the objective's name ends with.

    `sanitize` is the privacy agent's alone: who takes the text only with placeholders in it. `hoped` is the resources
    agent's: the cost at the good end of the doubt. `capped` is the cost agent's: whom the owner's caps alone refuse.
    """

    agent: str
    objective: Objective
    feasible: Mask
    cost: Floats
    rules: tuple[Rule, ...]
    sanitize: Mask | None = None
    hoped: Floats | None = None
    capped: Mask | None = None

    @classmethod
    def of(
        cls,
        agent: str,
        objective: Objective,
        rules: Sequence[Rule],
        cost: Floats,
        *,
        sanitize: Mask | None = None,
        hoped: Floats | None = None,
        capped: Mask | None = None,
    ) -> "Verdict":
        feasible = rules[0].holds if rules else np.ones(len(cost), dtype=np.bool_)
        for rule in rules[1:]:
            feasible = feasible & rule.holds
        return cls(agent, objective, feasible, cost, tuple(rules), sanitize, hoped, capped)

    def reasons(self, row: int) -> tuple[Refusal, ...]:
        """Why this agent refuses the offer of that row; empty where it does not."""
        return tuple(Refusal(self.agent, rule.code, rule.detail(row)) for rule in self.rules if not rule.holds[row])
