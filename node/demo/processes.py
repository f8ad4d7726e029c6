"""The processes of the demo: three nodes with their own state, and the stand-in for a cloud. All on loopback."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from protocol.errors import StateError

READY_S = 90.0
END_S = 10.0
ANSWER_S = 60.0
STDERR_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class DemoNode:
    """A running node, as an outsider sees it."""

    name: str
    pid: int
    peer_id: str
    api: str  # http://127.0.0.1:PORT
    key: str  # an inference key
    owner_key: str
    mesh: str  # 127.0.0.1:PORT
    log: Path

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """The management API of this node. Raises StateError with the node's own words."""
        headers = {"authorization": f"Bearer {self.owner_key}"}
        try:
            with httpx.Client(base_url=self.api, headers=headers, timeout=ANSWER_S, trust_env=False) as client:
                response = client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise StateError(f"{self.name} {method} {path}: {error}\n{_last_words(self.log)}") from None
        if response.is_error:
            raise StateError(f"{self.name} {method} {path}: {response.status_code} {response.text[:300]}")
        return response.json()


@contextlib.contextmanager
def node(directory: Path, name: str, person: str, config: str, *, existing: bool = False) -> Iterator[DemoNode]:
    """A node with its own state under `directory`, `person`'s; ended with the block. `existing`: its state is there."""
    home = directory / name
    home.mkdir(mode=0o700, exist_ok=existing)
    path = home / "config.toml"
    path.write_text(config, encoding="utf-8")
    api, mesh = (f"127.0.0.1:{port}" for port in _free_ports(2))
    flags = ["--config", str(path), "--state", str(home / "state"), "--api", api, "--mesh", mesh]
    command = [sys.executable, "-m", "node.cli.main", "start", "--json", "--name", name, "--person", person, *flags]
    log = home / "node.log"
    with _process(command, log) as process:
        ready = _first_line(process, name, log)
        keys = {kind: (home / "state" / f"{kind}.key").read_text().strip() for kind in ("inference", "owner")}
        yield DemoNode(
            name, process.pid, ready["peer_id"], f"http://{api}", keys["inference"], keys["owner"], mesh, log
        )


@contextlib.contextmanager
def stand_in(directory: Path, key: str) -> Iterator[tuple[str, Path]]:
    """A stand-in for a cloud provider: its URL, and the file in which it records what it was sent."""
    record = directory / "cloud-saw.jsonl"
    record.touch(mode=0o600)
    command = [sys.executable, "-m", "node.standin", "--port", "0", "--record", str(record), "--key", key]
    with _process(command, directory / "cloud.log") as process:
        yield str(_first_line(process, "cloud", directory / "cloud.log")["url"]), record


@contextlib.contextmanager
def _process(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ISLANDRUN_")}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environ
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[bytes], name: str, log: Path) -> dict[str, Any]:
    """The JSON line that a process prints once it serves. Raises StateError with its last words where it ended."""
    assert process.stdout is not None
    until = time.monotonic() + READY_S
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := until - time.monotonic()) > 0 and not selector.select(left):
            continue
    line = process.stdout.readline() if time.monotonic() < until else b""
    try:
        ready = json.loads(line)
    except ValueError:
        raise StateError(f"{name} did not start within {READY_S:g} s:\n{_last_words(log)}") from None
    if not isinstance(ready, dict):
        raise StateError(f"{name} said nonsense when it started")
    return ready


def _last_words(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-STDERR_TAIL:]


def _free_ports(count: int) -> list[int]:
    """Free now; all held at once, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
