"""Design, section 2: clearance, and the tier of an offer for an asker."""

from typing import Any

import pytest

from node.agents.policy import Policy
from node.agents.router import decide
from node.agents.table import OfferTable
from node.agents.tier import effective_tier
from node.ports import Origin
from protocol.terms import Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid

PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED = Sensitivity
TABLE = OfferTable.of([offer("own"), offer("edge", tier=Tier.EDGE), paid("cloud")])


def taken(level: Sensitivity, after: Sensitivity | None, *, names_known: bool = True) -> dict[str, str]:
    """Island to how it may take the text."""
    request = facts(level, sensitivity_after=after, names_known=names_known)
    plan = decide(request, TABLE, Policy(), NOW).plan
    return {choice.offer.island: "sanitised" if choice.sanitize else "as it is" for choice in plan}


@pytest.mark.parametrize(
    ("level", "own", "edge", "cloud"),
    [
        (PUBLIC, "as it is", "as it is", "as it is"),
        (INTERNAL, "as it is", "as it is", None),
        (CONFIDENTIAL, "as it is", "as it is", None),
        (RESTRICTED, "as it is", None, None),
    ],
)
def test_each_tier_takes_text_as_it_is_up_to_its_clearance(
    level: Sensitivity, own: str | None, edge: str | None, cloud: str | None
) -> None:
    expected = {"own": own, "edge": edge, "cloud": cloud}
    assert taken(level, None) == {island: how for island, how in expected.items() if how}


@pytest.mark.parametrize(
    ("after", "edge", "cloud"),
    [
        (PUBLIC, "sanitised", "sanitised"),
        (INTERNAL, "sanitised", "sanitised"),
        (CONFIDENTIAL, "sanitised", None),
        (RESTRICTED, None, None),
        (None, None, None),
    ],
)
def test_each_tier_takes_text_sanitised_when_what_remains_is_at_most_its_clearance(
    after: Sensitivity | None, edge: str | None, cloud: str | None
) -> None:
    expected = {"own": "as it is", "edge": edge, "cloud": cloud}
    assert taken(RESTRICTED, after) == {island: how for island, how in expected.items() if how}


def test_names_removed_is_not_therefore_public() -> None:
    assert taken(CONFIDENTIAL, INTERNAL)["cloud"] == "sanitised"
    assert "cloud" not in taken(CONFIDENTIAL, CONFIDENTIAL)


def test_slow_name_models_run_only_where_an_offer_not_cleared_for_everything_could_win() -> None:
    assert taken(PUBLIC, PUBLIC, names_known=False) == {"own": "as it is"}


def test_offers_of_the_same_persons_islands_are_personal() -> None:
    assert tier("ada", asker="ada") is Tier.PERSONAL


def test_offers_of_others_in_the_archipelago_are_at_most_edge() -> None:
    assert tier("ben", asker="ada") is Tier.EDGE


def test_ceiling_of_the_certificate_bounds_both() -> None:
    assert tier("ada", asker="ada", ceiling=Tier.EDGE) is Tier.EDGE
    assert tier("ben", asker="ada", ceiling=Tier.EDGE) is Tier.EDGE
    assert tier("ada", asker="ada", asker_ceiling=Tier.EDGE) is Tier.EDGE


@pytest.mark.parametrize("origin", [Origin.EMBEDDED, Origin.LOOPBACK])
def test_only_embedded_model_or_loopback_server_that_runs_it_itself_has_its_islands_tier(origin: Origin) -> None:
    assert tier("ada", asker="ada", origin=origin) is Tier.PERSONAL


def test_forwarded_model_or_server_elsewhere_is_cloud_until_configured_by_name() -> None:
    assert tier("ada", asker="ada", origin=Origin.REMOTE) is Tier.CLOUD
    assert tier("ada", asker="ada", origin=Origin.CONFIGURED) is Tier.CLOUD
    assert tier("ada", asker="ada", origin=Origin.CONFIGURED, configured=Tier.EDGE) is Tier.EDGE
    assert tier("ben", asker="ada", origin=Origin.CONFIGURED, configured=Tier.PERSONAL) is Tier.EDGE


def test_provider_that_no_certificate_names_is_cloud() -> None:
    assert tier(None, asker="ada", origin=Origin.CONFIGURED, configured=Tier.PERSONAL) is Tier.CLOUD


def tier(
    person: str | None,
    *,
    asker: str,
    ceiling: Tier = Tier.PERSONAL,
    origin: Origin = Origin.EMBEDDED,
    configured: Tier | None = None,
    asker_ceiling: Tier = Tier.PERSONAL,
) -> Tier:
    return effective_tier(
        person=person,
        asker=asker,
        ceiling=ceiling,
        origin=origin,
        configured=configured,
        asker_ceiling=asker_ceiling,
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"member_live": False}, "not_a_member"),
        ({"fresh": False}, "statement_stale"),
        ({"alive": False}, "unreachable"),
        ({"ttft_s": float("nan")}, "agent_failed"),
    ],
)
def test_doubt_makes_an_offer_infeasible_never_acceptable(change: dict[str, Any], code: str) -> None:
    decision = decide(facts(), OfferTable.of([offer("home", **change)]), Policy(), NOW)
    assert decision.plan == ()
    assert [reason.code for reason in decision.refusals[0].reasons] == [code]


def test_with_no_feasible_offer_the_refusal_names_island_by_island_what_failed() -> None:
    table = OfferTable.of([offer("home", battery=5.0), offer("office", tier=Tier.EDGE), paid("cloud")])
    decision = decide(facts(RESTRICTED, sensitivity_after=None), table, Policy(), NOW)
    said = {refusal.offer: (refusal.tier, [reason.code for reason in refusal.reasons]) for refusal in decision.refusals}
    assert decision.plan == ()
    assert said == {
        "home/small": ("personal", ["battery_low"]),
        "office/small": ("edge", ["clearance_below_sensitivity"]),
        "cloud/large": ("cloud", ["clearance_below_sensitivity"]),
    }


def test_retrieved_text_raises_the_request_to_the_collections_label() -> None:
    held: dict[str, Any] = {"collections": frozenset([bytes(16)])}
    table = OfferTable.of([offer("own", **held), offer("edge", tier=Tier.EDGE, **held)])

    def islands(label: Sensitivity | None) -> set[str]:
        request = facts(PUBLIC, "auto@papers", collection=bytes(16), label=label)
        return {choice.offer.island for choice in decide(request, table, Policy(), NOW).plan}

    assert islands(CONFIDENTIAL) == {"own", "edge"}
    assert islands(RESTRICTED) == {"own"}
    assert islands(None) == {"own"}


def test_request_goes_to_the_island_that_holds_the_data_set() -> None:
    table = OfferTable.of([offer("own"), offer("edge", tier=Tier.EDGE, collections=frozenset([bytes(16)]))])
    request = facts(PUBLIC, "auto@papers", collection=bytes(16), label=CONFIDENTIAL)
    assert [choice.offer.island for choice in decide(request, table, Policy(), NOW).plan] == ["edge"]
    unknown = facts(PUBLIC, "auto@papers", collection=None)
    assert decide(unknown, table, Policy(), NOW).plan == ()
