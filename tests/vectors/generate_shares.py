"""specs/vectors/shares.json: signed shares whole and with one fault, and what a holder grants."""

from dataclasses import replace

from protocol.encoding import Wire, decode, encode
from protocol.keys import SigningKey
from protocol.shares import Given, Lease, Limit, Purse, Return, left, may_lease, seal_share
from protocol.terms import NanoUsd
from tests.attested import DAY_S, START_S, genesis, signing_key

HOLDER, SUBJECT, EVE = signing_key(1), signing_key(2), signing_key(3)
DAY = START_S // DAY_S
PURSE = Purse(genesis(HOLDER).hash, HOLDER.island, SUBJECT.island, "cloud", DAY)
LEASE = seal_share(Lease(PURSE, NanoUsd(5_000_000)), HOLDER)
RETURN = seal_share(Return(PURSE, NanoUsd(1)), SUBJECT)
WIDEST = replace(PURSE, provider="\U0001f3dd" * 16, day=2**31 - 1)
VALID = [
    ("lease", LEASE),
    ("return", RETURN),
    ("lease of nothing yet", seal_share(Lease(PURSE, NanoUsd(0)), HOLDER)),
    ("lease at its bounds", seal_share(Lease(WIDEST, NanoUsd(2**53 - 1)), HOLDER)),
]
BODIES: list[tuple[dict[str, Wire], str, str]] = [
    ({"amount": -1}, "lease.amount", "a share is not a debt"),
    ({"amount": None}, "lease.amount", "a share has an amount"),
    ({"archipelago": bytes(31)}, "lease.archipelago", "a digest has 32 bytes"),
    ({"day": 2**31}, "lease.day", "days count to 2³¹ − 1"),
    ({"day": -1}, "lease.day", "days count from 1970"),
    ({"holder": bytes(31)}, "lease.holder", "a key has 32 bytes"),
    ({"subject": b""}, "lease.subject", "a key has 32 bytes"),
    ({"subject": bytes(HOLDER.public)}, "purse.subject", "the holder leases nothing to itself"),
    ({"provider": ""}, "purse.provider", "money is leased for one provider"),
    ({"provider": "a" * 65}, "lease.provider", "64 bytes"),
    ({"sequence": 1}, "lease.sequence", "unknown members are refused"),
]
# (cap, used) of each cap, granted, returned, known, need, wish
GRANTS: list[tuple[str, list[tuple[int, int]], int, int, int, int, int]] = [
    ("a need is granted whole", [(1_000, 0)], 0, 0, 0, 300, 0),
    ("all that is left", [(1_000, 700)], 0, 0, 0, 300, 0),
    ("one more than is left is not granted at all", [(1_000, 701)], 0, 0, 0, 300, 0),
    ("the least of four caps counts", [(1_000, 0), (5_000, 4_900), (700, 0), (9_000, 0)], 0, 0, 0, 101, 0),
    ("a wish is an eighth at most", [(1_000, 200)], 0, 0, 0, 0, 5_000),
    ("a wish below an eighth", [(1_000, 200)], 0, 0, 0, 0, 30),
    ("a need above an eighth", [(1_000, 200)], 0, 0, 0, 101, 5_000),
    ("what was granted and not heard of counts", [(1_000, 400)], 400, 0, 100, 300, 0),
    ("part of it was not heard of", [(1_000, 400)], 400, 0, 100, 350, 0),
    ("a wish that was granted and not heard of", [(1_000, 100)], 100, 0, 0, 0, 100),
    ("more is known than was granted", [(1_000, 0)], 0, 0, 50, 10, 0),
    ("a cap that was lowered below what is gone", [(100, 400)], 400, 0, 400, 1, 1_000),
    ("nothing is needed or wished", [(1_000, 0)], 7, 7, 7, 0, 0),
]
DAYS = [0, 119, 120, 121, DAY_S - 121, DAY_S - 120, DAY_S - 1]


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/12-shares.md",
        "about": "Bytes are hex. `grants`: caps as [cap, used]. `days`: whether a lease of `day` is given then.",
        "shares": [
            *({"name": name, "valid": True, "data": raw.hex(), "body": body(raw)} for name, raw in VALID),
            *(
                {"name": f"{field}: {why}", "valid": False, "data": changed(change).hex(), "field": field, "why": why}
                for change, field, why in BODIES
            ),
            fault("signed by another", sealed(LEASE, EVE), "lease.signature", "only the holder leases"),
            fault("signed by the subject", sealed(LEASE, SUBJECT), "lease.signature", "only the holder leases"),
            fault(
                "return signed by the holder", sealed(RETURN, HOLDER), "return.signature", "only the subject returns"
            ),
            fault("a lease shown as a return", shown_as(LEASE, "return"), "return.signature", "a domain for each kind"),
            fault("another kind", shown_as(LEASE, "statement"), "share.kind", "a lease or a return"),
        ],
        "grants": [granted(*case) for case in GRANTS],
        "days": [{"day": DAY, "second": second, "leased": may_lease(DAY, DAY * DAY_S + second)} for second in DAYS]
        + [
            {"day": DAY, "second": s, "leased": may_lease(DAY, DAY * DAY_S + s)}
            for s in (-121, -120, DAY_S + 119, DAY_S + 120)
        ],
    }


def granted(
    name: str, caps: list[tuple[int, int]], out: int, returned: int, known: int, need: int, wish: int
) -> dict[str, object]:
    rest = left(Limit(NanoUsd(cap), NanoUsd(used)) for cap, used in caps)
    assert rest is not None
    after = Given(NanoUsd(out), NanoUsd(returned)).lease(rest, NanoUsd(known), NanoUsd(need), NanoUsd(wish))
    asked = {"known": known, "need": need, "wish": wish}
    return {"name": name, "caps": caps, "before": out, **asked, "left": rest, "granted": after.granted}


def body(raw: bytes) -> dict[str, object]:
    members = decode(opened(raw)["body"])  # type: ignore[arg-type]
    assert isinstance(members, dict)
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in members.items()}


def changed(change: dict[str, Wire]) -> bytes:
    """The lease with other members, signed by whom it names where that is possible."""
    members = decode(opened(LEASE)["body"])  # type: ignore[arg-type]
    assert isinstance(members, dict)
    return sealed(LEASE, HOLDER, encode({**members, **change}))


def sealed(raw: bytes, key: SigningKey, data: bytes | None = None) -> bytes:
    share = opened(raw)
    data = data or share["body"]  # type: ignore[assignment]
    assert isinstance(data, bytes)
    return encode({"body": data, "kind": share["kind"], "signature": bytes(key.sign(str(share["kind"]), data))})


def shown_as(raw: bytes, kind: str) -> bytes:
    return encode({**opened(raw), "kind": kind})


def fault(name: str, raw: bytes, field: str, why: str) -> dict[str, object]:
    return {"name": name, "valid": False, "data": raw.hex(), "field": field, "why": why}


def opened(raw: bytes) -> dict[str, Wire]:
    share = decode(raw)
    assert isinstance(share, dict)
    return share
