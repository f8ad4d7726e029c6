"""What a node costs: start, first peer, memory, and what going through a peer adds to the first token.

`make bench-node`. Two nodes on loopback, real in every part. What a peer adds is measured in pairs, in turn in one run,
since machines are noisy, and told as quartiles. Prints one JSON object.
"""

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil

from node.demo.processes import DemoNode, node

ROUNDS = 40
WAIT_S = 60.0
LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
CONFIG = f'version = 1\n[mesh]\ninterfaces = ["{LOOPBACK}"]\n'
NO_MODEL = "[embedded]\nenabled = false\n"
IDLE_S = 10.0


def main() -> None:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="islandrun-bench-")))
        began = time.monotonic()
        laptop = stack.enter_context(node(directory, "laptop", "ada", CONFIG + NO_MODEL))
        to_api_s = time.monotonic() - began
        home = stack.enter_context(node(directory, "home", "ada", CONFIG))
        opened = laptop.call("POST", "/api/pair", {"person": "ada", "tier": "personal", "signer": False})
        home.call("POST", "/api/pair/join", {"code": opened["code"], "name": "home"})
        _until(lambda: _models_up(laptop) == ["home"])
        pairs = [(_first_token_s(home, 2 * n), _first_token_s(laptop, 2 * n + 1)) for n in range(ROUNDS)][3:]
        time.sleep(IDLE_S)
        memory = _memory_mib(home)
        first_peer_s = _restarted(stack, directory, laptop)
        added = [through - direct for direct, through in pairs]
        report = {
            "start_to_api_s": round(to_api_s, 2),
            "start_to_first_peer_s": round(first_peer_s, 2),
            "first_token_direct_ms": round(1_000 * statistics.median(direct for direct, _ in pairs), 1),
            "first_token_added_by_peer_ms": [round(1_000 * cut, 1) for cut in statistics.quantiles(added, n=4)],
            "idle_rss_mib": memory,
        }
        print(json.dumps(report, indent=1))


def _first_token_s(one: DemoNode, number: int) -> float:
    """Each question is another, of one length: a cached prompt must not be what is measured."""
    question = f"{number:02d} {number * 37 % 100:02d}: which of these two numbers is larger?"
    body = {"model": "auto", "stream": True, "max_tokens": 4, "messages": [{"role": "user", "content": question}]}
    headers = {"authorization": f"Bearer {one.key}"}
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        client.get(f"{one.api}/health")
        began = time.monotonic()
        with client.stream("POST", f"{one.api}/v1/chat/completions", json=body) as response:
            for line in response.iter_lines():
                if '"content":' in line and '"content":""' not in line:
                    break
            return time.monotonic() - began


def _restarted(stack: contextlib.ExitStack, directory: Path, peer: DemoNode) -> float:
    """Another enrolled node, started again: from its start to its first authenticated peer."""
    name = "spare"
    with node(directory, name, "ada", CONFIG + NO_MODEL) as spare:
        opened = peer.call("POST", "/api/pair", {"person": "ada", "tier": "personal", "signer": False})
        spare.call("POST", "/api/pair/join", {"code": opened["code"], "name": name})
        _until(lambda: spare.call("GET", "/api/status")["peers_up"] > 0)
    began = time.monotonic()
    again = stack.enter_context(node(directory, name, "ada", CONFIG + NO_MODEL, existing=True))
    _until(lambda: again.call("GET", "/api/status")["peers_up"] > 0)
    return time.monotonic() - began


def _memory_mib(one: DemoNode) -> dict[str, float]:
    core = psutil.Process(one.pid)
    return {"core": _rss(core), **dict(_children(core))}


def _children(core: psutil.Process) -> Iterator[tuple[str, float]]:
    for child in core.children():
        module = next((word for word in child.cmdline() if word.startswith("node.")), "?")
        yield module, _rss(child)


def _rss(process: psutil.Process) -> float:
    return round(process.memory_info().rss / 2**20, 1)


def _models_up(one: DemoNode) -> list[str]:
    rows = one.call("GET", "/api/islands")["islands"]
    return [row["name"] for row in rows if row["up"] and row["models"] and not row["this"]]


def _until(holds: Callable[[], object]) -> None:
    until = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > until:
            raise SystemExit("a node did not do what it should in time")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
