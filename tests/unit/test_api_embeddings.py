"""POST /v1/embeddings: OpenAI's form, and every way to fail."""

import base64
import json
import struct
from typing import Any

import pytest

from node.api.embeddings import EmbeddingAsk
from node.ports import Embed
from node.vectors import INPUTS_MAX, delta_of
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import RefusedError, RequestError
from tests.api_edge import Edge, Reply, edge
from tests.unit.test_api_chat import ISLANDRUN_HEADERS, failing, playing

PATH = "/v1/embeddings"
ONE, TWO = (0.5, -0.25), (1.0, 0.0)
USAGE = {"prompt_tokens": 5, "total_tokens": 5}


def vector(*numbers: float) -> Delta:
    return delta_of(struct.pack(f"<{len(numbers)}f", *numbers))


WHOLE: tuple[AnswerEvent, ...] = (vector(*ONE), vector(*TWO), Finished("stop", 5, 0))


def parsed(**members: Any) -> EmbeddingAsk:
    return EmbeddingAsk.parse(json.dumps({"model": "auto", "input": "hi"} | members).encode())


async def ask(at: Edge, *headers: str, **members: Any) -> Reply:
    return await at.exchange(
        at.post(PATH, json.dumps({"model": "auto", "input": ["a", "b"]} | members).encode(), *headers)
    )


def error(reply: Reply) -> dict[str, Any]:
    return dict(json.loads(reply.body)["error"])


async def test_vectors_are_told_in_openais_form_with_who_made_them() -> None:
    async with edge(playing(*WHOLE)) as at:
        reply = await ask(at)
        (order,) = at.execution.orders
    assert reply.status == 200
    assert ISLANDRUN_HEADERS.items() <= reply.headers.items()
    assert json.loads(reply.body) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": list(ONE)},
            {"object": "embedding", "index": 1, "embedding": list(TWO)},
        ],
        "model": "smollm2",
        "usage": USAGE,
    }
    assert order.embed == Embed()
    assert [message["content"] for message in order.request.body["messages"]] == ["a", "b"]


async def test_base64_holds_the_same_numbers() -> None:
    async with edge(playing(*WHOLE)) as at:
        reply = await ask(at, encoding_format="base64", user="u", dimensions=2)
        (order,) = at.execution.orders
    told = [struct.unpack("<2f", base64.b64decode(one["embedding"])) for one in json.loads(reply.body)["data"]]
    assert told == [ONE, TWO]
    assert order.embed == Embed(2)
    assert not any(part.text == "u" for part in order.request.texts())


async def test_vectors_of_another_length_than_asked_for_are_refused_by_name() -> None:
    async with edge(playing(*WHOLE)) as at:
        reply = await ask(at, dimensions=3)
    assert (reply.status, error(reply)["param"]) == (400, "dimensions")


@pytest.mark.parametrize(
    "events",
    [
        WHOLE[1:],
        WHOLE[:2],
        (*WHOLE[:2], *WHOLE),
        (Delta("text"), *WHOLE[1:]),
        (Delta("", b'{"embedding":[]}'), *WHOLE[1:]),
    ],
    ids=["one too few", "no end", "two too many", "a text", "an empty vector"],
)
async def test_what_is_not_a_vector_for_each_text_is_no_answer(events: tuple[AnswerEvent, ...]) -> None:
    async with edge(playing(*events)) as at:
        reply = await ask(at)
    assert reply.status == 502


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": ["a"] * (INPUTS_MAX + 1)}, "input"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": "auto@papers"}, "model"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 1.5}, "dimensions"),
        ({"input_type": "query"}, "body"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_name(members: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(**members)
    assert caught.value.field == field
    assert "papers" not in str(caught.value)


def test_as_many_texts_are_taken_as_openai_takes() -> None:
    assert len(parsed(input=["a"] * INPUTS_MAX).chat.body["messages"]) == INPUTS_MAX


async def test_texts_that_are_embedded_belong_to_no_conversation() -> None:
    async with edge(playing(*WHOLE)) as at:
        reply = await ask(at, "x-islandrun-conversation: diary")
        assert at.execution.orders == []
    assert (reply.status, error(reply)["param"]) == (400, "x-islandrun-conversation")


async def test_a_refusal_has_its_status_and_decision() -> None:
    async with edge(failing(RefusedError("no_eligible_island", "nobody", reachable=True))) as at:
        reply = await ask(at)
    assert (reply.status, error(reply)["code"]) == (403, "no_eligible_island")
