"""A cloud provider on loopback that does what the name of the model says, and keeps what it was sent."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback_http import serving, url_of

KEY = "provider-key-1"
LONG_PIECES = 3_000
LONG_PIECE_CHARACTERS = 1_000
SLOW_PIECES = 20
SLOW_PIECE_S = 0.1
ECHO_CHARACTERS = 7
EMBEDDINGS = "/v1/embeddings"
PATHS = ("/v1/chat/completions", EMBEDDINGS)
MODELS = ("echo", "long", "slow", "hang", "cut-before", "cut-after", "refuse")


class ScriptedCloud:
    """Made by `scripted_cloud`. `bodies` are the requests in order, as bytes; `released` ends what hangs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []
        self.released = threading.Event()

    def provider(self, name: str = "cloud", *, paid: bool = False) -> str:
        """The tables of a config.toml in whose directory `cloud.key` is."""
        price = ("0.15", "0.60") if paid else ("0", "0")
        models = "".join(
            f'[[providers.models]]\nname = "{model}"\ninput_usd = "{price[0]}"\noutput_usd = "{price[1]}"\n'
            for model in MODELS
        )
        return f'[[providers]]\nname = "{name}"\nurl = "{self.url}"\nkey_file = "cloud.key"\n{models}'

    def asked(self, model: str) -> int:
        return sum(json.loads(body)["model"] == model for body in self.bodies)

    def text(self) -> str:
        return b"\n".join(self.bodies).decode("utf-8")


def long_answer() -> list[str]:
    """What the model `long` says: more than sockets between it and a client can hold."""
    return [f"{index:05d} ".ljust(LONG_PIECE_CHARACTERS, "x") for index in range(LONG_PIECES)]


@contextlib.contextmanager
def scripted_cloud() -> Iterator[ScriptedCloud]:
    with serving(_Handler) as server:
        cloud = ScriptedCloud(f"{url_of(server)}/v1")
        server.cloud = cloud  # type: ignore[attr-defined]
        try:
            yield cloud
        finally:
            cloud.released.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        cloud: ScriptedCloud = self.server.cloud  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["content-length"]))
        cloud.bodies.append(body)
        request = json.loads(body)
        if self.headers["authorization"] != f"Bearer {KEY}" or self.path not in PATHS:
            self._refuse(401, "invalid_api_key")
            return
        if self.path == EMBEDDINGS:
            self._embed(request)
            return
        with contextlib.suppress(ConnectionError):
            self._answer(cloud, request)

    def _answer(self, cloud: ScriptedCloud, request: dict[str, Any]) -> None:
        answers: dict[str, Callable[[], None]] = {
            "echo": lambda: self._stream(_pieces(str(request["messages"][-1]["content"]))),
            "long": lambda: self._stream(long_answer()),
            "slow": lambda: self._stream(["slow "] * SLOW_PIECES, wait=lambda: cloud.released.wait(SLOW_PIECE_S)),
            "hang": lambda: self._cut([], wait=cloud.released.wait),
            "cut-before": lambda: self._cut([]),
            "cut-after": lambda: self._cut(["some ", "words "]),
            "refuse": lambda: self._refuse(400, "invalid_request_error"),
        }
        answers[request["model"]]()

    def _embed(self, request: dict[str, Any]) -> None:
        """The vector of a text is its length."""
        data = [{"index": i, "embedding": [float(len(text)), 0.5]} for i, text in enumerate(request["input"])]
        self._json(200, {"object": "list", "data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}})

    def _stream(self, pieces: list[str], wait: Callable[[], object] = bool) -> None:
        self._begin()
        for piece in pieces:
            wait()
            self._event(_chunk({"content": piece}))
        self._event(_chunk({}, "stop"))
        usage = {"prompt_tokens": 1_000, "completion_tokens": len(pieces), "total_tokens": 1_000 + len(pieces)}
        self._event(json.dumps({"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": usage}))
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self, pieces: list[str], wait: Callable[[], object] = bool) -> None:
        self._begin()
        for piece in pieces:
            self._event(_chunk({"content": piece}))
        wait()
        self.close_connection = True

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))

    def _refuse(self, status: int, code: str) -> None:
        self._json(status, {"error": {"message": "no", "type": code, "code": code, "param": None}})

    def _json(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The tests' output stays quiet."""


def _pieces(text: str) -> list[str]:
    return [text[at : at + ECHO_CHARACTERS] for at in range(0, len(text), ECHO_CHARACTERS)]


def _chunk(delta: dict[str, str], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return json.dumps({"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]})
