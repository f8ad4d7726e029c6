"""What the backends behind HTTP have in common: reachability, deadlines, measurement, and when an answer counts."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import httpx
import trio

from node.agents.estimates import Estimate
from node.backends.http_client import Endpoint, exchange, open_client, read_whole
from node.backends.measured import Load, Measured
from node.backends.openai_answer import broken, read_json
from node.ports import BackendModel, Call, Emit
from protocol.answers import Delta, Finished
from protocol.errors import BackendError, BackendFailure

ANSWER_S = 900.0
PROBE_S = 5.0
LIST_BYTES_MAX = 4 * 1024 * 1024  # OpenRouter's list is 0.6 MB
MODELS_MAX = 4096
MODEL_CHARACTERS_MAX = 256

EmitDelta = Callable[[Delta], Awaitable[None]]


class Attempt(Protocol):
    """One request at one provider."""

    @property
    def done(self) -> bool:
        """The provider has said that nothing follows: what breaks afterwards does not matter."""

    async def run(self, client: httpx.AsyncClient, emit: EmitDelta) -> None:
        """Sends the request and emits what comes. Raises BackendError."""

    def finish(self) -> Finished:
        """Raises BackendError (ambiguous, `cut`) when the answer is not whole."""


class HttpBackend(ABC):
    """A Backend. Its models are what configuration or discovery found; it must be closed with `aclose`."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        models: Sequence[BackendModel],
        client: httpx.AsyncClient | None = None,
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self._models = tuple(models)
        self._client = client or open_client()
        self._measured = Measured()
        self._busy = 0
        self._idle = trio.Event()
        self._reached = True  # until a connection fails

    async def models(self) -> Sequence[BackendModel]:
        """What it was given; after a failed connection, only when the server can be reached again."""
        if not self._reached:
            try:
                await list_models(self._client, self.endpoint, self._headers())
                self._reached = True
            except BackendError as error:
                self._reached = error.failure is BackendFailure.REFUSED  # it answers, whatever it says
        return self._models if self._reached else ()

    def serve(self, models: Sequence[BackendModel]) -> None:
        """From now on it serves these."""
        self._models = tuple(models)

    def load(self) -> Load:
        return Load(max((model.slots for model in self._models), default=0), self._busy, 0)

    def measured(self, model: str) -> Estimate:
        return self._measured.of(model)

    async def answer(self, call: Call, emit: Emit) -> None:
        """Emits the answer, or raises BackendError. Cancelled: the connection is closed at once."""
        if any(model.name == call.model and model.embeds is (call.embed is None) for model in self._models):
            raise BackendError(BackendFailure.REFUSED, "other_kind", "it embeds, or it answers: not what was asked")
        attempt = self._attempt(call)
        with self._measured.timed(call) as stopwatch:

            async def timed(delta: Delta) -> None:
                stopwatch.token()
                await emit(delta)

            await self._run(attempt, timed)
            whole = attempt.finish()
            self._measured.whole(call.model, stopwatch, whole)
        await emit(whole)

    async def _run(self, attempt: Attempt, emit: EmitDelta) -> None:
        """Until the provider has said that nothing follows, or BackendError."""
        if not self._busy:
            self._idle = trio.Event()
        self._busy += 1
        try:
            with trio.move_on_after(ANSWER_S) as deadline:
                await attempt.run(self._client, emit)
            if deadline.cancelled_caught:
                raise BackendError(BackendFailure.AMBIGUOUS, "timeout", f"no whole answer within {ANSWER_S:g} s")
        except BackendError as error:
            if not attempt.done:
                self._reached = error.failure is not BackendFailure.NOT_CONNECTED
                raise
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()
        self._reached = True

    async def retire(self) -> None:
        """Closes it once the answers under way have ended. Cancelled: it is not closed."""
        while self._busy:
            await self._idle.wait()
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    @abstractmethod
    def _attempt(self, call: Call) -> Attempt:
        """Raises BackendError (refused) for what the provider could not do as asked."""

    @abstractmethod
    def _headers(self) -> Mapping[str, str]: ...


async def list_models(client: httpx.AsyncClient, endpoint: Endpoint, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The names that `/models` gives, in its order. Raises BackendError."""
    with trio.move_on_after(PROBE_S) as deadline:
        async with exchange(client, "GET", f"{endpoint.url}/models", headers) as response:
            document = read_json(await read_whole(response, LIST_BYTES_MAX))
    if deadline.cancelled_caught:
        raise BackendError(BackendFailure.NOT_CONNECTED, "timeout", f"no list of models within {PROBE_S:g} s")
    listed = document.get("data") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MODELS_MAX:
        raise broken("models.data")
    names = [model.get("id") for model in listed if isinstance(model, dict)]
    return tuple(name for name in names if isinstance(name, str) and 0 < len(name) <= MODEL_CHARACTERS_MAX)
