"""Simulated time: one event queue, whole microseconds, one generator for each name. Source: specs/10-simulator.md.

Nothing here depends on the wall clock, on the order of a set or on the hash seed: the same seed gives the same digest.
"""

import heapq
import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np

from protocol.terms import Now

SECOND_US = 1_000_000
MILLISECOND_US = 1_000
START_WALL_S = 1_800_000_000
DRAWN_AT_ONCE = 64


class Draws:
    """Numbers from one named generator. Only Philox's raw bits are numpy's, since only those are promised for good."""

    def __init__(self, seed: int, name: str) -> None:
        key = blake2b(f"{seed}/{name}".encode(), digest_size=16).digest()
        self._bits = np.random.Philox(key=int.from_bytes(key, "big"))
        self._left: list[int] = []

    def unit(self) -> float:
        """0 to below 1."""
        if not self._left:
            self._left = self._bits.random_raw(DRAWN_AT_ONCE).tolist()
        return (self._left.pop() >> 11) * 2.0**-53

    def below(self, count: int) -> int:
        return int(self.unit() * count)

    def octets(self, count: int) -> bytes:
        return bytes(self.below(256) for _ in range(count))

    def exponential(self, mean: float) -> float:
        return -mean * math.log(1.0 - self.unit())

    def weighted(self, weights: tuple[float, ...]) -> int:
        """An index, as likely as its weight."""
        point = self.unit() * sum(weights)
        for index, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return index
        return len(weights) - 1

    def quantile(self, table: tuple[int, ...]) -> int:
        """A value of a distribution that is given by its quantiles at equal steps."""
        place = self.unit() * (len(table) - 1)
        low = int(place)
        return round(table[low] + (table[low + 1] - table[low]) * (place - low))


class Kernel:
    """The queue and the clock. Events of one moment run in the order in which they were set."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now_us = 0
        self.events = 0
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._set = 0
        self._digest = blake2b(digest_size=32)

    @property
    def now(self) -> Now:
        return Now(mono_ms=self.now_us // MILLISECOND_US, wall_s=START_WALL_S + self.now_us // SECOND_US)

    def draws(self, name: str) -> Draws:
        """A generator of its own: one consumer more shifts nobody else's numbers."""
        return Draws(self.seed, name)

    def after(self, delay_us: int, run: Callable[..., None], *arguments: Any) -> None:
        self._set += 1
        heapq.heappush(self._queue, (self.now_us + max(0, delay_us), self._set, run, arguments))

    def run(self, until_us: int) -> None:
        """Everything before `until_us`."""
        queue = self._queue
        while queue and queue[0][0] < until_us:
            self.now_us, _, run, arguments = heapq.heappop(queue)
            self.events += 1
            run(*arguments)
        self.now_us = until_us

    def note(self, *facts: str | int) -> None:
        """Something that two equal runs have in common; it goes into the digest."""
        self._digest.update(f"{self.now_us} {' '.join(map(str, facts))}\n".encode())

    def digest(self) -> str:
        return self._digest.copy().hexdigest()
