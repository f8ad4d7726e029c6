"""Discovery against servers that really listen on loopback, and answer as Ollama or a forwarder do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio

from node.backends.configured import from_backend, from_provider
from node.backends.discovery import LocalServers, listening_program
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import BackendConfig, OutputLimit, ProviderConfig, ProviderKind, ProviderModel, Secret
from node.ports import Call, Origin
from protocol.answers import AnswerEvent, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.strict_json import dump_json
from protocol.terms import NanoUsd, Tier
from tests.stand_in import CHUNKED_END, CHUNKED_HEAD, Asked, StandInServer, chunked, closed_port, response, scripted
from tests.unit.test_backends_local_models import CLOUD_TAG, SHOW, TAG

NAME = str(TAG["name"])
REQUEST = ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": "Hi"}]})
STREAM = CHUNKED_HEAD + chunked(
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Answers:
    """What the server says on each path; tests change it as a server would change."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents

    async def script(self, asked: Asked, stream: trio.SocketStream) -> None:
        if asked.path == "/v1/chat/completions":
            await stream.send_all(STREAM + CHUNKED_END)
        elif asked.path in self.documents:
            await stream.send_all(response(dump_json(self.documents[asked.path])))
        else:
            await stream.send_all(response(b"{}", status=404))


def ollama() -> Answers:
    return Answers(
        {
            "/v1/models": {"data": [{"id": NAME, "owned_by": "library"}]},
            "/api/version": {"version": "0.12.6"},
            "/api/tags": {"models": [TAG]},
            "/api/show": SHOW,
        }
    )


@asynccontextmanager
async def served(answers: Answers) -> AsyncIterator[tuple[LocalServers, StandInServer]]:
    async with scripted(answers.script) as server:
        servers = LocalServers([urlsplit(server.url).port or 0, closed_port()])
        await servers.refresh()
        try:
            yield servers, server
        finally:
            await servers.aclose()


async def ask(made: OpenAIHttp, model: str) -> list[AnswerEvent]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    with trio.fail_after(10):
        await made.answer(Call(b"r" * 16, model, REQUEST, 8), emit)
    return events


async def test_ollama_is_found_and_answers() -> None:
    async with served(ollama()) as (servers, server):
        (made,) = servers.backends
        (model,) = await made.models()
        assert (made.name, model.name, model.origin, model.input_price) == ("ollama", NAME, Origin.LOOPBACK, 0)
        events = await ask(made, NAME)
        assert isinstance(events[-1], Finished)
        assert server.asked[-1].json["max_tokens"] == 8


async def test_cloud_model_of_a_local_server_is_remote_and_of_unknown_price() -> None:
    answers = ollama()
    answers.documents["/api/tags"] = {"models": [CLOUD_TAG]}
    async with served(answers) as (servers, _):
        (model,) = await servers.backends[0].models()
        assert (model.origin, model.input_price, model.output_price) == (Origin.REMOTE, None, None)


async def test_unknown_server_on_a_usual_port_is_remote() -> None:
    async with served(Answers({"/v1/models": {"data": [{"id": "gpt-5", "owned_by": "openai"}]}})) as (servers, _):
        (made,) = servers.backends
        assert made.name.startswith("local-")
        assert [(model.name, model.origin) for model in await made.models()] == [("gpt-5", Origin.REMOTE)]


async def test_server_that_a_tunnel_listens_for_is_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.backends.discovery.listening_program", lambda port: "ssh")
    async with served(ollama()) as (servers, _):
        assert [model.origin for model in await servers.backends[0].models()] == [Origin.REMOTE]


async def test_model_that_became_a_forwarded_one_gets_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.backends.discovery.FRESH_S", -1.0)
    answers = ollama()
    async with served(answers) as (servers, server):
        answers.documents["/api/show"] = {**SHOW, "remote_host": "https://ollama.com:443"}
        with pytest.raises(BackendError) as raised:
            await ask(servers.backends[0], NAME)
        assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "model_changed")
        assert "/v1/chat/completions" not in [asked.path for asked in server.asked]


async def test_server_keeps_its_backend_while_it_stays_and_serves_nothing_when_it_left() -> None:
    answers = ollama()
    async with served(answers) as (servers, _):
        before = servers.backends
        await servers.refresh()
        assert servers.backends[0] is before[0]
        answers.documents.clear()
        await servers.refresh()
        assert await before[0].models() == ()


async def test_server_that_never_answers_holds_discovery_up_no_longer_than_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.backends.discovery.INSPECT_S", 0.05)

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with scripted(script) as server:
        servers = LocalServers([urlsplit(server.url).port or 0])
        with trio.fail_after(2):
            await servers.refresh()
        assert servers.backends == ()


async def test_model_that_the_owner_names_has_the_tier_of_the_configuration_and_others_do_not() -> None:
    answers = Answers({"/v1/models": {"data": [{"id": "a"}, {"id": "b"}]}})
    async with scripted(answers.script) as server:
        named = from_backend(BackendConfig("lan", server.url, Tier.EDGE, ("a",), context_tokens=9000, slots=3))
        plain = from_backend(BackendConfig("lan2", server.url))
        assert await named.models() == ()
        assert await named.refresh()
        assert await plain.refresh()
        (model,) = await named.models()
        assert (model.name, model.origin, model.context_tokens, model.slots) == ("a", Origin.CONFIGURED, 9000, 3)
        assert [model.origin for model in await plain.models()] == [Origin.REMOTE, Origin.REMOTE]
        await named.aclose()
        await plain.aclose()


@pytest.mark.parametrize("kind", list(ProviderKind))
async def test_configured_provider_is_a_remote_backend_with_its_prices(kind: ProviderKind) -> None:
    model = ProviderModel("m", NanoUsd(1), NanoUsd(2), None, 8192, 0.9)
    config = ProviderConfig("cloud", kind, "https://host/v1", Secret("k"), (model,), OutputLimit.MAX_TOKENS)
    made = from_provider(config)
    (offered,) = await made.models()
    assert (offered.origin, offered.input_price, offered.output_price, offered.quality) == (Origin.REMOTE, 1, 2, 0.9)
    await made.aclose()


async def test_listening_program_is_this_one_or_unknown() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    program = listening_program(listeners[0].socket.getsockname()[1])
    assert program is None or "python" in program.lower() or "pytest" in program.lower()
    await listeners[0].aclose()
    assert listening_program(closed_port()) is None
