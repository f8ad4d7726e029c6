"""Offers, requests and tables for tests of the deciding rooms, plain and drawn by hypothesis."""

from dataclasses import replace
from math import inf
from typing import Any

from hypothesis import strategies as st

from node.agents.hours import Hours
from node.agents.policy import PRESETS, AtCap, Bound, Clearance, ModelsFor, Policy, Use
from node.agents.request import ModelSelector, RequestFacts
from node.agents.table import Offer
from node.agents.tier import distance
from node.ports import Origin
from protocol.terms import NanoUsd, Now, Sensitivity, Tier

ISLANDS = frozenset({"home", "office", "cloud", *(f"island{number}" for number in range(7))})
NOW = Now(mono_ms=0, wall_s=1_800_000_000)


def offer(island: str = "home", model: str = "small", **changes: Any) -> Offer:
    """A sound offer of the person's own island, unless `changes` say otherwise; its distance follows its tier."""
    tier = changes.pop("tier", Tier.PERSONAL)
    own = changes.pop("own", tier is Tier.PERSONAL)
    plain = Offer(
        island=island,
        island_id=f"id-{island}",
        model=model,
        backend="test",
        tier=tier,
        own=own,
        origin=Origin.REMOTE if tier is Tier.CLOUD else Origin.EMBEDDED,
        distance=distance(tier, here=False, own=own),
        context_tokens=8_192,
        tools=True,
        slots=2,
        free=2,
        queue=0,
        ttft_s=0.2,
        prefill_tokens_per_s=inf,
        tokens_per_s=50.0,
        doubt=0.0,
        input_price=NanoUsd(0),
        output_price=NanoUsd(0),
        member_live=True,
        fresh=True,
        alive=True,
    )
    return replace(plain, **changes)


def paid(island: str = "cloud", model: str = "large", **changes: Any) -> Offer:
    prices = {"input_price": NanoUsd(150_000_000), "output_price": NanoUsd(600_000_000)}
    return offer(island, model, **{"tier": Tier.CLOUD, "quality": 0.9, **prices, **changes})


def facts(sensitivity: Sensitivity = Sensitivity.PUBLIC, model: str = "auto", **changes: Any) -> RequestFacts:
    after = changes.pop("sensitivity_after", sensitivity)
    selector = ModelSelector.parse(model, ISLANDS)
    plain = RequestFacts(sensitivity, after, selector, prompt_tokens=100, max_output_tokens=256)
    return replace(plain, **changes)


levels = st.sampled_from(Sensitivity)
estimates = st.floats(0.0, 100.0) | st.sampled_from([float("nan"), float("inf"), -1.0])
prices = st.none() | st.just(0) | st.integers(0, 10**13)
COLLECTION = bytes(16)


@st.composite
def offers(draw: st.DrawFn, name: str) -> Offer:
    tier = draw(st.sampled_from(Tier))
    price = draw(prices)
    return offer(
        name,
        draw(st.sampled_from(["small", "large"])),
        tier=tier,
        own=tier is Tier.PERSONAL,
        context_tokens=draw(st.sampled_from([300, 4_096, 100_000])),
        tools=draw(st.booleans()),
        free=draw(st.integers(0, 2)),
        queue=draw(st.integers(0, 5)),
        ttft_s=draw(estimates),
        tokens_per_s=draw(estimates),
        input_price=price,
        output_price=price,
        member_live=draw(st.integers(0, 9)) > 0,
        fresh=draw(st.integers(0, 9)) > 0,
        alive=draw(st.integers(0, 9)) > 0,
        jurisdiction=draw(st.sampled_from(["", "DE", "US"])),
        collections=frozenset([COLLECTION]) if draw(st.booleans()) else frozenset(),
        battery=draw(st.none() | st.floats(0, 100) | st.just(float("nan"))),
        quality=draw(st.floats(0.0, 1.0) | st.just(float("nan")) | st.just(1.5)),
        energy_j_per_token=draw(estimates),
        **draw(states(tier)),
        embeds=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def states(draw: st.DrawFn, tier: Tier) -> dict[str, Any]:
    """What is known of an offer besides, mostly sound."""
    rarely = st.integers(0, 5).map(lambda drawn: drawn == 0)
    if draw(st.integers(0, 2)):
        return {"doubt": draw(st.floats(0, 1)), "retention_days": 1, "trains": False, "probation": draw(rarely)}
    return {
        "prefill_tokens_per_s": draw(st.sampled_from([inf, inf, 50.0, 2_000.0, 0.0, -1.0, float("nan")])),
        "doubt": draw(st.floats(0, 1) | st.just(0.0) | st.just(float("nan")) | st.just(1.5)),
        "failure_rate": draw(st.floats(0, 0.9) | st.just(0.0) | st.just(1.0)),
        "authentic": not draw(rarely),
        "probation": draw(rarely),
        "charging": draw(st.booleans()),
        "metered": draw(rarely),
        "owner_active": draw(rarely),
        "hot": draw(rarely),
        "provider": draw(st.sampled_from(["", "acme"])) if tier is Tier.CLOUD else "",
        "retention_days": draw(st.none() | st.integers(0, 60)),
        "trains": draw(st.none() | st.booleans()),
        "paid_remaining": draw(st.none() | st.none() | st.integers(0, 10**10).map(NanoUsd)),
    }


@st.composite
def tables_of_offers(draw: st.DrawFn, most: int = 7) -> tuple[Offer, ...]:
    count = draw(st.integers(0, most))
    return tuple(draw(offers(f"island{number}")) for number in range(count))


@st.composite
def requests(draw: st.DrawFn) -> RequestFacts:
    level = draw(levels)
    model = draw(st.sampled_from(["auto", "auto", "auto", "small", "island1/small", "auto@papers"]))
    return facts(
        level,
        model,
        sensitivity_after=draw(st.none() | st.sampled_from([s for s in Sensitivity if s <= level])),
        names_known=draw(st.integers(0, 4)) > 0,
        prompt_tokens=draw(st.integers(0, 5_000)),
        max_output_tokens=draw(st.integers(0, 500)),
        answers=draw(st.sampled_from([1, 1, 3])),
        collection=draw(st.none() | st.just(COLLECTION)),
        label=draw(st.none() | levels),
        needs_tools=draw(st.booleans()),
        max_tier=draw(st.sampled_from(Tier)),
        max_cost=draw(st.none() | st.integers(0, 10**10)),
        unpaid_only=draw(st.booleans()),
        excluded=draw(st.frozensets(st.sampled_from(["island0/small", "island1/large"]))),
        seed=draw(st.binary(max_size=8)),
        need=draw(st.floats(0, 1)),
        previous_island=draw(st.sampled_from(["", "id-island0", "id-island2"])),
        previous_model=draw(st.sampled_from(["", "small"])),
        previous_tokens=draw(st.integers(0, 6_000)),
        local_minute=draw(st.none() | st.integers(0, 10_079)),
        embeds=draw(st.integers(0, 4)) == 0,
        longest_input_tokens=draw(st.integers(0, 5_000)),
    )


ALWAYS = Hours.parse(["00:00-24:00"])


@st.composite
def bounds(draw: st.DrawFn, names: list[str]) -> tuple[Bound, ...]:
    """Mostly none."""
    if draw(st.integers(0, 2)):
        return ()
    level = st.none() | levels
    hours = st.sampled_from([None, None, ALWAYS, Hours.parse(["Mon-Wed 10:00-20:00"]), Hours.parse([])])
    return tuple(
        Bound(name, draw(level), draw(level), draw(st.integers(0, 4)) > 0, draw(hours))
        for name in sorted(draw(st.sets(st.sampled_from(names), max_size=2)))
    )


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    level = st.none() | levels
    clearance = Clearance(draw(level), draw(level)), Clearance(draw(level), draw(level)), Clearance(draw(level), None)
    patterns = st.lists(st.sampled_from(["small", "*", "l*e"]), max_size=2).map(tuple)
    entries = st.dictionaries(levels, patterns, max_size=1).map(
        lambda found: tuple(ModelsFor(level, found[level]) for level in sorted(found))
    )
    return replace(
        draw(st.sampled_from(list(PRESETS.values()))),
        clearance=clearance if draw(st.booleans()) else Policy().clearance,
        max_tier=draw(st.sampled_from(Tier)),
        jurisdictions=draw(st.none() | st.frozensets(st.sampled_from(["DE", "US"]))),
        battery_floor=draw(st.sampled_from([0.0, 20.0, 60.0])),
        remaining=draw(st.none() | st.integers(0, 10**10).map(NanoUsd)),
        islands=draw(bounds(["island0", "island1", "island2"])),
        providers=draw(bounds(["acme"])),
        models=draw(bounds(["small", "L*", "*"])),
        models_for=draw(st.just(()) | entries),
        retention_days_max=draw(st.none() | st.integers(0, 60)),
        no_training=draw(st.integers(0, 3)) == 0,
        metered=draw(st.sampled_from(Use)),
        owner_active=draw(st.sampled_from(Use)),
        hot=draw(st.sampled_from(Use)),
        at_cap=AtCap.REFUSE if draw(st.integers(0, 5)) == 0 else AtCap.LOCAL,
        energy_price=draw(st.sampled_from([NanoUsd(0), NanoUsd(400_000_000)])),
        hysteresis=draw(st.sampled_from([0, 50, 2_000])),
        explore=draw(st.sampled_from([0, 500, 1_000])),
    )
