"""The request everywhere: a validated OpenAI chat-completion body. Source: specs/06-inference.md, section 1."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from protocol.chat_texts import READABLE_PARTS, Path, TextPart, texts, unreadable
from protocol.errors import RequestError
from protocol.strict_json import dump_json, parse_json

__all__ = ["CHOICES_MAX", "ROLES", "ChatRequest", "Path", "TextPart"]

ROLES = ("assistant", "developer", "function", "system", "tool", "user")
CHOICES_MAX = 8
MODEL_CHARACTERS_MAX = 256
OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens", "max_output_tokens")  # one meaning, three names of providers
_NUMBER_MEMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "min_p", "repeat_penalty")
_INTEGER_MEMBERS = ("seed", "top_k", "top_logprobs")
_FLAG_MEMBERS = ("stream", "logprobs", "parallel_tool_calls", "store")


@dataclass(frozen=True, slots=True, repr=False)
class ChatRequest:
    """One request. Made by `parse`, which checks it; members it does not know are kept, and count as text."""

    body: Mapping[str, Any]  # read-only; what is nested in it must not be changed either

    @classmethod
    def parse(cls, data: bytes | Mapping[str, Any]) -> Self:
        """Raises RequestError naming the field. The error holds no text of the request's messages."""
        if not isinstance(data, bytes):
            try:
                data = dump_json(dict(data))
            except (TypeError, ValueError, RecursionError):
                raise RequestError("body", "not JSON values") from None
        body = parse_json(data)
        if not isinstance(body, dict):
            raise RequestError("body", "expected a JSON object")
        _validate(body)
        return cls(MappingProxyType(body))

    def __repr__(self) -> str:
        return f"ChatRequest(model={self.model!r}, {len(self.body['messages'])} messages)"

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def include_usage(self) -> bool:
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def max_output_tokens(self) -> int | None:
        """The least of the limits that the request names; None when it names none."""
        return min((self.body[name] for name in OUTPUT_LIMITS if self.body.get(name) is not None), default=None)

    @property
    def choices(self) -> int:
        """How many answers are asked for: OpenAI's `n`."""
        return int(self.body.get("n") or 1)

    @property
    def has_tools(self) -> bool:
        return bool(self.body.get("tools") or self.body.get("functions"))

    def texts(self) -> tuple[TextPart, ...]:
        """Every string, number and member name in it that is not a known parameter with a known value."""
        return tuple(texts(self.body))

    def unreadable(self) -> tuple[str, ...]:
        """Parts that nobody can read here: images, sound, files, content of unknown type."""
        return tuple(unreadable(self.body))

    def with_texts(self, replacements: Mapping[Path, str]) -> Self:
        """The same request with other texts at those paths (as `texts` names them). Raises RequestError when a path is
        no text of it, or when two members of one object would get one name."""
        if not replacements:
            return self
        known = {part.path for part in texts(self.body)}
        for path in replacements:
            if path not in known:
                raise RequestError("body", "a replacement names no text of this request")
        return type(self)(MappingProxyType(_replaced(dict(self.body), _tree(replacements))))

    def with_body(self, **members: Any) -> Self:
        """The same request with those top-level members, checked again; None takes a member out."""
        body = {**self.body, **members}
        return self.parse({name: value for name, value in body.items() if value is not None or name not in members})

    def to_json(self) -> bytes:
        return dump_json(dict(self.body))


_Tree = dict[str | int, Any]  # from a step of the path to a str (the new text) or a deeper tree


def _tree(replacements: Mapping[Path, str]) -> _Tree:
    root: _Tree = {}
    for path, text in replacements.items():
        node = root
        for step in path[:-1]:
            node = node.setdefault(step, {})
        node[path[-1]] = text
    return root


def _replaced(value: Any, tree: _Tree) -> Any:
    if isinstance(value, list):
        items = list(value)
        for index, below in tree.items():
            items[int(index)] = below if isinstance(below, str) else _replaced(items[int(index)], below)
        return items
    members = {}
    for position, (name, member) in enumerate(value.items()):
        below = tree.get(name)
        if below is not None:
            member = below if isinstance(below, str) else _replaced(member, below)
        members[tree.get(position, name)] = member
    if len(members) != len(value):
        raise RequestError("body", "two members of one object would get one name")
    return members


def _validate(body: dict[str, Any]) -> None:
    model = body.get("model")
    if not isinstance(model, str) or not model or len(model) > MODEL_CHARACTERS_MAX:
        raise RequestError("model", f"expected the name of a model, of 1 to {MODEL_CHARACTERS_MAX} characters")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestError("messages", "expected a list of at least one message")
    for index, message in enumerate(messages):
        _validate_message(f"messages[{index}]", message)
    for name in (*OUTPUT_LIMITS, "n"):
        _validate_integer(name, body.get(name), least=1)
    if (body.get("n") or 1) > CHOICES_MAX:
        raise RequestError("n", f"at most {CHOICES_MAX}")
    for name in _INTEGER_MEMBERS:
        _validate_integer(name, body.get(name), least=None)
    for name in _NUMBER_MEMBERS:
        number = body.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
            raise RequestError(name, "expected a number")
    for name in _FLAG_MEMBERS:
        if not isinstance(body.get(name, False), bool | None):
            raise RequestError(name, "expected true or false")
    _validate_shapes(body)


def _validate_shapes(body: dict[str, Any]) -> None:
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise RequestError("stream_options", "expected an object")
    if not isinstance((options or {}).get("include_usage", False), bool):
        raise RequestError("stream_options.include_usage", "expected true or false")
    for name in ("tools", "functions"):
        tools = body.get(name)
        if tools is not None and not (isinstance(tools, list) and all(isinstance(tool, dict) for tool in tools)):
            raise RequestError(name, "expected a list of objects")
    stop = body.get("stop")
    if not (stop is None or isinstance(stop, str) or _is_list_of_str(stop)):
        raise RequestError("stop", "expected a string or a list of strings")
    for name in ("metadata", "logit_bias", "response_format"):
        if not isinstance(body.get(name), dict | None):
            raise RequestError(name, "expected an object")


def _is_list_of_str(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _validate_integer(name: str, value: Any, *, least: int | None) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not math.isfinite(value):
        raise RequestError(name, "expected an integer")
    if least is not None and value < least:
        raise RequestError(name, f"expected at least {least}")


def _validate_message(where: str, message: Any) -> None:
    if not isinstance(message, dict):
        raise RequestError(where, "expected an object")
    role = message.get("role")
    if role not in ROLES:
        raise RequestError(f"{where}.role", f"expected one of {', '.join(ROLES)}")
    content = message.get("content")
    if content is None:
        if role != "assistant" or all(message.get(other) is None for other in _INSTEAD_OF_CONTENT):
            raise RequestError(f"{where}.content", "expected a string or a list of parts")
    elif isinstance(content, list):
        _validate_parts(f"{where}.content", content)
    elif not isinstance(content, str):
        raise RequestError(f"{where}.content", "expected a string or a list of parts")
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise RequestError(f"{where}.tool_call_id", "expected the id of the call that this answers")
    _validate_tool_calls(f"{where}.tool_calls", message.get("tool_calls"))


_INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal", "audio")


def _validate_parts(where: str, parts: list[Any]) -> None:
    if not parts:
        raise RequestError(where, "expected at least one part")
    for position, part in enumerate(parts):
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            raise RequestError(f"{where}[{position}].type", "expected an object with a type")
        kind = part["type"]
        if kind in READABLE_PARTS and not isinstance(part.get(kind), str):
            raise RequestError(f"{where}[{position}].{kind}", "expected a string")


def _validate_tool_calls(where: str, calls: Any) -> None:
    if calls is None:
        return
    if not isinstance(calls, list):
        raise RequestError(where, "expected a list")
    for position, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(call.get("id"), str):
            raise RequestError(f"{where}[{position}].id", "expected a string")
        if call.get("type", "function") != "function":
            continue  # a kind of call that is not known here: all of it counts as text
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RequestError(f"{where}[{position}].function.name", "expected a string")
        if not isinstance(function.get("arguments"), str):
            raise RequestError(f"{where}[{position}].function.arguments", "expected a string of JSON")
