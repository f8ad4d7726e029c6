"""The cloud's stand-in as a process of its own, asked by the backend that asks real clouds."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from node.backends.http_backend import list_models
from node.backends.http_client import Endpoint, open_client
from node.backends.openai_http import OpenAIHttp, headers
from node.configuration.values import OutputLimit
from node.ports import BackendModel, Call, Origin
from node.standin import SERVED_MODEL
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure
from protocol.terms import NanoUsd

pytestmark = pytest.mark.model

MODEL = BackendModel(SERVED_MODEL, Origin.REMOTE, 4096, NanoUsd(1), NanoUsd(1))


@dataclass
class Cloud:
    url: str
    record: Path

    @property
    def seen(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    record = tmp_path_factory.mktemp("cloud") / "record.jsonl"
    command = [sys.executable, "-m", "node.standin", "--record", str(record), "--key", "k1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            assert ready["model"] == SERVED_MODEL
            yield Cloud(ready["url"], record)
        finally:
            process.kill()


async def ask(cloud: Cloud, key: str, text: str, model: str = SERVED_MODEL) -> list[AnswerEvent]:
    request = ChatRequest.parse({"model": "x", "messages": [{"role": "user", "content": text}]})
    made = OpenAIHttp("cloud", Endpoint.parse(cloud.url, key), [MODEL], limit=OutputLimit.MAX_COMPLETION_TOKENS)
    events: list[AnswerEvent] = []

    async def emit(event: AnswerEvent) -> None:
        events.append(event)

    try:
        with trio.fail_after(30):
            await made.answer(Call(b"r" * 16, model, request, 5), emit)
    finally:
        await made.aclose()
    return events


async def test_stand_in_answers_with_the_embedded_model_and_records_what_it_was_sent(cloud: Cloud) -> None:
    events = await ask(cloud, "k1", "Say hello to [PERSON_1].")
    assert "".join(event.content for event in events if isinstance(event, Delta))
    assert isinstance(events[-1], Finished)
    assert events[-1].completion_tokens == 5
    (sent,) = [body for body in cloud.seen if "Say hello" in json.dumps(body)]
    assert sent["messages"] == [{"role": "user", "content": "Say hello to [PERSON_1]."}]
    assert (sent["model"], sent["max_completion_tokens"]) == (SERVED_MODEL, 5)


async def test_stand_in_lists_its_model_first(cloud: Cloud) -> None:
    endpoint = Endpoint.parse(cloud.url, "k1")
    async with open_client() as client:
        assert await list_models(client, endpoint, headers(endpoint)) == (SERVED_MODEL,)


@pytest.mark.parametrize(
    ("key", "model", "text", "code"),
    [
        ("wrong", SERVED_MODEL, "Hi", "unauthorized"),
        ("k1", "other", "Hi", "not_found"),
        ("k1", SERVED_MODEL, "word and sea " * 3000, "refused"),
    ],
)
async def test_stand_in_refuses_as_a_provider_does(cloud: Cloud, key: str, model: str, text: str, code: str) -> None:
    with pytest.raises(BackendError) as raised:
        await ask(cloud, key, text, model)
    assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, code)
