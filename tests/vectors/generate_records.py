"""specs/vectors/records.json: each kind of signed record whole, and with one fault."""

from dataclasses import replace

from protocol.encoding import Wire, decode, encode
from protocol.records import GRANTS_MAX, OFFERS_MAX, Signed
from tests.attested import OFFER, START_S, Log, genesis, observation, signing_key, statement
from tests.vectors.generate_encoding import plain

ADA, BOB, EVE = signing_key(1), signing_key(2), signing_key(3)
GENESIS = genesis(ADA, BOB)
CERTIFICATE = Log(ADA, GENESIS.hash).certificate(
    BOB, name="Büro", person="ada", grants=(bytes(16), b"\1" * 16), spend_share=0, jurisdiction="DE"
)
REVOCATION = Log(ADA, GENESIS.hash).revocation(EVE.island, keep=3)
STATEMENT = statement(ADA, battery=50)
OBSERVATION = observation(ADA, BOB.island)
ISLES = "\U0001f3dd" * 64  # 64 characters: 128 units of UTF-16, 256 bytes of UTF-8
BOUNDS = [
    (
        "certificate at its bounds",
        Log(ADA, GENESIS.hash).certificate(
            BOB, name=ISLES, person=ISLES, spend_share=2**53 - 1, not_before_s=0, expires_s=366 * 86_400
        ),
    ),
    ("statement of a model with a space in its name", statement(ADA, offers=(replace(OFFER, model="a b"),))),
    ("statement that offers nothing", statement(ADA, 0, 0, offers=(), lifetime_ms=1)),
]
KINDS = {signed.record.KIND: signed for signed in (GENESIS, CERTIFICATE, REVOCATION, STATEMENT, OBSERVATION)}

# kind, changed members of the body, the field at fault, why the rule is there
BODIES: list[tuple[str, dict[str, Wire], str, str]] = [
    ("genesis", {"signers": []}, "genesis.signers", "somebody must sign"),
    ("genesis", {"signers": [ADA.public] * 2}, "genesis.signers", "one key is one signer"),
    ("genesis", {"recovery": bytes(31)}, "genesis.recovery", "a key has 32 bytes"),
    ("genesis", {"created_s": -1}, "genesis.created_s", "times count from 1970"),
    ("certificate", {"sequence": 0}, "certificate.sequence", "numbers count from 1"),
    ("certificate", {"previous": b"\1" * 32}, "certificate.previous", "the first entry follows the genesis"),
    ("certificate", {"archipelago": bytes(31)}, "certificate.archipelago", "a digest has 32 bytes"),
    ("certificate", {"subject": bytes(33)}, "certificate.subject", "a key has 32 bytes"),
    ("certificate", {"sealing": b""}, "certificate.sealing", "a key has 32 bytes"),
    ("certificate", {"name": ""}, "certificate.name", "an island has a name"),
    ("certificate", {"name": "a" * 65}, "certificate.name", "64 characters"),
    ("certificate", {"name": "a/b"}, "certificate.name", "ISLAND/MODEL is a model's name"),
    ("certificate", {"name": "a@b"}, "certificate.name", "auto@COLLECTION is a model's name"),
    ("certificate", {"name": "a~b"}, "certificate.name", "~ tells equal names apart"),
    ("certificate", {"name": " a"}, "certificate.name", "nobody sees white space at an end"),
    ("certificate", {"name": "a\nb"}, "certificate.name", "a name is one line"),
    ("certificate", {"name": "a\u202eb"}, "certificate.name", "reordered text is read as another name"),
    ("certificate", {"name": "a\u200bb"}, "certificate.name", "hidden characters make two names look like one"),
    ("certificate", {"name": "Bu\u0308ro"}, "certificate.name", "normal form C: one text, one encoding"),
    ("certificate", {"person": ""}, "certificate.person", "a certificate names a person"),
    ("certificate", {"jurisdiction": "a" * 65}, "certificate.jurisdiction", "64 characters"),
    ("certificate", {"ceiling": "cloud"}, "certificate.ceiling", "a member is personal or edge"),
    ("certificate", {"ceiling": 0}, "certificate.ceiling", "tiers are words"),
    ("certificate", {"signer": 1}, "certificate.signer", "1 is not true"),
    ("certificate", {"grants": [b"\1" * 16, bytes(16)]}, "certificate.grants", "ascending: one set, one encoding"),
    ("certificate", {"grants": [bytes(16)] * 2}, "certificate.grants", "each once"),
    ("certificate", {"grants": [bytes(15)]}, "certificate.grants[0]", "an id has 16 bytes"),
    (
        "certificate",
        {"grants": [index.to_bytes(16, "big") for index in range(GRANTS_MAX + 1)]},
        "certificate.grants",
        "64 collections",
    ),
    ("certificate", {"spend_share": -1}, "certificate.spend_share", "a share is not a debt"),
    ("certificate", {"expires_s": START_S}, "certificate.expires_s", "the end lies after the start"),
    ("certificate", {"expires_s": START_S + 367 * 86_400}, "certificate.expires_s", "366 days at most"),
    ("certificate", {"tier": "personal"}, "certificate.tier", "unknown members are refused"),
    ("certificate", {"constructor": 1}, "certificate.constructor", "objects of JavaScript have one unasked"),
    ("revocation", {"keep": -1}, "revocation.keep", "numbers count from 1; 0 keeps none"),
    ("revocation", {"subject": b""}, "revocation.subject", "a key has 32 bytes"),
    ("revocation", {"sequence": 0}, "revocation.sequence", "numbers count from 1"),
    ("statement", {"boot": -1}, "statement.boot", "boots count up"),
    ("statement", {"sequence": None}, "statement.sequence", "a statement has a number"),
    ("statement", {"lifetime_ms": 0}, "statement.lifetime_ms", "it lives for some time"),
    ("statement", {"lifetime_ms": 900_001}, "statement.lifetime_ms", "15 minutes at most"),
    ("statement", {"prekey": bytes(31)}, "statement.prekey", "a key has 32 bytes"),
    ("statement", {"battery": 101}, "statement.battery", "percent"),
    ("statement", {"offers": [OFFER.wire()] * 2}, "statement.offers", "each model once"),
    (
        "statement",
        {"offers": [[f"m{index}", *OFFER.wire()[1:]] for index in range(OFFERS_MAX + 1)]},
        "statement.offers",
        "64 offers",
    ),
    ("statement", {"offers": [OFFER.wire()[:-1]]}, "statement.offers[0]", "an offer has seven members"),
    ("statement", {"offers": [["", *OFFER.wire()[1:]]]}, "statement.offers[0].model", "a model has a name"),
    ("statement", {"offers": [["m\n", *OFFER.wire()[1:]]]}, "statement.offers[0].model", "printable ASCII"),
    (
        "statement",
        {"offers": [["m", 1, 0, 1, 1, "embedded", False]]},
        "statement.offers[0].slots",
        "an offer can be asked",
    ),
    (
        "statement",
        {"offers": [["m", 1, 1, 1, 1, "remote", False]]},
        "statement.offers[0].origin",
        "a cloud is never offered to peers",
    ),
    ("statement", {"tier": "personal"}, "statement.tier", "nothing an island says of itself raises a tier"),
    ("observation", {"subject": ADA.public}, "observation.subject", "nobody observes itself"),
    ("observation", {"finding": "dead"}, "observation.finding", "two findings"),
    ("observation", {"lifetime_ms": 900_001}, "observation.lifetime_ms", "15 minutes at most"),
    ("observation", {"subject_boot": -1}, "observation.subject_boot", "boots count up"),
]


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/02-records.md",
        "about": "`data` is hex. Valid: `hash` is the digest, `body` the decoded body, notation as in encoding.json. "
        "Others are refused; `field` is what is at fault. All of them are signed by their author unless said.",
        "cases": [
            *(valid(kind, signed) for kind, signed in KINDS.items()),
            *(valid(name, signed) for name, signed in BOUNDS),
            *(refused(*case) for case in BODIES),
            *missing(),
            *envelopes(),
        ],
    }


def valid(kind: str, signed: Signed) -> dict[str, object]:
    body = decode(signed.record.body())
    return {"name": kind, "valid": True, "data": signed.raw.hex(), "hash": signed.hash.hex(), "body": plain(body)}


def refused(kind: str, changes: dict[str, Wire], field: str, why: str) -> dict[str, object]:
    body = encode(decode(KINDS[kind].record.body()) | changes)
    return case(f"{kind} with another {', '.join(changes)}", field, why, signed(kind, body))


def missing() -> list[dict[str, object]]:
    cases = []
    for kind, record in KINDS.items():
        whole = decode(record.record.body())
        for name in whole:
            body = encode({member: value for member, value in whole.items() if member != name})
            cases.append(
                case(f"{kind} without {name}", f"{kind}.{name}", "nil is said, never left out", signed(kind, body))
            )
    return cases


def envelopes() -> list[dict[str, object]]:
    envelope = decode(CERTIFICATE.raw)
    body = envelope["body"]
    founding = decode(GENESIS.raw)
    field = "certificate.signatures"
    return [
        case("unknown kind", "record.kind", "nobody knows what it means", encode(envelope | {"kind": "coupon"})),
        case("unknown member", "record.more", "nobody signed it", encode(envelope | {"more": 1})),
        case("signed by another", field, "only the issuer", signed("certificate", body, EVE)),
        case(
            "signed as a revocation",
            field,
            "the domain is signed",
            encode(envelope | {"signatures": [bytes(ADA.sign("revocation", body))]}),
        ),
        case("no signature", field, "one for each author", encode(envelope | {"signatures": []})),
        case(
            "two signatures",
            field,
            "one for each author",
            encode(envelope | {"signatures": envelope["signatures"] * 2}),
        ),
        case(
            "a signature of 63 bytes",
            "record.signatures[0]",
            "64 bytes",
            encode(envelope | {"signatures": [envelope["signatures"][0][:63]]}),
        ),
        case(
            "genesis signed by one of two",
            "genesis.signatures",
            "each signer signs",
            encode(founding | {"signatures": founding["signatures"][:1]}),
        ),
        case(
            "genesis with signatures exchanged",
            "genesis.signatures",
            "in the order of the signers",
            encode(founding | {"signatures": founding["signatures"][::-1]}),
        ),
        case("body that is a list", "certificate", "a body is a map", signed("certificate", encode([]))),
        case("body with a byte after it", None, "the body is canonical too", signed("certificate", body + b"\xc0")),
        case("a byte after the record", None, "one value", CERTIFICATE.raw + b"\xc0"),
        case("statement over 4096 bytes", None, "64 offers of 48 bytes", oversized()),
    ]


def oversized() -> bytes:
    offers = [[f"{index:0120}", *OFFER.wire()[1:]] for index in range(30)]
    return signed("statement", encode(decode(STATEMENT.record.body()) | {"offers": offers}))


def signed(kind: str, body: bytes, key=None) -> bytes:
    keys = [key or ADA] if kind != "genesis" else [ADA, BOB]
    return encode({"body": body, "kind": kind, "signatures": [bytes(one.sign(kind, body)) for one in keys]})


def case(name: str, field: str | None, why: str, data: bytes) -> dict[str, object]:
    return {"name": name, "valid": False, "field": field, "why": why, "data": data.hex()}
