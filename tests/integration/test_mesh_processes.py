"""Real mesh processes: killed without warning, and on a network of their own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import trio

from node.mesh.events import MemberDown, MeshGone
from tests.attested import statement
from tests.integration.mesh_nodes import Archipelago, Node, introduce, resident_mib, running
from tests.integration.namespaces import Namespace, bridged

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0
DEATH_NOTICED_S = 8.0  # protocol.failure: five seconds, and this machine may be busy
RESIDENT_MIB_MAX = 192


async def test_a_mesh_killed_without_warning_comes_back_and_its_peers_notice_and_meet_it_again() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago, interfaces=["127.0.0.1"]) for key in archipelago.keys)
    async with running(a, b):
        await a.sees(b, wait_s=WAIT_S)
        await b.sees(a, wait_s=WAIT_S)
        assert a.child.pid is not None and b.child.pid is not None
        assert resident_mib(a.child.pid) < RESIDENT_MIB_MAX
        introduce(b, a)
        os.kill(b.child.pid, signal.SIGKILL)
        await b.event(MeshGone)
        await a.event(MemberDown)
        await b.until(lambda: b.child.starts == 2 and a.island in b.port.peers, WAIT_S)
        await a.sees(b, wait_s=WAIT_S)
        assert a.child.starts == 1


async def test_a_mesh_ends_with_the_core_that_started_it() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "node.mesh.process", str(theirs.fileno())], pass_fds=(theirs.fileno(),), cwd=ROOT
        )
    ours.close()
    with trio.fail_after(WAIT_S):
        assert await process.wait() == 0


@pytest.mark.netns
async def test_three_machines_on_one_network_meet_by_multicast_and_notice_a_cable_that_is_pulled() -> None:
    archipelago = Archipelago(3)
    with bridged(3) as namespaces:
        async with islands(archipelago, namespaces) as (a, b, c):
            everybody = [one.island for one in (a, b, c)]
            for one in (a, b, c):
                others = [island for island in everybody if island != one.island]
                for other in others:
                    up = await one.said("up", island=other)
                    assert any(address.endswith(":4754") for address in up["addresses"]) or up["addresses"] == []
                    assert (await one.said("answered", island=other))["answer"] == "hello"
                for key in archipelago.keys:
                    if key.island != one.island:
                        await one.said("believed", raw=statement(key).raw.hex())
            with unplugged(namespaces[2]):
                for one in (a, b):
                    with trio.fail_after(DEATH_NOTICED_S):
                        await one.said("down", island=c.island)
            for one in (a, b):
                await one.said("up", island=c.island, count=2)


class InNamespace:
    """An island's process, and what it printed."""

    def __init__(self, island: str, process: trio.Process) -> None:
        self.island = island
        self.process = process
        self.lines: list[dict[str, object]] = []
        self._changed = trio.Event()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            self.lines += [json.loads(line) for line in lines]
            self._changed.set()
            self._changed = trio.Event()

    async def said(self, what: str, *, count: int = 1, **more: object) -> dict[str, object]:
        wanted = {"what": what, **more}
        with trio.fail_after(WAIT_S):
            while len(found := [line for line in self.lines if wanted.items() <= line.items()]) < count:
                await self._changed.wait()
        return found[count - 1]


@asynccontextmanager
async def islands(archipelago: Archipelago, namespaces: tuple[Namespace, ...]) -> AsyncIterator[list[InNamespace]]:
    started = []
    async with trio.open_nursery() as nursery:
        try:
            for key, namespace in zip(archipelago.keys, namespaces, strict=True):
                process = await trio.lowlevel.open_process(
                    namespace.python("-m", "tests.integration.mesh_island"),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                )
                one = InNamespace(key.island, process)
                started.append(one)
                nursery.start_soon(one.listen)
                setup = {
                    "seed": key.seed.hex(),
                    "genesis": archipelago.genesis.raw.hex(),
                    "entries": [entry.hex() for entry in archipelago.entries],
                }
                assert process.stdin is not None
                await process.stdin.send_all(json.dumps(setup).encode() + b"\n")
            yield started
        finally:
            for one in started:
                one.process.kill()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                for one in started:
                    await one.process.wait()


@contextmanager
def unplugged(namespace: Namespace) -> Iterator[None]:
    def link(state: str) -> None:
        subprocess.run(["ip", "link", "set", namespace.cable, state], check=True, timeout=10)

    link("down")
    try:
        yield
    finally:
        link("up")
