"""Names that those beside them give away, without any model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.company import chatting, in_company
from node.privacy.findings import Finding, FindingType

T = FindingType


def found(text: str, known: str | None = None) -> set[str]:
    persons = [Finding(text.index(known), text.index(known) + len(known), T.GIVEN_NAME, 0.9, "x")] if known else []
    return {text[f.start : f.end] for f in (*in_company(text, persons), *chatting(text))}


@pytest.mark.parametrize(
    ("text", "known", "names"),
    [
        ("so yeah Priya and tobias both want it", "Priya", {"tobias"}),
        ("Ottilie Kranz and Priya run our stall", "Priya", {"Ottilie Kranz"}),
        ("Priya and Kubernetes do not get along", "Priya", set()),
        ("the job and Priya come first", "Priya", set()),
        ("All: Halloran, Bridget; Oyelaran, Femi.", None, {"Halloran, Bridget", "Oyelaran, Femi"}),
        ("We saw Lima, Peru; Paris, France.", None, set()),
        ("Dinner with the Abernathys, Hugh and Clementine", None, {"Abernathys"}),
        ("a walk with the Alps behind us", None, set()),
        ("Winterbottom has not paid yet.", None, {"Winterbottom"}),
        ("Python has lists. Spring is late.", None, set()),
        ("[21:04] xX_leonie_Xx: raid at 8\n[21:05] sofi.dlc: cant", None, {"xX_leonie_Xx", "sofi.dlc"}),
        ("12:00 INFO: up\n12:01 worker: done", None, set()),
    ],
)  # fmt: skip
def test_those_beside_a_name_give_it_away(text: str, known: str | None, names: set[str]) -> None:
    assert found(text, known) == names


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="Ab, ;:.\n[]019 and&thes", max_size=120))
def test_any_text_is_read_and_findings_are_of_it(text: str) -> None:
    persons = [Finding(0, 1, T.GIVEN_NAME, 0.9, "x")] if text else []
    for finding in (*in_company(text, persons), *chatting(text)):
        assert 0 <= finding.start < finding.end <= len(text)
