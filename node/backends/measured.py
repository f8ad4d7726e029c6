"""How quick a model has shown itself: pure numbers, kept by every backend for each of its models."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite
from typing import NamedTuple

TTFT_S_PRIOR = 5.0  # worse than what the slowest local model here needs: a model earns its place by answering
TOKENS_PER_S_PRIOR = 5.0
WEIGHT = 0.3  # of the newest observation; raised, one slow answer moves the choice sooner
TOKENS_MIN = 4  # fewer say nothing of the rate
TTFT_S_MAX = 3_600.0
TOKENS_PER_S_MAX = 100_000.0  # a whole answer in one piece says nothing of the rate either


class Load(NamedTuple):
    """What a backend has to do now. `slots` 0: it is not there."""

    slots: int
    busy: int
    queued: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Exponentially weighted means of a model's own answers, beginning at a pessimistic prior."""

    ttft_s: float = TTFT_S_PRIOR
    tokens_per_s: float = TOKENS_PER_S_PRIOR
    observations: int = 0

    def observe(self, ttft_s: float, tokens: int, seconds: float) -> "Measured":
        """After one whole answer: `seconds` from its first token to its last. Numbers that cannot be are left out."""
        if not isfinite(ttft_s) or ttft_s < 0:
            return self
        seen = replace(self, ttft_s=_mean(self.ttft_s, min(ttft_s, TTFT_S_MAX)), observations=self.observations + 1)
        if tokens < TOKENS_MIN or not isfinite(seconds) or seconds <= 0:
            return seen
        rate = min((tokens - 1) / seconds, TOKENS_PER_S_MAX)
        return replace(seen, tokens_per_s=_mean(self.tokens_per_s, rate))


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)


class Stopwatch:
    """Times one answer. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._first: float | None = None

    def token(self) -> None:
        """A piece of the answer is here."""
        if self._first is None:
            self._first = self._clock()

    def observe(self, measured: Measured, tokens: int) -> Measured:
        """The answer is whole, with so many tokens."""
        if self._first is None:
            return measured
        return measured.observe(self._first - self._began, tokens, self._clock() - self._first)
