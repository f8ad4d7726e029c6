"""The offers that may answer, best first, made as they are asked for. Source: specs/09-decision.md, "The ranking"."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from node.agents.columns import Mask
from node.agents.ranking import Ranking
from node.agents.table import Offer


class Choice(NamedTuple):
    """An entry of a plan. `sanitize`: this offer takes the text only with placeholders in it."""

    offer: Offer
    sanitize: bool


class Plan(Sequence[Choice]):
    """The order of failover. The order behind the first is worked out when somebody goes there."""

    __slots__ = ("_first", "_ranking", "_sanitize")

    def __init__(self, first: int | None, ranking: Ranking, sanitize: Mask) -> None:
        """`first`: its row; None where nobody may answer."""
        self._first = first
        self._ranking = ranking
        self._sanitize = sanitize

    @property
    def rows(self) -> list[int]:
        """Of the table, best first."""
        if self._first is None:
            return []
        return [self._first, *(row for row in self._ranking.order() if row != self._first)]

    def __len__(self) -> int:
        return 0 if self._first is None else len(self._ranking.rows)

    @overload
    def __getitem__(self, place: int) -> Choice: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Choice, ...]: ...
    def __getitem__(self, place: int | slice) -> Choice | tuple[Choice, ...]:
        if isinstance(place, slice):
            return tuple(self._choice(row) for row in self.rows[place])
        if place == 0 and self._first is not None:
            return self._choice(self._first)
        return self._choice(self.rows[place])

    def __iter__(self) -> Iterator[Choice]:
        if self._first is None:
            return
        yield self._choice(self._first)
        for row in self.rows[1:]:
            yield self._choice(row)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Plan | tuple) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Plan({', '.join(choice.offer.name for choice in self)})"

    def _choice(self, row: int) -> Choice:
        return Choice(self._ranking.table.offer(row), bool(self._sanitize[row]))
