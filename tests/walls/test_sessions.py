"""Design, section 2 "Who may ask" and section 4 "Mesh", as far as a connection decides it."""

import hashlib

import pytest

from protocol.encoding import decode, encode
from protocol.greeting import GREETING_BYTES_MAX, Greeting
from protocol.members import Removed
from protocol.session import (
    GREETING_MS_MAX,
    Admit,
    Close,
    CloseReason,
    Learned,
    SendGreeting,
    Session,
    SessionState,
)
from tests.attested import DAY_S, NOW, Log, genesis, later, signing_key
from tests.unit.islands import Archipelago, connect, only


@pytest.fixture
def islands():
    return Archipelago()


def greeting_of(membership, me, peer, now=NOW):
    """What `me` would say first to `peer`."""
    return only(SendGreeting, Session(membership, me, peer, dialler=True).start(now)).data


def accepter(membership, me, peer, now=NOW):
    session = Session(membership, me, peer, dialler=False)
    assert session.start(now) == ()
    return session


def refused(actions, reason):
    assert not any(isinstance(action, Admit | SendGreeting) for action in actions)
    assert only(Close, actions).reason is reason


def test_two_members_become_a_session(islands):
    dialler, accepting, *_ = connect(islands.membership(), islands.ids[1], islands.membership(), islands.ids[2])
    assert dialler.state is accepting.state is SessionState.MEMBER


def test_the_dialler_greets_only_whom_it_knows_for_a_member(islands):
    stranger = signing_key(77).island
    session = Session(islands.membership(), islands.ids[1], stranger, dialler=True)
    refused(session.start(NOW), CloseReason.UNKNOWN)


def test_the_other_side_sends_nothing_until_the_greeting_holds(islands):
    session = accepter(islands.membership(), islands.ids[2], islands.ids[1])
    assert session.tick(NOW) == session.recheck(NOW) == ()
    refused(session.receive(b"rubbish", NOW), CloseReason.MALFORMED)


def test_a_newcomer_is_admitted_by_its_chain_alone(islands):
    """The accepter has never heard of island 2; its greeting carries what leads to it."""
    *_, at_accepter = connect(islands.membership(), islands.ids[2], islands.membership(0, 1), islands.ids[1])
    assert only(Learned, at_accepter).raw == islands.certificates[2].raw


def test_revocations_are_applied_before_anything_of_the_sender_is_read(islands):
    """Island 1 learns from 2's own greeting that 2 is revoked, and so does not take 2 in."""
    told, untold = islands.membership(), islands.membership()
    said = Greeting.from_bytes(greeting_of(untold, islands.ids[2], islands.ids[1]))
    said = Greeting(said.chain, (islands.revoke(2).raw,), said.heads).to_bytes()
    session = accepter(told, islands.ids[1], islands.ids[2])
    actions = session.receive(said, NOW)
    refused(actions, CloseReason.NOT_A_MEMBER)
    assert Removed(islands.ids[2]) in only(Learned, actions).events


def test_a_revocation_passes_in_the_first_greeting(islands):
    """0 has revoked 2; 1, who was away, hears it from 0 before anything else, and 2 is out at once."""
    knows, away = islands.membership(), islands.membership()
    to_two, *_ = connect(away, islands.ids[1], islands.membership(), islands.ids[2])
    knows.accept(islands.revoke(2).raw, NOW)
    *_, at_away = connect(knows, islands.ids[0], away, islands.ids[1])
    assert Removed(islands.ids[2]) in only(Learned, at_away).events
    refused(to_two.recheck(NOW), CloseReason.NOT_A_MEMBER)
    assert to_two.state is SessionState.CLOSED


def test_a_revoked_island_is_refused_before_it_says_anything(islands):
    membership = islands.membership()
    membership.accept(islands.revoke(2).raw, NOW)
    for dialler in (True, False):
        session = Session(membership, islands.ids[1], islands.ids[2], dialler=dialler)
        refused(session.start(NOW), CloseReason.NOT_A_MEMBER)


def test_a_live_connection_ends_with_its_certificate(islands):
    session, *_ = connect(islands.membership(), islands.ids[1], islands.membership(), islands.ids[2])
    assert session.recheck(later(s=29 * DAY_S)) == ()
    refused(session.recheck(later(s=30 * DAY_S)), CloseReason.OWN_CERTIFICATE)


def test_a_member_of_another_archipelago_is_refused(islands):
    other_key = signing_key(50)
    other = genesis(other_key)
    pen = Log(other_key, other.hash)
    chain = (pen.certificate(islands.keys[2]).raw,)
    session = accepter(islands.membership(0, 1), islands.ids[1], islands.ids[2])
    refused(session.receive(Greeting(chain, (), {}).to_bytes(), NOW), CloseReason.MALFORMED)


def test_a_greeting_that_another_island_made_does_not_admit_its_carrier(islands):
    """Noise has shown who is there; somebody else's good greeting is of no use to it."""
    stranger = signing_key(77).island
    stolen = greeting_of(islands.membership(), islands.ids[2], islands.ids[1])
    session = accepter(islands.membership(), islands.ids[1], stranger)
    refused(session.receive(stolen, NOW), CloseReason.NOT_A_MEMBER)


def test_a_certificate_that_no_signer_wrote_admits_nobody(islands):
    stranger = signing_key(77)
    chain = (Log(stranger, islands.genesis.hash).certificate(stranger, signer=True).raw,)
    session = accepter(islands.membership(), islands.ids[1], stranger.island)
    refused(session.receive(Greeting(chain, (), {}).to_bytes(), NOW), CloseReason.NOT_A_MEMBER)


def test_a_forged_certificate_is_refused(islands):
    membership = islands.membership(0, 1)
    raw = islands.certificates[2].raw
    session = accepter(membership, islands.ids[1], islands.ids[2])
    refused(session.receive(Greeting((raw[:-1] + b"\0",), (), {}).to_bytes(), NOW), CloseReason.MALFORMED)


def test_an_island_that_does_not_belong_itself_greets_nobody(islands):
    membership = islands.membership()
    membership.accept(islands.revoke(1).raw, NOW)
    session = Session(membership, islands.ids[1], islands.ids[2], dialler=True)
    refused(session.start(NOW), CloseReason.OWN_CERTIFICATE)


def test_a_greeting_is_16_kib_at_most(islands):
    session = accepter(islands.membership(), islands.ids[1], islands.ids[2])
    refused(session.receive(bytes(GREETING_BYTES_MAX + 1), NOW), CloseReason.TOO_LARGE)


@pytest.mark.parametrize("dialler", [True, False])
def test_a_greeting_has_two_seconds(islands, dialler):
    session = Session(islands.membership(), islands.ids[1], islands.ids[2], dialler=dialler)
    session.start(NOW)
    assert session.deadline_ms == NOW.mono_ms + GREETING_MS_MAX
    assert session.tick(later(ms=GREETING_MS_MAX - 1)) == ()
    refused(session.tick(later(ms=GREETING_MS_MAX)), CloseReason.TIMEOUT)


def rsa_peer_id():
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number = int.from_bytes(b"\x12\x20" + hashlib.sha256(b"an RSA key").digest(), "big")
    text = ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return text


@pytest.mark.parametrize("peer", [rsa_peer_id(), "16Uiu2HAmQe1RUkDQZqNPGoJUmCGVwKVTB7ctwpB1JYoVrkzgZn1F", "", "x" * 52])
def test_peer_ids_of_other_kinds_of_key_are_refused(islands, peer):
    for dialler in (True, False):
        session = Session(islands.membership(), islands.ids[1], peer, dialler=dialler)
        refused(session.start(NOW), CloseReason.NOT_ED25519)


def test_a_second_greeting_closes(islands):
    session, *_ = connect(islands.membership(), islands.ids[1], islands.membership(), islands.ids[2])
    said = greeting_of(islands.membership(), islands.ids[2], islands.ids[1])
    refused(session.receive(said, NOW), CloseReason.OUT_OF_TURN)


def test_after_the_end_nothing_is_heard(islands):
    session, *_ = connect(islands.membership(), islands.ids[1], islands.membership(), islands.ids[2])
    session.closed()
    said = greeting_of(islands.membership(), islands.ids[2], islands.ids[1])
    assert session.receive(said, NOW) == session.tick(later(s=9)) == session.recheck(NOW) == ()


def test_an_island_has_no_session_with_itself(islands):
    session = Session(islands.membership(), islands.ids[1], islands.ids[1], dialler=True)
    refused(session.start(NOW), CloseReason.SELF)


def test_the_newest_revocations_go_when_not_all_fit(islands):
    pen = islands.log
    old = [pen.revocation(signing_key(1_000 + number).island) for number in range(60)]
    newest = pen.revocation(islands.ids[2])
    aged = [pen.write(type(one.record)(**{**_members(one.record), **_next(pen), "made_s": 5})) for one in old]
    membership = islands.membership()
    for entry in (*aged, newest):
        membership.accept(entry.raw, NOW)
    data = greeting_of(membership, islands.ids[0], islands.ids[1])
    greeting = Greeting.from_bytes(data)
    assert GREETING_BYTES_MAX - 512 < len(data) <= GREETING_BYTES_MAX
    assert 20 < len(greeting.revocations) < 61
    assert greeting.revocations[0] == newest.raw


def _members(record):
    return {name: getattr(record, name) for name in record.__slots__}


def _next(pen):
    return {"sequence": pen.sequence + 1, "previous": pen.previous}


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"more": 1}, {"chain": None}, {"chain": [b""] * 5}, {"heads": [[b"", 1, b""]]}, {"heads": [[]]}],
    ids=repr,
)
def test_a_malformed_greeting_closes(islands, change):
    said = decode(greeting_of(islands.membership(), islands.ids[2], islands.ids[1]))
    session = accepter(islands.membership(), islands.ids[1], islands.ids[2])
    refused(session.receive(encode({**said, **change}), NOW), CloseReason.MALFORMED)
