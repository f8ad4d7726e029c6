"""Child processes of the node: started with a link, restarted alone, ended with the node.

A child is `python -m MODULE FD …`. It ends when its link reads the end, so a killed core leaves no child behind.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from node.link import Link
from protocol.errors import LinkError

RESTART_WAIT_S = 0.2  # doubles with each early end, up to:
RESTART_WAIT_S_MAX = 10.0
STEADY_S = 30.0  # a child that lived this long starts again at RESTART_WAIT_S
END_S = 2.0  # from the end of its link to the kill

log = logging.getLogger("islandrun.supervision")

Serve = Callable[[Link], Awaitable[None]]


@dataclass(slots=True)
class ChildState:
    """What the node's status shows of one child."""

    name: str
    pid: int | None = None
    starts: int = 0


async def supervise(state: ChildState, module: str, arguments: Sequence[str], serve: Serve) -> None:
    """Runs the child until cancelled: starts it, serves its link, and starts it again when either ends."""
    wait = RESTART_WAIT_S
    while True:
        began = trio.current_time()
        try:
            async with _child(state, module, arguments) as link:
                await serve(link)
        except LinkError as error:
            log.warning("child_ended", extra={"child": state.name, "why": str(error)})
        if trio.current_time() - began > STEADY_S:
            wait = RESTART_WAIT_S
        await trio.sleep(wait)
        wait = min(2 * wait, RESTART_WAIT_S_MAX)


@asynccontextmanager
async def _child(state: ChildState, module: str, arguments: Sequence[str]) -> AsyncIterator[Link]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", module, str(theirs.fileno()), *arguments],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Control-C in a terminal reaches its whole group: the core alone drains
        )
    state.pid = process.pid
    state.starts += 1
    link = Link(trio.SocketStream(trio.socket.from_stdlib_socket(ours)))
    try:
        yield link
    finally:
        state.pid = None
        with trio.CancelScope(shield=True):
            await link.aclose()
            with trio.move_on_after(END_S):
                await process.wait()
            if process.poll() is None:
                process.kill()
                await process.wait()
