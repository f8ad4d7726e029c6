"""Whole nodes, as users start them, each in a network namespace of its own: `islandrun start` and its local API."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.integration.namespaces import Namespace

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
READY_S = 60.0
WAIT_S = 60.0
POLL_S = 0.05
API = "127.0.0.1:4753"


@dataclass(slots=True)
class WholeNode:
    """One running `islandrun start`."""

    name: str
    namespace: Namespace
    directory: Path
    process: subprocess.Popen[bytes]
    ready: dict[str, Any]
    ready_s: float  # from the start to the API

    def key(self, kind: str) -> str:
        return (self.directory / "state" / f"{kind}.key").read_text().strip()

    def here(self, job: Callable[[], T]) -> T:
        """Runs `job` in a thread that lives in this node's namespace: its sockets open there."""
        with ThreadPoolExecutor(1, initializer=_enter, initargs=(self.namespace.name,)) as threads:
            return threads.submit(job).result()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The management API. Raises AssertionError with the node's words where it refuses."""

        def ask() -> Any:
            with self.client("owner") as client:
                response = client.request(method, path, json=body)
                assert response.is_success, f"{self.name} {method} {path}: {response.status_code} {response.text}"
                return response.json()

        return self.here(ask)

    def client(self, kind: str = "inference", timeout_s: float = 90.0) -> httpx.Client:
        """To be used inside `here`."""
        headers = {"authorization": f"Bearer {self.key(kind)}"}
        return httpx.Client(base_url=f"http://{API}", headers=headers, timeout=timeout_s, trust_env=False)

    def kill(self) -> None:
        """kill -9: the core; its other processes end when they notice."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def log(self) -> str:
        return (self.directory / "node.log").read_text(errors="replace")


@contextlib.contextmanager
def whole_node(namespace: Namespace, directory: Path, name: str, config: str = "") -> Iterator[WholeNode]:
    """`islandrun start` in the namespace, with the default ports and interfaces, until the end of the block."""
    home = directory / name
    home.mkdir(parents=True, exist_ok=True)
    (home / "config.toml").write_text(f"version = 1\n{config}")
    command = namespace.python("-m", "node.cli.main", "start", "--json", "--name", name)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("ISLANDRUN_")}
    environ |= {"ISLANDRUN_STATE": str(home / "state"), "ISLANDRUN_CONFIG": str(home / "config.toml")}
    began = time.monotonic()
    with (home / "node.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=environ)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"{name} did not start: {(home / 'node.log').read_text()[-2000:]}"
        yield WholeNode(name, namespace, home, process, json.loads(line), time.monotonic() - began)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_until(what: str, holds: Callable[[], bool], seconds: float = WAIT_S) -> float:
    """How long it took. The outside of a node gives no event for it, so it is asked again and again."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(POLL_S)
    return time.monotonic() - began


def enrol(signer: WholeNode, device: WholeNode, person: str, tier: str) -> dict[str, Any]:
    """With a code, as two people at two devices would."""
    opened = signer.call("POST", "/api/pair", {"person": person, "tier": tier, "signer": False})
    return dict(device.call("POST", "/api/pair/join", {"code": opened["code"], "name": device.name}))


def up_with_models(node: WholeNode) -> set[str]:
    rows = node.call("GET", "/api/islands")["islands"]
    return {row["name"] for row in rows if row["up"] and row["models"] and not row["this"]}


def _enter(name: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/var/run/netns/{name}").open("rb") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
