"""What an owner names his own: terms, patterns, levels by tier, tools. From the configuration to what is sent."""

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from node.config import FileContent, load, load_rules
from node.detection import Detection
from node.privacy.answer import AnswerRestorer
from node.privacy.findings import FindingType
from node.privacy.normal_form import normalise
from node.privacy.own import WINDOW_CHARACTERS, Own, OwnPattern, OwnTerm
from node.privacy.own_pattern import PatternRefused, bounded
from node.privacy.policy import Level, PrivacyPolicy
from node.privacy.reading import read_by_own
from protocol.answers import Delta
from protocol.errors import ConfigError, DetectorError
from protocol.terms import Sensitivity, Tier
from tests.unit.privacy_texts import KnownNames, chat, sanitized, texts_of

BESIDE = {"clients.txt": "Halvorsen & Sons\n\nØrsted Nine\n"}


def privacy(text: str, files: Mapping[str, str] = BESIDE) -> PrivacyPolicy:
    contents = {"config.toml": f"version = 1\n{text}", **files}

    def read(path: Path) -> FileContent | None:
        return FileContent(contents[path.name].encode()) if path.name in contents else None

    whole = load({}, {"HOME": "/home/ada"}, read).privacy
    assert load_rules({}, {"HOME": "/home/ada"}, read).privacy == whole
    return whole


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        privacy(text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("config.toml:")
    return message


def found(own: Own, text: str) -> list[str]:
    form = normalise(text)
    return [text[f.start : f.end] for read in read_by_own(form, own) for f in read.findings]


def terms(*texts: str) -> Own:
    return Own(tuple(OwnTerm(text) for text in texts))


@pytest.mark.parametrize(
    ("term", "text", "value"),
    [
        ("Bluebird", "ask BLUEBIRD's team", "BLUEBIRD"),
        ("Project Bluebird", "the project\n  bluebird plan", "project\n  bluebird"),
        ("Project Bluebird", "src/project_bluebird.py", "project_bluebird"),
        ("Project Bluebird", "x-project-bluebird-2", "project-bluebird"),
        ("Ｂｌｕｅｂｉｒｄ", "Blue\u200bbird", "Blue\u200bbird"),
        ("Halvorsen & Sons", "for HALVORSEN & sons.", "HALVORSEN & sons"),
        ("C++ Core", "our c++ core team", "c++ core"),
        ("青鳥計画", "来週の青鳥計画について", "青鳥計画"),
        (".net exit", "the .NET exit", ".NET exit"),
        ("Q7", "codename Q7!", "Q7"),
    ],
)
def test_a_term_is_found_as_whole_words_however_it_is_set(term: str, text: str, value: str) -> None:
    assert found(terms(term), text) == [value]


@pytest.mark.parametrize("text", ["bluebirds sing", "a blue bird", "Bluebirdhouse", "", "C"])
def test_what_only_contains_a_term_is_left(text: str) -> None:
    assert found(terms("Bluebird", "C++ Core"), text) == []


def test_the_longest_of_several_terms_is_taken() -> None:
    assert found(terms("Blue", "Blue Bird Nine", "Blue Bird"), "Blue Bird Nine, Blue bird, blue") == [
        "Blue Bird Nine",
        "Blue bird",
        "blue",
    ]


def test_a_pattern_is_found_across_the_windows_in_which_it_is_looked_for() -> None:
    own = Own(patterns=(OwnPattern("MRN [0-9]{8}"),))
    for at in range(WINDOW_CHARACTERS - 14, WINDOW_CHARACTERS + 3):
        assert found(own, "x" * at + "MRN 12345678 and MRN 87654321.") == ["MRN 12345678", "MRN 87654321"]


REFUSED = {
    "(a{1,60}){1,60}": "ways",
    "a{1,90}b{1,90}": "ways",
    "[0-9]+": "{1,64} for +",
    "(x*)*": "without an end",
    r"(a)\1": "earlier match",
    "a{0,5}": "nothing at all",
    "(": "not a regular expression",
    "a{600}": "512",
    "(?:[a-z]{500}x{500})": "512",
    "x" * 600: "512 characters",
}


@pytest.mark.parametrize("pattern", REFUSED)
def test_a_pattern_that_could_run_away_is_refused_before_it_runs(pattern: str) -> None:
    with pytest.raises(PatternRefused) as caught:
        bounded(pattern)
    assert REFUSED[pattern] in str(caught.value)


@pytest.mark.parametrize(
    "pattern", ["(a{1,5}){1,4}b", "(?i:[a-z]{1,60}){1,2}#", "(a|a|a|a|a|a){1,4}b", r"\b(?=a{1,64})a{1,60}b"]
)
def test_what_is_let_through_ends_soon_on_hostile_text(pattern: str) -> None:
    began = time.perf_counter()
    assert found(Own(patterns=(OwnPattern(pattern),)), "a" * 4_096) == []
    assert time.perf_counter() - began < 5


async def test_an_own_pattern_that_is_not_done_in_time_makes_the_request_restricted(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def late() -> None:
        await trio.sleep(3_600)

    monkeypatch.setattr("node.detection.trio.lowlevel.checkpoint", late)
    own = Own(patterns=(OwnPattern("MRN [0-9]{8}"),))
    detection = Detection(KnownNames(), bytes(32), PrivacyPolicy(own=own))
    assessed = await detection.assess(chat("hello there, how are you?"), names=True)
    assert (assessed.sensitivity, assessed.reasons[0].code) == (Sensitivity.RESTRICTED, "detector_slow")


def test_more_findings_than_the_limit_fail_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.privacy.reading.FINDINGS_MAX", 3)
    with pytest.raises(DetectorError):
        found(terms("Q7"), "Q7 Q7 Q7 Q7")


CONFIG = """
[privacy]
special_after = "confidential"

[privacy.level]
cloud = "strict"

[[privacy.terms]]
words = ["Project Bluebird"]
file = "clients.txt"
sensitivity = "confidential"

[[privacy.patterns]]
pattern = 'MRN [0-9]{8}'
type = "MEDICAL_ID"

[tools]
web_search = "remote"
open_file = "local"
"""


def test_the_configuration_says_what_is_the_owners() -> None:
    policy = privacy(CONFIG)
    assert [term.text for term in policy.own.terms] == ["Project Bluebird", "Halvorsen & Sons", "Ørsted Nine"]
    assert {term.level for term in policy.own.terms} == {Sensitivity.CONFIDENTIAL}
    (pattern,) = policy.own.patterns
    assert (pattern.type, pattern.level) == (FindingType.MEDICAL_ID, Sensitivity.RESTRICTED)
    assert [policy.level_for(tier) for tier in Tier] == [Level.BALANCED, Level.BALANCED, Level.STRICT]
    assert policy.special_after is Sensitivity.CONFIDENTIAL
    assert (policy.remote_tools, policy.local_tools) == (frozenset({"web_search"}), frozenset({"open_file"}))
    assert privacy('[privacy]\nlevel = "strict"').least_level is Level.STRICT


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[[privacy.terms]]\nwords = []", 2, "words"),
        ('[[privacy.terms]]\nfile = "none.txt"', 3, "is there"),
        ('[[privacy.terms]]\nwords = ["--"]', 3, "letters or digits"),
        ('[[privacy.terms]]\nwords = ["ok"]\ntype = "HEALTH"', 4, "TERM"),
        ('[[privacy.terms]]\nwords = ["ok"]\ntype = "CARD"\nsensitivity = "public"', 5, "at least restricted"),
        ("[[privacy.patterns]]\npattern = '(a+)+'", 3, "without an end"),
        ('[[privacy.patterns]]\ntype = "CARD"', 2, "pattern is missing"),
        ('[privacy]\nspecial_after = "internal"', 3, "restricted or confidential"),
        ('[privacy.level]\ncloud = "lax"', 3, "balanced or strict"),
        ('[privacy.level]\nmoon = "strict"', 3, "unknown key"),
        ('[privacy]\nlevels = "strict"', 3, "did you mean level"),
        ('[tools]\nsearch = "elsewhere"', 3, "remote or local"),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(text: str, line: int, said: str) -> None:
    message = refusal(text)
    assert message.startswith(f"config.toml:{line}:")
    assert said in message


async def test_own_terms_count_and_are_taken_out_and_come_back() -> None:
    detection = Detection(KnownNames(), bytes(32), privacy(CONFIG))
    request = chat("Is project-bluebird late? MRN 12345678 says so.")
    assessed = await detection.assess(request, names=True)
    assert (assessed.sensitivity, assessed.after) == (Sensitivity.RESTRICTED, Sensitivity.INTERNAL)
    assert {reason.code for reason in assessed.reasons} == {"term", "medical_id"}
    result = detection.sanitize(request, assessed, Tier.CLOUD)
    assert texts_of(result.request) == ["Is [TERM_1] late? [ID_1] says so."]
    assert [entry.value for entry in result.vault] == ["project-bluebird", "MRN 12345678"]


async def test_a_list_that_changes_holds_for_texts_that_were_read_before() -> None:
    detection = Detection(KnownNames(), bytes(32), PrivacyPolicy())
    request = chat("When does Nightjar ship?")
    assert (await detection.assess(request, names=True)).sensitivity is Sensitivity.PUBLIC
    detection.policy = PrivacyPolicy(own=terms("Nightjar"))
    assert (await detection.assess(request, names=True)).sensitivity is Sensitivity.INTERNAL
    detection.policy = PrivacyPolicy(own=terms("Heron"))
    assert (await detection.assess(request, names=True)).sensitivity is Sensitivity.PUBLIC


async def test_each_tier_is_sent_what_its_level_leaves() -> None:
    detection = Detection(KnownNames(), bytes(32), privacy('[privacy.level]\ncloud = "strict"'))
    request = chat("Ada Lovelace was there on 3 March 2021.")
    assessed = await detection.assess(request, names=True)
    sent = {tier: texts_of(detection.sanitize(request, assessed, tier).request)[0] for tier in Tier}
    assert sent[Tier.EDGE] == sent[Tier.PERSONAL] == "[PERSON_1] was there on 3 March 2021."
    assert sent[Tier.CLOUD] == "[PERSON_1] was there on [DATE_1]."


async def test_a_request_is_sanitised_by_the_policy_that_it_was_assessed_by() -> None:
    detection = Detection(KnownNames(), bytes(32), PrivacyPolicy(level=Level.STRICT))
    request = chat("Ada Lovelace was there on 3 March 2021.")
    assessed = await detection.assess(request, names=True)
    detection.policy = PrivacyPolicy()
    assert "2021" not in texts_of(detection.sanitize(request, assessed, Tier.CLOUD).request)[0]


def called(tool: str | None, policy: PrivacyPolicy) -> str:
    """What a tool's arguments are after the answer's way back, where the call comes in pieces."""
    vault = sanitized(chat("Ada Lovelace, https://ada.example/diary")).vault
    strict = sanitized(chat("Ada Lovelace"))
    assert len(strict.vault) == 1
    restorer = AnswerRestorer(vault, policy=policy)
    head = {"index": 0, "function": {"arguments": ""} | ({"name": tool} if tool else {})}
    pieces = [head] + [{"index": 0, "function": {"arguments": piece}} for piece in ('{"q": "[PERS', "ON_1] ", 'x"}')]
    deltas = [d for piece in pieces for d in restorer.feed(Delta("", json.dumps({"tool_calls": [piece]}).encode()))]
    deltas += restorer.finish()
    calls = [json.loads(delta.extra)["tool_calls"][0]["function"] for delta in deltas]
    return "".join(call["arguments"] for call in calls)


def test_nothing_comes_back_into_the_arguments_of_a_tool_that_runs_elsewhere() -> None:
    policy = PrivacyPolicy(remote_tools=frozenset({"web_search"}), local_tools=frozenset({"open_file"}))
    assert called("web_search", policy) == '{"q": "[PERSON_1] x"}'
    assert called("open_file", policy) == called("other", policy) == '{"q": "Ada Lovelace x"}'
    assert called(None, policy) == '{"q": "[PERSON_1] x"}', "nobody can tell whose arguments these are"
    assert called(None, PrivacyPolicy()) == '{"q": "Ada Lovelace x"}'
