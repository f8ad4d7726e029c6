"""One request and its answer, as the routes see them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from node.api.connection import Receive, Send
from node.api.faults import Dialect, Fault
from node.api.response import Message
from protocol.errors import RequestError
from protocol.strict_json import dump_json, parse_json

HeaderPairs = Sequence[tuple[str, str]]

JSON = "application/json"
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"  # one JSON object a line
QUERY_FIELDS_MAX = 16


class Exchange:
    """Reads the request, writes one answer. Every method that sends waits while the client does not read."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
        self.key_name = ""  # who asks; set once the key was checked
        self.decision = ""  # the id in the ledger, once there is one; a refusal carries it too
        self.rest = ""  # what follows the path of an endpoint that takes more
        self.dialect = Dialect.OPENAI
        self.status = 0  # of the answer; 0 until it starts
        self._query: bytes = scope["query_string"]
        self._receive = receive
        self._send = send
        self._is_events = False

    def header(self, name: str) -> str | None:
        """The value of a header that may be there once. Raises RequestError when it is there twice or not ASCII."""
        wanted = name.encode("ascii")
        values = [value for each, value in self.headers if each == wanted]
        if not values:
            return None
        if len(values) > 1:
            raise RequestError(name, "given more than once")
        try:
            return values[0].decode("ascii")
        except UnicodeDecodeError:
            raise RequestError(name, "not ASCII") from None

    def query(self, *known: str) -> Mapping[str, str]:
        """Raises RequestError at a field that is not `known`, or there twice."""
        try:
            pairs = parse_qsl(self._query.decode("ascii"), keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
        except ValueError:
            raise RequestError("query", "not understood") from None
        fields = dict(pairs)
        if len(fields) != len(pairs) or not fields.keys() <= set(known):
            raise RequestError("query", f"expected at most: {', '.join(known) or 'nothing'}")
        return fields

    async def body(self) -> bytes:
        """The whole body. Raises HttpError at a limit of size or time."""
        message = await self._receive()
        return bytes(message["body"])

    async def json_object(self, *known: str) -> dict[str, Any]:
        """The body of a management request: a JSON object with no member but the `known`."""
        data = await self.body()
        value = parse_json(data) if data else {}
        if not isinstance(value, dict):
            raise RequestError("body", "expected a JSON object")
        for name in value:
            if name not in known:
                raise RequestError("body", f"an unknown member; expected {', '.join(known) or 'none'}")
        return dict(value)

    async def respond(self, status: int, body: bytes, content_type: str = JSON, headers: HeaderPairs = ()) -> None:
        await self._start(status, content_type, headers)
        await self._send({"type": "http.response.body", "body": body})

    async def json(self, value: object, headers: HeaderPairs = ()) -> None:
        await self.respond(200, dump_json(value), headers=headers)

    async def start_events(self, headers: HeaderPairs = (), content_type: str = EVENTS) -> None:
        """Begins a stream of events, server-sent or lines; nothing leaves before the first piece."""
        self._is_events = True
        await self._start(200, content_type, headers)

    async def write(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def tell(self, fault: Fault) -> bool:
        """Tells why there is no whole answer; False when one had begun: its stream must stay without an end."""
        if not self.status:
            decision = (("x-islandrun-decision", self.decision),) if self.decision else ()
            await self.respond(fault.status, fault.body(self.dialect), headers=(*fault.headers, *decision))
            return True
        if self._is_events:
            await self.write(fault.event(self.dialect))
        return False

    async def _start(self, status: int, content_type: str, headers: HeaderPairs) -> None:
        pairs = [
            (b"content-type", content_type.encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        pairs += [(name.encode("ascii"), header_text(value)) for name, value in headers]
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})


def header_text(value: str) -> bytes:
    """`value` as a header can carry it: what is no visible ASCII becomes %XX."""
    if value.isascii() and value.isprintable() and "%" not in value:
        return value.encode("ascii")
    return b"".join(
        bytes((byte,)) if 0x20 <= byte < 0x7F and byte != 0x25 else b"%%%02X" % byte for byte in value.encode("utf-8")
    )
