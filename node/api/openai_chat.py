"""POST /v1/chat/completions, GET /v1/models and /v1/models/{id}, in OpenAI's forms."""

from collections.abc import Callable
from typing import Any

from node.api.answering import Collected, answer_stream, answer_whole, extra_members
from node.api.exchange import Exchange
from node.api.orders import order_of
from node.api.ports import Execution, Management, ModelEntry, Route
from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import RefusedError
from protocol.strict_json import dump_json
from protocol.terms import Now

Clock = Callable[[], Now]

DONE = b"data: [DONE]\n\n"


class OpenAiChat:
    """The routes of chat completions and models."""

    def __init__(self, execution: Execution, management: Management, clock: Clock) -> None:
        self._execution = execution
        self._management = management
        self._clock = clock

    async def complete(self, exchange: Exchange) -> None:
        request = ChatRequest.parse(await exchange.body())
        order = order_of(exchange, request)
        form = _ChatForm(request, self._clock().wall_s)
        answer = answer_stream if request.stream else answer_whole
        await answer(exchange, self._execution, order, form)

    async def models(self, exchange: Exchange) -> None:
        exchange.query()
        entries = await self._management.models()
        await exchange.json({"object": "list", "data": [_model(entry) for entry in entries]})

    async def model(self, exchange: Exchange) -> None:
        for entry in await self._management.models():
            if entry.id == exchange.rest:
                await exchange.json(_model(entry))
                return
        raise RefusedError("model_not_found", "no island offers this model now", reachable=True, status=404)


class _ChatForm:
    """`chat.completion.chunk` and `chat.completion`."""

    def __init__(self, request: ChatRequest, created_s: int) -> None:
        self._choices = request.choices
        self._include_usage = request.include_usage
        self._created_s = created_s
        self._head = b""
        self._tail = b',"usage":null}\n\n' if self._include_usage else b"}\n\n"

    def first(self, route: Route) -> bytes:
        head = dump_json(_answer(route, "chat.completion.chunk", self._created_s))
        self._head = b"data: " + head[:-1] + b',"choices":['
        return b"".join(self._chunk(index, {"role": "assistant", "content": ""}) for index in range(self._choices))

    def delta(self, delta: Delta) -> bytes:
        members = extra_members(delta)
        if delta.content:
            members["content"] = delta.content
        return self._chunk(delta.index, members) if members else b""

    def last(self, finished: Finished) -> bytes:
        ends = [self._chunk(index, {}, finished.reason) for index in range(self._choices)]
        if self._include_usage:
            ends.append(self._head + b'],"usage":' + dump_json(usage(finished)) + b"}\n\n")
        return b"".join(ends) + DONE

    def _chunk(self, index: int, members: dict[str, Any], reason: str | None = None) -> bytes:
        choice = dump_json({"index": index, "delta": members, "logprobs": None, "finish_reason": reason})
        return self._head + choice + b"]" + self._tail

    def whole(self, route: Route, answer: Collected) -> object:
        assert answer.finished is not None
        choices = [
            {
                "index": index,
                "message": _message(answer, index),
                "logprobs": None,
                "finish_reason": answer.finished.reason,
            }
            for index in range(self._choices)
        ]
        body = _answer(route, "chat.completion", self._created_s)
        return body | {"choices": choices, "usage": usage(answer.finished)}


def usage(finished: Finished) -> dict[str, Any]:
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.completion_tokens,
        "total_tokens": finished.prompt_tokens + finished.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": finished.cached_tokens},
    }


def _answer(route: Route, kind: str, created_s: int) -> dict[str, Any]:
    return {"id": f"chatcmpl-{route.decision_id}", "object": kind, "created": created_s, "model": route.model}


def _message(answer: Collected, index: int) -> dict[str, Any]:
    calls = answer.tool_calls(index)
    content = answer.text(index)
    message = {"role": "assistant", "content": content or (None if calls else ""), "refusal": None}
    message.update(answer.others(index))
    return message | {"tool_calls": calls} if calls else message


def _model(entry: ModelEntry) -> dict[str, Any]:
    return {"id": entry.id, "object": "model", "created": entry.created_s, "owned_by": entry.owned_by}
