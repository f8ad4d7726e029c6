"""`demo`: the main job on this machine, with three real nodes, and what came of it."""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from node.demo.network import network
from node.demo.processes import DemoNode, stand_in
from node.demo.steps import Step, run_steps
from protocol.errors import StateError

MODELS_S = 30.0
DEMO_KEY = "demo-key"


def demo(argv: Sequence[str]) -> int:
    """Exit status 0 only if every step held."""
    made = argparse.ArgumentParser(
        prog="islandrun demo", description="The main job on this machine, real in every part."
    )
    made.add_argument("--cloud", metavar="URL", help="an OpenAI-compatible base URL that plays the cloud")
    made.add_argument("--hold", metavar="SECONDS", type=float, default=0.0, help="let the nodes live on for so long")
    made.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = made.parse_args(argv)
    with contextlib.ExitStack() as stack:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="islandrun-demo-")))
        say = _silent if wanted.json else _say
        say("Starting the stand-in for a cloud and three nodes …")
        url, record = (wanted.cloud, None) if wanted.cloud else stack.enter_context(stand_in(directory, DEMO_KEY))
        model = _first_model(url)
        running = stack.enter_context(network(directory, url, model, DEMO_KEY, _loopback()))
        say("They found each other by mDNS, enrolled with a code and believe each other's attestations.\n")
        steps = run_steps(running, model, record)
        held = all(step.ok for step in steps) and {"home", "office", "cloud"} <= {step.island for step in steps}
        if wanted.json:
            print(
                json.dumps(
                    {"ok": held, "nodes": [_node(one) for one in running.nodes], "steps": [_row(s) for s in steps]}
                )
            )
            sys.stdout.flush()
        else:
            _report(steps, held)
        time.sleep(wanted.hold)
        return 0 if held else 1


def _first_model(url: str) -> str:
    """The first model of the stand-in's `/v1/models`."""
    try:
        headers = {"authorization": f"Bearer {DEMO_KEY}"}
        answer = httpx.get(f"{url.rstrip('/')}/models", headers=headers, timeout=MODELS_S, trust_env=False).json()
        return str(answer["data"][0]["id"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        raise StateError(f"{url}: expected an OpenAI-compatible server with a model: {type(error).__name__}") from None


def _loopback() -> str:
    return "lo0" if sys.platform == "darwin" else "lo"


def _node(one: DemoNode) -> dict[str, object]:
    return {"name": one.name, "pid": one.pid, "peer_id": one.peer_id, "api": one.api, "key": one.key, "mesh": one.mesh}


def _row(step: Step) -> dict[str, object]:
    names = ("name", "ok", "island", "tier", "sanitized", "cloud_saw", "refused", "tokens", "seconds", "usd", "answer")
    return {name: getattr(step, name) for name in (*names, "error", "problems")}


def _say(text: str) -> None:
    print(text, flush=True)


def _silent(_text: str) -> None:
    pass


def _report(steps: Sequence[Step], held: bool) -> None:
    for step in steps:
        print("\n".join(_lines(step)), end="\n\n")
    print("Every step held." if held else "Not every step held.")


def _lines(step: Step) -> Iterator[str]:
    yield f"{step.name}: {'holds' if step.ok else 'FALLS SHORT: ' + '; '.join(step.problems)}"
    yield f"  asked      {step.prompt}"
    if step.island:
        yield f"  answered   {step.island} ({step.tier}){', sanitised' if step.sanitized else ''}"
        yield f"  answer     {' '.join(step.answer.split())}"
    else:
        yield f"  answered   nobody: {step.error}"
    for refusal in step.refused:
        reasons = "; ".join(f"{reason['agent']}: {reason['detail']}" for reason in refusal["reasons"])
        yield f"  not        {refusal['offer']} ({refusal['tier']}): {reasons}"
    for seen in step.cloud_saw:
        yield f"  cloud saw  {seen}"
    yield f"  tokens {step.tokens}, {step.seconds:.2f} s, {step.usd} USD"
