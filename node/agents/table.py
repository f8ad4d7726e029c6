"""The offers known at a moment: one table, a column for each attribute. Source: specs/09-decision.md, "The table"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import nan
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from node.agents.columns import Floats, Ints, Mask
from node.agents.index import Index
from node.agents.pace import Pace
from node.agents.tier import Distance
from node.ports import Origin
from protocol.chat import CHOICES_MAX
from protocol.errors import MisuseError, RecordError
from protocol.terms import NanoUsd, Tier

PRICE_NANO_USD_MAX = 10**15  # a million USD for a million tokens; with TOKENS_MAX no product leaves 64 bits
TOKENS_MAX = 2**27 - 1
ANSWERS_MAX = CHOICES_MAX  # to one request
COUNT_MAX = 1_000_000  # slots and queues
RETENTION_DAYS_MAX = 36_500
REMAINING_NANO_USD_MAX = 10**18
BILL_NANO_USD_MAX = (PRICE_NANO_USD_MAX // 1_000_000) * TOKENS_MAX * ANSWERS_MAX + TOKENS_MAX * ANSWERS_MAX
UNCAPPED = 2**62  # what a cap that is not set leaves
UNKNOWN_DAYS = 2**31  # how long a provider keeps what it is sent, where it does not say
assert BILL_NANO_USD_MAX < UNCAPPED
assert REMAINING_NANO_USD_MAX < UNCAPPED


@dataclass(frozen=True, slots=True)
class Offer:
    """One model on one backend of one island, as this asker may believe it at one moment.

    `tier` is the effective one (`node.agents.tier`). Estimates may be NaN where an estimator failed: the router refuses
    such an offer. Prices are nano-USD per million tokens, None where unknown. `battery` is a percentage, None on mains.
    """

    island: str  # its name in the archipelago, or the provider's
    island_id: str  # peer id; empty for a provider
    model: str
    backend: str
    tier: Tier
    own: bool  # of the asker's person
    origin: Origin
    distance: Distance
    context_tokens: int
    tools: bool
    slots: int
    free: int
    queue: int
    ttft_s: float  # the fixed part of the expected seconds to the first token, without waiting
    prefill_tokens_per_s: float  # how fast a prompt is read, in the mean; infinite: in no time
    tokens_per_s: float  # how fast an answer is written, in the mean
    input_price: NanoUsd | None
    output_price: NanoUsd | None
    member_live: bool  # certificate valid now and not revoked; or a provider that this node's configuration names
    fresh: bool  # the statement is within its lifetime
    alive: bool  # the failure detector's opinion
    doubt: float = 1.0  # how far the seconds may be from the mean, in parts of it; 1: nothing is known
    failure_rate: float = 0.0  # of the attempts made from here lately, which part failed; below 1
    authentic: bool = True  # False for 24 hours after an authenticity failure or a failed canary
    probation: bool = False  # others observed faults: nothing is taken for known, and it is not tried out
    jurisdiction: str = ""
    collections: frozenset[bytes] = frozenset()
    battery: float | None = None
    charging: bool = False
    metered: bool = False  # the link to it, or its own, is paid for by volume
    owner_active: bool = False  # somebody is working at the device
    hot: bool = False  # it slows down for heat
    provider: str = ""  # as the configuration names it; "" for an island
    retention_days: int | None = None  # how long the provider keeps what it is sent; None: not known
    trains: bool | None = None  # whether it trains on it; None: not known
    paid_remaining: NanoUsd | None = None  # what the caps leave for this provider; None: it has no cap of its own
    quality: float = 0.5  # 0 to 1
    energy_j_per_token: float = 0.0
    embeds: bool = False  # an embedding model: it gives vectors, and answers to nothing
    share_away: bool = False  # no more of the cap is to be had: its holder cannot be reached (specs/12-shares.md)
    cached_input_price: NanoUsd | None = None  # of prompt tokens that it had read before; None: like the others

    def __post_init__(self) -> None:
        """Raises RecordError for a number that the arithmetic of money or of queues cannot hold."""
        _bounded("offer.context_tokens", self.context_tokens, TOKENS_MAX)
        for field, count in (("slots", self.slots), ("free", self.free), ("queue", self.queue)):
            _bounded(f"offer.{field}", count, COUNT_MAX)
        for field, price in (
            ("input_price", self.input_price),
            ("output_price", self.output_price),
            ("cached_input_price", self.cached_input_price),
        ):
            if price is not None:
                _bounded(f"offer.{field}", price, PRICE_NANO_USD_MAX)
        if self.retention_days is not None:
            _bounded("offer.retention_days", self.retention_days, RETENTION_DAYS_MAX)
        if self.paid_remaining is not None:
            _bounded("offer.paid_remaining", self.paid_remaining, REMAINING_NANO_USD_MAX)

    @property
    def name(self) -> str:
        return f"{self.island}/{self.model}"

    @property
    def paid(self) -> bool:
        """Any price but a known 0: what is unknown may be billed."""
        return self.input_price != 0 or self.output_price != 0


def _bounded(field: str, value: int, most: int) -> None:
    if not 0 <= value <= most:
        raise RecordError(field, f"{value} is not between 0 and {most}")


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _ints(values: Sequence[int]) -> Ints:
    return _frozen(np.array(values, dtype=np.int64))


def _floats(values: Sequence[float]) -> Floats:
    return _frozen(np.array(values, dtype=np.float64))


def _mask(values: Sequence[bool]) -> Mask:
    return _frozen(np.array(values, dtype=np.bool_))


def _percentages(values: Sequence[float | None]) -> Floats:
    return _floats([100.0 if value is None else value for value in values])


def _amounts(values: Sequence[NanoUsd | None]) -> Ints:
    return _ints([UNCAPPED if value is None else value for value in values])


def _parts(values: Sequence[float]) -> Floats:
    """NaN for what is not in 0 to 1."""
    return _floats([value if 0 <= value <= 1 else nan for value in values])


def _amounts_of_energy(values: Sequence[float]) -> Floats:
    """NaN for what is below 0."""
    return _floats([value if value >= 0 else nan for value in values])


Column = Callable[[Sequence[Any]], npt.NDArray[Any]]

LIVE: Mapping[str, Column] = MappingProxyType(
    {
        "slots": _ints,
        "free": _ints,
        "queue": _ints,
        "ttft_s": _floats,
        "prefill_tokens_per_s": _floats,
        "tokens_per_s": _floats,
        "doubt": _floats,
        "failure_rate": _floats,
        "authentic": _mask,
        "probation": _mask,
        "member_live": _mask,
        "fresh": _mask,
        "alive": _mask,
        "battery": _percentages,
        "charging": _mask,
        "metered": _mask,
        "owner_active": _mask,
        "hot": _mask,
        "paid_remaining": _amounts,
    }
)
"""The columns that change from request to request, and how each is made of the attributes of offers."""

COUNTED: Mapping[str, int] = MappingProxyType(
    {"slots": COUNT_MAX, "free": COUNT_MAX, "queue": COUNT_MAX, "paid_remaining": UNCAPPED}
)

PACED = (
    "slots",
    "free",
    "queue",
    "ttft_s",
    "prefill_tokens_per_s",
    "tokens_per_s",
    "doubt",
    "failure_rate",
    "probation",
)
"""The columns that the pace is made of."""

FIXED: Mapping[str, Column] = MappingProxyType(
    {
        "tier": _ints,
        "distance": _ints,
        "own": _mask,
        "context_tokens": _ints,
        "tools": _mask,
        "embeds": _mask,
        "paid": _mask,
        "quality": _parts,
        "energy_j_per_token": _amounts_of_energy,
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class OfferTable:
    """Columns of equal length, sorted by name, so that no order of arrival is left in them."""

    rows: tuple[Offer, ...]  # as the table was made: read them with `offer`, which knows of refreshments
    index: Index
    pace: Pace
    tier: Ints
    distance: Ints
    own: Mask
    context_tokens: Ints
    tools: Mask
    embeds: Mask
    slots: Ints
    free: Ints
    queue: Ints
    ttft_s: Floats
    prefill_tokens_per_s: Floats
    tokens_per_s: Floats
    doubt: Floats
    failure_rate: Floats
    authentic: Mask
    probation: Mask
    input_price: Ints  # 0 where unknown: read with `price_known`
    output_price: Ints
    price_most: int
    price_known: Mask
    paid: Mask
    paid_remaining: Ints  # UNCAPPED where there is no cap
    member_live: Mask
    fresh: Mask
    alive: Mask
    battery: Floats  # 100 on mains
    charging: Mask
    metered: Mask
    owner_active: Mask
    hot: Mask
    quality: Floats  # NaN where it is none
    energy_j_per_token: Floats  # the same
    changed: Mapping[str, Sequence[Any]]  # the attributes that were refreshed since the rows were made

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, offers: Sequence[Offer]) -> Self:
        """Raises RecordError when two offers have one name: a plan of names could not tell them apart."""
        rows = tuple(sorted(offers, key=lambda offer: offer.name))
        for one, next_one in pairwise(rows):
            if one.name == next_one.name:
                raise RecordError("offers", f"{one.name} is there twice")
        columns: dict[str, Any] = {
            name: made([getattr(o, name) for o in rows])
            for attributes in (FIXED, LIVE)
            for name, made in attributes.items()
        }
        return cls(
            rows=rows,
            index=Index(rows),
            pace=Pace.of(**{name: columns[name] for name in PACED}),
            input_price=_ints([o.input_price or 0 for o in rows]),
            output_price=_ints([o.output_price or 0 for o in rows]),
            price_most=max((price or 0 for o in rows for price in (o.input_price, o.output_price)), default=0),
            price_known=_mask([o.input_price is not None and o.output_price is not None for o in rows]),
            changed=MappingProxyType({}),
            **columns,
        )

    def refreshed(self, **columns: Sequence[Any]) -> Self:
        """The same offers with other values of some LIVE attributes: of each, one value a row, in the order of `rows`.

        What was worked out for these offers (names, patterns of a policy) stays. Raises MisuseError for an attribute
        that is not LIVE, and for a column of another length; RecordError for a number that no offer may have.
        """
        for name, values in columns.items():
            if name not in LIVE or len(values) != len(self.rows):
                raise MisuseError(f"{name}: expected {len(self.rows)} values of one of {', '.join(LIVE)}")
        made: dict[str, Any] = {name: LIVE[name](values) for name, values in columns.items()}
        for name, column in made.items():
            if name in COUNTED and len(column) and not (column.min() >= 0 and column.max() <= COUNTED[name]):
                raise RecordError(f"offer.{name}", f"not between 0 and {COUNTED[name]}")
        if not made.keys().isdisjoint(PACED):
            made["pace"] = Pace.of(**{name: made.get(name, getattr(self, name)) for name in PACED})
        return replace(self, changed=MappingProxyType({**self.changed, **columns}), **made)

    def offer(self, row: int) -> Offer:
        """As it stands now."""
        if not self.changed:
            return self.rows[row]
        return replace(self.rows[row], **{name: values[row] for name, values in self.changed.items()})

    @property
    def offers(self) -> tuple[Offer, ...]:
        return tuple(self.offer(row) for row in range(len(self.rows))) if self.changed else self.rows
