"""OpenAI's chat body to Anthropic's /v1/messages. Pure. Source: docs.anthropic.com, "Messages" (version 2023-06-01).

What has no counterpart and changes the answer is refused; what only tunes (`seed`, penalties) is left out, as
Anthropic's own OpenAI endpoint does.
"""

import json
from collections.abc import Mapping
from typing import Any

from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.strict_json import dump_json

_TOOL_CHOICE = {"auto": "auto", "required": "any", "none": "none"}
_REFUSED = ("logprobs", "response_format", "functions", "audio")

Block = dict[str, Any]


def request_body(request: ChatRequest, model: str, max_output_tokens: int) -> bytes:
    """Raises BackendError (refused, `unsupported_parameter`) naming the member; nothing was sent then."""
    body = request.body
    for name in _REFUSED:
        if body.get(name):
            raise _unsupported(name)
    if request.choices != 1:
        raise _unsupported("n")
    system, messages = _messages(body["messages"])
    made: dict[str, Any] = {"model": model, "max_tokens": max_output_tokens, "stream": True, "messages": messages}
    if system:
        made["system"] = "\n\n".join(system)
    if (temperature := body.get("temperature")) is not None:
        made["temperature"] = min(temperature, 1)  # OpenAI's range ends at 2
    for name in ("top_p", "top_k"):
        if body.get(name) is not None:
            made[name] = body[name]
    if (stop := body.get("stop")) is not None:
        made["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if tools := body.get("tools"):
        made["tools"] = [_tool(tool) for tool in tools]
        made["tool_choice"] = _tool_choice(body)
    return dump_json(made)


def _messages(messages: list[Mapping[str, Any]]) -> tuple[list[str], list[Block]]:
    """System texts apart; of the rest, neighbours of one role as one message, as the API wants them."""
    system: list[str] = []
    turns: list[Block] = []
    for message in messages:
        if message["role"] in ("system", "developer"):
            system += [block["text"] for block in _content(message) if block["type"] == "text"]
            continue
        role, blocks = _turn(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _turn(message: Mapping[str, Any]) -> tuple[str, list[Block]]:
    match message["role"]:
        case "assistant":
            return "assistant", _content(message) + [_tool_use(call) for call in message.get("tool_calls") or []]
        case "tool":
            result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": _content(message)}
            return "user", [result]
        case "user":
            return "user", _content(message)
        case _:
            raise _unsupported("messages[].role")


def _content(message: Mapping[str, Any]) -> list[Block]:
    content = message.get("content")
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [_part(part) for part in content]


def _part(part: Mapping[str, Any]) -> Block:
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    image = part.get("image_url")
    url = image.get("url") if part["type"] == "image_url" and isinstance(image, dict) else None
    if not isinstance(url, str):
        raise _unsupported("messages[].content[].type")
    kind, comma, data = url.removeprefix("data:").partition(";base64,")
    if not url.startswith("data:") or not comma:
        raise _unsupported("messages[].content[].image_url")  # a URL would have Anthropic fetch it
    return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}


def _tool_use(call: Mapping[str, Any]) -> Block:
    function = call.get("function")
    if not isinstance(function, dict):
        raise _unsupported("messages[].tool_calls[].type")
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise _unsupported("messages[].tool_calls[].function.arguments")
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}


def _tool(tool: Mapping[str, Any]) -> Block:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, dict):
        raise _unsupported("tools[].type")
    made = {"name": function.get("name"), "input_schema": function.get("parameters") or {"type": "object"}}
    if function.get("description"):
        made["description"] = function["description"]
    return made


def _tool_choice(body: Mapping[str, Any]) -> Block:
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, str):
        if choice not in _TOOL_CHOICE:
            raise _unsupported("tool_choice")
        made: Block = {"type": _TOOL_CHOICE[choice]}
    elif isinstance(choice, dict) and isinstance(function := choice.get("function"), dict):
        made = {"type": "tool", "name": function.get("name")}
    else:
        raise _unsupported("tool_choice")
    if body.get("parallel_tool_calls") is False and made["type"] != "none":
        made["disable_parallel_tool_use"] = True
    return made


def _unsupported(name: str) -> BackendError:
    return BackendError(BackendFailure.REFUSED, "unsupported_parameter", f"{name} has no counterpart there", 400)
