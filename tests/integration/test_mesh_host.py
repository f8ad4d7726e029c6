"""The adapter over libp2p, on real libp2p: what strangers get, what rubbish does, what streams carry."""

import random

import pytest
import trio
import trio.testing
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from node.clock import now
from node.mesh import streams, swarm, wire
from node.mesh.door import Door
from node.mesh.endpoint import Endpoint
from node.mesh.host import MeshHost
from node.mesh.streams import FramedStream, MeshStream
from protocol.errors import LinkError
from protocol.keys import SigningKey
from tests.integration.mesh_hosts import WAIT_S, Events, become_members, echo, running_host

A, B, C = b"a" * 32, b"b" * 32, b"c" * 32
TOPIC = "islandrun/test"
IDENTIFY, IDENTIFY_PUSH, PING = "/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"
GOSSIP = "/meshsub/1.2.0"
HELLO, INFER = "/islandrun/hello/1.0.0", "/islandrun/infer/1.0.0"


def believe(*_: object) -> bool:
    return True


async def test_the_host_has_the_island_id_of_its_seed() -> None:
    async with running_host(A) as (host, _):
        assert host.island == SigningKey(A).island


@pytest.mark.parametrize("endpoint", [Endpoint("127.0.0.1", 0), Endpoint("::1", 0)])
async def test_two_hosts_connect_over_either_family_and_learn_the_address(endpoint: Endpoint) -> None:
    async with running_host(A) as (a, _), running_host(B, endpoint=endpoint) as (b, events):
        near = await a.dial(b.island, b.listening, WAIT_S)
        far = await events.wait_up()
        assert (near.peer, far.peer) == (b.island, a.island)
        assert near.wire.remote == b.listening[0]
        assert far.wire.remote.host == endpoint.host


@pytest.mark.parametrize("protocol", [IDENTIFY, IDENTIFY_PUSH, PING, GOSSIP, INFER])
async def test_a_stranger_is_offered_the_greeting_and_nothing_else(protocol: str) -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, _), b.topic(TOPIC, believe):
        b.handle(HELLO, echo, strangers=True)
        b.handle(INFER, echo)
        connection = await a.dial(b.island, b.listening, WAIT_S)
        with pytest.raises(LinkError):
            await a.open_stream(connection, protocol, WAIT_S)
        await a.open_stream(connection, HELLO, WAIT_S)


async def test_a_stranger_hears_nothing_until_its_greeting_holds() -> None:
    offered: list[str] = []

    async with running_host(A) as (a, _), running_host(B) as (b, events), b.topic(TOPIC, believe):
        for protocol in (IDENTIFY, PING, GOSSIP, "/meshsub/1.1.0", HELLO):

            async def note(stream: MeshStream, protocol: str = protocol) -> None:
                offered.append(protocol)

            a.handle(protocol, note, strangers=True)
        await a.dial(b.island, b.listening, WAIT_S)
        far = await events.wait_up()
        await b.publish(b"a frame")
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert offered == []
        b.promote(far)
        with trio.fail_after(WAIT_S):
            while not offered:
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert offered == [GOSSIP]


async def test_members_gossip_both_ways_and_are_served_identify_and_ping() -> None:
    heard: dict[str, set[bytes]] = {"a": set(), "b": set()}
    changed = trio.Event()

    def listener(name: str):  # type: ignore[no-untyped-def]
        def on_frame(forwarder: object, origin: object, frame: bytes) -> bool:
            heard[name].add(frame)
            changed.set()
            return True

        return on_frame

    async with (
        running_host(A) as (a, _),
        running_host(B) as (b, events),
        a.topic(TOPIC, listener("a")),
        b.topic(TOPIC, listener("b")),
    ):
        near, _ = await become_members(a, b, events)
        for protocol in (IDENTIFY, PING):
            await (await a.open_stream(near, protocol, WAIT_S)).reset()
        with trio.fail_after(WAIT_S):
            while heard != {"a": {b"from b"}, "b": {b"from a"}}:
                changed = trio.Event()
                await a.publish(b"from a")
                await b.publish(b"from b")
                with trio.move_on_after(0.2):
                    await changed.wait()
                await trio.testing.wait_all_tasks_blocked(0.05)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\xff" * 64,
        b"\x0a\xff\xff\xff\xff\x0f",
        rpc_pb2.RPC(
            publish=[
                rpc_pb2.Message(
                    from_id=b"\x12\x20" + bytes(32),
                    data=b"x",
                    seqno=b"1",
                    topicIDs=[TOPIC],
                    signature=b"s",
                    key=b"\x08\x63\x12\x01\x00",
                )
            ]
        ).SerializeToString(),
        rpc_pb2.RPC(
            publish=[
                rpc_pb2.Message(
                    from_id=b"\x12\x20" + bytes(32),
                    data=b"x",
                    seqno=b"1",
                    topicIDs=[TOPIC],
                    signature=b"s",
                    key=b"\x08\x01\x12\x1f" + bytes(31),
                )
            ]
        ).SerializeToString(),
        b"\x00" * 20_000,
    ],
    ids=["not protobuf", "a field longer than the frame", "unknown key type", "a key of 31 bytes", "over 16 KiB"],
)
async def test_a_malformed_gossip_frame_costs_its_sender_at_most_the_connection_and_nobody_else_anything(
    rubbish: bytes,
) -> None:
    async with (
        running_host(A) as (a, _),
        running_host(B) as (b, events),
        running_host(C) as (c, _),
        b.topic(TOPIC, believe),
    ):
        b.handle(INFER, echo)
        near, _ = await become_members(a, b, events)
        bystander = await c.dial(b.island, b.listening, WAIT_S)
        b.promote(await events.wait_up(2))
        c.promote(bystander)
        stream = await a.open_stream(near, GOSSIP, WAIT_S)
        await stream.send(encode_varint_prefixed(rubbish))
        with trio.move_on_after(0.5):
            await events.wait_down()
        assert all(connection.peer == a.island for connection in events.down)
        other = await c.open_stream(bystander, INFER, WAIT_S)
        await other.send(b"still here")
        assert await other.receive() == b"still here"


async def test_rubbish_on_a_stream_of_ours_costs_its_sender_the_connection_and_nobody_else_anything() -> None:
    async def parse(stream: MeshStream) -> None:
        await stream.receive()
        raise ValueError("a fault in a handler")

    async with running_host(A) as (a, _), running_host(B) as (b, events), running_host(C) as (c, _):
        b.handle(HELLO, parse, strangers=True)
        b.handle(INFER, echo, strangers=True)
        stream = await a.open_stream(await a.dial(b.island, b.listening, WAIT_S), HELLO, WAIT_S)
        await stream.send(b"rubbish")
        assert (await events.wait_down()).peer == a.island
        other = await c.open_stream(await c.dial(b.island, b.listening, WAIT_S), INFER, WAIT_S)
        await other.send(b"still here")
        assert await other.receive() == b"still here"
        assert b.faults == 1


async def test_a_connection_that_is_no_libp2p_at_all_ends_and_nothing_else_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(swarm, "UPGRADE_S", 0.3)
    async with running_host(A) as (a, _), running_host(B) as (b, _):
        for opening in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"\x13/multistream/1.0.0\n\xff\xff\xff"):
            raw = await trio.open_tcp_stream("127.0.0.1", b.listening[0].port)
            async with raw:
                await raw.send_all(opening)
                with trio.fail_after(WAIT_S), pytest.raises((trio.BrokenResourceError, EOFError)):
                    while True:
                        if not await raw.receive_some(4096):
                            raise EOFError
        await a.dial(b.island, b.listening, WAIT_S)
        assert b.counts.failed_handshakes == 3


async def test_a_stranger_that_never_greets_is_closed_at_the_deadline() -> None:
    async with running_host(A) as (a, ours), running_host(B, greeting_s=0.05) as (b, events):
        await a.dial(b.island, b.listening, WAIT_S)
        await events.wait_down()
        await ours.wait_down()
        assert b.counts.late_greetings == 1
        assert b.door.strangers == 0


async def test_a_stranger_that_floods_bytes_is_cut_before_they_fill_memory() -> None:
    received = 0

    async def swallow(stream: MeshStream) -> None:
        nonlocal received
        while data := await stream.receive():
            received += len(data)

    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(HELLO, swallow, strangers=True)
        stream = await a.open_stream(await a.dial(b.island, b.listening, WAIT_S), HELLO, WAIT_S)
        with pytest.raises(LinkError):
            for _ in range(1_000):
                await stream.send(b"x" * 16_384)
        await events.wait_down()
        assert received <= wire.STRANGER_BYTES_MAX


async def test_strangers_beyond_the_rate_are_refused_before_noise() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, _):
        while b.door.knock("127.0.0.1", now().mono_ms):
            b.door.leave("127.0.0.1")
        with pytest.raises(LinkError):
            await a.dial(b.island, b.listening, WAIT_S)
        assert b.counts.refused_at_door == 1
        assert b.counts.failed_handshakes == 0


async def test_an_identity_that_is_not_ed25519_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from libp2p.crypto.rsa import create_new_key_pair as create_rsa_pair
    from libp2p.crypto.secp256k1 import create_new_key_pair as create_secp_pair

    for pair in (create_rsa_pair(), create_secp_pair()):
        with monkeypatch.context() as patch:
            patch.setattr(swarm, "create_new_key_pair", lambda seed, pair=pair: pair)
            stranger = MeshHost(C, Events())
        async with running_host(B) as (b, events), stranger.running([]):
            with trio.move_on_after(WAIT_S), pytest.raises(LinkError):
                connection = await stranger.dial(b.island, b.listening, WAIT_S)
                await connection.wire.closed.wait()
                raise LinkError("closed")
            assert events.up == []


async def test_dialling_another_peer_than_asked_is_an_error_of_ours() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, _):
        with pytest.raises(LinkError):
            await a.dial(SigningKey(C).island, b.listening, WAIT_S)


async def test_dialling_tries_each_address_until_one_proves_to_be_the_peer() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, _), running_host(C) as (c, _):
        closed = Endpoint("127.0.0.1", 1)
        connection = await a.dial(b.island, [closed, *c.listening, *b.listening], WAIT_S)
        assert connection.peer == b.island


async def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async with running_host(A) as (a, _):
        other = MeshHost(B, Events())
        with pytest.raises(LinkError, match=str(a.listening[0].port)):
            async with other.running(a.listening):
                pass


async def test_a_stream_carries_a_mebibyte_both_ways_and_tells_the_end() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, echo)
        near, _ = await become_members(a, b, events)
        stream = await a.open_stream(near, INFER, WAIT_S)
        data = bytes(range(256)) * 4096
        back = bytearray()

        async def write() -> None:
            for start in range(0, len(data), 50_000):
                await stream.send(data[start : start + 50_000])
            await stream.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            with trio.fail_after(WAIT_S):
                while chunk := await stream.receive():
                    back += chunk
        assert bytes(back) == data
        with trio.fail_after(WAIT_S):
            await stream.done.wait()


async def test_a_lost_connection_is_a_reset_and_never_a_clean_end() -> None:
    async def start(stream: MeshStream) -> None:
        await stream.send(b"the first half")
        await trio.sleep_forever()

    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, start)
        near, far = await become_members(a, b, events)
        stream = await a.open_stream(near, INFER, WAIT_S)
        assert await stream.receive() == b"the first half"
        far.wire.cut()
        with trio.fail_after(WAIT_S), pytest.raises(LinkError):
            await stream.receive()


async def test_a_reader_that_pauses_loses_nothing() -> None:
    async def pour(stream: MeshStream) -> None:
        for _ in range(40):
            await stream.send(b"x" * 32_768)
        await stream.close()
        await stream.done.wait()

    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, pour)
        near, _ = await become_members(a, b, events)
        stream = await a.open_stream(near, INFER, WAIT_S)
        with trio.fail_after(WAIT_S):
            while stream._unread < 40 * 32_768:  # more than Yamux's window of 256 KiB, and nobody has read
                await trio.testing.wait_all_tasks_blocked(0.01)
            total = 0
            while data := await stream.receive():
                total += len(data)
        assert total == 40 * 32_768


async def test_a_sender_without_credit_cannot_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "UNREAD_BYTES_MAX", 100_000)

    async def pour(stream: MeshStream) -> None:
        while True:
            await stream.send(b"x" * 32_768)

    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, pour)
        near, _ = await become_members(a, b, events)
        stream = await a.open_stream(near, INFER, WAIT_S)
        with trio.fail_after(WAIT_S):
            await stream.done.wait()
        with pytest.raises(LinkError):
            await stream.receive()


async def test_a_cancelled_sender_leaves_the_connection_whole() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, echo)
        near, _ = await become_members(a, b, events)
        for _ in range(10):
            stream = await a.open_stream(near, INFER, WAIT_S)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send, b"x" * 500_000)
                await stream.receive()
                nursery.cancel_scope.cancel()
            await stream.reset()
        stream = await a.open_stream(near, INFER, WAIT_S)
        await stream.send(b"whole")
        assert await stream.receive() == b"whole"


async def test_a_cancelled_opening_leaves_no_stream_behind() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, echo)
        near, far = await become_members(a, b, events)
        with pytest.raises(LinkError):
            await a.open_stream(near, INFER, 0.0)
        with trio.fail_after(WAIT_S):
            while far.swarm_conn.streams or near.swarm_conn.streams:  # type: ignore[union-attr]
                await trio.testing.wait_all_tasks_blocked(0.01)


async def test_at_most_32_streams_are_open_at_once() -> None:
    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, echo)
        near, _ = await become_members(a, b, events)
        opened = [await a.open_stream(near, INFER, WAIT_S) for _ in range(swarm.STREAMS_MAX)]
        with pytest.raises(LinkError):
            await a.open_stream(near, INFER, WAIT_S)
        await opened[0].reset()
        await a.open_stream(near, INFER, WAIT_S)


async def test_a_connection_that_ended_frees_its_place() -> None:
    """py-libp2p's own inbound limit loses a place with every connection that ends."""
    async with running_host(A) as (a, ours), running_host(B) as (b, events):
        b.handle(HELLO, echo, strangers=True)
        for index in range(3):
            b.door._budgets.clear()
            connection = await a.dial(b.island, b.listening, WAIT_S)
            await a.close(connection)
            await events.wait_down(index + 1)
            await ours.wait_down(index + 1)
        assert b.door.strangers == 0
        assert not b.connections
        assert b._swarm._inbound_limiter.borrowed_tokens == 0


async def test_frames_are_whole_bounded_and_end_only_between_two() -> None:
    async def frames(stream: MeshStream) -> None:
        framed = FramedStream(stream, 1_000)
        while (frame := await framed.receive()) is not None:
            await framed.send(frame[::-1])
        await stream.close()
        await stream.done.wait()

    async with running_host(A) as (a, _), running_host(B) as (b, events):
        b.handle(INFER, frames)
        near, _ = await become_members(a, b, events)
        framed = FramedStream(await a.open_stream(near, INFER, WAIT_S), 1_000)
        for frame in (b"", b"abc", b"x" * 1_000):
            await framed.send(frame)
            assert await framed.receive() == frame[::-1]
        await framed.send(b"x" * 1_001)
        with pytest.raises(LinkError):
            await framed.receive()
        torn = await a.open_stream(near, INFER, WAIT_S)
        await torn.send(b"\x00\x00\x00\x05ab")
        await torn.close()
        with pytest.raises(LinkError):
            await torn.receive()


async def test_mutated_gossip_ends_nothing_but_the_connection_that_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame goes through a real connection; whichever it ends is dialled again. The seed is the test's."""
    chance = random.Random(20_260_101)
    sample = rpc_pb2.RPC(
        subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=TOPIC)],
        publish=[
            rpc_pb2.Message(
                from_id=b"\x00\x24\x08\x01\x12\x20" + SigningKey(A).public,
                data=b"a frame",
                seqno=bytes(8),
                topicIDs=[TOPIC],
                signature=bytes(64),
                key=b"\x08\x01\x12\x20" + SigningKey(A).public,
            )
        ],
        control=rpc_pb2.ControlMessage(
            ihave=[rpc_pb2.ControlIHave(topicID=TOPIC, messageIDs=[b"x" * 40])],
            iwant=[rpc_pb2.ControlIWant(messageIDs=[b"y" * 40])],
            graft=[rpc_pb2.ControlGraft(topicID=TOPIC)],
            prune=[rpc_pb2.ControlPrune(topicID=TOPIC, backoff=1)],
        ),
        senderRecord=b"\x0a\x03abc",
    ).SerializeToString()
    async with running_host(A) as (a, _), running_host(B) as (b, events), b.topic(TOPIC, believe):
        monkeypatch.setattr(Door, "knock", lambda door, host, now_ms: True)
        stream: MeshStream | None = None
        for _ in range(120):
            if stream is None or stream.failed or not stream.connection.is_open:
                count = len(events.up)
                near = await a.dial(b.island, b.listening, WAIT_S)
                b.promote(await events.wait_up(count + 1))
                a.promote(near)
                stream = await a.open_stream(near, GOSSIP, WAIT_S)
            frame = bytearray(sample)
            for _ in range(chance.randint(1, 6)):
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            cut = frame[: chance.randint(1, len(frame))] if chance.random() < 0.2 else frame
            try:
                await stream.send(encode_varint_prefixed(bytes(cut)))
            except LinkError:
                stream = None
            await trio.testing.wait_all_tasks_blocked()
        await a.dial(b.island, b.listening, WAIT_S)
        assert b.faults > 0


async def test_members_that_come_and_go_leave_no_task_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Door, "knock", lambda door, host, now_ms: True)
    async with (
        running_host(A) as (a, ours),
        running_host(B) as (b, theirs),
        a.topic(TOPIC, believe),
        b.topic(TOPIC, believe),
    ):
        living = []
        for index in range(12):
            near = await a.dial(b.island, b.listening, WAIT_S)
            b.promote(await theirs.wait_up(index + 1))
            a.promote(near)
            near.wire.cut()
            await theirs.wait_down(index + 1)
            await ours.wait_down(index + 1)
            with trio.move_on_after(1.0):
                while living and trio.lowlevel.current_statistics().tasks_living > max(living[:4]):
                    await trio.testing.wait_all_tasks_blocked(0.02)
            living.append(trio.lowlevel.current_statistics().tasks_living)
        assert max(living[4:]) <= max(living[:4])
