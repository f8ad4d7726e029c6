"""The mesh of whole nodes on real libp2p: who gets in, what spreads, what streams and questions carry."""

import socket

import pytest
import trio
import trio.testing

from node.mesh import frames
from node.mesh.endpoint import Endpoint
from node.mesh.events import IncomingStream, MemberDown, MeshGone, WindowHeard, WindowStream
from node.mesh.greeter import HELLO
from node.mesh.host import MeshHost
from node.mesh.lines import SYNC
from node.mesh.streams import FramedStream
from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.greeting import GREETING_BYTES_MAX, Greeting
from protocol.keys import IslandId
from protocol.membership import Membership
from tests.attested import signing_key
from tests.integration.mesh_hosts import Events
from tests.integration.mesh_nodes import Archipelago, Node, running_here

WAIT_S = 20.0


async def test_members_meet_where_they_met_before_and_their_statements_spread() -> None:
    archipelago = Archipelago(3)
    a, b, c = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b, c):
        await a.sees(b, c)
        await b.sees(a, c)
        await a.believes(b.statement(1), c.statement(1))
        await b.believes(a.statement(1), c.statement(1))
        await c.believes(a.statement(1), b.statement(1))
        await a.port.publish(a.statement(7))
        await b.believes(a.statement(7))
        await c.believes(a.statement(7))


async def test_a_newcomer_that_the_others_do_not_know_yet_is_believed_by_its_certificates() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    newcomer = signing_key(77)
    certificate = archipelago.certify(newcomer)
    c = Node(newcomer, archipelago, entries=[*archipelago.entries, certificate])
    async with running_here(a, b, c):
        await a.sees(b, c)
        await b.sees(a, c)
        await a.believes(certificate)
        await b.believes(certificate)


async def test_an_entry_published_by_a_signer_reaches_everybody() -> None:
    archipelago = Archipelago(3)
    a, b, c = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b, c):
        await a.sees(b, c)
        entry = archipelago.certify(signing_key(88))
        await a.port.publish(entry)
        await b.believes(entry)
        await c.believes(entry)


async def test_a_stranger_and_a_member_of_another_archipelago_do_not_get_in() -> None:
    ours, theirs = Archipelago(1), Archipelago(1, first=50)
    a = Node(ours.keys[0], ours)
    foreign = Node(theirs.keys[0], theirs)
    async with running_here(a, foreign):
        endpoint = [Endpoint.parse(one) for one in a.port.listening]
        attempts = [
            (signing_key(60), ours.entries),
            (theirs.keys[0], theirs.entries),
            (ours.keys[0], ours.entries),  # the node's own identity, come to it from outside
        ]
        for key, chain in attempts:
            stranger = MeshHost(key.seed, Events())
            async with stranger.running([]):
                connection = await stranger.dial(a.island, endpoint, WAIT_S)
                with trio.fail_after(WAIT_S), pytest.raises(LinkError):
                    hello = FramedStream(await stranger.open_stream(connection, HELLO, WAIT_S), GREETING_BYTES_MAX)
                    await hello.send(Greeting(chain, (), {}).to_bytes())
                    assert await hello.receive() is None
                    raise LinkError("closed without a greeting")
                with trio.fail_after(WAIT_S):
                    await connection.wire.closed.wait()
        assert a.port.peers == set()


async def test_a_revoked_member_loses_its_connections_everywhere_and_does_not_come_back() -> None:
    archipelago = Archipelago(3)
    a, b, c = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b, c):
        await a.sees(b, c)
        await b.sees(a, c)
        await c.sees(a, b)
        revocation = archipelago.revoke(c.key)
        await a.port.publish(revocation)
        for node in (a, b):
            await node.until(lambda node=node: c.island not in node.port.peers)
        await b.believes(revocation)
        await c.until(lambda: not c.port.peers)
        with pytest.raises(LinkError):
            await a.port.open_stream(c.island)
        await c.port.restart()
        await c.until(lambda: c.port.listening)
        with pytest.raises(trio.TooSlowError):
            await c.sees(a, wait_s=1.0)
        assert (a.port.peers, b.port.peers) == ({b.island}, {a.island})


async def test_a_question_gets_its_answer_and_nothing_from_who_refuses_or_is_not_there() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    b.answers = lambda asker, question: b"" if question == b"secret" else b"%s: %s" % (asker.encode(), question)
    async with running_here(a, b):
        await a.sees(b)
        assert await a.port.ask(b.island, b"how busy?", WAIT_S) == b"%s: how busy?" % a.island.encode()
        with pytest.raises(LinkError):
            await a.port.ask(b.island, b"secret", 0.1)
        with pytest.raises(LinkError):
            await a.port.ask(signing_key(99).island, b"anybody?", WAIT_S)
        with pytest.raises(LinkError):
            await a.port.ask(b.island, bytes(20_000), WAIT_S)
        answers = []

        async def ask(question: bytes) -> None:
            answers.append(await a.port.ask(b.island, question, WAIT_S))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(ask, b"%d" % number)
        assert len(set(answers)) == 20


async def test_a_stream_carries_a_mebibyte_both_ways_through_both_processes() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    data = bytes(range(256)) * 4_096
    async with running_here(a, b):
        await a.sees(b)
        stream = await a.port.open_stream(b.island)
        back = bytearray()

        async def write() -> None:
            for start in range(0, len(data), 50_000):
                await stream.send(data[start : start + 50_000])
            await stream.close()

        with trio.fail_after(WAIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write)
                while chunk := await stream.receive():
                    back += chunk
        assert bytes(back) == data
        assert (await b.event(IncomingStream)).stream.peer == a.island


async def test_a_reset_reaches_the_other_core_within_a_second() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b):
        await a.sees(b)
        stream = await a.port.open_stream(b.island)
        await stream.send(b"a long question")
        assert await stream.receive() == b"a long question"
        await stream.reset()
        await b.until(lambda: b.lost, 1.0)
        with pytest.raises(LinkError):
            await stream.receive()


async def test_the_peers_mesh_dying_resets_its_streams_and_both_meet_again() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b):
        await a.sees(b)
        stream = await a.port.open_stream(b.island)
        await stream.send(b"x")
        assert await stream.receive() == b"x"
        await b.port.restart()
        with trio.fail_after(WAIT_S), pytest.raises(LinkError):
            while await stream.receive():
                pass
        await a.event(MemberDown)
        await b.sees(a)
        await a.sees(b)
        again = await a.port.open_stream(b.island)
        await again.send(b"y")
        assert await again.receive() == b"y"


async def test_of_two_connections_that_cross_both_ends_keep_the_same_one() -> None:
    archipelago = Archipelago(2)
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(f"127.0.0.1:{probe.getsockname()[1]}")
    islands = [key.island for key in archipelago.keys]
    a, b = (
        Node(key, archipelago, listen=[own], addresses={other: [place]})
        for key, own, other, place in zip(archipelago.keys, ports, reversed(islands), reversed(ports), strict=True)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.run_here)
        nursery.start_soon(b.run_here)
        await a.sees(b)
        await b.sees(a)
        stream = await a.port.open_stream(b.island)
        await stream.send(b"one line")
        assert await stream.receive() == b"one line"
        nursery.cancel_scope.cancel()


async def test_a_member_gone_bad_loses_its_connection_and_the_others_notice_nothing() -> None:
    archipelago = Archipelago(3)
    a, b = (Node(key, archipelago) for key in archipelago.keys[:2])
    bad = archipelago.keys[2]
    async with running_here(a, b):
        await a.sees(b)
        for rubbish in (b"\xff" * 100, b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc"):
            host = MeshHost(bad.seed, Events())
            async with host.running([]):
                connection = await _greeted(host, a, archipelago)
                stream = await host.open_stream(connection, SYNC, WAIT_S)
                await a.until(lambda: bad.island in a.port.peers)
                await stream.send(rubbish)
                with trio.fail_after(WAIT_S):
                    await connection.wire.closed.wait()
                await a.until(lambda: bad.island not in a.port.peers)
        assert a.port.peers == {b.island}
        assert a.ends == []


async def test_three_nodes_of_one_machine_find_each_other_by_mdns_on_loopback() -> None:
    archipelago = Archipelago(3)
    nodes = [Node(key, archipelago, interfaces=["127.0.0.1"]) for key in archipelago.keys]
    async with trio.open_nursery() as nursery:
        for node in nodes:
            nursery.start_soon(node.run_here)
        for node in nodes:
            await node.sees(*(other for other in nodes if other is not node))
        nursery.cancel_scope.cancel()


async def test_a_node_heard_of_before_its_certificate_came_is_found_once_it_has_come() -> None:
    archipelago = Archipelago(2)
    newcomer = signing_key(77)
    certificate = archipelago.certify(newcomer)
    a = Node(archipelago.keys[0], archipelago, interfaces=["127.0.0.1"])
    c = Node(newcomer, archipelago, entries=[archipelago.entries[0], certificate], interfaces=["127.0.0.1"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a.run_here)
        nursery.start_soon(c.run_here)
        await a.sees(c)
        nursery.cancel_scope.cancel()


async def test_a_device_without_an_archipelago_finds_a_pairing_window_and_speaks_to_it() -> None:
    archipelago = Archipelago(1)
    signer = Node(archipelago.keys[0], archipelago, interfaces=["127.0.0.1"])
    joiner = Node(signing_key(70), None, interfaces=["127.0.0.1"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(signer.run_here)
        nursery.start_soon(joiner.run_here)
        await signer.listening()
        window = await signer.port.open_window(b"w" * 32)
        assert window not in {signer.island, joiner.island}
        await joiner.event(WindowHeard)
        heard = await joiner.port.hear_window(lambda host: host == window, deadline_s=WAIT_S)
        stream = await joiner.port.join(heard, b"j" * 32)
        await stream.send(b"first message of SPAKE2")
        event = await signer.event(WindowStream)
        assert event.stream.peer not in {signer.island, joiner.island}
        assert await event.stream.receive() == b"first message of SPAKE2"
        await event.stream.send(b"its answer")
        await event.stream.close()
        assert [await stream.receive(), await stream.receive()] == [b"its answer", b""]
        await signer.port.close_window()
        await stream.close()
        with pytest.raises(LinkError):
            await joiner.port.join(heard, b"k" * 32, 2.0)
        again = await signer.port.open_window(b"v" * 32)
        assert await joiner.port.hear_window(lambda host: host == again, deadline_s=WAIT_S) == again
        nursery.cancel_scope.cancel()


async def test_closing_the_window_ends_a_pairing_under_way() -> None:
    archipelago = Archipelago(1)
    signer = Node(archipelago.keys[0], archipelago, interfaces=["127.0.0.1"])
    joiner = Node(signing_key(70), None, interfaces=["127.0.0.1"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(signer.run_here)
        nursery.start_soon(joiner.run_here)
        await signer.listening()
        window = await signer.port.open_window(b"w" * 32)
        stream = await joiner.port.join(
            await joiner.port.hear_window(lambda host: host == window, deadline_s=WAIT_S), b"j" * 32
        )
        await stream.send(b"x")
        await signer.event(WindowStream)
        await signer.port.close_window()
        with trio.fail_after(WAIT_S), pytest.raises(LinkError):
            while await stream.receive():
                pass
        nursery.cancel_scope.cancel()


async def test_a_port_in_use_is_told_to_the_core_by_name() -> None:
    archipelago = Archipelago(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        node = Node(archipelago.keys[0], archipelago, listen=[place])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(node.run_here)
            gone = await node.event(MeshGone)
            nursery.cancel_scope.cancel()
        assert place in gone.problem


async def test_a_malformed_entry_in_the_setup_is_told_and_the_rest_is_believed() -> None:
    archipelago = Archipelago(2)
    a = Node(archipelago.keys[0], archipelago, entries=[b"rubbish", *archipelago.entries])
    b = Node(archipelago.keys[1], archipelago)
    async with running_here(a, b):
        await a.sees(b)
    assert any(getattr(event, "code", "") == "entry_refused" for event in a.events)


def test_the_first_word_must_be_the_setup() -> None:
    assert frames.TO_MESH[3] is frames.Setup


async def _greeted(host: MeshHost, node: Node, archipelago: Archipelago) -> Connection:
    """A member's host that greets by hand."""
    membership = Membership(archipelago.genesis)
    connection = await host.dial(IslandId(node.island), [Endpoint.parse(one) for one in node.port.listening], WAIT_S)
    hello = FramedStream(await host.open_stream(connection, HELLO, WAIT_S), GREETING_BYTES_MAX)
    chain = next(
        (raw,) for raw, key in zip(archipelago.entries, archipelago.keys, strict=True) if key.island == host.island
    )
    await hello.send(Greeting(chain, membership.revocations(), {}).to_bytes())
    assert await hello.receive() is not None
    host.promote(connection)
    await hello.stream.close()
    return connection
