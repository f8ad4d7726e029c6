"""The records of the membership log: genesis, certificate, revocation. Source: specs/02-records.md, section 2."""

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from protocol.encoding import DIGEST_BYTES, Fields, Limits, Wire, decode, encode
from protocol.errors import RecordError
from protocol.keys import KEY_BYTES, IslandId, PublicKey, SealingKey, island_id, public_key
from protocol.record_rules import check_island, check_name, check_octets, check_text, check_within, take_island
from protocol.terms import NanoUsd, Tier

GENESIS_BYTES_MAX: Final = 2_048  # 16 signers with a key of 34 and a signature of 66 bytes, and the rest
CERTIFICATE_BYTES_MAX: Final = 3_072  # 64 grants of 18 bytes, two texts of 256, and the rest
REVOCATION_BYTES_MAX: Final = 512

SIGNERS_MAX: Final = 16  # in a genesis; certificates make more
GRANTS_MAX: Final = 64
GRANT_BYTES: Final = 16
CERTIFICATE_LIFETIME_S: Final = 30 * 86_400  # what a signer gives unless asked otherwise
CERTIFICATE_LIFETIME_S_MAX: Final = 366 * 86_400

_BODY: Final = Limits(bytes_max=CERTIFICATE_BYTES_MAX, depth_max=2, items_max=128)
assert _BODY.items_max >= GRANTS_MAX + 2 * 16
_CEILINGS: Final = {tier.label: tier for tier in (Tier.PERSONAL, Tier.EDGE)}


@dataclass(frozen=True, slots=True)
class Genesis:
    """The start of an archipelago. The hash of its signed bytes is the archipelago's id."""

    KIND: ClassVar[str] = "genesis"
    BYTES_MAX: ClassVar[int] = GENESIS_BYTES_MAX

    signers: tuple[IslandId, ...]  # each of them signs it
    recovery: PublicKey  # its secret is on paper
    created_s: int

    def __post_init__(self) -> None:
        for signer in self.signers:
            check_island("genesis.signers", signer)
        if not 1 <= len(self.signers) <= SIGNERS_MAX or len(set(self.signers)) != len(self.signers):
            raise RecordError("genesis.signers", f"expected 1 to {SIGNERS_MAX} different keys")
        check_octets("genesis.recovery", self.recovery, KEY_BYTES)
        check_within("genesis.created_s", self.created_s, 0)

    @property
    def authors(self) -> tuple[IslandId, ...]:
        return self.signers

    def body(self) -> bytes:
        return encode(
            {
                "created_s": self.created_s,
                "recovery": self.recovery,
                "signers": [public_key(signer) for signer in self.signers],
            }
        )

    @classmethod
    def from_body(cls, data: bytes) -> Self:
        fields = Fields(decode(data, _BODY), cls.KIND)
        genesis = cls(
            created_s=fields.integer("created_s"),
            recovery=PublicKey(fields.octets("recovery", KEY_BYTES)),
            signers=tuple(island_id(PublicKey(key)) for key in fields.octets_list("signers", KEY_BYTES, SIGNERS_MAX)),
        )
        fields.end()
        return genesis


@dataclass(frozen=True, slots=True)
class Certificate:
    """A signer's word that an island belongs: whose it is, how far it is trusted at most, until when."""

    KIND: ClassVar[str] = "certificate"
    BYTES_MAX: ClassVar[int] = CERTIFICATE_BYTES_MAX

    archipelago: bytes
    issuer: IslandId
    sequence: int  # 1, 2, 3, … over all entries of this issuer
    previous: bytes  # hash of the issuer's entry before this; of the genesis for the first
    subject: IslandId
    sealing: SealingKey
    name: str
    person: str
    ceiling: Tier  # personal or edge
    signer: bool  # may issue entries itself; taken back only by a revocation
    jurisdiction: str  # "" where nobody said
    grants: tuple[bytes, ...]  # random ids of collections that the person may ask, ascending
    spend_share: NanoUsd | None  # 0: the owner has a cap, and leases it (protocol/shares.py); None: no cap
    not_before_s: int
    expires_s: int

    def __post_init__(self) -> None:
        _check_link(self)
        check_octets("certificate.sealing", self.sealing, KEY_BYTES)
        check_name("certificate.name", self.name)
        check_text("certificate.person", self.person, 1)
        check_text("certificate.jurisdiction", self.jurisdiction, 0)
        if self.ceiling not in (Tier.PERSONAL, Tier.EDGE):
            raise RecordError("certificate.ceiling", f"expected {', '.join(_CEILINGS)}")
        if len(self.grants) > GRANTS_MAX:
            raise RecordError("certificate.grants", f"expected at most {GRANTS_MAX}")
        for grant in self.grants:
            check_octets("certificate.grants", grant, GRANT_BYTES)
        if any(one >= other for one, other in zip(self.grants, self.grants[1:], strict=False)):
            raise RecordError("certificate.grants", "expected ascending order, each once")
        if self.spend_share is not None:
            check_within("certificate.spend_share", self.spend_share, 0)
        check_within("certificate.not_before_s", self.not_before_s, 0)
        least = self.not_before_s + 1
        check_within("certificate.expires_s", self.expires_s, least, self.not_before_s + CERTIFICATE_LIFETIME_S_MAX)

    @property
    def authors(self) -> tuple[IslandId, ...]:
        return (self.issuer,)

    def body(self) -> bytes:
        return encode(
            {
                **_link_body(self),
                "ceiling": self.ceiling.label,
                "expires_s": self.expires_s,
                "grants": list(self.grants),
                "jurisdiction": self.jurisdiction,
                "name": self.name,
                "not_before_s": self.not_before_s,
                "person": self.person,
                "sealing": self.sealing,
                "signer": self.signer,
                "spend_share": self.spend_share,
            }
        )

    @classmethod
    def from_body(cls, data: bytes) -> Self:
        fields = Fields(decode(data, _BODY), cls.KIND)
        share = fields.integer_or_nil("spend_share")
        certificate = cls(
            archipelago=fields.octets("archipelago", DIGEST_BYTES),
            issuer=take_island(fields, "issuer"),
            sequence=fields.integer("sequence"),
            previous=fields.octets("previous", DIGEST_BYTES),
            subject=take_island(fields, "subject"),
            sealing=SealingKey(fields.octets("sealing", KEY_BYTES)),
            name=fields.text("name", CERTIFICATE_BYTES_MAX),
            person=fields.text("person", CERTIFICATE_BYTES_MAX),
            ceiling=fields.choice("ceiling", _CEILINGS),
            signer=fields.boolean("signer"),
            jurisdiction=fields.text("jurisdiction", CERTIFICATE_BYTES_MAX),
            grants=fields.octets_list("grants", GRANT_BYTES, GRANTS_MAX),
            spend_share=None if share is None else NanoUsd(share),
            not_before_s=fields.integer("not_before_s"),
            expires_s=fields.integer("expires_s"),
        )
        fields.end()
        return certificate


@dataclass(frozen=True, slots=True)
class Revocation:
    """A signer's word that a key belongs no more. It never comes back: a device that returns has a new key."""

    KIND: ClassVar[str] = "revocation"
    BYTES_MAX: ClassVar[int] = REVOCATION_BYTES_MAX

    archipelago: bytes
    issuer: IslandId
    sequence: int
    previous: bytes
    subject: IslandId
    keep: int  # the subject's own certificates up to this sequence stay good; 0: none
    made_s: int  # for people

    def __post_init__(self) -> None:
        _check_link(self)
        check_within("revocation.keep", self.keep, 0)
        check_within("revocation.made_s", self.made_s, 0)

    @property
    def authors(self) -> tuple[IslandId, ...]:
        return (self.issuer,)

    def body(self) -> bytes:
        return encode({**_link_body(self), "keep": self.keep, "made_s": self.made_s})

    @classmethod
    def from_body(cls, data: bytes) -> Self:
        fields = Fields(decode(data, _BODY), cls.KIND)
        revocation = cls(
            archipelago=fields.octets("archipelago", DIGEST_BYTES),
            issuer=take_island(fields, "issuer"),
            sequence=fields.integer("sequence"),
            previous=fields.octets("previous", DIGEST_BYTES),
            subject=take_island(fields, "subject"),
            keep=fields.integer("keep"),
            made_s=fields.integer("made_s"),
        )
        fields.end()
        return revocation


def _check_link(entry: Certificate | Revocation) -> None:
    """What every entry of the log has: where it belongs, who wrote it, and its place in that signer's chain."""
    check_octets(f"{entry.KIND}.archipelago", entry.archipelago, DIGEST_BYTES)
    check_island(f"{entry.KIND}.issuer", entry.issuer)
    check_within(f"{entry.KIND}.sequence", entry.sequence, 1)
    check_octets(f"{entry.KIND}.previous", entry.previous, DIGEST_BYTES)
    check_island(f"{entry.KIND}.subject", entry.subject)
    if entry.sequence == 1 and entry.previous != entry.archipelago:
        raise RecordError(f"{entry.KIND}.previous", "expected the archipelago's id in an issuer's first entry")


def _link_body(entry: Certificate | Revocation) -> dict[str, Wire]:
    return {
        "archipelago": entry.archipelago,
        "issuer": public_key(entry.issuer),
        "previous": entry.previous,
        "sequence": entry.sequence,
        "subject": public_key(entry.subject),
    }
