"""Sentences of the design's section 2 about certificates, tier, ceiling and who may ask, as far as protocol decides."""

import dataclasses

import pytest

from protocol.errors import MembershipError, RecordError
from protocol.members import Removed, tier_for
from protocol.membership import Membership
from protocol.records import CapabilityStatement, Certificate, ModelOffer, ModelOrigin, Observation
from protocol.registry import New, RefusalReason, Refused, Registry
from protocol.terms import Tier
from tests.attested import DAY_S, NOW, OFFER, Log, genesis, later, observation, signing_key, statement

OWNER, LAPTOP, HOME, OFFICE, STRANGER = (signing_key(number) for number in range(1, 6))
GENESIS = genesis(OWNER)


@pytest.fixture
def log():
    return Log(OWNER, GENESIS.hash)


@pytest.fixture
def archipelago(log):
    membership = Membership(GENESIS)
    for key, person in ((LAPTOP, "ada"), (HOME, "ada"), (OFFICE, "bob")):
        membership.accept(log.certificate(key, person=person).raw, NOW)
    return membership


def tier(membership, asker, holder):
    return tier_for(membership.member(asker.island, NOW), membership.member(holder.island, NOW))


def test_a_certificate_names_a_person(archipelago):
    assert [archipelago.member(key.island, NOW).person for key in (LAPTOP, OFFICE)] == ["ada", "bob"]
    with pytest.raises(RecordError):
        dataclasses.replace(Log(OWNER, GENESIS.hash).certificate(LAPTOP).record, person="")


def test_offers_of_the_same_persons_islands_are_personal(archipelago):
    assert tier(archipelago, LAPTOP, HOME) is Tier.PERSONAL


def test_to_anybody_else_in_the_archipelago_they_are_at_most_edge(archipelago):
    assert tier(archipelago, LAPTOP, OFFICE) is Tier.EDGE
    assert tier(archipelago, OFFICE, HOME) is Tier.EDGE


def test_the_certificates_ceiling_bounds_both(archipelago, log):
    archipelago.accept(log.certificate(HOME, person="ada", ceiling=Tier.EDGE).raw, NOW)
    assert tier(archipelago, LAPTOP, HOME) is Tier.EDGE
    assert tier(archipelago, HOME, LAPTOP) is Tier.EDGE
    assert tier(archipelago, OFFICE, HOME) is Tier.EDGE


def test_nothing_an_island_says_of_itself_raises_a_tier(archipelago):
    said = {
        field.name for record in (CapabilityStatement, ModelOffer, Observation) for field in dataclasses.fields(record)
    }
    assert not said & {"tier", "ceiling", "person", "grants", "signer", "spend_share", "name"}
    before = tier(archipelago, LAPTOP, OFFICE)
    registry = Registry(archipelago)
    offer = dataclasses.replace(OFFER, origin=ModelOrigin.EMBEDDED)
    assert isinstance(registry.accept(statement(OFFICE, offers=(offer,)).raw, NOW), New)
    assert tier(archipelago, LAPTOP, OFFICE) is before


def test_a_statement_offers_no_cloud(archipelago):
    assert {origin.value for origin in ModelOrigin} == {"embedded", "loopback", "configured"}
    with pytest.raises(RecordError):
        ModelOffer.from_wire([*OFFER.wire()[:5], "remote", False], "statement.offers[0]")


def test_a_ceiling_is_personal_or_edge_never_cloud(log):
    with pytest.raises(RecordError):
        log.certificate(HOME, ceiling=Tier.CLOUD)


def test_only_a_member_with_a_live_certificate_is_listened_to(archipelago):
    registry = Registry(archipelago)
    assert isinstance(registry.accept(statement(HOME).raw, NOW), New)
    assert registry.accept(statement(STRANGER).raw, NOW) == Refused(RefusalReason.NOT_A_MEMBER, STRANGER.island)
    ended = later(s=30 * DAY_S)
    assert registry.accept(statement(OFFICE).raw, ended) == Refused(RefusalReason.NOT_A_MEMBER, OFFICE.island)
    assert archipelago.member(HOME.island, ended) is None
    assert registry.statement(HOME.island, ended) is None


def test_nobody_admits_themselves(archipelago):
    archipelago.accept(Log(STRANGER, GENESIS.hash).certificate(STRANGER, signer=True).raw, NOW)
    assert archipelago.member(STRANGER.island, NOW) is None
    with pytest.raises(MembershipError):
        archipelago.accept(genesis(STRANGER).raw, NOW)


def test_a_member_that_is_no_signer_admits_and_removes_nobody(archipelago):
    pen = Log(OFFICE, GENESIS.hash)
    archipelago.accept(pen.certificate(STRANGER).raw, NOW)
    archipelago.accept(pen.revocation(HOME.island).raw, NOW)
    archipelago.accept(pen.certificate(OFFICE, person="ada").raw, NOW)
    assert archipelago.member(STRANGER.island, NOW) is None
    assert archipelago.is_live(HOME.island, NOW)
    assert tier(archipelago, LAPTOP, OFFICE) is Tier.EDGE


def test_revocations_are_applied_before_anything_of_the_sender_is_read(archipelago, log):
    revocation = log.revocation(HOME.island)
    behind = Membership(GENESIS)
    for raw in archipelago.chain(HOME.island):
        behind.accept(raw, NOW)
    registry = Registry(behind)
    # what a greeting carries is enough: no entry before the revocation is needed
    assert behind.accept(revocation.raw, NOW) == (Removed(HOME.island),)
    assert registry.accept(statement(HOME).raw, NOW) == Refused(RefusalReason.NOT_A_MEMBER, HOME.island)


def test_a_revoked_island_is_believed_about_nothing(archipelago, log):
    registry = Registry(archipelago)
    registry.accept(statement(HOME).raw, NOW)
    registry.accept(observation(HOME, OFFICE.island).raw, NOW)
    archipelago.accept(log.revocation(HOME.island).raw, NOW)
    assert registry.statement(HOME.island, NOW) is None
    assert registry.observations(OFFICE.island, NOW) == ()


def test_a_revoked_key_is_not_brought_back_by_a_later_certificate(archipelago, log):
    archipelago.accept(log.revocation(HOME.island).raw, NOW)
    archipelago.accept(log.certificate(HOME).raw, NOW)
    assert archipelago.member(HOME.island, NOW) is None


def test_statements_name_no_collection_and_certificates_name_it_by_a_random_id(archipelago, log):
    said = {field.name for record in (CapabilityStatement, ModelOffer) for field in dataclasses.fields(record)}
    assert not any("collection" in name or "grant" in name for name in said)
    assert not any("collection" in field.name for field in dataclasses.fields(Certificate))
    archipelago.accept(log.certificate(LAPTOP, grants=(b"\5" * 16,)).raw, NOW)
    assert archipelago.member(LAPTOP.island, NOW).grants == (b"\5" * 16,)
    for name in (b"patients", b"\5" * 15, b"\5" * 17):
        with pytest.raises(RecordError):
            log.certificate(LAPTOP, grants=(name,))


def test_statements_live_fifteen_minutes_on_the_receivers_clock(archipelago):
    registry = Registry(archipelago)
    registry.accept(statement(HOME).raw, NOW)
    assert registry.statement(HOME.island, later(ms=899_999)) is not None
    assert registry.statement(HOME.island, later(ms=900_000)) is None
    with pytest.raises(RecordError):
        statement(HOME, lifetime_ms=900_001)


def test_load_and_free_slots_are_not_gossiped():
    said = {field.name for record in (CapabilityStatement, ModelOffer) for field in dataclasses.fields(record)}
    assert not said & {"load", "free_slots", "queue"}


def test_money_is_an_integer_of_nano_usd(log):
    assert log.certificate(HOME, spend_share=1_500_000_000).record.spend_share == 1_500_000_000
    with pytest.raises(RecordError):
        log.certificate(HOME, spend_share=1.5)
