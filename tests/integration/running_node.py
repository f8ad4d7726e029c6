"""One node on loopback, as its user runs it: `islandrun start` with free ports and a state of its own."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil

END_S = 20.0
START_S = 60.0
ANSWER_S = 60.0
HEAD = 'version = 1\n[mesh]\ninterfaces = ["lo"]\n'
NO_MODEL = "[embedded]\nenabled = false\n"


@dataclass(frozen=True, slots=True)
class Home:
    """Where one node lives: its configuration, its state, its log, its ports. Several starts may follow one another."""

    path: Path
    api_port: int
    mesh_port: int

    @classmethod
    def make(cls, path: Path, config: str = "", key: str | None = None) -> "Home":
        """`key`: that of the provider which `config` names."""
        path.mkdir(parents=True)
        home = cls(path, *free_ports(2))
        home.configure(config)
        if key is not None:
            home.provider_key.touch(mode=0o600)
            home.provider_key.write_text(key)
        return home

    @property
    def provider_key(self) -> Path:
        return self.path / "cloud.key"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def log(self) -> Path:
        return self.path / "node.log"

    def configure(self, config: str) -> None:
        (self.path / "config.toml").write_text(HEAD + config, encoding="utf-8")

    def start(self, *more: str) -> list[str]:
        """The arguments of `islandrun`."""
        flags = ["--config", str(self.path / "config.toml"), "--state", str(self.state)]
        flags += ["--api", f"127.0.0.1:{self.api_port}", "--mesh", f"127.0.0.1:{self.mesh_port}"]
        return ["start", "--json", "--name", "solo", "--person", "ada", *flags, *more]

    def verb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`islandrun VERB …` about this node."""
        environ = plain_environ()
        environ["ISLANDRUN_STATE"] = str(self.state)
        environ["ISLANDRUN_CONFIG"] = str(self.path / "config.toml")
        environ["ISLANDRUN_API"] = f"127.0.0.1:{self.api_port}"
        command = islandrun(*arguments)
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=START_S, check=False)


@dataclass(slots=True)
class RunningNode:
    """One running `islandrun start`, seen from outside."""

    home: Home
    process: subprocess.Popen[bytes]
    ready: dict[str, Any]

    def key(self, kind: str) -> str:
        return (self.home.state / f"{kind}.key").read_text().strip()

    def client(self, kind: str = "inference") -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key(kind)}"}
        # Plain HTTP on loopback: to load certificates would cost 50 ms each time.
        return httpx.Client(
            base_url=self.ready["api"], headers=headers, timeout=ANSWER_S, trust_env=False, verify=False
        )

    def openai(self, *, key: str | None = None, max_retries: int = 0) -> openai.OpenAI:
        base = f"{self.ready['api']}/v1"
        return openai.OpenAI(
            base_url=base, api_key=key or self.key("inference"), max_retries=max_retries, timeout=ANSWER_S
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The management API. Raises AssertionError with the node's words where it refuses."""
        with self.client("owner") as client:
            response = client.request(method, path, json=body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def chat(self, body: dict[str, Any], headers: dict[str, str] | None = None) -> httpx.Response:
        with self.client() as client:
            return client.post("/v1/chat/completions", json=body, headers=headers)

    def child(self, name: str) -> dict[str, Any]:
        """`pid` and `starts` of one of the node's processes."""
        processes = self.call("GET", "/api/status")["processes"]
        return next(dict(one) for one in processes if one["name"] == name)

    def busy(self) -> int:
        """Slots of this island at work."""
        load = self.call("GET", "/api/islands")["islands"][0]["load"]
        return int(load["busy"]) if load else 0

    def log(self) -> str:
        return self.home.log.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """kill -9: the core."""
        self.process.kill()
        self.process.wait(END_S)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(END_S)


@contextlib.contextmanager
def running(home: Home, *more: str, group: bool = False) -> Iterator[RunningNode]:
    """A start at `home`, until the end of the block. `group`: in a process group of its own, as a terminal would."""
    with home.log.open("ab") as log:
        process = subprocess.Popen(
            islandrun(*home.start(*more)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=plain_environ(),
            process_group=0 if group else None,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"the node did not start: {home.log.read_text()[-2000:]}"
        yield RunningNode(home, process, json.loads(line))
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def islandrun(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "node.cli.main", *arguments]


def user(content: str, **members: Any) -> dict[str, Any]:
    """A chat request of one message."""
    return {"model": "auto", "messages": [{"role": "user", "content": content}], **members}


def alive(pids: Sequence[int]) -> list[int]:
    """Those that run; one that ended and was not waited for does not."""
    return [pid for pid in pids if psutil.pid_exists(pid) and _status(pid) != psutil.STATUS_ZOMBIE]


def free_ports(count: int) -> list[int]:
    """Free now; all held at once, so that they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _status(pid: int) -> str:
    try:
        return str(psutil.Process(pid).status())
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_ZOMBIE)


def plain_environ() -> dict[str, str]:
    """Without what a developer has set for a node of his own."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ISLANDRUN_")}
