"""Which strings of a chat request somebody wrote: everything that is not a known parameter with a known value.

It fails closed: a member that is not in the tables below counts as text, its name, its numbers and all that is under it
included. The tables hold only values of closed vocabularies, and ids that programs make.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""The way to a text in the body: member names and list positions. An int on an *object* is the position of one of its
members and stands for that member's name."""

REQUEST_ROLE = "request"  # the role of text that is in no message


@dataclass(frozen=True, slots=True)
class TextPart:
    """A string, a number or a member's name that a person or a program wrote."""

    path: Path
    text: str
    role: str  # of its message; REQUEST_ROLE elsewhere

    def __repr__(self) -> str:
        return f"TextPart({self.path!r}, {len(self.text)} characters, {self.role!r})"


# A known member is not text when its value is one of these; any other value is.
_WORDS: Mapping[str, frozenset[str]] = {
    "reasoning_effort": frozenset({"none", "minimal", "low", "medium", "high", "xhigh"}),
    "verbosity": frozenset({"low", "medium", "high"}),
    "service_tier": frozenset({"auto", "default", "flex", "scale", "priority"}),
    "tool_choice": frozenset({"none", "auto", "required"}),
    "function_call": frozenset({"none", "auto"}),
    "encoding_format": frozenset({"float", "base64"}),
    "prompt_cache_retention": frozenset({"in_memory", "in-memory", "24h"}),
}
_NUMBERS = frozenset(
    {
        "frequency_penalty",
        "max_completion_tokens",
        "max_output_tokens",
        "max_tokens",
        "min_p",
        "n",
        "presence_penalty",
        "repeat_penalty",
        "seed",
        "temperature",
        "top_k",
        "top_logprobs",
        "top_p",
    }
)
_FLAGS = frozenset(
    {"logprobs", "parallel_tool_calls", "store", "stream"}
)  # a boolean is never text; their name is known
_SCHEMA_ROOTS = frozenset({"tools", "functions", "tool_choice", "response_format"})
_KNOWN_MEMBERS = (
    frozenset(_WORDS)
    | _NUMBERS
    | _FLAGS
    | _SCHEMA_ROOTS
    | {"audio", "logit_bias", "messages", "metadata", "modalities", "model", "prediction"}
    | {"prompt_cache_key", "safety_identifier", "stop", "stream_options", "user", "web_search_options"}
)
_MODALITIES = frozenset({"text", "audio", "image"})
_ROLES = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
_MESSAGE_MEMBERS = frozenset(
    {"audio", "content", "function_call", "name", "reasoning_content", "refusal", "role", "tool_call_id", "tool_calls"}
)
_PART_MEMBERS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"type", "text"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url", "url", "detail"}),
    "input_audio": frozenset({"type", "input_audio", "data", "format"}),
    "file": frozenset({"type", "file", "file_data", "file_id", "filename"}),
}
READABLE_PARTS = frozenset({"text", "refusal"})
_PART_WORDS = frozenset({"auto", "low", "high", "original", "wav", "mp3"})

# Words of the tool and JSON Schema vocabularies; one of these alone says nothing about anybody.
_SCHEMA_WORDS = frozenset(
    re.findall(
        r"\S+",
        "$defs $id $ref $schema additionalProperties allOf anyOf array boolean const default definitions description "
        "enum examples exclusiveMaximum exclusiveMinimum format function integer items json_object json_schema "
        "maxItems maxLength maximum minItems minLength minimum multipleOf name not null nullable number object oneOf "
        "parameters pattern prefixItems properties required schema strict string text title type uniqueItems",
    )
)
_SCHEMA_NUMBER_MAX = 99_999  # under such a bound's name a longer number is read as text: it may be an identifier
_SCHEMA_NUMBERS = frozenset(word for word in _SCHEMA_WORDS if word.startswith(("exclusiveM", "max", "min", "multiple")))
_PROGRAM_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{1,64}", re.ASCII)  # call_a1B2; never digits alone
_TOKEN_ID = re.compile(r"[0-9]{1,6}", re.ASCII)


def texts(body: Mapping[str, Any]) -> Iterator[TextPart]:
    """Every text of `body`, in the order of its bytes."""
    for position, (name, value) in enumerate(body.items()):
        path: Path = (name,)
        if name not in _KNOWN_MEMBERS:
            yield TextPart((position,), name, REQUEST_ROLE)
            yield from _free(path, value, REQUEST_ROLE)
        elif name == "messages" and isinstance(value, Sequence):
            for index, message in enumerate(value):
                yield from _message((*path, index), message)
        elif not _known(name, value):
            yield from _free(path, value, REQUEST_ROLE, schema=name in _SCHEMA_ROOTS)


def unreadable(body: Mapping[str, Any]) -> Iterator[str]:
    """The parts that nobody here can read, such as `messages[0].content[1]: image_url`."""
    for index, message in enumerate(body.get("messages", ())):
        content = message.get("content")
        if isinstance(content, list):
            for position, part in enumerate(content):
                kind = part.get("type")
                if kind not in READABLE_PARTS:
                    known = kind if kind in _PART_MEMBERS else "unknown type"
                    yield f"messages[{index}].content[{position}]: {known}"
        if message.get("audio") is not None:
            yield f"messages[{index}].audio: an earlier answer in sound"


def _known(name: str, value: Any) -> bool:
    if name == "model":
        return True  # looked up among the offers and replaced by the chosen offer's own name
    if name in _WORDS and isinstance(value, str):
        return value in _WORDS[name]
    if name in _NUMBERS:
        return isinstance(value, int | float)
    if name == "modalities" and isinstance(value, list):
        return all(isinstance(item, str) and item in _MODALITIES for item in value)
    if name == "stream_options" and isinstance(value, dict):
        return all(key in ("include_usage", "include_obfuscation") and isinstance(v, bool) for key, v in value.items())
    if name == "logit_bias" and isinstance(value, dict):
        return all(_TOKEN_ID.fullmatch(k) and isinstance(v, int | float) for k, v in value.items())
    return False


def _message(path: Path, message: Mapping[str, Any]) -> Iterator[TextPart]:
    role = str(message.get("role"))
    for position, (name, value) in enumerate(message.items()):
        here = (*path, name)
        if name not in _MESSAGE_MEMBERS:
            yield TextPart((*path, position), name, role)
            yield from _free(here, value, role)
        elif name == "content" and isinstance(value, list):
            for index, part in enumerate(value):
                yield from _part((*here, index), part, role)
        elif name == "tool_calls" and isinstance(value, list):
            for index, call in enumerate(value):
                yield from _object((*here, index), call, role, _TOOL_CALL)
        elif name == "function_call":
            yield from _object(here, value, role, _FUNCTION)
        elif (name == "role" and value in _ROLES) or (name == "tool_call_id" and _is_program_id(value)):
            continue
        else:
            yield from _free(here, value, role)


_Known = Mapping[str, Callable[[Any], bool] | Any]


def _is_program_id(value: Any) -> bool:
    return isinstance(value, str) and _PROGRAM_ID.fullmatch(value) is not None


def _never(_: Any) -> bool:
    return False


_FUNCTION: _Known = {"name": _never, "arguments": _never}
_TOOL_CALL: _Known = {
    "id": _is_program_id,
    "type": lambda value: value in ("function", "custom"),
    "index": lambda value: isinstance(value, int) and 0 <= value < 1000,
    "function": _FUNCTION,
}


def _object(path: Path, value: Any, role: str, known: _Known) -> Iterator[TextPart]:
    """A member's name in `known` is not text; its value is, unless the rule there says otherwise."""
    if not isinstance(value, dict):
        yield from _free(path, value, role)
        return
    for position, (name, member) in enumerate(value.items()):
        rule = known.get(name)
        here = (*path, name)
        if rule is None:
            yield TextPart((*path, position), name, role)
            yield from _free(here, member, role)
        elif isinstance(rule, Mapping):
            yield from _object(here, member, role, rule)
        elif not rule(member):
            yield from _free(here, member, role)


def _part(path: Path, part: Mapping[str, Any], role: str) -> Iterator[TextPart]:
    """One content part. Encoded data is not offered as text (it makes the request unreadable anyway); its names are."""
    yield from _part_object(path, part, role, _PART_MEMBERS.get(part["type"], frozenset({"type"})))


def _part_object(path: Path, value: Mapping[str, Any], role: str, members: frozenset[str]) -> Iterator[TextPart]:
    for position, (name, member) in enumerate(value.items()):
        here = (*path, name)
        if name not in members:
            yield TextPart((*path, position), name, role)
            yield from _free(here, member, role)
        elif isinstance(member, dict):
            yield from _part_object(here, member, role, members)
        elif not (isinstance(member, str) and _is_part_word(name, member)):
            yield from _free(here, member, role)


def _is_part_word(name: str, member: str) -> bool:
    if name == "type":
        return member in _PART_MEMBERS
    if name in ("detail", "format"):
        return member in _PART_WORDS
    return name in ("data", "file_data") or (name == "url" and member.startswith("data:"))


def _free(path: Path, value: Any, role: str, *, schema: bool = False) -> Iterator[TextPart]:
    """Everything under `value`: strings, numbers and member names. Booleans and null say nothing alone."""
    if isinstance(value, str):
        if not (schema and value in _SCHEMA_WORDS):
            yield TextPart(path, value, role)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield TextPart(path, str(value), role)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _free((*path, index), item, role, schema=schema)
    else:
        for position, (name, member) in enumerate(value.items()):
            if not (schema and name in _SCHEMA_WORDS):
                yield TextPart((*path, position), name, role)
            if not (schema and name in _SCHEMA_NUMBERS and _is_small_number(member)):
                yield from _free((*path, name), member, role, schema=schema)


def _is_small_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= _SCHEMA_NUMBER_MAX
