"""The first and only thing that two connected islands say before they believe each other.

Source: specs/04-session.md, section 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from protocol.encoding import DIGEST_BYTES, Fields, Limits, Wire, decode, encode
from protocol.errors import RecordError, Reply, SessionError
from protocol.frames import blobs, entries, peers_fault
from protocol.keys import KEY_BYTES, IslandId, PublicKey, island_id, public_key
from protocol.records import CERTIFICATE_BYTES_MAX, REVOCATION_BYTES_MAX, Revocation, read_record

VERSION: Final = 1
GREETING_BYTES_MAX: Final = 16_384
CHAIN_MAX: Final = 4  # certificates from a signer of the genesis to the sender; longer chains are healed over sync
HEADS_MAX: Final = 32
_LIMITS: Final = Limits(bytes_max=GREETING_BYTES_MAX, depth_max=3, items_max=512)
_HEAD_BYTES_MAX: Final = KEY_BYTES + DIGEST_BYTES + 16
_ROOM: Final = GREETING_BYTES_MAX - CHAIN_MAX * (CERTIFICATE_BYTES_MAX + 4) - HEADS_MAX * _HEAD_BYTES_MAX
assert _ROOM >= 2 * REVOCATION_BYTES_MAX, "a greeting always carries some revocations"

Heads = Mapping[IslandId, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Greeting:
    """Who I am (the certificates that lead to me), who must no longer be believed, and how far I have read the log."""

    chain: tuple[bytes, ...]
    revocations: tuple[bytes, ...]  # the newest that fit; sync brings the rest, before anything else
    heads: Heads

    def to_bytes(self) -> bytes:
        return encode(
            {
                "chain": list(self.chain),
                "heads": wire_heads(self.heads),
                "revocations": list(self.revocations),
                "v": VERSION,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises SessionError, whose reply is to close the connection."""
        with peers_fault("greeting", SessionError, Reply.CLOSE):
            fields = Fields(decode(data, _LIMITS), "greeting")
            fields.integer("v", VERSION, VERSION)
            chain = blobs(fields, "chain", CHAIN_MAX, CERTIFICATE_BYTES_MAX)
            revocations = blobs(fields, "revocations", _LIMITS.items_max, REVOCATION_BYTES_MAX)
            heads = read_heads(fields, "heads", HEADS_MAX)
            fields.end()
        return cls(chain, revocations, heads)

    @classmethod
    def fitting(cls, chain: tuple[bytes, ...], revocations: tuple[bytes, ...], heads: Heads) -> Self:
        """The greeting with as many of the revocations, newest first, and of the heads as there is room for."""
        greeting = cls(chain[-CHAIN_MAX:], (), dict(sorted(heads.items())[:HEADS_MAX]))
        room = GREETING_BYTES_MAX - len(greeting.to_bytes()) - 8
        if sum(len(raw) + 4 for raw in revocations) > room:
            revocations = tuple(sorted(revocations, key=_made_s, reverse=True))
        fitting = []
        for raw in revocations:
            room -= len(raw) + 4
            if room < 0:
                break
            fitting.append(raw)
        return cls(greeting.chain, tuple(fitting), greeting.heads)


def wire_heads(heads: Heads) -> Wire:
    return [[public_key(island), sequence, head] for island, (sequence, head) in sorted(heads.items())]


def read_heads(fields: Fields, name: str, items_max: int) -> Heads:
    """Raises RecordError."""
    heads: dict[IslandId, tuple[int, bytes]] = {}
    for entry in entries(fields, name, items_max, 3):
        island = island_id(PublicKey(entry.octets("0", KEY_BYTES)))
        if island in heads:
            raise RecordError(fields.path(name), "expected each issuer once")
        heads[island] = (entry.integer("1", 0), entry.octets("2", DIGEST_BYTES))
    return heads


def _made_s(raw: bytes) -> int:
    record = read_record(raw).record
    return record.made_s if isinstance(record, Revocation) else 0
