"""The owner's cap in signed shares, moved between islands as they are used. Source: specs/12-shares.md.

The holder of the cap leases parts of it; an island spends no more than it was leased, and gives back what it does not
need. Both sides count for ever upwards: what was granted is the holder's number, what was returned is the subject's. A
message that is lost, repeated or late can therefore only hide money, never make any.

Each function takes what is on disk and returns what is to be there; the shell writes that before it sends anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self, TypeAlias

from protocol.encoding import DIGEST_BYTES, INTEGER_MAX, Fields, Limits, Wire, decode, encode
from protocol.errors import RecordError
from protocol.keys import SIGNATURE_BYTES, IslandId, Signature, SigningKey, public_key, verify
from protocol.members import CLOCK_SKEW_S
from protocol.record_rules import check_island, check_octets, check_within, take_island
from protocol.terms import NanoUsd

SHARE_BYTES_MAX: Final = 512
PROVIDER_BYTES_MAX: Final = 64
SECONDS_PER_DAY: Final = 86_400
DAY_MAX: Final = 2**31 - 1
PARTS: Final = 8  # an island that asks before it needs gets at most this part of what is left: others need some too
NOTHING: Final = NanoUsd(0)
_LIMITS: Final = Limits(bytes_max=SHARE_BYTES_MAX, depth_max=1, items_max=16)


@dataclass(frozen=True, slots=True)
class Purse:
    """What an amount is for: one island's paid requests of one day (UTC) at one provider, under one holder's cap."""

    archipelago: bytes
    holder: IslandId
    subject: IslandId
    provider: str  # as the islands' configurations name it
    day: int  # since 1970-01-01

    def __post_init__(self) -> None:
        check_octets("purse.archipelago", self.archipelago, DIGEST_BYTES)
        check_island("purse.holder", self.holder)
        check_island("purse.subject", self.subject)
        if self.holder == self.subject:
            raise RecordError("purse.subject", "the holder leases nothing to itself")
        if not 0 < len(self.provider.encode("utf-8", "surrogatepass")) <= PROVIDER_BYTES_MAX:
            raise RecordError("purse.provider", f"expected 1 to {PROVIDER_BYTES_MAX} bytes")
        check_within("purse.day", self.day, 0, DAY_MAX)


@dataclass(frozen=True, slots=True)
class Lease:
    """The holder's word: so much was granted for this purse, since its beginning. The greatest counts."""

    purse: Purse
    granted: NanoUsd

    @property
    def author(self) -> IslandId:
        return self.purse.holder


@dataclass(frozen=True, slots=True)
class Return:
    """The subject's word: of what was granted for this purse it will never spend so much. The greatest counts."""

    purse: Purse
    returned: NanoUsd

    @property
    def author(self) -> IslandId:
        return self.purse.subject


Share: TypeAlias = Lease | Return


def seal_share(share: Share, key: SigningKey) -> bytes:
    """Signs as its author. Raises RecordError where `key` is another's."""
    kind, amount = ("lease", share.granted) if isinstance(share, Lease) else ("return", share.returned)
    if key.island != share.author:
        raise RecordError(f"{kind}.signature", "expected the key of its author")
    check_within(f"{kind}.amount", amount, 0)
    purse = share.purse
    members: dict[str, Wire] = {
        "amount": amount,
        "archipelago": purse.archipelago,
        "day": purse.day,
        "holder": public_key(purse.holder),
        "provider": purse.provider,
        "subject": public_key(purse.subject),
    }
    body = encode(members)
    return encode({"body": body, "kind": kind, "signature": bytes(key.sign(kind, body))})


def open_share(raw: bytes) -> Share:
    """Structure, bounds and signature. Raises EncodingError or RecordError."""
    fields = Fields(decode(raw, _LIMITS), "share")
    kind = fields.choice("kind", {"lease": "lease", "return": "return"})
    body = fields.blob("body", SHARE_BYTES_MAX)
    signature = Signature(fields.octets("signature", SIGNATURE_BYTES))
    fields.end()
    inner = Fields(decode(body, _LIMITS), kind)
    amount = NanoUsd(inner.integer("amount", 0))
    purse = Purse(
        archipelago=inner.octets("archipelago", DIGEST_BYTES),
        day=inner.integer("day", 0, DAY_MAX),
        holder=take_island(inner, "holder"),
        provider=inner.text("provider", PROVIDER_BYTES_MAX),
        subject=take_island(inner, "subject"),
    )
    inner.end()
    share: Share = Lease(purse, amount) if kind == "lease" else Return(purse, amount)
    if not verify(public_key(share.author), kind, body, signature):
        raise RecordError(f"{kind}.signature", "not signed by its author")
    return share


@dataclass(frozen=True, slots=True)
class Limit:
    """One cap that a payment falls under, and what is gone of it: booked by the holder, or leased and not returned."""

    cap: NanoUsd
    used: NanoUsd


def left(limits: Iterable[Limit]) -> NanoUsd | None:
    """What may still be spent or leased under all of them, never below 0; None where there are none."""
    rests = [limit.cap - limit.used for limit in limits]
    return NanoUsd(max(0, min(rests))) if rests else None


@dataclass(frozen=True, slots=True)
class Given:
    """A purse as its holder keeps it."""

    granted: NanoUsd = NOTHING
    returned: NanoUsd = NOTHING

    @property
    def out(self) -> NanoUsd:
        """What the subject may have spent, or may yet."""
        return NanoUsd(self.granted - self.returned)

    def lease(self, rest: NanoUsd, known: NanoUsd, need: NanoUsd, wish: NanoUsd) -> Self:
        """Grants `need` whole or not at all, and up to `wish` where that leaves most of it to others.

        `known`: what the subject knows to be granted; what was granted beyond that, in a message that was lost, counts
        towards its need. `rest`: what is left of the cap.
        """
        unheard = max(0, self.granted - known)
        missing = max(0, need - unheard)
        if missing > rest:
            return self
        more = min(rest, max(missing, min(wish - unheard, rest // PARTS)))
        return replace(self, granted=NanoUsd(min(INTEGER_MAX, self.granted + more)))

    def hear(self, returned: NanoUsd) -> Self:
        """Raises RecordError where more would come back than went out."""
        if returned > self.granted:
            raise RecordError("return.amount", f"{returned} came back of {self.granted}")
        return replace(self, returned=max(self.returned, returned))


@dataclass(frozen=True, slots=True)
class Held:
    """A purse as its subject keeps it. `booked`, what it spent, reserved or has in doubt, is kept by its budget."""

    granted: NanoUsd = NOTHING
    returned: NanoUsd = NOTHING

    def usable(self, booked: NanoUsd) -> NanoUsd:
        """Below 0 where an answer cost more than could be reserved for it."""
        return NanoUsd(self.granted - self.returned - booked)

    def hear(self, granted: NanoUsd) -> Self:
        return replace(self, granted=max(self.granted, granted))

    def give_back(self, booked: NanoUsd) -> Self:
        """All that is not booked. Must be on disk before it is said."""
        return replace(self, returned=NanoUsd(self.returned + max(0, self.usable(booked))))


def may_lease(day: int, wall_s: int) -> bool:
    """Whether it is that day for the holder, whose clock and the subject's may differ by two minutes."""
    return (wall_s - CLOCK_SKEW_S) // SECONDS_PER_DAY <= day <= (wall_s + CLOCK_SKEW_S) // SECONDS_PER_DAY
