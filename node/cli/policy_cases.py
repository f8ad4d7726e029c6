"""The examples of `policy test`: texts or chat bodies, and what is expected of each."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from node.agents.explain import Reading, explain
from node.agents.hours import minute_of_week
from node.cli.reading import NOT_KEPT, OUTPUT_TOKENS_DEFAULT, NamesHere
from node.config import Rules
from node.detection import Assessed, Detection
from node.facts import output_tokens, prompt_tokens
from protocol.chat import ChatRequest
from protocol.errors import RequestError, StateError
from protocol.strict_json import parse_json
from protocol.terms import Tier

FILE_KEYS = ("tiers", "islands", "clock", "cases")
CASE_KEYS = ("name", "text", "request", "at", "expect")
EXPECTED = ("sensitivity", "after", "decision", "tier", "offer", "sanitized", "hidden", "kept")
OF_OFFERS = ("decision", "tier", "offer", "sanitized")
BEGINNING = {"mono_ms": 0, "wall_s": 0}
_EXPIRES_S = 2**40


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    request: ChatRequest
    expect: Mapping[str, Any]
    islands: Mapping[str, Any] | None  # None: nothing says where it could go
    clock: Mapping[str, Any]
    minute: int | None  # of the owner's week


@dataclass(frozen=True, slots=True)
class Result:
    name: str
    found: dict[str, Any]
    failures: list[str] = field(default_factory=list)


def read_cases(path: Path) -> list[Case]:
    """Raises StateError that names the case."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise StateError(f"{path.name}: not TOML: {error}") from None
    _known(table, FILE_KEYS, path.name)
    rows = table.get("cases")
    if not isinstance(rows, list) or not rows:
        raise StateError(f"{path.name}: expected [[cases]]")
    islands = _islands(table, path)
    return [
        _case(row, f"{path.name}: case {n}", islands, table.get("clock", BEGINNING)) for n, row in enumerate(rows, 1)
    ]


def _case(row: Any, where: str, islands: Mapping[str, Any] | None, clock: Mapping[str, Any]) -> Case:
    if not isinstance(row, dict):
        raise StateError(f"{where}: expected a table")
    where = f"{where} ({row['name']})" if isinstance(row.get("name"), str) else where
    _known(row, CASE_KEYS, where)
    expect = row.get("expect")
    if not isinstance(expect, dict) or not expect:
        raise StateError(f"{where}: expected expect = {{ sensitivity = … }}")
    _known(expect, EXPECTED, f"{where}: expect")
    if islands is None and set(expect) & set(OF_OFFERS):
        raise StateError(
            f'{where}: a decision needs offers: expected tiers = ["personal", "cloud"], or islands = "FILE"'
        )
    if ("text" in row) == ("request" in row):
        raise StateError(f"{where}: expected one of text and request")
    body = row.get("request") or {"messages": [{"role": "user", "content": row["text"]}]}
    try:
        request = ChatRequest.parse({"model": "auto", **body})
    except RequestError as error:
        raise StateError(f"{where}: {error}") from None
    return Case(row.get("name", where), request, expect, islands, clock, _minute(row.get("at"), where))


def _minute(value: Any, where: str) -> int | None:
    if value is None:
        return None
    try:
        return minute_of_week(str(value))
    except ValueError as error:
        raise StateError(f"{where}: at: {error}") from None


def _known(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise StateError(f"{where}: {key}: expected {', '.join(known)}")


def _islands(table: Mapping[str, Any], path: Path) -> Mapping[str, Any] | None:
    """`islands` is a file as `explain --offline` takes it; `tiers` makes one offer of each."""
    if "islands" in table:
        try:
            found = parse_json((path.parent / str(table["islands"])).read_bytes(), where="islands")
        except OSError as error:
            raise StateError(f"{path.name}: islands: {error.strerror}") from None
        if not isinstance(found, dict):
            raise StateError(f"{path.name}: islands: expected an object")
        return found
    if "tiers" not in table:
        return None
    try:
        tiers = [Tier.parse(tier) for tier in table["tiers"]]
    except (TypeError, ValueError) as error:
        raise StateError(f"{path.name}: tiers: {error}") from None
    return {"asker": {"island": "personal", "person": "owner"}, "offers": [_one_of(tier) for tier in tiers]}


def _one_of(tier: Tier) -> dict[str, Any]:
    offer = {
        "island": tier.label,
        "model": "model",
        "alive": True,
        "context_tokens": 1_000_000,
        "ttft_s": 1.0,
        "tokens_per_s": 50.0,
        "input_usd": "0",
        "output_usd": "0",
        "origin": "embedded",
    }
    if tier is Tier.CLOUD:
        return {**offer, "provider": True, "origin": "remote"}
    person = "owner" if tier is Tier.PERSONAL else "another"
    statement = {"received_ms": 0, "lifetime_ms": 900_000}
    return {**offer, "certificate": {"person": person, "expires_s": _EXPIRES_S}, "statement": statement}


class Judge:
    """The detectors of the node, in this process, with the owner's rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def run(self, cases: Sequence[Case]) -> list[Result]:
        """Raises DetectorError where a name model is missing."""
        detection = Detection(NamesHere(), NOT_KEPT, self._rules.privacy)

        async def every() -> list[Result]:
            return [self._result(case, detection, await detection.assess(case.request, names=True)) for case in cases]

        return trio.run(every)

    def _result(self, case: Case, detection: Detection, assessed: Assessed) -> Result:
        found: dict[str, Any] = {"sensitivity": assessed.sensitivity.label, "after": assessed.after.label}
        if case.islands is not None:
            found |= self._decision(case, assessed)
        tier = Tier.parse(found["tier"]) if found.get("tier") else Tier.CLOUD
        sent = (
            case.request
            if found.get("sanitized") is False
            else detection.sanitize(case.request, assessed, tier).request
        )
        text = "\n".join(part.text for part in sent.texts())
        failures = [
            f"{key}: {found.get(key)!r}, expected {wanted!r}"
            for key, wanted in case.expect.items()
            if key not in ("hidden", "kept") and found.get(key) != wanted
        ]
        failures += [f"readable: {value!r}" for value in case.expect.get("hidden", ()) if value in text]
        failures += [f"lost: {value!r}" for value in case.expect.get("kept", ()) if value not in text]
        return Result(case.name, found, failures)

    def _decision(self, case: Case, assessed: Assessed) -> dict[str, Any]:
        def reading(request: ChatRequest, _privacy: Mapping[str, Any]) -> Reading:
            return Reading(
                sensitivity=assessed.sensitivity,
                sensitivity_after=assessed.after,
                names_known=True,
                prompt_tokens=prompt_tokens(request),
                max_output_tokens=output_tokens(request, OUTPUT_TOKENS_DEFAULT),
                answers=request.choices,
            )

        policy = _plain(self._rules.policy) or "balanced"
        asked = {"request": dict(case.request.body), "policy": policy, "clock": dict(case.clock)}
        asked["local_minute"] = case.minute
        report = explain(case.islands, asked, reading)
        tiers = {offer["name"]: offer["tier"] for offer in report["offers"]}
        return {
            "decision": report["decision"],
            "offer": report["offer"],
            "tier": tiers.get(report["offer"]),
            "sanitized": report["sanitize"] if report["offer"] else None,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
