"""Whom to dial, where and when. Pure: moments and chance come as arguments.

Rumours add places to try; they never replace or remove those where a member was authenticated.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.mesh.endpoint import Endpoint
from protocol.keys import IslandId

PROVEN_MAX = 8  # addresses kept of one member
RUMOURED_MAX = 8
MEMBERS_MAX = 256
FIRST_WAIT_MS = 100  # so that a whole household does not dial at one moment
SECOND_WAIT_MS = 1_500  # of the greater id, which leaves the first try to the smaller one
RETRY_MS = 1_000
RETRY_MS_MAX = 60_000  # doubled with every failure up to this
FRESH_RETRY_MS = 5_000  # a new rumour shortens the wait to this, at most as often as this
assert FIRST_WAIT_MS < SECOND_WAIT_MS
assert RETRY_MS < FRESH_RETRY_MS < RETRY_MS_MAX


@dataclass(frozen=True, slots=True)
class Dial:
    """Try these places, in order."""

    island: IslandId
    endpoints: tuple[Endpoint, ...]


@dataclass(slots=True)
class _Target:
    proven: list[Endpoint] = field(default_factory=list)  # the latest first
    rumoured: list[Endpoint] = field(default_factory=list)
    connected: bool = False
    dialling: bool = False
    due_ms: int | None = None
    failures: int = 0
    hurried_ms: int | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(dict.fromkeys([*self.proven, *self.rumoured]))


class DialPlan:
    """One for the node. An island that is heard of is dialled once it is due, and again with growing waits."""

    def __init__(self, me: IslandId) -> None:
        self._me = me
        self._targets: dict[IslandId, _Target] = {}

    def proven(self, island: IslandId, endpoints: Iterable[Endpoint], now_ms: int, chance: float) -> None:
        """The member was authenticated there, now or in a life before."""
        target = self._target(island)
        if target is not None:
            target.proven = list(dict.fromkeys([*endpoints, *target.proven]))[:PROVEN_MAX]
            self._schedule(island, target, now_ms, chance)

    def rumoured(self, island: IslandId, endpoints: Iterable[Endpoint], now_ms: int, chance: float) -> None:
        """Somebody who can make the hint says that the member is there, or who heard it made."""
        target = self._target(island)
        if target is None:
            return
        known = target.endpoints
        target.rumoured = list(dict.fromkeys([*endpoints, *target.rumoured]))[:RUMOURED_MAX]
        if target.due_ms is None:
            self._schedule(island, target, now_ms, chance)
        elif set(target.endpoints) - set(known) and self._may_hurry(target, now_ms):
            target.hurried_ms = now_ms
            target.due_ms = min(target.due_ms, now_ms + _spread(FIRST_WAIT_MS, chance))

    def connected(self, island: IslandId) -> None:
        target = self._target(island)
        if target is not None:
            target.connected, target.failures, target.due_ms = True, 0, None

    def disconnected(self, island: IslandId, now_ms: int, chance: float) -> None:
        target = self._targets.get(island)
        if target is not None:
            target.connected = False
            self._schedule(island, target, now_ms, chance)

    def failed(self, island: IslandId, now_ms: int, chance: float) -> None:
        """The dial that was due came to nothing, or its greeting did not hold."""
        target = self._targets.get(island)
        if target is not None:
            target.dialling = False
            target.failures += 1
            wait = min(RETRY_MS << min(target.failures - 1, 10), RETRY_MS_MAX)
            target.due_ms = now_ms + _spread(wait, chance)

    def ended(self, island: IslandId) -> None:
        """The dial that was due made a member's connection."""
        target = self._targets.get(island)
        if target is not None:
            target.dialling = False

    def forget(self, island: IslandId) -> None:
        """It belongs no more."""
        self._targets.pop(island, None)

    def due(self, now_ms: int) -> tuple[Dial, ...]:
        """What to dial now. Each is then dialling, until `failed` or `ended`."""
        dials = []
        for island, target in self._targets.items():
            if target.due_ms is not None and target.due_ms <= now_ms and self._wants(target):
                target.dialling = True
                dials.append(Dial(island, target.endpoints))
        return tuple(dials)

    def next_ms(self) -> int | None:
        """When something is due next."""
        return min((t.due_ms for t in self._targets.values() if t.due_ms is not None and self._wants(t)), default=None)

    def rumoured_at(self, island: IslandId, host: str) -> tuple[Endpoint, ...]:
        """The rumoured places on one host: the port that an authenticated member listens on, most likely."""
        target = self._targets.get(island)
        return tuple(one for one in target.rumoured if one.host == host) if target is not None else ()

    def _wants(self, target: _Target) -> bool:
        return not target.connected and not target.dialling and bool(target.endpoints)

    def _target(self, island: IslandId) -> _Target | None:
        if island == self._me:
            return None
        if island not in self._targets and len(self._targets) >= MEMBERS_MAX:
            return None
        return self._targets.setdefault(island, _Target())

    def _schedule(self, island: IslandId, target: _Target, now_ms: int, chance: float) -> None:
        if target.due_ms is None and not target.connected:
            target.due_ms = now_ms + _spread(FIRST_WAIT_MS if self._me < island else SECOND_WAIT_MS, chance)

    def _may_hurry(self, target: _Target, now_ms: int) -> bool:
        return target.hurried_ms is None or now_ms - target.hurried_ms >= FRESH_RETRY_MS


def _spread(wait_ms: int, chance: float) -> int:
    """Between half the wait and one and a half of it; `chance` is in [0, 1)."""
    return int(wait_ms * (0.5 + chance))
