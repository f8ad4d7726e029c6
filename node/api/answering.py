"""Carries an answer from the execution to the client, as a stream of events or whole, in the form of one API.

The end is told only when the execution came back without an error and with `Finished`: a cut answer is never passed off
as a whole one. What goes wrong before is raised and told by the application.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Protocol

from node.api.exchange import EVENTS, Exchange
from node.api.orders import route_headers
from node.api.ports import Execution, Order, Route
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import CutAnswerError, RequestError
from protocol.strict_json import dump_json, parse_json

DELTA_STRINGS = ("refusal", "reasoning_content", "reasoning")  # members of a delta that grow piece by piece


class StreamForm(Protocol):
    """One API's events."""

    def first(self, route: Route) -> bytes: ...

    def delta(self, delta: Delta) -> bytes: ...

    def last(self, finished: Finished) -> bytes:
        """Everything after the last piece, the mark of the end included."""


class WholeForm(Protocol):
    """One API's whole answer."""

    def whole(self, route: Route, answer: "Collected") -> object: ...


async def answer_stream(
    exchange: Exchange, execution: Execution, order: Order, form: StreamForm, content_type: str = EVENTS
) -> None:
    sink = _StreamSink(exchange, form, content_type)
    await execution.run(order, sink)
    await sink.end()


async def answer_whole(exchange: Exchange, execution: Execution, order: Order, form: WholeForm) -> None:
    sink = Collected(exchange)
    await execution.run(order, sink)
    if sink.finished is None or sink.route is None:
        raise unfinished()
    await exchange.json(form.whole(sink.route, sink), headers=route_headers(sink.route))


def unfinished() -> CutAnswerError:
    """Nobody said that the answer is whole."""
    return CutAnswerError("answer_unfinished", "the answer ended without its end", should_retry=False)


class _StreamSink:
    """Sends nothing before the first event, so that what fails before it still gets its own status."""

    def __init__(self, exchange: Exchange, form: StreamForm, content_type: str) -> None:
        self._exchange = exchange
        self._form = form
        self._content_type = content_type
        self._route: Route | None = None
        self._finished: Finished | None = None
        self._begun = False

    def decided(self, decision_id: str) -> None:
        self._exchange.decision = decision_id

    async def started(self, route: Route) -> None:
        self._route = route

    async def event(self, event: AnswerEvent) -> None:
        if isinstance(event, Finished):
            self._finished = event
        else:
            first = self._first()
            await self._write(first + self._form.delta(event))

    async def end(self) -> None:
        """Raises CutAnswerError when nobody said that the answer is whole."""
        if self._finished is None:
            raise unfinished()
        first = self._first()
        await self._write(first + self._form.last(self._finished))
        await self._exchange.end()

    def _first(self) -> bytes:
        if self._begun:
            return b""
        if self._route is None:
            raise unfinished()
        return self._form.first(self._route)

    async def _write(self, piece: bytes) -> None:
        """The first piece takes the head of the stream with it, in one write."""
        if not self._begun and self._route is not None:
            self._begun = True
            await self._exchange.start_events(route_headers(self._route), self._content_type)
        if piece:
            await self._exchange.write(piece)


class Collected:
    """A sink that puts the pieces of an answer together."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.route: Route | None = None
        self.finished: Finished | None = None
        self._content: defaultdict[int, list[str]] = defaultdict(list)
        self._extra: defaultdict[int, dict[str, Any]] = defaultdict(dict)
        self._calls: defaultdict[int, JoinedCalls] = defaultdict(JoinedCalls)

    def decided(self, decision_id: str) -> None:
        self._exchange.decision = decision_id

    async def started(self, route: Route) -> None:
        self.route = route

    async def event(self, event: AnswerEvent) -> None:
        if isinstance(event, Finished):
            self.finished = event
            return
        self._content[event.index].append(event.content)
        for name, value in extra_members(event).items():
            if name == "tool_calls":
                self._calls[event.index].add(value)
            elif name in DELTA_STRINGS and isinstance(value, str):
                self._extra[event.index][name] = str(self._extra[event.index].get(name) or "") + value
            elif name not in ("role", "content"):
                self._extra[event.index][name] = value

    def text(self, index: int) -> str:
        return "".join(self._content[index])

    def tool_calls(self, index: int) -> list[dict[str, Any]]:
        return self._calls[index].listed()

    def others(self, index: int) -> Mapping[str, Any]:
        """The members of the message that are neither content nor tool calls."""
        return self._extra[index]


class JoinedCalls:
    """The tool calls of one choice, put together from the pieces of its deltas."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}

    def listed(self) -> list[dict[str, Any]]:
        return [self._calls[position] for position in sorted(self._calls)]

    def add(self, pieces: object) -> None:
        """`tool_calls` of one delta. Raises CutAnswerError."""
        if not isinstance(pieces, list):
            raise _malformed()
        for piece in pieces:
            position = piece.get("index", 0) if isinstance(piece, dict) else None
            function = piece.get("function") or {} if isinstance(piece, dict) else None
            if not isinstance(position, int) or not isinstance(function, dict):
                raise _malformed()
            call = self._calls.setdefault(
                position, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = piece.get("id") or call["id"]
            call["function"]["name"] += function.get("name") or ""
            call["function"]["arguments"] += function.get("arguments") or ""


def extra_members(delta: Delta) -> dict[str, Any]:
    """The other members of a delta. Raises CutAnswerError when whoever answered sent no JSON object."""
    if not delta.extra:
        return {}
    try:
        members = parse_json(delta.extra)
    except RequestError:
        raise _malformed() from None
    if not isinstance(members, dict):
        raise _malformed()
    return members


def _malformed() -> CutAnswerError:
    return CutAnswerError("answer_malformed", "a piece of the answer is not in the form of OpenAI's chunks")


def event_bytes(value: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n".encode("ascii") if name else b""
    return head + b"data: " + dump_json(value) + b"\n\n"
