"""Three nodes in three network namespaces find each other by real multicast, enrol, gossip and answer."""

from collections.abc import Iterator

import openai
import pytest

from tests.integration.three_nodes import Three, chat, three_nodes
from tests.integration.whole_nodes import API

pytestmark = [pytest.mark.netns, pytest.mark.model]

PRIVATE = "My mother Maria Lindqvist has diabetes. What may she eat?"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Three]:
    with three_nodes(tmp_path_factory.mktemp("three")) as running:
        yield running


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
