"""kill -9 of the answering island, before its first token and after it."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.three_nodes import Three, chat, three_nodes
from tests.integration.whole_nodes import WholeNode, wait_until

pytestmark = [pytest.mark.netns, pytest.mark.model]

LONG_PROMPT = "Tell me more about the sea. " * 150


def test_another_island_answers_when_one_is_killed_and_no_cut_answer_is_passed_off_as_whole(tmp_path: Path) -> None:
    with three_nodes(tmp_path) as three:
        other = before_its_first_token(three)
        after_its_first_token(three.laptop, other)


def before_its_first_token(three: Three) -> WholeNode:
    """The island that answered instead."""
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
    return other


def after_its_first_token(laptop: WholeNode, other: WholeNode) -> None:
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
