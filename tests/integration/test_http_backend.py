"""The HTTP backends against a server that really speaks HTTP, and breaks it wherever a test wants."""

import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from node.backends.anthropic_http import AnthropicHttp
from node.backends.http_backend import HttpBackend, list_models
from node.backends.http_client import Endpoint, open_client
from node.backends.openai_http import OpenAIHttp, headers
from node.configuration.values import OutputLimit
from node.ports import BackendModel, Call, Origin
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.terms import NanoUsd
from tests.stand_in import (
    CHUNKED_HEAD,
    Asked,
    Script,
    StandInServer,
    answering,
    chunked,
    closed_port,
    response,
    scripted,
    streaming,
)

KEY = "sk-very-secret"
MODEL = BackendModel("m", Origin.REMOTE, 8192, NanoUsd(150_000_000), NanoUsd(600_000_000))
HELLO = '{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}'
STOP = '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
USAGE = '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":1}}'


def call(**members: object) -> Call:
    body = {"model": "asked", "messages": [{"role": "user", "content": "PROMPTCANARY"}], **members}
    return Call(b"r" * 16, "m", ChatRequest.parse(body), 64)


def openai(url: str, limit: OutputLimit = OutputLimit.MAX_TOKENS) -> OpenAIHttp:
    return OpenAIHttp("cloud", Endpoint.parse(url, KEY), [MODEL], limit=limit)


@asynccontextmanager
async def backend(
    script: Script, limit: OutputLimit = OutputLimit.MAX_TOKENS
) -> AsyncIterator[tuple[OpenAIHttp, StandInServer]]:
    async with scripted(script) as server:
        made = OpenAIHttp("cloud", Endpoint.parse(server.url, KEY), [MODEL], limit=limit)
        try:
            yield made, server
        finally:
            await made.aclose()


async def ask(made: HttpBackend, one: Call | None = None) -> list[AnswerEvent]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    with trio.fail_after(5):
        await made.answer(one or call(), emit)
    return events


async def failure(script: Script) -> BackendError:
    async with backend(script) as (made, _):
        with pytest.raises(BackendError) as raised:
            await ask(made)
    return raised.value


async def test_streamed_answer_comes_as_deltas_and_one_finished() -> None:
    async with backend(streaming(HELLO, HELLO, STOP, USAGE, "[DONE]")) as (made, _):
        assert await ask(made) == [Delta("Hello"), Delta("Hello"), Finished("stop", 7, 1)]
        assert made.measured("m").observations == 1
        assert made.load() == (1, 0, 0)


async def test_server_that_does_not_stream_is_read_whole() -> None:
    message = b'{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}'
    body = b'{"choices":[%s],"usage":{"prompt_tokens":7,"completion_tokens":1}}' % message
    async with backend(answering(response(body))) as (made, _):
        assert await ask(made) == [Delta("Hi"), Finished("stop", 7, 1)]


@pytest.mark.parametrize("limit", list(OutputLimit))
async def test_exactly_one_output_limit_is_sent_under_the_name_the_provider_takes(limit: OutputLimit) -> None:
    async with backend(streaming(HELLO, STOP, "[DONE]"), limit) as (made, server):
        await ask(made, call(max_tokens=5, max_completion_tokens=6, max_output_tokens=7))
    sent = server.asked[0].json
    assert {name: sent.get(name) for name in OutputLimit} == {
        name: 64 if name == limit else None for name in OutputLimit
    }


async def test_request_carries_the_key_the_providers_model_and_asks_for_usage() -> None:
    async with backend(streaming(HELLO, STOP, "[DONE]")) as (made, server):
        await ask(made, call(temperature=0.5, stream=False))
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.headers["authorization"]) == (
        "POST",
        "/v1/chat/completions",
        f"Bearer {KEY}",
    )
    assert asked.json["model"] == "m"
    assert asked.json["temperature"] == 0.5
    assert (asked.json["stream"], asked.json["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":{"message":"PROMPTCANARY","code":"context_length_exceeded"}}', "context_overflow"),
        (400, b'{"error":{"message":"PROMPTCANARY","code":"PROMPTCANARY","type":"invalid_request_error"}}', "refused"),
        (401, b'{"error":{"code":"invalid_api_key"}}', "unauthorized"),
        (403, b"PROMPTCANARY", "forbidden"),
        (404, b"{", "not_found"),
        (413, b"[]", "too_large"),
        (429, b'{"error":"PROMPTCANARY"}', "rate_limited"),
    ],
)
async def test_4xx_is_a_definite_refusal_without_the_servers_words(status: int, body: bytes, code: str) -> None:
    error = await failure(answering(response(body, status=status)))
    assert (error.failure, error.code, error.status) == (BackendFailure.REFUSED, code, status)
    assert "CANARY" not in str(error)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 529, 302, 204])
async def test_408_5xx_and_redirects_are_ambiguous_and_followed_nowhere(status: int) -> None:
    async with backend(answering(response(b"", status=status, extra="location: /elsewhere\r\n"))) as (made, server):
        with pytest.raises(BackendError) as raised:
            await ask(made)
    assert (raised.value.failure, raised.value.status) == (BackendFailure.AMBIGUOUS, status)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (streaming(HELLO), "cut"),
        (streaming(HELLO, "[DONE]"), "cut"),
        (streaming(HELLO, STOP, end=b""), "cut"),
        (streaming(HELLO, end=b""), "cut"),
        (answering(b""), "cut"),
        (answering(b"HTTP/1.1 200 OK\r\n"), "cut"),
        (answering(b"nonsense\r\n\r\n"), "cut"),
        (answering(response(b'{"choices":[]}')), "cut"),
        (answering(response(b'{"choices":[{"message":{"content":"x"}}]}')), "cut"),
        (answering(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}"), "cut"),
        (streaming(HELLO, '{"error":{"message":"PROMPTCANARY"}}'), "provider_error"),
        (streaming(HELLO, "PROMPTCANARY"), "broken_stream"),
        (answering(response(b"x" * 99, extra="content-encoding: gzip\r\n")), "broken_stream"),
        (answering(response(b"<html>PROMPTCANARY</html>", kind="text/html")), "cut"),
    ],
)
async def test_a_cut_or_broken_answer_is_ambiguous_and_never_passed_off_as_whole(script: Script, code: str) -> None:
    error = await failure(script)
    assert (error.failure, error.code) == (BackendFailure.AMBIGUOUS, code)
    assert "CANARY" not in str(error)


async def test_whole_answer_stays_whole_when_the_connection_breaks_after_done() -> None:
    async with backend(streaming(HELLO, STOP, USAGE, "[DONE]", end=b"")) as (made, _):
        assert (await ask(made))[-1] == Finished("stop", 7, 1)


async def test_endless_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.backends.http_client.consume.__defaults__", (10_000,))

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await stream.send_all(CHUNKED_HEAD)
        while True:
            await stream.send_all(chunked(f"data: {HELLO}\n\n".encode()))

    assert (await failure(script)).code == "broken_stream"


async def test_silent_server_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.backends.http_client.SILENCE_S", 0.05)

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    error = await failure(script)
    assert (error.failure, error.code) == (BackendFailure.AMBIGUOUS, "timeout")


async def test_answer_that_never_ends_is_ambiguous_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.backends.http_backend.ANSWER_S", 0.1)

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await stream.send_all(CHUNKED_HEAD + chunked(f"data: {HELLO}\n\n".encode()))
        await trio.sleep_forever()

    error = await failure(script)
    assert (error.failure, error.code) == (BackendFailure.AMBIGUOUS, "timeout")


async def test_no_connection_is_not_connected_and_offers_nothing_until_it_is_back() -> None:
    port = closed_port()
    made = OpenAIHttp(
        "cloud", Endpoint.parse(f"http://127.0.0.1:{port}/v1", KEY), [MODEL], limit=OutputLimit.MAX_TOKENS
    )
    assert await made.models() == (MODEL,)
    with pytest.raises(BackendError) as raised:
        await ask(made)
    assert raised.value.failure is BackendFailure.NOT_CONNECTED
    assert await made.models() == ()
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")

        async def handle(stream: trio.SocketStream) -> None:
            await stream.receive_some()
            await stream.send_all(response(b"{}", status=401))

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        assert await made.models() == (MODEL,)
        nursery.cancel_scope.cancel()
    await made.aclose()


async def test_certificate_that_does_not_hold_gets_no_request(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    received: list[bytes] = []
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_ssl_over_tcp_listeners(0, context, host="127.0.0.1")

        async def handle(stream: trio.SSLStream) -> None:
            with suppress(trio.BrokenResourceError):
                received.append(bytes(await stream.receive_some()))

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        inner = listeners[0].transport_listener
        assert isinstance(inner, trio.SocketListener)
        port = inner.socket.getsockname()[1]
        made = OpenAIHttp(
            "cloud", Endpoint.parse(f"https://127.0.0.1:{port}/v1", KEY), [MODEL], limit=OutputLimit.MAX_TOKENS
        )
        with pytest.raises(BackendError) as raised:
            await ask(made)
        await made.aclose()
        nursery.cancel_scope.cancel()
    assert raised.value.failure is BackendFailure.NOT_CONNECTED
    assert received == []


async def test_cancelled_request_closes_its_connection_at_once() -> None:
    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        await stream.send_all(CHUNKED_HEAD + chunked(f"data: {HELLO}\n\n".encode()))
        assert await stream.receive_some() == b""
        raise trio.BrokenResourceError

    async with backend(script) as (made, server):
        with trio.CancelScope() as scope:

            async def emit(event: AnswerEvent) -> None:
                scope.cancel()

            await made.answer(call(), emit)
        with trio.fail_after(1):
            await server.client_gone.wait()
        assert made.load().busy == 0


async def test_key_and_prompt_are_in_no_log_line_and_no_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with backend(streaming(HELLO, STOP, "[DONE]")) as (made, _):
        await ask(made)
        assert KEY not in repr(made.endpoint)
    islandrun = [record.getMessage() for record in caplog.records if record.name.startswith("islandrun")]
    assert not [line for line in (*islandrun, caplog.text) if KEY in line or "CANARY" in line]


async def test_environment_gives_neither_proxy_nor_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    async with backend(streaming(HELLO, STOP, "[DONE]")) as (made, _):
        assert len(await ask(made)) == 2


async def test_models_are_listed_in_the_servers_order() -> None:
    body = b'{"data":[{"id":"b"},{"id":"a"},{"id":5},{},{"id":""}]}'
    async with scripted(answering(response(body))) as server, open_client() as client:
        endpoint = Endpoint.parse(server.url, KEY)
        assert await list_models(client, endpoint, headers(endpoint)) == ("b", "a")
    assert (server.asked[0].path, server.asked[0].headers["authorization"]) == ("/v1/models", f"Bearer {KEY}")


def _self_signed(folder: Path) -> Path:
    from datetime import datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2020, 1, 1) + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(encoding, form, serialization.NoEncryption()) + certificate.public_bytes(encoding)
    )
    return file


ANTHROPIC = (
    '{"type":"message_start","message":{"usage":{"input_tokens":7}}}',
    '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}',
    '{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}',
    '{"type":"message_stop"}',
)


async def test_anthropic_is_asked_its_way_and_answers_as_everybody() -> None:
    async with scripted(streaming(*ANTHROPIC)) as server:
        made = AnthropicHttp("claude", Endpoint.parse(server.url, KEY), [MODEL])
        assert await ask(made) == [Delta("Hi"), Finished("stop", 7, 1)]
        await made.aclose()
    asked = server.asked[0]
    assert (asked.path, asked.headers["x-api-key"]) == ("/v1/messages", KEY)
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert (asked.json["model"], asked.json["max_tokens"]) == ("m", 64)


async def test_cut_anthropic_answer_is_ambiguous() -> None:
    async with scripted(streaming(*ANTHROPIC[:-1])) as server:
        made = AnthropicHttp("claude", Endpoint.parse(server.url, KEY), [MODEL])
        with pytest.raises(BackendError) as raised:
            await ask(made)
        await made.aclose()
    assert (raised.value.failure, raised.value.code) == (BackendFailure.AMBIGUOUS, "cut")
