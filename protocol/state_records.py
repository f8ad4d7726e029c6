"""What islands say of themselves and of one another. Source: specs/02-records.md, section 3."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final, Self

from protocol.encoding import Fields, Limits, Wire, decode, digest, encode
from protocol.errors import RecordError
from protocol.keys import KEY_BYTES, IslandId, SealingKey, public_key
from protocol.record_rules import check_island, check_octets, check_within, take_island

STATEMENT_BYTES_MAX: Final = 4_096  # 64 offers of 48 bytes, and the rest
OBSERVATION_BYTES_MAX: Final = 512
OFFERS_MAX: Final = 64
MODEL_BYTES_MAX: Final = 128
LIFETIME_MS_MAX: Final = 900_000
PREKEY_ID_BYTES: Final = 8
CONTEXT_TOKENS_MAX: Final = 100_000_000
SLOTS_MAX: Final = 4_096
TOKENS_PER_S_MAX: Final = 1_000_000
TTFT_MS_MAX: Final = 3_600_000

_BODY: Final = Limits(bytes_max=STATEMENT_BYTES_MAX, depth_max=3, items_max=1_024)
assert _BODY.items_max >= OFFERS_MAX * 8 + 2 * 16


class ModelOrigin(StrEnum):
    """Where an offered model runs, as its island says; it may lower the tier, never raise it."""

    EMBEDDED = "embedded"
    LOOPBACK = "loopback"
    CONFIGURED = "configured"


class Finding(StrEnum):
    """What an observer saw of another island. A rumour: it may cause a probe, and nothing else."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"


_ORIGINS: Final = {origin.value: origin for origin in ModelOrigin}
_FINDINGS: Final = {finding.value: finding for finding in Finding}
_OFFER_TYPES: Final = (str, int, int, int, int, str, bool)


def prekey_id(prekey: SealingKey) -> bytes:
    """What an envelope names a prekey by: the first 8 bytes of its digest."""
    return digest(prekey)[:PREKEY_ID_BYTES]


@dataclass(frozen=True, slots=True)
class ModelOffer:
    """One model that an island serves to its peers. Estimates, for ranking only."""

    model: str
    context_tokens: int
    slots: int
    tokens_per_s: int
    ttft_ms: int  # time to the first token of a short prompt
    origin: ModelOrigin
    tools: bool  # takes tool definitions

    def __post_init__(self) -> None:
        if not 1 <= len(self.model) <= MODEL_BYTES_MAX or not (self.model.isascii() and self.model.isprintable()):
            raise RecordError("offer.model", f"expected 1 to {MODEL_BYTES_MAX} printable ASCII characters")
        check_within("offer.context_tokens", self.context_tokens, 1, CONTEXT_TOKENS_MAX)
        check_within("offer.slots", self.slots, 1, SLOTS_MAX)
        check_within("offer.tokens_per_s", self.tokens_per_s, 0, TOKENS_PER_S_MAX)
        check_within("offer.ttft_ms", self.ttft_ms, 0, TTFT_MS_MAX)

    def wire(self) -> list[Wire]:
        """Positional: names of members would be two thirds of a statement."""
        return [
            self.model,
            self.context_tokens,
            self.slots,
            self.tokens_per_s,
            self.ttft_ms,
            self.origin.value,
            self.tools,
        ]

    @classmethod
    def from_wire(cls, value: object, where: str) -> Self:
        if type(value) is not list or tuple(map(type, value)) != _OFFER_TYPES:
            raise RecordError(where, "expected [text, integer, integer, integer, integer, text, true or false]")
        model, context_tokens, slots, tokens_per_s, ttft_ms, origin, tools = value
        if origin not in _ORIGINS:
            raise RecordError(f"{where}.origin", f"expected {', '.join(_ORIGINS)}")
        try:
            return cls(model, context_tokens, slots, tokens_per_s, ttft_ms, _ORIGINS[origin], tools)
        except RecordError as error:
            raise RecordError(error.field.replace("offer", where, 1), error.problem) from error


@dataclass(frozen=True, slots=True)
class CapabilityStatement:
    """What an island says it can do now. Signed by itself; nothing in it raises its tier."""

    KIND: ClassVar[str] = "statement"
    BYTES_MAX: ClassVar[int] = STATEMENT_BYTES_MAX

    subject: IslandId
    boot: int  # grows with every start, kept on disk
    sequence: int  # grows with every statement of one boot
    lifetime_ms: int  # runs on the receiver's monotonic clock, from first receipt
    prekey: SealingKey
    offers: tuple[ModelOffer, ...]  # only what it may serve to peers: never its clouds
    battery: int | None = None  # percent; None: on mains, or not known

    def __post_init__(self) -> None:
        check_island("statement.subject", self.subject)
        check_within("statement.boot", self.boot, 0)
        check_within("statement.sequence", self.sequence, 0)
        check_within("statement.lifetime_ms", self.lifetime_ms, 1, LIFETIME_MS_MAX)
        check_octets("statement.prekey", self.prekey, KEY_BYTES)
        if len(self.offers) > OFFERS_MAX:
            raise RecordError("statement.offers", f"expected at most {OFFERS_MAX}")
        if len({offer.model for offer in self.offers}) != len(self.offers):
            raise RecordError("statement.offers", "expected each model once")
        if self.battery is not None:
            check_within("statement.battery", self.battery, 0, 100)

    @property
    def authors(self) -> tuple[IslandId, ...]:
        return (self.subject,)

    @property
    def prekey_id(self) -> bytes:
        return prekey_id(self.prekey)

    def body(self) -> bytes:
        return encode(
            {
                "battery": self.battery,
                "boot": self.boot,
                "lifetime_ms": self.lifetime_ms,
                "offers": [offer.wire() for offer in self.offers],
                "prekey": self.prekey,
                "sequence": self.sequence,
                "subject": public_key(self.subject),
            }
        )

    @classmethod
    def from_body(cls, data: bytes) -> Self:
        fields = Fields(decode(data, _BODY), cls.KIND)
        statement = cls(
            subject=take_island(fields, "subject"),
            boot=fields.integer("boot"),
            sequence=fields.integer("sequence"),
            lifetime_ms=fields.integer("lifetime_ms"),
            prekey=SealingKey(fields.octets("prekey", KEY_BYTES)),
            offers=tuple(
                ModelOffer.from_wire(value, f"statement.offers[{index}]")
                for index, value in enumerate(fields.items("offers", OFFERS_MAX))
            ),
            battery=fields.integer_or_nil("battery"),
        )
        fields.end()
        return statement


@dataclass(frozen=True, slots=True)
class Observation:
    """What one island saw of another. The other refutes it with a statement newer than the one named here."""

    KIND: ClassVar[str] = "observation"
    BYTES_MAX: ClassVar[int] = OBSERVATION_BYTES_MAX

    observer: IslandId
    subject: IslandId
    boot: int  # of the observer
    sequence: int  # of the observer, over all its observations of one boot
    lifetime_ms: int
    finding: Finding
    subject_boot: int  # of the newest statement of the subject that the observer holds
    subject_sequence: int

    def __post_init__(self) -> None:
        check_island("observation.observer", self.observer)
        check_island("observation.subject", self.subject)
        if self.observer == self.subject:
            raise RecordError("observation.subject", "expected another island than the observer")
        check_within("observation.boot", self.boot, 0)
        check_within("observation.sequence", self.sequence, 0)
        check_within("observation.lifetime_ms", self.lifetime_ms, 1, LIFETIME_MS_MAX)
        check_within("observation.subject_boot", self.subject_boot, 0)
        check_within("observation.subject_sequence", self.subject_sequence, 0)

    @property
    def authors(self) -> tuple[IslandId, ...]:
        return (self.observer,)

    def body(self) -> bytes:
        return encode(
            {
                "boot": self.boot,
                "finding": self.finding.value,
                "lifetime_ms": self.lifetime_ms,
                "observer": public_key(self.observer),
                "sequence": self.sequence,
                "subject": public_key(self.subject),
                "subject_boot": self.subject_boot,
                "subject_sequence": self.subject_sequence,
            }
        )

    @classmethod
    def from_body(cls, data: bytes) -> Self:
        fields = Fields(decode(data, _BODY), cls.KIND)
        observation = cls(
            observer=take_island(fields, "observer"),
            subject=take_island(fields, "subject"),
            boot=fields.integer("boot"),
            sequence=fields.integer("sequence"),
            lifetime_ms=fields.integer("lifetime_ms"),
            finding=fields.choice("finding", _FINDINGS),
            subject_boot=fields.integer("subject_boot"),
            subject_sequence=fields.integer("subject_sequence"),
        )
        fields.end()
        return observation
