"""The requests of the demo, sent with the OpenAI client to the laptop, and what must hold of each."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai

from node.demo.network import CLOUD, COLLECTION, Network
from node.demo.processes import DemoNode

PERSON = "Maria Lindqvist"
EMAIL = "maria.lindqvist@example.org"
SECRET = "sk-proj-Zt4Kq9vWm2Xc7Rb1Ny8Hd5Lf3Gj6Ps0A"
REQUEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the demo."""

    name: str
    model: str
    prompt: str
    max_tokens: int
    stream: bool = True


@dataclass(slots=True)
class Step:
    """What came of it; the field names are those of `islandrun demo --json`."""

    name: str
    prompt: str
    ok: bool = False
    island: str | None = None
    tier: str | None = None
    sanitized: bool = False
    cloud_saw: list[str] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0
    usd: str = "0"
    answer: str = ""
    error: str | None = None
    problems: list[str] = field(default_factory=list)


Check = Callable[[Step], Sequence[str]]


def run_steps(network: Network, cloud_model: str, record: Path | None) -> list[Step]:
    """Every step in order. One that fails does not keep the next from running."""
    client = openai.OpenAI(
        base_url=f"{network.laptop.api}/v1", api_key=network.laptop.key, max_retries=0, timeout=REQUEST_S
    )
    with client:
        plan = _plan(cloud_model, own_cloud=record is not None)
        return [_run(client, network.laptop, asked, check, record) for asked, check in plan]


def _plan(cloud_model: str, *, own_cloud: bool) -> list[tuple[Asked, Check]]:
    """What somebody else's stand-in answers is not known: then only what was sent to it can be held to anything."""
    only_cloud = f"{CLOUD}/{cloud_model}"
    return [
        (Asked("harmless", "auto", "How many days does a week have?", 32), _answered),
        (
            Asked("medical", "auto", f"My mother {PERSON} has diabetes. Name one healthy breakfast for her.", 48),
            _stays_personal,
        ),
        (
            Asked("sanitised", only_cloud, f"Write a short thank-you note to {PERSON} ({EMAIL}).", 64),
            _is_restored if own_cloud else _is_sanitised,
        ),
        (Asked("refused", only_cloud, f"My key is {SECRET}. What is it for?", 16, stream=False), _nobody_answers),
        (Asked("collection", f"auto@{COLLECTION}", "What is the notice period of the lease?", 64), _goes_to_data),
    ]


def _run(client: openai.OpenAI, laptop: DemoNode, asked: Asked, check: Check, record: Path | None) -> Step:
    step = Step(asked.name, asked.prompt)
    seen_before = _recorded(record)
    began = time.monotonic()
    try:
        decision: str | None = _ask(client, asked, step)
    except openai.APIStatusError as error:
        decision = _refusal(error, step)
    except openai.OpenAIError as error:
        step.error, decision = f"{type(error).__name__}: {error}", None
    step.seconds = round(time.monotonic() - began, 3)
    if decision is not None:
        receipt = laptop.call("GET", f"/api/ledger/{decision}")
        step.tokens = receipt["prompt_tokens"] + receipt["completion_tokens"]
        step.usd = f"{receipt['cost_nano_usd'] / 1_000_000_000:.9f}"
        step.refused = receipt["refusals"]
    step.cloud_saw = _recorded(record)[len(seen_before) :] if record is not None else _told(laptop, asked, step)
    step.problems = list(check(step))
    step.ok = not step.problems
    return step


def _ask(client: openai.OpenAI, asked: Asked, step: Step) -> str:
    raw = client.chat.completions.with_raw_response.create(
        model=asked.model,
        messages=[{"role": "user", "content": asked.prompt}],
        max_tokens=asked.max_tokens,
        temperature=0,
        stream=asked.stream,
    )
    step.island = raw.headers["x-islandrun-island"]
    step.tier = raw.headers["x-islandrun-tier"]
    step.sanitized = raw.headers["x-islandrun-sanitized"] == "true"
    answer: Any = raw.parse()
    if asked.stream:
        step.answer = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
    else:
        step.answer = answer.choices[0].message.content or ""
    return str(raw.headers["x-islandrun-decision"])


def _refusal(error: openai.APIStatusError, step: Step) -> str | None:
    body: Any = error.body
    step.error = f"{error.status_code} {body.get('code') if isinstance(body, dict) else ''}"
    return error.response.headers.get("x-islandrun-decision")


def _answered(step: Step) -> list[str]:
    if step.error is not None:
        return [step.error]
    return [] if step.answer.strip() else ["the answer is empty"]


def _stays_personal(step: Step) -> list[str]:
    problems = _answered(step)
    if step.tier != "personal":
        problems.append(f"health went to tier {step.tier}")
    if step.cloud_saw:
        problems.append("the cloud was sent something")
    return problems


def _is_restored(step: Step) -> list[str]:
    problems = _is_sanitised(step)
    if PERSON not in step.answer:
        problems.append("the name is not back in the answer")
    return problems


def _is_sanitised(step: Step) -> list[str]:
    problems = _answered(step)
    if step.tier != "cloud" or not step.sanitized:
        problems.append("expected a sanitised request to the cloud")
    if any(word in seen for seen in step.cloud_saw for word in (PERSON, *PERSON.split(), EMAIL)):
        problems.append("the cloud saw the name or the address")
    if "[PERSON_1]" in step.answer:
        problems.append("a placeholder is left in the answer")
    return problems


def _nobody_answers(step: Step) -> list[str]:
    problems = [] if step.error == "403 no_eligible_island" else [f"expected a refusal, not {step.error}"]
    if step.cloud_saw:
        problems.append("the cloud was sent something")
    if not step.refused:
        problems.append("no reasons were given")
    return problems


def _goes_to_data(step: Step) -> list[str]:
    problems = _answered(step)
    if step.island != "office":
        problems.append(f"expected the holder of the collection, not {step.island}")
    return problems


def _told(laptop: DemoNode, asked: Asked, step: Step) -> list[str]:
    """What the laptop says that it sends to the cloud for such a request; only the cloud itself knows for sure."""
    if step.tier != "cloud":
        return []
    messages = [{"role": "user", "content": asked.prompt}]
    body = {"model": asked.model, "messages": messages, "max_tokens": asked.max_tokens}
    sent = laptop.call("POST", "/api/explain", body).get("would_send") or messages
    return [" ".join(str(message["content"]) for message in sent)]


def _recorded(record: Path | None) -> list[str]:
    """What the stand-in was really sent: the texts of each request. Nothing for somebody else's stand-in."""
    if record is None:
        return []
    bodies = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return [" ".join(str(message["content"]) for message in body["messages"]) for body in bodies]
