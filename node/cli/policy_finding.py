"""What `policy check` says of one place in a configuration."""

from dataclasses import dataclass
from enum import StrEnum

from node.agents.policy import Policy
from node.configuration.lines import Path
from protocol.terms import Tier


class Kind(StrEnum):
    """ERROR: it cannot be read. CONTRADICTION: two settings that cannot both be meant. SHADOWED: one has no effect."""

    ERROR = "error"
    CONTRADICTION = "contradiction"
    SHADOWED = "shadowed"


@dataclass(frozen=True, slots=True)
class Finding:
    file: str
    line: int
    kind: Kind
    detail: str


Said = tuple[Path, Kind, str]


def closed(policy: Policy, tier: Tier) -> str | None:
    """Why nothing ever goes to a tier."""
    row = policy.clearance[tier]
    if tier > policy.max_tier:
        return f"max_tier is {policy.max_tier.label}"
    return f"{tier.label} takes nothing" if row.as_is is None and row.sanitised is None else None
