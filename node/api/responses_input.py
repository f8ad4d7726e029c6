"""The `input` of a Responses request, a text or items, as messages of a chat."""

from collections.abc import Callable, Mapping
from typing import Any

from protocol.errors import RequestError

Members = dict[str, Any]

_ROLES = ("user", "assistant", "system", "developer")
_ITEMS = ("message", "function_call", "function_call_output", "reasoning")


def messages_of(input: object, *, follows: bool) -> list[Members]:
    """`follows`: a history goes before it, so that it may be empty. Raises RequestError naming the item at fault."""
    if isinstance(input, str):
        return [{"role": "user", "content": input}]
    if not isinstance(input, list) and not (input is None and follows):
        raise RequestError("input", "expected a text or a list of items")
    if not input and not follows:
        raise RequestError("input", "expected at least one item")
    messages: list[Members] = []
    for index, item in enumerate(input or ()):
        where = f"input[{index}]"
        if not isinstance(item, dict):
            raise RequestError(where, "expected an object")
        kind = item.get("type", "message")
        add = _ADDING.get(kind) if isinstance(kind, str) else None
        if add is None:
            raise RequestError(f"{where}.type", f"expected one of {', '.join(_ITEMS)}: others cannot be read here")
        add(where, item, messages)
    return messages


def _message(where: str, item: Members, messages: list[Members]) -> None:
    role = item.get("role")
    if role not in _ROLES:
        raise RequestError(f"{where}.role", f"expected one of {', '.join(_ROLES)}")
    content = _content(f"{where}.content", item.get("content"))
    last = messages[-1] if messages else {}
    if role == "assistant" and last.get("role") == "assistant" and last.get("content") is None:
        last["content"] = content  # a chat has what was said and the calls beside it in one message
    else:
        messages.append({"role": role, "content": content})


def _function_call(where: str, item: Members, messages: list[Members]) -> None:
    function = {"name": _string(item, "name", where), "arguments": _string(item, "arguments", where)}
    call = {"id": _string(item, "call_id", where), "type": "function", "function": function}
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", []).append(call)


def _function_call_output(where: str, item: Members, messages: list[Members]) -> None:
    call_id = _string(item, "call_id", where)
    content = _content(f"{where}.output", item.get("output"))
    messages.append({"role": "tool", "tool_call_id": call_id, "content": content})


def _reasoning(_where: str, _item: Members, _messages: list[Members]) -> None:
    """What a model thought in an earlier turn is not told to the next one."""


_ADDING: Mapping[str, Callable[[str, Members, list[Members]], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
}
assert tuple(_ADDING) == _ITEMS


def _content(where: str, content: object) -> object:
    """One text stays a plain string: more backends take that than a list."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        raise RequestError(where, "expected a text or a list of parts")
    parts = [_part(f"{where}[{index}]", part) for index, part in enumerate(content)]
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _part(where: str, part: object) -> Members:
    if not isinstance(part, dict):
        raise RequestError(where, "expected an object")
    match part.get("type"):
        case "input_text" | "output_text":
            return {"type": "text", "text": _string(part, "text", where)}
        case "refusal":
            return {"type": "refusal", "refusal": _string(part, "refusal", where)}
        case "input_image":
            image = {"url": _string(part, "image_url", where)}
            return {"type": "image_url", "image_url": image | _some(part, "detail", where)}
        case "input_file":
            file = {"file_data": _string(part, "file_data", where)}
            return {"type": "file", "file": file | _some(part, "filename", where)}
    raise RequestError(f"{where}.type", "expected input_text, output_text, refusal, input_image or input_file")


def _some(part: Members, name: str, where: str) -> Members:
    return {} if part.get(name) is None else {name: _string(part, name, where)}


def _string(members: Members, name: str, where: str) -> str:
    value = members.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{where}.{name}", "expected a text")
    return value
