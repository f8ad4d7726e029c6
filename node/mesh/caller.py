"""Dials members: matches rumours with who could have made them, follows the plan, and greets whom it reaches."""

import logging
import random
from collections.abc import Awaitable, Callable, Iterable

import trio

from node.clock import now
from node.mesh.announcement import Rumour
from node.mesh.dialling import Dial, DialPlan
from node.mesh.endpoint import Endpoint
from node.mesh.host import MeshHost
from node.mesh.rumours import Rumours
from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.keys import IslandId
from protocol.membership import Membership

DIAL_S = 8.0
DIALS_MAX = 8  # at once
IDLE_S = 30.0

log = logging.getLogger("islandrun.mesh")

Greet = Callable[[Connection], Awaitable[None]]


class Caller:
    """`greet` says hello on a new connection; it raises LinkError when that came to nothing."""

    def __init__(self, host: MeshHost, membership: Membership, greet: Greet, chance: random.Random) -> None:
        self._host = host
        self._membership = membership
        self._greet = greet
        self._chance = chance
        self._plan = DialPlan(host.island)
        self._rumours = Rumours(membership.archipelago)
        self._known: set[IslandId] = set()
        self._dials = trio.CapacityLimiter(DIALS_MAX)
        self._changed = trio.Event()

    @property
    def rumours(self) -> int:
        return len(self._rumours)

    async def run(self) -> None:
        """Dials what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                for dial in self._plan.due(now().mono_ms):
                    nursery.start_soon(self._dial, dial)
                due_ms = self._plan.next_ms()
                wait_s = IDLE_S if due_ms is None else max(0.0, (due_ms - now().mono_ms) / 1_000)
                with trio.move_on_after(wait_s):
                    await self._changed.wait()

    def hear(self, rumour: Rumour) -> None:
        """An announcement; what nobody known could have made is kept for a newcomer."""
        island = self._rumours.hear(rumour, self._others())
        if island is not None:
            self._plan.rumoured(island, rumour.endpoints, now().mono_ms, self._chance.random())
            self._wake()

    def meet_newcomers(self) -> None:
        """The log changed: an announcement heard before its maker was known for a member means something now."""
        others = self._others()
        for island in others - self._known:
            for rumour in self._rumours.of(island):
                self._plan.rumoured(island, rumour.endpoints, now().mono_ms, self._chance.random())
        self._known = others
        self._wake()

    def remember(self, island: IslandId, addresses: Iterable[str]) -> None:
        """The member was authenticated there before."""
        places = []
        for address in addresses:
            try:
                places.append(Endpoint.parse(address))
            except ValueError:
                log.warning("address_skipped", extra={"island": island})
        self._plan.proven(island, places, now().mono_ms, self._chance.random())
        self._wake()

    def connected(self, connection: Connection) -> tuple[Endpoint, ...]:
        """A member is here; returns where it listens, as far as this connection proves it."""
        island, remote = connection.peer, connection.wire.remote
        places = (remote,) if connection.dialled else self._plan.rumoured_at(island, remote.host)
        self._plan.connected(island)
        if places:
            self._plan.proven(island, places, now().mono_ms, self._chance.random())
        return places

    def disconnected(self, island: IslandId) -> None:
        """No connection to it is left."""
        if self._membership.is_live(island, now()):
            self._plan.disconnected(island, now().mono_ms, self._chance.random())
        else:
            self._plan.forget(island)
        self._wake()

    async def _dial(self, dial: Dial) -> None:
        if not self._membership.is_live(dial.island, now()):
            self._plan.forget(dial.island)
            return
        try:
            async with self._dials:
                await self._greet(await self._host.dial(dial.island, dial.endpoints, DIAL_S))
        except LinkError as error:
            log.debug("dial_failed", extra={"island": dial.island, "why": str(error)})
            self._plan.failed(dial.island, now().mono_ms, self._chance.random())
        else:
            self._plan.ended(dial.island)
        self._wake()

    def _others(self) -> set[IslandId]:
        return {member.island for member in self._membership.members(now())} - {self._host.island}

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
