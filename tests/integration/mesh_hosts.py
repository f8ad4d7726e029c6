"""Real libp2p hosts on loopback, for tests of the mesh."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from node.mesh.endpoint import Endpoint
from node.mesh.host import MeshHost
from node.mesh.streams import MeshStream
from node.mesh.swarm import Connection

LOOPBACK = Endpoint("127.0.0.1", 0)
WAIT_S = 10.0


class Events:
    """Remembers what a host told, and lets a test await it."""

    def __init__(self) -> None:
        self.up: list[Connection] = []
        self.down: list[Connection] = []
        self._changed = trio.Event()

    def connection_up(self, connection: Connection) -> None:
        self.up.append(connection)
        self._change()

    def connection_down(self, connection: Connection) -> None:
        self.down.append(connection)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def wait_up(self, count: int = 1) -> Connection:
        with trio.fail_after(WAIT_S):
            while len(self.up) < count:
                await self._changed.wait()
        return self.up[count - 1]

    async def wait_down(self, count: int = 1) -> Connection:
        with trio.fail_after(WAIT_S):
            while len(self.down) < count:
                await self._changed.wait()
        return self.down[count - 1]


@asynccontextmanager
async def running_host(
    seed: bytes, *, endpoint: Endpoint = LOOPBACK, greeting_s: float = 5.0
) -> AsyncIterator[tuple[MeshHost, Events]]:
    events = Events()
    host = MeshHost(seed, events, greeting_s=greeting_s)
    async with host.running([endpoint]):
        yield host, events


async def echo(stream: MeshStream) -> None:
    while data := await stream.receive():
        await stream.send(data)
    await stream.close()
    await stream.done.wait()


async def become_members(dialler: MeshHost, listener: MeshHost, events: Events) -> tuple[Connection, Connection]:
    """Connects the two, and lets both greetings hold."""
    near = await dialler.dial(listener.island, listener.listening, WAIT_S)
    far = await events.wait_up()
    listener.promote(far)
    dialler.promote(near)
    return near, far
