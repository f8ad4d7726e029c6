"""A rule that is not run on a text would have found nothing there."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.detectors import DETECTORS, find_by_rules
from node.privacy.detectors.base import Text
from node.privacy.detectors.screen import Screen
from node.privacy.findings import Finding
from node.privacy.normal_form import normalise
from tests.privacy_hard import CASES
from tests.unit.test_privacy_detectors import FOUND, HARMLESS

TEXTS = (
    *(text for text, _, _ in FOUND),
    *HARMLESS,
    *(row.get("text", "") for row in map(json.loads, Path(CASES).read_text(encoding="utf-8").splitlines())),
)
PIECES = sorted({piece for text in TEXTS for piece in text.split(" ") if piece})
JOINTS = (
    " ",
    " ",
    " ",
    "",
    "\n",
    "\t",
    ": ",
    "=",
    ", ",
    ".",
    "-",
    "_",
    "(",
    ") ",
    "'",
    "’",
    "　",
    "\u00a0",
    "/",
    "@",
    '"',
    "'s ",
)


def unscreened(text: str) -> set[Finding]:
    of = Text(text)
    return {finding for detector in DETECTORS for finding in detector.find(of)}


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(JOINTS)), max_size=12))
def test_rules_find_the_same_with_and_without_the_screen(pieces: list[tuple[str, str]]) -> None:
    text = normalise("".join(piece + joint for piece, joint in pieces)).text
    assert set(find_by_rules(text)) == unscreened(text)


@settings(max_examples=300, deadline=None)
@given(st.text(), st.sampled_from(TEXTS), st.text(alphabet=st.characters(max_codepoint=0x2FF)))
def test_rules_find_the_same_with_and_without_the_screen_inside_any_text(before: str, text: str, after: str) -> None:
    text = normalise(before + text + after).text
    assert set(find_by_rules(text)) == unscreened(text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_rules_find_the_same_with_and_without_the_screen_in_a_changed_text(text: str, data: st.DataObject) -> None:
    change = data.draw(st.sampled_from((str.upper, str.title, str.swapcase, lambda t: t[::-1], lambda t: t[1:-1])))
    changed = normalise(change(text)).text
    assert set(find_by_rules(changed)) == unscreened(changed)


def test_every_rule_says_what_it_needs() -> None:
    assert all(detector.evidence for detector in DETECTORS)


def test_text_without_evidence_is_read_by_few_rules() -> None:
    candidates = list(Screen(DETECTORS).candidates(Text("What is the capital of a country, and how is it called?")))
    assert [detector.name for detector in candidates] == ["special"]
