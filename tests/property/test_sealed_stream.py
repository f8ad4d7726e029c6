"""Sealed streams over any transport: any frames, any cuts, little room, and both directions full at once."""

from itertools import cycle

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from node.sealed import SealedStream, sealed
from protocol.envelope import CREDIT_INITIAL, Accepted, Ended, Opened
from tests.peer_streams import stream_pair
from tests.unit.envelopes import NOW, Pair

sizes = st.lists(st.integers(0, 300) | st.integers(0, 200_000), min_size=1, max_size=5)


def frames_of(sizes: list[int]) -> list[bytes]:
    return [bytes([number]) * size for number, size in enumerate(sizes)]


async def exchange(
    asks: list[bytes], answers: list[bytes], room: int, cuts: list[int]
) -> tuple[list[bytes], list[bytes]]:
    """Both ends say everything at once and consume what they get; returns what each got, in order."""
    pair = Pair()
    asker, island = pair.asker(), pair.island()
    ours, theirs = stream_pair(pair.asker_key.island, pair.island_key.island, room=room, cuts=cycle(cuts))
    at_island: list[bytes] = []
    at_asker: list[bytes] = []

    async def asking() -> None:
        async with sealed(ours, asker, lambda: NOW) as channel, trio.open_nursery() as nursery:
            channel.send_raw(asker.hello())
            nursery.start_soon(say, channel, asks)
            while not isinstance(event := await channel.receive(), Ended):
                assert isinstance(event, Opened)
                at_asker.append(event.frame)
                channel.consumed(event)

    async def answering() -> None:
        async with sealed(theirs, island, lambda: NOW) as channel:
            assert isinstance(await channel.receive(), Accepted)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(say, channel, answers[:-1])
                for _ in asks:
                    event = await channel.receive()
                    assert isinstance(event, Opened)
                    at_island.append(event.frame)
                    channel.consumed(event)
            await channel.send(answers[-1], final=True)  # an island ends when it has the whole request
            await channel.finish()

    async def say(channel: SealedStream, frames: list[bytes]) -> None:
        for frame in frames:
            await channel.send(frame)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asking)
            nursery.start_soon(answering)
    return at_island, at_asker


@given(sizes, sizes, st.sampled_from([700, 64 * 1024]), st.lists(st.integers(50, 5_000), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_any_frames_arrive_whole_in_both_directions_whatever_the_cuts_and_however_little_room(
    asks: list[int], answers: list[int], room: int, cuts: list[int]
) -> None:
    said, told = frames_of(asks), frames_of(answers)
    got = trio.run(exchange, said, told, room, cuts, clock=trio.testing.MockClock(autojump_threshold=0))
    assert got == (said, told)


def test_both_directions_may_be_full_at_once() -> None:
    said, told = [b"a" * (3 * CREDIT_INITIAL)], [b"b" * (3 * CREDIT_INITIAL), b"end"]
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert trio.run(exchange, said, told, 1_000, [4_096], clock=clock) == (said, told)
