"""POST /v1/messages: Anthropic's Messages API over the same execution."""

from typing import Any

from node.api.answering import Collected, answer_stream, answer_whole, event_bytes, extra_members
from node.api.anthropic_request import chat_of
from node.api.exchange import Exchange
from node.api.orders import order_of
from node.api.ports import Execution, Route
from protocol.answers import Delta, Finished
from protocol.errors import CutAnswerError, RequestError
from protocol.strict_json import parse_json

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


class AnthropicMessages:
    """The route."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def create(self, exchange: Exchange) -> None:
        request = chat_of(await exchange.body())
        order = order_of(exchange, request)
        if request.stream:
            await answer_stream(exchange, self._execution, order, _EventForm())
        else:
            await answer_whole(exchange, self._execution, order, _MessageForm())


class _MessageForm:
    def whole(self, route: Route, answer: Collected) -> object:
        assert answer.finished is not None
        text = answer.text(0)
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        for call in answer.tool_calls(0):
            function = call["function"]
            content.append(
                {
                    "type": "tool_use",
                    "id": call["id"],
                    "name": function["name"],
                    "input": _arguments(function["arguments"]),
                }
            )
        message = _message(route) | {"content": content}
        return message | _stop(answer.finished) | {"usage": _usage(answer.finished)}


class _EventForm:
    """Anthropic's events: blocks of text or of one tool's input, opened and closed one after the other."""

    def __init__(self) -> None:
        self._block = -1
        self._open: str | None = None  # what the open block holds: "text", or a tool call's position

    def first(self, route: Route) -> bytes:
        usage = {"input_tokens": 0, "output_tokens": 0}
        message = _message(route) | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return event_bytes({"type": "message_start", "message": message}, "message_start")

    def delta(self, delta: Delta) -> bytes:
        out = b""
        if delta.content:
            out += self._in_block("text", {"type": "text", "text": ""})
            out += self._piece({"type": "text_delta", "text": delta.content})
        for call in extra_members(delta).get("tool_calls") or ():
            try:
                function = call.get("function") or {}
                position, name, arguments = call.get("index", 0), function.get("name"), function.get("arguments")
            except AttributeError:
                raise CutAnswerError("answer_malformed", "a piece of a tool call is no object") from None
            start: dict[str, Any] = {
                "type": "tool_use",
                "id": call.get("id") or f"call_{position}",
                "name": name or "",
                "input": {},
            }
            out += self._in_block(f"tool {position}", start)
            if arguments:
                out += self._piece({"type": "input_json_delta", "partial_json": arguments})
        return out

    def last(self, finished: Finished) -> bytes:
        end = {"type": "message_delta", "delta": _stop(finished), "usage": _usage(finished)}
        return self._close() + event_bytes(end, "message_delta") + event_bytes({"type": "message_stop"}, "message_stop")

    def _in_block(self, holds: str, start: dict[str, Any]) -> bytes:
        if self._open == holds:
            return b""
        out = self._close()
        self._open = holds
        self._block += 1
        begun = {"type": "content_block_start", "index": self._block, "content_block": start}
        return out + event_bytes(begun, "content_block_start")

    def _piece(self, delta: dict[str, Any]) -> bytes:
        return event_bytes({"type": "content_block_delta", "index": self._block, "delta": delta}, "content_block_delta")

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return event_bytes({"type": "content_block_stop", "index": self._block}, "content_block_stop")


def _message(route: Route) -> dict[str, Any]:
    return {"id": f"msg_{route.decision_id}", "type": "message", "role": "assistant", "model": route.model}


def _stop(finished: Finished) -> dict[str, Any]:
    return {"stop_reason": _STOP_REASONS.get(finished.reason, "end_turn"), "stop_sequence": None}


def _usage(finished: Finished) -> dict[str, Any]:
    return {
        "input_tokens": finished.prompt_tokens - finished.cached_tokens,
        "output_tokens": finished.completion_tokens,
        "cache_read_input_tokens": finished.cached_tokens,
        "cache_creation_input_tokens": 0,
    }


def _arguments(text: str) -> object:
    try:
        return parse_json(text.encode("utf-8")) if text else {}
    except RequestError:
        raise CutAnswerError("answer_malformed", "the arguments of a tool call are not JSON") from None
