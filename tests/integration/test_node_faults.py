"""A running node when something goes wrong: clients that leave or pause, processes that are killed, signals."""

import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.running_node import HEAD, NO_MODEL, Home, RunningNode, alive, running, user
from tests.integration.scripted_cloud import KEY, SLOW_PIECES, ScriptedCloud, long_answer, scripted_cloud
from tests.integration.whole_nodes import wait_until

pytestmark = pytest.mark.model

LOCAL = "smollm2-135m"
LONG_PROMPT = "Tell me more about the sea. " * 300
STORY = "Write a long story about a lighthouse."
NAMED = "Write a letter to Maria Lindqvist about the harbour."
TRUSTED = '[policy.clearance.cloud]\nas_is = "restricted"\n'
PAUSE_S = 3.0
CANCELLED_S = 1.0
ORPHANED_S = 15.0  # at once, but for one that loads its model just then: it looks when it has it
ENDED_S = 8.0  # less than the ten seconds that requests get to end; processes that will not end get two
RECEIVE_BUFFER_BYTES = 4_096


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, cloud: ScriptedCloud) -> Iterator[RunningNode]:
    home = Home.make(tmp_path_factory.mktemp("faults") / "solo", config(cloud), key=KEY)
    with running(home) as one:
        yield one


def config(cloud: ScriptedCloud) -> str:
    """The embedded model goes first where both may answer."""
    return '[policy]\npreset = "cheap"\n' + cloud.provider(paid=True)


@pytest.fixture
def node(started: RunningNode) -> RunningNode:
    """With every process up, whatever the test before did."""
    wait_until("the model is loaded", lambda: LOCAL in started.call("GET", "/api/status")["models"])
    wait_until("the mesh listens", lambda: bool(started.call("GET", "/api/status")["mesh"]))
    _until_names_are_read(started)
    return started


@pytest.fixture
def small(tmp_path: Path, cloud: ScriptedCloud) -> Home:
    """The home of a node without a model of its own, for tests that end it; its cloud may see all, at once."""
    return Home.make(tmp_path / "small", NO_MODEL + TRUSTED + cloud.provider(paid=True), key=KEY)


def is_text(line: str) -> bool:
    return '"content":"' in line and '"content":""' not in line


def test_a_client_that_leaves_mid_stream_frees_the_models_slot_within_a_second(node: RunningNode) -> None:
    with node.client() as client:
        with client.stream("POST", "/v1/chat/completions", json=_story(stream=True)) as response:
            coming = response.iter_lines()
            next(line for line in coming if is_text(line))
            assert node.busy() == 1
        assert wait_until("the slot is free", lambda: node.busy() == 0, 5) < CANCELLED_S
    newest = _until_in_ledger(node, response.headers["x-islandrun-decision"])
    assert newest["outcome"] == "cancelled"


def test_a_client_that_leaves_before_the_first_token_frees_the_slot(node: RunningNode) -> None:
    body = json.dumps(user(LONG_PROMPT, model=LOCAL, max_tokens=4)).encode()
    with socket.create_connection(("127.0.0.1", node.home.api_port)) as stream:
        stream.sendall(_head(node, body) + body)
        wait_until("the model reads", lambda: node.busy() == 1)
    assert wait_until("the slot is free", lambda: node.busy() == 0, 5) < CANCELLED_S


def test_a_client_that_pauses_reading_loses_nothing(node: RunningNode) -> None:
    body = json.dumps(user("Say much.", model="cloud/long", stream=True)).encode()
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        stream.connect(("127.0.0.1", node.home.api_port))
        stream.sendall(_head(node, body) + body)
        received = bytearray(stream.recv(1_000))
        time.sleep(PAUSE_S)  # the pause is what is tested
        while not received.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") and (data := stream.recv(1 << 16)):
            received += data
    events = [line[6:] for line in received.decode().splitlines() if line.startswith("data: {")]
    deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    assert [delta["content"] for delta in deltas if delta.get("content")] == long_answer()
    assert received.count(b"data: [DONE]") == 1


def test_the_mesh_process_killed_leaves_the_api_answering_and_comes_back(node: RunningNode) -> None:
    before = node.child("mesh")
    os.kill(before["pid"], signal.SIGKILL)
    answer = node.chat(user("Say hello.", model=LOCAL, max_tokens=2))
    assert answer.status_code == 200
    wait_until("the mesh is back", lambda: node.child("mesh")["pid"] not in (None, before["pid"]))
    wait_until("the mesh listens", lambda: bool(node.call("GET", "/api/status")["mesh"]))
    assert node.child("mesh")["starts"] == before["starts"] + 1


def test_without_the_names_worker_only_the_persons_own_offers_answer_until_it_is_back(
    node: RunningNode, cloud: ScriptedCloud
) -> None:
    sent = len(cloud.bodies)
    with node.client() as client:
        for _ in range(3):  # each early end doubles the wait before the next start: 0.2, 0.4, 0.8 s
            killed = _kill(node, "names")
            wait_until("it is seen", lambda killed=killed: node.child("names")["pid"] != killed)  # type: ignore[misc]
            refused = client.post("/v1/chat/completions", json=user("Anything new under the sun?", model="cloud/echo"))
            own = client.post("/v1/chat/completions", json=user("Say hello.", max_tokens=2))
            wait_until("it starts again", lambda: node.child("names")["pid"] is not None)
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert error["code"] == "no_eligible_island"
    assert "restricted" in error["message"]
    assert (own.status_code, own.headers["x-islandrun-island"]) == (200, "solo")
    assert len(cloud.bodies) == sent
    _until_names_are_read(node)


def test_the_models_process_killed_before_the_first_token_lets_another_offer_answer(node: RunningNode) -> None:
    answer = _killed_while_reading(node, user(LONG_PROMPT, model="auto", max_tokens=4))
    assert answer.status_code == 200
    assert answer.headers["x-islandrun-island"] == "cloud"


def test_the_models_process_killed_before_the_first_token_is_a_clear_error_where_no_other_offer_may(
    node: RunningNode,
) -> None:
    answer = _killed_while_reading(node, user(LONG_PROMPT, model=f"solo/{LOCAL}", max_tokens=4))
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "no_eligible_island"
    assert error["islandrun"][0]["offer"] == f"solo/{LOCAL}"
    assert error["islandrun"][0]["reasons"][0]["code"] == "worker_gone"


def test_the_models_process_killed_mid_stream_ends_the_stream_with_an_error_and_no_done(node: RunningNode) -> None:
    with node.client() as client, client.stream("POST", "/v1/chat/completions", json=_story(stream=True)) as response:
        seen = _until_cut(response, at_text=lambda: _kill(node, "llama"))
    assert "data: [DONE]" not in seen
    assert not any('"finish_reason":"' in line for line in seen)
    error = json.loads(seen[-1].removeprefix("data: "))["error"]
    assert (error["type"], error["code"]) == ("server_error", "worker_gone")


def test_the_models_process_killed_mid_answer_is_an_error_for_a_client_that_does_not_stream(node: RunningNode) -> None:
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(node.chat(_story())))
    asking.start()
    wait_until("the model works", lambda: node.busy() == 1)
    time.sleep(0.5)  # outside, nothing tells that the first token came; before it the error is the same for the client
    _kill(node, "llama")
    asking.join(60)
    assert answers[0].status_code in (502, 503)
    assert answers[0].json()["error"]["message"]


def test_a_cloud_that_cuts_its_answer_is_never_passed_off_as_whole(node: RunningNode) -> None:
    assert node.chat(user("Hi.", model="cloud/cut-after")).status_code == 502
    with node.client() as client:
        body = user("Hi there.", model="cloud/cut-after", stream=True)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            seen = _until_cut(response)
    assert any(map(is_text, seen))
    assert '"error"' in seen[-1]
    assert "data: [DONE]" not in seen


def test_the_core_killed_takes_its_processes_along_and_the_next_start_recovers(
    small: Home, cloud: ScriptedCloud
) -> None:
    began_s = int(time.time())
    with running(small) as node:
        wait_until("its processes run", lambda: None not in (node.child("mesh")["pid"], node.child("names")["pid"]))
        pids = [node.child(name)["pid"] for name in ("mesh", "names")]
        hanging = threading.Thread(target=lambda: _swallow(lambda: node.chat(user("Hi.", model="cloud/hang"))))
        hanging.start()
        wait_until("the cloud has it", lambda: cloud.asked("hang") == 1)
        node.kill()
        hanging.join(20)
        wait_until("its processes have ended", lambda: not alive(pids), ORPHANED_S)
        assert _wall_floor(small) >= began_s  # a clock set back now is noticed by the next start
    with running(small) as node:
        crashed = next(one for one in node.call("GET", "/api/ledger")["entries"] if one["offer"] == "cloud/hang")
        assert crashed["outcome"] == "ambiguous"
        assert crashed["cost_nano_usd"] > 0
        repeated = node.chat(user("Hi.", model="cloud/hang"))
        assert (repeated.status_code, repeated.headers["x-should-retry"]) == (409, "false")
        verified = small.verb("ledger", "verify")
        assert verified.returncode == 0, verified.stderr
    assert cloud.asked("hang") == 1


def test_sigterm_lets_an_answer_end_takes_no_more_and_exits_with_0(small: Home) -> None:
    with ExitStack() as stack:
        node = stack.enter_context(running(small))
        client = stack.enter_context(node.client())
        owner = stack.enter_context(node.client("owner"))
        watched = stack.enter_context(owner.stream("GET", "/api/events"))
        body = user("Say it slowly.", model="cloud/slow", stream=True)
        response = stack.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
        coming = (line for line in response.iter_lines() if line)
        seen = [next(coming), next(coming)]
        node.process.terminate()
        wait_until("it takes no more", lambda: not _connects(small.api_port), 5)
        seen += coming
        assert sum(map(is_text, seen)) == SLOW_PIECES
        assert seen[-1] == "data: [DONE]"
        watched.read()  # its end is told: who watches events does not hold the node up
        assert node.process.wait(ENDED_S) == 0
        assert "Traceback" not in node.log()


def test_an_interrupt_in_the_terminal_drains_too(small: Home) -> None:
    """Control-C reaches every process of the terminal's group at once."""
    with ExitStack() as stack:
        node = stack.enter_context(running(small, group=True))
        client = stack.enter_context(node.client())
        body = user("Say it slowly.", model="cloud/slow", stream=True)
        response = stack.enter_context(client.stream("POST", "/v1/chat/completions", json=body))
        coming = (line for line in response.iter_lines() if line)
        seen = [next(coming)]
        os.killpg(node.process.pid, signal.SIGINT)
        seen += coming
        assert seen[-1] == "data: [DONE]"
        assert node.process.wait(10) == 0
        assert "Traceback" not in node.log()
        assert "child_ended" not in node.log()


def test_sighup_takes_a_new_configuration_whole_and_keeps_the_old_where_it_is_broken(
    node: RunningNode, cloud: ScriptedCloud
) -> None:
    home = node.home
    try:
        home.configure('[caps]\nday_usd = "0.01"\n' + cloud.provider("mist", paid=True))
        node.process.send_signal(signal.SIGHUP)
        wait_until("the new provider is there", lambda: "mist/echo" in _models(node), 5)
        assert "cloud/echo" not in _models(node)
        assert node.call("GET", "/api/status")["cap_day_usd"] == "0.010000000"
        before = node.log()
        home.configure('[caps]\nday_usd = "0.02"\n[[providers]]\nname = "storm"\n')
        line = f"config.toml:{HEAD.count(chr(10)) + 3}: "
        node.process.send_signal(signal.SIGHUP)
        wait_until("it is told", lambda: line in node.log(), 5)
        (told,) = (one for one in node.log().removeprefix(before).splitlines() if not one.startswith("{"))
        assert told.startswith(f"islandrun start: {line}")
        assert told.endswith("the configuration in use stays")
        assert "mist/echo" in _models(node)
        assert node.call("GET", "/api/status")["cap_day_usd"] == "0.010000000"
        with node.client("owner") as client:
            refused = client.post("/api/reload", json={})
        assert refused.status_code == 400
        assert line in refused.json()["error"]["message"]
    finally:
        home.configure(config(cloud))
        node.call("POST", "/api/reload", {})


def test_a_reload_does_not_cut_an_answer_under_way(node: RunningNode) -> None:
    with node.client() as client:
        body = user("Say it slowly.", model="cloud/slow", stream=True)
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            coming = (line for line in response.iter_lines() if line)
            seen = [next(coming)]
            node.call("POST", "/api/reload", {})
            seen += coming
    assert seen[-1] == "data: [DONE]"
    assert sum(map(is_text, seen)) == SLOW_PIECES


def _until_names_are_read(node: RunningNode) -> None:
    """Before that, only what is cleared for everything answers."""
    wait_until("names are read", lambda: node.chat(user(NAMED, model="cloud/echo")).status_code == 200)


def _story(**members: Any) -> dict[str, Any]:
    return user(STORY, model=LOCAL, max_tokens=1_000, temperature=0, **members)


def _head(node: RunningNode, body: bytes) -> bytes:
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{node.home.api_port}\r\n"
        f"authorization: Bearer {node.key('inference')}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()


def _kill(node: RunningNode, child: str) -> int:
    pid = int(node.child(child)["pid"])
    os.kill(pid, signal.SIGKILL)
    return pid


def _killed_while_reading(node: RunningNode, body: dict[str, Any]) -> httpx.Response:
    """The answer to a request during whose prompt the model's process was killed."""
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(node.chat(body)))
    asking.start()
    wait_until("the model reads", lambda: node.busy() == 1)
    _kill(node, "llama")
    asking.join(60)
    return answers[0]


def _until_in_ledger(node: RunningNode, decision: str) -> dict[str, Any]:
    with node.client("owner") as client:
        wait_until("its receipt is there", lambda: client.get(f"/api/ledger/{decision}").status_code == 200, 5)
        return dict(client.get(f"/api/ledger/{decision}").json())


def _models(node: RunningNode) -> set[str]:
    with node.openai() as client:
        return {model.id for model in client.models.list()}


def _connects(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _wall_floor(home: Home) -> int:
    with closing(sqlite3.connect(home.state / "islandrun.db")) as connection:
        ((value,),) = connection.execute("SELECT value FROM facts WHERE name = 'wall_floor_s'").fetchall()
    return int(value)


def _swallow(ask: Callable[[], object]) -> None:
    """For a client whose node is about to be killed."""
    try:
        ask()
    except httpx.HTTPError:
        return


def _until_cut(response: httpx.Response, at_text: Callable[[], object] = bool) -> list[str]:
    """The lines of a stream that is expected to end without its end; `at_text` is called at the first text."""
    seen: list[str] = []
    with pytest.raises(httpx.RemoteProtocolError):
        for line in response.iter_lines():
            if is_text(line) and not any(map(is_text, seen)):
                at_text()
            seen += [line] if line else []
    return seen
