"""Who dominates whom: no cost higher, one lower. Source: specs/09-decision.md, "The ranking"."""

from collections.abc import Sequence
from heapq import heappop, heappush
from operator import le

import numpy as np

from node.agents.columns import Floats, Ints, Mask

FEW = 8  # so many are compared sooner one by one than as an array

Costs = tuple[float, ...]


def first_undominated(candidates: Ints, among: Ints | None, costs: Floats) -> int | None:
    """The first of these places that none of `among` (None: of all places) dominates; None where there is none.

    `costs` has a column a place. Who dominates a candidate is looked for, and all that the least of those dominates is
    passed over: a long chain takes two steps and not its length.
    """
    others = costs if among is None else costs[:, among]
    left = candidates
    while len(left):
        mine = costs[:, left[0], None]
        above = (others <= mine).all(axis=0) & (others < mine).any(axis=0)
        if not above.any():
            return int(left[0])
        dominators = others[:, above]
        # The least in the order of tuples is dominated by nobody: whoever did would be less.
        least = dominators[:, np.lexsort(dominators[::-1])[0], None]
        rest = costs[:, left]
        left = left[~((least <= rest).all(axis=0) & (least < rest).any(axis=0))]
    return None


def undominated_first(places: Sequence[int], costs: Floats) -> list[int]:
    """Those places in their order, but none before one of them that dominates it."""
    group = [tuple(column) for column in costs[:, places].T.tolist()]
    kinds: dict[Costs, list[int]] = {}
    for number, one in enumerate(group):
        kinds.setdefault(one, []).append(number)
    below = _dominated(list(kinds))
    if not any(below):
        return list(places)
    return [places[number] for number in _released(list(kinds.values()), below)]


def _released(members: list[list[int]], below: list[list[int]]) -> list[int]:
    """Numbers in their order, each kind only when every kind that dominates it is out."""
    blockers = [0] * len(members)
    for dominated in below:
        for kind in dominated:
            blockers[kind] += 1
    left = [len(one) for one in members]
    kind_of = {number: kind for kind, one in enumerate(members) for number in one}
    ready = sorted(number for kind, one in enumerate(members) if not blockers[kind] for number in one)
    order: list[int] = []
    while ready:
        number = heappop(ready)
        order.append(number)
        kind = kind_of[number]
        left[kind] -= 1
        for freed in () if left[kind] else below[kind]:
            blockers[freed] -= 1
            if not blockers[freed]:
                for other in members[freed]:
                    heappush(ready, other)
    return order


def _dominated(kinds: list[Costs]) -> list[list[int]]:
    """For each of these different costs, which others it dominates."""
    if len(kinds) <= FEW:
        return [
            [place for place, other in enumerate(kinds) if other is not kind and all(map(le, kind, other))]
            for kind in kinds
        ]
    costs = np.array(kinds)
    no_worse: Mask = np.all(costs[:, None, :] <= costs[None, :, :], axis=2)
    below: list[list[int]] = [[] for _ in kinds]
    for kind, other in np.argwhere(no_worse).tolist():
        if kind != other:
            below[kind].append(other)
    return below
