"""Ollama's API of a running node, in the shapes that Ollama documents: answers, streams that restore, refusals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.running_node import Home, RunningNode, running
from tests.integration.scripted_cloud import KEY, ScriptedCloud, scripted_cloud
from tests.integration.whole_nodes import wait_until

pytestmark = pytest.mark.model

LOCAL = "smollm2-135m"
NAME = "Maria Lindqvist"
LETTER = f"Write to {NAME} at maria.lindqvist@example.org about the spring concert of the choir."
SECRET = "sk-proj-Zt4Kq9vWm2Xc7Rb1Ny8Hd5Lf3Gj6Ps0A"


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, cloud: ScriptedCloud) -> Iterator[RunningNode]:
    home = Home.make(tmp_path_factory.mktemp("ollama") / "solo", cloud.provider(), key=KEY)
    with running(home) as one:
        wait_until("the model is loaded", lambda: LOCAL in one.call("GET", "/api/status")["models"])
        wait_until("names are read", lambda: one.call("GET", "/api/status")["names_ready"])
        yield one


def streamed(node: RunningNode, path: str, body: dict[str, Any]) -> tuple[list[Any], Any]:
    with node.client() as http, http.stream("POST", path, json=body) as response:
        return [json.loads(line) for line in response.iter_lines()], response


def told(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def test_a_cloud_sees_placeholders_and_the_stream_has_the_names_back(node: RunningNode, cloud: ScriptedCloud) -> None:
    for path, asked in (("/api/chat", {"messages": told(LETTER)}), ("/api/generate", {"prompt": LETTER})):
        sent = len(cloud.bodies)
        pieces, response = streamed(node, path, {"model": "cloud/echo", **asked})
        assert response.status_code == 200, pieces
        assert response.headers["content-type"] == "application/x-ndjson"
        text = "".join(piece["message"]["content"] if "message" in piece else piece["response"] for piece in pieces)
        assert text == LETTER
        assert len(pieces) > 3
        assert [piece["done"] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
        assert (pieces[-1]["done_reason"], pieces[-1]["prompt_eval_count"]) == ("stop", 1_000)
        assert response.headers["x-islandrun-sanitized"] == "true"
        assert response.headers["x-islandrun-island"] == "cloud"
        saw = cloud.bodies[sent].decode()
        assert "[PERSON_1]" in saw
        assert NAME not in saw
        entry = node.call("GET", f"/api/ledger/{response.headers['x-islandrun-decision']}")
        assert (entry["offer"], entry["sanitized"]) == ("cloud/echo", True)


def test_the_embedded_model_answers_whole_within_the_limit_and_is_listed_and_shown(node: RunningNode) -> None:
    with node.client() as http:
        body = {"model": f"{LOCAL}:latest", "messages": told("Say hello."), "stream": False}
        answer = http.post("/api/chat", json=body | {"options": {"num_predict": 5, "temperature": 0}}).json()
        loaded = http.post("/api/generate", json={"model": LOCAL}).json()
        listed = [model["model"] for model in http.get("/api/tags").json()["models"]]
        shown = http.post("/api/show", json={"model": f"solo/{LOCAL}"}).json()
    assert answer["model"] == LOCAL
    assert answer["message"]["content"]
    assert (answer["done"], answer["done_reason"]) == (True, "length")
    assert 0 < answer["eval_count"] <= 5
    assert answer["total_duration"] > 0
    assert (loaded["done_reason"], loaded["response"]) == ("load", "")
    assert {"auto", LOCAL, f"solo/{LOCAL}", "cloud/echo"} <= set(listed)
    assert shown["capabilities"] == ["completion", "tools"]
    assert shown["model_info"]["islandrun.context_length"] == 4096


def test_json_is_given_where_format_asks_for_it(node: RunningNode) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    body = {"model": LOCAL, "prompt": "How many legs has a cat? Answer in JSON.", "format": schema, "stream": False}
    with node.client() as http:
        answer = http.post("/api/generate", json=body | {"options": {"num_predict": 40, "temperature": 0}}).json()
    assert isinstance(json.loads(answer["response"])["n"], int)


def test_refusals_say_why_offer_by_offer_and_send_nothing(node: RunningNode, cloud: ScriptedCloud) -> None:
    sent = len(cloud.bodies)
    image = [{"role": "user", "content": "What is this?", "images": ["iVBORw0KGgo="]}]
    for messages in (told(f"My key is {SECRET}. What is it?"), image):
        refused, response = streamed(node, "/api/chat", {"model": "cloud/echo", "messages": messages})
        assert response.status_code == 403
        (body,) = refused
        assert isinstance(body["error"], str)
        assert body["code"] == "no_eligible_island"
        reasons = {each["offer"]: {reason["code"] for reason in each["reasons"]} for each in body["islandrun"]}
        assert "clearance_below_sensitivity" in reasons["cloud/echo"]
        assert response.headers["x-islandrun-decision"]
    unknown, response = streamed(node, "/api/chat", {"model": "gpt-99", "messages": told("Hi.")})
    assert (response.status_code, unknown[0]["code"]) == (404, "model_not_found")
    assert len(cloud.bodies) == sent


def test_ollamas_paths_take_a_key_and_its_neighbours_take_the_owners(node: RunningNode) -> None:
    with node.client() as http:
        assert http.get("/api/tags", headers={"authorization": "Bearer wrong"}).status_code == 401
        assert http.get("/api/version").status_code == 200
        assert http.get("/api/status").status_code == 403
