"""Design, sections 3 and 4: a request only tightens, ranges are configured, chance has a seed."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from node.agents.policy import PRESETS, AtCap, Policy
from node.agents.router import decide
from node.agents.table import OfferTable
from node.judgement import tightened
from node.store.database import Store
from protocol.errors import RequestError
from protocol.terms import NanoUsd, Tier
from tests.offers import NOW, facts, offer, paid, policies
from tests.pipelines import KnownNames, a_store, open_node, order, says

LEAST = -1  # nothing at all, where a constraint may be None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


def loosened(before: Policy, after: Policy) -> list[str]:
    """The constraints that are weaker afterwards."""
    found = []
    for tier in Tier:
        for how in ("as_is", "sanitised"):
            was, is_ = (getattr(policy.clearance[tier], how) for policy in (before, after))
            if (LEAST if is_ is None else is_) > (LEAST if was is None else was):
                found.append(f"clearance {tier.label} {how}")
    if after.max_tier > before.max_tier:
        found.append("max_tier")
    if after.battery_floor < before.battery_floor:
        found.append("battery_floor")
    if before.jurisdictions is not None and not (after.jurisdictions or frozenset()) <= before.jurisdictions:
        found.append("jurisdictions")
    if before.jurisdictions is not None and after.jurisdictions is None:
        found.append("jurisdictions")
    if before.remaining is not None and (after.remaining is None or after.remaining > before.remaining):
        found.append("remaining")
    most = before.retention_days_max
    if most is not None and (after.retention_days_max is None or after.retention_days_max > most):
        found.append("retention_days_max")
    if before.no_training and not after.no_training:
        found.append("no_training")
    for name in ("islands", "providers", "models", "models_for"):  # each of them only ever takes away
        if not set(getattr(before, name)) <= set(getattr(after, name)):
            found.append(name)
    found += [name for name in ("metered", "owner_active", "hot") if getattr(after, name) < getattr(before, name)]
    if before.at_cap is AtCap.REFUSE and after.at_cap is AtCap.LOCAL:
        found.append("at_cap")
    return found


def test_every_member_of_a_policy_is_a_constraint_that_is_watched_here_or_a_preference() -> None:
    watched = {"clearance", "max_tier", "battery_floor", "jurisdictions", "remaining", "retention_days_max"}
    watched |= {
        "no_training",
        "islands",
        "providers",
        "models",
        "models_for",
        "metered",
        "owner_active",
        "hot",
        "at_cap",
    }
    preferences = {"weights", "ranges", "energy_price", "hysteresis", "explore"}
    assert {field.name for field in fields(Policy)} == watched | preferences


@given(mine=policies(), theirs=policies())
@settings(max_examples=200, deadline=None)
def test_no_policy_laid_over_another_loosens_any_of_its_constraints(mine: Policy, theirs: Policy) -> None:
    assert loosened(mine, mine.intersect(theirs)) == []
    assert loosened(theirs, mine.intersect(theirs)) == []


@pytest.mark.parametrize("name", [*PRESETS])
def test_no_preset_that_a_request_names_loosens_the_owners_policy(name: str) -> None:
    strict = replace(
        PRESETS["private"],
        max_tier=Tier.PERSONAL,
        battery_floor=60.0,
        jurisdictions=frozenset({"CH"}),
        remaining=NanoUsd(5),
    )
    assert loosened(strict, tightened(strict, name)) == []
    assert loosened(strict, Policy()) != []


def test_a_policy_that_nobody_knows_is_refused_and_not_ignored() -> None:
    with pytest.raises(RequestError, match="x-islandrun-policy"):
        tightened(Policy(), "lenient")


def test_objectives_are_scaled_by_configured_ranges_and_not_by_what_is_on_the_table() -> None:
    slow, quick = offer("slow", ttft_s=40.0), paid("quick", ttft_s=0.1, tokens_per_s=500.0)
    worse = [paid("slower", ttft_s=1e6), paid("dearer", output_price=NanoUsd(10**15)), paid("dumb", quality=0.0)]

    def first(*rows: object) -> str:
        return decide(facts(), OfferTable.of(rows), PRESETS["fast"], NOW).plan[0].offer.island  # type: ignore[arg-type]

    assert first(slow, quick) == "quick"
    for one in worse:
        assert first(slow, quick, one) == "quick"
    assert first(slow, quick, *worse) == "quick"


async def test_chance_comes_from_a_seed_in_the_request_and_touches_equals_alone(store: Store) -> None:
    equals = [offer("alpha"), offer("beta"), offer("gamma")]
    node = await open_node(
        store, *((row, says(row.island)) for row in (*equals, offer("slow", ttft_s=20.0))), names=KnownNames()
    )
    seen = [(await node.ask(order("What is a lighthouse?"))).text for _ in range(40)]
    assert set(seen) == {"alpha", "beta", "gamma"}
    judged = [await node.pipeline.judgement.judge(order("What is a lighthouse?"), b"one seed") for _ in range(3)]
    assert len({tuple(choice.offer.name for choice in one.decision.plan) for one in judged}) == 1
