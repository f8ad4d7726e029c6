"""`doctor` finds what is missing or in the way, says what to do, and changes nothing."""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from node.cli import checks, doctor
from node.cli.checks import CHECKS, Finding, State, Subject
from node.cli.main import main
from node.store.api_keys import KeyKind, ensure_key
from node.store.database import Store
from node.store.files import StateDirectory
from node.store.identity import StateLock
from node.store.records import raise_wall_floor
from protocol.errors import StateError
from tests.unit.cli_node import cli_node, entropy, live_in

Printed = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture
def home(tmp_path: Path, monkeypatch: Patch) -> Path:
    live_in(tmp_path, monkeypatch, 0)
    return tmp_path


def found(check: str) -> Sequence[tuple[State, str, str]]:
    return list(CHECKS[check](Subject.here()))


def only(check: str) -> tuple[State, str, str]:
    (outcome,) = found(check)
    return outcome


@pytest.fixture
def quick(monkeypatch: Patch) -> None:
    """Without loading the name models."""
    monkeypatch.setattr(
        doctor, "CHECKS", MappingProxyType({name: check for name, check in CHECKS.items() if name != "names"})
    )


@pytest.mark.usefixtures("quick")
def test_healthy_device_has_no_problem_and_nothing_is_made(home: Path, capsys: Printed) -> None:
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       python")
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_json_has_a_row_for_each_finding(home: Path, capsys: Printed) -> None:
    (home / "state").mkdir(mode=0o700)
    (home / "state" / "islandrun.db").write_bytes(b"this is not a database" * 100)
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert {row["check"] for row in told["checks"]} == set(CHECKS) - {"names"}
    (store,) = [row for row in told["checks"] if row["check"] == "store"]
    assert (store["state"], set(store)) == ("problem", {"check", "state", "found", "advice"})


def test_check_that_cannot_be_made_is_a_problem_and_the_others_go_on(home: Path, monkeypatch: Patch) -> None:
    def broken(_: Subject) -> Iterator[Any]:
        raise StateError("it is broken")

    monkeypatch.setattr(doctor, "CHECKS", MappingProxyType({"first": broken, "python": checks.python}))
    first, python = doctor.examine(Subject.here())
    assert first == Finding("first", State.PROBLEM, "it is broken", "")
    assert python.state is State.OK


@pytest.mark.parametrize("text", ["version = 1\nnmae = 'x'\n", "version = 1\n[policy]\npreset = 'fastest'\n"])
@pytest.mark.usefixtures("quick")
def test_broken_configuration_is_a_problem(text: str, home: Path, capsys: Printed) -> None:
    path = home / ".config" / "islandrun" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert main(["doctor"]) == 1
    assert "problem  config" in capsys.readouterr().out


def test_python_that_is_too_new_is_a_problem(home: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(checks.sys, "version_info", (3, 14, 0, "final", 0))
    assert only("python")[0] is State.PROBLEM


def test_missing_models_are_told(home: Path, monkeypatch: Patch) -> None:
    def missing() -> Path:
        raise StateError("the embedded model is missing")

    def unloadable() -> None:
        raise OSError("no model")

    monkeypatch.setattr("node.workers.llama.packaged_model", missing)
    monkeypatch.setattr("node.workers.name_models.NameModels", unloadable)
    assert only("model")[0] is State.WARNING
    state, what, advice = only("names")
    assert (state, what) == (State.PROBLEM, "cannot be loaded: OSError: no model")
    assert "restricted" in advice


def test_open_state_and_a_key_that_others_can_read_are_told(home: Path) -> None:
    directory = StateDirectory.create(home / "state")
    ensure_key(directory, KeyKind.OWNER, entropy)
    assert [state for state, _, _ in found("state")] == [State.OK]
    (home / "state").chmod(0o755)
    (home / "state" / "owner.key").chmod(0o644)
    assert [state for state, _, _ in found("state")] == [State.WARNING, State.PROBLEM]
    assert (home / "state").stat().st_mode & 0o777 == 0o755


def test_full_disk_is_a_warning(home: Path, monkeypatch: Patch) -> None:
    StateDirectory.create(home / "state")
    monkeypatch.setattr(checks, "FREE_BYTES_MIN", 1 << 62)
    assert found("state")[-1][0] is State.WARNING


def test_clock_behind_its_floor_is_a_problem(home: Path) -> None:
    with Store.open(StateDirectory.create(home / "state").database) as store:
        assert [state for state, _, _ in found("store")] == [State.OK]
        store.write_now(lambda connection: raise_wall_floor(connection, 4_000_000_000))
    *_, (state, what, advice) = found("store")
    assert state is State.PROBLEM
    assert "clock" in what
    assert "NTP" in advice


def test_port_that_somebody_holds_is_a_problem_only_where_no_node_runs(home: Path, monkeypatch: Patch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("ISLANDRUN_MESH", f"127.0.0.1:{other.getsockname()[1]}")
        (not_running, _, _), (state, what, advice) = found("node")
        assert not_running is State.WARNING
        assert state is State.PROBLEM
        assert "cannot be listened on" in what
        assert "ISLANDRUN_MESH" in advice


def test_node_that_holds_the_state_but_does_not_answer_is_a_problem(home: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("ISLANDRUN_API", "127.0.0.1:1")
    with StateLock(StateDirectory.create(home / "state")):
        state, what, _ = only("node")
    assert state is State.PROBLEM
    assert str(os.getpid()) in what


@pytest.mark.usefixtures("quick")
async def test_running_node_that_answers_is_well(tmp_path: Path, monkeypatch: Patch, capsys: Printed) -> None:
    async with cli_node(tmp_path, monkeypatch) as node:
        with StateLock(StateDirectory.create(tmp_path / "state")):
            assert await node.run("doctor") == 0
        assert f"process {os.getpid()} answers at http://127.0.0.1:{node.port}" in capsys.readouterr().out


def test_device_without_a_network_is_told(home: Path, monkeypatch: Patch) -> None:
    monkeypatch.setenv("ISLANDRUN_INTERFACES", "no-such0")
    assert only("interfaces") == (
        State.WARNING,
        "none of no-such0 is up",
        "connect this device to a network: until then it serves itself alone",
    )


@pytest.mark.model
def test_installed_name_models_load(home: Path) -> None:
    assert only("names")[0] is State.OK
