"""Finds model servers on this machine's loopback ports, and what of theirs runs here (`local_models` judges)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import httpx
import psutil
import trio

from node.backends.http_client import Endpoint, exchange, open_client, read_whole
from node.backends.local_models import (
    MODELS_MAX,
    LocalModel,
    from_llama_server,
    from_lm_studio,
    from_ollama,
    from_unknown,
    from_vllm,
    is_forwarder,
)
from node.backends.openai_answer import read_json
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import BackendConfig, OutputLimit
from node.ports import BackendModel, Call, Emit, Origin
from protocol.errors import BackendError, BackendFailure
from protocol.strict_json import Json, dump_json
from protocol.terms import NanoUsd, Tier

USUAL_PORTS = (11434, 8080, 1234, 8000)  # Ollama, llama.cpp server, LM Studio, vLLM
PROBE_S = 2.0  # for one question; servers on loopback answer in milliseconds
INSPECT_S = 5.0  # for all questions to one server
FRESH_S = 5.0  # how long what was found holds for a request
BYTES_MAX = 8 * 1024 * 1024  # Ollama's /api/show carries whole licences and tokenizers
UNPAID = NanoUsd(0)


@dataclass(frozen=True, slots=True)
class Found:
    """A server, and its chat models."""

    kind: str  # ollama | llama-server | lm-studio | vllm | unknown
    models: tuple[LocalModel, ...]


NOTHING = Found("unknown", ())


class ModelServer(OpenAIHttp):
    """A Backend for one server that was found, or that the owner named: then `named` says what holds for its models.

    Before a request it makes sure that the model still runs where it ran when it was offered.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        found: Found = NOTHING,
        *,
        named: BackendConfig | None = None,
        client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(name, endpoint, (), limit=OutputLimit.MAX_TOKENS, client=client)
        self._named = named
        self._take(found)

    async def refresh(self) -> bool:
        """Looks again at what it serves. False, and nothing served, when it is gone."""
        found = await inspect(self._client, self.endpoint)
        self._take(found)
        return bool(found.models)

    async def answer(self, call: Call, emit: Emit) -> None:
        """As OpenAIHttp; refuses (`model_changed`) where the model has gone elsewhere since it was offered."""
        before = self._origin(call.model)
        if before is Origin.LOOPBACK and trio.current_time() - self._seen > FRESH_S:
            await self.refresh()
        if before is None or self._origin(call.model) is not before:
            raise BackendError(BackendFailure.REFUSED, "model_changed", "the server no longer runs it as offered")
        await super().answer(call, emit)

    def _take(self, found: Found) -> None:
        self._seen = trio.current_time()
        self.serve([model for local in found.models if (model := _offered(local, self._named)) is not None])

    def _origin(self, name: str) -> Origin | None:
        return next((model.origin for model in self._models if model.name == name), None)


class LocalServers:
    """The servers found on some ports of 127.0.0.1. Servers keep their Backend, with what was measured, while found."""

    def __init__(self, ports: Sequence[int] = USUAL_PORTS) -> None:
        self._ports = tuple(ports)
        self._servers: dict[int, ModelServer] = {}

    @property
    def backends(self) -> tuple[ModelServer, ...]:
        return tuple(self._servers[port] for port in self._ports if port in self._servers)

    async def refresh(self) -> None:
        """Asks every port. Never raises for what a server does; takes INSPECT_S at most."""
        async with trio.open_nursery() as nursery:
            for port in self._ports:
                nursery.start_soon(self._refresh, port)

    async def aclose(self) -> None:
        for server in self._servers.values():
            await server.aclose()

    async def _refresh(self, port: int) -> None:
        known = self._servers.get(port)
        if known is not None:
            await known.refresh()
            return
        client = open_client()
        endpoint = Endpoint.parse(f"http://127.0.0.1:{port}/v1")
        found = await inspect(client, endpoint)
        if found.models:
            name = f"local-{port}" if found.kind == "unknown" else found.kind
            taken = {server.name for server in self._servers.values()}
            name = f"{name}-{port}" if name in taken else name
            self._servers[port] = ModelServer(name, endpoint, found, client=client)
        else:
            await client.aclose()


async def inspect(client: httpx.AsyncClient, endpoint: Endpoint) -> Found:
    """What a server is and serves; no models when it does not answer. Away from loopback everything is REMOTE."""
    found = NOTHING
    with trio.move_on_after(INSPECT_S):
        found = await _identify(_Questions(client, endpoint))
        if found.models and not await _is_here(endpoint):
            found = Found(found.kind, tuple(replace(model, origin=Origin.REMOTE) for model in found.models))
    return found


async def _is_here(endpoint: Endpoint) -> bool:
    """On loopback, and not behind a program that is known to pass on what it gets."""
    return endpoint.loopback and not is_forwarder(await trio.to_thread.run_sync(listening_program, endpoint.port))


def listening_program(port: int) -> str | None:
    """The name of the program that listens on a TCP port here; None where the system does not tell."""
    try:
        pids = [
            connection.pid
            for connection in psutil.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid
        ]
        return str(psutil.Process(pids[0]).name()) if pids else None
    except (psutil.Error, OSError):
        return None


class _Questions:
    """Bounded questions to one server; None where there is no answer in JSON."""

    def __init__(self, client: httpx.AsyncClient, endpoint: Endpoint) -> None:
        self._client = client
        self._endpoint = endpoint
        self._root = endpoint.url.removesuffix("/v1")

    async def ask(self, path: str, body: Json = None) -> object:
        headers = {"authorization": f"Bearer {self._endpoint.key}"} if self._endpoint.key else {}
        data = None if body is None else dump_json(body)
        answer: object = None
        with trio.move_on_after(PROBE_S):
            try:
                method = "GET" if data is None else "POST"
                async with exchange(self._client, method, self._root + path, headers, data) as response:
                    answer = read_json(await read_whole(response, BYTES_MAX))
            except BackendError:
                return None
        return answer


async def _identify(server: _Questions) -> Found:
    models = await server.ask("/v1/models")
    if models is None:
        return NOTHING
    if found := from_llama_server(await server.ask("/props"), models):
        return Found("llama-server", found)
    if found := from_lm_studio(await server.ask("/api/v0/models")):
        return Found("lm-studio", found)
    if found := await _ollama(server):
        return Found("ollama", found)
    if found := from_vllm(await server.ask("/version"), models):
        return Found("vllm", found)
    return Found("unknown", from_unknown(models))


async def _ollama(server: _Questions) -> tuple[LocalModel, ...]:
    version, tags = await server.ask("/api/version"), await server.ask("/api/tags")
    if not isinstance(version, dict) or not isinstance(tags, dict) or not isinstance(tags.get("models"), list):
        return ()
    found = []
    for tag in tags["models"][:MODELS_MAX]:
        name = tag.get("model") if isinstance(tag, dict) else None
        if isinstance(name, str):
            found.append(from_ollama(tag, await server.ask("/api/show", {"model": name})))
    return tuple(model for model in found if model is not None)


def _offered(model: LocalModel, named: BackendConfig | None) -> BackendModel | None:
    """What runs here, or near by the owner's word, costs nothing; what a cloud costs, only a provider's prices say."""
    origin, context, slots = model.origin, model.context_tokens, model.slots
    if named is not None:
        if named.models and model.name not in named.models:
            return None
        if named.models and named.tier is not None:
            origin = Origin.CONFIGURED
        context, slots = named.context_tokens or context, named.slots
    far = origin is Origin.REMOTE or (origin is Origin.CONFIGURED and named is not None and named.tier is Tier.CLOUD)
    price = None if far else UNPAID
    embeds = model.embeds or (named is not None and model.name in named.embeds)
    tools = model.tools and not embeds
    return BackendModel(model.name, origin, context, price, price, slots, tools=tools, embeds=embeds)
