"""specs/02-records.md."""

import dataclasses

import pytest

from protocol.encoding import decode, digest, encode
from protocol.errors import EncodingError, RecordError
from protocol.keys import SealingKey, verify
from protocol.records import (
    GRANTS_MAX,
    LIFETIME_MS_MAX,
    OFFERS_MAX,
    STATEMENT_BYTES_MAX,
    ModelOrigin,
    Signed,
    open_record,
    peek,
    prekey_id,
    read_record,
    seal_genesis,
    seal_record,
)
from protocol.terms import Tier
from tests.attested import OFFER, START_S, Log, genesis, observation, signing_key, statement

ADA, BOB, EVE = signing_key(1), signing_key(2), signing_key(3)
GENESIS = genesis(ADA, BOB)
CERTIFICATE = Log(ADA, GENESIS.hash).certificate(BOB, grants=(bytes(16), b"\1" * 16), spend_share=0, name="Büro")
REVOCATION = Log(ADA, GENESIS.hash).revocation(EVE.island, keep=3)
STATEMENT = statement(ADA, battery=50)
OBSERVATION = observation(ADA, BOB.island)
EVERY = [GENESIS, CERTIFICATE, REVOCATION, STATEMENT, OBSERVATION]


def altered(signed: Signed, signer=ADA, /, **changes) -> bytes:
    """The record with members of its body changed on the wire, signed again, so that only the change is wrong."""
    envelope = decode(signed.raw)
    body = decode(envelope["body"])
    for name, value in changes.items():
        if value is KeyError:
            del body[name]
        else:
            body[name] = value
    data = encode(body)
    return encode(envelope | {"body": data, "signatures": [signer.sign(envelope["kind"], data)]})


@pytest.mark.parametrize("signed", EVERY)
def test_a_record_comes_back_as_it_was_signed(signed):
    opened = open_record(signed.raw)
    assert opened == signed
    assert opened.hash == digest(signed.raw)
    assert type(opened.record).from_body(opened.record.body()) == opened.record


@pytest.mark.parametrize("signed", EVERY)
def test_a_record_with_a_foreign_signature_is_refused(signed):
    envelope = decode(signed.raw)
    wrong = [bytes(EVE.sign(envelope["kind"], envelope["body"]))] * len(envelope["signatures"])
    with pytest.raises(RecordError) as caught:
        open_record(encode(envelope | {"signatures": wrong}))
    assert caught.value.field.endswith(".signatures")


@pytest.mark.parametrize("signed", EVERY)
def test_every_changed_byte_is_noticed(signed):
    for place in range(0, len(signed.raw), 7):
        changed = bytearray(signed.raw)
        changed[place] ^= 1
        with pytest.raises((EncodingError, RecordError)):
            open_record(bytes(changed))


def test_a_record_is_signed_for_its_kind():
    envelope = decode(REVOCATION.raw)
    with pytest.raises(RecordError):
        open_record(encode(envelope | {"signatures": [bytes(ADA.sign("certificate", envelope["body"]))]}))


def test_a_genesis_is_signed_by_all_its_signers():
    envelope = decode(GENESIS.raw)
    with pytest.raises(RecordError, match="expected 2"):
        open_record(encode(envelope | {"signatures": envelope["signatures"][:1]}))
    with pytest.raises(RecordError, match="not signed by"):
        open_record(encode(envelope | {"signatures": envelope["signatures"][::-1]}))
    with pytest.raises(RecordError):
        seal_genesis(GENESIS.record, (BOB, ADA))


def test_only_its_author_can_seal_a_record():
    with pytest.raises(RecordError):
        seal_record(CERTIFICATE.record, BOB)


@pytest.mark.parametrize("signed", EVERY)
def test_unknown_and_missing_members_are_refused(signed):
    envelope = decode(signed.raw)
    for wrong in (envelope | {"more": 1}, {"body": envelope["body"], "kind": envelope["kind"]}, [], None):
        with pytest.raises(RecordError):
            read_record(encode(wrong))
    with pytest.raises(RecordError) as caught:
        read_record(altered(signed, zebra=1))
    assert caught.value.field == f"{signed.record.KIND}.zebra"
    for name in decode(envelope["body"]):
        with pytest.raises(RecordError) as caught:
            read_record(altered(signed, **{name: KeyError}))
        assert caught.value.field == f"{signed.record.KIND}.{name}"


@pytest.mark.parametrize("signed", EVERY)
def test_members_of_another_type_are_refused(signed):
    for name in decode(decode(signed.raw)["body"]):
        with pytest.raises(RecordError) as caught:
            read_record(altered(signed, **{name: {}}))
        assert caught.value.field == f"{signed.record.KIND}.{name}"


def test_an_unknown_kind_is_refused():
    with pytest.raises(RecordError) as caught:
        open_record(encode(decode(CERTIFICATE.raw) | {"kind": "coupon"}))
    assert caught.value.field == "record.kind"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sequence", 0),
        ("previous", b"\1" * 32),  # of a first entry: must be the archipelago
        ("archipelago", bytes(31)),
        ("sealing", bytes(33)),
        ("name", ""),
        ("name", "x" * 65),
        ("name", "a/b"),
        ("name", "a@b"),
        ("name", "a~b"),
        ("name", " a"),
        ("name", "a\n"),
        ("name", "a\u202eb"),
        ("name", "a\u200bb"),
        ("name", "Bu\u0308ro"),  # not in normal form C
        ("person", ""),
        ("person", "\x7f"),
        ("jurisdiction", "x" * 65),
        ("ceiling", "cloud"),
        ("ceiling", "PERSONAL"),
        ("grants", [b"\1" * 16, bytes(16)]),
        ("grants", [bytes(16), bytes(16)]),
        ("grants", [bytes(15)]),
        ("grants", [index.to_bytes(16, "big") for index in range(GRANTS_MAX + 1)]),
        ("spend_share", -1),
        ("not_before_s", -1),
        ("expires_s", START_S),
        ("expires_s", START_S + 367 * 86_400),
    ],
)
def test_a_certificate_outside_its_bounds_is_refused(name, value):
    with pytest.raises(RecordError) as caught:
        read_record(altered(CERTIFICATE, **{name: value}))
    assert caught.value.field.removesuffix("[0]") == f"certificate.{name}"


def test_a_certificate_at_its_bounds_is_taken():
    grants = tuple(index.to_bytes(16, "big") for index in range(GRANTS_MAX))
    full = dataclasses.replace(
        CERTIFICATE.record, name="é" * 64, person="🏝" * 64, jurisdiction="é" * 64, grants=grants, spend_share=2**53 - 1
    )
    assert open_record(seal_record(full, ADA).raw).record == full


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("boot", -1),
        ("sequence", -1),
        ("lifetime_ms", 0),
        ("lifetime_ms", LIFETIME_MS_MAX + 1),
        ("prekey", bytes(31)),
        ("battery", 101),
        ("battery", -1),
        ("offers", [OFFER.wire()] * 2),
        ("offers", [[f"m{index}", *OFFER.wire()[1:]] for index in range(OFFERS_MAX + 1)]),
        ("subject", bytes(31)),
    ],
)
def test_a_statement_outside_its_bounds_is_refused(name, value):
    with pytest.raises(RecordError) as caught:
        read_record(altered(STATEMENT, **{name: value}))
    assert caught.value.field == f"statement.{name}"


@pytest.mark.parametrize(
    "offer",
    [
        {},
        [],
        OFFER.wire()[:-1],
        [*OFFER.wire(), 1],
        ["", *OFFER.wire()[1:]],
        ["m" * 129, *OFFER.wire()[1:]],
        ["modèle", *OFFER.wire()[1:]],
        ["m", 0, 1, 1, 1, "embedded", False],
        ["m", 1, 0, 1, 1, "embedded", False],
        ["m", 1, 1, -1, 1, "embedded", False],
        ["m", 1, 1, 1, -1, "embedded", False],
        ["m", 1, 1, 1, 1, "remote", False],
        ["m", 1, 1, 1, 1, "embedded", 0],
        ["m", True, 1, 1, 1, "embedded", False],
    ],
)
def test_an_offer_outside_its_bounds_is_refused(offer):
    with pytest.raises(RecordError, match="offer"):
        read_record(altered(STATEMENT, offers=[offer]))


def test_sixty_four_offers_fit_a_statement():
    offers = tuple(dataclasses.replace(OFFER, model=f"a model of twenty {index:02}") for index in range(OFFERS_MAX))
    assert len(statement(ADA, offers=offers).raw) <= STATEMENT_BYTES_MAX


def test_a_statement_too_large_can_neither_be_made_nor_read():
    offers = tuple(dataclasses.replace(OFFER, model=f"{index:0128}") for index in range(OFFERS_MAX))
    with pytest.raises(RecordError, match="4096 bytes"):
        statement(ADA, offers=offers)
    with pytest.raises((RecordError, EncodingError)):
        read_record(altered(STATEMENT, offers=[offer.wire() for offer in offers]))


@pytest.mark.parametrize(
    ("name", "value"),
    [("finding", "dead"), ("subject", ADA.public), ("lifetime_ms", 0), ("boot", -1), ("subject_sequence", -1)],
)
def test_an_observation_outside_its_bounds_is_refused(name, value):
    with pytest.raises(RecordError) as caught:
        read_record(altered(OBSERVATION, **{name: value}))
    assert caught.value.field == f"observation.{name}"


@pytest.mark.parametrize(
    ("name", "value"), [("signers", []), ("signers", [ADA.public] * 2), ("recovery", b""), ("created_s", -1)]
)
def test_a_genesis_outside_its_bounds_is_refused(name, value):
    with pytest.raises(RecordError) as caught:
        read_record(altered(GENESIS, **{name: value}))
    assert caught.value.field == f"genesis.{name}"


@pytest.mark.parametrize(("name", "value"), [("keep", -1), ("made_s", -1), ("sequence", 0), ("subject", b"")])
def test_a_revocation_outside_its_bounds_is_refused(name, value):
    with pytest.raises(RecordError) as caught:
        read_record(altered(REVOCATION, **{name: value}))
    assert caught.value.field == f"revocation.{name}"


def test_a_value_cannot_be_built_wrong():
    for signed, change in (
        (CERTIFICATE, {"ceiling": Tier.CLOUD}),
        (CERTIFICATE, {"subject": "nobody"}),
        (STATEMENT, {"boot": -1}),
        (STATEMENT, {"prekey": SealingKey(b"")}),
        (OBSERVATION, {"subject": ADA.island}),
        (GENESIS, {"signers": ()}),
    ):
        with pytest.raises(RecordError):
            dataclasses.replace(signed.record, **change)


def test_peek_tells_what_a_record_claims_without_a_signature():
    envelope = decode(STATEMENT.raw)
    header = peek(encode(envelope | {"signatures": [bytes(64)]}))
    assert (header.kind, header.author, header.boot, header.sequence) == ("statement", ADA.island, 1, 1)
    assert [peek(signed.raw).author for signed in EVERY] == [ADA.island] * len(EVERY)


def test_the_verifier_given_is_the_one_asked():
    asked = []

    def verifier(public, domain, body, signature):
        asked.append(domain)
        return verify(public, domain, body, signature)

    assert open_record(GENESIS.raw, verifier) == GENESIS
    assert asked == ["genesis", "genesis"]
    with pytest.raises(RecordError):
        read_record(STATEMENT.raw).verified(lambda *_: False)


def test_prekey_is_named_by_the_start_of_its_digest():
    assert STATEMENT.record.prekey_id == prekey_id(STATEMENT.record.prekey) == digest(STATEMENT.record.prekey)[:8]
    assert ModelOrigin("embedded") is ModelOrigin.EMBEDDED
