"""Anthropic's event stream to this project's events. Pure. Source: docs.anthropic.com, "Streaming Messages"."""

from collections.abc import Mapping
from typing import Any

from node.backends.openai_answer import broken
from protocol.answers import Delta, Finished
from protocol.errors import BackendError, BackendFailure
from protocol.strict_json import dump_json

BLOCKS_MAX = 1_000
TOKENS_MAX = 1 << 40
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}

Fields = Mapping[str, Any]


class MessageReader:
    """Events in, Deltas out; whole only after `message_stop`, with a stop reason that is known."""

    def __init__(self) -> None:
        self.done = False
        self._reason: str | None = None
        self._prompt = 0
        self._cached = 0
        self._completion = 0
        self._tools: dict[int, int] = {}  # index of a content block -> index of its tool call

    def feed(self, event: object) -> list[Delta]:
        """Raises BackendError (ambiguous): `broken_stream` or `provider_error`."""
        if not isinstance(event, dict):
            raise broken("not a JSON object")
        match event.get("type"):
            case "message_start":
                usage = _mapping(_mapping(event, "message"), "usage")
                self._cached = _count(usage, "cache_read_input_tokens")
                written = _count(usage, "cache_creation_input_tokens")
                self._prompt = _count(usage, "input_tokens") + self._cached + written
            case "content_block_start":
                return self._begin(_index(event), _mapping(event, "content_block"))
            case "content_block_delta":
                return self._delta(_index(event), _mapping(event, "delta"))
            case "message_delta":
                self._reason = _mapping(event, "delta").get("stop_reason")
                self._completion = _count(_mapping(event, "usage"), "output_tokens")
            case "message_stop":
                self.done = True
            case "error":
                raise BackendError(BackendFailure.AMBIGUOUS, "provider_error", "the server reported an error")
        return []  # ping, content_block_stop, and whatever is added later: the API asks to be lenient there

    def finish(self) -> Finished:
        """Raises BackendError (ambiguous, `cut`) when the answer is not whole."""
        if not self.done or self._reason not in _REASONS:
            raise BackendError(BackendFailure.AMBIGUOUS, "cut", "the answer ended without a known stop_reason")
        return Finished(_REASONS[self._reason], self._prompt, self._completion, self._cached)

    def _begin(self, index: int, block: Fields) -> list[Delta]:
        if block.get("type") != "tool_use":
            text = block.get("text")
            return [Delta(text)] if block.get("type") == "text" and isinstance(text, str) and text else []
        if len(self._tools) >= BLOCKS_MAX:
            raise broken("too many content blocks")
        self._tools[index] = len(self._tools)
        function = {"name": _text(block, "name"), "arguments": ""}
        return [self._tool_call(index, {"id": _text(block, "id"), "type": "function", "function": function})]

    def _delta(self, index: int, delta: Fields) -> list[Delta]:
        match delta.get("type"):
            case "text_delta":
                return [Delta(_text(delta, "text"))]
            case "thinking_delta":
                return [Delta("", dump_json({"reasoning_content": _text(delta, "thinking")}))]
            case "input_json_delta":
                if index not in self._tools:
                    raise broken("a tool's input outside a tool's block")
                return [self._tool_call(index, {"function": {"arguments": _text(delta, "partial_json")}})]
        return []

    def _tool_call(self, index: int, call: Fields) -> Delta:
        return Delta("", dump_json({"tool_calls": [{"index": self._tools[index], **call}]}))


def _mapping(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    if not isinstance(value, dict):
        raise broken(name)
    return value


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise broken(name)
    return value.encode(errors="replace").decode()


def _index(fields: Fields) -> int:
    value = fields.get("index")
    if type(value) is not int or value < 0:
        raise broken("index")
    return value


def _count(fields: Fields, name: str) -> int:
    value = fields.get(name) or 0
    if type(value) is not int or not 0 <= value < TOKENS_MAX:
        raise broken(name)
    return value
