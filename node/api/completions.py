"""POST /v1/completions: the older form of one prompt and its continuation, answered by a chat of one message."""

from typing import Any

from node.api.answering import Collected, answer_stream, answer_whole, event_bytes
from node.api.exchange import Exchange
from node.api.openai_chat import DONE, Clock, usage
from node.api.orders import order_of
from node.api.ports import Execution, Route
from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.strict_json import parse_json

# What a chat cannot do; asked for with any other value than these, the request is refused rather than bent.
_IMPOSSIBLE: dict[str, tuple[Any, ...]] = {
    "suffix": (None, ""),
    "echo": (None, False),
    "best_of": (None, 1),
    "logprobs": (None, 0),
}


class Completions:
    """The route."""

    def __init__(self, execution: Execution, clock: Clock) -> None:
        self._execution = execution
        self._clock = clock

    async def complete(self, exchange: Exchange) -> None:
        request = chat_of(await exchange.body())
        order = order_of(exchange, request)
        form = _TextForm(request, self._clock().wall_s)
        answer = answer_stream if request.stream else answer_whole
        await answer(exchange, self._execution, order, form)


def chat_of(data: bytes) -> ChatRequest:
    """The prompt as the one message of a user. Raises RequestError."""
    body = parse_json(data)
    if not isinstance(body, dict):
        raise RequestError("body", "expected a JSON object")
    members: dict[str, Any] = dict(body)
    for name, allowed in _IMPOSSIBLE.items():
        value = members.pop(name, None)
        if not any(value is each or (type(value) is type(each) and value == each) for each in allowed):
            raise RequestError(name, "not possible here: the prompt is answered by a chat model")
    if "messages" in members:
        raise RequestError("messages", "belongs to /v1/chat/completions")
    prompt = members.pop("prompt", None)
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise RequestError("prompt", "expected one text: neither several nor tokens")
    return ChatRequest.parse(members | {"messages": [{"role": "user", "content": prompt}]})


class _TextForm:
    """`text_completion`, the same object for pieces and for the whole."""

    def __init__(self, request: ChatRequest, created_s: int) -> None:
        self._choices = request.choices
        self._include_usage = request.include_usage
        self._created_s = created_s
        self._head: dict[str, Any] = {}

    def first(self, route: Route) -> bytes:
        self._head = self._answer(route)
        return b""

    def delta(self, delta: Delta) -> bytes:
        return self._piece(delta.index, delta.content, None) if delta.content else b""

    def last(self, finished: Finished) -> bytes:
        ends = [self._piece(index, "", finished.reason) for index in range(self._choices)]
        if self._include_usage:
            ends.append(event_bytes(self._head | {"choices": [], "usage": usage(finished)}))
        return b"".join(ends) + DONE

    def whole(self, route: Route, answer: Collected) -> object:
        assert answer.finished is not None
        choices = [_choice(index, answer.text(index), answer.finished.reason) for index in range(self._choices)]
        return self._answer(route) | {"choices": choices, "usage": usage(answer.finished)}

    def _piece(self, index: int, text: str, reason: str | None) -> bytes:
        return event_bytes(self._head | {"choices": [_choice(index, text, reason)]})

    def _answer(self, route: Route) -> dict[str, Any]:
        return {
            "id": f"cmpl-{route.decision_id}",
            "object": "text_completion",
            "created": self._created_s,
            "model": route.model,
        }


def _choice(index: int, text: str, reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}
