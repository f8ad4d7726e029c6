"""`explain --offline`: what it reads, what it refuses, what it prints."""

import copy
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.explain import Reading, explain
from node.agents.explain_schema import SCHEMA
from node.agents.schema import KEYWORDS
from node.cli.explain import explain_offline
from node.cli.reading import stated_policy
from node.privacy.findings import FindingType
from node.privacy.policy import PrivacyPolicy
from protocol.errors import RequestError, StateError
from protocol.terms import Sensitivity

CLOCK = {"mono_ms": 1_000_000, "wall_s": 1_800_000_000}


def member(island: str, person: str, **changes: Any) -> dict[str, Any]:
    return {
        "island": island,
        "model": "small",
        "certificate": {"person": person, "expires_s": 1_800_086_400},
        "statement": {"received_ms": 900_000, "lifetime_ms": 900_000},
        "origin": "embedded",
        "alive": True,
        "context_tokens": 8_192,
        "ttft_s": 0.2,
        "tokens_per_s": 50,
        "input_usd": "0",
        "output_usd": "0",
        **changes,
    }


def provider(**changes: Any) -> dict[str, Any]:
    plain = member("cloud", "", provider=True, model="large", origin="remote", input_usd="0.15", output_usd="0.60")
    del plain["certificate"], plain["statement"]
    return {**plain, **changes}


ISLANDS = {
    "asker": {"island": "laptop", "person": "ada"},
    "offers": [member("home", "ada"), member("office", "ben"), provider()],
}
REQUEST = {"sensitivity": "internal", "sensitivity_after": "internal", "clock": CLOCK, "seed": "00ff"}


def test_report_has_the_members_of_the_contract() -> None:
    found = explain(ISLANDS, REQUEST)
    assert list(found) == ["decision", "offer", "plan", "sanitize", "sensitivity", "sensitivity_after", "offers"]
    assert (found["decision"], found["offer"], found["sanitize"]) == ("route", "home/small", False)
    assert sorted(found["plan"]) == ["cloud/large", "home/small", "office/small"]
    rows = {row["name"]: row for row in found["offers"]}
    assert {name: row["tier"] for name, row in rows.items()} == {
        "home/small": "personal",
        "office/small": "edge",
        "cloud/large": "cloud",
    }
    assert rows["cloud/large"]["sanitize"] is True
    assert set(rows["home/small"]["costs"]) == {
        "latency_s",
        "cost_nano_usd",
        "quality_shortfall",
        "exposure",
        "energy_j",
    }
    json.dumps(found, allow_nan=False)


def test_refusal_names_every_offer_and_why() -> None:
    found = explain(
        {**ISLANDS, "offers": [member("office", "ben"), provider()]}, {**REQUEST, "sensitivity": "restricted"}
    )
    assert found["decision"] == "route"
    found = explain(
        {**ISLANDS, "offers": [member("office", "ben"), provider()]},
        {**REQUEST, "sensitivity": "restricted", "sensitivity_after": None},
    )
    assert (found["decision"], found["offer"], found["plan"], found["sanitize"]) == ("refuse", None, [], False)
    assert [[reason["code"] for reason in row["reasons"]] for row in found["offers"]] == [
        ["clearance_below_sensitivity"],
        ["clearance_below_sensitivity"],
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"certificate": {"person": "ada", "expires_s": 1_800_000_000}}, "not_a_member"),
        ({"certificate": {"person": "ada", "expires_s": 1_900_000_000, "revoked": True}}, "not_a_member"),
        ({"certificate": {"person": "ada", "not_before_s": 1_800_000_121, "expires_s": 1_900_000_000}}, "not_a_member"),
        ({"statement": {"received_ms": 100_000, "lifetime_ms": 900_000}}, "statement_stale"),
        ({"statement": {"received_ms": 1_000_001, "lifetime_ms": 900_000}}, "statement_stale"),
        ({"statement": None}, "statement_stale"),
        ({"alive": False}, "unreachable"),
        ({"ttft_s": None}, "agent_failed"),
        ({"quality": 2}, "agent_failed"),
        ({"slots": 0}, "no_slots"),
    ],
)
def test_raw_fact_that_is_wrong_refuses_the_offer(change: dict[str, Any], code: str) -> None:
    found = explain({**ISLANDS, "offers": [member("home", "ada", **change)]}, REQUEST)
    assert [reason["code"] for reason in found["offers"][0]["reasons"]] == [code]


def test_island_without_a_certificate_is_neither_member_nor_near() -> None:
    found = explain({**ISLANDS, "offers": [member("home", "ada", certificate=None)]}, REQUEST)
    assert found["offers"][0]["tier"] == "cloud"
    assert found["decision"] == "refuse"


def changed(document: Any, path: str, value: Any) -> Any:
    document = copy.deepcopy(document)
    *way, last = path.split(".")
    target = document
    for step in way:
        target = target[int(step)] if step.isdigit() else target[step]
    target[int(last) if last.isdigit() else last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("request.sensitivty", "public", "input.request.sensitivty: unknown; expected request, sensitivity"),
        ("request.sensitivity", "secret", "input.request.sensitivity: expected one of public, internal"),
        ("request.clock", {"mono_ms": 1}, "input.request.clock.wall_s: missing"),
        ("request.clock", 3, "input.request.clock: expected object"),
        ("request.prompt_tokens", -1, "input.request.prompt_tokens: expected at least 0"),
        ("request.prompt_tokens", 1.5, "input.request.prompt_tokens: expected integer"),
        ("request.names_known", 1, "input.request.names_known: expected boolean"),
        ("request.seed", "zz", "request.seed: expected hexadecimal"),
        ("request.model", "auto@", "model: expected the name of a collection"),
        ("request.policy", "privat", "input: request.policy = 'privat': expected private"),
        ("request.policy", {"weights": {"speed": 1}}, "input: request.policy.weights.speed: unknown"),
        ("request.max_cost_usd", "much", "input: request.max_cost_usd = 'much': expected USD"),
        ("request.request", {}, "request.sensitivity: is read from request.request"),
        ("islands.offers.0.price", 3, "input.islands.offers[0].price: unknown"),
        ("islands.offers.0.ttft_s", math.inf, "input.islands.offers[0].ttft_s: expected number or null"),
        ("islands.offers.0.ttft_s", 10**400, "input.islands.offers[0].ttft_s: expected number or null"),
        ("islands.offers.0.input_usd", 0.15, "input.islands.offers[0].input_usd: expected string or null"),
        ("islands.offers.0.input_usd", "-1", "input: islands.offers[0].input_usd = '-1': expected USD"),
        ("islands.offers.0.input_usd", "1000001", "islands.offer.input_price: 1000001000000000 is not between"),
        ("islands.offers.0.origin", "local", "input.islands.offers[0].origin: expected one of embedded"),
        ("islands.offers.0.collections", ["x" * 32], "islands.offers[0].collections: expected hexadecimal"),
        ("islands.offers.1.island", "home", "islands.offers: home/small is there twice"),
        ("islands.asker.person", "", "input.islands.asker.person: expected 1 to 256 characters"),
    ],
)
def test_mistake_in_the_input_is_refused_and_named(path: str, value: Any, message: str) -> None:
    document = changed({"islands": ISLANDS, "request": REQUEST}, path, value)
    with pytest.raises(RequestError) as caught:
        explain(document["islands"], document["request"])
    assert str(caught.value).startswith(message)


def test_chat_body_is_assessed_by_whoever_can_read_it() -> None:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    request = {"request": body, "clock": CLOCK}
    with pytest.raises(RequestError, match="nothing here can assess it"):
        explain(ISLANDS, request)
    reading = Reading(Sensitivity.RESTRICTED, Sensitivity.CONFIDENTIAL, True, 10, 20)
    found = explain(ISLANDS, request, lambda chat, privacy: reading)
    assert (found["sensitivity"], found["sensitivity_after"]) == ("restricted", "confidential")
    assert set(found["plan"]) == {"home/small", "office/small"}


def test_what_the_owner_says_of_his_texts_comes_with_the_request_and_from_nowhere_else() -> None:
    privacy = {
        "terms": [{"words": ["Bluebird"], "sensitivity": "restricted"}],
        "patterns": [{"pattern": "MRN [0-9]{8}"}],
    }
    asked: list[Any] = []

    def read(_chat: object, said: Any) -> Reading:
        asked.append(stated_policy(said))
        return Reading(Sensitivity.PUBLIC, Sensitivity.PUBLIC, True, 10, 20)

    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    explain(ISLANDS, {"request": body, "clock": CLOCK, "privacy": privacy}, read)
    explain(ISLANDS, {"request": body, "clock": CLOCK}, read)
    assert [term.text for term in asked[0].own.terms] == ["Bluebird"]
    assert [(pattern.text, pattern.type) for pattern in asked[0].own.patterns] == [("MRN [0-9]{8}", FindingType.TERM)]
    assert asked[1] == PrivacyPolicy()


@pytest.mark.parametrize(
    ("privacy", "message"),
    [
        ({"terms": [{"file": "clients.txt"}]}, "input.request.privacy.terms[0].words: missing"),
        ({"terms": [{"words": ["x"], "file": "a"}]}, "input.request.privacy.terms[0].file: unknown"),
        ({"terms": [{"words": ["--"]}]}, "input: request.privacy:1: words"),
        ({"patterns": [{"pattern": "(a+)+"}]}, "input: request.privacy:1: pattern"),
        ({"terms": [{"words": ["x"], "type": "NOBODY"}]}, "input: request.privacy:1: type"),
        ({"level": {"cloud": "some"}}, "input.request.privacy.level.cloud: expected one of balanced, strict"),
        ({"languages": ["english"]}, "input: request.privacy:1: languages"),
    ],
)
def test_a_mistake_in_what_the_owner_says_is_named(privacy: object, message: str) -> None:
    def read(_chat: object, said: Any) -> Reading:
        stated_policy(said)
        raise AssertionError("it was read")

    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    with pytest.raises(RequestError) as caught:
        explain(ISLANDS, {"request": body, "clock": CLOCK, "privacy": privacy}, read)
    assert str(caught.value).startswith(message)


def test_privacy_without_a_body_to_assess_is_refused() -> None:
    with pytest.raises(RequestError, match="there is none"):
        explain(ISLANDS, {**REQUEST, "privacy": {}})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(
        ["islands.offers.0", "islands.asker", "request.policy", "request.clock", "request.collection", "request.seed"]
        + ["request.privacy"]
        + [
            f"islands.offers.0.{name}"
            for name in SCHEMA["properties"]["islands"]["properties"]["offers"]["items"]["properties"]
        ]
    ),
    json_values,
)
def test_any_json_in_any_place_is_decided_or_refused_with_a_name(path: str, value: object) -> None:
    document = changed({"islands": ISLANDS, "request": REQUEST}, path, value)
    try:
        found = explain(document["islands"], document["request"])
    except RequestError as error:
        assert error.field
    else:
        assert found["decision"] in ("route", "refuse")


def test_schema_is_strict_and_uses_only_what_the_reader_understands() -> None:
    def walk(schema: Any) -> None:
        assert schema.keys() <= KEYWORDS
        if "object" in schema.get("type", ()) and "properties" in schema:
            assert schema["additionalProperties"] is False
        for inner in schema.get("properties", {}).values():
            walk(inner)
        if "items" in schema:
            walk(schema["items"])

    walk(SCHEMA)


def test_verb_reads_files_and_prints_one_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    islands = tmp_path / "islands.json"
    islands.write_text(json.dumps(ISLANDS))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(REQUEST).encode())))
    assert explain_offline(["--offline", "--islands", str(islands), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == explain(ISLANDS, REQUEST)
    assert explain_offline(["--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    with pytest.raises(StateError, match="No such file"):
        explain_offline(["--offline", "--islands", str(tmp_path / "none.json")])


def test_verb_says_for_people_who_answers_and_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    islands = tmp_path / "islands.json"
    islands.write_text(json.dumps(ISLANDS))
    request = {**REQUEST, "sensitivity": "restricted", "sensitivity_after": None}
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(json.dumps(request).encode())))
    explain_offline(["--offline", "--islands", str(islands)])
    said = capsys.readouterr().out
    assert "route: home/small" in said
    assert "office/small (edge)  privacy: the text is restricted, cannot be sanitised" in said


def test_broken_input_is_one_clear_line_and_status_1(tmp_path: Path) -> None:
    islands = tmp_path / "islands.json"
    islands.write_text('{"asker": 1, "asker": 2}')
    command = [sys.executable, "-m", "node.cli.main", "explain", "--offline", "--islands", str(islands)]
    ended = subprocess.run(command, input=b"{}", capture_output=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.decode().splitlines() == ["islandrun explain: islands: an object has the same member twice"]


@pytest.mark.model
@pytest.mark.parametrize(
    ("text", "level", "offers"),
    [
        ("How does a steam engine work?", "public", {"home/small", "office/small", "cloud/large"}),
        ("My card number is 4111 1111 1111 1111, is it charged?", "restricted", {"home/small"}),
    ],
)
def test_verb_assesses_a_chat_body_with_the_detectors_of_a_node(
    text: str,
    level: str,
    offers: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    islands = tmp_path / "islands.json"
    islands.write_text(json.dumps(ISLANDS))
    body = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 50}
    request = json.dumps({"request": body, "clock": CLOCK}).encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(request)))
    assert explain_offline(["--offline", "--islands", str(islands), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sensitivity"] == level
    assert offers <= set(found["plan"])
