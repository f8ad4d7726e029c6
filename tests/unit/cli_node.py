"""A node as the command line meets it: the real HTTP edge on loopback with scripted parts, and `main` in a thread."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from node.api.app import Api
from node.api.ports import NodeEvent
from node.api.server import Server
from node.cli.main import main
from node.store.api_keys import load_keys
from node.store.files import StateDirectory
from protocol.terms import Now
from tests.api_edge import RecordingManagement, RememberedResponses, Script, ScriptedExecution, hello


def entropy(count: int) -> bytes:
    return bytes(range(count))


class ScriptedNode(RecordingManagement):
    """Answers each call with what `answers` has for it: one value, or a list that is used up one by one."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        super().__init__()
        self.answers = dict(answers)
        self.happenings: Sequence[NodeEvent] = ()

    def _note(self, *call: Any) -> Any:
        super()._note(*call)
        answer = self.answers.get(call[0], {"did": call[0]})
        return answer.pop(0) if isinstance(answer, list) else answer

    async def islands(self) -> Any:
        return self._note("islands")["rows"]

    async def data_list(self) -> Any:
        return self._note("data_list")["rows"]

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[NodeEvent]]:
        async def feed() -> AsyncIterator[NodeEvent]:
            for happening in self.happenings:
                yield happening

        yield feed()


class CliNode:
    """The node, and a way to run verbs beside it."""

    def __init__(self, port: int, management: ScriptedNode, execution: ScriptedExecution) -> None:
        self.port = port
        self.management = management
        self.execution = execution

    async def run(self, *argv: str) -> int:
        return await trio.to_thread.run_sync(main, argv)


@asynccontextmanager
async def cli_node(
    place: Path, patch: pytest.MonkeyPatch, answers: Mapping[str, Any] | None = None, script: Script = hello
) -> AsyncIterator[CliNode]:
    """A node of the user whose home is `place`; verbs find it by their environment alone."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    live_in(place, patch, port)
    keys = load_keys(StateDirectory.create(place / "state"), entropy)
    management, execution = ScriptedNode(answers or {}), ScriptedExecution(script)
    api = Api(
        execution, management, RememberedResponses(), keys=lambda: keys, port=port, clock=lambda: Now(0, 1_700_000_000)
    )
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Server(api).serve, listeners)
            yield CliNode(port, management, execution)
            nursery.cancel_scope.cancel()


def live_in(place: Path, patch: pytest.MonkeyPatch, port: int) -> None:
    """Makes `place` the home of the user who runs the verbs."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "ISLANDRUN_NAME", "ISLANDRUN_CONFIG"):
        patch.delenv(name, raising=False)
    patch.setenv("HOME", str(place))
    patch.setenv("ISLANDRUN_STATE", str(place / "state"))
    patch.setenv("ISLANDRUN_API", f"127.0.0.1:{port}")
    patch.setenv("ISLANDRUN_MESH", "127.0.0.1:0")
