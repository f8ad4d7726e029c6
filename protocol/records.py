"""Signed records: their one form on the wire, and the two steps of reading one. Source: specs/02-records.md.

A signature costs several times all the rest, so reading goes in two steps: `read_record` shows what a record claims to
be, within every bound; `Unverified.verified` shows that its author signed it. If in doubt, `open_record`: it does both.
"""

from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from protocol.encoding import Fields, Limits, decode, digest, encode
from protocol.errors import RecordError
from protocol.keys import SIGNATURE_BYTES, IslandId, PublicKey, Signature, SigningKey, public_key, verify
from protocol.log_records import (
    CERTIFICATE_BYTES_MAX,
    CERTIFICATE_LIFETIME_S,
    CERTIFICATE_LIFETIME_S_MAX,
    GENESIS_BYTES_MAX,
    GRANT_BYTES,
    GRANTS_MAX,
    REVOCATION_BYTES_MAX,
    SIGNERS_MAX,
    Certificate,
    Genesis,
    Revocation,
)
from protocol.state_records import (
    LIFETIME_MS_MAX,
    OBSERVATION_BYTES_MAX,
    OFFERS_MAX,
    STATEMENT_BYTES_MAX,
    CapabilityStatement,
    Finding,
    ModelOffer,
    ModelOrigin,
    Observation,
    prekey_id,
)

__all__ = [
    "CERTIFICATE_BYTES_MAX",
    "CERTIFICATE_LIFETIME_S",
    "CERTIFICATE_LIFETIME_S_MAX",
    "GENESIS_BYTES_MAX",
    "GRANTS_MAX",
    "GRANT_BYTES",
    "LIFETIME_MS_MAX",
    "OBSERVATION_BYTES_MAX",
    "OFFERS_MAX",
    "RECORD_BYTES_MAX",
    "REVOCATION_BYTES_MAX",
    "SIGNERS_MAX",
    "STATEMENT_BYTES_MAX",
    "CapabilityStatement",
    "Certificate",
    "Finding",
    "Genesis",
    "Header",
    "LogEntry",
    "ModelOffer",
    "ModelOrigin",
    "Observation",
    "Record",
    "Revocation",
    "Signed",
    "Unverified",
    "Verifier",
    "open_record",
    "peek",
    "prekey_id",
    "read_record",
    "seal_genesis",
    "seal_record",
]

Record: TypeAlias = Genesis | Certificate | Revocation | CapabilityStatement | Observation
LogEntry: TypeAlias = Certificate | Revocation
RecordT = TypeVar("RecordT", bound=Record)
RecordT_co = TypeVar("RecordT_co", bound=Record, covariant=True)

RECORD_BYTES_MAX: Final = max(GENESIS_BYTES_MAX, CERTIFICATE_BYTES_MAX, STATEMENT_BYTES_MAX)

_KINDS: Final[dict[str, type[Record]]] = {
    kind.KIND: kind for kind in (Genesis, Certificate, Revocation, CapabilityStatement, Observation)
}
_ENVELOPE: Final = Limits(bytes_max=RECORD_BYTES_MAX, depth_max=2, items_max=8 + SIGNERS_MAX)


class Verifier(Protocol):
    """How a signature is checked: `keys.verify`, or in a simulation one that remembers its verdicts."""

    def __call__(self, public: PublicKey, domain: str, body: bytes, signature: Signature, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Signed(Generic[RecordT_co]):
    """A record with its authors' signatures verified, or made here. Whom to *trust* is membership's business."""

    record: RecordT_co
    raw: bytes  # exactly the bytes that were signed and verified; what is stored and passed on
    hash: bytes


@dataclass(frozen=True, slots=True)
class Unverified(Generic[RecordT_co]):
    """A record within every bound that anybody may have written."""

    record: RecordT_co
    raw: bytes
    body: bytes
    signatures: tuple[Signature, ...]

    def verified(self, verifier: Verifier = verify) -> Signed[RecordT_co]:
        """Raises RecordError unless each author signed."""
        for author, signature in zip(self.record.authors, self.signatures, strict=True):
            if not verifier(public_key(author), self.record.KIND, self.body, signature):
                raise RecordError(f"{self.record.KIND}.signatures", f"not signed by {author}")
        return Signed(self.record, self.raw, digest(self.raw))


@dataclass(frozen=True, slots=True)
class Header:
    """What a record claims to be, for deciding whether to look closer. Anybody may have written it."""

    kind: str
    author: IslandId  # the first, of a genesis
    boot: int  # 0 in entries of the log
    sequence: int  # 0 in a genesis


def seal_record(record: RecordT, key: SigningKey) -> Signed[RecordT]:
    """Signs for the record's one author. Raises RecordError when `key` is not the author's, or the record too large."""
    return _seal(record, (key,))


def seal_genesis(genesis: Genesis, keys: tuple[SigningKey, ...]) -> Signed[Genesis]:
    """Signs a genesis with the keys of all its signers, in its order."""
    return _seal(genesis, keys)


def open_record(raw: bytes, verifier: Verifier = verify) -> Signed[Record]:
    """Structure, bounds and signatures. Raises EncodingError or RecordError."""
    return read_record(raw).verified(verifier)


def read_record(raw: bytes) -> Unverified[Record]:
    """Structure and bounds, without the signatures. Raises EncodingError or RecordError."""
    fields = Fields(decode(raw, _ENVELOPE), "record")
    kind = fields.choice("kind", _KINDS)
    if len(raw) > kind.BYTES_MAX:
        raise RecordError(kind.KIND, f"expected at most {kind.BYTES_MAX} bytes")
    body = fields.blob("body", kind.BYTES_MAX)
    signatures = fields.octets_list("signatures", SIGNATURE_BYTES, SIGNERS_MAX)
    fields.end()
    record = kind.from_body(body)
    if len(signatures) != len(record.authors):
        raise RecordError(f"{kind.KIND}.signatures", f"expected {len(record.authors)}")
    return Unverified(record, raw, body, tuple(map(Signature, signatures)))


def peek(raw: bytes) -> Header:
    """Who claims to have written it, and which number it claims. Raises EncodingError or RecordError."""
    record = read_record(raw).record
    match record:
        case Genesis():
            return Header(record.KIND, record.signers[0], 0, 0)
        case Certificate() | Revocation():
            return Header(record.KIND, record.issuer, 0, record.sequence)
        case CapabilityStatement() | Observation():
            return Header(record.KIND, record.authors[0], record.boot, record.sequence)


def _seal(record: RecordT, keys: tuple[SigningKey, ...]) -> Signed[RecordT]:
    if tuple(key.island for key in keys) != record.authors:
        raise RecordError(f"{record.KIND}.signatures", "expected the keys of its authors")
    body = record.body()
    signatures = [key.sign(record.KIND, body) for key in keys]
    raw = encode({"body": body, "kind": record.KIND, "signatures": [bytes(signature) for signature in signatures]})
    if len(raw) > record.BYTES_MAX:
        raise RecordError(record.KIND, f"expected at most {record.BYTES_MAX} bytes")
    return Signed(record, raw, digest(raw))
