"""Chance from a seed, the same on every platform and Python: splitmix64 (Steele, Lea, Flood: "Fast splittable
pseudorandom number generators", OOPSLA 2014, figure 12). For choosing peers to probe; never for keys."""

from collections.abc import Sequence
from typing import Final, TypeVar

_Item = TypeVar("_Item")
_MASK: Final = 2**64 - 1


class Chance:
    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """0 to `bound` - 1; the bias for bounds as small as ours is under 2^-50."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        return (mixed ^ mixed >> 31) % bound

    def shuffled(self, items: Sequence[_Item]) -> list[_Item]:
        """All of them in another order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def some(self, items: Sequence[_Item], count: int) -> list[_Item]:
        """`count` different ones, or all when there are no more, without walking over the rest."""
        if count >= len(items):
            return self.shuffled(items)
        taken: list[int] = []
        while len(taken) < count:
            place = self.below(len(items))
            if place not in taken:
                taken.append(place)
        return [items[place] for place in taken]
