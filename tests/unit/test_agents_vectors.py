"""The vectors of specs/09-decision.md, and that their generator still writes them."""

import json

import pytest

from node.agents.explain import explain
from node.agents.policy import PRESETS
from protocol.errors import RequestError
from tests.vectors.generate_decision import PATH, rendered

VECTORS = json.loads(PATH.read_bytes())


def test_vectors_regenerate_to_the_same_bytes() -> None:
    assert rendered() == PATH.read_bytes()


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_decision_is_the_one_of_the_vector(case: dict[str, object]) -> None:
    assert explain(case["islands"], case["request"]) == case["report"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda case: case["name"])
def test_input_that_breaks_one_rule_is_refused(case: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:
        explain(case["islands"], case["request"])
    assert str(caught.value) == case["error"]


@pytest.mark.parametrize(
    ("name", "plan", "codes"),
    [
        ("confidential remains confidential: no cloud", {"home", "office"}, {"clearance_below_sensitivity"}),
        ("restricted that cannot be sanitised stays personal", {"home"}, {"clearance_below_sensitivity"}),
        ("names were not looked for", {"home"}, {"names_unread"}),
        ("no certificate", {"office", "cloud"}, {"not_a_member"}),
        ("statement outlived its lifetime now", {"office", "cloud"}, {"statement_stale"}),
        ("context holds prompt and answer exactly", {"home", "office", "cloud"}, set()),
        ("context one token short", {"office", "cloud"}, {"context_too_small"}),
        ("bill at the cap", {"home", "office", "cloud"}, set()),
        ("bill a nano-USD above the cap", {"home", "office"}, {"over_cap"}),
        ("unknown price under a cap", {"home", "office"}, {"price_unknown"}),
        ("a collection: only its holder, at its label", {"office"}, {"collection_not_held"}),
        ("speed of 0", {"office", "cloud"}, {"agent_failed"}),
    ],
)
def test_vector_says_what_its_name_says(name: str, plan: set[str], codes: set[str]) -> None:
    """Written by hand, so that a mistake of the generator's own code does not become the truth."""
    case = next(case for case in VECTORS["cases"] if case["name"] == name)
    assert {offer.split("/")[0] for offer in case["report"]["plan"]} == plan
    found = {reason["code"] for row in case["report"]["offers"] for reason in row["reasons"]}
    assert codes <= found
    assert bool(codes) == bool(found)


def test_presets_are_those_of_the_specification() -> None:
    text = (PATH.parents[1] / "09-decision.md").read_text()
    for name, policy in PRESETS.items():
        cells = " | ".join(f"{weight:g}" for weight in policy.weights.values())
        assert f"| {name}{' (default)' if name == 'balanced' else ''} | {cells} |" in text
