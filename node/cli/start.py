"""`start`: the node of this device, until it is told to end. SIGTERM and SIGINT drain; SIGHUP reloads."""

import argparse
import errno
import getpass
import json
import locale
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence

import trio

from node import logs
from node.api.app import Api
from node.api.limits import Limits as ServerLimits
from node.api.server import Server
from node.archipelago import Archipelago, IslandKeys
from node.authority import NO_SHARE, Grantee, found
from node.beside import beside
from node.clock import now
from node.config import load
from node.configuration.values import Address, Config
from node.island import Island, policy_of
from node.management import Owner
from node.queueing import Queue
from node.store import records
from node.store.api_keys import load_keys
from node.store.database import Store
from node.store.files import StateDirectory, write_atomic
from node.store.identity import StateLock, load_or_create_identity, next_boot
from node.store.money import Money
from protocol.errors import ConfigError, IslandRunError, StateError
from protocol.keys import SigningKey, fingerprint
from protocol.terms import Tier

DRAIN_S = 10.0
RECOVERY_FILE = "recovery-key.txt"
COVERED_LANGUAGE = "en"
FLAGS = ("state", "config", "api", "mesh", "name", "interfaces", "embedded")


def start(argv: Sequence[str]) -> int:
    wanted = _parser().parse_args(argv)
    flags = {name: getattr(wanted, name) for name in FLAGS}
    config = load(flags, os.environ)
    policy_of(config)  # read again by the island: a mistake in it is told before anything is written
    logs.set_up()
    directory = StateDirectory.create(config.state)
    with StateLock(directory):
        identity = load_or_create_identity(directory, os.urandom)  # before there is a database: a lost one is noticed
        keys = IslandKeys.of(identity, next_boot(directory, now().wall_s))
        _open_and_run(config, lambda: load(flags, os.environ), directory, keys, wanted)
    return 0


def _open_and_run(
    config: Config,
    reread: Callable[[], Config],
    directory: StateDirectory,
    keys: IslandKeys,
    wanted: argparse.Namespace,
) -> None:
    with Store.open(directory.database) as store:
        _check_clock(store, trust=wanted.trust_clock)
        languages = _languages(store, wanted.language, quiet=wanted.json)
        person = wanted.person or _user_name()
        trio.run(_run, config, reread, directory, store, keys, person, languages, wanted.json)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="islandrun start", description="Runs the node of this device.")
    made.add_argument("--name", help="this island's name (default: the host's)")
    made.add_argument("--person", help="whose device it is; heard at the first start only (default: this user)")
    made.add_argument("--config", metavar="FILE")
    made.add_argument("--state", metavar="DIRECTORY")
    made.add_argument("--api", metavar="ADDRESS", help="of the local API (default: 127.0.0.1:4753)")
    made.add_argument("--mesh", metavar="ADDRESSES", help="of the mesh, with commas (default: 0.0.0.0:4754,[::]:4754)")
    made.add_argument("--interfaces", metavar="NAMES", help="where to look for islands (default: all that are up)")
    made.add_argument("--embedded", choices=("on", "off"), help="the model that comes with the node")
    made.add_argument("--language", metavar="CODE", help="accept text in this language without a name model for it")
    made.add_argument("--trust-clock", action="store_true", help="the clock is right, although it ran ahead before")
    made.add_argument("--json", action="store_true", help="print one JSON line when the API answers; ask nothing")
    return made


async def _run(
    config: Config,
    reread: Callable[[], Config],
    directory: StateDirectory,
    store: Store,
    keys: IslandKeys,
    person: str,
    languages: frozenset[str],
    as_json: bool,
) -> None:
    """Raises StateError for an address in use. Returns when the node was told to end."""
    await _check_ports(config)
    listeners = await _listen(config.api)
    archipelago = await Archipelago.restore(store, keys, now, os.urandom) or await _found(
        config, directory, store, keys, person
    )
    money = await Money.open(store, os.urandom, now())
    addresses = await store.read(records.addresses)
    island = Island(config, reread, directory, store, archipelago, money, languages, addresses)
    ring = load_keys(directory, os.urandom)
    port = int(listeners[0].socket.getsockname()[1])
    execution = Queue(island.pipeline, lambda: island.config.limits)
    api = Api(execution, Owner(island), island.lasting, keys=lambda: ring, port=port, clock=now)
    limits = ServerLimits(body_bytes=config.limits.body_bytes_max, connections=config.limits.connections_max)
    server = Server(api, limits)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as received:  # before it is announced
        async with beside(island.run), beside(lambda: _signals(received, server, island)):
            _announce(island, port, as_json=as_json)
            await server.serve(listeners)
    await island.services.aclose()
    store.write_soon(lambda connection: records.raise_wall_floor(connection, now().wall_s))


async def _signals(received: AsyncIterator[int], server: Server, island: Island) -> None:
    async for number in received:
        if number == signal.SIGHUP:
            try:
                await island.reload()
            except IslandRunError as error:
                print(f"islandrun start: {error}; the configuration in use stays", file=sys.stderr)
        else:
            island.happenings.end()
            server.stop(DRAIN_S)


async def _found(config: Config, directory: StateDirectory, store: Store, keys: IslandKeys, person: str) -> Archipelago:
    """A first start: an archipelago of this one island, and the recovery key that the owner should put on paper."""
    recovery = SigningKey(os.urandom(32))
    text = (
        f"IslandRun recovery key\n\n  {recovery.seed.hex()}\n\nof {fingerprint(recovery.public)}\n\n"
        "It outranks every device of this archipelago. Print it, keep the paper, remove this file.\n"
    )
    write_atomic(directory.path / RECOVERY_FILE, text.encode())
    share = NO_SHARE if config.caps.any else None
    founder = Grantee(config.name or _host_name(), person, Tier.PERSONAL, True, share)
    return await found(store, keys, founder, recovery.public, now, os.urandom)


def _announce(island: Island, port: int, *, as_json: bool) -> None:
    me = island.archipelago.me()
    if as_json:
        ready = {
            "api": f"http://{island.config.api.host}:{port}",
            "peer_id": me.island,
            "name": me.name,
            "pid": os.getpid(),
        }
        print(json.dumps(ready), flush=True)
        return
    print(f"Island {me.name!r} of {me.person} answers at http://{island.config.api}/v1")
    print('Clients: eval "$(islandrun env)"   Another device: islandrun pair   Dashboard: islandrun open', flush=True)


async def _listen(address: Address) -> list[trio.SocketListener]:
    try:
        return list(await trio.open_tcp_listeners(address.port, host=address.host))
    except OSError as error:
        raise StateError(f"{address}: cannot listen there: {error.strerror}: --api takes another address") from None


async def _check_ports(config: Config) -> None:
    """The mesh process listens later and alone: a port in use is told here, while there is somebody to tell."""
    for address in config.mesh:
        try:
            _bind_once(address)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):  # a device without IPv6 listens on IPv4 alone
                problem = f"{address}: the mesh cannot listen there: {error.strerror}: --mesh takes another address"
                raise StateError(problem) from None


def _bind_once(address: Address) -> None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind((address.host, address.port))


def _check_clock(store: Store, *, trust: bool) -> None:
    """A clock behind what it has shown before: nobody can tell whether a certificate is valid, so nothing starts."""
    floor_s = store.peek(records.wall_floor)
    if trust:
        store.write_now(lambda connection: records.reset_wall_floor(connection, now().wall_s))
    elif not records.clock_is_trusted(floor_s, now().wall_s):
        raise StateError(
            "this device's clock is behind its own past: set it, or start with --trust-clock if it is right"
        )


def _languages(store: Store, given: str | None, *, quiet: bool) -> frozenset[str]:
    """What the owner accepted; asked once, where somebody can answer."""
    accepted = store.peek(records.accepted_languages)
    asked = store.peek(lambda connection: records.fact(connection, "language_asked")) is not None
    new = frozenset([given]) if given else frozenset()
    if given and not re.fullmatch(r"[a-z]{2}", given):
        raise ConfigError(f"--language {given}: expected a code of two letters, such as de")
    if not given and not asked and not quiet and sys.stdin.isatty():
        new = _ask_language()
        store.write_now(lambda connection: records.set_fact(connection, "language_asked", b"1"))
    if new - accepted:
        store.write_now(lambda connection: records.accept_languages(connection, new))
    return accepted | new


def _ask_language() -> frozenset[str]:
    own = (locale.getlocale()[0] or COVERED_LANGUAGE)[:2].lower()
    print(
        "Names of people are recognised in English text. In other languages IslandRun cannot see names, so such text\n"
        "stays on your own devices unless you accept that names in it may reach other islands."
    )
    proposal = own if own != COVERED_LANGUAGE else ""
    how = f"two letters or none [{proposal}]" if proposal else "two letters, empty for none"
    answer = input(f"A language to accept ({how}): ").strip()
    chosen = answer.lower() or proposal
    return frozenset([chosen]) if re.fullmatch(r"[a-z]{2}", chosen) and chosen != COVERED_LANGUAGE else frozenset()


def _host_name() -> str:
    return re.sub(r"[^a-z0-9-]", "-", socket.gethostname().split(".")[0].lower()).strip("-") or "island"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "owner"
