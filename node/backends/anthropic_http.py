"""Anthropic's /v1/messages as a Backend: a chat goes there converted, and comes back as the same events."""

from collections.abc import Mapping

import httpx

from node.backends.anthropic_answer import MessageReader
from node.backends.anthropic_body import request_body
from node.backends.http_backend import EmitDelta, HttpBackend
from node.backends.http_client import Endpoint, consume, exchange
from node.backends.openai_answer import read_json
from node.backends.sse import EventReader
from node.ports import Call
from protocol.answers import Finished

VERSION = "2023-06-01"


class AnthropicHttp(HttpBackend):
    """A Backend for one server. `endpoint` is such as https://api.anthropic.com/v1."""

    def _attempt(self, call: Call) -> "_Attempt":
        return _Attempt(self.endpoint, request_body(call.request, call.model, call.max_output_tokens))

    def _headers(self) -> Mapping[str, str]:
        return headers(self.endpoint)


class _Attempt:
    def __init__(self, endpoint: Endpoint, body: bytes) -> None:
        self._endpoint = endpoint
        self._body = body
        self._reader = MessageReader()

    @property
    def done(self) -> bool:
        return self._reader.done

    def finish(self) -> Finished:
        return self._reader.finish()

    async def run(self, client: httpx.AsyncClient, emit: EmitDelta) -> None:
        events = EventReader()

        async def take(piece: bytes) -> None:
            for event in events.feed(piece):
                for delta in self._reader.feed(read_json(event.data)):
                    await emit(delta)

        url = f"{self._endpoint.url}/messages"
        async with exchange(client, "POST", url, headers(self._endpoint), self._body) as response:
            await consume(response, take)


def headers(endpoint: Endpoint) -> Mapping[str, str]:
    key = {"x-api-key": endpoint.key} if endpoint.key else {}
    return {"content-type": "application/json", "accept": "text/event-stream", "anthropic-version": VERSION, **key}
