"""Members of an archipelago, and how near one is to another. Source: specs/03-membership.md, sections 4 and 5."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol.keys import IslandId, PublicKey, SealingKey
from protocol.records import Certificate
from protocol.terms import NanoUsd, Now, Tier

CLOCK_SKEW_S: Final = 120  # a certificate made on a clock this far ahead is taken; its end is never stretched


@dataclass(frozen=True, slots=True)
class Member:
    """An island with a certificate that leads to the genesis, as its newest certificate has it."""

    island: IslandId
    public: PublicKey
    sealing: SealingKey
    name: str  # as certified, or `name~ABCD` where another member has the same
    person: str
    ceiling: Tier
    signer: bool
    jurisdiction: str
    grants: tuple[bytes, ...]
    spend_share: NanoUsd | None
    not_before_s: int
    expires_s: int


def is_current(certificate: Certificate, now: Now) -> bool:
    """Whether `now` lies in the certificate's time. Only its start is read with the tolerance for clocks."""
    return certificate.not_before_s <= now.wall_s + CLOCK_SKEW_S and now.wall_s < certificate.expires_s


def tier_for(asker: Member, holder: Member) -> Tier:
    """The nearest that an offer of `holder` can be for `asker`; what the offer runs on may take it further away."""
    base = Tier.PERSONAL if asker.person == holder.person else Tier.EDGE
    return max(base, asker.ceiling, holder.ceiling)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An island belongs that did not before."""

    member: Member


@dataclass(frozen=True, slots=True)
class Renewed:
    """A member has another certificate than before."""

    member: Member


@dataclass(frozen=True, slots=True)
class Removed:
    """An island belongs no more: revoked, or what admitted it no longer counts. Its connections drop."""

    island: IslandId


@dataclass(frozen=True, slots=True)
class Forked:
    """A signer wrote two entries with one number. Its certificates from `sequence` on count for nothing: alarm."""

    issuer: IslandId
    sequence: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """The entry was new and is kept; it changes nothing that is believed now."""

    issuer: IslandId
    sequence: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The entry's issuer is not known for a signer; it has no effect unless that becomes known."""

    issuer: IslandId
    sequence: int


@dataclass(frozen=True, slots=True)
class Known:
    """Nothing new."""


MembershipEvent: TypeAlias = Admitted | Renewed | Removed | Forked | Recorded | Waiting | Known
