"""Real mDNS on loopback: nodes of one machine hear each other, and liars cost nothing but their own words."""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing
from zeroconf import ServiceInfo, Zeroconf

from node.mesh.announcement import NAME_CHARS, SERVICE_TYPE, Announcement, PairingWindow, Rumour
from node.mesh.discovery import Discovery, random_name
from node.mesh.endpoint import Endpoint
from protocol.keys import SigningKey

LOOPBACK = ["127.0.0.1"]
WAIT_S = 10.0
MDNS = ("224.0.0.251", 5353)


class Ear:
    """One node's discovery, and the rumours that it heard."""

    def __init__(self, port: int, *, silent: bool = False) -> None:
        self.rumours: list[Rumour] = []
        self._changed = trio.Event()
        self.discovery = Discovery(
            LOOPBACK, lambda name: None if silent else Announcement(name, port, os.urandom(16), struct.pack(">Q", port))
        )

    def hear(self, rumour: Rumour) -> None:
        self.rumours.append(rumour)
        self._changed.set()
        self._changed = trio.Event()

    async def hears(self, *ports: int) -> None:
        with trio.fail_after(WAIT_S):
            while not {endpoint.port for rumour in self.rumours for endpoint in rumour.endpoints} >= set(ports):
                await self._changed.wait()

    async def hears_of(self, window: PairingWindow | None, port: int) -> None:
        with trio.fail_after(WAIT_S):
            while not any(
                rumour.pairing == window and rumour.endpoints[0].port == port for rumour in self.rumours[-5:]
            ):
                await self._changed.wait()


@asynccontextmanager
async def listening(*ears: Ear) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for ear in ears:
            nursery.start_soon(ear.discovery.run, ear.hear)
        yield
        nursery.cancel_scope.cancel()


async def test_three_nodes_of_one_machine_hear_each_other_on_loopback() -> None:
    ears = [Ear(41_001), Ear(41_002), Ear(41_003)]
    async with listening(*ears):
        await ears[0].hears(41_002, 41_003)
        await ears[1].hears(41_001, 41_003)
        await ears[2].hears(41_001, 41_002)
    for ear in ears:
        assert all(rumour.hint and len(rumour.salt) == 16 for rumour in ear.rumours)
        assert ear.discovery.counts.refused == 0


async def test_nobody_hears_itself_and_who_only_listens_is_not_heard() -> None:
    speaker, silent = Ear(41_011), Ear(41_012, silent=True)
    async with listening(speaker, silent):
        await silent.hears(41_011)
    assert not any(endpoint.port in (41_011, 41_012) for rumour in speaker.rumours for endpoint in rumour.endpoints)


async def test_a_pairing_window_is_announced_while_it_is_open() -> None:
    speaker, listener = Ear(41_021), Ear(41_022)
    window = PairingWindow(SigningKey(b"w" * 32).island, 4321)
    async with listening(speaker, listener):
        await listener.hears(41_021)
        speaker.discovery.announce_pairing(window)
        await listener.hears_of(window, 41_021)
        speaker.discovery.announce_pairing(None)
        listener.rumours.clear()
        await listener.hears_of(None, 41_021)


async def test_no_host_name_leaves_the_machine_and_names_are_new_at_every_start() -> None:
    heard = await trio.to_thread.run_sync(_packets_of_two_starts)
    names = {packet_name for packet in heard for packet_name in _instance_names(packet)}
    assert len(names) >= 2
    own = socket.gethostname().encode()
    assert not any(own in packet for packet in heard)


async def test_silent_malformed_and_far_away_announcements_neither_delay_nor_harm() -> None:
    silent, malformed, far = (random_name() for _ in range(3))
    with (
        _rogue(silent, port=1, txt=None),
        _rogue(malformed, port=2, txt={"v": "1", "n": "x" * 22, "h": "zz"}),
        _rogue(far, port=3, txt={"v": "1", "n": far}, address="203.0.113.9"),
    ):
        listener, honest = Ear(41_031), Ear(41_032)
        with trio.fail_after(WAIT_S):
            async with listening(listener, honest):
                await listener.hears(41_032)
                while listener.discovery.counts.refused < 2:
                    await trio.testing.wait_all_tasks_blocked(0.05)
        assert not {rumour.name for rumour in listener.rumours} & {silent, malformed, far}


async def test_a_goodbye_takes_back_nothing_that_was_heard() -> None:
    listener, honest = Ear(41_041), Ear(41_042)
    async with listening(listener):
        async with listening(honest):
            await listener.hears(41_042)
        before = len(listener.rumours)
    assert len(listener.rumours) == before
    assert any(Endpoint("127.0.0.1", 41_042) in rumour.endpoints for rumour in listener.rumours)


@contextlib.contextmanager
def _rogue(name: str, port: int, txt: dict[str, str] | None, address: str = "127.0.0.1"):  # type: ignore[no-untyped-def]
    """Somebody else's announcer. Without a text record it says PTR alone, and answers nothing."""
    if txt is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            sock.sendto(_pointer(name), MDNS)
            yield
        return
    zeroconf = Zeroconf(interfaces=LOOPBACK)
    try:
        info = ServiceInfo(
            SERVICE_TYPE,
            f"{name}.{SERVICE_TYPE}",
            port=port,
            properties=txt,
            server=f"{name}.local.",
            addresses=[socket.inet_aton(address)],
        )
        zeroconf.register_service(info, cooperating_responders=True)
        yield
    finally:
        zeroconf.close()


def _pointer(name: str) -> bytes:
    """One mDNS response: the service type points to `name`."""
    owner = b"".join(bytes([len(label)]) + label.encode() for label in SERVICE_TYPE.rstrip(".").split(".")) + b"\0"
    target = bytes([len(name)]) + name.encode() + owner
    return struct.pack(">6H", 0, 0x8400, 0, 1, 0, 0) + owner + struct.pack(">HHIH", 12, 1, 4_500, len(target)) + target


def _packets_of_two_starts() -> list[bytes]:
    """What goes over the wire while a node starts twice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("", MDNS[1]))
        group = socket.inet_aton(MDNS[0]) + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        sock.settimeout(1.0)
        packets = []
        for _ in range(2):
            node = Discovery(LOOPBACK, lambda name: Announcement(name, 41_051, b"s" * 16, b"mine"))

            async def once(node: Discovery = node) -> None:
                serving = asyncio.create_task(node._serve(lambda rumour: None))
                await asyncio.sleep(0.6)
                node._stopping = True
                node._poke()
                await serving

            asyncio.run(once())
            with contextlib.suppress(TimeoutError):
                while True:
                    packets.append(sock.recv(9_000))
        return [packet for packet in packets if b"_islandrun" in packet]


def _instance_names(packet: bytes) -> list[bytes]:
    names, start = [], 0
    while (start := packet.find(bytes([NAME_CHARS]), start)) >= 0:
        label = packet[start + 1 : start + 1 + NAME_CHARS]
        if len(label) == NAME_CHARS and label.isalnum():
            names.append(label)
        start += 1
    return names
