"""Ollama's messages as those of OpenAI: images beside the text, and calls of tools, which Ollama gives no ids."""

from typing import Any

from protocol.errors import RequestError
from protocol.strict_json import dump_json

Members = dict[str, Any]

_ROLES = ("system", "user", "assistant", "tool")
_KNOWN = frozenset({"role", "content", "images", "thinking", "tool_calls", "tool_name", "tool_call_id"})
_KINDS = {"iVBOR": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}  # how base64 begins


def chat_messages(messages: object) -> list[Members]:
    """Raises RequestError naming the message. What a model thought in an earlier turn (`thinking`) is not sent on."""
    if not isinstance(messages, list):
        raise RequestError("messages", "expected a list")
    turned: list[Members] = []
    calls = _Calls()
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise RequestError(where, f"expected an object with a role: {', '.join(_ROLES)}")
        if message.keys() - _KNOWN:
            raise RequestError(where, f"a member that is not known; expected {', '.join(sorted(_KNOWN))}")
        turned.append(_turned(where, message, calls))
    return turned


def user_content(text: str, images: object, where: str) -> Any:
    """A text, or its parts where there are images. Raises RequestError."""
    if images is None or images == []:
        return text
    if not isinstance(images, list) or not all(isinstance(image, str) and image for image in images):
        raise RequestError(where, "expected a list of images in base64")
    parts: list[Members] = [{"type": "text", "text": text}] if text else []
    return parts + [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in images]


def _data_url(image: str) -> str:
    kind = next((kind for start, kind in _KINDS.items() if image.startswith(start)), "application/octet-stream")
    return f"data:{kind};base64,{image}"


class _Calls:
    """The calls of tools so far, oldest first: each result belongs to the first of its name without one."""

    def __init__(self) -> None:
        self._made = 0
        self._open: list[tuple[str, str]] = []  # id and name

    def made(self, where: str, call: object) -> Members:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        arguments = function.get("arguments", {}) if isinstance(function, dict) else None
        if not isinstance(call, dict) or not isinstance(name, str) or not isinstance(arguments, dict):
            raise RequestError(where, "expected a function with a name and an object of arguments")
        given = call.get("id")
        self._made += 1
        identity = given if isinstance(given, str) and given else f"call_{self._made}"
        self._open.append((identity, name))
        text = dump_json(arguments).decode("utf-8")
        return {"id": identity, "type": "function", "function": {"name": name, "arguments": text}}

    def answered(self, where: str, message: Members) -> str:
        """The id of the call that a result is of."""
        given, name = message.get("tool_call_id"), message.get("tool_name")
        for call in self._open:
            if (call[0] == given) if given else (not name or call[1] == name):
                self._open.remove(call)
                return call[0]
        raise RequestError(where, "a tool's result without a call before it that it could be of")


def _turned(where: str, message: Members, calls: _Calls) -> Members:
    role, content = message["role"], message.get("content")
    if content is not None and not isinstance(content, str):
        raise RequestError(f"{where}.content", "expected a text")
    text = content or ""
    if message.get("images") and role != "user":
        raise RequestError(f"{where}.images", "expected in messages of the user alone")
    if role == "tool":
        return {"role": role, "tool_call_id": calls.answered(where, message), "content": text}
    made = message.get("tool_calls") or []
    if not made:
        return {"role": role, "content": user_content(text, message.get("images"), f"{where}.images")}
    if role != "assistant" or not isinstance(made, list):
        raise RequestError(f"{where}.tool_calls", "expected a list, in messages of the assistant alone")
    listed = [calls.made(f"{where}.tool_calls[{position}]", call) for position, call in enumerate(made)]
    return {"role": role, "content": text or None, "tool_calls": listed}
