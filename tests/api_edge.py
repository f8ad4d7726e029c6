"""The HTTP edge on a free port of loopback, with a scripted execution and management behind it, and a raw client."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httptools
import trio
import trio.testing

from node.api.app import Api
from node.api.limits import Limits
from node.api.ports import Metric, ModelEntry, NodeEvent, Order, Route, Sink, StoredResponse, StoredResponses
from node.api.server import Server
from node.store.api_keys import ApiKey, KeyKind, KeyRing
from protocol.answers import Delta, Finished
from protocol.terms import Now, Sensitivity, Tier

INFERENCE_KEY = "inference-key-of-the-tests"
OWNER_KEY = "owner-key-of-the-tests"
KEYS = KeyRing(
    (ApiKey("app", KeyKind.INFERENCE, INFERENCE_KEY), ApiKey("owner", KeyKind.OWNER, OWNER_KEY)),
)
ROUTE = Route("d1", "home", Tier.EDGE, True, Sensitivity.CONFIDENTIAL, "smollm2", 1_500_000)
QUESTION = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'

Script = Callable[[Order, Sink], Awaitable[None]]


async def hello(order: Order, sink: Sink) -> None:
    """The script of a whole answer in two pieces."""
    await sink.started(ROUTE)
    await sink.event(Delta("Hello"))
    await sink.event(Delta(", Ada"))
    await sink.event(Finished("stop", 7, 3, 2))


class ScriptedExecution:
    """Runs what the test gives it, and keeps the orders."""

    def __init__(self, script: Script = hello) -> None:
        self.script = script
        self.orders: list[Order] = []

    async def run(self, order: Order, sink: Sink) -> None:
        self.orders.append(order)
        await self.script(order, sink)


@dataclass(frozen=True, slots=True)
class IslandRow:
    name: str
    tier: Tier


class RecordingManagement:
    """Answers every management call with its name, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.error: Exception | None = None
        self.left = trio.Event()

    def _note(self, *call: Any) -> dict[str, Any]:
        self.asked.append(call)
        if self.error is not None:
            raise self.error
        return {"did": call[0]}

    async def status(self) -> object:
        return self._note("status")

    async def islands(self) -> Sequence[object]:
        self._note("islands")
        return [IslandRow("home", Tier.EDGE)]

    async def models(self) -> Sequence[ModelEntry]:
        return [ModelEntry("auto", "islandrun"), ModelEntry("home/smollm2", "home", 1)]

    async def metrics(self) -> Sequence[Metric]:
        return [Metric("islandrun_islands", "gauge", "Islands known.", [({"tier": 'e"dge'}, 2)])]

    async def explain(self, order: Order) -> object:
        return self._note("explain", order)

    async def ledger(self, limit: int) -> Sequence[object]:
        self._note("ledger", limit)
        return []

    async def ledger_entry(self, decision_id: str) -> object | None:
        return self._note("entry", decision_id) if decision_id == "d1" else None

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[NodeEvent]]:
        async def feed() -> AsyncIterator[NodeEvent]:
            yield NodeEvent(1, "peer_came", 1_700_000_000, {"tier": Tier.EDGE})
            await trio.sleep_forever()

        try:
            yield feed()
        finally:
            self.left.set()

    async def pair_open(self, person: str, tier: Tier, signer: bool) -> object:
        return self._note("pair_open", person, tier, signer)

    async def pair_state(self) -> object:
        return self._note("pair_state")

    async def pair_cancel(self) -> object:
        return self._note("pair_cancel")

    async def pair_join(self, code: str, name: str) -> object:
        return self._note("pair_join", code, name)

    async def revoke(self, name: str) -> object:
        return self._note("revoke", name)

    async def data_list(self) -> Sequence[object]:
        self._note("data_list")
        return []

    async def data_add(
        self, name: str, path: str, label: Sensitivity, tell: Callable[[object], None] | None = None
    ) -> object:
        if tell is not None:
            tell({"files": 1, "files_total": 4, "bytes": 50, "bytes_total": 200})
            await trio.testing.wait_all_tasks_blocked()
        return self._note("data_add", name, path, label)

    async def data_grant(self, name: str, person: str) -> object:
        return self._note("data_grant", name, person)

    async def data_remove(self, name: str) -> object:
        return self._note("data_remove", name)

    async def conversations(self) -> Sequence[object]:
        self._note("conversations")
        return []

    async def conversation_remove(self, name: str, key_name: str | None) -> object:
        return self._note("conversation_remove", name, key_name)

    async def conversations_remove(self) -> object:
        return self._note("conversations_remove")

    async def reload(self) -> object:
        return self._note("reload")


class RememberedResponses:
    """Stored responses, in memory."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], StoredResponse] = {}
        self.error: Exception | None = None  # what keeping one ends in

    def response(self, key_name: str, id: str) -> StoredResponse | None:
        return self.rows.get((key_name, id))

    async def keep_response(self, key_name: str, id: str, response: StoredResponse) -> None:
        if self.error is not None:
            raise self.error
        self.rows[key_name, id] = response

    async def remove_response(self, key_name: str, id: str) -> bool:
        return self.rows.pop((key_name, id), None) is not None


class Edge:
    """A running edge: its port, the parts behind it, and ways to speak to it."""

    def __init__(
        self,
        port: int,
        server: Server,
        execution: ScriptedExecution,
        management: RecordingManagement,
        stored: StoredResponses,
    ) -> None:
        self.port = port
        self.server = server
        self.execution = execution
        self.management = management
        self.stored = stored

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    def head(self, line: str, *headers: str, key: str | None = INFERENCE_KEY, host: str | None = None) -> bytes:
        lines = [f"{line} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}", *headers]
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def post(self, path: str, body: bytes = QUESTION, *headers: str, key: str | None = INFERENCE_KEY) -> bytes:
        length = f"Content-Length: {len(body)}"
        return self.head(f"POST {path}", "Content-Type: application/json", length, *headers, key=key) + body

    async def exchange(self, request: bytes) -> "Reply":
        """One request on a connection of its own."""
        async with await self.connect() as stream:
            await stream.send_all(request)
            return await Replies(stream).next()

    async def get(self, path: str, *headers: str, key: str | None = OWNER_KEY) -> "Reply":
        return await self.exchange(self.head(f"GET {path}", *headers, key=key))


class Reply:
    """One answer, parsed by llhttp. `whole` is False when the connection ended in the middle."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.whole = True


class Replies:
    """The answers on one connection, in order."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""

    async def next(self) -> Reply:
        """Byte by byte, so that the next answer stays whole. At the end of the connection: what there is."""
        reply = Reply()
        parser = httptools.HttpResponseParser(reply)
        while not reply.whole:
            if not self._rest:
                try:
                    self._rest = await self._stream.receive_some(65_536)
                except trio.BrokenResourceError:
                    return reply
                if not self._rest:
                    return reply
            parser.feed_data(self._rest[:1])
            self._rest = self._rest[1:]
            reply.status = parser.get_status_code()
        return reply

    async def ended(self) -> bool:
        """Waits for the server's end of the connection; False when bytes come instead."""
        try:
            return not self._rest and await self._stream.receive_some(1) == b""
        except trio.BrokenResourceError:
            return True


@asynccontextmanager
async def edge(
    script: Script = hello, limits: Limits | None = None, stored: StoredResponses | None = None
) -> AsyncIterator[Edge]:
    """The edge as a node runs it, for the length of a test; no test hangs longer than 20 s."""
    execution, management = ScriptedExecution(script), RecordingManagement()
    stored = stored or RememberedResponses()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    api = Api(execution, management, stored, keys=lambda: KEYS, port=port, clock=lambda: Now(0, 1_700_000_000))
    server = Server(api, limits)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.serve, listeners)
            yield Edge(port, server, execution, management, stored)
            nursery.cancel_scope.cancel()
