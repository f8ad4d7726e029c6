"""Writes specs/vectors/decision.json: tables and requests with the report of each, and scripts of the failover machine.

`python -m tests.vectors.generate_decision` writes the file; the tests check that it gives the same bytes.
"""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from node.agents.explain import explain
from node.agents.need import Shape, need
from node.agents.patience import patience_ms
from node.agents.router import Choice
from node.dispatch import (
    Action,
    Connected,
    Cut,
    Deadlines,
    Dispatch,
    Done,
    Event,
    Fail,
    Failed,
    Finished,
    GoOn,
    Slow,
    TimedOut,
    Token,
    Try,
    Wait,
)
from protocol.errors import BackendFailure, MisuseError, RequestError
from protocol.terms import Now
from tests.offers import offer, paid
from tests.vectors.decision_cases import BASE, CASES, REFUSED

PATH = Path(__file__).parents[2] / "specs" / "vectors" / "decision.json"
EVENTS: dict[str, Event] = {
    "connected": Connected(),
    "token": Token(),
    "finished": Finished(),
    "timed_out": TimedOut(),
    "slow": Slow(),
    **{failure.value: Failed(failure, "lost") for failure in BackendFailure},
}
PLAN = [
    Choice(row, False)
    for row in (
        paid("p1"),
        offer("u1"),
        paid("p2"),
        offer("u2"),
        offer("u3"),
        offer("busy", free=0),
        paid("p3", free=2),
    )
]
PATIENCE_MS = 15
SCRIPTS: list[tuple[str, str, list[str]]] = [
    ("answers whole", "u1", ["connected", "token", "token", "finished"]),
    ("a whole answer without a token", "u1", ["connected", "finished"]),
    (
        "definite refusal of a paid one: anything may follow",
        "p1 p2 u1",
        ["connected", "refused", "not_connected", "connected", "finished"],
    ),
    (
        "ambiguous paid attempt: only unpaid may follow",
        "p1 p2 u1 u2",
        ["connected", "ambiguous", "not_connected", "connected", "finished"],
    ),
    ("time-out of a paid attempt is ambiguous, even before it connected", "p1 p2", ["timed_out"]),
    (
        "time-out of an unpaid attempt: a paid one may follow",
        "u1 p1",
        ["connected", "timed_out", "connected", "finished"],
    ),
    ("cut after the first token", "u1 u2", ["connected", "token", "ambiguous"]),
    ("cut of a paid answer forbids to retry", "p1 u1", ["connected", "token", "refused"]),
    ("nobody could be reached", "u1 u2", ["not_connected", "not_connected"]),
    ("somebody said no", "u1 u2", ["not_connected", "connected", "refused"]),
    ("a token before the connection is refused", "u1", ["token", "connected", "finished"]),
    ("nothing after the end", "u1", ["connected", "finished", "token"]),
    ("an empty plan", "", []),
]
HEDGED: list[tuple[str, str, list[str]]] = [
    ("the second's token comes first", "u1 u2", ["0 connected", "0 slow", "1 connected", "1 token", "1 finished"]),
    (
        "the first's token comes first after all",
        "u1 u2",
        ["0 connected", "0 slow", "1 connected", "0 token", "1 token"],
    ),
    ("a whole answer without a token wins too", "u1 u2", ["0 connected", "0 slow", "1 connected", "1 finished"]),
    ("nobody is asked beside one that answers", "u1 u2", ["0 connected", "0 token", "0 slow", "0 finished"]),
    ("not before its moment", "u1 u2", ["0 slow", "0 slow", "1 connected"]),
    ("a paid offer is never asked beside one", "u1 p1 u2", ["0 connected", "0 slow", "0 refused", "1 refused"]),
    ("nobody is asked beside a paid one", "p1 u1", ["0 connected", "0 slow", "0 token"]),
    ("who is busy is not asked beside one", "u1 busy p1", ["0 connected", "0 slow", "0 refused"]),
    ("a third waits for one of two to fail", "u1 u2 u3", ["0 connected", "0 slow", "1 slow", "0 ambiguous", "1 slow"]),
    ("where the second fails the first goes on", "u1 u2 p1", ["0 connected", "0 slow", "1 refused", "0 timed_out"]),
    ("cut, and nobody follows", "u1 u2 u3", ["0 connected", "0 slow", "1 connected", "1 token", "1 ambiguous"]),
]
PATIENCE: list[tuple[dict[str, Any], int, int]] = [
    ({}, 100, 256),
    ({"ttft_s": 3.0}, 100, 256),
    ({"ttft_s": 3.0, "doubt": 0.3}, 100, 256),
    ({"ttft_s": 3.0, "probation": True}, 100, 256),
    ({"ttft_s": 0.7, "prefill_tokens_per_s": 130.0, "doubt": 0.125}, 1_000, 256),
    ({"free": 0, "queue": 1, "slots": 3, "tokens_per_s": 70.0}, 100, 256),
    ({"free": 0, "slots": 0}, 0, 1),
    ({"ttft_s": 30.0}, 0, 0),
    ({"prefill_tokens_per_s": 1.0}, 1_000, 0),
]
NEEDS = [
    Shape(0, 1, code=False, tools=False, schema=False, foreign_part=0.0),
    Shape(1_000, 0, code=False, tools=False, schema=False, foreign_part=0.1),
    Shape(1_000, 4, code=True, tools=False, schema=False, foreign_part=0.125),
    Shape(4_001, 11, code=False, tools=True, schema=True, foreign_part=0.0),
    Shape(40_000, 100, code=True, tools=True, schema=True, foreign_part=1.0),
]


def document() -> dict[str, Any]:
    return {
        "about": "specs/09-decision.md. Each case: input of `explain --offline`, and its report or the member refused.",
        "cases": [{"name": name, **_input(changes), "report": explain(**_input(changes))} for name, changes in CASES],
        "refused": [{"name": name, **_input(changes), "error": _error(changes)} for name, changes in REFUSED],
        "failover": [_script(name, plan.split(), events) for name, plan, events in SCRIPTS],
        "hedging": [_hedged(name, plan.split(), events) for name, plan, events in HEDGED],
        "patience": [_patience(*case) for case in PATIENCE],
        "needs": [{"shape": asdict(shape), "need": need(shape)} for shape in NEEDS],
    }


def rendered() -> bytes:
    return json.dumps(document(), indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _input(changes: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(BASE)
    for path, value in changes.items():
        *way, last = path.split(".")
        target: Any = found
        for step in way:
            target = target[int(step)] if step.isdigit() else target[step]
        target[last] = value
    return found


def _error(changes: dict[str, Any]) -> str:
    try:
        explain(**_input(changes))
    except RequestError as error:
        return str(error)
    raise AssertionError(f"accepted: {changes}")


def _script(name: str, plan: list[str], events: list[str]) -> dict[str, Any]:
    choices = {choice.offer.island: choice for choice in PLAN}
    machine = Dispatch([choices[island] for island in plan], Deadlines())
    steps = [["start", 0, _action(machine.start(Now(0, 0)))]]
    for number, event in enumerate(events, 1):
        moment = number * 10
        try:
            steps.append([event, moment, _action(machine.on(EVENTS[event], Now(moment, 0)))])
        except MisuseError:
            steps.append([event, moment, {"misuse": str(machine.state)}])
    return {"name": name, "plan": [{"offer": i, "paid": choices[i].offer.paid} for i in plan], "steps": steps}


def _hedged(name: str, plan: list[str], events: list[str]) -> dict[str, Any]:
    """As `_script`, each event with the number of its attempt. A `slow` that is misuse: too early, or of nobody."""
    choices = {choice.offer.island: choice for choice in PLAN}
    machine = Dispatch([choices[island] for island in plan], patience=lambda _: PATIENCE_MS)
    steps: list[list[Any]] = [["start", 0, _action(machine.start(Now(0, 0)))]]
    for place, text in enumerate(events, 1):
        number, event = text.split()
        moment = place * 10
        try:
            told = _action(machine.on(EVENTS[event], Now(moment, 0), int(number)))
        except MisuseError:
            told = {"misuse": True}
        steps.append([event, moment, told, int(number)])
    return {
        "name": name,
        "patience_ms": PATIENCE_MS,
        "plan": [{"offer": i, "paid": choices[i].offer.paid, "free": choices[i].offer.free} for i in plan],
        "steps": steps,
    }


def _patience(changes: dict[str, Any], prompt_tokens: int, output_tokens: int) -> dict[str, Any]:
    row = offer(**{"prefill_tokens_per_s": 500.0, **changes})
    columns = ("ttft_s", "prefill_tokens_per_s", "tokens_per_s", "doubt", "probation", "slots", "free", "queue")
    return {
        "offer": {column: getattr(row, column) for column in columns},
        "prompt_tokens": prompt_tokens,
        "output_tokens_expected": output_tokens,
        "patience_ms": patience_ms(row, prompt_tokens, output_tokens),
    }


def _action(action: Action) -> dict[str, Any]:
    match action:
        case Try(choice, until_ms, _, slow_ms):
            told = {"try": choice.offer.island, "until_ms": until_ms}
            return told if slow_ms is None else {**told, "slow_ms": slow_ms}
        case Wait(until_ms, lost):
            return {"wait_until_ms": until_ms} if lost is None else {"wait_until_ms": until_ms, "lost": lost}
        case GoOn():
            return {"go_on": True}
        case Done(lost):
            return {"done": True} if lost is None else {"done": True, "lost": lost}
        case Fail(code, reachable, should_retry):
            return {"fail": code, "reachable": reachable, "should_retry": should_retry}
        case Cut(_, should_retry):
            return {"cut": True, "should_retry": should_retry}


if __name__ == "__main__":
    PATH.write_bytes(rendered())
