"""A request to Anthropic's Messages API as the ChatRequest that means the same. What cannot be carried is refused."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.strict_json import dump_json, parse_json

Members = dict[str, Any]

_KEPT = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream")
_HINTS = ("thinking", "service_tier", "metadata")  # they change no meaning of the answer; they are sent nowhere
_TURNED = ("messages", "system", "stop_sequences", "tools", "tool_choice")
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def chat_of(data: bytes) -> ChatRequest:
    """Raises RequestError naming the member at fault, in Anthropic's terms."""
    body = _object(parse_json(data), "body")
    for name in body:
        if name not in (*_KEPT, *_HINTS, *_TURNED):
            raise RequestError("body", f"a member that is not known; expected {', '.join((*_KEPT, *_TURNED, *_HINTS))}")
    if type(body.get("max_tokens")) is not int:
        raise RequestError("max_tokens", "expected the largest number of tokens of the answer")
    chat: Members = {name: body[name] for name in _KEPT if name in body}
    chat["messages"] = _system(body.get("system")) + _messages(body.get("messages"))
    if body.get("stop_sequences"):
        chat["stop"] = body["stop_sequences"]
    if body.get("tools"):
        chat["tools"] = [_tool(f"tools[{index}]", tool) for index, tool in enumerate(_list(body["tools"], "tools"))]
    if body.get("tool_choice") is not None:
        chat |= _tool_choice(_object(body["tool_choice"], "tool_choice"))
    return ChatRequest.parse(chat)


def _system(system: object) -> list[Members]:
    if system is None:
        return []
    return [{"role": "system", "content": _text_of(system, "system")}]


def _messages(messages: object) -> list[Members]:
    turned: list[Members] = []
    for index, message in enumerate(_list(messages, "messages")):
        where = f"messages[{index}]"
        message = _object(message, where)
        turn = {"user": _user, "assistant": _assistant}.get(str(message.get("role")))
        if turn is None or message.keys() - {"role", "content"}:
            raise RequestError(where, "expected role (user or assistant) and content")
        content = message.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        turned += turn(f"{where}.content", [_object(block, where) for block in _list(blocks, f"{where}.content")])
    return turned


def _user(where: str, blocks: list[Members]) -> list[Members]:
    """Results of tools become messages of their own, ahead of what the user says."""
    results, parts = [], []
    for index, block in enumerate(blocks):
        place = f"{where}[{index}]"
        if block.get("type") == "tool_result":
            text = _text_of(block.get("content") or "", f"{place}.content")
            text = f"Error: {text}" if block.get("is_error") else text
            results.append({"role": "tool", "tool_call_id": _string(block, "tool_use_id", place), "content": text})
        else:
            parts.append(_part(place, block))
    return results + ([{"role": "user", "content": _plain(parts)}] if parts or not results else [])


def _assistant(where: str, blocks: list[Members]) -> list[Members]:
    text, calls = [], []
    for index, block in enumerate(blocks):
        place = f"{where}[{index}]"
        if block.get("type") == "text":
            text.append(_string(block, "text", place))
        elif block.get("type") == "tool_use":
            arguments = dump_json(_object(block.get("input"), f"{place}.input")).decode("utf-8")
            function = {"name": _string(block, "name", place), "arguments": arguments}
            calls.append({"id": _string(block, "id", place), "type": "function", "function": function})
        else:
            raise RequestError(f"{place}.type", "expected text or tool_use")
    message: Members = {"role": "assistant", "content": "".join(text) or (None if calls else "")}
    return [message | {"tool_calls": calls} if calls else message]


def _part(where: str, block: Members) -> Members:
    if block.get("type") == "text":
        return {"type": "text", "text": _string(block, "text", where)}
    if block.get("type") == "image":
        source = _object(block.get("source"), f"{where}.source")
        if source.get("type") == "url":
            url = _string(source, "url", f"{where}.source")
        else:
            kind, data = (_string(source, name, f"{where}.source") for name in ("media_type", "data"))
            url = f"data:{kind};base64,{data}"
        return {"type": "image_url", "image_url": {"url": url}}
    raise RequestError(f"{where}.type", "expected text, image or tool_result")


def _plain(parts: list[Members]) -> object:
    """One text stays a plain string: more backends take that than a list."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _tool(where: str, tool: object) -> Members:
    members = _object(tool, where)
    if members.get("type", "custom") != "custom":
        raise RequestError(f"{where}.type", "only tools of the client's own are possible here")
    function = {"name": _string(members, "name", where), "parameters": _object(members.get("input_schema"), where)}
    if "description" in members:
        function["description"] = _string(members, "description", where)
    return {"type": "function", "function": function}


def _tool_choice(choice: Members) -> Members:
    kind = choice.get("type")
    turned: Members
    if kind == "tool":
        name = _string(choice, "name", "tool_choice")
        turned = {"tool_choice": {"type": "function", "function": {"name": name}}}
    elif kind in _CHOICES:
        turned = {"tool_choice": _CHOICES[kind]}
    else:
        raise RequestError("tool_choice.type", "expected auto, any, tool or none")
    return turned | {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") is True else turned


def _text_of(value: object, where: str) -> str:
    """A text, or a list of blocks of text."""
    if isinstance(value, str):
        return value
    blocks = [_object(block, where) for block in _list(value, where)]
    if any(block.get("type") != "text" for block in blocks):
        raise RequestError(where, "expected text")
    return "\n".join(_string(block, "text", where) for block in blocks)


def _checked(kind: type, expected: str) -> Callable[[object, str], Any]:
    def check(value: object, where: str) -> Any:
        if not isinstance(value, kind):
            raise RequestError(where, f"expected {expected}")
        return value

    return check


_object: Callable[[object, str], Members] = _checked(dict, "an object")
_list: Callable[[object, str], list[Any]] = _checked(list, "a list")


def _string(members: Mapping[str, Any], name: str, where: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{where}.{name}", "expected a text")
    return value
