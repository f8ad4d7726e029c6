"""The collections that this person may ask, wherever they are held: asked of their holders, never gossiped."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.collections.terms import Notice
from protocol.keys import IslandId
from protocol.terms import Sensitivity


@dataclass(frozen=True, slots=True)
class KnownCollection:
    """A collection and who holds it."""

    id: bytes
    name: str
    label: Sensitivity
    digest: bytes
    holder: IslandId


class CollectionDirectory:
    """What holders said, newest of each holder. One a node."""

    def __init__(self, island: IslandId, own: Callable[[], Iterable[Notice]]) -> None:
        self._island = island
        self._own = own
        self._told: dict[IslandId, tuple[KnownCollection, ...]] = {}

    def told(self, holder: IslandId, notices: Iterable[Notice]) -> None:
        """All that `holder` lets this island ask, now."""
        self._told[holder] = tuple(_known(notice, holder) for notice in notices)

    def forget(self, holder: IslandId) -> None:
        self._told.pop(holder, None)

    def known(self) -> tuple[KnownCollection, ...]:
        """Own ones first."""
        own = tuple(_known(notice, self._island) for notice in self._own())
        return own + tuple(one for holder in sorted(self._told) for one in self._told[holder])


def _known(notice: Notice, holder: IslandId) -> KnownCollection:
    return KnownCollection(notice.id, notice.name, notice.label, notice.digest, holder)
