"""The frames that members exchange on sync streams; gossip carries Records alone.

Source: specs/07-dissemination.md, section 2.
"""

import functools
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol.encoding import DIGEST_BYTES, Fields, Limits, Wire, decode, digest, encode
from protocol.errors import MisuseError, RecordError
from protocol.frames import KIND, blobs, entries, peers_fault
from protocol.greeting import Heads, read_heads, wire_heads
from protocol.keys import KEY_BYTES, IslandId, PublicKey, island_id, public_key
from protocol.records import RECORD_BYTES_MAX

SYNC_FRAME_BYTES_MAX: Final = 16_384  # py-libp2p's own limit, of 1 MiB, let one RPC stall the loop for 15 s
RECORDS_MAX: Final = 128  # in one frame; the smallest record has about 200 bytes
HEADS_MAX: Final = 128
STATES_MAX: Final = 256  # in one digest; more islands take more of them, each for a range of keys
CONTENT_BYTES_MAX: Final = 12_288  # of a question or an answer
NONCE_MAX: Final = 2**32 - 1

_LIMITS: Final = Limits(bytes_max=SYNC_FRAME_BYTES_MAX, depth_max=3, items_max=2_048)
_RECORD_OVERHEAD: Final = 5
_FRAME_OVERHEAD: Final = 32
assert HEADS_MAX * (KEY_BYTES + DIGEST_BYTES + 14) + 64 <= SYNC_FRAME_BYTES_MAX
assert STATES_MAX * (KEY_BYTES + 21) + 2 * KEY_BYTES + 64 <= SYNC_FRAME_BYTES_MAX
assert RECORD_BYTES_MAX + _RECORD_OVERHEAD + _FRAME_OVERHEAD <= SYNC_FRAME_BYTES_MAX
assert CONTENT_BYTES_MAX + 64 <= SYNC_FRAME_BYTES_MAX

States = Mapping[IslandId, tuple[int, int]]
"""Boot and sequence of the newest statement known of each island."""


@dataclass(frozen=True, slots=True)
class Summary:
    """One hash of all that the sender knows: who has the same need not exchange digests."""

    hash: bytes

    @classmethod
    def of(cls, heads: Heads, states: States) -> "Summary":
        return cls(digest(encode([wire_heads(heads), _wire(states)])))


@dataclass(frozen=True, slots=True)
class LogDigest:
    """How far the sender knows the log. `reply` asks for the other end's, should that know less than the sender."""

    heads: Heads
    reply: bool = False


@dataclass(frozen=True, slots=True)
class StateDigest:
    """Which statements the sender knows, of the islands whose public key lies from `low` to before `high` (b"": all
    from `low` on)."""

    states: States
    low: bytes = b""
    high: bytes = b""
    reply: bool = False

    def covers(self, island: IslandId) -> bool:
        key = public_key(island)
        return self.low <= key and (not self.high or key < self.high)


@dataclass(frozen=True, slots=True, repr=False)
class Records:
    """Signed records, exactly as they were signed; entries of the log before statements."""

    raws: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    nonce: int


@dataclass(frozen=True, slots=True)
class PingRequest:
    """Ping `target` for me, and pass its Ack on under my nonce."""

    nonce: int
    target: IslandId


@dataclass(frozen=True, slots=True)
class Ack:
    nonce: int


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """For the core of the other end (protocol/questions.py); here its content is opaque."""

    id: int
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    id: int
    content: bytes


SyncFrame: TypeAlias = Summary | LogDigest | StateDigest | Records | Ping | PingRequest | Ack | Question | Answer


def encode_frame(frame: SyncFrame) -> bytes:
    match frame:
        case Summary(known):
            return encode({KIND: "summary", "hash": known})
        case LogDigest(heads, reply):
            return encode({KIND: "log_digest", "heads": wire_heads(heads), "reply": reply})
        case StateDigest(states, low, high, reply):
            return encode({KIND: "state_digest", "high": high, "low": low, "reply": reply, "states": _wire(states)})
        case Records(raws):
            return encode({KIND: "records", "raws": list(raws)})
        case Ping(nonce):
            return encode({KIND: "ping", "nonce": nonce})
        case PingRequest(nonce, target):
            return encode({KIND: "ping_request", "nonce": nonce, "target": public_key(target)})
        case Ack(nonce):
            return encode({KIND: "ack", "nonce": nonce})
        case Question(number, content) | Answer(number, content):
            if len(content) > CONTENT_BYTES_MAX:
                raise MisuseError(f"a question or an answer has at most {CONTENT_BYTES_MAX} bytes")
            kind = "question" if isinstance(frame, Question) else "answer"
            return encode({KIND: kind, "content": content, "id": number})


def decode_frame(data: bytes) -> SyncFrame:
    """Raises PeerError for whatever a member may not say."""
    with peers_fault("sync"):
        fields = Fields(decode(data, _LIMITS), "sync")
        frame = _READERS[fields.choice(KIND, {kind: kind for kind in _READERS})](fields)
        fields.end()
        return frame


@functools.lru_cache(maxsize=64)
def decode_gossip(data: bytes) -> Records:
    """A gossip frame: Records, nothing else. Raises PeerError. Remembered: simulated islands all get the same."""
    frame = decode_frame(data)
    if not isinstance(frame, Records):
        with peers_fault("gossip"):
            raise RecordError("gossip.t", "expected records")
    return frame


def record_frame(queue: deque[bytes]) -> bytes:
    """A frame with as many records from the left of `queue`, which must not be empty, as fit; it takes them out."""
    room = SYNC_FRAME_BYTES_MAX - _FRAME_OVERHEAD
    batch: list[bytes] = []
    while queue and len(batch) < RECORDS_MAX and (room := room - len(queue[0]) - _RECORD_OVERHEAD) >= 0:
        batch.append(queue.popleft())
    return encode_frame(Records(tuple(batch)))


def record_frames(raws: Iterable[bytes]) -> list[bytes]:
    """Frames with all those records in their order, each as full as it may be."""
    queue, frames = deque(raws), []
    while queue:
        frames.append(record_frame(queue))
    return frames


def log_digest_frame(heads: Heads, *, reply: bool) -> bytes:
    """Of more than HEADS_MAX signers it leaves some out, whose entries the other end then sends again."""
    return encode_frame(LogDigest(dict(sorted(heads.items())[:HEADS_MAX]), reply))


def state_digest_frames(states: States, *, reply: bool) -> list[bytes]:
    """Digests that together cover every key."""
    ordered = sorted((public_key(island), island) for island in states)
    parts = [ordered[start : start + STATES_MAX] for start in range(0, len(ordered), STATES_MAX)] or [[]]
    bounds = [b"", *(bytes(part[0][0]) for part in parts[1:]), b""]
    return [
        encode_frame(StateDigest({island: states[island] for _, island in part}, low, high, reply))
        for part, low, high in zip(parts, bounds, bounds[1:], strict=False)
    ]


def _wire(states: States) -> Wire:
    return [[public_key(island), boot, sequence] for island, (boot, sequence) in sorted(states.items())]


def _state_digest(fields: Fields) -> StateDigest:
    states: dict[IslandId, tuple[int, int]] = {}
    for entry in entries(fields, "states", STATES_MAX, 3):
        island = island_id(PublicKey(entry.octets("0", KEY_BYTES)))
        if island in states:
            raise RecordError(fields.path("states"), "expected each island once")
        states[island] = (entry.integer("1", 0), entry.integer("2", 0))
    low, high = fields.blob("low", KEY_BYTES), fields.blob("high", KEY_BYTES)
    return StateDigest(states, low, high, fields.boolean("reply"))


def _nonce(fields: Fields, name: str = "nonce") -> int:
    return fields.integer(name, 0, NONCE_MAX)


def _ping_request(fields: Fields) -> PingRequest:
    return PingRequest(_nonce(fields), island_id(PublicKey(fields.octets("target", KEY_BYTES))))


_READERS: Final[Mapping[str, Callable[[Fields], SyncFrame]]] = {
    "summary": lambda fields: Summary(fields.octets("hash", DIGEST_BYTES)),
    "log_digest": lambda fields: LogDigest(read_heads(fields, "heads", HEADS_MAX), fields.boolean("reply")),
    "state_digest": _state_digest,
    "records": lambda fields: Records(blobs(fields, "raws", RECORDS_MAX, RECORD_BYTES_MAX)),
    "ping": lambda fields: Ping(_nonce(fields)),
    "ping_request": _ping_request,
    "ack": lambda fields: Ack(_nonce(fields)),
    "question": lambda fields: Question(_nonce(fields, "id"), fields.blob("content", CONTENT_BYTES_MAX)),
    "answer": lambda fields: Answer(_nonce(fields, "id"), fields.blob("content", CONTENT_BYTES_MAX)),
}
