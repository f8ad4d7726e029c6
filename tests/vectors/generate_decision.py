"""Writes specs/vectors/decision.json: tables and requests with the report of each, and scripts of the failover machine.

`python -m tests.vectors.generate_decision` writes the file; the tests check that it gives the same bytes.
"""

import copy
import json
from pathlib import Path
from typing import Any

from node.agents.explain import explain
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
    **{failure.value: Failed(failure, "lost") for failure in BackendFailure},
}
PLAN = [Choice(row, False) for row in (paid("p1"), offer("u1"), paid("p2"), offer("u2"))]
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


def document() -> dict[str, Any]:
    return {
        "about": "specs/09-decision.md. Each case: input of `explain --offline`, and its report or the member refused.",
        "cases": [{"name": name, **_input(changes), "report": explain(**_input(changes))} for name, changes in CASES],
        "refused": [{"name": name, **_input(changes), "error": _error(changes)} for name, changes in REFUSED],
        "failover": [_script(name, plan.split(), events) for name, plan, events in SCRIPTS],
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


def _action(action: Action) -> dict[str, Any]:
    match action:
        case Try(choice, until_ms):
            return {"try": choice.offer.island, "until_ms": until_ms}
        case Wait(until_ms):
            return {"wait_until_ms": until_ms}
        case Done():
            return {"done": True}
        case Fail(code, reachable, should_retry):
            return {"fail": code, "reachable": reachable, "should_retry": should_retry}
        case Cut(_, should_retry):
            return {"cut": True, "should_retry": should_retry}


if __name__ == "__main__":
    PATH.write_bytes(rendered())
