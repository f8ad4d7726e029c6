"""Who is probably where: announcements matched with members that could have made them. Bounded, and believed little."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from node.mesh.announcement import Rumour
from protocol.hints import hint
from protocol.keys import IslandId

RUMOURS_MAX = 256


class Rumours:
    """The latest announcement under each name; the oldest gives way."""

    def __init__(self, archipelago: bytes) -> None:
        self._archipelago = archipelago
        self._heard: OrderedDict[str, Rumour] = OrderedDict()

    def __len__(self) -> int:
        return len(self._heard)

    def hear(self, rumour: Rumour, members: Iterable[IslandId]) -> IslandId | None:
        """The member whose hint it carries, if one does."""
        if not rumour.hint:
            return None
        self._heard.pop(rumour.name, None)
        self._heard[rumour.name] = rumour
        if len(self._heard) > RUMOURS_MAX:
            self._heard.popitem(last=False)
        return next((island for island in members if self._is_of(rumour, island)), None)

    def of(self, island: IslandId) -> Iterator[Rumour]:
        """What was heard of an island before it was known for a member."""
        return (rumour for rumour in self._heard.values() if self._is_of(rumour, island))

    def _is_of(self, rumour: Rumour, island: IslandId) -> bool:
        return hint(rumour.salt, self._archipelago, island) == rumour.hint
