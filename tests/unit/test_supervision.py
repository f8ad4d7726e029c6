import os
import signal

import pytest
import trio

from node.link import Link
from node.supervision import ChildState, supervise


async def test_a_killed_child_is_started_again_alone() -> None:
    state = ChildState("echo")
    pids: list[int] = []
    twice = trio.Event()

    async def serve(link: Link) -> None:
        frame = await link.receive()
        pids.append(frame.number("pid"))
        if len(pids) == 2:
            twice.set()
            await trio.sleep_forever()
        os.kill(pids[-1], signal.SIGKILL)
        await link.receive()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, state, "tests.unit.echo_child", [], serve)
            await twice.wait()
            nursery.cancel_scope.cancel()
    assert state.starts == 2
    assert pids[0] != pids[1]


async def test_a_child_ends_with_the_node() -> None:
    state = ChildState("echo")
    pid = 0

    async def serve(link: Link) -> None:
        nonlocal pid
        pid = (await link.receive()).number("pid")
        nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, state, "tests.unit.echo_child", [], serve)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
