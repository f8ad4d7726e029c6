"""Design, sections 1 to 3, where answers come from."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from node.backends.discovery import inspect
from node.backends.http_client import Endpoint, open_client
from node.backends.llama_cpp import EmbeddedLlama
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import OutputLimit
from node.ports import Backend, BackendModel, Call, Origin
from node.supervision import ChildState, supervise
from node.workers.llama_limits import MODEL_NAME
from protocol.answers import AnswerEvent, Finished
from protocol.chat import OUTPUT_LIMITS, ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.terms import NanoUsd
from tests.integration.test_local_servers import Answers, ollama
from tests.stand_in import CHUNKED_HEAD, Asked, Script, answering, chunked, closed_port, response, scripted, streaming
from tests.unit.test_backends_local_models import CLOUD_TAG, SHOW

PAID = BackendModel("m", Origin.REMOTE, 8192, NanoUsd(1), NanoUsd(1))
HELLO = '{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}'
STOP = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


def call(model: str = "m", tokens: int = 8, **members: Any) -> Call:
    body = {"model": "auto", "messages": [{"role": "user", "content": "Tell a very long story."}], **members}
    return Call(b"r" * 16, model, ChatRequest.parse(body), tokens)


async def ask(backend: Backend, one: Call | None = None) -> list[AnswerEvent]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    with trio.fail_after(30):
        await backend.answer(one or call(), emit)
    return events


@asynccontextmanager
async def provider(script: Script) -> AsyncIterator[OpenAIHttp]:
    async with scripted(script) as server, closing(server.url) as backend:
        yield backend


@asynccontextmanager
async def closing(url: str, limit: OutputLimit = OutputLimit.MAX_TOKENS) -> AsyncIterator[OpenAIHttp]:
    backend = OpenAIHttp("cloud", Endpoint.parse(url, "k"), [PAID], limit=limit)
    try:
        yield backend
    finally:
        await backend.aclose()


async def origins(answers: Answers, host: str = "127.0.0.1") -> set[Origin]:
    async with scripted(answers.script) as server, open_client() as client:
        endpoint = Endpoint.parse(server.url.replace("127.0.0.1", host))
        return {model.origin for model in (await inspect(client, endpoint)).models}


async def test_only_a_server_on_loopback_shown_to_run_the_model_itself_is_taken_for_local() -> None:
    assert await origins(ollama()) == {Origin.LOOPBACK}


async def test_model_that_a_local_server_forwards_is_remote_by_its_cloud_tag_or_its_remote_host() -> None:
    tagged, forwarded = ollama(), ollama()
    tagged.documents["/api/tags"] = {"models": [{**CLOUD_TAG, "size": 2**30}]}
    forwarded.documents["/api/show"] = {**SHOW, "remote_host": "https://ollama.com:443"}
    assert await origins(tagged) == {Origin.REMOTE}
    assert await origins(forwarded) == {Origin.REMOTE}


async def test_server_elsewhere_on_the_network_is_remote_whatever_it_says() -> None:
    assert await origins(ollama(), host="0.0.0.0") == {Origin.REMOTE}


async def test_what_cannot_be_told_is_remote_and_its_price_unknown() -> None:
    assert await origins(Answers({"/v1/models": {"data": [{"id": "m"}]}})) == {Origin.REMOTE}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
async def test_4xx_except_408_is_a_definite_refusal(status: int) -> None:
    async with provider(answering(response(b"{}", status=status))) as backend:
        with pytest.raises(BackendError) as raised:
            await ask(backend)
    assert raised.value.failure is BackendFailure.REFUSED


async def test_not_connected_is_definite() -> None:
    async with closing(f"http://127.0.0.1:{closed_port()}/v1") as backend:
        with pytest.raises(BackendError) as raised:
            await ask(backend)
    assert raised.value.failure is BackendFailure.NOT_CONNECTED


@pytest.mark.parametrize(
    "script",
    [
        answering(response(b"{}", status=408)),
        answering(response(b"{}", status=500)),
        answering(b""),
        streaming(HELLO),
        streaming(HELLO, STOP, end=b""),
        streaming(HELLO, '{"error":{"message":"x"}}'),
    ],
)
async def test_whatever_else_ends_without_a_whole_answer_is_ambiguous(script: Script) -> None:
    async with provider(script) as backend:
        with pytest.raises(BackendError) as raised:
            await ask(backend)
    assert raised.value.failure is BackendFailure.AMBIGUOUS


@pytest.mark.parametrize("limit", list(OutputLimit))
async def test_output_limit_goes_under_the_name_the_provider_takes_and_no_other(limit: OutputLimit) -> None:
    async with scripted(streaming(HELLO, STOP, "[DONE]")) as server, closing(server.url, limit) as backend:
        await ask(backend, call(tokens=77))
        sent = server.asked[0].json
    assert {name: sent[name] for name in OUTPUT_LIMITS if name in sent} == {limit.value: 77}


async def test_client_that_disconnects_cancels_the_cloud_request_within_a_second() -> None:
    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await stream.send_all(CHUNKED_HEAD + chunked(f"data: {HELLO}\n\n".encode()))
        await stream.receive_some()
        raise trio.BrokenResourceError

    async with scripted(script) as server, closing(server.url) as backend:
        with trio.CancelScope() as client:

            async def emit(event: AnswerEvent) -> None:
                client.cancel()

            await backend.answer(call(), emit)
        with trio.fail_after(1):
            await server.client_gone.wait()


@pytest.mark.model
async def test_client_that_disconnects_frees_the_decoding_slot_and_a_killed_worker_restarts_alone() -> None:
    llama = EmbeddedLlama()
    child = ChildState("llama")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise, child, "node.workers.llama", ["--slots", "1"], llama.serve)
        with trio.fail_after(30):
            await llama.ready()
        with trio.CancelScope() as client:

            async def emit(event: AnswerEvent) -> None:
                client.cancel()

            await llama.answer(call(MODEL_NAME, 2000), emit)
        with trio.fail_after(1):
            while True:
                if llama.load().busy == 0:
                    break
                await trio.sleep(0.005)

        async def kill(event: AnswerEvent) -> None:
            if child.starts == 1 and child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)

        with pytest.raises(BackendError):
            await llama.answer(call(MODEL_NAME, 2000), kill)
        with trio.fail_after(30):
            await llama.ready()
        assert isinstance((await ask(llama, call(MODEL_NAME, 2)))[-1], Finished)
        assert child.starts == 2
        nursery.cancel_scope.cancel()
