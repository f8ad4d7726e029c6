"""Conversations that last, on a running node: over a stop and a kill -9, listed and removed by the owner, expired."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.running_node import NO_MODEL, Home, RunningNode, running, user
from tests.integration.scripted_cloud import KEY, ScriptedCloud, scripted_cloud
from tests.integration.whole_nodes import wait_until

pytestmark = pytest.mark.model  # of the name models

FIRST = "Ask Maria Lindqvist about the harbour."
DIARY = {"x-islandrun-conversation": "diary"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture
def home(tmp_path: Path, cloud: ScriptedCloud) -> Home:
    return Home.make(tmp_path / "solo", NO_MODEL + cloud.provider(), key=KEY)


def wait_for_names(node: RunningNode) -> None:
    wait_until("the name models are loaded", lambda: node.call("GET", "/api/status")["names_ready"])


def say(client: openai.OpenAI, text: str, **members: Any) -> Any:
    return client.responses.create(model="cloud/echo", input=text, **members)


def listed(node: RunningNode) -> list[dict[str, Any]]:
    rows = node.call("GET", "/api/conversations")["conversations"]
    return sorted(rows, key=lambda row: str(row["kind"]))


def test_what_lasts_outlives_a_stop_and_a_kill_and_ends_with_the_owners_word(home: Home, cloud: ScriptedCloud) -> None:
    with running(home) as node, node.openai() as client:
        wait_for_names(node)
        first = say(client, FIRST)
        assert first.output_text == FIRST
        assert node.chat(user(FIRST, model="cloud/echo"), DIARY).status_code == 200
        assert node.stop() == 0
    with running(home) as node, node.openai() as client:
        wait_for_names(node)
        second = say(client, "And what did Lindqvist say?", previous_response_id=first.id)
        assert second.output_text == "And what did Lindqvist say?"
        answer = node.chat(user("Maria Lindqvist came by.", model="cloud/echo"), DIARY)
        assert answer.json()["choices"][0]["message"]["content"] == "Maria Lindqvist came by."
        assert "[PERSON_1] came by." in cloud.bodies[-1].decode()
        node.kill()
    assert "Lindqvist" not in cloud.text()
    with running(home) as node, node.openai() as client:
        assert client.responses.retrieve(second.id).output_text == second.output_text
        rows = listed(node)
        assert [(row["kind"], row["name"]) for row in rows] == [
            ("named", "diary"),
            ("response", second.id),
            ("response", first.id),
        ]
        assert {row["key"] for row in rows} == {"inference"}
        assert all(row["bytes"] > 0 and row["expires_s"] > row["used_s"] >= row["made_s"] for row in rows)
        assert "Lindqvist" not in str(rows)
        assert node.call("DELETE", "/api/conversations/diary?key=inference") == {"removed": 1}
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)
        assert [row["name"] for row in listed(node)] == [second.id]
        with node.client("owner") as owner:
            assert owner.delete("/api/conversations/diary").status_code == 404
        with node.client("inference") as other:
            assert other.get("/api/conversations").status_code == 403
        disk = b"".join(path.read_bytes() for path in home.state.rglob("*") if path.is_file())
        assert b"Lindqvist" not in disk
        assert b"diary" not in disk
        assert "Lindqvist" not in node.log() and "diary" not in node.log()


def test_without_its_key_the_node_starts_answers_and_says_what_to_do(home: Home) -> None:
    key = home.state / "conversations.key"
    with running(home) as node, node.openai() as client:
        wait_for_names(node)
        made = say(client, "Hello.")
        assert key.stat().st_mode & 0o777 == 0o600
        assert node.stop() == 0
    key.unlink()
    with running(home) as node, node.openai() as client:
        wait_for_names(node)
        assert node.chat(user("Hello.", model="cloud/echo")).status_code == 200
        refused = node.chat(user("Hello.", model="cloud/echo"), DIARY)
        assert refused.status_code == 503
        assert "put a copy back" in refused.json()["error"]["message"]
        with pytest.raises(openai.InternalServerError):
            client.responses.retrieve(made.id)
        assert node.call("DELETE", "/api/conversations") == {"removed": 1}
        assert say(client, "Hello again.").output_text == "Hello again."
        assert key.exists()


def test_what_nobody_used_for_so_long_is_gone_after_the_next_start(home: Home) -> None:
    with running(home) as node, node.openai() as client:
        wait_for_names(node)
        old, new = say(client, "Hello."), say(client, "Hello again.")
        assert node.stop() == 0
    with sqlite3.connect(home.state / "islandrun.db") as connection:
        connection.execute("UPDATE conversations SET used_wall_s = used_wall_s - 31 * 86400 WHERE row = 1")
    connection.close()
    with running(home) as node, node.openai() as client:
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(old.id)
        assert client.responses.retrieve(new.id).id == new.id


def test_explain_sees_what_a_conversation_knows_and_keeps_nothing(home: Home) -> None:
    with running(home) as node:
        wait_for_names(node)
        with node.client("owner") as owner:
            asked = user(FIRST, model="cloud/echo")
            assert owner.post("/v1/chat/completions", json=asked, headers=DIARY).status_code == 200
            before = listed(node)
            told = owner.post("/api/explain", json=user("Lindqvist?", model="cloud/echo"), headers=DIARY).json()
            assert "Lindqvist" not in str(told["would_send"])
            more = owner.post("/api/explain", json=user("Ask Johan Berg.", model="cloud/echo"), headers=DIARY).json()
            assert "[PERSON_2]" in str(more["would_send"])
        assert [row["bytes"] for row in listed(node)] == [row["bytes"] for row in before]
