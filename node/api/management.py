"""/api: what the owner sees and does. The dashboard and the command line use nothing else."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import trio

from node.api.answering import event_bytes
from node.api.exchange import EVENTS, Exchange
from node.api.orders import order_of
from node.api.ports import Management, Metric
from node.api.rendering import json_form
from node.beside import beside
from protocol.chat import ChatRequest
from protocol.errors import HttpError, RequestError
from protocol.strict_json import dump_json
from protocol.terms import Sensitivity, Tier

LEDGER_ENTRIES_MAX = 1_000
LEDGER_ENTRIES_DEFAULT = 50
TEXT_CHARACTERS_MAX = 4_096  # a path may be that long; names are bounded closer where they are kept


class ManagementRoutes:
    """The routes of /api. Each reads its members strictly, asks the port, and writes the result as JSON."""

    def __init__(self, management: Management, edge_metrics: Callable[[], Sequence[Metric]]) -> None:
        self._management = management
        self._edge_metrics = edge_metrics

    async def status(self, exchange: Exchange) -> None:
        await exchange.json(json_form(await self._management.status()))

    async def islands(self, exchange: Exchange) -> None:
        await exchange.json({"islands": json_form(await self._management.islands())})

    async def explain(self, exchange: Exchange) -> None:
        """The body is a chat request, the headers are those of a request: the decision is the one it would get."""
        order = order_of(exchange, ChatRequest.parse(await exchange.body()))
        await exchange.json(json_form(await self._management.explain(order)))

    async def ledger(self, exchange: Exchange) -> None:
        text = exchange.query("limit").get("limit", str(LEDGER_ENTRIES_DEFAULT))
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LEDGER_ENTRIES_MAX):
            raise RequestError("limit", f"expected 1 to {LEDGER_ENTRIES_MAX}")
        await exchange.json({"entries": json_form(await self._management.ledger(int(text)))})

    async def ledger_entry(self, exchange: Exchange) -> None:
        entry = await self._management.ledger_entry(exchange.rest)
        if entry is None:
            raise HttpError(404, "decision_not_found", "the ledger has no such decision")
        await exchange.json(json_form(entry))

    async def events(self, exchange: Exchange) -> None:
        """Server-sent events until the client leaves."""
        async with self._management.events() as events:
            await exchange.start_events()
            await exchange.write(b": events from now on\n\n")
            async for event in events:
                value = {"id": event.id, "kind": event.kind, "at_s": event.at_s, "data": json_form(event.data)}
                await exchange.write(b"id: %d\n" % event.id + event_bytes(value))
        await exchange.end()

    async def pair_state(self, exchange: Exchange) -> None:
        await exchange.json(json_form(await self._management.pair_state()))

    async def pair_open(self, exchange: Exchange) -> None:
        members = await exchange.json_object("person", "tier", "signer")
        signer = members.get("signer", False)
        if not isinstance(signer, bool):
            raise RequestError("signer", "expected true or false")
        tier = _tier(members)
        if tier is Tier.CLOUD:
            raise RequestError("tier", "expected personal or edge")
        await exchange.json(json_form(await self._management.pair_open(_text(members, "person"), tier, signer)))

    async def pair_cancel(self, exchange: Exchange) -> None:
        await exchange.json(json_form(await self._management.pair_cancel()))

    async def pair_join(self, exchange: Exchange) -> None:
        members = await exchange.json_object("code", "name")
        result = await self._management.pair_join(_text(members, "code"), _text(members, "name"))
        await exchange.json(json_form(result))

    async def revoke(self, exchange: Exchange) -> None:
        members = await exchange.json_object("name")
        await exchange.json(json_form(await self._management.revoke(_text(members, "name"))))

    async def data_list(self, exchange: Exchange) -> None:
        await exchange.json({"collections": json_form(await self._management.data_list())})

    async def data_add(self, exchange: Exchange) -> None:
        members = await exchange.json_object("name", "path", "label")
        name, path, label = _text(members, "name"), _text(members, "path"), _label(members)
        if exchange.header("accept") == EVENTS:
            await self._data_add_told(exchange, name, path, label)
        else:
            await exchange.json(json_form(await self._management.data_add(name, path, label)))

    async def _data_add_told(self, exchange: Exchange, name: str, path: str, label: Sensitivity) -> None:
        """Server-sent events: `progress` now and then, then `done` with the result, or `error`."""
        send, receive = trio.open_memory_channel[object](1)
        told = trio.Event()

        def tell(progress: object) -> None:
            with suppress(trio.WouldBlock):  # the client reads slowly; the next one says more anyway
                send.send_nowait(progress)

        async def pass_on() -> None:
            async for progress in receive:
                await exchange.write(event_bytes({"progress": json_form(progress)}))
            told.set()

        await exchange.start_events()
        async with beside(pass_on):
            result = await self._management.data_add(name, path, label, tell)
            send.close()
            await told.wait()
        await exchange.write(event_bytes({"done": json_form(result)}))
        await exchange.end()

    async def data_grant(self, exchange: Exchange) -> None:
        """POST /api/data/NAME/grant."""
        name, _, verb = exchange.rest.rpartition("/")
        if not name or verb != "grant":
            raise HttpError(404, "not_found", "expected /api/data/NAME/grant")
        members = await exchange.json_object("person")
        await exchange.json(json_form(await self._management.data_grant(name, _text(members, "person"))))

    async def data_remove(self, exchange: Exchange) -> None:
        """DELETE /api/data/NAME."""
        await exchange.json(json_form(await self._management.data_remove(exchange.rest)))

    async def conversations(self, exchange: Exchange) -> None:
        await exchange.json({"conversations": json_form(await self._management.conversations())})

    async def conversation_remove(self, exchange: Exchange) -> None:
        """DELETE /api/conversations/NAME[?key=KEY]: of that API key's name alone."""
        key = exchange.query("key").get("key")
        await exchange.json(json_form(await self._management.conversation_remove(exchange.rest, key)))

    async def conversations_remove(self, exchange: Exchange) -> None:
        exchange.query()
        await exchange.json(json_form(await self._management.conversations_remove()))

    async def reload(self, exchange: Exchange) -> None:
        await exchange.json_object()
        await exchange.json(json_form(await self._management.reload()))

    async def metrics(self, exchange: Exchange) -> None:
        """Prometheus' text format."""
        lines = []
        for metric in (*await self._management.metrics(), *self._edge_metrics()):
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}"]
            for labels, value in metric.samples:
                pairs = ",".join(f"{name}={dump_json(str(text)).decode()}" for name, text in labels.items())
                lines.append(f"{metric.name}{{{pairs}}} {value}" if pairs else f"{metric.name} {value}")
        body = "".join(line + "\n" for line in lines)
        await exchange.respond(200, body.encode("utf-8"), "text/plain; version=0.0.4; charset=utf-8")


def _text(members: dict[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value or len(value) > TEXT_CHARACTERS_MAX:
        raise RequestError(name, f"expected a text of 1 to {TEXT_CHARACTERS_MAX} characters")
    return value


def _tier(members: dict[str, Any]) -> Tier:
    try:
        return Tier.parse(_text(members, "tier"))
    except ValueError:
        raise RequestError("tier", "expected personal or edge") from None


def _label(members: dict[str, Any]) -> Sensitivity:
    try:
        return Sensitivity.parse(_text(members, "label"))
    except ValueError:
        raise RequestError("label", "expected public, internal, confidential or restricted") from None
