"""How asker and island come to the keys of an envelope, and what the island refuses before it opens anything.

Source: specs/05-envelope.md, section 2. The three exchanges are those of X3DH without a one-time prekey (Signal, "The
X3DH Key Agreement Protocol", section 3.3): only the asker that its certificate names can make them, and when the
prekey is gone (24 h) a recorded envelope cannot be opened even with both lasting keys.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, Self

from protocol.encoding import Fields, Limits, decode, digest, encode
from protocol.errors import EncodingError, RecordError
from protocol.keys import KEY_BYTES, IslandId, PublicKey, SealingKey, SealingPair, island_id
from protocol.members import CLOCK_SKEW_S
from protocol.sealed_stream import refused
from protocol.state_records import PREKEY_ID_BYTES
from protocol.terms import Now

VERSION: Final = 1
REQUEST_ID_BYTES: Final = 16
HEADER_BYTES_MAX: Final = 512
LIFETIME_S_MAX: Final = 120  # from the asker's clock to the envelope's expiry
REPLAYS_MAX: Final = 10_000  # 10,000 requests in the 6 minutes below are 28 a second: more than a node answers
REPLAY_MEMORY_MS: Final = (LIFETIME_S_MAX + 2 * CLOCK_SKEW_S) * 1000

_LIMITS: Final = Limits(bytes_max=HEADER_BYTES_MAX, depth_max=1, items_max=32)
_DOMAIN: Final = b"islandrun/envelope/1\0"
_EXPIRY_S_MAX: Final = 2**40


@dataclass(frozen=True, slots=True)
class Header:
    """What an envelope says in clear, to the recipient alone on a stream that is encrypted by Noise already."""

    request_id: bytes
    sender: PublicKey
    recipient: PublicKey
    prekey_id: bytes
    ephemeral: SealingKey
    expiry_s: int  # Unix seconds; nothing may be opened for the first time after it

    def to_bytes(self) -> bytes:
        return encode(
            {
                "ephemeral": self.ephemeral,
                "expiry_s": self.expiry_s,
                "id": self.request_id,
                "prekey_id": self.prekey_id,
                "recipient": self.recipient,
                "sender": self.sender,
                "v": VERSION,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Raises EnvelopeError naming the member."""
        try:
            fields = Fields(decode(data, _LIMITS), "header")
            fields.integer("v", VERSION, VERSION)
            header = cls(
                request_id=fields.octets("id", REQUEST_ID_BYTES),
                sender=PublicKey(fields.octets("sender", KEY_BYTES)),
                recipient=PublicKey(fields.octets("recipient", KEY_BYTES)),
                prekey_id=fields.octets("prekey_id", PREKEY_ID_BYTES),
                ephemeral=SealingKey(fields.octets("ephemeral", KEY_BYTES)),
                expiry_s=fields.integer("expiry_s", 0, _EXPIRY_S_MAX),
            )
            fields.end()
        except RecordError as error:
            raise refused(error.field, error.problem) from None
        except EncodingError:
            raise refused("header", "not the canonical encoding") from None
        return header


@dataclass(frozen=True, slots=True, repr=False)
class StreamKeys:
    """The two keys of one envelope, and the transcript that every chunk is bound to."""

    ask: bytes
    answer: bytes
    transcript: bytes

    @classmethod
    def derive(cls, exchanges: tuple[bytes, bytes, bytes], transcript: bytes) -> Self:
        master = hashlib.blake2b(_DOMAIN + b"".join(exchanges) + transcript, digest_size=KEY_BYTES).digest()
        ask, answer = (hashlib.blake2b(way, key=master, digest_size=KEY_BYTES).digest() for way in (b"ask", b"answer"))
        return cls(ask, answer, transcript)


def transcript(header: bytes, sender: SealingKey, recipient: SealingKey, prekey: SealingKey) -> bytes:
    """Binds the keys and every chunk to the header and to the three lasting keys that were used."""
    return digest(_DOMAIN + header + sender + recipient + prekey)


def asker_keys(
    header: Header, own: SealingPair, ephemeral: SealingPair, recipient: SealingKey, prekey: SealingKey
) -> StreamKeys:
    """Raises EnvelopeError when a key of the recipient is a point of small order."""
    exchanges = _exchange((ephemeral, prekey), (ephemeral, recipient), (own, prekey))
    return StreamKeys.derive(exchanges, transcript(header.to_bytes(), own.public, recipient, prekey))


def island_keys(header: Header, own: SealingPair, prekey: SealingPair, sender: SealingKey) -> StreamKeys:
    """Raises EnvelopeError when a key of the asker is a point of small order."""
    exchanges = _exchange((prekey, header.ephemeral), (own, header.ephemeral), (prekey, sender))
    return StreamKeys.derive(exchanges, transcript(header.to_bytes(), sender, own.public, prekey.public))


def _exchange(*pairs: tuple[SealingPair, SealingKey]) -> tuple[bytes, bytes, bytes]:
    try:
        first, second, third = (own.exchange(other) for own, other in pairs)
    except RecordError as error:
        raise refused("key", error.problem) from None
    return first, second, third


class ReplayCache:
    """Which envelopes this island has opened: none is opened twice. Bounded; refuses when full.

    Its clock never goes back and never stands still while the monotonic clock runs, so that a wall clock that is set
    back opens nothing again: it makes envelopes expire instead, which fails closed.
    """

    __slots__ = ("_anchor", "_capacity", "_opened")

    def __init__(self, capacity: int = REPLAYS_MAX) -> None:
        self._capacity = capacity
        self._opened: OrderedDict[bytes, int] = OrderedDict()  # id and ephemeral key -> when it may be forgotten
        self._anchor: Now | None = None

    def __len__(self) -> int:
        return len(self._opened)

    def admit(self, header: Header, now: Now) -> None:
        """Raises EnvelopeError for an envelope that is expired, from too far ahead, or opened before."""
        clock_s = self._clock_s(now)
        if header.expiry_s < clock_s - CLOCK_SKEW_S:
            raise refused("header.expiry_s", "expired")
        if header.expiry_s > now.wall_s + LIFETIME_S_MAX + CLOCK_SKEW_S:
            raise refused("header.expiry_s", "further ahead than an envelope may live")
        while self._opened and next(iter(self._opened.values())) <= now.mono_ms:
            self._opened.popitem(last=False)
        key = header.request_id + header.ephemeral
        if key in self._opened:
            raise refused("header.id", "opened before")
        if len(self._opened) >= self._capacity:
            raise refused("header", "too many envelopes at once")
        self._opened[key] = now.mono_ms + REPLAY_MEMORY_MS

    def _clock_s(self, now: Now) -> int:
        if self._anchor is not None:
            floor_s = self._anchor.wall_s + (now.mono_ms - self._anchor.mono_ms) // 1000
            if now.wall_s < floor_s:
                return floor_s
        self._anchor = now
        return now.wall_s


class Sealed(Protocol):
    """What an envelope needs to know of a live member."""

    @property
    def sealing(self) -> SealingKey: ...


@dataclass(frozen=True, slots=True)
class Keyring:
    """What an island opens envelopes with."""

    public: PublicKey  # its own signing key: what headers address
    static: SealingPair  # of its certificate
    prekeys: Mapping[bytes, SealingPair]  # by prekey id: today's, and yesterday's until it is deleted
    member: Callable[[IslandId, Now], Sealed | None]  # live members only: Membership.member
    replays: ReplayCache

    def open(self, data: bytes, peer: IslandId, now: Now) -> tuple[Header, StreamKeys]:
        """Checks in the order of cost. Raises EnvelopeError; only an envelope that passes all is remembered."""
        header = Header.from_bytes(data)
        if header.recipient != self.public:
            raise refused("header.recipient", "made for another island")
        sender = island_id(header.sender)
        if sender != peer:
            raise refused("header.sender", "not the peer at the other end of the connection")
        prekey = self.prekeys.get(header.prekey_id)
        if prekey is None:
            raise refused("header.prekey_id", "unknown: the statement that it came from is too old")
        member = self.member(sender, now)
        if member is None:
            raise refused("header.sender", "no live member")
        keys = island_keys(header, self.static, prekey, member.sealing)
        self.replays.admit(header, now)
        return header, keys
