"""Any server that speaks OpenAI's chat completions: a cloud provider, or one of this machine's own."""

from collections.abc import Mapping, Sequence

import httpx
import trio

from node.backends.http_backend import Attempt, EmitDelta, HttpBackend
from node.backends.http_client import Endpoint, consume, exchange, is_json, read_whole
from node.backends.openai_answer import AnswerReader, read_json
from node.backends.openai_embeddings import EmbeddingAttempt
from node.backends.sse import EventReader
from node.configuration.values import OutputLimit
from node.ports import BackendModel, Call
from protocol.answers import Finished
from protocol.chat import OUTPUT_LIMITS, ChatRequest

DRAIN_S = 0.2

assert {limit.value for limit in OutputLimit} == set(OUTPUT_LIMITS)


class OpenAIHttp(HttpBackend):
    """A Backend for one server. `endpoint` is such as https://api.openai.com/v1."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        models: Sequence[BackendModel],
        *,
        limit: OutputLimit,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(name, endpoint, models, client)
        self._limit = limit

    def _attempt(self, call: Call) -> Attempt:
        if call.embed is not None:
            return EmbeddingAttempt(self.endpoint, self._headers(), call)
        body = request_body(call.request, call.model, call.max_output_tokens, self._limit)
        return _Attempt(self.endpoint, body)

    def _headers(self) -> Mapping[str, str]:
        return headers(self.endpoint)


class _Attempt:
    def __init__(self, endpoint: Endpoint, body: bytes) -> None:
        self._endpoint = endpoint
        self._body = body
        self._reader = AnswerReader(len(body))

    @property
    def done(self) -> bool:
        return self._reader.done

    def finish(self) -> Finished:
        return self._reader.finish()

    async def run(self, client: httpx.AsyncClient, emit: EmitDelta) -> None:
        url = f"{self._endpoint.url}/chat/completions"
        async with exchange(client, "POST", url, headers(self._endpoint), self._body) as response:
            if not is_json(response):
                await self._stream(response, emit)
                return
            for delta in self._reader.feed_whole(read_json(await read_whole(response))):  # it does not stream
                await emit(delta)

    async def _stream(self, response: httpx.Response, emit: EmitDelta) -> None:
        """Until [DONE], and then DRAIN_S more: a body read to its end leaves a connection to be used again."""
        events = EventReader()
        with trio.CancelScope() as drain:

            async def take(piece: bytes) -> None:
                for event in events.feed(piece):
                    for delta in self._reader.feed_text(event.data):
                        await emit(delta)
                if self._reader.done:
                    drain.deadline = min(drain.deadline, trio.current_time() + DRAIN_S)

            await consume(response, take)


def request_body(request: ChatRequest, model: str, max_output_tokens: int, limit: OutputLimit) -> bytes:
    """The client's body for this server: its name of the model, streamed with usage, with exactly one output limit."""
    without: dict[str, object] = {name: None for name in OUTPUT_LIMITS if name != limit}
    return request.with_body(
        **without,
        **{limit.value: max_output_tokens},
        model=model,
        stream=True,
        stream_options={"include_usage": True},
    ).to_json()


def headers(endpoint: Endpoint) -> Mapping[str, str]:
    key = {"authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    return {"content-type": "application/json", "accept": "text/event-stream, application/json", **key}
