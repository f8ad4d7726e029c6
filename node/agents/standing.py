"""What a policy says of the offers of a table, whatever the request. Source: specs/09-decision.md, "Bounds".

Names and patterns are matched once for a table and the part of a policy that names them: what was worked out is kept on
the table's index, so that a refreshed table and a policy whose caps moved on find it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from node.agents.columns import Mask
from node.agents.index import Index, Rows
from node.agents.policy import Bound, ModelsFor, Policy
from node.agents.table import OfferTable
from protocol.terms import Sensitivity, Tier

Levels = npt.NDArray[np.int8]

NOTHING = -1  # below public
KEPT = 8  # policies at once: the owner's, and those that requests lay over it


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """`as_is` and `sanitised`: the most sensitive text that each offer takes so; NOTHING: not at all."""

    as_is: Levels
    sanitised: Levels
    allowed: Mask
    timed: tuple[tuple[Bound, Mask], ...]  # the bounds with hours, and whom they bind
    jurisdiction: Mask | None  # None: policy has no such rule
    retention: Mask | None
    training: Mask | None
    key: tuple[object, ...]  # the part of the policy that it was worked out from
    bounds: tuple[tuple[str, Bound, Mask], ...]
    models_for: tuple[tuple[ModelsFor, Mask], ...]  # and the offers that are not among those models

    def lowered_by(self, row: int) -> list[str]:
        """The keys of the policy that take more from this offer than nothing."""
        full = Sensitivity.RESTRICTED
        found = [
            f"{kind}.{bound.name}"
            for kind, bound, on in self.bounds
            if on[row] and (bound.as_is is not full or bound.sanitised is not full)
        ]
        return found + [f"models_for.{entry.level.label}" for entry, outside in self.models_for if outside[row]]

    def forbidden_by(self, row: int) -> str:
        return next((f"{kind}.{bound.name}" for kind, bound, on in self.bounds if on[row] and not bound.allow), "")


def standing(table: OfferTable, policy: Policy) -> Standing:
    """The same answer for the same table and policy; quick where it was asked before."""
    key = (
        policy.clearance,
        policy.islands,
        policy.providers,
        policy.models,
        policy.models_for,
        policy.jurisdictions,
        policy.retention_days_max,
        policy.no_training,
    )
    kept = table.index.standings
    for found in kept:
        if found.key == key:
            return found
    made = _worked_out(table, policy, key)
    kept.insert(0, made)
    del kept[KEPT:]
    return made


def _worked_out(table: OfferTable, policy: Policy, key: tuple[object, ...]) -> Standing:
    count = len(table)
    as_is = np.array([_rank(row.as_is) for row in policy.clearance], dtype=np.int8)[table.tier]
    sanitised = np.array([_rank(row.sanitised) for row in policy.clearance], dtype=np.int8)[table.tier]
    allowed = np.ones(count, dtype=np.bool_)
    bounds = tuple((kind, bound, _mask(rows, count)) for kind, bound, rows in _bounds(table.index, policy))
    for _, bound, on in bounds:
        np.minimum(as_is, _rank(bound.as_is), out=as_is, where=on)
        np.minimum(sanitised, _rank(bound.sanitised), out=sanitised, where=on)
        if not bound.allow:
            allowed &= ~on
    models_for = tuple((entry, ~_mask(_matched(table.index, entry.patterns), count)) for entry in policy.models_for)
    for entry, outside in models_for:
        for levels in (as_is, sanitised):
            np.minimum(levels, np.int8(entry.level - 1), out=levels, where=outside)
    return Standing(
        as_is=as_is,
        sanitised=sanitised,
        allowed=allowed,
        timed=tuple((bound, on) for _, bound, on in bounds if bound.hours is not None),
        jurisdiction=_within(table, policy.jurisdictions),
        retention=_retention(table, policy.retention_days_max),
        training=_training(table) if policy.no_training else None,
        key=key,
        bounds=bounds,
        models_for=models_for,
    )


def _bounds(index: Index, policy: Policy) -> Iterator[tuple[str, Bound, Rows]]:
    for bound in policy.islands:
        yield "islands", bound, index.of_island(bound.name)
    for bound in policy.providers:
        yield "providers", bound, index.of_provider(bound.name)
    for bound in policy.models:
        yield "models", bound, _matched(index, (bound.name,))


def _matched(index: Index, patterns: tuple[str, ...]) -> Rows:
    found = [rows for model, rows in index.models.items() if any(matches(pattern, model) for pattern in patterns)]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.intp)


def matches(pattern: str, name: str) -> bool:
    """`*` stands for any characters, none too; everything else for itself, with ASCII letters in either case."""
    first, *rest = _folded(pattern).split("*")
    text = _folded(name)
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True


_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def _folded(text: str) -> str:
    return text.translate(_LOWER)


def _mask(rows: Rows, count: int) -> Mask:
    found = np.zeros(count, dtype=np.bool_)
    found[rows] = True
    return found


def _rank(level: Sensitivity | None) -> np.int8:
    return np.int8(NOTHING if level is None else level)


def _within(table: OfferTable, allowed: frozenset[str] | None) -> Mask | None:
    if allowed is None:
        return None
    return np.array([o.tier is Tier.PERSONAL or o.jurisdiction in allowed for o in table.rows], dtype=np.bool_)


def _retention(table: OfferTable, most: int | None) -> Mask | None:
    if most is None:
        return None
    return np.array(
        [o.tier is not Tier.CLOUD or (o.retention_days is not None and o.retention_days <= most) for o in table.rows],
        dtype=np.bool_,
    )


def _training(table: OfferTable) -> Mask:
    return np.array([o.tier is not Tier.CLOUD or o.trains is False for o in table.rows], dtype=np.bool_)
