"""The vectors of specs/vectors: each generator gives the same bytes again, and protocol gives every verdict in them."""

import json

import pytest

from protocol.encoding import Limits, decode, digest, encode, signing_bytes
from protocol.errors import EncodingError, MembershipError, PlaceholderError, RecordError
from protocol.keys import SealingPair, fingerprint, island_id, parse_fingerprint, public_key, verify
from protocol.membership import Membership
from protocol.placeholders import Placeholder, escape, find, parse, unescape
from protocol.records import open_record
from protocol.registry import New, Refused, Registry
from protocol.terms import Now
from tests.vectors.files import content, generators, path
from tests.vectors.generate_encoding import plain
from tests.vectors.generate_membership import outcome_of


def load(name):
    return json.loads(path(name).read_text())


def named(cases):
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("name", generators())
def test_every_generator_gives_the_same_bytes_again(name):
    assert path(name).read_bytes() == content(name)


@pytest.mark.parametrize("name", ["encoding", "keys", "records", "membership", "placeholders"])
def test_the_vectors_of_this_room_have_generators(name):
    assert name in generators()


def test_encoding_vectors():
    vectors = load("encoding")
    limits = Limits(**vectors["limits"])
    for case in vectors["cases"]:
        data = bytes.fromhex(case["data"])
        if case["valid"]:
            assert plain(decode(data, limits)) == case["value"]
            assert encode(decode(data, limits)) == data
        else:
            with pytest.raises(EncodingError):
                decode(data, limits)
                pytest.fail(case["name"])


def test_key_vectors():
    vectors = load("keys")
    for case in vectors["island_ids"]:
        if case["valid"]:
            assert island_id(bytes.fromhex(case["public"])) == case["island"]
            assert public_key(case["island"]).hex() == case["public"]
        else:
            with pytest.raises(RecordError):
                public_key(case["island"])
    for case in vectors["fingerprints"]:
        if case["valid"]:
            public = parse_fingerprint(case["text"])
            assert public.hex() == case["public"]
            assert fingerprint(public) == case["text"].upper().replace(" ", "-")
        else:
            with pytest.raises(RecordError) as caught:
                parse_fingerprint(case["text"])
            assert "group" not in case or caught.value.field == f"fingerprint.group[{case['group']}]"
    for case in vectors["signing_bytes"]:
        assert signing_bytes(case["domain"], bytes.fromhex(case["body"])).hex() == case["bytes"]
    for case in vectors["signatures"]:
        public, body, signature = (bytes.fromhex(case[name]) for name in ("public", "body", "signature"))
        assert verify(public, case["domain"], body, signature) == case["valid"], case["why"]


def test_exchange_vectors():
    for case in load("keys")["exchanges"]:
        pair, public = SealingPair(bytes.fromhex(case["secret"])), bytes.fromhex(case["public"])
        if case["valid"]:
            assert pair.exchange(public).hex() == case["shared"]
        else:
            with pytest.raises(RecordError):
                pair.exchange(public)


def test_record_vectors():
    cases = load("records")["cases"]
    assert sum(case["valid"] for case in cases) == 8
    for case in cases:
        data = bytes.fromhex(case["data"])
        if case["valid"]:
            signed = open_record(data)
            assert plain(decode(signed.record.body())) == case["body"]
            assert signed.hash.hex() == digest(data).hex() == case["hash"]
            continue
        with pytest.raises((RecordError, EncodingError)) as caught:
            open_record(data)
            pytest.fail(case["name"])
        if case["field"] is not None:
            assert caught.value.field == case["field"], case["name"]


@pytest.mark.parametrize("script", named(load("membership")["scripts"]))
def test_membership_vectors(script):
    membership = Membership(open_record(bytes.fromhex(load("membership")["genesis"])))
    registry = Registry(membership)
    assert membership.archipelago.hex() == load("membership")["archipelago"]
    for step in script["steps"]:
        now = Now(step["mono_ms"], step["wall_s"])
        if step["step"] == "entry":
            assert entry_outcome(membership, step["data"], now) == step["events"]
        elif step["step"] == "record":
            assert record_outcome(registry, step["data"], now) == step["verdict"]
        assert believed(membership, registry, now) == step["after"]


def entry_outcome(membership, data, now):
    try:
        return sorted(outcome_of(event) for event in membership.accept(bytes.fromhex(data), now))
    except (EncodingError, RecordError, MembershipError):
        return "refused"


def record_outcome(registry, data, now):
    match registry.accept(bytes.fromhex(data), now):
        case New():
            return "new"
        case Refused(reason):
            return reason.value
        case _:
            return "stale"


def believed(membership, registry, now):
    return {
        "members": [
            {
                "island": one.island,
                "name": one.name,
                "person": one.person,
                "ceiling": one.ceiling.label,
                "signer": one.signer,
            }
            for one in membership.members(now)
        ],
        "removed": [island for island, _ in membership.snapshot().removed],
        "forks": [[island, sequence] for island, sequence in membership.snapshot().forks],
        "statements": [one.subject for one in registry.statements(now)],
    }


def test_placeholder_vectors():
    vectors = load("placeholders")
    for case in vectors["tokens"]:
        if case["valid"]:
            placeholder = Placeholder(case["type"], case["number"], case["spelling"])
            assert placeholder.token() == case["token"]
            assert parse(case["token"]) == placeholder
        else:
            with pytest.raises(PlaceholderError):
                parse(case["token"])
    for case in vectors["texts"]:
        assert [[start, end, found.token()] for start, end, found in find(case["text"])] == case["found"]
    for case in vectors["escapes"]:
        escaped, literals = escape(case["text"])
        assert (escaped, list(literals)) == (case["escaped"], case["literals"])
        assert unescape(escaped, literals) == case["text"]
