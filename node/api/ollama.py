"""Ollama's own API over the same execution: POST /api/chat and /api/generate.

An answer streams unless `stream` is false: one JSON object a line, the last of which has `done`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from node.api.answering import Collected, JoinedCalls, answer_stream, answer_whole, extra_members
from node.api.exchange import LINES, Exchange
from node.api.ollama_models import OllamaModels
from node.api.ollama_request import OllamaAsk, chat_of, generate_of
from node.api.openai_chat import Clock
from node.api.orders import order_of
from node.api.ports import Execution, Route
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError, RequestError
from protocol.strict_json import dump_json, parse_json

NS_PER_MS = 1_000_000
_DONE_REASONS = {"tool_calls": "stop", "function_call": "stop"}
_THOUGHT = ("reasoning_content", "reasoning")  # under which names backends tell what a model thought

Members = dict[str, Any]


class OllamaChat:
    """The routes that answer."""

    def __init__(self, execution: Execution, models: OllamaModels, clock: Clock) -> None:
        self._execution = execution
        self._models = models
        self._clock = clock

    async def chat(self, exchange: Exchange) -> None:
        await self._answer(exchange, chat_of(await exchange.body()), _message)

    async def generate(self, exchange: Exchange) -> None:
        await self._answer(exchange, generate_of(await exchange.body()), _response)

    async def _answer(self, exchange: Exchange, ask: OllamaAsk, shape: "Shape") -> None:
        ask = ask.renamed(await self._models.named(ask.model))
        form = _Form(shape, self._clock, thinking=ask.thinking)
        if ask.chat is None:
            await self._models.check(ask.model)
            await exchange.json(form.loaded(ask.model, "unload" if ask.unload else "load"))
            return
        order = order_of(exchange, ask.chat)
        if ask.stream:
            await answer_stream(exchange, self._execution, order, form, LINES)
        else:
            await answer_whole(exchange, self._execution, order, form)


Shape = Callable[[str, str, list[Members]], Members]
"""Text, thinking and tool calls of a piece, as one path has them."""


def _message(text: str, thinking: str, calls: list[Members]) -> Members:
    message: Members = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def _response(text: str, thinking: str, calls: list[Members]) -> Members:
    """Nobody offers tools to /api/generate; a model that calls one all the same is not followed."""
    if calls:
        raise CutAnswerError("answer_malformed", "the model called a tool, and none was offered")
    return {"response": text} | ({"thinking": thinking} if thinking else {})


class _Form:
    """Both the stream of one path and its whole answer."""

    def __init__(self, shape: Shape, clock: Clock, *, thinking: bool) -> None:
        self._shape = shape
        self._clock = clock
        self._thinking = thinking
        self._began = clock()
        self._first_ms: int | None = None
        self._model = ""
        self._calls = JoinedCalls()  # until the end: Ollama tells a call whole

    def loaded(self, model: str, reason: str) -> Members:
        self._model = model
        return self._head() | self._shape("", "", []) | {"done": True, "done_reason": reason}

    def first(self, route: Route) -> bytes:
        self._model = route.model
        self._first_ms = self._clock().mono_ms
        return b""

    def delta(self, delta: Delta) -> bytes:
        members = extra_members(delta)
        self._calls.add(members.get("tool_calls") or [])
        text = delta.content + str(members.get("refusal") or "")
        thought = self._thought(members)
        return self._line(self._shape(text, thought, []) | {"done": False}) if text or thought else b""

    def last(self, finished: Finished) -> bytes:
        calls = _told(self._calls.listed())
        told = self._line(self._shape("", "", calls) | {"done": False}) if calls else b""
        return told + self._line(self._shape("", "", []) | self._end(finished))

    def whole(self, route: Route, answer: Collected) -> object:
        assert answer.finished is not None
        self._model = route.model
        others = answer.others(0)
        text = answer.text(0) + str(others.get("refusal") or "")
        shaped = self._shape(text, self._thought(others), _told(answer.tool_calls(0)))
        return self._head() | shaped | self._end(answer.finished)

    def _thought(self, members: Any) -> str:
        told = next((members[name] for name in _THOUGHT if members.get(name)), "")
        return told if self._thinking and isinstance(told, str) else ""

    def _line(self, members: Members) -> bytes:
        return dump_json(self._head() | members) + b"\n"

    def _head(self) -> Members:
        created = datetime.fromtimestamp(self._clock().wall_s, UTC)
        return {"model": self._model, "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _end(self, finished: Finished) -> Members:
        """Times are this node's: the first piece ends the reading of the prompt, and without pieces nobody knows when
        that was. A model is never loaded for a client."""
        now_ms, began_ms = self._clock().mono_ms, self._began.mono_ms
        first_ms = began_ms if self._first_ms is None else self._first_ms
        end = {
            "done": True,
            "done_reason": _DONE_REASONS.get(finished.reason, finished.reason),
            "total_duration": (now_ms - began_ms) * NS_PER_MS,
            "load_duration": 0,
            "prompt_eval_count": finished.prompt_tokens,
            "eval_count": finished.completion_tokens,
            "eval_duration": (now_ms - first_ms) * NS_PER_MS,
        }
        return end if self._first_ms is None else end | {"prompt_eval_duration": (first_ms - began_ms) * NS_PER_MS}


def _told(calls: list[Members]) -> list[Members]:
    return [{"id": call["id"], "function": _function(call["function"])} for call in calls]


def _function(function: Members) -> Members:
    try:
        arguments = parse_json(function["arguments"].encode("utf-8")) if function["arguments"] else {}
    except RequestError:
        arguments = None
    if not isinstance(arguments, dict):
        raise CutAnswerError("answer_malformed", "the arguments of a tool call are no JSON object")
    return {"name": function["name"], "arguments": arguments}
