"""Identity, keys, lock and boot number on disk."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from node.store.api_keys import KeyKind, KeyRing, ensure_key, key_path, load_keys, remove_key
from node.store.files import StateDirectory, create_atomic, read_private, write_atomic
from node.store.identity import (
    Identity,
    StateLock,
    load_or_create_identity,
    next_boot,
    replace_identity,
    running_process,
)
from protocol.errors import StateError


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory.create(tmp_path / "state")


def test_identity_is_made_once_and_read_again(state: StateDirectory) -> None:
    first = load_or_create_identity(state, random.Random(1).randbytes)
    assert load_or_create_identity(state, random.Random(2).randbytes) == first
    assert first.seed != first.sealing_secret
    assert first.seed.hex() not in repr(first)
    assert state.identity.stat().st_mode & 0o777 == 0o600
    assert state.path.stat().st_mode & 0o777 == 0o700


def test_every_flipped_bit_of_the_identity_is_noticed_and_never_becomes_another(state: StateDirectory) -> None:
    first = load_or_create_identity(state, random.Random(1).randbytes)
    whole = state.identity.read_bytes()
    for position in range(0, len(whole) - 1, 7):
        broken = bytearray(whole)
        broken[position] ^= 1
        write_atomic(state.identity, bytes(broken))
        with pytest.raises(StateError, match="corrupt"):
            load_or_create_identity(state, random.Random(2).randbytes)
        with pytest.raises(StateError, match=r"missing, and identity\.key\.corrupt-1 is corrupt"):
            load_or_create_identity(state, random.Random(2).randbytes)
        (aside,) = state.path.glob("identity.key.corrupt-*")
        assert aside.read_bytes() == bytes(broken)
        aside.unlink()
    write_atomic(state.identity, whole)
    assert load_or_create_identity(state, random.Random(2).randbytes) == first


def test_lost_identity_beside_a_state_is_never_replaced(state: StateDirectory) -> None:
    state.database.touch()
    with pytest.raises(StateError, match=r"missing beside islandrun\.db"):
        load_or_create_identity(state, os.urandom)
    assert not state.identity.exists()


def test_identity_that_others_can_read_is_refused(state: StateDirectory) -> None:
    load_or_create_identity(state, os.urandom)
    state.identity.chmod(0o640)
    with pytest.raises(StateError, match="mode 0640: others can read it: expected 0600"):
        load_or_create_identity(state, os.urandom)


def test_replaced_identity_is_the_new_one(state: StateDirectory) -> None:
    load_or_create_identity(state, os.urandom)
    new = Identity(bytes(32), bytes(range(32)))
    replace_identity(state, new)
    assert load_or_create_identity(state, os.urandom) == new


def test_open_state_directory_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    state = StateDirectory.create(tmp_path / "state")
    assert state.path.stat().st_mode & 0o777 == 0o700


def test_boot_number_grows_with_every_start_even_when_clock_or_file_go_back(state: StateDirectory) -> None:
    assert next_boot(state, 1000) == 1000
    assert next_boot(state, 1000) == 1001
    assert next_boot(state, 5) == 1002
    state.boot.unlink()
    assert next_boot(state, 2000) == 2000
    state.boot.write_bytes(b"\xff")
    state.boot.chmod(0o600)
    assert next_boot(state, 3000) == 3000
    write_atomic(state.boot, b"9" * 30)
    assert next_boot(state, 4000) == 4000


def test_atomic_write_leaves_the_old_content_when_the_disk_is_full(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = state.path / "file"
    write_atomic(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in state.path.iterdir()] == ["file"]


def test_created_file_never_replaces_one_that_is_there(state: StateDirectory) -> None:
    path = state.path / "file"
    assert create_atomic(path, b"first")
    assert not create_atomic(path, b"second")
    assert read_private(path) == b"first"
    assert read_private(state.path / "nothing") is None


def test_second_lock_names_the_process_that_holds_the_first(state: StateDirectory) -> None:
    assert running_process(state) is None
    with StateLock(state):
        assert running_process(state) == os.getpid()
        with pytest.raises(StateError, match=f"process {os.getpid()} runs already"):
            StateLock(state).acquire()
    assert running_process(state) is None
    with StateLock(state):
        pass


def test_lock_goes_with_a_killed_process(state: StateDirectory) -> None:
    program = (
        "import sys, pathlib; from node.store.files import StateDirectory; from node.store.identity import StateLock\n"
        "lock = StateLock(StateDirectory(pathlib.Path(sys.argv[1]))); lock.acquire(); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", program, str(state.path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(StateError, match=f"process {child.pid} runs already"):
            StateLock(state).acquire()
        child.kill()
    with StateLock(state):
        assert running_process(state) == os.getpid()


def test_every_node_has_an_inference_and_an_owner_key(state: StateDirectory) -> None:
    ring = load_keys(state, random.Random(1).randbytes)
    assert [(key.name, key.kind) for key in ring.keys] == [
        ("inference", KeyKind.INFERENCE),
        ("owner", KeyKind.OWNER),
    ]
    again = load_keys(state, random.Random(2).randbytes)
    assert again.keys == ring.keys
    for key in ring.keys:
        assert key_path(state, key.kind).stat().st_mode & 0o777 == 0o600
        assert ring.find(key.token) == key
        assert key.token not in repr(key)
    assert ring.find("") is None
    assert ring.find("ir-owner-é\udcff") is None


def test_named_keys_are_found_by_their_token_and_can_be_removed(state: StateDirectory) -> None:
    editor = ensure_key(state, KeyKind.INFERENCE, os.urandom, "editor")
    assert load_keys(state, os.urandom).find(editor.token) == editor
    assert remove_key(state, "editor")
    assert not remove_key(state, "editor")
    assert load_keys(state, os.urandom).find(editor.token) is None


@pytest.mark.parametrize("name", ["../x", "", "A", "owner", "a b", "x" * 33])
def test_key_name_that_is_no_name_is_refused(state: StateDirectory, name: str) -> None:
    with pytest.raises(StateError, match="expected a name such as editor"):
        ensure_key(state, KeyKind.INFERENCE, os.urandom, name)


def test_key_file_with_something_else_in_it_is_refused_without_showing_it(state: StateDirectory) -> None:
    write_atomic(key_path(state, KeyKind.OWNER), b"ir-inference-canary")
    with pytest.raises(StateError, match="not a key of IslandRun") as caught:
        load_keys(state, os.urandom)
    assert "canary" not in str(caught.value)


def test_empty_ring_opens_to_nobody() -> None:
    assert KeyRing(()).find("") is None
