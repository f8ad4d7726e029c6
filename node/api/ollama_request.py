"""A request to Ollama's /api/chat or /api/generate as the ChatRequest that means the same.

What changes the answer and cannot be had as asked is refused by name; what only tells Ollama how to load a model or how
to cut a prompt is not used: the node holds no model for a client, and never shortens what it was sent. Source: Ollama,
docs/api.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.api.ollama_messages import chat_messages, user_content
from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.strict_json import parse_json

Members = dict[str, Any]

_NUMBERS = ("temperature", "top_p", "min_p", "repeat_penalty", "presence_penalty", "frequency_penalty")
_INTEGERS = ("seed", "top_k")
_OF_LOADING = frozenset(
    {"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep", "numa", "low_vram", "f16_kv"}
    | {"logits_all", "vocab_only", "use_mmap", "use_mlock", "embedding_only", "draft_num_predict"}
)
# Samplers that no backend here has, with the values that switch them off.
_SWITCHED_OFF: Mapping[str, tuple[float, ...]] = {"mirostat": (0,), "tfs_z": (1,), "typical_p": (1,)}
_OF_MIROSTAT = frozenset({"mirostat_eta", "mirostat_tau"})

_SHARED = ("model", "stream", "format", "options", "keep_alive", "think", "logprobs", "top_logprobs")
_CHAT = (*_SHARED, "messages", "tools", "truncate", "shift")
_GENERATE = (*_SHARED, "prompt", "system", "images", "suffix", "template", "raw", "context", "truncate", "shift")


@dataclass(frozen=True, slots=True)
class OllamaAsk:
    """`chat` is None where nothing is asked but that the model be loaded or, at a `keep_alive` of 0, unloaded."""

    model: str
    chat: ChatRequest | None
    stream: bool
    thinking: bool  # whether what the model thought belongs to the answer
    unload: bool = False

    def renamed(self, model: str) -> "OllamaAsk":
        """The same, asked of `model`."""
        if model == self.model:
            return self
        chat = None if self.chat is None else self.chat.with_body(model=model)
        return OllamaAsk(model, chat, self.stream, self.thinking, self.unload)


def chat_of(data: bytes) -> OllamaAsk:
    """/api/chat. Raises RequestError naming the member at fault, in Ollama's terms."""
    body = _body(data, _CHAT)
    messages = body.get("messages") or []
    chat = _settings(body) | {"messages": chat_messages(messages)}
    if body.get("tools"):
        chat["tools"] = body["tools"]
    return _ask(body, chat if messages else None)


def generate_of(data: bytes) -> OllamaAsk:
    """/api/generate: a prompt, answered by a chat of one message. Raises RequestError."""
    body = _body(data, _GENERATE)
    prompt, system = _text(body, "prompt"), _text(body, "system")
    for name in ("suffix", "template"):
        if _text(body, name):
            raise RequestError(name, "not possible here: the prompt is answered by a chat model, in its own template")
    if _flag(body, "raw", default=False):
        raise RequestError("raw", "not possible here: the prompt is answered by a chat model, in its own template")
    if body.get("context"):
        raise RequestError("context", "not possible here: send the earlier messages to /api/chat")
    content = user_content(prompt, body.get("images"), "images")
    messages: list[Members] = [{"role": "system", "content": system}] if system else []
    chat = _settings(body) | {"messages": [*messages, {"role": "user", "content": content}]}
    return _ask(body, chat if content else None)


def _body(data: bytes, known: tuple[str, ...]) -> Members:
    body = parse_json(data)
    if not isinstance(body, dict):
        raise RequestError("body", "expected a JSON object")
    for name in body:
        if name not in known:
            raise RequestError("body", f"a member that is not known; expected {', '.join(known)}")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise RequestError("model", "expected the name of a model")
    if body.get("logprobs") or body.get("top_logprobs"):
        raise RequestError("logprobs", "not possible here: probabilities are not told")
    return dict(body)


def _ask(body: Members, chat: Members | None) -> OllamaAsk:
    think = body.get("think")
    if not isinstance(think, bool | None):
        raise RequestError("think", "expected true or false: how hard a model thinks cannot be chosen here")
    request = None if chat is None else ChatRequest.parse(chat)
    stream = _flag(body, "stream", default=True)
    unload = chat is None and str(body.get("keep_alive")) in ("0", "0.0", "0s", "0m")
    return OllamaAsk(body["model"], request, stream, think is not False, unload)


def _settings(body: Members) -> Members:
    """All of the chat but its messages and tools."""
    chat: Members = {"model": body["model"], "stream": _flag(body, "stream", default=True)}
    return chat | _options(body.get("options")) | _format(body.get("format"))


def _format(wanted: object) -> Members:
    if wanted in (None, ""):
        return {}
    if wanted == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(wanted, dict):
        schema = {"name": "answer", "schema": wanted}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    raise RequestError("format", 'expected "json" or a JSON schema')


def _options(options: object) -> Members:
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise RequestError("options", "expected an object")
    chat: Members = {}
    for name, value in options.items():
        if value is None or name in _OF_LOADING:
            continue
        if name in _NUMBERS:
            chat[name] = _number(name, value)
        elif name in _INTEGERS:
            chat[name] = _integer(name, value)
        elif name == "num_predict":
            chat |= _limit(value)
        elif name == "stop":
            chat |= _stop(value)
        elif name in _SWITCHED_OFF:
            if _number(name, value) not in _SWITCHED_OFF[name]:
                raise RequestError(f"options.{name}", "not possible here: no model of this node has this sampler")
        elif name not in _OF_MIROSTAT:  # they mean nothing while it is off
            known = (*_NUMBERS, *_INTEGERS, "num_predict", "stop")
            raise RequestError("options", f"one that cannot be had here; expected {', '.join(known)}")
    return chat


def _limit(value: object) -> Members:
    """-1 (no end) and -2 (until the context is full) leave the limit to the node."""
    tokens = _integer("num_predict", value)
    if tokens < -2 or tokens == 0:
        raise RequestError("options.num_predict", "expected at least 1, or -1 or -2 for no limit of the client's")
    return {"max_tokens": tokens} if tokens > 0 else {}


def _stop(value: object) -> Members:
    if isinstance(value, str):
        return {"stop": [value]}
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequestError("options.stop", "expected a list of texts")
    return {"stop": value} if value else {}


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestError(f"options.{name}", "expected a number")
    return value


def _integer(name: str, value: object) -> int:
    number = _number(name, value)
    if number != int(number):
        raise RequestError(f"options.{name}", "expected a whole number")
    return int(number)


def _text(body: Members, name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(name, "expected a text")
    return value


def _flag(body: Members, name: str, *, default: bool) -> bool:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RequestError(name, "expected true or false")
    return value
