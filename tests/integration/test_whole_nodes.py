"""Three nodes in three network namespaces find each other by real multicast, enrol, gossip and answer."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.integration.namespaces import bridged
from tests.integration.whole_nodes import API, WholeNode, enrol, up_with_models, wait_until, whole_node

pytestmark = [pytest.mark.netns, pytest.mark.model]

NO_MODEL = "[embedded]\nenabled = false\n"
LONG_PROMPT = "Tell me more about the sea. " * 400
PRIVATE = "My mother Maria Lindqvist has diabetes. What may she eat?"


@dataclass
class Three:
    laptop: WholeNode
    home: WholeNode
    office: WholeNode


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    directory = tmp_path_factory.mktemp("three")
    with ExitStack() as stack:
        one, two, other = stack.enter_context(bridged(3))
        laptop = stack.enter_context(whole_node(one, directory, "laptop", NO_MODEL))
        home = stack.enter_context(whole_node(two, directory, "home"))
        office = stack.enter_context(whole_node(other, directory, "office"))
        person = laptop.call("GET", "/api/status")["person"]
        joined = enrol(laptop, home, person, "personal")
        assert (joined["person"], joined["tier"]) == (person, "personal")
        joined = enrol(laptop, office, "grace", "edge")
        assert (joined["person"], joined["tier"]) == ("grace", "edge")
        wait_until("laptop sees both", lambda: up_with_models(laptop) == {"home", "office"})
        yield Three(laptop, home, office)


def chat(node: WholeNode, prompt: str, **members: Any) -> Any:
    def ask() -> Any:
        with openai.OpenAI(base_url=f"http://{API}/v1", api_key=node.key("inference"), max_retries=0) as client:
            messages: Any = [{"role": "user", "content": prompt}]
            raw = client.chat.completions.with_raw_response.create(model="auto", messages=messages, **members)
            return raw.headers, raw.parse()

    return node.here(ask)


def test_a_request_goes_to_another_island_and_its_answer_comes_back_whole(three: Three) -> None:
    headers, answer = chat(three.laptop, "What is the capital of France?", max_tokens=16)
    assert headers["x-islandrun-island"] in ("home", "office")
    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens > 0


def test_health_of_somebody_stays_on_the_persons_own_islands(three: Three) -> None:
    headers, _ = chat(three.laptop, PRIVATE, max_tokens=8)
    assert (headers["x-islandrun-island"], headers["x-islandrun-tier"]) == ("home", "personal")
    receipt = three.laptop.call("GET", f"/api/ledger/{headers['x-islandrun-decision']}")
    assert "office/smollm2-135m" in {refusal["offer"] for refusal in receipt["refusals"]}


def test_a_streamed_answer_is_whole(three: Three) -> None:
    def ask() -> str:
        with openai.OpenAI(base_url=f"http://{API}/v1", api_key=three.laptop.key("inference"), max_retries=0) as client:
            stream = client.chat.completions.create(
                model="auto", messages=[{"role": "user", "content": "Count to five."}], max_tokens=24, stream=True
            )
            chunks = list(stream)
            assert chunks[-1].choices[0].finish_reason in ("stop", "length")
            return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert three.laptop.here(ask)


def test_the_islands_answer_for_one_another_after_an_island_is_killed(three: Three, tmp_path: Path) -> None:
    """kill -9 of the answering island, before its first token and after it."""
    laptop = three.laptop
    answers: list[Any] = []

    def ask_long() -> None:
        answers.append(chat(laptop, LONG_PROMPT, max_tokens=8))

    asking = threading.Thread(target=ask_long)
    asking.start()
    wait_until("an island works on it", lambda: _busy(three) is not None)
    busy = _busy(three)
    assert busy is not None
    busy.kill()
    asking.join(120)
    headers, answer = answers[0]
    other = three.office if busy is three.home else three.home
    assert headers["x-islandrun-island"] == other.name
    assert answer.choices[0].message.content is not None

    events: list[str] = []

    def stream_and_kill() -> None:
        body = {"model": "auto", "stream": True, "max_tokens": 400}
        body["messages"] = [{"role": "user", "content": "Write a long story about a lighthouse."}]
        with laptop.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as response:
            killed = False
            try:
                for line in response.iter_lines():
                    events.append(line)
                    if not killed and '"content":"' in line and '"content":""' not in line:
                        other.kill()
                        killed = True
            except httpx.RemoteProtocolError:
                events.append("cut")

    laptop.here(stream_and_kill)
    assert "data: [DONE]" not in events
    assert any('"error"' in line for line in events)


def _busy(three: Three) -> WholeNode | None:
    for node in (three.home, three.office):
        if node.process.poll() is None:
            load = node.call("GET", "/api/islands")["islands"][0]["load"]
            if load and load["busy"]:
                return node
    return None
