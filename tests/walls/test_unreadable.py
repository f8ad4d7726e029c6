"""Design, section 2: content that nobody can read is restricted, in text too; numbers and code are not.

What can be decoded is read.
"""

import hashlib
from base64 import b32encode, b64encode, encodebytes, urlsafe_b64encode

import pytest

from node.privacy.opaque import (
    BASE64_CHARACTERS_MIN,
    HEX_CHARACTERS_MIN,
    HIDDEN_BYTES_MIN,
    STRANGE_MIN,
    opaque,
)
from node.privacy.policy import PrivacyPolicy
from protocol.terms import Sensitivity
from tests.unit.privacy_texts import assessed, chat

SAID = b"My mother Maria Lindqvist has diabetes. What may she eat?"
NOISE = b"".join(hashlib.sha512(bytes([number])).digest() for number in range(12))

DECODED = {
    "base64": b64encode(SAID).decode(),
    "base64 inside a sentence": f"Decode {b64encode(SAID).decode()} and answer.",
    "base64 of other letters": b64encode("Meine Mutter in Köln hat Diabetes.".encode()).decode(),
    "base64 in lines": encodebytes(SAID * 4).decode(),
    "base64 for a URL": f'"{urlsafe_b64encode(SAID * 2).decode()}"',
    "base32": b32encode(SAID).decode(),
    "hexadecimal": SAID.hex(),
    "capital hexadecimal": SAID.hex().upper(),
    "percent signs": "".join(f"%{byte:02X}" for byte in SAID),
    "entities": "".join(f"&#{byte};" for byte in SAID),
    "escapes": "".join(f"\\u{byte:04x}" for byte in SAID),
    "base64 in base64": b64encode(b64encode(SAID)).decode(),
    "hexadecimal escapes": "".join(f"\\x{byte:02x}" for byte in SAID),
}

ENCODED = {
    "an image in a data URL": f"data:image/png;base64,{b64encode(NOISE).decode()}",
    "an attachment in lines": encodebytes(NOISE).decode(),
    "bytes in hexadecimal": NOISE.hex(),
    "base64 in base64 in base64": b64encode(b64encode(b64encode(SAID))).decode(),
    "a private alphabet": "".join(chr(0xE000 + byte) for byte in SAID),
    "what another encoding became": "Gr\ufffd\ufffde aus K\ufffdln, 5 \ufffd! " * 3,
}

READABLE = {
    "SHA-256": hashlib.sha256(SAID).hexdigest(),
    "SHA-512": hashlib.sha512(SAID).hexdigest(),
    "a lock file's digest": f"sha512-{b64encode(hashlib.sha512(SAID).digest()).decode()}",
    "ids": "3f2b8c1e-9d4a-4c77-8a53-0b1c2d3e4f50 " * 20,
    "a path": f"src/{'components/forms/validation/helpers/' * 3}long/path/to/TestFileWithWords/index",
    "a title in a URL": f"https://example.org/2024/05/{'how-to-write-a-really-long-title-' * 4}again",
    "a name in code": f"test_{'a_node_never_serves_a_peer_from_its_clouds_' * 3}for_ever",
    "a class's name": "AbstractSingletonProxyFactoryBean" * 4,
    "digits": "31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"
    * 2,
    "a gene": "ACGTTGCAACGTAGCTAGCTAGCATCGATCGATCGACTAGCTAGCATCGACTAGCATCAGCATCGACTACGACTACGACTACGATCG" * 2,
    "a rule": "-" * 200 + "\n" + "a" * 300,
    "a query": "https://example.org/?q=caf%C3%A9%20au%20lait&lang=%E6%97%A5",
    "emoji and other scripts": "🙂👍🎉 Ωμέγα Привет こんにちは",
}


@pytest.mark.parametrize("name", ENCODED)
def test_text_in_an_unknown_encoding_is_restricted_and_stays_so(name: str) -> None:
    got = assessed(chat(ENCODED[name]), PrivacyPolicy(special_after=Sensitivity.CONFIDENTIAL))
    assert (got.sensitivity, got.after) == (Sensitivity.RESTRICTED, Sensitivity.RESTRICTED)
    assert "unreadable" in {reason.code for reason in got.reasons}


@pytest.mark.parametrize("name", DECODED)
def test_text_in_a_known_encoding_is_read_and_counts_as_what_it_says(name: str) -> None:
    got = assessed(chat(DECODED[name]), PrivacyPolicy(special_after=Sensitivity.CONFIDENTIAL))
    assert (got.sensitivity, got.after) == (Sensitivity.RESTRICTED, Sensitivity.CONFIDENTIAL)
    codes = {reason.code for reason in got.reasons}
    assert "health" in codes
    assert "unreadable" not in codes


@pytest.mark.parametrize("name", READABLE)
def test_digests_ids_names_and_numbers_are_no_unknown_encoding(name: str) -> None:
    assert opaque(READABLE[name]) == ()


def test_what_is_unreadable_begins_where_its_bounds_say() -> None:
    for size, found in ((HIDDEN_BYTES_MIN, True), (HIDDEN_BYTES_MIN - 1, False)):
        assert bool(opaque(b64encode(SAID[:size]).decode().rstrip("="))) is found
        assert bool(opaque(SAID[:size].hex())) is found
    for size, text in ((BASE64_CHARACTERS_MIN, b64encode(NOISE).decode()), (HEX_CHARACTERS_MIN, NOISE.hex())):
        assert opaque(text[:size])
        assert not opaque(text[: size - 2])
    assert opaque("\ue000" * STRANGE_MIN)
    assert not opaque("\ue000" * (STRANGE_MIN - 1))
