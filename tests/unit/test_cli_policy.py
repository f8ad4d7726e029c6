"""`policy check` and `policy test`, on configurations and examples in files. Neither asks a node."""

import json
from pathlib import Path

import pytest

from node.cli.main import main
from node.cli.policy_cases import read_cases
from protocol.errors import StateError

Printed = pytest.CaptureFixture[str]

PROVIDER = """
[[providers]]
name = "openai"
url = "https://api.openai.com/v1"
jurisdiction = "US"

[[providers.models]]
name = "m"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "ISLANDRUN_CONFIG", "ISLANDRUN_API", "ISLANDRUN_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def checked(folder: Path, text: str, capsys: Printed) -> tuple[int, list[tuple[int, str, str]]]:
    (folder / "config.toml").write_text(f"version = 1\n{text}")
    status = main(["policy", "check", "--json", "--config", str(folder / "config.toml")])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is (status == 0)
    return status, [(one["line"], one["kind"], one["detail"]) for one in found["findings"]]


def test_a_sound_configuration_has_nothing_to_say(folder: Path, capsys: Printed) -> None:
    assert checked(folder, '[privacy]\nspecial_after = "confidential"\n', capsys) == (0, [])
    assert main(["policy", "check"]) == 0
    assert capsys.readouterr().out == "nothing to say\n"


def test_check_makes_no_state(folder: Path) -> None:
    assert main(["policy", "check"]) == 0
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "line", "kind", "said"),
    [
        ("[caps]\nday_usd = 2", 3, "error", "day_usd"),
        ('[policy.clearance.edge]\nas_is = "intern"', 3, "error", "intern"),
        ('[policy.clearance.cloud]\nas_is = "restricted"', 3, "contradiction", "which is nearer"),
        ('[policy.clearance.edge]\nas_is = "none"', 3, "contradiction", "nothing"),
        ("[policy.weights]\nlatency=0\ncost=0\nquality=0\nexposure=0\nenergy=0", 2, "contradiction", "weight"),
        ('[policy.clearance.personal]\nsanitised = "public"', 3, "shadowed", "as it is"),
        (f'[policy]\npreset = "private"\n{PROVIDER}', 5, "shadowed", "openai is never used"),
        (f'[policy]\njurisdictions = ["DE"]\n{PROVIDER}', 5, "shadowed", "US"),
        ('[policy]\nmax_tier = "edge"\n[privacy.level]\ncloud = "strict"', 5, "shadowed", "max_tier"),
        ('[caps]\nday_usd = "5"\nmonth_usd = "2"', 3, "shadowed", "lower than a day"),
        (f'[caps]\nday_usd = "5"\n{PROVIDER}', 10, "shadowed", "price"),
        ('[privacy]\nlanguages = ["en"]', 3, "shadowed", "en is read"),
        ('[[privacy.terms]]\nwords = ["Heron", "heron"]', 2, "shadowed", "twice"),
        (
            '[privacy]\nspecial_after = "confidential"\n[policy.clearance.edge]\nsanitised = "internal"',
            3,
            "shadowed",
            "no tier",
        ),
        ('[policy]\nat_cap = "refuse"', 3, "shadowed", "no cap"),
        ('[caps]\nat_cap = "refuse"', 3, "shadowed", "no cap"),
        ('[policy]\npreset = "fast"\nhot = "avoid"', 4, "shadowed", "energy weighs nothing"),
        ('[policy]\npreset = "private"\nno_training = true', 4, "shadowed", "cloud takes nothing"),
        ("[policy.islands.office]\nhours = []", 3, "contradiction", "never hold"),
        ('[policy.islands.office]\nallow = false\nas_is = "public"', 4, "shadowed", "office is not allowed"),
        ('[policy.islands.office]\nsanitised = "restricted"', 3, "shadowed", "up to confidential, and this is wider"),
        (f'[policy.providers.openai]\nas_is = "internal"\n{PROVIDER}', 3, "shadowed", "cloud takes up to public"),
        ("[policy.providers.opnai]\nallow = false", 2, "shadowed", "no provider is called opnai"),
        (f'[policy.models."gpt-4.1*"]\nallow = false\n{PROVIDER}', 2, "shadowed", "matches no model"),
        (
            f'[policy.models."*"]\nallow = false\n[policy.models.M]\nas_is = "public"\n{PROVIDER}',
            4,
            "shadowed",
            "models.* already allows none",
        ),
        ("[policy.models_for]\npublic = []", 3, "contradiction", "no model may see any text"),
        (
            '[policy.models_for]\ninternal = ["llama*"]\nrestricted = ["qwen*", "llama-3*"]',
            4,
            "shadowed",
            "qwen* is in vain: models_for.internal",
        ),
        (
            '[policy.providers.openai]\nhours = ["08:00-12:00"]\n'
            f'[policy.models.m]\nhours = ["12:00-18:00"]\n{PROVIDER}',
            5,
            "contradiction",
            "never hold together with those of providers.openai",
        ),
        ('[policy.models."llama-3.1*"]\nas_is = "secret"', 3, "error", "secret"),
    ],
)
def test_what_contradicts_itself_or_has_no_effect_is_found_with_its_line(
    folder: Path, capsys: Printed, text: str, line: int, kind: str, said: str
) -> None:
    status, found = checked(folder, text, capsys)
    assert [(one[0], one[1]) for one in found] == [(line, kind)], found
    assert said in found[0][2]
    assert status == (0 if kind == "shadowed" else 1)


def test_a_variable_that_wins_over_the_file_is_told(
    folder: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISLANDRUN_API", "127.0.0.1:9")
    _, ((line, kind, detail),) = checked(folder, '[api]\naddress = "127.0.0.1:8"', capsys)
    assert (line, kind) == (3, "shadowed")
    assert "ISLANDRUN_API" in detail


RULES = """version = 1
[[privacy.terms]]
words = ["Project Bluebird"]
sensitivity = "confidential"
[policy.clearance.cloud]
as_is = "public"
[policy.islands.edge]
hours = ["Mon-Fri 08:00-18:00"]
"""
CASES = """tiers = ["edge", "cloud"]
[[cases]]
name = "a question for anybody"
text = "What is a lighthouse?"
expect = { sensitivity = "public", decision = "route", sanitized = false, kept = ["lighthouse"] }
[[cases]]
name = "within the hours of the nearer one"
text = "What is a lighthouse?"
at = "Mon 08:00"
expect = { decision = "route", tier = "edge" }
[[cases]]
name = "and after them"
text = "What is a lighthouse?"
at = "Fri 18:00"
expect = { decision = "route", tier = "cloud" }
[[cases]]
name = "our project"
text = "When does Project Bluebird ship?"
expect = { sensitivity = "confidential", after = "internal", decision = "route", hidden = [], kept = ["ship"] }
[[cases]]
name = "somebody's health stays on the person's own devices"
text = "My mother Maria Lindqvist has diabetes. What may she eat?"
expect = { sensitivity = "restricted", after = "restricted", decision = "refuse" }
[[cases]]
name = "a key stays"
request = { messages = [{ role = "user", content = "my password: Marzipan!42x" }] }
expect = { sensitivity = "restricted", decision = "refuse", hidden = ["Marzipan!42x"] }
"""


@pytest.mark.model
def test_examples_hold_or_say_what_was_found(folder: Path, capsys: Printed) -> None:
    (folder / "rules.toml").write_text(RULES)
    (folder / "cases.toml").write_text(CASES)
    (folder / "wrong.toml").write_text(CASES.replace('decision = "refuse"', 'decision = "route", tier = "cloud"'))
    command = ["policy", "test", "--config", str(folder / "rules.toml")]
    assert main([*command, str(folder / "cases.toml")]) == 0
    assert "6 of 6 hold" in capsys.readouterr().out
    assert main([*command, "--json", str(folder / "wrong.toml")]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [case["ok"] for case in found["cases"]] == [True, True, True, True, False, False]
    assert found["cases"][-1]["failures"] == ["decision: 'refuse', expected 'route'", "tier: None, expected 'cloud'"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[cases", "not TOML"),
        ("", "[[cases]]"),
        ("[[cases]]\ntext = 'x'", "expect"),
        ("[[cases]]\nexpect = {sensitivity = 'public'}", "one of text and request"),
        ("[[cases]]\ntext = 'x'\nexpect = {sensitivty = 'public'}", "sensitivty"),
        ("[[cases]]\ntext = 'x'\nexpect = {tier = 'cloud'}", "needs offers"),
        ("tiers = ['moon']\n[[cases]]\ntext = 'x'\nexpect = {tier = 'cloud'}", "tiers"),
        ("islands = 'none.json'\n[[cases]]\ntext = 'x'\nexpect = {tier = 'cloud'}", "islands"),
        ("[[cases]]\nname = 'n'\nrequest = {messages = 3}\nexpect = {tier = 'cloud'}\n", "needs offers"),
        ("[[cases]]\nname = 'n'\nrequest = {messages = 3}\nexpect = {after = 'public'}\n", "messages"),
    ],
)
def test_examples_that_cannot_be_read_are_one_line(folder: Path, text: str, said: str) -> None:
    (folder / "cases.toml").write_text(text)
    with pytest.raises(StateError) as caught:
        read_cases(folder / "cases.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
