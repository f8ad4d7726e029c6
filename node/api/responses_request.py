"""A request to OpenAI's Responses API as the chat that means the same. What cannot be carried is refused by name."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from node.api.responses_input import Members, messages_of
from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.strict_json import parse_json

METADATA_PAIRS_MAX = 16  # this bound and the next two are OpenAI's
METADATA_NAME_CHARACTERS_MAX = 64
METADATA_VALUE_CHARACTERS_MAX = 512
_ID = re.compile(r"resp_[A-Za-z0-9_-]{1,128}")
_TOOL_CHOICES = ("none", "auto", "required")
_FORMAT_MEMBERS = ("name", "schema", "strict", "description")

_KEPT = ("model", "max_output_tokens", "temperature", "top_p", "parallel_tool_calls")
_TURNED = ("input", "instructions", "tools", "tool_choice", "text", "reasoning")
_OURS = ("stream", "stream_options", "store", "previous_response_id", "metadata", "include")
# They change no meaning of the answer (the first bounds tools that are not here); they are sent nowhere.
_HINTS = ("max_tool_calls", "service_tier", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention")
# What is not here. Asked for with any other value than these, the request is refused rather than bent.
_IMPOSSIBLE: Mapping[str, tuple[Any, ...]] = {
    "background": (None, False),
    "conversation": (None,),
    "prompt": (None,),
    "top_logprobs": (None, 0),
    "truncation": (None, "disabled"),
    "context_management": (None, []),
}


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """One request. `turn` is what it adds to the history: messages of a chat, without the instructions."""

    chat: Members  # the chat's members but its messages
    instructions: str | None
    turn: tuple[Members, ...]
    previous: str | None
    store: bool
    echo: Members  # what a response tells again of its request

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Raises RequestError naming the member at fault, in OpenAI's terms."""
        body = parse_json(data)
        if not isinstance(body, dict):
            raise RequestError("body", "expected a JSON object")
        members: Members = {name: value for name, value in body.items() if value is not None}
        known = (*_KEPT, *_TURNED, *_OURS)
        for name in members:
            if name not in (*known, *_HINTS, *_IMPOSSIBLE):
                raise RequestError("body", f"a member that is not known; expected {', '.join(known)}")
        for name, allowed in _IMPOSSIBLE.items():
            value = members.get(name)
            if not any(type(value) is type(each) and value == each for each in allowed):
                raise RequestError(name, "not possible here")
        turn = messages_of(members.get("input"), follows="previous_response_id" in members)
        request = cls(
            chat=_chat(members),
            instructions=_checked(members, "instructions", str, "a text"),
            turn=tuple(turn),
            previous=_previous(members),
            store=_checked(members, "store", bool, "true or false", True),
            echo=_echo(members),
        )
        request.after(())  # what is wrong with it is told before anything is looked up
        return request

    @property
    def stream(self) -> bool:
        return bool(self.chat.get("stream"))

    def after(self, history: Sequence[Mapping[str, Any]]) -> ChatRequest:
        """The chat: its instructions first, which hold for this request alone, then what was said, then this turn."""
        system = [] if self.instructions is None else [{"role": "system", "content": self.instructions}]
        # A turn may be empty where a history goes before it; until that is there, something stands in its place.
        turn = [*history, *self.turn] or [{"role": "user", "content": ""}]
        return ChatRequest.parse({**self.chat, "messages": [*system, *turn]})


def _chat(members: Members) -> Members:
    chat: Members = {name: members[name] for name in _KEPT if name in members}
    chat["stream"] = _checked(members, "stream", bool, "true or false", False)
    options = _checked(members, "stream_options", dict, "an object", {})
    if options.keys() - {"include_obfuscation"}:
        raise RequestError("stream_options", "expected include_obfuscation alone")
    include = _checked(members, "include", list, "a list", [])
    if any(name != "reasoning.encrypted_content" for name in include):
        raise RequestError("include", "of what can be included, nothing but reasoning.encrypted_content is known here")
    tools = _checked(members, "tools", list, "a list", [])
    if tools:
        chat["tools"] = [_tool(f"tools[{index}]", tool) for index, tool in enumerate(tools)]
    if "tool_choice" in members:
        chat["tool_choice"] = _tool_choice(members["tool_choice"])
    return chat | _text(_checked(members, "text", dict, "an object", {})) | _reasoning(members)


def _tool(where: str, tool: object) -> Members:
    if not isinstance(tool, dict) or tool.get("type") != "function":
        raise RequestError(f"{where}.type", "expected function: no other tool runs here")
    if not isinstance(tool.get("name"), str):
        raise RequestError(f"{where}.name", "expected a text")
    if not isinstance(tool.get("parameters"), dict | None):
        raise RequestError(f"{where}.parameters", "expected a JSON Schema")
    named = ("name", "description", "parameters", "strict")
    return {"type": "function", "function": {name: tool[name] for name in named if tool.get(name) is not None}}


def _tool_choice(choice: object) -> object:
    if isinstance(choice, str):
        if choice not in _TOOL_CHOICES:
            raise RequestError("tool_choice", f"expected one of {', '.join(_TOOL_CHOICES)}, or a function")
        return choice
    if not isinstance(choice, dict) or choice.get("type") != "function":
        raise RequestError("tool_choice.type", "expected function")
    if not isinstance(choice.get("name"), str):
        raise RequestError("tool_choice.name", "expected a text")
    return {"type": "function", "function": {"name": choice["name"]}}


def _text(text: Members) -> Members:
    if text.keys() - {"format", "verbosity"}:
        raise RequestError("text", "expected format and verbosity")
    chat: Members = {} if text.get("verbosity") is None else {"verbosity": text["verbosity"]}
    wanted = text.get("format") or {"type": "text"}
    if not isinstance(wanted, dict):
        raise RequestError("text.format", "expected an object")
    match wanted.get("type"):
        case "text":
            return chat
        case "json_object":
            return chat | {"response_format": {"type": "json_object"}}
        case "json_schema":
            if not isinstance(wanted.get("name"), str):
                raise RequestError("text.format.name", "expected a text")
            if not isinstance(wanted.get("schema"), dict):
                raise RequestError("text.format.schema", "expected a JSON Schema")
            schema = {name: wanted[name] for name in _FORMAT_MEMBERS if wanted.get(name) is not None}
            return chat | {"response_format": {"type": "json_schema", "json_schema": schema}}
    raise RequestError("text.format.type", "expected text, json_object or json_schema")


def _reasoning(members: Members) -> Members:
    reasoning = _checked(members, "reasoning", dict, "an object", {})
    if reasoning.keys() - {"effort", "summary", "generate_summary"}:
        raise RequestError("reasoning", "expected effort and summary")
    return {} if reasoning.get("effort") is None else {"reasoning_effort": reasoning["effort"]}


def _previous(members: Members) -> str | None:
    previous = members.get("previous_response_id")
    if previous is not None and not (isinstance(previous, str) and _ID.fullmatch(previous)):
        raise RequestError("previous_response_id", "expected the id of a response, such as resp_…")
    return previous


def _echo(members: Members) -> Members:
    return {
        "instructions": members.get("instructions"),
        "max_output_tokens": members.get("max_output_tokens"),
        "metadata": _metadata(_checked(members, "metadata", dict, "an object", {})),
        "parallel_tool_calls": members.get("parallel_tool_calls", True),
        "previous_response_id": members.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None} | members.get("reasoning", {}),
        "store": members.get("store", True),
        "temperature": members.get("temperature"),
        "text": {"format": {"type": "text"}} | members.get("text", {}),
        "tool_choice": members.get("tool_choice", "auto"),
        "tools": members.get("tools", []),
        "top_p": members.get("top_p"),
    }


def _metadata(pairs: Members) -> Members:
    if len(pairs) > METADATA_PAIRS_MAX:
        raise RequestError("metadata", f"at most {METADATA_PAIRS_MAX} pairs")
    for name, value in pairs.items():
        if len(name) > METADATA_NAME_CHARACTERS_MAX:
            raise RequestError("metadata", f"names of at most {METADATA_NAME_CHARACTERS_MAX} characters")
        if not isinstance(value, str) or len(value) > METADATA_VALUE_CHARACTERS_MAX:
            raise RequestError("metadata", f"texts of at most {METADATA_VALUE_CHARACTERS_MAX} characters")
    return pairs


def _checked(members: Members, name: str, kind: type, expected: str, default: Any = None) -> Any:
    value = members.get(name, default)
    if value is not None and not isinstance(value, kind):
        raise RequestError(name, f"expected {expected}")
    return value
