"""/v1/responses: OpenAI's Responses API over the same execution, whole or as its events, and what is stored of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from node.api.answering import event_bytes, unfinished
from node.api.exchange import Exchange
from node.api.faults import fault_of
from node.api.openai_chat import Clock
from node.api.orders import CONVERSATION, order_of, route_headers
from node.api.ports import Execution, Order, Route, StoredResponse, StoredResponses, response_id
from node.api.responses_output import Events, Output, incomplete_reason
from node.api.responses_request import ResponseRequest
from protocol.answers import AnswerEvent, Finished
from protocol.errors import HttpError, IslandRunError, RequestError
from protocol.terms import Sensitivity

NOTHING_BEFORE = StoredResponse({}, (), Sensitivity.PUBLIC, None)


class Responses:
    """The routes."""

    def __init__(self, execution: Execution, stored: StoredResponses, clock: Clock) -> None:
        self._execution = execution
        self._stored = stored
        self._clock = clock

    async def create(self, exchange: Exchange) -> None:
        request = ResponseRequest.parse(await exchange.body())
        before = self._before(exchange.key_name, request.previous)
        order = _order(exchange, request, before)
        sink = _Sink(exchange, request, self._clock().wall_s)
        try:
            await self._execution.run(order, sink)
            told = sink.whole()
            if request.store:
                history = (*before.history, *request.turn, sink.output.message())
                response = StoredResponse(told, history, sink.answering.at_least, order.conversation)
                await self._stored.keep_response(exchange.key_name, told["id"], response)
        except IslandRunError as error:
            if not sink.begun:
                raise
            await sink.fail(error)
        else:
            await sink.end(told)

    async def retrieve(self, exchange: Exchange) -> None:
        exchange.query()
        found = self._stored.response(exchange.key_name, exchange.rest)
        if found is None:
            raise _not_found()
        await exchange.json(found.told)

    async def remove(self, exchange: Exchange) -> None:
        if not await self._stored.remove_response(exchange.key_name, exchange.rest):
            raise _not_found()
        await exchange.json({"id": exchange.rest, "object": "response", "deleted": True})

    def _before(self, key_name: str, previous: str | None) -> StoredResponse:
        if previous is None:
            return NOTHING_BEFORE
        found = self._stored.response(key_name, previous)
        if found is None:
            raise RequestError("previous_response_id", "no response of this id is kept here for this key")
        return found


def _order(exchange: Exchange, request: ResponseRequest, before: StoredResponse) -> Order:
    """What goes on from a response stays in the conversation in which that was made."""
    order = order_of(exchange, request.after(before.history))
    if request.previous is not None and order.conversation not in (None, before.conversation):
        raise RequestError(CONVERSATION, "the response that this one goes on from was not made in this conversation")
    conversation = order.conversation if request.previous is None else before.conversation
    return replace(
        order,
        conversation=conversation,
        previous=request.previous,
        stored=request.store,
        at_least=before.at_least,
    )


class _Sink:
    """Puts the answer together; where a stream was asked for, sends its events as they come."""

    def __init__(self, exchange: Exchange, request: ResponseRequest, created_s: int) -> None:
        self.begun = False  # whether the client has seen anything
        self._exchange = exchange
        self._request = request
        self._created_s = created_s
        self._route: Route | None = None
        self._output: Output | None = None
        self._finished: Finished | None = None
        self._last: Events = []  # what closes the items, held until the whole may be told
        self._number = 0

    @property
    def answering(self) -> Route:
        """Raises CutAnswerError where nobody does."""
        if self._route is None:
            raise unfinished()
        return self._route

    @property
    def output(self) -> Output:
        if self._output is None:
            self._output = Output(self.answering.decision_id)
        return self._output

    def decided(self, decision_id: str) -> None:
        self._exchange.decision = decision_id

    async def started(self, route: Route) -> None:
        self._route = route

    async def event(self, event: AnswerEvent) -> None:
        if isinstance(event, Finished):
            self._finished = event
        else:
            await self._send(self.output.feed(event))

    def whole(self) -> dict[str, Any]:
        """The whole response. Raises CutAnswerError when nobody said that it is."""
        if self._finished is None:
            raise unfinished()
        self._last = self.output.finish(self._finished)
        reason = incomplete_reason(self._finished)
        ended = {
            "status": "completed" if reason is None else "incomplete",
            "incomplete_details": None if reason is None else {"reason": reason},
            "usage": _usage(self._finished),
        }
        return self._response() | ended

    async def end(self, told: Mapping[str, Any]) -> None:
        if not self._request.stream:
            await self._exchange.json(told, headers=route_headers(self.answering))
            return
        await self._send([*self._last, (f"response.{told['status']}", {"response": told})])
        await self._exchange.end()

    async def fail(self, error: IslandRunError) -> None:
        """The stream's own word for an answer that was cut."""
        fault = fault_of(error)
        if fault is None:
            raise error
        failed = self._response() | {"status": "failed", "error": {"code": fault.code, "message": fault.message}}
        await self._send([("response.failed", {"response": failed})])
        await self._exchange.end()

    async def _send(self, events: Events) -> None:
        """Nothing leaves before the first event, so that what fails before it still gets its own status."""
        if not self._request.stream:
            return
        if not self.begun:
            self.begun = True
            await self._exchange.start_events(route_headers(self.answering))
            begun = {"response": self._response()}
            events = [("response.created", begun), ("response.in_progress", begun), *events]
        await self._exchange.write(b"".join(self._numbered(name, members) for name, members in events))

    def _numbered(self, name: str, members: dict[str, Any]) -> bytes:
        numbered = {"type": name, "sequence_number": self._number, **members}
        self._number += 1
        return event_bytes(numbered, name)

    def _response(self) -> dict[str, Any]:
        """As it stands."""
        return {
            "id": response_id(self.answering.decision_id),
            "object": "response",
            "created_at": self._created_s,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self.answering.model,
            "output": self.output.items if self._finished is not None else [],
            "truncation": "disabled",
            "usage": None,
            **self._request.echo,
        }


def _usage(finished: Finished) -> dict[str, Any]:
    return {
        "input_tokens": finished.prompt_tokens,
        "input_tokens_details": {"cached_tokens": finished.cached_tokens},
        "output_tokens": finished.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": finished.prompt_tokens + finished.completion_tokens,
    }


def _not_found() -> HttpError:
    return HttpError(404, "response_not_found", "no response of this id is kept here for this key")
