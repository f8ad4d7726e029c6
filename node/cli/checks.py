"""The checks of `doctor`, one function each. A check yields outcomes; what it raises counts as a problem."""

import os
import platform
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from node.agents.policy_file import parse_policy
from node.clock import now
from node.config import config_path, load
from node.configuration.values import Address, Config
from node.store import ledger
from node.store.database import Store
from node.store.files import StateDirectory, read_private
from node.store.identity import running_process
from node.store.records import clock_is_trusted, wall_floor
from protocol.errors import ConfigError, IslandRunError

PYTHON_MIN, PYTHON_END = (3, 11), (3, 14)
PLATFORMS = ("linux", "darwin")
FREE_BYTES_MIN = 256 * 1024 * 1024  # receipts, the index of a collection, a copy before a migration
HEALTH_S = 5.0


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"  # the node runs, with less
    PROBLEM = "problem"


Outcome = tuple[State, str, str]
"""How it is, what was found, and what to do ("" where there is nothing to do)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to."""

    check: str
    state: State
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined. Nothing of it is made or changed."""

    environ: Mapping[str, str]
    config: Config | None  # None: it cannot be read
    directory: StateDirectory | None
    pid: int | None  # of the node that runs

    @classmethod
    def here(cls) -> Self:
        try:
            config = load({}, os.environ)
        except ConfigError:
            return cls(os.environ, None, None, None)
        directory = StateDirectory(config.state) if config.state.is_dir() else None
        return cls(os.environ, config, directory, running_process(directory) if directory else None)


def _ok(found: str) -> Outcome:
    return State.OK, found, ""


def python(_: Subject) -> Iterator[Outcome]:
    version, machine = platform.python_version(), f"{platform.system()} on {platform.machine()}"
    if not PYTHON_MIN <= sys.version_info[:2] < PYTHON_END:
        yield State.PROBLEM, f"Python {version}", "use CPython 3.11, 3.12 or 3.13"
    elif sys.platform not in PLATFORMS:
        yield State.WARNING, f"Python {version}, {machine}", "Linux and macOS are tested; on Windows, use WSL"
    else:
        yield _ok(f"Python {version}, {machine}")


def configuration(subject: Subject) -> Iterator[Outcome]:
    path = config_path({}, subject.environ)
    config = load({}, subject.environ)
    parse_policy(config.policy)
    yield _ok(str(path) if path.exists() else f"{path} is not there: defaults hold")


def embedded_model(subject: Subject) -> Iterator[Outcome]:
    if subject.config is not None and not subject.config.embedded.enabled:
        yield _ok("switched off in the configuration")
        return
    advice = "install IslandRun as its README says; without it, only models elsewhere can answer"
    try:
        from node.workers.llama import packaged_model

        path = packaged_model()
    except (ImportError, OSError, IslandRunError) as error:
        yield State.WARNING, f"cannot be used: {error}", advice
        return
    if path.is_file():
        yield _ok(f"{path.name}, {path.stat().st_size >> 20} MiB")
    else:
        yield State.WARNING, f"{path} is not there", advice


def name_models(_: Subject) -> Iterator[Outcome]:
    """Loads them: without them every text in prose is restricted, which nobody would expect."""
    try:
        from node.workers.name_models import NameModels

        NameModels()
    except Exception as error:  # noqa: BLE001 - whatever keeps them from loading is what is to be told
        found = f"cannot be loaded: {type(error).__name__}: {error}"
        yield State.PROBLEM, found, "install IslandRun as its README says; until then text counts as restricted"
        return
    yield _ok("names and languages: loaded")


def state(subject: Subject) -> Iterator[Outcome]:
    if subject.config is None:
        yield State.WARNING, "not known without a configuration", ""
        return
    path = subject.config.state
    if subject.directory is None:
        yield _ok(f"{path} is not there yet: the first start makes it")
        return
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield State.PROBLEM, f"{path} belongs to another user", "run as that user, or set ISLANDRUN_STATE"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        yield State.WARNING, f"{path}: others can look into it", f"chmod 700 {path}; the next start does it too"
    else:
        yield _ok(str(path))
    yield from _private_files(subject.directory)
    if (free := shutil.disk_usage(path).free) < FREE_BYTES_MIN:
        yield State.WARNING, f"{free >> 20} MiB are free there", "make room: a full disk stops paid requests"


def _private_files(directory: StateDirectory) -> Iterator[Outcome]:
    for path in sorted((directory.identity, *directory.path.glob("*.key"), *directory.named_keys.glob("*.key"))):
        try:
            read_private(path)
        except IslandRunError as error:
            yield State.PROBLEM, str(error), ""


def store(subject: Subject) -> Iterator[Outcome]:
    if subject.directory is None or not subject.directory.database.exists():
        yield _ok("nothing is kept yet")
        return
    with Store.open_read_only(subject.directory.database) as opened:
        advice = f"move {subject.directory.path} away whole, keep it, and start anew; or put a backup back"
        for problem in opened.check():
            yield State.PROBLEM, problem, advice
        found = opened.peek(ledger.verify)
        if found.problem is not None:
            yield (
                State.WARNING,
                f"the ledger: {found.problem}",
                "somebody or something edited it: it proves nothing now",
            )
        floor, wall_s = opened.peek(wall_floor), now().wall_s
    yield _ok(f"whole, {found.receipts} receipts")
    if not clock_is_trusted(floor, wall_s):
        behind = f"the clock is {floor - wall_s} s behind what it showed before: no certificate can be judged"
        yield State.PROBLEM, behind, "put the clock right, with NTP; or, if it is right, islandrun start --trust-clock"


def node(subject: Subject) -> Iterator[Outcome]:
    if subject.config is None:
        yield State.WARNING, "not known without a configuration", ""
        return
    if subject.pid is None:
        yield State.WARNING, "not running", "islandrun start"
        yield from _ports(subject.config)
        return
    import httpx  # takes longer than all other checks together

    url = f"http://{subject.config.api}/health"
    try:
        healthy = httpx.get(url, timeout=HEALTH_S, trust_env=False).is_success
    except httpx.HTTPError as error:
        found, advice = f"process {subject.pid} runs, {url}: {type(error).__name__}", "see its log; stop and start it"
        yield State.PROBLEM, found, f"{advice}; it may have been started with another --api"
        return
    if healthy:
        yield _ok(f"process {subject.pid} answers at http://{subject.config.api}")
    else:
        yield State.PROBLEM, f"{url} is answered by something else than a node", "set ISLANDRUN_API to another port"


def _ports(config: Config) -> Iterator[Outcome]:
    """Whether a node that is started now would get its ports."""
    for address, variable in ((config.api, "ISLANDRUN_API"), *((one, "ISLANDRUN_MESH") for one in config.mesh)):
        if (refusal := _refusal(address)) is not None:
            advice = f"stop the program that holds it, or set {variable}"
            yield State.PROBLEM, f"{address} cannot be listened on: {refusal}", advice


def _refusal(address: Address) -> str | None:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address.host, address.port))
    except OSError as error:
        return error.strerror
    return None


def interfaces(subject: Subject) -> Iterator[Outcome]:
    import psutil

    from node.mesh.interfaces import interfaces as up

    wanted = None if subject.config is None else subject.config.interfaces
    flags = {name: stats.flags.split(",") for name, stats in psutil.net_if_stats().items()}
    found = [interface.name for interface in up(wanted)]
    silent = [name for name in found if "multicast" not in flags.get(name, ["multicast"])]
    if not found:
        which = "none is up" if wanted is None else f"none of {', '.join(wanted)} is up"
        yield State.WARNING, which, "connect this device to a network: until then it serves itself alone"
    elif len(silent) == len(found):
        yield State.WARNING, f"{', '.join(silent)}: no multicast", "other devices are found by multicast DNS only"
    else:
        yield _ok(", ".join(name for name in found if name not in silent))


CHECKS: Mapping[str, Callable[[Subject], Iterable[Outcome]]] = MappingProxyType(
    {
        "python": python,
        "config": configuration,
        "model": embedded_model,
        "names": name_models,
        "state": state,
        "store": store,
        "node": node,
        "interfaces": interfaces,
    }
)
