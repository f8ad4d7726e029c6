"""`python -m tests.integration.mesh_island`: one island's mesh in a namespace of its own.

Reads its setup as one JSON line, then lives until its input ends. Prints one JSON line for each event that matters.
"""

import json
import sys
import time

import trio

from node.mesh.events import (
    IncomingQuestion,
    MemberDown,
    MemberUp,
    MeshEvent,
    MeshReady,
    RecordBelieved,
    StatementNeeded,
)
from node.mesh.port import MeshPort
from protocol.errors import LinkError
from protocol.keys import IslandId, SigningKey
from tests.attested import statement
from tests.integration.mesh_nodes import MeshSetup, one_life


class Island:
    """A core that prints."""

    def __init__(self, said: dict[str, object]) -> None:
        self.key = SigningKey(bytes.fromhex(str(said["seed"])))
        entries = said["entries"]
        assert isinstance(entries, list)
        self.setup = MeshSetup(
            seed=self.key.seed,
            listen=("0.0.0.0:4754", "[::]:4754"),
            genesis=bytes.fromhex(str(said["genesis"])),
            entries=tuple(bytes.fromhex(entry) for entry in entries),
        )
        self.port = MeshPort(lambda: self.setup, self.on_event)
        self.began = time.monotonic()
        self.nursery: trio.Nursery

    async def on_event(self, event: MeshEvent) -> None:
        match event:
            case MeshReady():
                self.say("ready")
            case MemberUp(island, addresses):
                self.say("up", island=island, addresses=addresses)
                self.nursery.start_soon(self.ask, island)
            case MemberDown(island):
                self.say("down", island=island)
            case RecordBelieved(raw):
                self.say("believed", raw=raw.hex())
            case StatementNeeded():
                await self.port.publish(statement(self.key).raw)
            case IncomingQuestion(_, question, reply):
                await reply(question[::-1])

    async def ask(self, island: IslandId) -> None:
        try:
            answer = await self.port.ask(island, b"olleh", 5.0)
        except LinkError as error:
            self.say("unanswered", island=island, why=str(error))
        else:
            self.say("answered", island=island, answer=answer.decode())

    def say(self, what: str, **more: object) -> None:
        line = {"what": what, "seconds": round(time.monotonic() - self.began, 3), **more}
        print(json.dumps(line), flush=True)

    async def run(self) -> None:
        async with trio.open_nursery() as self.nursery:
            self.nursery.start_soon(self._until_input_ends, self.nursery.cancel_scope)
            while True:
                await one_life(self.port)

    async def _until_input_ends(self, scope: trio.CancelScope) -> None:
        await trio.to_thread.run_sync(sys.stdin.read)
        scope.cancel()


if __name__ == "__main__":
    trio.run(Island(json.loads(sys.stdin.readline())).run)
