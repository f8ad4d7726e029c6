"""What is asked in the laboratory: arrivals and lengths from traces or their quantiles, kinds drawn beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.terms import Sensitivity
from sim.data import trace_quantiles as quantiles
from sim.kernel import SECOND_US, Draws

BLOCK_TOKENS = 512  # of Mooncake's prefix blocks


@dataclass(frozen=True, slots=True)
class Arrival:
    """A row of a trace. `blocks`: ids of the prompt's leading blocks; equal ids mean equal text up to there."""

    at_s: float
    prompt_tokens: int
    answer_tokens: int
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """How a trace of a service becomes one of a household: `stretch` times as long, answers bounded."""

    name: str
    stretch: float
    max_output_tokens: int
    gap_us: tuple[int, ...]
    prompt_tokens: tuple[int, ...]
    answer_tokens: tuple[int, ...]


SHAPES = (
    Shape("azure_conv", 48.0, 1_024, quantiles.CONV_GAP_US, quantiles.CONV_PROMPT_TOKENS, quantiles.CONV_ANSWER_TOKENS),
    Shape("azure_code", 30.0, 128, quantiles.CODE_GAP_US, quantiles.CODE_PROMPT_TOKENS, quantiles.CODE_ANSWER_TOKENS),
    Shape(
        *("mooncake", 80.0, 1_024),
        quantiles.MOONCAKE_GAP_US,
        quantiles.MOONCAKE_PROMPT_TOKENS,
        quantiles.MOONCAKE_ANSWER_TOKENS,
    ),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How sensitive a text is, and what would remain of it after sanitising."""

    weight: float
    sensitivity: Sensitivity
    after: Sensitivity


KINDS = (
    Kind(30, Sensitivity.PUBLIC, Sensitivity.PUBLIC),
    Kind(20, Sensitivity.INTERNAL, Sensitivity.INTERNAL),
    Kind(30, Sensitivity.CONFIDENTIAL, Sensitivity.INTERNAL),
    Kind(15, Sensitivity.RESTRICTED, Sensitivity.RESTRICTED),
    Kind(5, Sensitivity.RESTRICTED, Sensitivity.INTERNAL),
)
NEEDS = (0.3, 0.5, 0.7, 0.9)  # of quality
NEED_WEIGHTS = (40.0, 30.0, 20.0, 10.0)


@dataclass(frozen=True, slots=True)
class Request:
    """One that is asked. `at_s` counts from the start of the run."""

    number: int
    at_s: float
    prompt_tokens: int
    answer_tokens: int
    max_output_tokens: int
    kind: Kind
    need: float
    seed: bytes
    blocks: tuple[int, ...] = ()


def drawn(shape: Shape, count: int, seed: int) -> Sequence[Arrival]:
    """As the trace's quantiles have it, each column by itself; no blocks."""
    draws = Draws(seed, f"lab/{shape.name}/arrivals")
    found, at_us = [], 0
    for _ in range(count):
        at_us += draws.quantile(shape.gap_us)
        found.append(
            Arrival(at_us / SECOND_US, draws.quantile(shape.prompt_tokens), draws.quantile(shape.answer_tokens))
        )
    return found


def window(arrivals: Sequence[Arrival], count: int, seed: int) -> Sequence[Arrival]:
    """So many of them on end, from a place that the seed draws."""
    start = Draws(seed, "lab/window").below(max(1, len(arrivals) - count + 1))
    return arrivals[start : start + count]


def requests(shape: Shape, arrivals: Sequence[Arrival], seed: int) -> tuple[Request, ...]:
    draws = Draws(seed, f"lab/{shape.name}/kinds")
    weights = tuple(kind.weight for kind in KINDS)
    began_s = arrivals[0].at_s if arrivals else 0.0
    return tuple(
        Request(
            number=number,
            at_s=(arrival.at_s - began_s) * shape.stretch,
            prompt_tokens=arrival.prompt_tokens,
            answer_tokens=max(1, min(arrival.answer_tokens, shape.max_output_tokens)),
            max_output_tokens=shape.max_output_tokens,
            kind=KINDS[draws.weighted(weights)],
            need=NEEDS[draws.weighted(NEED_WEIGHTS)],
            seed=draws.octets(8),
            blocks=arrival.blocks,
        )
        for number, arrival in enumerate(arrivals)
    )
