"""The design's sentences that the mesh must hold, each restated. Sections 2, 3 and 4 (Mesh)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from node.clock import now
from node.mesh import brain, frames, gossip, greeter, host, lines, process, swarm, window
from node.mesh.announcement import SERVICE_TYPE, Announcement, PairingWindow
from node.mesh.dialling import DialPlan
from node.mesh.endpoint import Endpoint
from node.mesh.events import IncomingStream
from node.mesh.greeter import HELLO, Greeter
from node.mesh.host import MeshHost
from node.mesh.lines import SYNC
from node.mesh.streams import MeshStream
from protocol.dissemination import Dissemination
from protocol.errors import LinkError
from protocol.greeting import GREETING_BYTES_MAX
from protocol.membership import Membership
from protocol.registry import Registry
from protocol.session import GREETING_MS_MAX, Session
from protocol.sync import SYNC_FRAME_BYTES_MAX
from tests.attested import signing_key
from tests.integration.mesh_hosts import LOOPBACK, WAIT_S, Events, echo, running_host
from tests.integration.mesh_nodes import Archipelago, Node, running_here

ROOT = Path(__file__).parents[2]
CORE_SIDE = ("port", "events", "life", "frames")


def test_only_node_mesh_imports_libp2p_and_zeroconf() -> None:
    for path in [*ROOT.glob("node/**/*.py"), *ROOT.glob("protocol/**/*.py"), *ROOT.glob("sim/**/*.py")]:
        if path.parent.name != "mesh":
            assert not _imports(path) & {"libp2p", "zeroconf", "multiaddr"}, path


@pytest.mark.parametrize("name", CORE_SIDE)
def test_the_cores_side_of_the_mesh_loads_no_libp2p(name: str) -> None:
    check = f"import sys, node.mesh.{name}; sys.exit(any(m in sys.modules for m in ('libp2p', 'zeroconf')))"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, timeout=30).returncode == 0


def test_everything_that_the_mesh_decides_is_in_protocol() -> None:
    assert brain.Dissemination is Dissemination and brain.Membership is Membership and brain.Registry is Registry
    assert greeter.Session is Session
    for machine in (Dissemination, Membership, Registry, Session):
        assert machine.__module__.startswith("protocol.")


def test_no_sealing_key_and_no_prompt_can_come_to_the_mesh_process() -> None:
    fields = {name for kind in frames.TO_MESH for name in kind.__dataclass_fields__}
    assert fields == {
        "stream", "data", "seed", "genesis", "entries", "statement", "listen", "interfaces", "island", "addresses",
        "raw", "number", "question", "answer", "deadline_ms", "window",
    }  # fmt: skip
    for module in (brain, host, swarm, process, window, lines):
        assert not {"SealingPair", "envelope", "inference"} & set(vars(module))


def test_the_service_and_its_text_record_are_those_of_the_contract() -> None:
    said = Announcement("n" * 22, 4754, b"s" * 16, b"h" * 16, PairingWindow(signing_key(1).island, 1)).txt()
    assert SERVICE_TYPE == "_islandrun._tcp.local."
    assert set(said) == {"v", "n", "h", "s", "pair", "pp"}


def test_the_protocols_have_the_names_of_the_contract() -> None:
    assert {HELLO, window.ENROL, SYNC, brain.INFER} == {
        "/islandrun/hello/1.0.0",
        "/islandrun/enrol/1.0.0",
        "/islandrun/sync/1.0.0",
        "/islandrun/infer/1.0.0",
    }


def test_a_greeting_has_16_kib_and_2_seconds() -> None:
    assert GREETING_BYTES_MAX == 16 * 1024
    assert GREETING_MS_MAX == 2_000
    assert host.GREETING_S == greeter.GREETING_S == 2.0


def test_gossip_frames_are_held_far_below_what_stalls_the_loop_and_the_heartbeat_does_not_drift() -> None:
    assert gossip.RPC_BYTES_MAX <= SYNC_FRAME_BYTES_MAX + 1_024 <= 18 * 1024
    router = gossip.new_router()
    assert router.heartbeat_interval == 1
    assert router.adaptive_gossip_enabled is False
    assert router.do_px is False
    assert router.scorer.params.graylist_threshold < router.scorer.params.gossip_threshold < 0


def test_at_most_32_streams_at_once() -> None:
    assert swarm.STREAMS_MAX == 32


async def test_a_connection_is_first_a_stranger_and_strangers_get_no_identify_ping_or_pubsub() -> None:
    async with running_host(b"a" * 32) as (a, _), running_host(b"b" * 32) as (b, _), b.topic("t", lambda *_: True):
        b.handle(HELLO, echo, strangers=True)
        b.handle(brain.INFER, echo)
        b.handle(SYNC, echo)
        connection = await a.dial(b.island, b.listening, WAIT_S)
        for protocol in ("/ipfs/id/1.0.0", "/ipfs/ping/1.0.0", "/meshsub/1.2.0", "/meshsub/1.1.0", SYNC, brain.INFER):
            with pytest.raises(LinkError):
                await a.open_stream(connection, protocol, WAIT_S)


async def test_the_dialler_greets_first_and_only_whom_it_knows_for_a_member() -> None:
    archipelago = Archipelago(1)
    membership = Membership(archipelago.genesis)
    for entry in archipelago.entries:
        membership.accept(entry, now())
    me = archipelago.keys[0]
    unknown = MeshHost(signing_key(40).seed, Events(), greeting_s=5.0)
    heard: list[bytes] = []

    async def listen(stream: MeshStream) -> None:
        heard.append(await stream.receive())

    unknown.handle(HELLO, listen, strangers=True)
    ours = MeshHost(me.seed, Events())
    greets = Greeter(ours, membership, ours.island, _NoSociety())
    async with ours.running([]), unknown.running([LOOPBACK]):
        connection = await ours.dial(unknown.island, unknown.listening, WAIT_S)
        assert greets.met(connection)
        with pytest.raises(LinkError):
            await greets.greet(connection)
        with trio.fail_after(WAIT_S):
            await connection.wire.closed.wait()
    assert heard == []


def test_an_announcement_neither_replaces_nor_removes_what_is_known_of_an_authenticated_peer() -> None:
    me, peer = sorted(signing_key(number).island for number in (1, 2))
    plan = DialPlan(me)
    plan.proven(peer, [Endpoint("192.0.2.1", 4754)], 0, 0.0)
    for number in range(1_000):
        plan.rumoured(peer, [Endpoint("192.0.2.66", number + 1)], number, 0.0)
    (dial,) = plan.due(100_000)
    assert dial.endpoints[0] == Endpoint("192.0.2.1", 4754)
    plan.connected(peer)
    plan.rumoured(peer, [Endpoint("192.0.2.66", 1)], 100_000, 0.0)
    assert plan.next_ms() is None


async def test_every_request_and_question_comes_from_a_live_member() -> None:
    archipelago = Archipelago(2)
    a, b = (Node(key, archipelago) for key in archipelago.keys)
    async with running_here(a, b):
        await a.sees(b)
        stream = await a.port.open_stream(b.island)
        await stream.send(b"x")
        assert (await b.event(IncomingStream)).stream.peer == a.island
        await a.port.publish(archipelago.revoke(b.key))
        await b.until(lambda: a.island not in b.port.peers)
        for call in (a.port.open_stream(b.island), a.port.ask(b.island, b"?", 1.0)):
            with pytest.raises(LinkError):
                await call
        with trio.fail_after(WAIT_S), pytest.raises(LinkError):
            while await stream.receive():
                pass


async def test_mesh_gone_every_call_says_so_at_once_and_nothing_waits() -> None:
    archipelago = Archipelago(1)
    node = Node(archipelago.keys[0], archipelago)
    for call in (
        lambda: node.port.open_stream(node.island),
        lambda: node.port.ask(node.island, b"?", 60.0),
        lambda: node.port.open_window(b"w" * 32),
        lambda: node.port.join(node.island, b"j" * 32),
    ):
        with trio.fail_after(1.0), pytest.raises(LinkError):
            await call()
    with trio.fail_after(1.0):
        await node.port.publish(b"carried by the next setup")
        await node.port.close_window()


class _NoSociety:
    async def learned(self, action: object, source: object) -> None: ...

    async def admitted(self, connection: object, action: object) -> None: ...


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names
