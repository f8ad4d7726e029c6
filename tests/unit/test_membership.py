"""specs/03-membership.md, sections 1 to 5."""

import dataclasses

import pytest

from protocol.encoding import encode
from protocol.errors import EncodingError, MembershipError, RecordError
from protocol.keys import verify
from protocol.members import Admitted, Forked, Known, Recorded, Removed, Renewed, Waiting, tier_for
from protocol.membership import Membership
from protocol.records import seal_record
from protocol.terms import Tier
from tests.attested import DAY_S, NOW, START_S, Log, certificate, genesis, later, signing_key, statement

ADA, BOB, CAT, DAN, EVE = (signing_key(number) for number in range(1, 6))
GENESIS = genesis(ADA)


def fresh(**changes):
    return Membership(GENESIS, **changes), Log(ADA, GENESIS.hash)


def accept(membership, *entries):
    return tuple(event for entry in entries for event in membership.accept(entry.raw, NOW))


def test_a_certified_island_is_a_member_with_what_the_certificate_says():
    membership, log = fresh()
    entry = log.certificate(BOB, name="home", grants=(bytes(16),), spend_share=5, ceiling=Tier.EDGE, jurisdiction="DE")
    (event,) = accept(membership, entry)
    member = membership.member(BOB.island, NOW)
    assert event == Admitted(member)
    assert (member.name, member.person, member.ceiling, member.signer) == ("home", "ada", Tier.EDGE, False)
    assert (member.grants, member.spend_share, member.jurisdiction) == ((bytes(16),), 5, "DE")
    assert (member.public, member.sealing) == (BOB.public, entry.record.sealing)
    assert membership.members(NOW) == (member,)
    assert membership.certificate(BOB.island) == entry.raw
    assert membership.member(CAT.island, NOW) is None
    assert membership.certificate(CAT.island) is None


def test_an_entry_known_already_changes_nothing():
    membership, log = fresh()
    entry = log.certificate(BOB)
    accept(membership, entry)
    assert accept(membership, entry) == (Known(),)
    assert membership.accept(GENESIS.raw, NOW) == (Known(),)


def test_what_is_no_entry_of_this_log_is_refused():
    membership, _ = fresh()
    for raw, error in [
        (b"", EncodingError),
        (encode({}), RecordError),
        (statement(ADA).raw, MembershipError),
        (genesis(BOB).raw, MembershipError),
        (Log(ADA, bytes(32)).certificate(BOB).raw, MembershipError),
    ]:
        with pytest.raises(error):
            membership.accept(raw, NOW)
    assert membership.entries() == ()


def test_an_entry_with_a_forged_signature_is_refused():
    membership, _ = fresh()
    forged = dataclasses.replace(certificate(BOB.island, GENESIS.hash, 1, GENESIS.hash, EVE))
    raw = seal_record(forged, BOB).raw.replace(BOB.public, ADA.public)
    with pytest.raises(RecordError, match="not signed"):
        membership.accept(raw, NOW)


def test_an_entry_of_somebody_who_is_no_signer_has_no_effect():
    membership, log = fresh()
    accept(membership, log.certificate(BOB))
    pen = Log(BOB, GENESIS.hash)
    assert accept(membership, pen.certificate(EVE), pen.revocation(ADA.island)) == (
        Waiting(BOB.island, 1),
        Waiting(BOB.island, 2),
    )
    assert membership.member(EVE.island, NOW) is None
    assert not membership.is_revoked(ADA.island)
    assert len(membership.entries()) == 1


def test_a_signer_certificate_makes_a_further_signer():
    membership, log = fresh()
    accept(membership, log.certificate(BOB, signer=True))
    bob_log = Log(BOB, GENESIS.hash)
    assert isinstance(accept(membership, bob_log.certificate(CAT, signer=True))[0], Admitted)
    cat_log = Log(CAT, GENESIS.hash)
    dan = cat_log.certificate(DAN)
    assert isinstance(accept(membership, dan)[0], Admitted)
    chain = [Membership(GENESIS)]
    assert [len(membership.chain(key.island)) for key in (ADA, BOB, CAT, DAN)] == [0, 1, 2, 3]
    for raw in membership.chain(DAN.island):
        chain[0].accept(raw, NOW)
    assert chain[0].is_live(DAN.island, NOW)
    assert membership.member(CAT.island, NOW).signer
    assert not membership.member(DAN.island, NOW).signer


def test_entries_wait_for_what_makes_their_issuer_a_signer():
    membership, log = fresh()
    grant = log.certificate(BOB, signer=True)
    pen = Log(BOB, GENESIS.hash)
    cat, dan = pen.certificate(CAT, signer=True), Log(CAT, GENESIS.hash).certificate(DAN)
    assert accept(membership, dan, cat) == (Waiting(CAT.island, 1), Waiting(BOB.island, 1))
    assert [event.member.island for event in accept(membership, grant)] == [BOB.island, CAT.island, DAN.island]


def test_waiting_entries_are_bounded_and_the_oldest_goes_first():
    membership, log = fresh(waiting_max=2)
    grant = log.certificate(BOB, signer=True)
    pen = Log(BOB, GENESIS.hash)
    accept(membership, *(pen.certificate(key) for key in (CAT, DAN, EVE)))
    accept(membership, grant)
    assert not membership.is_live(CAT.island, NOW)
    assert membership.is_live(DAN.island, NOW)
    assert membership.is_live(EVE.island, NOW)


def test_members_are_bounded():
    membership, log = fresh(members_max=2)
    accept(membership, log.certificate(ADA), log.certificate(BOB))
    third = log.certificate(CAT)
    with pytest.raises(MembershipError, match="2 islands"):
        accept(membership, third)
    assert not membership.is_live(CAT.island, NOW)
    accept(membership, log.certificate(BOB, name="renewed"), log.revocation(BOB.island))
    accept(membership, third)
    assert membership.is_live(CAT.island, NOW)


def test_entries_freed_from_waiting_are_held_to_the_same_bound():
    membership, log = fresh(members_max=2)
    pen = Log(BOB, GENESIS.hash)
    accept(membership, pen.certificate(CAT), pen.certificate(DAN), log.certificate(BOB, signer=True))
    assert len(membership.members(NOW)) == 2


def test_a_certificate_lives_from_two_minutes_before_its_start_to_its_end():
    membership, log = fresh()
    accept(membership, log.certificate(BOB, not_before_s=START_S + 120, expires_s=START_S + DAY_S))
    assert membership.is_live(BOB.island, NOW)
    assert not membership.is_live(BOB.island, later(s=-1))
    assert membership.is_live(BOB.island, later(s=DAY_S - 1))
    assert not membership.is_live(BOB.island, later(s=DAY_S))
    assert membership.members(later(s=DAY_S)) == ()


def test_an_entry_that_is_not_in_time_admits_nobody_yet():
    membership, log = fresh()
    assert accept(membership, log.certificate(BOB, not_before_s=START_S + 121)) == (Recorded(ADA.island, 1),)


def test_a_later_certificate_replaces_the_earlier_even_when_the_clock_went_back():
    membership, log = fresh()
    first, second = log.certificate(BOB), log.certificate(BOB, ceiling=Tier.EDGE, not_before_s=START_S - DAY_S)
    assert isinstance(accept(membership, first)[0], Admitted)
    (event,) = accept(membership, second)
    assert isinstance(event, Renewed)
    assert event.member.ceiling is Tier.EDGE


def test_an_older_certificate_does_not_come_back_when_the_newer_ends():
    membership, log = fresh()
    accept(membership, log.certificate(BOB), log.certificate(BOB, expires_s=START_S + DAY_S))
    assert not membership.is_live(BOB.island, later(s=DAY_S))


def test_a_removed_key_never_comes_back():
    membership, log = fresh()
    accept(membership, log.certificate(BOB))
    assert accept(membership, log.revocation(BOB.island)) == (Removed(BOB.island),)
    assert membership.is_revoked(BOB.island)
    assert accept(membership, log.certificate(BOB, not_before_s=START_S + 60)) == (Recorded(ADA.island, 3),)
    assert not membership.is_live(BOB.island, NOW)
    assert membership.chain(BOB.island) == ()


def test_a_revocation_counts_before_the_entries_it_follows():
    membership, log = fresh()
    log.certificate(CAT)
    revocation = log.revocation(BOB.island)
    assert accept(membership, revocation) == (Removed(BOB.island),)
    assert membership.revocations() == (revocation.raw,)
    accept(membership, log.fork().certificate(DAN))
    assert membership.heads() == {}


def test_a_removed_signer_keeps_only_what_the_revocation_keeps():
    membership, log = fresh()
    grant = log.certificate(BOB, signer=True)
    pen = Log(BOB, GENESIS.hash)
    kept, lost = pen.certificate(CAT), pen.certificate(DAN)
    accept(membership, grant, kept, lost)
    events = accept(membership, log.revocation(BOB.island, keep=1))
    assert set(events) == {Removed(BOB.island), Removed(DAN.island)}
    assert membership.is_live(CAT.island, NOW)
    assert accept(membership, pen.certificate(EVE)) == (Recorded(BOB.island, 3),)
    assert not membership.is_live(EVE.island, NOW)


def test_a_lost_founder_is_removed_without_those_it_admitted():
    membership, log = fresh()
    accept(membership, log.certificate(ADA), log.certificate(BOB, signer=True), log.certificate(CAT))
    assert (membership.last_sequence(ADA.island), membership.last_sequence(BOB.island)) == (3, 0)
    accept(membership, Log(BOB, GENESIS.hash).revocation(ADA.island, keep=membership.last_sequence(ADA.island)))
    assert {member.island for member in membership.members(NOW)} == {BOB.island, CAT.island}
    accept(membership, log.certificate(EVE))
    assert not membership.is_live(EVE.island, NOW)


def test_two_entries_with_one_number_freeze_the_issuers_enrolments_and_alarm():
    membership, log = fresh()
    first = log.certificate(BOB)
    other = log.fork()
    accept(membership, first, log.certificate(CAT))
    events = accept(membership, other.certificate(EVE))
    assert events == (Forked(ADA.island, 2), Removed(CAT.island))
    assert membership.is_live(BOB.island, NOW)
    assert not membership.is_live(EVE.island, NOW)
    accept(membership, log.certificate(DAN))
    assert not membership.is_live(DAN.island, NOW)
    with pytest.raises(MembershipError, match="frozen"):
        membership.next_link(ADA.island)


def test_an_entry_that_does_not_continue_the_one_before_is_a_fork():
    membership, log = fresh()
    accept(membership, log.certificate(BOB))
    broken = certificate(ADA.island, GENESIS.hash, 2, b"\7" * 32, CAT)
    assert accept(membership, seal_record(broken, ADA)) == (Forked(ADA.island, 2),)
    assert membership.is_live(BOB.island, NOW)
    assert not membership.is_live(CAT.island, NOW)


def test_a_frozen_signer_can_still_remove():
    membership, log = fresh()
    other = log.fork()
    accept(membership, log.certificate(BOB), other.certificate(CAT))
    accept(membership, log.revocation(DAN.island), other.revocation(EVE.island))
    assert membership.is_revoked(DAN.island)
    assert membership.is_revoked(EVE.island)


def test_a_stolen_signer_cannot_undo_its_removal_by_contradicting_itself():
    membership, log = fresh()
    other = log.fork()
    accept(membership, log.certificate(BOB, signer=True))
    accept(membership, Log(BOB, GENESIS.hash).revocation(ADA.island, keep=1))
    accept(membership, other.certificate(EVE))
    assert membership.is_revoked(ADA.island)
    assert not membership.is_signer(ADA.island)


def test_heads_and_entries_after_bring_another_up_to_date():
    membership, log = fresh()
    accept(membership, log.certificate(BOB, signer=True), log.certificate(CAT))
    pen = Log(BOB, GENESIS.hash)
    accept(membership, pen.certificate(DAN))
    other = Membership(GENESIS)
    for raw in membership.entries_after(other.heads()):
        assert not any(isinstance(event, Waiting) for event in other.accept(raw, NOW))
    assert other.snapshot() == membership.snapshot()
    assert membership.entries_after(other.heads()) == ()
    last = accept(membership, log.certificate(EVE)) and membership.certificate(EVE.island)
    assert membership.entries_after(other.heads()) == (last,)
    assert other.entries_after(membership.heads()) == ()


def test_forks_reach_the_others_and_then_cost_nothing_more():
    one, log = fresh()
    two = Membership(GENESIS)
    branch = log.fork()
    accept(one, log.certificate(BOB))
    accept(two, branch.certificate(EVE))
    for raw in one.entries_after(two.heads()):
        two.accept(raw, NOW)
    for raw in two.entries_after(one.heads()):
        one.accept(raw, NOW)
    assert one.snapshot() == two.snapshot()
    assert one.snapshot().forks == ((ADA.island, 1),)
    assert one.entries_after(two.heads()) == two.entries_after(one.heads()) == ()


def test_next_link_continues_the_issuers_entries():
    membership, log = fresh()
    assert membership.next_link(ADA.island) == (1, GENESIS.hash)
    accept(membership, log.certificate(BOB))
    assert membership.next_link(ADA.island) == (2, log.previous)


def test_equal_names_are_told_apart_for_every_bearer():
    membership, log = fresh()
    accept(membership, log.certificate(BOB, name="laptop"))
    assert membership.member(BOB.island, NOW).name == "laptop"
    accept(membership, log.certificate(CAT, name="laptop"))
    assert [membership.member(key.island, NOW).name for key in (BOB, CAT)] == [
        f"laptop~{BOB.island[-4:]}",
        f"laptop~{CAT.island[-4:]}",
    ]
    accept(membership, log.certificate(CAT, name="desk"))
    assert membership.member(BOB.island, NOW).name == "laptop"


def test_several_founders_can_all_write():
    membership = Membership(genesis(ADA, BOB))
    archipelago = membership.archipelago
    accept(membership, Log(ADA, archipelago).certificate(CAT), Log(BOB, archipelago).certificate(DAN))
    assert {member.island for member in membership.members(NOW)} == {CAT.island, DAN.island}


def test_the_verifier_given_is_asked_once_for_an_entry():
    asked = []

    def verifier(public, domain, body, signature):
        asked.append(public)
        return verify(public, domain, body, signature)

    membership, log = fresh(verifier=verifier)
    entry = log.certificate(BOB)
    accept(membership, entry, entry)
    assert asked == [ADA.public]


@pytest.mark.parametrize(
    ("asker", "holder", "tier"),
    [
        (("ada", Tier.PERSONAL), ("ada", Tier.PERSONAL), Tier.PERSONAL),
        (("ada", Tier.PERSONAL), ("bob", Tier.PERSONAL), Tier.EDGE),
        (("ada", Tier.PERSONAL), ("ada", Tier.EDGE), Tier.EDGE),
        (("ada", Tier.EDGE), ("ada", Tier.PERSONAL), Tier.EDGE),
        (("ada", Tier.PERSONAL), ("Ada", Tier.PERSONAL), Tier.EDGE),
    ],
)
def test_tier_for_is_personal_only_between_islands_of_one_person(asker, holder, tier):
    membership, log = fresh()
    accept(
        membership,
        log.certificate(BOB, person=asker[0], ceiling=asker[1]),
        log.certificate(CAT, person=holder[0], ceiling=holder[1]),
    )
    assert tier_for(membership.member(BOB.island, NOW), membership.member(CAT.island, NOW)) is tier
