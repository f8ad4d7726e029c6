"""The offers known at a moment: one table, a column for each attribute. Source: specs/09-decision.md, "The table"."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from node.agents.tier import Distance
from node.ports import Origin
from protocol.chat import CHOICES_MAX
from protocol.errors import RecordError
from protocol.terms import NanoUsd, Tier

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

PRICE_NANO_USD_MAX = 10**15  # a million USD for a million tokens; with TOKENS_MAX no product leaves 64 bits
TOKENS_MAX = 2**27 - 1
ANSWERS_MAX = CHOICES_MAX  # to one request
COUNT_MAX = 1_000_000  # slots and queues
assert (PRICE_NANO_USD_MAX // 1_000_000) * TOKENS_MAX * ANSWERS_MAX + TOKENS_MAX * ANSWERS_MAX < 2**63 // 2


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
    ttft_s: float  # expected seconds to the first token, without waiting
    tokens_per_s: float
    input_price: NanoUsd | None
    output_price: NanoUsd | None
    member_live: bool  # certificate valid now and not revoked; or a provider that this node's configuration names
    fresh: bool  # the statement is within its lifetime
    alive: bool  # the failure detector's opinion
    jurisdiction: str = ""
    collections: frozenset[bytes] = frozenset()
    battery: float | None = None
    quality: float = 0.5  # 0 to 1
    energy_j_per_token: float = 0.0
    embeds: bool = False  # an embedding model: it gives vectors, and answers to nothing

    def __post_init__(self) -> None:
        """Raises RecordError for a number that the arithmetic of money or of queues cannot hold."""
        _bounded("offer.context_tokens", self.context_tokens, TOKENS_MAX)
        for field, count in (("slots", self.slots), ("free", self.free), ("queue", self.queue)):
            _bounded(f"offer.{field}", count, COUNT_MAX)
        for field, price in (("input_price", self.input_price), ("output_price", self.output_price)):
            if price is not None:
                _bounded(f"offer.{field}", price, PRICE_NANO_USD_MAX)

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


@dataclass(frozen=True, slots=True, eq=False)
class OfferTable:
    """Columns of equal length; row `i` is `offers[i]`. Sorted by name, so that no order of arrival is left in it."""

    offers: tuple[Offer, ...]
    names: npt.NDArray[np.str_]
    islands: npt.NDArray[np.str_]
    models: npt.NDArray[np.str_]
    island_ids: npt.NDArray[np.str_]
    name_words: Words  # of each name, what a seed shuffles equals by
    tier: Ints
    distance: Ints
    context_tokens: Ints
    tools: Mask
    embeds: Mask
    slots: Ints
    free: Ints
    queue: Ints
    ttft_s: Floats
    tokens_per_s: Floats
    input_price: Ints  # 0 where unknown: read with `price_known`
    output_price: Ints
    price_known: Mask
    paid: Mask
    member_live: Mask
    fresh: Mask
    alive: Mask
    battery: Floats  # 100 on mains
    quality: Floats
    energy_j_per_token: Floats

    def __len__(self) -> int:
        return len(self.offers)

    @classmethod
    def of(cls, offers: Sequence[Offer]) -> Self:
        """Raises RecordError when two offers have one name: a plan of names could not tell them apart."""
        rows = tuple(sorted(offers, key=lambda offer: offer.name))
        for one, next_one in pairwise(rows):
            if one.name == next_one.name:
                raise RecordError("offers", f"{one.name} is there twice")
        return cls(
            offers=rows,
            names=np.array([o.name for o in rows], dtype=np.str_),
            islands=np.array([o.island for o in rows], dtype=np.str_),
            models=np.array([o.model for o in rows], dtype=np.str_),
            island_ids=np.array([o.island_id for o in rows], dtype=np.str_),
            name_words=_frozen(np.array([word(o.name.encode()) for o in rows], dtype=np.uint64)),
            tier=_ints([o.tier for o in rows]),
            distance=_ints([o.distance for o in rows]),
            context_tokens=_ints([o.context_tokens for o in rows]),
            tools=_mask([o.tools for o in rows]),
            embeds=_mask([o.embeds for o in rows]),
            slots=_ints([o.slots for o in rows]),
            free=_ints([o.free for o in rows]),
            queue=_ints([o.queue for o in rows]),
            ttft_s=_floats([o.ttft_s for o in rows]),
            tokens_per_s=_floats([o.tokens_per_s for o in rows]),
            input_price=_ints([o.input_price or 0 for o in rows]),
            output_price=_ints([o.output_price or 0 for o in rows]),
            price_known=_mask([o.input_price is not None and o.output_price is not None for o in rows]),
            paid=_mask([o.paid for o in rows]),
            member_live=_mask([o.member_live for o in rows]),
            fresh=_mask([o.fresh for o in rows]),
            alive=_mask([o.alive for o in rows]),
            battery=_floats([100.0 if o.battery is None else o.battery for o in rows]),
            quality=_floats([o.quality for o in rows]),
            energy_j_per_token=_floats([o.energy_j_per_token for o in rows]),
        )


def word(data: bytes) -> np.uint64:
    """64 bits that stand for `data`: the first 8 bytes of its BLAKE2b of that length, big-endian."""
    return np.uint64(int.from_bytes(blake2b(data, digest_size=8).digest(), "big"))


def _ints(values: Sequence[int]) -> Ints:
    return _frozen(np.array(values, dtype=np.int64))


def _floats(values: Sequence[float]) -> Floats:
    return _frozen(np.array(values, dtype=np.float64))


def _mask(values: Sequence[bool]) -> Mask:
    return _frozen(np.array(values, dtype=np.bool_))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array
