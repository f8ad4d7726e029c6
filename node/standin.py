"""A stand-in for a cloud provider: the embedded model behind OpenAI's API, keeping every request that it was sent.

`python -m node.standin --record FILE --key KEY [--port 0]` prints one JSON line, {"url", "model", "pid"}, when it is
ready. It has a llama worker of its own, and asks for the key as a provider would: the demo shows what a cloud sees.
FILE gets one line of JSON for each request, written before it is answered.
"""

import argparse
import hmac
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import trio

from node.api.connection import Receive, Send
from node.api.response import Message
from node.api.server import Server
from node.backends.llama_cpp import EmbeddedLlama
from node.ports import Call
from node.supervision import ChildState, supervise
from node.workers.llama_limits import MODEL_NAME
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, RequestError
from protocol.strict_json import dump_json, parse_json

SERVED_MODEL = "cloud-smollm2-135m"
OUTPUT_TOKENS = 512  # where a request names no limit
READY_S = 120.0

Json = Mapping[str, object]


class StandIn:
    """The provider's side, an ASGI application. `record` is given each body as it came, whoever sent it."""

    def __init__(self, llama: EmbeddedLlama, key: str, record: Callable[[bytes], None]) -> None:
        self._llama = llama
        self._key = key.encode()
        self._record = record
        self._answers = 0

    async def app(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        if body:
            self._record(body)
        given = dict(scope["headers"]).get(b"authorization", b"").removeprefix(b"Bearer ")
        if not hmac.compare_digest(given, self._key):
            await _respond(send, 401, _error("invalid_api_key", "wrong key"))
            return
        match scope["method"], scope["path"]:
            case "GET", "/v1/models":
                model = {"id": SERVED_MODEL, "object": "model", "created": 0, "owned_by": "islandrun"}
                await _respond(send, 200, {"object": "list", "data": [model]})
            case "POST", "/v1/chat/completions":
                await self._chat(body, send)
            case _:
                await _respond(send, 404, _error("not_found", "no such path"))

    async def _chat(self, body: bytes, send: Send) -> None:
        try:
            chat = ChatRequest.parse(body)
        except RequestError as error:
            await _respond(send, 400, _error("invalid_request_error", str(error)))
            return
        if chat.model != SERVED_MODEL:
            await _respond(send, 404, _error("model_not_found", "no such model"))
            return
        self._answers += 1
        call = Call(os.urandom(16), MODEL_NAME, chat, chat.max_output_tokens or OUTPUT_TOKENS)
        head: Json = {"id": f"chatcmpl-{self._answers}", "created": 0, "model": SERVED_MODEL}
        answer = _Streamed(head, call, send) if chat.stream else _Whole(head, send)
        try:
            await self._llama.answer(call, answer.emit)
        except BackendError as error:
            await answer.fail(error)


class _Whole:
    def __init__(self, head: Json, send: Send) -> None:
        self._head = head
        self._send = send
        self._text: list[str] = []

    async def emit(self, event: AnswerEvent) -> None:
        if isinstance(event, Delta):
            self._text.append(event.content)
            return
        message = {"role": "assistant", "content": "".join(self._text)}
        choice = {"index": 0, "message": message, "finish_reason": event.reason}
        answer = {**self._head, "object": "chat.completion", "choices": [choice], "usage": _usage(event)}
        await _respond(self._send, 200, answer)

    async def fail(self, error: BackendError) -> None:
        await _respond(self._send, error.status or 500, _error(error.code, "the model gave no answer"))


class _Streamed:
    def __init__(self, head: Json, call: Call, send: Send) -> None:
        self._head: Json = {**head, "object": "chat.completion.chunk"}
        self._usage = call.request.include_usage
        self._send = send
        self._started = False

    async def emit(self, event: AnswerEvent) -> None:
        if not self._started:
            self._started = True
            await _start(self._send, 200, b"text/event-stream")
            await self._chunk({"role": "assistant", "content": ""}, None)
        if isinstance(event, Delta):
            await self._chunk({"content": event.content}, None)
            return
        await self._chunk({}, event.reason)
        if self._usage:
            await self._line(dump_json({**self._head, "choices": [], "usage": _usage(event)}))
        await self._line(b"[DONE]")
        await self._send({"type": "http.response.body", "body": b""})

    async def fail(self, error: BackendError) -> None:
        document = _error(error.code, "the model gave no answer")
        if not self._started:
            await _respond(self._send, error.status or 500, document)
            return
        await self._line(dump_json(document))
        await self._send({"type": "http.response.body", "body": b""})

    async def _chunk(self, delta: Json, reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        await self._line(dump_json({**self._head, "choices": [choice]}))

    async def _line(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": b"data: " + data + b"\n\n", "more_body": True})


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _start(send: Send, status: int, kind: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})


async def _respond(send: Send, status: int, document: Json) -> None:
    await _start(send, status, b"application/json")
    await send({"type": "http.response.body", "body": dump_json(document)})


def _error(code: str, message: str) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _usage(event: Finished) -> Json:
    return {
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "total_tokens": event.prompt_tokens + event.completion_tokens,
    }


def recorder(path: Path) -> Callable[[bytes], None]:
    """Appends one line of JSON for each body: the body itself, or its text as a string where it is no JSON."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def record(body: bytes) -> None:
        try:
            line = dump_json(parse_json(body))
        except RequestError:
            line = dump_json(body.decode(errors="replace"))
        os.write(file, line + b"\n")

    return record


async def serve(port: int, key: str, record: Callable[[bytes], None], announce: Callable[[str], None]) -> None:
    """Until cancelled; announces one JSON line when the model is loaded and the port is open."""
    llama = EmbeddedLlama()
    server = Server(StandIn(llama, key, record).app)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise, ChildState("standin-llama"), "node.workers.llama", [], llama.serve)
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
        with trio.fail_after(READY_S):
            await llama.ready()
        bound = listeners[0].socket.getsockname()[1]
        ready = {"url": f"http://127.0.0.1:{bound}/v1", "model": SERVED_MODEL, "pid": os.getpid()}
        announce(json.dumps(ready))
        await server.serve(listeners)


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="node.standin", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args(arguments)
    trio.run(serve, options.port, options.key, recorder(options.record), _announce)


if __name__ == "__main__":
    main(sys.argv[1:])
