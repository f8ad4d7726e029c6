"""Whole mesh processes of one archipelago, each with a core that the test plays through the real port."""

import dataclasses
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from node.link import Link
from node.mesh.events import IncomingQuestion, IncomingStream, MeshEvent, MeshSetup, RecordBelieved, StatementNeeded
from node.mesh.life import LinkStream
from node.mesh.port import MeshPort
from node.mesh.process import serve
from node.supervision import ChildState, supervise
from protocol.errors import LinkError
from protocol.keys import IslandId, SigningKey
from protocol.records import Genesis, Signed
from tests.attested import DAY_S, Log, genesis, signing_key, statement

WAIT_S = 20.0
Event = TypeVar("Event", bound=MeshEvent)


class Archipelago:
    """Its founder is the first key; everybody else is certified by it. Certificates hold by today's clock."""

    def __init__(self, members: int, *, first: int = 1) -> None:
        self.keys = [signing_key(first + number) for number in range(members)]
        self.genesis: Signed[Genesis] = genesis(self.keys[0])
        self.log = Log(self.keys[0], self.genesis.hash)
        self.entries = tuple(self.certify(key) for key in self.keys)

    def certify(self, key: SigningKey) -> bytes:
        start_s = int(time.time()) - 60
        return self.log.certificate(key, not_before_s=start_s, expires_s=start_s + 30 * DAY_S).raw

    def revoke(self, key: SigningKey) -> bytes:
        return self.log.revocation(key.island).raw


class Node:
    """One mesh process and what it told."""

    def __init__(
        self,
        key: SigningKey,
        archipelago: Archipelago | None,
        *,
        entries: Sequence[bytes] | None = None,
        listen: Sequence[str] = ("127.0.0.1:0",),
        interfaces: Sequence[str] | None = (),
        addresses: dict[IslandId, Sequence[str]] | None = None,
    ) -> None:
        self.key = key
        self.island = key.island
        self.events: list[MeshEvent] = []
        self.believed: set[bytes] = set()
        self.setup = MeshSetup(
            seed=key.seed,
            listen=tuple(listen),
            genesis=archipelago.genesis.raw if archipelago else None,
            entries=tuple(entries if entries is not None else archipelago.entries if archipelago else ()),
            interfaces=None if interfaces is None else tuple(interfaces),
            addresses=addresses or {},
        )
        self.answers: Callable[[IslandId, bytes], bytes] = lambda asker, question: b""
        self.child = ChildState("mesh")
        self.lost: list[str] = []  # streams that ended otherwise than by their end
        self.ends: list[str] = []  # why each life of a mesh that ran here ended
        self.port = MeshPort(lambda: self.setup, self._on_event)
        self._changed = trio.Event()
        self._boot = 0
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """In a process of its own, as in a real node: two seconds of CPU to start."""
        async with trio.open_nursery() as self._nursery:
            await supervise(self.child, "node.mesh.process", [], self.port.serve)

    async def run_here(self) -> None:
        """The same mesh and the same link in the test's process; it is started once more when it ends."""
        async with trio.open_nursery() as self._nursery:
            while True:
                self.ends.append(await one_life(self.port))

    async def _on_event(self, event: MeshEvent) -> None:
        self.events.append(event)
        match event:
            case RecordBelieved(raw):
                self.believed.add(raw)
            case StatementNeeded():
                self._boot += 1
                await self.port.publish(self.statement(self._boot))
            case IncomingQuestion(peer, question, reply):
                await reply(self.answers(peer, question))
            case IncomingStream(stream):
                assert self._nursery is not None
                self._nursery.start_soon(self._echo, stream)
        self._changed.set()
        self._changed = trio.Event()

    def statement(self, boot: int) -> bytes:
        return statement(self.key, boot=boot).raw

    async def _echo(self, stream: LinkStream) -> None:
        try:
            while data := await stream.receive():
                await stream.send(data)
            await stream.close()
        except LinkError as error:
            self.lost.append(str(error))
            self._changed.set()

    async def until(self, condition: Callable[[], object], wait_s: float = WAIT_S) -> None:
        with trio.fail_after(wait_s):
            while not condition():
                await self._changed.wait()

    async def event(self, kind: type[Event], wait_s: float = WAIT_S) -> Event:
        await self.until(lambda: any(isinstance(event, kind) for event in self.events), wait_s)
        return [event for event in self.events if isinstance(event, kind)][-1]

    async def sees(self, *others: "Node", wait_s: float = WAIT_S) -> None:
        await self.until(lambda: {other.island for other in others} <= self.port.peers, wait_s)

    async def believes(self, *raws: bytes, wait_s: float = WAIT_S) -> None:
        await self.until(lambda: set(raws) <= self.believed, wait_s)

    async def listening(self) -> Sequence[str]:
        await self.until(lambda: self.port.listening)
        return self.port.listening


async def one_life(port: MeshPort) -> str:
    """One life of a mesh in this process; returns why it ended."""
    near, far = (Link(trio.SocketStream(one)) for one in trio.socket.socketpair())
    async with trio.open_nursery() as life:
        life.start_soon(serve, far)
        try:
            await port.serve(near)
        except LinkError as error:
            return str(error)
        finally:
            await near.aclose()
            life.cancel_scope.cancel()
    return ""


@asynccontextmanager
async def running(*nodes: Node) -> AsyncIterator[trio.Nursery]:
    """Real processes."""
    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(node.run)
        yield nursery
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def running_here(*nodes: Node) -> AsyncIterator[trio.Nursery]:
    """In this process. Each knows where those before it listen, so that no mDNS is needed."""
    async with trio.open_nursery() as nursery:
        started: list[Node] = []
        for node in nodes:
            for other in started:
                introduce(node, other)
            nursery.start_soon(node.run_here)
            await node.listening()
            started.append(node)
        yield nursery
        nursery.cancel_scope.cancel()


def introduce(node: Node, other: Node) -> None:
    """Before `node` starts: it was authenticated with `other` there before."""
    known = {**node.setup.addresses, other.island: other.port.listening}
    node.setup = dataclasses.replace(node.setup, addresses=known)


def resident_mib(pid: int) -> float:
    text = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True).stdout
    return int(text) / 1_024
