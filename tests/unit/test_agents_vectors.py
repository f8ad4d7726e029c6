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
        ("a collection beside a model that is named", {"office"}, {"collection_not_held"}),
        ("a collection beside a model that its holder does not have", set(), {"collection_not_held"}),
        ("an unknown collection beside a model", set(), {"collection_not_held"}),
        (
            "passages of it are carried: not to be held, still at its label",
            {"home", "office"},
            {"clearance_below_sensitivity"},
        ),
        ("carried passages of an internal collection go to a cloud sanitised", {"cloud"}, {"other_model"}),
        ("carried, and of an unknown label", {"home"}, {"clearance_below_sensitivity"}),
        ("speed of 0", {"office", "cloud"}, {"agent_failed"}),
        ("an island that takes nothing", {"office", "cloud"}, {"clearance_below_sensitivity"}),
        ("an island that policy does not allow", {"home", "cloud"}, {"not_allowed"}),
        ("a provider is bounded", {"home", "office"}, {"clearance_below_sensitivity"}),
        ("a bound of a provider says nothing of an island", {"home", "office", "cloud"}, set()),
        ("models by a pattern, in either case of letters", {"cloud"}, {"not_allowed"}),
        ("a pattern matches the whole name", {"home", "office", "cloud"}, set()),
        ("names unread and an own island that is bounded", set(), {"names_unread"}),
        ("models for a level and above", {"office"}, {"clearance_below_sensitivity"}),
        ("models for no level that the text reaches", {"home", "office", "cloud"}, set()),
        ("within hours: their first minute", {"home", "office", "cloud"}, set()),
        ("outside hours: the minute after their last", {"home", "cloud"}, {"outside_hours"}),
        ("hours that go over the week's end", {"home", "office", "cloud"}, set()),
        ("and are over", {"home", "cloud"}, {"outside_hours"}),
        ("hours, and the time is not known", {"home", "cloud"}, {"outside_hours"}),
        ("a provider's terms are not known", {"home", "office"}, {"retention", "training"}),
        ("a provider's terms hold", {"home", "office", "cloud"}, set()),
        ("doubt that is not known", {"office", "cloud"}, {"agent_failed"}),
        ("authenticity failed", {"office", "cloud"}, {"authenticity_failed"}),
        ("battery under the floor, and charging", {"home", "office", "cloud"}, set()),
        ("metered links are forbidden", {"office", "cloud"}, {"metered"}),
        ("a provider's own cap", {"home", "office"}, {"over_cap"}),
        ("a provider's own cap holds", {"home", "office", "cloud"}, set()),
        ("at the cap what costs nothing answers", {"home", "office"}, {"over_cap"}),
        ("at the cap nobody answers", set(), {"over_cap", "at_cap"}),
        ("a cap refuses nothing where an unpaid offer is the best", {"home", "office"}, {"over_cap"}),
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


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("staying: a little worse is good enough", "c/small"),
        ("staying: the hysteresis is not wide enough", "a/small"),
        ("staying: not with a dominated one", "a/small"),
        ("staying: with the model that answered", "c/other"),
        ("staying: with a provider, by its name", "cloud/large"),
        ("trying out: nothing without a seed", "a/small"),
        ("trying out: the most doubted", "c/small"),
        ("trying out: not this request", "a/small"),
        ("trying out: nothing in a second plan", "a/small"),
        ("trying out: nothing when only unpaid may follow", "a/small"),
        ("trying out: nothing dearer", "a/small"),
    ],
)
def test_vector_puts_first_what_its_name_says(name: str, first: str) -> None:
    case = next(case for case in VECTORS["cases"] if case["name"] == name)
    assert case["report"]["offer"] == case["report"]["plan"][0] == first
