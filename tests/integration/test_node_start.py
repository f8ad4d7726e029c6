"""A start that cannot be: one clear line on stderr, status 1, and nothing half written."""

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.running_node import HEAD, NO_MODEL, Home, plain_environ, running
from tests.integration.starter import Starter

PROVIDER = (
    '[[providers]]\nname = "cloud"\nurl = "http://127.0.0.1:9/v1"\nkey_file = "cloud.key"\n'
    '[[providers.models]]\nname = "m"\ninput_usd = "1"\noutput_usd = "1"\n'
)
KEY_LINE = HEAD.count("\n") + NO_MODEL.count("\n") + 4
AHEAD_S = 3_600


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    with Starter(tmp_path_factory.mktemp("starter"), plain_environ()) as one:
        yield one


@pytest.fixture
def fresh(tmp_path: Path) -> Home:
    return Home.make(tmp_path / "fresh", NO_MODEL)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of a node that ran, and ended in order."""
    home = Home.make(tmp_path_factory.mktemp("template") / "solo", NO_MODEL)
    with running(home) as one:
        assert one.stop() == 0
    return home


@pytest.fixture
def used(template: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copytree(template.path, tmp_path / "used")
    return Home(tmp_path / "used", template.api_port, template.mesh_port)


def test_a_second_start_on_the_same_state_names_the_process_that_runs(used: Home, starter: Starter) -> None:
    with running(used) as node:
        line = refused(starter, used)
        assert f"process {node.process.pid} runs already on this state" in line
        assert node.call("GET", "/api/status")["name"] == "solo"


def test_an_api_port_in_use_is_named_and_the_next_start_succeeds(fresh: Home, starter: Starter) -> None:
    with socket.create_server(("127.0.0.1", fresh.api_port)):
        line = refused(starter, fresh)
    assert f"127.0.0.1:{fresh.api_port}" in line
    assert "--api" in line
    with running(fresh) as node:
        assert node.call("GET", "/api/status")["name"] == "solo"


def test_a_mesh_port_in_use_is_named(fresh: Home, starter: Starter) -> None:
    with socket.create_server(("127.0.0.1", fresh.mesh_port)):
        line = refused(starter, fresh)
    assert f"127.0.0.1:{fresh.mesh_port}" in line
    assert "--mesh" in line
    assert genesis(fresh) == []


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("tier = \n", "config.toml:6: not TOML"),
        ('[caps]\nday_usd = "much"\n', 'config.toml:7: day_usd = "much": expected'),
        ("[embeded]\n", "config.toml:6: "),
        ('[policy]\npreset = "wild"\n', "config.toml:7: "),
    ],
)
def test_a_broken_line_of_the_configuration_is_named(fresh: Home, broken: str, expected: str, starter: Starter) -> None:
    fresh.configure(NO_MODEL + broken)
    assert expected in refused(starter, fresh)
    assert not fresh.state.exists()


def test_a_configuration_that_is_not_there_is_named(fresh: Home, starter: Starter) -> None:
    (fresh.path / "config.toml").unlink()
    assert "config.toml: no such file" in refused(starter, fresh)


@pytest.mark.parametrize(("mode", "expected"), [(0o644, "chmod 600"), (None, "a file that is there")])
def test_a_providers_key_that_others_can_read_or_that_is_missing_is_refused(
    fresh: Home, mode: int | None, expected: str, starter: Starter
) -> None:
    fresh.configure(NO_MODEL + PROVIDER)
    if mode is not None:
        fresh.provider_key.write_text("hunter2")
        fresh.provider_key.chmod(mode)
    line = refused(starter, fresh)
    assert f"config.toml:{KEY_LINE}: " in line
    assert expected in line
    assert "hunter2" not in line
    assert not fresh.state.exists()


def test_a_providers_key_that_cannot_be_read_is_refused(fresh: Home, starter: Starter) -> None:
    fresh.configure(NO_MODEL + PROVIDER)
    fresh.provider_key.mkdir()
    line = refused(starter, fresh)
    assert f"config.toml:{KEY_LINE}: " in line
    assert "Is a directory" in line


def test_the_state_of_a_newer_version_is_refused_and_left_as_it_is(used: Home, starter: Starter) -> None:
    with closing(sqlite3.connect(database(used))) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = genesis(used)
    line = refused(starter, used)
    assert "version 99" in line
    assert "newer" in line
    assert genesis(used) == before != []


def test_a_corrupt_identity_is_set_aside_and_never_replaced(used: Home, starter: Starter) -> None:
    identity = used.state / "identity.key"
    text = identity.read_text()
    flipped = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
    identity.write_text(flipped)
    line = refused(starter, used)
    assert "corrupt" in line
    assert (used.state / "identity.key.corrupt-1").read_text() == flipped
    again = refused(starter, used)
    assert "identity.key.corrupt-1" in again
    assert not identity.exists()


def test_an_identity_that_others_can_read_is_refused(used: Home, starter: Starter) -> None:
    (used.state / "identity.key").chmod(0o644)
    assert "chmod 600" in refused(starter, used)


def test_a_clock_behind_its_own_past_is_refused_until_the_owner_says_that_it_is_right(
    used: Home, starter: Starter
) -> None:
    with closing(sqlite3.connect(database(used))) as connection, connection:
        ahead = b"%d" % (int(time.time()) + AHEAD_S)
        connection.execute("UPDATE facts SET value = ? WHERE name = 'wall_floor_s'", (ahead,))
        assert connection.total_changes == 1
    assert "--trust-clock" in refused(starter, used)
    with running(used, "--trust-clock") as node:
        assert node.call("GET", "/api/status")["name"] == "solo"


def test_a_state_that_cannot_be_written_is_named(fresh: Home, starter: Starter) -> None:
    fresh.state.write_text("a file, where a directory should be")
    assert str(fresh.state) in refused(starter, fresh)


def test_a_database_that_is_damaged_is_named(used: Home, starter: Starter) -> None:
    size = database(used).stat().st_size
    with database(used).open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    assert str(database(used)) in refused(starter, used)


def refused(starter: Starter, home: Home) -> str:
    """The one line of a start that did not happen."""
    ended = starter.run(home.start())
    assert ended.returncode == 1, ended
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("islandrun start: ")
    return lines[0]


def database(home: Home) -> Path:
    (found,) = home.state.glob("*.db")
    return found


def genesis(home: Home) -> list[bytes]:
    with closing(sqlite3.connect(database(home))) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM facts WHERE name = 'genesis'")]
