"""mDNS: announces this node on every interface that is up, and hears rumours of others. zeroconf behind an adapter.

zeroconf lives on an asyncio loop in a thread of its own, one instance for each interface, so that a network is told
only the addresses that are on it. Nothing waits for a peer: py-libp2p's listener asks a silent one for 18 s while deaf
to all others. What is heard goes to trio through a bounded, rate-limited queue.
"""

import asyncio
import contextlib
import dataclasses
import ipaddress
import logging
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio
from zeroconf import BadTypeInNameException, DNSQuestionType, IPVersion, ServiceStateChange, Zeroconf
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from node.mesh.announcement import NAME_ALPHABET, NAME_CHARS, SERVICE_TYPE, Announcement, PairingWindow, Rumour
from node.mesh.endpoint import Endpoint
from node.mesh.interfaces import Interface, interfaces
from protocol.errors import PeerError

POLL_S = 3.0  # a network that appears is spoken to within this time
RESOLVE_MS = 2_000
RESOLVING_MAX = 16  # at once on one interface
RUMOURS_PER_S = 10.0  # that are looked at
RUMOURS_BURST = 64.0
RUMOURS_QUEUE_MAX = 256
RESCAN_S = 10.0  # what the rate dropped is looked at again, some of it
RESCAN_MAX = 32
CLOSE_S = 2.0
_IP_MULTICAST_ALL = 49  # Linux: 0 means only groups that this very socket joined, hence only this interface
_IPV6_MULTICAST_ALL = 29

log = logging.getLogger("islandrun.mesh")

Describe = Callable[[str], Announcement | None]
"""An announcement under a given name, each with a new salt; None: only listen. Called in zeroconf's thread."""


def random_name() -> str:
    return "".join(secrets.choice(NAME_ALPHABET) for _ in range(NAME_CHARS))


@dataclass(slots=True)
class DiscoveryCounts:
    """For the status of the node."""

    heard: int = 0
    dropped: int = 0  # by the rate or the full queue
    refused: int = 0  # malformed, or not on the link
    problems: int = 0  # interfaces that could not be used


class Discovery:
    """Runs until cancelled. `pairing` may be set at any time."""

    def __init__(self, wanted: Sequence[str] | None, describe: Describe) -> None:
        self._wanted = None if wanted is None else tuple(wanted)
        self._describe = describe
        self._pairing: PairingWindow | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: asyncio.Event | None = None
        self._stopping = False
        self._own_names: set[str] = set()
        self.counts = DiscoveryCounts()

    def announce_pairing(self, window: PairingWindow | None) -> None:
        self._pairing = window
        self._poke()

    async def run(self, hear: Callable[[Rumour], None]) -> None:
        """`hear` is called in trio's thread; it must not block."""
        token = trio.lowlevel.current_trio_token()
        send, receive = trio.open_memory_channel[Rumour](RUMOURS_QUEUE_MAX)

        def arrive(rumour: Rumour) -> None:
            try:
                send.send_nowait(rumour)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self.counts.dropped += 1

        def hand_over(rumour: Rumour) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(arrive, rumour)

        async def thread() -> None:
            try:
                await trio.to_thread.run_sync(asyncio.run, self._serve(hand_over))
            finally:
                await send.aclose()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(thread)
            try:
                async for rumour in receive:
                    hear(rumour)
            finally:
                self._stopping = True
                self._poke()

    def _poke(self) -> None:
        loop, changed = self._loop, self._changed
        if loop is not None and changed is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody left to tell
                loop.call_soon_threadsafe(changed.set)

    async def _serve(self, hand_over: Callable[[Rumour], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = changed = asyncio.Event()
        presences: dict[Interface, _Presence] = {}
        try:
            while not self._stopping:
                current = interfaces(self._wanted)
                for interface in [known for known in presences if known not in current]:
                    await presences.pop(interface).close()
                for interface in [new for new in current if new not in presences]:
                    await self._appear(interface, presences, hand_over)
                for presence in presences.values():
                    await presence.say(self._pairing)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), POLL_S)
                changed.clear()
        finally:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(presence.close() for presence in presences.values()))

    async def _appear(
        self, interface: Interface, presences: dict[Interface, "_Presence"], hand_over: Callable[[Rumour], None]
    ) -> None:
        name = random_name()
        self._own_names.add(name)
        presence = _Presence(interface, name, self._describe, self._own_names, self.counts, hand_over)
        try:
            await presence.open()
        except (OSError, RuntimeError, ZeroconfError) as error:
            self.counts.problems += 1
            log.info("interface_skipped", extra={"interface": interface.name, "error": type(error).__name__})
            await presence.close()
        else:
            presences[interface] = presence


@dataclass(slots=True)
class _Presence:
    """zeroconf on one interface."""

    interface: Interface
    name: str
    describe: Describe
    own_names: set[str]
    counts: DiscoveryCounts
    hand_over: Callable[[Rumour], None]
    _zeroconf: AsyncZeroconf | None = None
    _browser: AsyncServiceBrowser | None = None
    _said: PairingWindow | None = None
    _resolving: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)
    _rescan: "asyncio.Task[None] | None" = None
    _missed: bool = False
    _level: float = RUMOURS_BURST
    _level_at: float = 0.0

    async def open(self) -> None:
        addresses = [address.partition("%")[0] for address in self.interface.addresses]
        one_ipv6 = next((address for address in addresses if ":" in address), None)
        one_ipv4 = next((address for address in addresses if ":" not in address), None)
        choice = [address for address in (one_ipv4, one_ipv6) if address is not None]
        zeroconf = Zeroconf(interfaces=choice, ip_version=_version(one_ipv4, one_ipv6))
        _only_own_groups(zeroconf)
        self._zeroconf = AsyncZeroconf(zc=zeroconf)
        await zeroconf.async_wait_for_start()
        info = self._info(None)
        if info is not None:
            await (await self._zeroconf.async_register_service(info, cooperating_responders=True))
        self._browser = AsyncServiceBrowser(
            zeroconf, SERVICE_TYPE, handlers=[self._on_change], question_type=DNSQuestionType.QM
        )  # QM: several nodes of one machine share port 5353, and only one would get a unicast answer
        self._rescan = asyncio.create_task(self._look_again())

    async def say(self, pairing: PairingWindow | None) -> None:
        """Announces the pairing window, or that there is none any more."""
        if pairing == self._said or self._zeroconf is None:
            return
        self._said = pairing
        info = self._info(pairing)  # with a salt of its own: zeroconf takes what it heard once for no news
        if info is not None:
            await (await self._zeroconf.async_update_service(info))

    async def close(self) -> None:
        for task in [*self._resolving.values(), *([self._rescan] if self._rescan else [])]:
            task.cancel()
        if self._zeroconf is not None:
            with contextlib.suppress(OSError, RuntimeError, ZeroconfError, TimeoutError):
                if self._browser is not None:
                    await self._browser.async_cancel()
                async with asyncio.timeout(CLOSE_S / 2):
                    await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()
            self._zeroconf = None

    def _info(self, pairing: PairingWindow | None) -> AsyncServiceInfo | None:
        announcement = self.describe(self.name)
        if announcement is None:
            return None
        said = dataclasses.replace(announcement, pairing=pairing)
        return AsyncServiceInfo(
            SERVICE_TYPE,
            f"{said.name}.{SERVICE_TYPE}",
            port=said.port,
            properties=said.txt(),
            server=f"{said.name}.local.",
            addresses=[_packed(address) for address in self.interface.addresses],
        )

    def _on_change(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is not ServiceStateChange.Removed:  # a goodbye proves nothing either
            self._consider(name)

    def _consider(self, name: str) -> None:
        instance = name.removesuffix(f".{SERVICE_TYPE}")
        if instance in self.own_names or name in self._resolving:
            return
        self.counts.heard += 1
        if len(self._resolving) >= RESOLVING_MAX or not self._take():
            self.counts.dropped += 1
            self._missed = True
            return
        task = asyncio.get_running_loop().create_task(self._resolve(name, instance))
        self._resolving[name] = task
        task.add_done_callback(lambda _: self._resolving.pop(name, None))

    async def _resolve(self, name: str, instance: str) -> None:
        if self._zeroconf is None:
            return
        try:
            info = AsyncServiceInfo(SERVICE_TYPE, name)
            if not await info.async_request(self._zeroconf.zeroconf, RESOLVE_MS, DNSQuestionType.QM):
                return
            said = [Endpoint(self._scoped(host), info.port or 0) for host in info.parsed_addresses(IPVersion.All)]
            near = [endpoint for endpoint in said if self.interface.reaches(endpoint)]
            self.hand_over(Rumour.parse(instance, info.properties, near))
        except (PeerError, ValueError, BadTypeInNameException, ZeroconfError):
            self.counts.refused += 1

    def _scoped(self, host: str) -> str:
        host = host.partition("%")[0]
        return f"{host}%{self.interface.name}" if ipaddress.ip_address(host).is_link_local and ":" in host else host

    def _take(self) -> bool:
        at = time.monotonic()
        self._level = min(RUMOURS_BURST, self._level + (at - self._level_at) * RUMOURS_PER_S)
        self._level_at = at
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    async def _look_again(self) -> None:
        """A flood must not hide a node for ever: some of what is in the cache, drawn at random, is looked at again."""
        while True:
            await asyncio.sleep(RESCAN_S)
            if not self._missed or self._zeroconf is None:
                continue
            self._missed = False
            records = self._zeroconf.zeroconf.cache.async_entries_with_name(SERVICE_TYPE)
            names = [record.alias for record in records if hasattr(record, "alias")]
            for name in secrets.SystemRandom().sample(names, min(len(names), RESCAN_MAX)):
                self._consider(name)


def _version(ipv4: str | None, ipv6: str | None) -> IPVersion:
    if ipv4 is not None and ipv6 is not None:
        return IPVersion.All
    return IPVersion.V4Only if ipv4 is not None else IPVersion.V6Only


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address.partition("%")[0]).packed


def _only_own_groups(zeroconf: Zeroconf) -> None:
    """Linux hands a multicast packet to every socket of the port, whatever it joined; here each minds its own."""
    sock = zeroconf.engine._listen_socket
    if sock is None:
        return
    for level, option in ((socket.IPPROTO_IP, _IP_MULTICAST_ALL), (socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL)):
        with contextlib.suppress(OSError):
            sock.setsockopt(level, option, 0)
