"""specs/vectors/keys.json: island ids, fingerprints, signatures in their domains, sealing keys."""

import nacl.signing

from protocol.encoding import signing_bytes
from protocol.keys import SealingPair, fingerprint, island_id
from tests.attested import signing_key

ADA, BOB = signing_key(1), signing_key(2)
ISLAND = ADA.island
GROUPS = fingerprint(ADA.public).split("-")


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/01-encoding.md",
        "about": "All bytes are hex. `valid` false: refused.",
        "island_ids": [
            *({"valid": True, "public": key.public.hex(), "island": key.island} for key in (ADA, BOB)),
            {"valid": True, "public": "00" * 32, "island": island_id(bytes(32))},
            *({"valid": False, "rule": rule, "why": why, "island": text} for text, rule, why in BAD_ISLANDS),
        ],
        "fingerprints": [
            {"valid": True, "text": "-".join(GROUPS), "public": ADA.public.hex()},
            {"valid": True, "text": " ".join(GROUPS).lower(), "public": ADA.public.hex(), "why": "as people type it"},
            {"valid": False, "text": "-".join(GROUPS[:8]), "rule": "nine groups", "why": "a part is not the whole"},
            {
                "valid": False,
                "text": "-".join(GROUPS).replace("S", "\u017f"),
                "rule": "ASCII",
                "why": "the capital is S",
            },
            *(mistyped(group, place) for group, place in ((0, 0), (4, 3), (8, 6))),
            {"valid": False, "text": "0" * 56 + "0000012", "group": 9, "rule": "padding", "why": "one key, one text"},
        ],
        "signing_bytes": [
            {"domain": "certificate", "body": "6162", "bytes": signing_bytes("certificate", b"ab").hex()},
            {"domain": "statement", "body": "", "bytes": signing_bytes("statement", b"").hex()},
        ],
        "signatures": signatures(),
        "exchanges": exchanges(),
    }


BAD_ISLANDS = [
    ("", "form", "empty"),
    (ISLAND[:-1], "form", "a character short"),
    (ISLAND + "1", "form", "a character more"),
    (ISLAND[:-1] + "0", "base58", "0 is not of the alphabet"),
    ("z" * 52, "prefix", "too large for 38 bytes"),
    ("1" * 52, "prefix", "not the prefix of an Ed25519 key"),
    ("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", "prefix", "the id of an RSA key is a hash"),
    ("16Uiu2HAmJb2e28qLXxT5kZxVUUoJt72EMzNGXB47Rxx5hw3q4YjS", "prefix", "a secp256k1 key"),
]


def mistyped(group: int, place: int) -> dict[str, object]:
    old = GROUPS[group][place]
    wrong = GROUPS[group][:place] + ("7" if old != "7" else "8") + GROUPS[group][place + 1 :]
    return {
        "valid": False,
        "text": "-".join([*GROUPS[:group], wrong, *GROUPS[group + 1 :]]),
        "group": group + 1,
        "rule": "check character",
        "why": "the group that is mistyped is named",
    }


def signatures() -> list[dict[str, object]]:
    body = b"body"
    good = ADA.sign("certificate", body)
    scalar = int.from_bytes(good[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    malleable = good[:32] + scalar.to_bytes(32, "little")

    def case(valid, why, *, public=ADA.public, domain="certificate", data=body, signature=good):
        return {
            "valid": valid,
            "why": why,
            "public": public.hex(),
            "domain": domain,
            "body": data.hex(),
            "signature": signature.hex(),
        }

    return [
        case(True, "signed"),
        case(False, "another domain", domain="statement"),
        case(False, "another body", data=b"bodY"),
        case(False, "another key", public=BOB.public),
        case(False, "the scalar plus the group's order: a second signature from one", signature=malleable),
        case(False, "a signature of the bare body", signature=nacl.signing.SigningKey(ADA.seed).sign(body).signature),
        case(False, "cut", signature=good[:63]),
        case(False, "longer", signature=good + b"\0"),
        case(False, "a key of small order", public=b"\1" + bytes(31), signature=b"\1" + bytes(63)),
    ]


def exchanges() -> list[dict[str, object]]:
    one, other = SealingPair(ADA.seed), SealingPair(BOB.seed)
    return [
        {
            "valid": True,
            "secret": one.secret.hex(),
            "public": other.public.hex(),
            "shared": one.exchange(other.public).hex(),
        },
        {
            "valid": True,
            "secret": other.secret.hex(),
            "public": one.public.hex(),
            "shared": other.exchange(one.public).hex(),
        },
        *(
            {
                "valid": False,
                "secret": one.secret.hex(),
                "public": point,
                "why": "small order: the secret would be zero",
            }
            for point in ("00" * 32, "01" + "00" * 31)
        ),
    ]
