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

PATH = Path(__file__).parents[2] / "specs" / "vectors" / "decision.json"
CLOCK = {"mono_ms": 1_000_000, "wall_s": 1_800_000_000}
PAPERS = "00112233445566778899aabbccddeeff"


def member(island: str, person: str, **changes: Any) -> dict[str, Any]:
    return {
        "island": island,
        "model": "small",
        "certificate": {"person": person, "ceiling": "personal", "not_before_s": 0, "expires_s": 1_800_000_001},
        "statement": {"received_ms": 100_001, "lifetime_ms": 900_000},
        "origin": "embedded",
        "alive": True,
        "context_tokens": 4_096,
        "tools": True,
        "slots": 2,
        "free": 2,
        "queue": 0,
        "ttft_s": 0.5,
        "tokens_per_s": 50,
        "input_usd": "0",
        "output_usd": "0",
        "jurisdiction": "DE",
        "quality": 0.3,
        "energy_j_per_token": 1.5,
        **changes,
    }


def provider(**changes: Any) -> dict[str, Any]:
    row = member("cloud", "", model="large", provider=True, origin="remote", input_usd="2.50", output_usd="10")
    del row["certificate"], row["statement"]
    return {**row, "ttft_s": 0.4, "tokens_per_s": 120, "quality": 0.9, "jurisdiction": "US", **changes}


BASE: dict[str, Any] = {
    "islands": {
        "asker": {"island": "laptop", "person": "ada"},
        "offers": [member("home", "ada"), member("office", "ben", ttft_s=0.25, quality=0.5), provider()],
    },
    "request": {
        "sensitivity": "public",
        "sensitivity_after": "public",
        "prompt_tokens": 100,
        "max_output_tokens": 256,
        "policy": "balanced",
        "clock": CLOCK,
        "seed": "",
    },
}
RESTRICTED = {"request.sensitivity": "restricted"}
EMBEDS = {"request.embeds": True, "request.max_output_tokens": 0, "request.longest_input_tokens": 40}
COLLECTION = {
    "request.model": "auto@papers",
    "request.collection": {"id": PAPERS, "label": "confidential"},
    "islands.offers.1.collections": [PAPERS],
}
HOME = "islands.offers.0."

CASES: list[tuple[str, dict[str, Any]]] = [
    ("everything is well", {}),
    (
        "internal text goes to a cloud only sanitised",
        {"request.sensitivity": "internal", "request.sensitivity_after": "internal"},
    ),
    (
        "confidential remains confidential: no cloud",
        {"request.sensitivity": "confidential", "request.sensitivity_after": "confidential"},
    ),
    (
        "restricted falls to internal: edge and cloud take it sanitised",
        {**RESTRICTED, "request.sensitivity_after": "internal"},
    ),
    ("restricted that cannot be sanitised stays personal", {**RESTRICTED, "request.sensitivity_after": None}),
    ("names were not looked for", {"request.names_known": False}),
    (
        "ceiling of the certificate",
        {HOME + "certificate.ceiling": "edge", **RESTRICTED, "request.sensitivity_after": "restricted"},
    ),
    ("ceiling of the asker", {"islands.asker.ceiling": "edge"}),
    ("certificate expires now", {HOME + "certificate.expires_s": 1_800_000_000}),
    (
        "certificate begins in two minutes: clocks differ",
        {HOME + "certificate.not_before_s": 1_800_000_120, HOME + "certificate.expires_s": 1_900_000_000},
    ),
    (
        "certificate begins in two minutes and a second",
        {HOME + "certificate.not_before_s": 1_800_000_121, HOME + "certificate.expires_s": 1_900_000_000},
    ),
    ("revoked", {HOME + "certificate.revoked": True}),
    ("no certificate", {HOME + "certificate": None}),
    ("statement outlived its lifetime now", {HOME + "statement.received_ms": 100_000}),
    ("no statement", {HOME + "statement": None}),
    ("not alive", {HOME + "alive": False}),
    ("a model that a local server forwards is cloud", {HOME + "origin": "remote"}),
    (
        "configured by name, but never nearer than its holder",
        {"islands.offers.1.origin": "configured", "islands.offers.1.configured_tier": "personal"},
    ),
    ("configured without a tier", {HOME + "origin": "configured"}),
    ("unknown speed", {HOME + "tokens_per_s": None}),
    ("speed of 0", {HOME + "tokens_per_s": 0}),
    ("quality above 1 is a negative cost", {HOME + "quality": 1.01}),
    ("battery under the floor", {HOME + "battery": 19.9}),
    ("battery at the floor", {HOME + "battery": 20}),
    ("context holds prompt and answer exactly", {HOME + "context_tokens": 356}),
    ("context one token short", {HOME + "context_tokens": 355}),
    ("tools asked of one that takes none", {"request.needs_tools": True, HOME + "tools": False}),
    ("a model by name", {"request.model": "small"}),
    ("an offer by name", {"request.model": "office/small"}),
    (
        "a name with a slash whose first part is no island",
        {HOME + "model": "maker/small", "request.model": "maker/small"},
    ),
    (
        "another island's offer cannot be called like a pin",
        {"islands.offers.1.model": "home/small", "request.model": "home/small"},
    ),
    (
        "a pin names its island's model and no other's, although that one does not offer it",
        {"islands.offers.1.model": "home/large", "request.model": "home/large"},
    ),
    (
        "a model with a slash in its name, pinned",
        {"islands.offers.1.model": "home/small", "request.model": "office/home/small"},
    ),
    ("vectors are asked for, and nobody gives any", EMBEDS),
    ("vectors are asked for, of who gives them", {**EMBEDS, HOME + "embeds": True}),
    ("who gives vectors gives no answers", {HOME + "embeds": True}),
    (
        "text goes to be embedded as it is or not at all",
        {
            **EMBEDS,
            "request.sensitivity": "internal",
            "request.sensitivity_after": "public",
            HOME + "embeds": True,
            "islands.offers.1.embeds": True,
            "islands.offers.2.embeds": True,
        },
    ),
    ("each text that is embedded fits by itself", {**EMBEDS, HOME + "embeds": True, HOME + "context_tokens": 40}),
    ("the longest text does not fit", {**EMBEDS, HOME + "embeds": True, HOME + "context_tokens": 39}),
    ("waiting costs", {HOME + "free": 0, HOME + "queue": 3}),
    ("unknown price without a cap", {"islands.offers.2.input_usd": None}),
    ("unknown price under a cap", {"islands.offers.2.input_usd": None, "request.max_cost_usd": "1"}),
    ("bill at the cap", {"request.max_cost_usd": "0.00281"}),
    ("bill a nano-USD above the cap", {"request.max_cost_usd": "0.002809999"}),
    ("each answer is billed", {"request.max_cost_usd": "0.00281", "request.answers": 2}),
    ("the smaller of two caps counts", {"request.max_cost_usd": "1", "request.policy": {"remaining_usd": "0.001"}}),
    ("only unpaid may follow", {"request.unpaid_only": True}),
    ("the client allows no farther than edge", {"request.max_tier": "edge"}),
    ("jurisdictions bind all but one's own devices", {"request.policy": {"jurisdictions": ["FR"]}}),
    ("jurisdictions that are listed", {"request.policy": {"jurisdictions": ["DE", "FR"]}}),
    ("preset private closes the cloud", {"request.policy": "private"}),
    ("preset best", {"request.policy": "best"}),
    ("preset fast", {"request.policy": "fast"}),
    ("a collection: only its holder, at its label", COLLECTION),
    (
        "a collection labelled restricted is not for edge",
        {**COLLECTION, "request.collection": {"id": PAPERS, "label": "restricted"}},
    ),
    ("a collection unknown to the asker", {**COLLECTION, "request.collection": None}),
    ("tried already", {"request.excluded": ["home/small"]}),
    (
        "equals: nearest, then name",
        {
            "islands.offers": [
                member(name, who) for name, who in (("b", "ben"), ("d", "ada"), ("c", "ada"), ("laptop", "ada"))
            ]
        },
    ),
    (
        "equals: the island that answered last",
        {"islands.offers": [member(name, "ada") for name in "abc"], "request.previous_island": "c"},
    ),
    (
        "equals: drawn by the seed",
        {"islands.offers": [member(name, "ada") for name in "abcdef"], "request.seed": "c0ffee"},
    ),
    ("one score, one dominates", {"islands.offers": [member("a", "ada", energy_j_per_token=1.6), member("b", "ada")]}),
    ("no offers", {"islands.offers": []}),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("unknown member", {"request.sensitvity": "public"}),
    ("unknown level", {"request.sensitivity": "secret"}),
    ("two offers of one name", {"islands.offers": [member("a", "ada"), member("a", "ada")]}),
    ("price as a float", {HOME + "input_usd": 0.5}),
    ("price with more than nine decimals", {HOME + "input_usd": "0.0000000001"}),
    ("price beyond a million USD", {HOME + "input_usd": "1000000.000000001"}),
    ("negative weight", {"request.policy": {"weights": {"cost": -1}}}),
    ("collection without a name", {"request.model": "auto@"}),
    ("seed of 65 bytes", {"request.seed": "00" * 65}),
]

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
