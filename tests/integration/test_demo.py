"""`islandrun demo` as an outsider sees it: somebody else's stand-in plays the cloud, and the nodes can be asked."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from node.demo.processes import stand_in
from node.demo.steps import EMAIL, PERSON, SECRET

pytestmark = pytest.mark.model

STEPS = {"harmless", "medical", "sanitised", "refused", "collection"}
HOLD_S = "60"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """What the demo printed while its nodes live on, and what the stand-in was sent until then."""
    with stand_in(tmp_path_factory.mktemp("cloud"), "demo-key") as (url, record):
        command = [sys.executable, "-m", "node.cli.main", "demo", "--json", "--cloud", url, "--hold", HOLD_S]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("ISLANDRUN_")}
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environ)
        try:
            assert demo.stdout is not None
            yield json.loads(demo.stdout.readline()), _texts(record)
        finally:
            demo.terminate()
            demo.wait(30)
            demo.stdout.close()


def test_every_step_holds_and_home_office_and_cloud_each_answer_one(shown: tuple[dict[str, Any], list[str]]) -> None:
    demo, _ = shown
    assert demo["ok"], [step for step in demo["steps"] if not step["ok"]]
    assert {step["name"] for step in demo["steps"]} == STEPS
    assert {"home", "office", "cloud"} <= {step["island"] for step in demo["steps"]}
    for step in demo["steps"]:
        assert {"name", "ok", "island", "tier", "sanitized", "cloud_saw", "refused", "tokens", "seconds", "usd"} <= set(
            step
        )


def test_what_the_cloud_was_sent_holds_nothing_that_may_not_leave(shown: tuple[dict[str, Any], list[str]]) -> None:
    demo, sent = shown
    assert sent == [seen for step in demo["steps"] for seen in step["cloud_saw"]]
    for value in (PERSON, *PERSON.split(), EMAIL, SECRET):
        assert not any(value in text for text in sent)


def test_the_nodes_live_on_and_answer_an_outsider(shown: tuple[dict[str, Any], list[str]]) -> None:
    demo, _ = shown
    for one in demo["nodes"]:
        assert set(one) == {"name", "pid", "peer_id", "api", "key", "mesh"}
        headers = {"authorization": f"Bearer {one['key']}"}
        models = httpx.get(f"{one['api']}/v1/models", headers=headers, trust_env=False, timeout=30).json()
        assert "auto" in {model["id"] for model in models["data"]}


def _texts(record: Path) -> list[str]:
    bodies = [json.loads(line) for line in record.read_text().splitlines()]
    return [" ".join(message["content"] for message in body["messages"]) for body in bodies]
