"""specs/03-membership.md, section 6."""

import dataclasses

import pytest

from protocol.encoding import decode, encode
from protocol.keys import verify
from protocol.membership import Membership
from protocol.records import seal_record
from protocol.registry import (
    OBSERVATIONS_PER_ISLAND_MAX,
    New,
    RefusalReason,
    Refused,
    Registry,
    Stale,
)
from tests.attested import NOW, Log, genesis, later, observation, signing_key, statement

ADA, BOB, CAT, EVE = (signing_key(number) for number in range(1, 5))


@pytest.fixture
def log():
    return Log(ADA, genesis(ADA).hash)


@pytest.fixture
def membership(log):
    membership = Membership(genesis(ADA))
    for key in (ADA, BOB, CAT):
        membership.accept(log.certificate(key).raw, NOW)
    return membership


@pytest.fixture
def registry(membership):
    return Registry(membership)


def refused(reason, author=None):
    return Refused(reason, author.island if author else None)


def test_a_members_statement_is_believed(registry):
    signed = statement(BOB)
    assert registry.accept(signed.raw, NOW) == New(signed.record)
    assert registry.statement(BOB.island, NOW) == signed.record
    assert registry.statements(NOW) == (signed.record,)
    assert registry.digest() == {BOB.island: (1, 1)}


def test_a_strangers_statement_is_refused_before_its_signature_is_looked_at(membership):
    registry = Registry(membership, verifier=lambda *_: pytest.fail("verified"))
    assert registry.accept(statement(EVE).raw, NOW) == refused(RefusalReason.NOT_A_MEMBER, EVE)


def test_the_newest_boot_and_sequence_win(registry):
    for boot, sequence, verdict in [
        (1, 5, New),
        (1, 4, Stale),
        (1, 6, New),
        (2, 0, New),
        (1, 99, Stale),
        (2, 0, Stale),
    ]:
        assert isinstance(registry.accept(statement(BOB, boot, sequence).raw, NOW), verdict)
    assert registry.statement(BOB.island, NOW).boot == 2


def test_a_statement_lives_from_first_receipt_and_hearing_it_again_adds_nothing(registry):
    signed = statement(BOB, lifetime_ms=10_000)
    registry.accept(signed.raw, NOW)
    assert registry.accept(signed.raw, later(ms=9_999)) == Stale()
    assert registry.statement(BOB.island, later(ms=9_999)) is not None
    assert registry.statement(BOB.island, later(ms=10_000)) is None
    assert registry.expire(later(ms=10_000)) == (BOB.island,)
    assert registry.accept(signed.raw, later(ms=10_001)) == Stale()
    assert registry.statement(BOB.island, later(ms=10_001)) is None
    assert registry.digest() == {BOB.island: (1, 1)}
    assert registry.newer_than({}) == ()


def test_the_wall_clock_does_not_end_a_statement(registry):
    registry.accept(statement(BOB).raw, NOW)
    assert registry.statement(BOB.island, dataclasses.replace(NOW, wall_s=NOW.wall_s + 86_400)) is not None


def test_a_lapsed_members_statement_is_hidden_until_it_is_renewed(membership, log):
    registry = Registry(membership)
    membership.accept(log.certificate(BOB, expires_s=NOW.wall_s + 10).raw, NOW)
    registry.accept(statement(BOB).raw, NOW)
    assert registry.statement(BOB.island, later(s=10)) is None
    assert registry.expire(later(s=10)) == ()
    membership.accept(log.certificate(BOB, not_before_s=NOW.wall_s + 5).raw, later(s=11))
    assert registry.statement(BOB.island, later(s=11)) is not None


def test_two_statements_with_one_number_are_quarantined_until_a_later_boot(registry):
    registry.accept(statement(BOB).raw, NOW)
    assert registry.accept(statement(BOB, battery=1).raw, NOW) == refused(RefusalReason.EQUIVOCATION, BOB)
    assert registry.statement(BOB.island, NOW) is None
    assert registry.is_quarantined(BOB.island)
    assert registry.accept(statement(BOB, 1, 2).raw, NOW) == refused(RefusalReason.QUARANTINED, BOB)
    assert isinstance(registry.accept(statement(BOB, 2, 0).raw, NOW), New)
    assert not registry.is_quarantined(BOB.island)


def test_a_forged_twin_quarantines_nobody(registry):
    signed = statement(BOB)
    registry.accept(signed.raw, NOW)
    twin = decode(statement(BOB, battery=1).raw) | {"signatures": [bytes(64)]}
    assert registry.accept(encode(twin), NOW) == refused(RefusalReason.BAD_SIGNATURE)
    assert registry.statement(BOB.island, NOW) == signed.record


def test_a_bad_signature_is_verified_once(membership):
    asked = []

    def verifier(public, domain, body, signature):
        asked.append(public)
        return verify(public, domain, body, signature)

    registry = Registry(membership, verifier=verifier)
    forged = encode(decode(statement(BOB).raw) | {"signatures": [bytes(64)]})
    assert registry.accept(forged, NOW) == registry.accept(forged, NOW) == refused(RefusalReason.BAD_SIGNATURE)
    assert asked == [BOB.public]


def test_a_revoked_island_is_believed_no_more(registry, membership, log):
    registry.accept(statement(BOB).raw, NOW)
    membership.accept(log.revocation(BOB.island).raw, NOW)
    assert registry.statement(BOB.island, NOW) is None
    assert registry.statements(NOW) == ()
    assert registry.expire(NOW) == (BOB.island,)
    assert registry.digest() == {}
    assert registry.accept(statement(BOB, 1, 2).raw, NOW) == refused(RefusalReason.NOT_A_MEMBER, BOB)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (bytes(4_097), RefusalReason.TOO_LARGE),
        (b"", RefusalReason.MALFORMED),
        (encode({}), RefusalReason.MALFORMED),
        (genesis(ADA).raw, RefusalReason.OTHER_KIND),
    ],
)
def test_what_is_neither_statement_nor_observation_is_refused(registry, raw, reason):
    assert registry.accept(raw, NOW) == refused(reason)


def test_islands_are_bounded(membership):
    registry = Registry(membership, islands_max=1)
    registry.accept(statement(BOB).raw, NOW)
    assert registry.accept(statement(CAT).raw, NOW) == refused(RefusalReason.FULL, CAT)
    assert isinstance(registry.accept(statement(BOB, 1, 2).raw, NOW), New)


def test_anti_entropy_sends_what_the_other_lacks(registry, membership):
    for key in (BOB, CAT):
        registry.accept(statement(key).raw, NOW)
    other = Registry(membership)
    other.accept(statement(BOB).raw, NOW)
    assert registry.newer_than(other.digest()) == (statement(CAT).raw,)
    assert other.newer_than(registry.digest()) == ()
    registry.accept(statement(BOB, 1, 2).raw, NOW)
    assert set(registry.newer_than(other.digest())) == {statement(BOB, 1, 2).raw, statement(CAT).raw}


def test_an_observation_is_held_until_it_ends_or_is_refuted(registry):
    registry.accept(statement(CAT).raw, NOW)
    seen = observation(BOB, CAT.island)
    assert registry.accept(seen.raw, NOW) == New(seen.record)
    assert registry.observations(CAT.island, NOW) == (seen.record,)
    assert registry.observations(CAT.island, later(ms=60_000)) == ()
    registry.accept(statement(CAT, 1, 2).raw, NOW)
    assert registry.observations(CAT.island, NOW) == ()


def test_an_observation_that_has_ended_is_not_taken_again(registry):
    seen = observation(BOB, CAT.island, sequence=3)
    registry.accept(seen.raw, NOW)
    registry.expire(later(ms=60_000))
    assert registry.accept(seen.raw, later(ms=60_000)) == Stale()
    assert registry.accept(observation(BOB, ADA.island, sequence=2).raw, later(ms=60_000)) == Stale()
    assert isinstance(registry.accept(observation(BOB, CAT.island, sequence=4).raw, later(ms=60_000)), New)


def test_an_observation_of_or_by_a_stranger_is_refused(registry):
    assert registry.accept(observation(BOB, EVE.island).raw, NOW) == refused(RefusalReason.NOT_A_MEMBER, BOB)
    assert registry.accept(observation(EVE, BOB.island).raw, NOW) == refused(RefusalReason.NOT_A_MEMBER, EVE)


def test_two_observations_with_one_number_are_quarantined(registry):
    registry.accept(statement(BOB).raw, NOW)
    registry.accept(observation(BOB, CAT.island).raw, NOW)
    twin = observation(BOB, CAT.island, lifetime_ms=1)
    assert registry.accept(twin.raw, NOW) == refused(RefusalReason.EQUIVOCATION, BOB)
    assert registry.observations(CAT.island, NOW) == ()
    assert registry.statement(BOB.island, NOW) is None


def test_observations_of_one_observer_are_bounded(log):
    membership = Membership(genesis(ADA))
    keys = [signing_key(number) for number in range(10, 12 + OBSERVATIONS_PER_ISLAND_MAX)]
    for key in (BOB, *keys):
        membership.accept(log.certificate(key).raw, NOW)
    registry = Registry(membership)
    verdicts = [
        registry.accept(observation(BOB, key.island, sequence=number).raw, NOW) for number, key in enumerate(keys)
    ]
    assert all(isinstance(verdict, New) for verdict in verdicts[:OBSERVATIONS_PER_ISLAND_MAX])
    assert set(verdicts[OBSERVATIONS_PER_ISLAND_MAX:]) == {refused(RefusalReason.FULL, BOB)}


def test_nothing_in_a_statement_can_be_about_another(registry):
    foreign = dataclasses.replace(statement(BOB).record, subject=CAT.island)
    raw = seal_record(foreign, CAT).raw.replace(CAT.public, BOB.public)
    assert registry.accept(raw, NOW) == refused(RefusalReason.BAD_SIGNATURE)


def test_an_earlier_boot_is_not_heard_again_once_a_later_one_is(registry):
    registry.accept(statement(BOB).raw, NOW)
    registry.accept(statement(BOB, battery=1).raw, NOW)
    registry.accept(statement(BOB, 2, 0).raw, NOW)
    assert registry.accept(observation(BOB, CAT.island, boot=1).raw, NOW) == refused(RefusalReason.QUARANTINED, BOB)
