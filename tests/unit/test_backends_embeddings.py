"""Vectors of servers and of the embedding worker: what they send is checked; what they fail with is one refusal."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.http_client import Endpoint
from node.backends.openai_embeddings import read_vectors
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import OutputLimit
from node.link import BlockingLink, Frame
from node.ports import BackendModel, Call, Embed, Origin
from node.vectors import chat_of_texts, delta_of, packed, texts_of, unpacked, vector_in
from node.workers.embedding import EmbeddingWorker
from protocol.answers import AnswerEvent, Delta
from protocol.errors import BackendError, BackendFailure, RequestError

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=40)


def item(index: object, embedding: object) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": embedding}


def answer(*items: object, **members: object) -> bytes:
    return json.dumps({"object": "list", "data": list(items), "usage": {"prompt_tokens": 7}, **members}).encode()


@settings(max_examples=50, deadline=None)
@given(FLOATS)
def test_a_vector_comes_through_as_it_was_as_numbers_and_as_base64(vector: list[float]) -> None:
    data = packed(vector)
    assert unpacked(data) == tuple(vector)
    assert packed(json.loads(delta_of(data).extra)["embedding"]) == data
    assert vector_in(delta_of(data)) == data


@pytest.mark.parametrize(
    "vector",
    [None, [], "", "AAA", "AAAA!", [1, "a"], [True], [1e39], ["NaN"], "AADAfw==", "AACAfw==", {"0": 1}, [[1.0]]],
)
def test_what_is_no_vector_is_refused(vector: object) -> None:
    with pytest.raises(RequestError):
        packed(vector)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=5))
def test_texts_stand_in_a_chat_as_they_are(texts: list[str]) -> None:
    try:
        chat = chat_of_texts("auto", texts)
    except RequestError:  # half a surrogate pair
        return
    assert texts_of(chat.body) == tuple(texts)
    assert [part.text for part in chat.texts()] == texts
    assert chat.to_json() != chat.with_body(encoding_format=None).to_json()


def test_vectors_are_in_the_order_of_the_texts_whatever_order_they_come_in() -> None:
    vectors, tokens = read_vectors(answer(item(1, [2.0]), item(0, [1.0])), ["a", "b"])
    assert [unpacked(one) for one in vectors] == [(1.0,), (2.0,)]
    assert tokens == 7


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": "9"}, {"prompt_tokens": True}])
def test_tokens_that_nobody_counted_are_rather_too_many(usage: object) -> None:
    assert read_vectors(answer(item(0, [1.0]), usage=usage), ["abcdef"])[1] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"data":{}}',
        answer(item(0, [1.0])),
        answer(item(0, [1.0]), item(0, [1.0])),
        answer(item(0, [1.0]), item(2, [1.0])),
        answer(item(0, [1.0]), item(1, [1.0, 2.0])),
        answer(item(0, [1.0]), item(1, [1.0]), item(2, [1.0])),
        answer(item(0, [1.0]), item(True, [1.0])),
        answer(item(0, [1.0]), item(1, "CANARY")),
        answer(item(0, [1.0]), 7),
    ],
)
def test_what_is_not_one_vector_for_each_text_is_a_broken_answer(body: bytes) -> None:
    with pytest.raises(BackendError) as caught:
        read_vectors(body, ["a", "b"])
    assert (caught.value.failure, caught.value.code) == (BackendFailure.AMBIGUOUS, "broken_stream")
    assert "CANARY" not in str(caught.value)


class ScriptedServer:
    """In llama.cpp's place: gives each text a vector of its length, or fails."""

    def __init__(self, failure: object = None) -> None:
        self.failure = failure
        self.texts: list[str] = []

    def handle_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
        self.texts.append(body["input"])
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return {"error": self.failure}
        data = delta_of(struct.pack("<f", len(body["input"])))
        return {"data": [json.loads(data.extra)], "usage": {"prompt_tokens": 3}}


@contextmanager
def worker(server: ScriptedServer) -> Iterator[BlockingLink]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, theirs:
        thread = threading.Thread(target=EmbeddingWorker(BlockingLink(theirs), server).run, daemon=True)
        thread.start()
        yield BlockingLink(ours)
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert not thread.is_alive()


def frames(link: BlockingLink, body: bytes) -> list[Frame]:
    link.send("request", id=1, body=body, max_tokens=1)
    found = [link.receive()]
    while found[-1].kind == "delta":
        found.append(link.receive())
    return found


def test_the_worker_gives_each_text_its_vector_in_order() -> None:
    with worker(ScriptedServer()) as link:
        *deltas, last = frames(link, chat_of_texts("m", ["a", "bcd"]).to_json())
    vectors = [unpacked(vector_in(Delta("", frame.data("extra")))) for frame in deltas]
    assert vectors == [(1.0,), (3.0,)]
    assert (last.kind, last.number("prompt_tokens"), last.number("completion_tokens")) == ("finished", 6, 0)


@pytest.mark.parametrize(
    ("failure", "code", "status"),
    [
        ({"code": 400, "type": "exceed_context_size_error", "message": "CANARY"}, "context_overflow", 400),
        ({"code": 500, "message": "CANARY"}, "model_failed", 500),
        ("CANARY", "model_failed", 500),
        (RuntimeError("CANARY"), "model_failed", 500),
    ],
)
def test_whatever_the_worker_fails_with_is_one_refusal_without_its_words(failure: Any, code: str, status: int) -> None:
    with worker(ScriptedServer(failure)) as link:
        (last,) = frames(link, chat_of_texts("m", ["a", "b"]).to_json())
    assert (last.kind, last.text("code"), last.number("status")) == ("failed", code, status)
    assert "CANARY" not in repr(last)


def test_a_cancel_is_seen_between_two_texts() -> None:
    class Waiting(ScriptedServer):
        def handle_embeddings(self, body: dict[str, Any]) -> dict[str, Any]:
            told = super().handle_embeddings(body)
            if len(self.texts) == 2:
                cancelled.wait(5)
            return told

    cancelled, server = threading.Event(), Waiting()
    with worker(server) as link:
        link.send("request", id=1, body=chat_of_texts("m", ["a"] * 100).to_json(), max_tokens=1)
        assert link.receive().kind == "delta"
        link.send("cancel", id=1)
        link.send("cancel", id=2)  # read after the first: then that one has been seen
        cancelled.set()
        found = link.receive()
        while found.kind == "delta":
            found = link.receive()
    assert found.kind == "cancelled"
    assert len(server.texts) < 100


async def test_no_backend_does_the_other_kind_of_work() -> None:
    chats = BackendModel("chats", Origin.REMOTE, 512, None, None)
    server = OpenAIHttp(
        "far",
        Endpoint.parse("http://127.0.0.1:9/v1"),
        [chats, replace(chats, name="vectors", embeds=True)],
        limit=OutputLimit.MAX_TOKENS,
    )
    for model, embed in (("chats", Embed()), ("vectors", None)):
        with pytest.raises(BackendError) as caught:
            await server.answer(Call(bytes(16), model, chat_of_texts(model, ["a"]), 1, embed=embed), nowhere)
        assert (caught.value.failure, caught.value.code) == (BackendFailure.REFUSED, "other_kind")
    await server.aclose()


async def nowhere(event: AnswerEvent) -> None:
    raise AssertionError("nothing was to be answered")


def test_the_worker_refuses_what_is_no_chat_of_texts() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    with worker(ScriptedServer()) as link:
        for body in (b"{}", json.dumps({"model": "m", "messages": [{"role": "user", "content": [image]}]}).encode()):
            assert frames(link, body)[-1].kind == "failed"
