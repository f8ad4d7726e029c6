"""Kept conversations: encrypted, apart from each other, bounded, removable; what is wrong with them is said."""

import itertools
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.store.conversations import VALUE_BYTES_MAX, Bounds, Column, Conversations, Kind, Ref
from node.store.database import Store
from node.store.schema import MIGRATIONS
from protocol.errors import StateError
from protocol.terms import Now

DIARY = Ref(Kind.NAMED, "app", "diary")
OTHER = Ref(Kind.NAMED, "app", "letters")
OTHERS = replace(DIARY, key_name="editor")
RESPONSE = Ref(Kind.RESPONSE, "app", "resp_1")
DAY_S = 86_400

_draws = itertools.count()


def entropy(size: int) -> bytes:
    return next(_draws).to_bytes(4, "big") + bytes(size - 4)


class Clock:
    def __init__(self) -> None:
        self.wall_s = 1_700_000_000

    def __call__(self) -> Now:
        return Now(0, self.wall_s)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "islandrun.db") as opened:
        yield opened


def key_path(store: Store) -> Path:
    return store.path.with_name("conversations.key")


def opened(store: Store, clock: Clock, bounds: Bounds | None = None) -> Conversations:
    """As after a start."""
    return Conversations(store, key_path(store), clock, entropy, bounds)


async def names(conversations: Conversations) -> list[str | None]:
    return [one.name for one in await conversations.kept()]


async def test_what_is_kept_is_there_after_a_start_and_of_each_key_alone(store: Store, clock: Clock) -> None:
    first = opened(store, clock)
    await first.keep(DIARY, Column.VAULT, b"one")
    await first.keep(DIARY, Column.VAULT, b"two")
    await first.keep(OTHERS, Column.VAULT, b"theirs")
    again = opened(store, clock)
    assert again.value(DIARY, Column.VAULT) == b"two"
    assert again.value(OTHERS, Column.VAULT) == b"theirs"
    assert again.value(DIARY, Column.RESPONSE) is None
    assert again.value(replace(DIARY, kind=Kind.RESPONSE), Column.VAULT) is None
    assert again.value(OTHER, Column.VAULT) is None


async def test_a_row_holds_a_vault_and_a_response_and_neither_write_touches_the_other(
    store: Store, clock: Clock
) -> None:
    kept = opened(store, clock)
    await kept.keep(RESPONSE, Column.VAULT, b"vault")
    await kept.keep(RESPONSE, Column.RESPONSE, b"response")
    assert kept.value(RESPONSE, Column.VAULT) == b"vault"
    assert kept.value(RESPONSE, Column.RESPONSE) == b"response"
    (row,) = await kept.kept()
    assert row.bytes == store.peek(
        lambda c: c.execute("SELECT length(name) + length(vault) + length(response) FROM conversations").fetchone()[0]
    )


async def test_neither_names_nor_contents_are_on_disk_in_clear(store: Store, clock: Clock) -> None:
    await opened(store, clock).keep(DIARY, Column.VAULT, b"Ada Lovelace")
    await store.flush()
    disk = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert b"Ada" not in disk
    assert b"diary" not in disk


async def test_nothing_is_made_before_something_is_kept_and_the_key_is_its_owners_alone(
    store: Store, clock: Clock
) -> None:
    kept = opened(store, clock)
    assert kept.value(DIARY, Column.VAULT) is None
    assert await kept.kept() == ()
    assert not await kept.remove(DIARY)
    assert not key_path(store).exists()
    await kept.keep(DIARY, Column.VAULT, b"x")
    assert key_path(store).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("column", ["name", "vault"])
async def test_rows_that_are_swapped_or_altered_do_not_open(store: Store, clock: Clock, column: str) -> None:
    kept = opened(store, clock)
    await kept.keep(DIARY, Column.VAULT, b"mine")
    await kept.keep(OTHERS, Column.VAULT, b"theirs")

    def swap(connection: sqlite3.Connection) -> None:
        one, other = connection.execute(f"SELECT {column} FROM conversations ORDER BY row").fetchall()
        connection.execute(f"UPDATE conversations SET {column} = ? WHERE row = 1", other)
        connection.execute(f"UPDATE conversations SET {column} = ? WHERE row = 2", one)

    await store.write(swap)
    if column == "name":
        assert await names(kept) == [None, None]
        return
    for ref in (DIARY, OTHERS):
        with pytest.raises(StateError, match="damaged"):
            kept.value(ref, Column.VAULT)


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(40)])
async def test_a_damaged_row_says_so_and_can_be_removed_and_begun_anew(
    store: Store, clock: Clock, sealed: bytes
) -> None:
    kept = opened(store, clock)
    await kept.keep(DIARY, Column.VAULT, b"mine")
    await kept.keep(OTHER, Column.VAULT, b"whole")
    await store.write(lambda c: c.execute("UPDATE conversations SET vault = ? WHERE row = 1", (sealed,)))
    with pytest.raises(StateError, match="remove it, and begin it anew"):
        kept.value(DIARY, Column.VAULT)
    assert kept.value(OTHER, Column.VAULT) == b"whole"
    assert await kept.remove(DIARY)
    assert kept.value(DIARY, Column.VAULT) is None
    await kept.keep(DIARY, Column.VAULT, b"anew")
    assert kept.value(DIARY, Column.VAULT) == b"anew"


def lose(path: Path) -> None:
    path.unlink()


def corrupt(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def exchange(path: Path) -> None:
    """The sound key of another node."""
    with Store.open(path.with_name("another.db")) as store:
        path.unlink()
        made = Conversations(store, path, Clock(), entropy)
        made._key()


def share(path: Path) -> None:
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lose, "missing"),
        (corrupt, "corrupt"),
        (empty, "corrupt"),
        (exchange, "not the key"),
        (share, "others can read it"),
    ],
)
async def test_a_key_that_is_missing_corrupt_or_anothers_is_told_and_all_may_be_given_up(
    store: Store, clock: Clock, harm: object, told: str
) -> None:
    await opened(store, clock).keep(DIARY, Column.VAULT, b"mine")
    assert callable(harm)
    harm(key_path(store))
    kept = opened(store, clock)
    with pytest.raises(StateError, match=told):
        kept.value(DIARY, Column.VAULT)
    with pytest.raises(StateError, match=told):
        await kept.keep(OTHER, Column.VAULT, b"x")
    with pytest.raises(StateError, match=told):
        await kept.kept()
    assert await kept.remove_all() == 1
    key_path(store).unlink(missing_ok=True)
    await kept.keep(DIARY, Column.VAULT, b"anew")
    assert opened(store, clock).value(DIARY, Column.VAULT) == b"anew"


async def test_the_least_recently_used_go_where_there_are_too_many(store: Store, clock: Clock) -> None:
    kept = opened(store, clock, Bounds(rows=3))
    for name in "abc":
        await kept.keep(replace(DIARY, name=name), Column.VAULT, b"x")
    assert kept.value(replace(DIARY, name="a"), Column.VAULT) == b"x"
    await kept.keep(replace(DIARY, name="d"), Column.VAULT, b"x")
    assert await names(kept) == ["d", "a", "c"]


async def test_the_least_recently_used_go_where_they_are_too_large_and_the_newest_stays(
    store: Store, clock: Clock
) -> None:
    kept = opened(store, clock, Bounds(bytes=10_000))
    for name in "abc":
        await kept.keep(replace(DIARY, name=name), Column.VAULT, bytes(4_000))
    assert await names(kept) == ["c", "b"]
    await kept.keep(DIARY, Column.VAULT, bytes(20_000))
    assert await names(kept) == ["diary"]


async def test_what_nobody_used_for_thirty_days_goes(store: Store, clock: Clock) -> None:
    kept = opened(store, clock)
    await kept.keep(DIARY, Column.VAULT, b"x")
    await kept.keep(OTHER, Column.VAULT, b"x")
    clock.wall_s += 29 * DAY_S
    await kept.expire()
    assert kept.value(DIARY, Column.VAULT) == b"x"
    clock.wall_s += 2 * DAY_S
    await kept.expire()
    assert await names(kept) == ["diary"]


async def test_a_conversation_goes_with_the_responses_that_were_made_in_it(store: Store, clock: Clock) -> None:
    kept = opened(store, clock)
    await kept.keep(DIARY, Column.VAULT, b"x")
    await kept.keep(RESPONSE, Column.RESPONSE, b"x", DIARY)
    await kept.keep(replace(RESPONSE, name="resp_2"), Column.RESPONSE, b"x")
    assert await kept.remove(DIARY)
    assert await names(kept) == ["resp_2"]


async def test_a_value_over_the_bound_is_not_kept_and_the_old_one_stays(store: Store, clock: Clock) -> None:
    kept = opened(store, clock)
    await kept.keep(DIARY, Column.VAULT, b"old")
    with pytest.raises(StateError, match="begin another"):
        await kept.keep(DIARY, Column.VAULT, bytes(VALUE_BYTES_MAX + 1))
    assert kept.value(DIARY, Column.VAULT) == b"old"


def test_a_state_of_the_first_version_is_brought_forward(tmp_path: Path) -> None:
    path = tmp_path / "islandrun.db"
    Store.open(path, MIGRATIONS[:1]).close()
    with Store.open(path) as store:
        assert store.peek(lambda c: c.execute("SELECT count(*) FROM conversations").fetchone()) == (0,)


_WRITER = """
import pathlib, sys, os, trio
from node.store.conversations import Column, Conversations, Kind, Ref
from node.store.database import Store
from protocol.terms import Now
path = pathlib.Path(sys.argv[1])
async def main():
    with Store.open(path) as store:
        kept = Conversations(store, path.with_name("conversations.key"), lambda: Now(0, 1_700_000_000), os.urandom)
        ref, number = Ref(Kind.NAMED, "app", "diary"), int(sys.argv[2])
        while True:
            await kept.keep(ref, Column.VAULT, b"%d:" % number * 3_000)
            print(number, flush=True)
            number += 1
trio.run(main)
"""


def test_kill_between_writes_leaves_the_old_value_or_the_new_one_whole(tmp_path: Path, clock: Clock) -> None:
    path, chance = tmp_path / "islandrun.db", random.Random(30)
    last = -1
    for _ in range(4):
        arguments = [sys.executable, "-c", _WRITER, str(path), str(last + 1)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 30)):
                last = int(child.stdout.readline())
            child.kill()
            last = max([last, *(int(line) for line in child.stdout if line.endswith(b"\n"))])
        with Store.open(path) as store:
            value = opened(store, clock).value(DIARY, Column.VAULT)
            assert store.check() == ()
        assert value in (b"%d:" % number * 3_000 for number in (last, last + 1))
        last = int(value[: value.index(b":")])
