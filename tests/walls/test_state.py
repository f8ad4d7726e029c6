"""Design, section 3, State, and section 4, Files: each sentence as a test."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import trio

from node.config import FileContent, load
from node.store import ledger, records
from node.store.api_keys import load_keys
from node.store.database import Store
from node.store.files import StateDirectory
from node.store.identity import StateLock, load_or_create_identity
from node.store.money import Money
from node.store.schema import MIGRATIONS
from protocol.errors import ConfigError, StateError
from protocol.terms import Now

KILLS = 6


def fact(name: str) -> "partial[bytes | None]":
    return partial(records.fact, name=name)


def test_state_is_sqlite_with_a_schema_version(tmp_path: Path) -> None:
    with Store.open(tmp_path / "islandrun.db") as store:
        assert store.peek(lambda connection: connection.execute("PRAGMA user_version").fetchone()) == (len(MIGRATIONS),)


def test_state_of_a_newer_version_is_refused_with_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StateError) as caught:
        Store.open(path)
    assert "version 99 was written by a newer IslandRun" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_state_of_an_older_version_is_migrated_in_one_transaction_after_a_copy(tmp_path: Path) -> None:
    path, seen = tmp_path / "islandrun.db", tmp_path / f"islandrun.db.v{len(MIGRATIONS)}"
    with Store.open(path) as store:
        store.write_now(partial(records.set_fact, name="kept", value=b"x"))
    broken = ("CREATE TABLE newer (x)", "INSERT INTO absent VALUES (1)")
    with pytest.raises(StateError):
        Store.open(path, (*MIGRATIONS, broken))
    with Store.open(path) as store:
        assert (
            store.peek(lambda connection: connection.execute("SELECT name FROM pragma_table_info('newer')").fetchall())
            == []
        )
        assert store.peek(fact("kept")) == b"x"
    seen.unlink()
    with Store.open(path, (*MIGRATIONS, broken[:1])) as store:
        assert store.peek(fact("kept")) == b"x"
    with Store.open(seen) as copy:
        assert copy.peek(fact("kept")) == b"x"


async def test_one_thread_writes_and_commits_in_groups(tmp_path: Path) -> None:
    with Store.open(tmp_path / "islandrun.db") as store:
        threads: set[int] = set()
        commits: list[str] = []
        await store.write(lambda connection: connection.set_trace_callback(commits.append))
        commits.clear()

        async def write() -> None:
            await store.write(lambda _: threads.add(threading.get_ident()))

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(write)
        assert len(threads) == 1
        assert threads != {threading.get_ident()}
        assert 1 <= sum(statement == "COMMIT" for statement in commits) < 100
        await store.write(lambda connection: connection.set_trace_callback(None))


async def test_only_a_paid_dispatch_awaits_the_disk(tmp_path: Path) -> None:
    with Store.open(tmp_path / "islandrun.db") as store:
        money = await Money.open(store, os.urandom, Now(0, 0))
        gate = threading.Event()
        store.write_soon(lambda _: gate.wait(10))  # the disk hangs
        store.write_soon(partial(records.set_fact, name="receipt", value=b"x"))
        assert not money.repeated(money.marks("k", None, b"body"), b"1", Now(0, 0))
        assert await store.read(fact("receipt")) is None
        gate.set()
        await store.flush()
        assert await store.read(fact("receipt")) == b"x"


def test_configuration_is_read_again_whole_or_not_at_all() -> None:
    path = Path("/h/.config/islandrun/config.toml")
    environ = {"HOME": "/h"}
    files = {path: FileContent(b'version = 1\nname = "one"\n[caps]\nday_usd = "1"\n')}
    in_use = load({}, environ, files.get)
    files[path] = FileContent(b'version = 1\nname = "two"\n[caps]\nday_usd = "many"\n')
    with pytest.raises(ConfigError, match=r"config\.toml:4: day_usd"):
        load({}, environ, files.get)
    assert (in_use.name, in_use.caps.day) == ("one", 1_000_000_000)
    files[path] = FileContent(b'version = 1\nname = "two"\n')
    assert load({}, environ, files.get).name == "two"


def test_configuration_states_its_version_and_takes_secrets_only_by_variable_or_file(tmp_path: Path) -> None:
    head = 'version = 1\n[[backends]]\nname = "b"\nurl = "http://127.0.0.1:1/v1"\n'
    path = tmp_path / "config.toml"
    environ = {"HOME": "/h", "KEY": "from-variable"}

    def key(line: str) -> str:
        path.write_text(head + line)
        (backend,) = load({"config": str(path)}, environ).backends
        assert backend.key is not None
        return backend.key.reveal()

    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("from-file\n")
    assert key('key_env = "KEY"') == "from-variable"
    assert key('key_file = "secret"') == "from-file"
    for line, problem in (
        ('key = "sk-canary"', 'expected key_env = "VARIABLE" or key_file = "PATH"'),
        ('key_env = "sk-canary"', "expected a variable's name"),
        ('url2 = "sk-canary"', "unknown key"),
        ('key_file = "missing"', "a file that is there"),
        ('key_env = "KEY"\nkey_file = "secret"', "not both"),
        ('key_env = "UNSET"', "an environment variable that is set"),
    ):
        with pytest.raises(ConfigError, match=rf"config\.toml:[56]: .*{problem}") as caught:
            key(line)
        assert "canary" not in str(caught.value)
    path.write_text(head.replace("http://", "http://user:sk-canary@"))
    with pytest.raises(ConfigError, match=r"config\.toml:4: url: a secret does not belong") as caught:
        load({"config": str(path)}, environ)
    assert "canary" not in str(caught.value)


def test_secret_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path, secret = tmp_path / "config.toml", tmp_path / "secret"
    secret.write_text("sk-canary")
    secret.chmod(0o644)
    path.write_text('version = 1\n[[backends]]\nname = "b"\nurl = "http://127.0.0.1:1/v1"\nkey_file = "secret"\n')
    with pytest.raises(
        ConfigError, match=r"config\.toml:5: key_file = .*only you can read; it has mode 0644"
    ) as caught:
        load({"config": str(path)}, {"HOME": "/h"})
    assert "canary" not in str(caught.value)


def test_keys_and_state_are_for_their_owner_alone(tmp_path: Path) -> None:
    state = StateDirectory.create(tmp_path / "state")
    load_or_create_identity(state, os.urandom)
    load_keys(state, os.urandom)
    with Store.open(state.database):
        modes = {path.name: path.stat().st_mode & 0o777 for path in state.path.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"identity.key", "inference.key", "owner.key", "islandrun.db"} <= set(modes)
    assert state.path.stat().st_mode & 0o777 == 0o700


def test_second_start_on_the_same_state_says_who_runs_already(tmp_path: Path) -> None:
    state = StateDirectory.create(tmp_path / "state")
    with StateLock(state), pytest.raises(StateError, match=f"process {os.getpid()} runs already"):
        StateLock(state).acquire()


_WRITER = """
import pathlib, sys
from functools import partial
from node.store import records
from node.store.database import Store
store = Store.open(pathlib.Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    store.write_now(partial(records.keep_entries, entries=[(b"%d" % number, b"%d" % number)]))
    print(number, flush=True)
    number += 1
"""


def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, chance = tmp_path / "islandrun.db", random.Random(4753)
    acknowledged: list[bytes] = []
    for _ in range(KILLS):
        arguments = [sys.executable, "-c", _WRITER, str(path), str(len(acknowledged))]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                acknowledged.append(child.stdout.readline().strip())
            child.kill()
            acknowledged += [line.strip() for line in child.stdout if line.endswith(b"\n")]
        with Store.open(path) as store:
            kept = store.peek(records.entries)
            assert store.check() == ()
            # One more than was acknowledged may be there: it was on disk, and the kill came before the word of it.
            assert list(kept[: len(acknowledged)]) == acknowledged
            assert len(kept) <= len(acknowledged) + 1
            acknowledged = list(kept)
            assert store.peek(ledger.verify).problem is None
