"""The ordered terms that every room shares: tiers, sensitivities, money. Source: specs/00-overview.md."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType, Self

NanoUsd = NewType("NanoUsd", int)
"""10⁻⁹ USD. Prices are nano-USD per million tokens. Money is never a float."""

NANO_USD_PER_USD = 1_000_000_000
TOKENS_PER_PRICE = 1_000_000


class _Level(IntEnum):
    @property
    def label(self) -> str:
        return self.name.lower()

    @classmethod
    def parse(cls, label: str) -> Self:
        """Raises ValueError that lists what would be right."""
        for level in cls:
            if level.label == label:
                return level
        raise ValueError(f"{label!r}: expected {', '.join(level.label for level in cls)}")


class Tier(_Level):
    """How far an offer is trusted by this requester; lower is nearer."""

    PERSONAL = 0
    EDGE = 1
    CLOUD = 2


class Sensitivity(_Level):
    """How private a text is; a request's is that of its most sensitive part."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    RESTRICTED = 3


def cost_nano_usd(tokens: int, price: NanoUsd) -> NanoUsd:
    """What `tokens` cost at `price` per million, rounded up: money is never understated."""
    return NanoUsd(-(-tokens * price // TOKENS_PER_PRICE))


@dataclass(frozen=True, slots=True)
class Now:
    """A moment: lifetimes run on `mono_ms`, this machine's monotonic clock; `wall_s` (Unix) judges certificates.

    Nothing else reads a clock: shells make one of these and hand it in.
    """

    mono_ms: int
    wall_s: int
