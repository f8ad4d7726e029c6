"""The pairing window: a second host with a fresh key, open only while somebody pairs. It moves enrolment's bytes.

Source: specs/11-discovery-and-enrolment.md. Whoever connects here is a stranger to the end; the machine that speaks
SPAKE2 is the core's.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio

from node.mesh.endpoint import Endpoint
from node.mesh.host import MeshHost
from node.mesh.streams import MeshStream
from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.keys import IslandId

ENROL = "/islandrun/enrol/1.0.0"
WINDOW_S = 150.0  # the machine ends after 120 s; this is for a core that forgot
ENROLLING_S = 130.0  # one joiner's connection, people typing included
STREAM_S = 5.0


class _NoEvents:
    def connection_up(self, connection: Connection) -> None: ...

    def connection_down(self, connection: Connection) -> None: ...


@asynccontextmanager
async def pairing_window(
    seed: bytes, hosts: Sequence[str], on_stream: Callable[[MeshStream], Awaitable[None]]
) -> AsyncIterator[tuple[IslandId, int]]:
    """Open until left: the window's host id and port. Raises LinkError."""
    host = MeshHost(seed, _NoEvents(), greeting_s=ENROLLING_S)
    host.handle(ENROL, on_stream, strangers=True)
    async with host.running([Endpoint(address, 0) for address in hosts]):
        yield host.island, host.listening[0].port


@asynccontextmanager
async def joining(
    seed: bytes, window: IslandId, endpoints: Sequence[Endpoint], deadline_s: float
) -> AsyncIterator[MeshStream]:
    """An enrol stream to the window, from a host with a fresh key that listens nowhere. Raises LinkError."""
    host = MeshHost(seed, _NoEvents())
    async with host.running([]):
        with trio.move_on_after(deadline_s) as scope:
            connection = await host.dial(window, endpoints, deadline_s)
            stream = await host.open_stream(connection, ENROL, STREAM_S)
        if scope.cancelled_caught:
            raise LinkError(f"no pairing window answered in {deadline_s:g} s")
        yield stream
