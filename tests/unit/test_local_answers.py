"""What this node's own backends are asked: token counts that are rather too high, and passages of own collections."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.collections.holder import Collections
from node.facts import about_tokens, output_tokens, prompt_tokens, wants_json
from node.local_answers import LocalBackend
from node.ports import BackendModel
from protocol.answers import AnswerEvent, Delta
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.terms import Sensitivity
from tests.pipelines import END, entropy
from tests.two_islands import OwnModel, call
from tests.unit.privacy_texts import chat


@pytest.mark.parametrize(
    ("text", "at_least"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 10, 100),  # 10 tokens a sentence
        ("素早い茶色の狐がのろまな犬を飛び越える", 19),  # a token a character, about
        ("Быстрая коричневая лиса прыгает через ленивую собаку", 15),
        ("if (x[i] != y[j]) { return -1; }", 10),
    ],
)
def test_tokens_are_reckoned_rather_too_many_in_any_script(text: str, at_least: int) -> None:
    assert about_tokens(text) >= at_least
    assert prompt_tokens(chat(text)) > about_tokens(text)


def test_an_output_limit_is_the_clients_or_the_default_and_always_there() -> None:
    assert output_tokens(chat("x"), 1_024) == 1_024
    assert output_tokens(chat("x", max_tokens=7), 1_024) == 7
    assert output_tokens(chat("x", max_tokens=7, max_completion_tokens=5), 1_024) == 5
    assert output_tokens(chat("x", max_tokens=10**9), 1_024) == 1_000_000


@pytest.mark.parametrize(
    ("wanted", "json"),
    [
        (None, False),
        ({"type": "text"}, False),
        ({"type": "json_object"}, True),
        ({"type": "json_schema"}, True),
        ({}, False),
    ],
)
def test_an_answer_is_json_where_the_request_says_so(wanted: object, json: bool) -> None:
    assert wants_json(chat("x", response_format=wanted)) is json


class Gone(OwnModel):
    async def models(self) -> Sequence[BackendModel]:
        return ()


@pytest.fixture
def collections(tmp_path: Path) -> Collections:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("the quokka pays rent\n")
    made = Collections(tmp_path / "collections")
    made.add("papers", folder, Sensitivity.CONFIDENTIAL, entropy)
    return made


async def asked(
    backend: OwnModel, collections: Collections, request: ChatRequest, collection: bytes
) -> list[AnswerEvent]:
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    await LocalBackend(backend, collections).answer(replace(call(collection=collection), request=request), emit)
    return events


async def test_the_owner_is_answered_from_his_own_collection_without_a_grant(collections: Collections) -> None:
    model, papers = OwnModel(), collections.own()[0].id
    assert await asked(model, collections, chat("What does the quokka do?"), papers) == [Delta("yes"), END]
    assert "pays rent" in model.read


async def test_a_collection_that_is_not_here_or_a_model_that_went_away_is_no_answer(collections: Collections) -> None:
    with pytest.raises(BackendError) as unknown:
        await asked(OwnModel(), collections, chat("quokka"), b"x" * 16)
    assert unknown.value.failure is BackendFailure.REFUSED
    with pytest.raises(BackendError) as gone:
        await asked(Gone(), collections, chat("quokka"), collections.own()[0].id)
    assert gone.value.failure is BackendFailure.NOT_CONNECTED


async def test_a_request_in_which_nobody_asks_is_answered_as_it_is(collections: Collections) -> None:
    request = ChatRequest.parse({"model": "auto", "messages": [{"role": "system", "content": "Be brief."}]})
    model = OwnModel()
    await asked(model, collections, request, collections.own()[0].id)
    assert "pays rent" not in model.read
