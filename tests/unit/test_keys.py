"""specs/01-encoding.md, sections 4 to 6."""

import json
from pathlib import Path

import pytest

from protocol.errors import RecordError
from protocol.keys import (
    KEY_BYTES,
    SealingPair,
    SigningKey,
    fingerprint,
    island_id,
    parse_fingerprint,
    public_key,
    verify,
    verify_message,
)

EXTERNAL = Path(__file__).parents[1] / "vectors" / "external"
KEY = SigningKey(bytes(range(32)))


def test_a_signature_holds_for_its_key_domain_and_body_alone():
    signature = KEY.sign("certificate", b"body")
    assert verify(KEY.public, "certificate", b"body", signature)
    assert not verify(KEY.public, "statement", b"body", signature)
    assert not verify(KEY.public, "certificate", b"bodY", signature)
    assert not verify(SigningKey(bytes(32)).public, "certificate", b"body", signature)


def test_verify_answers_no_to_keys_and_signatures_of_other_lengths():
    signature = KEY.sign("certificate", b"")
    assert not verify(KEY.public[:31], "certificate", b"", signature)
    assert not verify(KEY.public + b"\0", "certificate", b"", signature)
    assert not verify(KEY.public, "certificate", b"", signature[:63])
    assert not verify(KEY.public, "certificate", b"", signature + b"\0")
    assert not verify(b"", "certificate", b"", b"")


def test_no_key_shows_its_secret_in_text():
    secret = b"\x55" * 32
    for key in (SigningKey(secret), SealingPair(secret)):
        assert secret.hex() not in repr(key)
        assert repr(secret) not in repr(key)


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_keys_of_other_lengths_are_refused(length):
    for make in (SigningKey, SealingPair, island_id, fingerprint):
        with pytest.raises(RecordError):
            make(bytes(length))


def test_island_id_is_the_libp2p_peer_id():
    # libp2p specs, peer-ids.md: the Ed25519 key of its test vector
    public = bytes.fromhex("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
    island = island_id(public)
    assert island.startswith("12D3KooW")
    assert public_key(island) == public
    from libp2p.crypto.ed25519 import Ed25519PublicKey
    from libp2p.peer.id import ID

    assert str(ID.from_pubkey(Ed25519PublicKey.from_bytes(public))) == island


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12D3KooW",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        KEY.island[:-1],
        KEY.island + "1",
        "1" + KEY.island[:-1],
        KEY.island[:-1] + "0",
        "z" * 52,
        "1" * 52,
        "é" * 52,
    ],
)
def test_what_is_not_an_ed25519_peer_id_is_refused(text):
    with pytest.raises(RecordError):
        public_key(text)


def test_fingerprint_comes_back_as_people_type_it():
    text = fingerprint(KEY.public)
    assert [len(group) for group in text.split("-")] == [7] * 9
    typed = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert parse_fingerprint(text) == parse_fingerprint(typed) == KEY.public


def test_fingerprint_names_the_group_that_is_mistyped():
    groups = fingerprint(KEY.public).split("-")
    for index in range(9):
        for place in range(7):
            for char in "0Z7":
                wrong = groups[index][:place] + char + groups[index][place + 1 :]
                if wrong == groups[index]:
                    continue
                with pytest.raises(RecordError) as caught:
                    parse_fingerprint("-".join([*groups[:index], wrong, *groups[index + 1 :]]))
                assert caught.value.field == f"fingerprint.group[{index + 1}]"


def test_fingerprint_notices_two_characters_exchanged():
    groups = fingerprint(KEY.public).split("-")
    for place in range(6):
        a, b = groups[2][place : place + 2]
        if a == b:
            continue
        exchanged = groups[2][:place] + b + a + groups[2][place + 2 :]
        with pytest.raises(RecordError, match="group"):
            parse_fingerprint("-".join([*groups[:2], exchanged, *groups[3:]]))


def test_fingerprint_has_one_form_for_a_key():
    with pytest.raises(RecordError, match="groups"):
        parse_fingerprint(fingerprint(KEY.public)[:-1])
    nonzero_padding = "0" * 56 + "000001" + "2"
    with pytest.raises(RecordError, match="last bits"):
        parse_fingerprint(nonzero_padding)


def test_two_sealing_pairs_agree_on_one_secret():
    one, other = SealingPair(bytes(range(32))), SealingPair(bytes(range(1, 33)))
    assert one.exchange(other.public) == other.exchange(one.public)


@pytest.mark.parametrize("point", [bytes(32), b"\x01" + bytes(31), bytes(31), bytes(33)])
def test_sealing_keys_that_would_make_the_secret_guessable_are_refused(point):
    with pytest.raises(RecordError):
        SealingPair(bytes(range(32))).exchange(point)


def test_wycheproof_ed25519_has_every_verdict_right():
    groups = json.loads((EXTERNAL / "wycheproof_ed25519_test.json").read_text())["testGroups"]
    cases = [(bytes.fromhex(group["publicKey"]["pk"]), case) for group in groups for case in group["tests"]]
    assert len(cases) == 151
    for public, case in cases:
        verdict = verify_message(public, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
        assert verdict == (case["result"] == "valid"), case["tcId"]


def test_cctv_ed25519_accepts_exactly_what_libsodium_accepts():
    cases = json.loads((EXTERNAL / "cctv_ed25519vectors.json").read_text())
    assert len(cases) == 914
    accepted = [
        case
        for case in cases
        if verify_message(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))
    ]
    assert len(accepted) == 43
    assert not any(
        {"low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R"} & set(case["flags"] or ())
        for case in accepted
    )
