"""Any server that speaks OpenAI's chat completions: a cloud provider, or one of this machine's own."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import httpx
import trio

from node.backends.http_client import ANSWER_S, Endpoint, consume, exchange, is_json, open_client, read_whole
from node.backends.measured import Load, Measured, Stopwatch
from node.backends.openai_answer import AnswerReader, broken, read_json
from node.backends.sse import EventReader
from node.ports import BackendModel, Call, Emit
from protocol.chat import OUTPUT_LIMITS, ChatRequest
from protocol.errors import BackendError, BackendFailure

PROBE_S = 5.0
DRAIN_S = 0.2
LIST_BYTES_MAX = 4 * 1024 * 1024  # OpenRouter's list is 0.6 MB
MODELS_MAX = 4096
MODEL_CHARACTERS_MAX = 256


class OutputLimit(StrEnum):
    """The name under which a provider takes the bound of the answer; exactly one is sent."""

    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    MAX_TOKENS = "max_tokens"
    MAX_OUTPUT_TOKENS = "max_output_tokens"

    @classmethod
    def usual(cls, endpoint: Endpoint) -> "OutputLimit":
        """OpenAI's newer models refuse `max_tokens`; most other servers know nothing else."""
        openai = endpoint.host == "api.openai.com" or endpoint.host.endswith(".openai.azure.com")
        return cls.MAX_COMPLETION_TOKENS if openai else cls.MAX_TOKENS


assert {limit.value for limit in OutputLimit} == set(OUTPUT_LIMITS)


class OpenAIHttp:
    """A Backend. Its models are what configuration or discovery found; it must be closed with `aclose`."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        models: Sequence[BackendModel],
        *,
        limit: OutputLimit | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self._models = tuple(models)
        self._limit = limit or OutputLimit.usual(endpoint)
        self._client = client or open_client()
        self._measured: dict[str, Measured] = {}
        self._busy = 0
        self._reached = True  # until a connection fails

    async def models(self) -> Sequence[BackendModel]:
        """What it was given; after a failed connection, only when the server can be reached again."""
        if not self._reached:
            try:
                await list_models(self._client, self.endpoint)
                self._reached = True
            except BackendError as error:
                self._reached = error.failure is BackendFailure.REFUSED  # it answers, whatever it says
        return self._models if self._reached else ()

    def load(self) -> Load:
        return Load(max((model.slots for model in self._models), default=0), self._busy, 0)

    def measured(self, model: str) -> Measured:
        return self._measured.get(model, Measured())

    async def answer(self, call: Call, emit: Emit) -> None:
        """Emits the answer, or raises BackendError. Cancelled: the connection is closed at once."""
        body = request_body(call.request, call.model, call.max_output_tokens, self._limit)
        reader = AnswerReader(len(body))
        stopwatch = Stopwatch(trio.current_time)
        self._busy += 1
        try:
            with trio.move_on_after(ANSWER_S) as deadline:
                await self._exchange(body, reader, stopwatch, emit)
            if deadline.cancelled_caught:
                raise BackendError(BackendFailure.AMBIGUOUS, "timeout", f"no whole answer within {ANSWER_S:g} s")
        except BackendError as error:
            if not reader.done:
                self._reached = error.failure is not BackendFailure.NOT_CONNECTED
                raise
        finally:
            self._busy -= 1
        self._reached = True
        whole = reader.finish()
        self._measured[call.model] = stopwatch.observe(self.measured(call.model), whole.completion_tokens)
        await emit(whole)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _exchange(self, body: bytes, reader: AnswerReader, stopwatch: Stopwatch, emit: Emit) -> None:
        url = f"{self.endpoint.url}/chat/completions"
        async with exchange(self._client, "POST", url, headers(self.endpoint), body) as response:
            if is_json(response):  # it does not stream
                for delta in reader.feed_whole(read_json(await read_whole(response))):
                    stopwatch.token()
                    await emit(delta)
                return
            await _stream(response, reader, stopwatch, emit)


async def _stream(response: httpx.Response, reader: AnswerReader, stopwatch: Stopwatch, emit: Emit) -> None:
    """Reads until [DONE], and then for DRAIN_S more: a body read to its end leaves a connection to be used again."""
    events = EventReader()
    with trio.CancelScope() as drain:

        async def take(piece: bytes) -> None:
            for event in events.feed(piece):
                for delta in reader.feed_text(event.data):
                    stopwatch.token()
                    await emit(delta)
            if reader.done:
                drain.deadline = trio.current_time() + DRAIN_S

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


async def list_models(client: httpx.AsyncClient, endpoint: Endpoint) -> tuple[str, ...]:
    """The names that `/models` gives, in its order. Raises BackendError."""
    with trio.move_on_after(PROBE_S) as deadline:
        async with exchange(client, "GET", f"{endpoint.url}/models", headers(endpoint)) as response:
            document = read_json(await read_whole(response, LIST_BYTES_MAX))
    if deadline.cancelled_caught:
        raise BackendError(BackendFailure.NOT_CONNECTED, "timeout", f"no list of models within {PROBE_S:g} s")
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MODELS_MAX:
        raise broken("models.data")
    names = [model.get("id") for model in listed if isinstance(model, dict)]
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= MODEL_CHARACTERS_MAX)
