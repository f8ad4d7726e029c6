"""The store: what is acknowledged is on disk, and what fails says so."""

import resource
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from node.store import records
from node.store.database import Store
from node.store.schema import MIGRATIONS
from protocol.errors import StateError
from protocol.keys import IslandId


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "islandrun.db") as opened:
        yield opened


def put(name: str, value: bytes = b"x") -> Callable[[sqlite3.Connection], None]:
    return lambda connection: records.set_fact(connection, name, value)


def get(name: str) -> Callable[[sqlite3.Connection], bytes | None]:
    return lambda connection: records.fact(connection, name)


async def test_write_returns_the_value_of_the_job_once_readers_see_it(store: Store) -> None:
    await store.write(put("a", b"1"))
    assert await store.read(get("a")) == b"1"
    assert store.peek(get("a")) == b"1"
    assert await store.write(get("a")) == b"1"


async def test_failed_job_is_undone_alone_and_its_error_comes_back(store: Store) -> None:
    def broken(connection: sqlite3.Connection) -> None:
        records.set_fact(connection, "half", b"x")
        raise ZeroDivisionError

    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.write, put("before"))
        with pytest.raises(ZeroDivisionError):
            await store.write(broken)
        nursery.start_soon(store.write, put("after"))
    assert [store.peek(get(name)) for name in ("before", "half", "after")] == [b"x", None, b"x"]
    with pytest.raises(StateError, match="no such table"):
        await store.write(lambda connection: connection.execute("SELECT * FROM absent"))


async def test_what_waits_is_committed_together(store: Store) -> None:
    gate = threading.Event()
    commits: list[str] = []
    store.write_soon(lambda _: gate.wait(5))
    store.write_soon(lambda connection: connection.set_trace_callback(commits.append))
    for number in range(50):
        store.write_soon(put(f"n{number}"))
    gate.set()
    await store.flush()
    store.write_soon(lambda connection: connection.set_trace_callback(None))
    await store.flush()
    assert sum(statement == "COMMIT" for statement in commits) <= 3
    assert store.peek(get("n49")) == b"x"


async def test_cancelled_write_is_done_all_the_same(store: Store) -> None:
    gate = threading.Event()
    store.write_soon(lambda _: gate.wait(5))
    with trio.CancelScope() as scope:
        scope.cancel()
        await store.write(put("a"))
    assert scope.cancelled_caught
    gate.set()
    await store.flush()
    assert store.peek(get("a")) == b"x"


async def test_write_that_nobody_waits_for_is_counted_when_it_fails(store: Store) -> None:
    store.write_soon(lambda connection: connection.execute("SELECT * FROM absent"))
    await store.flush()
    assert store.health.lost == 1
    assert "no such table" in str(store.health.last_error)


async def test_closing_puts_on_disk_what_was_queued(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "islandrun.db")
    for number in range(600):
        store.write_soon(put(f"n{number}"))
    store.close()
    with pytest.raises(StateError, match="closed"):
        await store.write(put("late"))
    store.write_soon(put("late"))
    assert store.health.lost == 1
    with Store.open_read_only(tmp_path / "islandrun.db") as again:
        assert again.peek(get("n599")) == b"x"


def test_programs_without_a_loop_write_too(store: Store) -> None:
    store.write_now(put("a"))
    assert store.peek(get("a")) == b"x"
    assert store.check() == ()


def test_reading_tools_cannot_write(store: Store) -> None:
    with Store.open_read_only(store.path) as reader:
        with pytest.raises(StateError, match="opened for reading only"):
            reader.write_now(put("a"))
        with pytest.raises(StateError, match="readonly"):
            reader.peek(put("a"))
    with pytest.raises(StateError, match="readonly"):
        store.peek(put("a"))


def test_reading_tool_without_a_state_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="`islandrun start` makes it"):
        Store.open_read_only(tmp_path / "nothing.db")


def test_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    path.write_bytes(b"something else entirely " * 100)
    with pytest.raises(StateError, match="not a database"):
        Store.open(path)
    assert path.read_bytes() == b"something else entirely " * 100


def test_database_is_for_its_owner_alone(store: Store) -> None:
    store.write_now(put("a"))
    modes = {path.name: path.stat().st_mode & 0o777 for path in store.path.parent.iterdir()}
    assert modes == {"islandrun.db": 0o600, "islandrun.db-wal": 0o600, "islandrun.db-shm": 0o600}


NEXT = ("ALTER TABLE facts ADD COLUMN note TEXT", "INSERT INTO facts VALUES ('next', x'01', 'n')")
BROKEN = ("INSERT INTO facts (name, value) VALUES ('half', x'01')", "INSERT INTO absent VALUES (1)")


def test_older_file_is_copied_and_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    with Store.open(path) as store:
        store.write_now(put("kept"))
    with Store.open(path, (*MIGRATIONS, NEXT)) as store:
        assert store.peek(get("kept")) == b"x"
        assert store.peek(get("next")) == b"\x01"
    copy = tmp_path / f"islandrun.db.v{len(MIGRATIONS)}"
    assert copy.stat().st_mode & 0o777 == 0o600
    with Store.open(copy) as store:
        assert store.peek(get("kept")) == b"x"
        assert store.peek(get("next")) is None


def test_failed_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    with Store.open(path) as store:
        store.write_now(put("kept"))
    with pytest.raises(StateError, match="no such table: absent"):
        Store.open(path, (*MIGRATIONS, NEXT, BROKEN))
    with Store.open(path) as store:
        assert store.peek(get("kept")) == b"x"
        assert [store.peek(get(name)) for name in ("next", "half")] == [None, None]


def test_newer_file_is_refused_by_writers_and_readers(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    Store.open(path, (*MIGRATIONS, NEXT)).close()
    for open_ in (Store.open, Store.open_read_only):
        with pytest.raises(StateError, match="newer IslandRun; this one knows up to"):
            open_(path)
    with pytest.raises(StateError, match="older than this program"):
        Store.open_read_only(path, (*MIGRATIONS, NEXT, NEXT))


async def test_full_disk_gives_a_clean_error_with_reads_intact_and_heals(tmp_path: Path) -> None:
    with Store.open(tmp_path / "islandrun.db") as store:
        await store.write(put("before"))
        await store.write(lambda connection: connection.execute("PRAGMA max_page_count = 20"))
        with pytest.raises(StateError, match="full"):
            for number in range(100):
                await store.write(put(f"big{number}", bytes(4000)))
        with pytest.raises(StateError, match="full"):
            await store.write(put("more", bytes(400_000)))
        assert await store.read(get("before")) == b"x"
        await store.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
        await store.write(put("after", bytes(400_000)))
        assert len(store.peek(get("after")) or b"") == 400_000


_FILLER = """
import resource, sys, pathlib, trio
from node.store import records
from node.store.database import Store
from protocol.errors import StateError

async def main():
    store = Store.open(pathlib.Path(sys.argv[1]))
    await store.write(lambda connection: records.set_fact(connection, "before", b"x"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    try:
        for number in range(1000):
            await store.write(lambda connection: records.set_fact(connection, f"n{number}", bytes(4000)))
            print(number, flush=True)
    except StateError as error:
        print("refused", flush=True)
    assert await store.read(lambda connection: records.fact(connection, "before")) == b"x"
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.write(lambda connection: records.set_fact(connection, "after", b"x"))
    print("healed", flush=True)

trio.run(main)
"""


def test_file_that_the_system_lets_grow_no_further_loses_nothing_acknowledged(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    path = tmp_path / "islandrun.db"
    done = subprocess.run(
        [sys.executable, "-c", _FILLER, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    *acknowledged, refused, healed = done.stdout.split()
    assert (refused, healed) == ("refused", "healed"), done.stderr
    with Store.open(path) as store:
        assert store.check() == ()
        assert all(store.peek(get(f"n{number}")) == bytes(4000) for number in acknowledged)
        assert len(acknowledged) > 10


def test_log_keeps_the_exact_bytes_in_order_and_each_once(store: Store) -> None:
    store.write_now(lambda connection: records.keep_entries(connection, [(b"h1", b"one"), (b"h2", b"two")]))
    store.write_now(lambda connection: records.keep_entries(connection, [(b"h2", b"two"), (b"h3", b"three")]))
    assert store.peek(records.entries) == (b"one", b"two", b"three")


def test_node_keeps_one_archipelago(store: Store) -> None:
    assert store.peek(records.genesis) is None
    store.write_now(lambda connection: records.keep_genesis(connection, b"ours"))
    store.write_now(lambda connection: records.keep_genesis(connection, b"ours"))
    with pytest.raises(StateError, match="another archipelago"):
        store.write_now(lambda connection: records.keep_genesis(connection, b"theirs"))
    store.write_now(records.forget_archipelago)
    store.write_now(lambda connection: records.keep_genesis(connection, b"theirs"))
    assert store.peek(records.genesis) == b"theirs"


def test_addresses_of_an_island_are_the_newest_few(store: Store) -> None:
    island, other = IslandId("a"), IslandId("b")

    def reached(at: int, connection: sqlite3.Connection) -> None:
        records.keep_addresses(connection, island, [f"/ip4/10.0.0.{at}/tcp/1"], at)

    for second in range(12):
        store.write_now(partial(reached, second))
    store.write_now(lambda connection: records.keep_addresses(connection, other, ["/ip6/::1/tcp/1"], 1))
    found = store.peek(records.addresses)
    assert found[island] == tuple(f"/ip4/10.0.0.{at}/tcp/1" for at in range(11, 3, -1))
    store.write_now(lambda connection: records.forget_addresses(connection, island))
    assert store.peek(records.addresses) == {other: ("/ip6/::1/tcp/1",)}


def test_clock_behind_its_floor_is_not_trusted(store: Store) -> None:
    for wall_s in (1000, 5000, 2000):
        store.write_now(partial(records.raise_wall_floor, wall_s=wall_s))
    floor = store.peek(records.wall_floor)
    assert floor == 5000
    assert records.clock_is_trusted(floor, 4880)
    assert not records.clock_is_trusted(floor, 4879)
    store.write_now(lambda connection: records.reset_wall_floor(connection, 100))
    assert store.peek(records.wall_floor) == 100


def test_accepted_languages_add_up(store: Store) -> None:
    assert store.peek(records.accepted_languages) == frozenset()
    for languages in (["de"], ["tr", "de"]):
        store.write_now(partial(records.accept_languages, languages=languages))
    assert store.peek(records.accepted_languages) == {"de", "tr"}
