"""`policy check` finds what contradicts itself, with its line; `policy test` runs examples with the real detectors."""

import json
from pathlib import Path

import pytest

from node.cli.main import main

CASES = """
tiers = ["personal", "edge", "cloud"]

[[cases]]
name = "a subject in general"
text = "How many days does a week have?"
expect = { sensitivity = "public", decision = "route" }

[[cases]]
name = "somebody's health stays on the person's own devices"
text = "My mother Maria Lindqvist has diabetes. What may she eat?"
expect = { sensitivity = "restricted", after = "restricted", tier = "personal", sanitized = false }
"""

TAKEN_OUT = """
[[cases]]
name = "names and addresses are taken out"
text = "Write to Maria Lindqvist (maria.lindqvist@example.org) about the order."
expect = { hidden = ["Lindqvist", "maria.lindqvist@example.org"], kept = ["about the order"] }
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("version = 1\n")
    monkeypatch.setenv("ISLANDRUN_CONFIG", str(path))
    monkeypatch.setenv("ISLANDRUN_STATE", str(tmp_path / "state"))
    return path


def test_a_sound_configuration_has_nothing_to_say(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "check"]) == 0
    assert capsys.readouterr().out == "nothing to say\n"


def test_a_mistake_is_told_with_its_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('version = 1\n\n[policy]\npreset = "balancd"\n')
    assert main(["policy", "check", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert [(one["line"], one["kind"]) for one in found["findings"]] == [(4, "error")]


def test_check_makes_no_state(config: Path) -> None:
    main(["policy", "check"])
    assert not (config.parent / "state").exists()


@pytest.mark.model
def test_examples_hold_or_fail_one_by_one(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = config.parent / "cases.toml"
    cases.write_text(CASES)
    assert main(["policy", "test", str(cases), "--json"]) == 0, capsys.readouterr().out
    capsys.readouterr()
    cases.write_text(CASES.replace('sensitivity = "public"', 'sensitivity = "internal"'))
    assert main(["policy", "test", str(cases), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [case["ok"] for case in found["cases"]] == [False, True]
    cases.write_text(TAKEN_OUT)
    assert main(["policy", "test", str(cases)]) == 0
    assert "1 of 1 hold" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases = 1", "expected [[cases]]"),
        ('[[cases]]\ntext = "a"\nexpect = { tier = "cloud" }', "a decision needs offers"),
        ('[[cases]]\ntext = "a"\nexpect = { sensitivty = "public" }', "sensitivty: expected"),
        ('[[cases]]\nexpect = { sensitivity = "public" }', "expected one of text and request"),
    ],
)
def test_a_malformed_example_is_named(config: Path, capsys: pytest.CaptureFixture[str], text: str, told: str) -> None:
    cases = config.parent / "cases.toml"
    cases.write_text(text)
    assert main(["policy", "test", str(cases)]) == 1
    assert told in capsys.readouterr().err
