"""The owner's policy as the agents read it. Constraints tighten; weights only choose among what is feasible.

Source: specs/09-decision.md, "The policy".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Self, TypeVar

from node.agents.hours import Hours
from protocol.terms import NanoUsd, Sensitivity, Tier

T = TypeVar("T")

RANGE_MIN = 1e-9
HYSTERESIS_MAX = 1_000_000  # thousandths of the distance
NO_PRICE = NanoUsd(0)
EXPLORE_MAX = 1_000  # of a thousand requests


@dataclass(frozen=True, slots=True)
class Clearance:
    """The most sensitive text that a tier takes as it is, and the most that may remain when it takes it sanitised.

    None: not at all.
    """

    as_is: Sensitivity | None
    sanitised: Sensitivity | None

    def intersect(self, other: "Clearance") -> "Clearance":
        return Clearance(_lower(self.as_is, other.as_is), _lower(self.sanitised, other.sanitised))


def _lower(one: Sensitivity | None, other: Sensitivity | None) -> Sensitivity | None:
    return None if one is None or other is None else min(one, other)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _common(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _both(one: tuple[T, ...], other: tuple[T, ...]) -> tuple[T, ...]:
    """Each of these only tightens: together they are the stricter of both."""
    return one if not other or one == other else tuple(dict.fromkeys((*one, *other)))


@dataclass(frozen=True, slots=True)
class Bound:
    """What the owner says of one island, of one provider, or of the models that a pattern matches. It only tightens.

    `as_is` and `sanitised` as in Clearance, on top of the tier's own: RESTRICTED adds nothing.
    """

    name: str
    as_is: Sensitivity | None = Sensitivity.RESTRICTED
    sanitised: Sensitivity | None = Sensitivity.RESTRICTED
    allow: bool = True
    hours: Hours | None = None  # None: always


@dataclass(frozen=True, slots=True)
class ModelsFor:
    """Text of this level and above is for models alone that one of the patterns matches."""

    level: Sensitivity
    patterns: tuple[str, ...]


class Use(IntEnum):
    """What the owner thinks of a device in some state. AVOID costs energy (`locality.AVOIDED_J`), FORBID refuses."""

    ALLOW = 0
    AVOID = 1
    FORBID = 2

    @property
    def label(self) -> str:
        return self.name.lower()


class AtCap(StrEnum):
    """What to do where the caps do not let the best plan be paid."""

    LOCAL = "local"  # what costs nothing answers
    REFUSE = "refuse"  # nobody does


CLOSED = Clearance(None, None)
DEFAULT_CLEARANCE = (
    Clearance(Sensitivity.RESTRICTED, None),
    Clearance(Sensitivity.CONFIDENTIAL, Sensitivity.CONFIDENTIAL),
    Clearance(Sensitivity.PUBLIC, Sensitivity.INTERNAL),
)


@dataclass(frozen=True, slots=True)
class Five:
    """A number for each objective, in its unit; in the order of `Objective`."""

    latency: float
    cost: float
    quality: float
    exposure: float
    energy: float

    def values(self) -> tuple[float, float, float, float, float]:
        return (self.latency, self.cost, self.quality, self.exposure, self.energy)


# Equally bad: half a minute, half a cent, no quality at all, restricted text in a cloud, a kilojoule.
DEFAULT_RANGES = Five(latency=30.0, cost=5_000_000.0, quality=1.0, exposure=6.0, energy=1_000.0)
BALANCED_WEIGHTS = Five(latency=1.0, cost=1.0, quality=0.5, exposure=1.0, energy=0.1)


@dataclass(frozen=True, slots=True)
class Policy:
    """`clearance` is indexed by tier. `remaining` is what the owner's caps leave to this node now; None: no cap is set.

    `jurisdictions` bind offers beyond the person's own devices; None: any. `battery_floor` is a percentage, of
    devices that are not being charged. `retention_days_max` and `no_training` bind offers of tier cloud.
    """

    clearance: tuple[Clearance, Clearance, Clearance] = DEFAULT_CLEARANCE
    weights: Five = BALANCED_WEIGHTS
    ranges: Five = DEFAULT_RANGES
    max_tier: Tier = Tier.CLOUD
    jurisdictions: frozenset[str] | None = None
    battery_floor: float = 20.0
    remaining: NanoUsd | None = None
    islands: tuple[Bound, ...] = ()
    providers: tuple[Bound, ...] = ()
    models: tuple[Bound, ...] = ()
    models_for: tuple[ModelsFor, ...] = ()
    retention_days_max: int | None = None
    no_training: bool = False
    metered: Use = Use.AVOID
    owner_active: Use = Use.ALLOW
    hot: Use = Use.AVOID
    at_cap: AtCap = AtCap.LOCAL
    energy_price: NanoUsd = NO_PRICE  # of a kilowatt-hour that the owner's own devices take
    hysteresis: int = 50  # thousandths of the distance that staying with the island that answered last is worth
    explore: int = 20  # of a thousand requests, how many may try out what little is known of

    def __post_init__(self) -> None:
        """Weights and ranges come from `policy_file`, which names the key at fault; here they only must be usable."""
        assert len(self.clearance) == len(Tier)
        assert all(isfinite(weight) and weight >= 0 for weight in self.weights.values())
        assert all(isfinite(extent) and extent >= RANGE_MIN for extent in self.ranges.values())
        assert 0 <= self.hysteresis <= HYSTERESIS_MAX
        assert 0 <= self.explore <= EXPLORE_MAX

    def intersect(self, other: "Policy") -> Self:
        """The stricter of both in every constraint; what `other` prefers among the feasible offers."""
        mine, theirs = self.clearance, other.clearance
        remaining = _least(self.remaining, other.remaining)
        return replace(
            self,
            clearance=(mine[0].intersect(theirs[0]), mine[1].intersect(theirs[1]), mine[2].intersect(theirs[2])),
            weights=other.weights,
            ranges=other.ranges,
            max_tier=min(self.max_tier, other.max_tier),
            jurisdictions=_common(self.jurisdictions, other.jurisdictions),
            battery_floor=max(self.battery_floor, other.battery_floor),
            remaining=None if remaining is None else NanoUsd(remaining),
            islands=_both(self.islands, other.islands),
            providers=_both(self.providers, other.providers),
            models=_both(self.models, other.models),
            models_for=_both(self.models_for, other.models_for),
            retention_days_max=_least(self.retention_days_max, other.retention_days_max),
            no_training=self.no_training or other.no_training,
            metered=max(self.metered, other.metered),
            owner_active=max(self.owner_active, other.owner_active),
            hot=max(self.hot, other.hot),
            at_cap=AtCap.REFUSE if AtCap.REFUSE in (self.at_cap, other.at_cap) else AtCap.LOCAL,
            energy_price=max(self.energy_price, other.energy_price),
            hysteresis=other.hysteresis,
            explore=other.explore,
        )


PRESETS: Mapping[str, Policy] = MappingProxyType(
    {
        "private": Policy(
            clearance=(DEFAULT_CLEARANCE[0], DEFAULT_CLEARANCE[1], CLOSED), weights=Five(0.5, 0.5, 0.5, 4.0, 0.1)
        ),
        "balanced": Policy(),
        "fast": Policy(weights=Five(4.0, 0.5, 0.25, 0.5, 0.0)),
        "cheap": Policy(weights=Five(0.1, 4.0, 0.1, 0.5, 0.5)),
        "best": Policy(weights=Five(0.25, 0.25, 4.0, 0.5, 0.0)),
    }
)
"""`balanced` is the default; each of the others weighs one promise heavier, and `private` closes the cloud."""
