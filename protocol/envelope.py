"""The sealed, authenticated two-way stream that carries one request to an island and its answer back.

Source: specs/05-envelope.md. Two machines, one for each end; neither does any I/O:

    asker.hello() + asker.send(ask)  ->  island.receive(...)  ->  Accepted, Opened(ask)
    asker.receive(...) -> Opened(answer frame), ..., Ended  <-  island.send(frame), ..., island.send(last, final=True)

Credits: each end may have CREDIT_INITIAL bytes of padded plaintext under way that the other end has not consumed. The
sender stops; the reader never does. Bytes must reach the stream in the order in which the machine gave them, whichever
call gave them: chunks are numbered by their place. Every EnvelopeError is final: reset the stream and believe nothing
more from it.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from protocol.errors import MisuseError
from protocol.handshake import (
    HEADER_BYTES_MAX,
    LIFETIME_S_MAX,
    REQUEST_ID_BYTES,
    Header,
    Keyring,
    StreamKeys,
    asker_keys,
)
from protocol.keys import KEY_BYTES, IslandId, PublicKey, SealingKey, SealingPair
from protocol.records import prekey_id
from protocol.sealed_stream import (
    CHUNK_BYTES_MAX,
    LENGTH_BYTES,
    PAYLOAD_BYTES_MAX,
    STREAM_HEADER_BYTES,
    Chunk,
    ChunkKind,
    ChunkOpener,
    ChunkSealer,
    padded,
    refused,
)
from protocol.strict_json import JSON_BYTES_MAX
from protocol.terms import Now

CREDIT_INITIAL: Final = 262_144  # 30 MB/s and 2 ms of round trip on a LAN need 60 KB under way; Wi-Fi needs the rest
CREDIT_GRANT: Final = CREDIT_INITIAL // 4  # consumed bytes are granted again in steps of this: few frames, no stall
ASK_FRAME_BYTES_MAX: Final = JSON_BYTES_MAX + 4_096
ANSWER_FRAME_BYTES_MAX: Final = 1024 * 1024  # a delta with tool calls; a token is a few bytes
ASKER_ENTROPY_BYTES: Final = KEY_BYTES + STREAM_HEADER_BYTES
ISLAND_ENTROPY_BYTES: Final = STREAM_HEADER_BYTES
assert CREDIT_INITIAL - CREDIT_GRANT >= CHUNK_BYTES_MAX, "a sender must never wait for a grant that is not due yet"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The island knows now, before anything is opened, whose request this is."""

    request_id: bytes
    sender: IslandId
    expiry_s: int


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A whole frame. Tell `consumed(cost)` when it is out of the way, or the other end must stop."""

    frame: bytes
    cost: int


@dataclass(frozen=True, slots=True)
class Credit:
    """So many bytes more may be sent: `flush` may have something now."""

    granted: int


@dataclass(frozen=True, slots=True, repr=False)
class Send:
    """Bytes to send to the other end now."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The asker wants no more: stop everything behind this request."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The other end sent its final chunk: its direction is whole."""


EnvelopeEvent = Accepted | Opened | Credit | Send | Cancelled | Ended


def cost(frame_bytes: int) -> int:
    """What a frame of so many bytes takes of the credit."""
    full, rest = divmod(frame_bytes, PAYLOAD_BYTES_MAX)
    if full and not rest:
        full, rest = full - 1, PAYLOAD_BYTES_MAX
    return full * CHUNK_BYTES_MAX + padded(rest)


class _Outbox:
    """The sending direction: frames, cut into chunks, as far as the credit goes."""

    __slots__ = ("_closing", "_frames", "_sealer", "credit_left")

    def __init__(self, sealer: ChunkSealer) -> None:
        self._sealer = sealer
        self._frames: deque[tuple[memoryview, bool]] = deque()
        self._closing = False
        self.credit_left = CREDIT_INITIAL

    @property
    def waiting(self) -> bool:
        return bool(self._frames)

    @property
    def ended(self) -> bool:
        return self._sealer.ended

    def put(self, frame: bytes, final: bool) -> None:
        if self._closing:
            raise MisuseError("nothing can be sent after the final frame")
        self._closing = final
        self._frames.append((memoryview(frame), final))

    def take(self) -> bytes:
        out = bytearray()
        while self._frames:
            frame, final = self._frames[0]
            part, rest = frame[:PAYLOAD_BYTES_MAX], frame[PAYLOAD_BYTES_MAX:]
            price = padded(len(part))
            if price > self.credit_left:
                break
            self.credit_left -= price
            kind = ChunkKind.PART if rest else ChunkKind.LAST
            out += self._sealer.seal(kind, bytes(part), final=final and not rest)
            if rest:
                self._frames[0] = (rest, final)
            else:
                self._frames.popleft()
        return bytes(out)

    def granted(self, amount: int) -> None:
        if amount < 1 or self.credit_left + amount > CREDIT_INITIAL:
            raise refused("credit", "more than was sent")
        self.credit_left += amount

    def grant(self, amount: int) -> bytes:
        """A credit for the other end; b"" once this direction is at its end, when nobody needs one."""
        if self._sealer.ended:
            return b""
        return self._sealer.seal(ChunkKind.CREDIT, amount.to_bytes(LENGTH_BYTES, "big"))

    def cancel(self) -> bytes:
        self._frames.clear()
        self._closing = True
        return b"" if self._sealer.ended else self._sealer.seal(ChunkKind.CANCEL, b"", final=True)


class _Inbox:
    """The receiving direction: chunks, put together to frames, against the credit that was granted."""

    __slots__ = ("_cancellable", "_consumed", "_frame_max", "_opener", "_parts", "_parts_bytes", "_window")

    def __init__(self, opener: ChunkOpener, frame_max: int, *, cancellable: bool) -> None:
        self._opener = opener
        self._frame_max = frame_max
        self._cancellable = cancellable
        self._parts: list[bytes] = []
        self._parts_bytes = 0
        self._window = CREDIT_INITIAL  # what the other end may still send
        self._consumed = 0  # not granted again yet

    @property
    def ended(self) -> bool:
        return self._opener.ended

    def feed(self, data: bytes, outbox: _Outbox) -> list[EnvelopeEvent]:
        events: list[EnvelopeEvent] = []
        for chunk in self._opener.feed(data):
            events.extend(self._on_chunk(chunk, outbox))
        return events

    def consumed(self, amount: int) -> int:
        """What to grant now, 0 for nothing yet."""
        if self._consumed + amount > CREDIT_INITIAL - self._window:
            raise MisuseError("more was consumed than came")
        self._consumed += amount
        if self._consumed < CREDIT_GRANT or self._opener.ended:
            return 0
        granted, self._consumed = self._consumed, 0
        self._window += granted
        return granted

    def eof(self) -> None:
        self._opener.eof()

    def _on_chunk(self, chunk: Chunk, outbox: _Outbox) -> list[EnvelopeEvent]:
        events: list[EnvelopeEvent] = []
        match chunk.kind:
            case ChunkKind.PART | ChunkKind.LAST:
                events.extend(self._on_data(chunk, outbox))
            case ChunkKind.CREDIT:
                if len(chunk.payload) != LENGTH_BYTES or chunk.final:
                    raise refused("credit", "malformed")
                amount = int.from_bytes(chunk.payload, "big")
                outbox.granted(amount)
                events.append(Credit(amount))
            case ChunkKind.CANCEL:
                if not self._cancellable or chunk.payload or not chunk.final:
                    raise refused("cancel", "only an asker may, and only as the last thing it says")
                self._parts.clear()
                return [Cancelled()]
        if chunk.final:
            if self._parts:
                raise refused("end", "the final chunk leaves a frame unfinished")
            events.append(Ended())
        return events

    def _on_data(self, chunk: Chunk, outbox: _Outbox) -> list[EnvelopeEvent]:
        if chunk.size > self._window:
            raise refused("credit", "more was sent than was granted")
        self._window -= chunk.size
        self._parts.append(chunk.payload)
        self._parts_bytes += len(chunk.payload)
        if self._parts_bytes > self._frame_max:
            raise refused("frame", f"more than {self._frame_max} bytes")
        if chunk.kind is ChunkKind.LAST:
            frame = b"".join(self._parts)
            self._parts.clear()
            self._parts_bytes = 0
            return [Opened(frame, chunk.size)]
        if len(chunk.payload) != PAYLOAD_BYTES_MAX:
            raise refused("frame", "a part that is not the last must fill its chunk")
        granted = self.consumed(chunk.size)  # it waits here for the rest of its frame, within the bound above
        data = outbox.grant(granted) if granted else b""
        return [Send(data)] if data else []


class _Envelope:
    """What both ends share."""

    __slots__ = ("_inbox", "_outbox")
    _inbox: _Inbox | None
    _outbox: _Outbox | None

    @property
    def credit_left(self) -> int:
        """Bytes of padded plaintext that may be sent now; `cost` tells what a frame takes."""
        return self._out().credit_left

    @property
    def waiting(self) -> bool:
        """Whether frames given to `send` wait for credit."""
        return self._out().waiting

    def can_seal(self, frame_bytes: int) -> bool:
        """Whether `seal` would take a frame of so many bytes now."""
        return not self.waiting and cost(frame_bytes) <= self.credit_left

    def seal(self, frame: bytes, *, final: bool = False) -> bytes:
        """The bytes of the whole frame. Raises MisuseError when the credit does not reach: ask `can_seal` first."""
        if not self.can_seal(len(frame)):
            raise MisuseError("out of credit")
        return self.send(frame, final=final)

    def send(self, frame: bytes, *, final: bool = False) -> bytes:
        """Takes a frame of any size and returns what may be sent of it now; `flush` gives the rest as credit comes."""
        self._out().put(frame, final)
        return self.flush()

    def flush(self) -> bytes:
        """What may be sent now of the frames that wait."""
        return self._out().take()

    def consumed(self, amount: int) -> bytes:
        """Tells that frames of that cost are out of the way. Returns bytes to send, often b""."""
        granted = self._in().consumed(amount)
        return self._out().grant(granted) if granted else b""

    def _out(self) -> _Outbox:
        if self._outbox is None:
            raise MisuseError("nothing can be sent before the asker's header came")
        return self._outbox

    def _in(self) -> _Inbox:
        if self._inbox is None:
            raise MisuseError("nothing came yet")
        return self._inbox


class AskerEnvelope(_Envelope):
    """The asker's end. `entropy` is ASKER_ENTROPY_BYTES of fresh randomness, for this envelope alone."""

    __slots__ = ("_hello", "request_id")

    def __init__(
        self,
        *,
        request_id: bytes,
        own_public: PublicKey,
        own_static: SealingPair,
        recipient: PublicKey,
        recipient_sealing: SealingKey,
        prekey: SealingKey,
        entropy: bytes,
        now: Now,
        lifetime_s: int = LIFETIME_S_MAX,
    ) -> None:
        if len(request_id) != REQUEST_ID_BYTES or len(entropy) != ASKER_ENTROPY_BYTES:
            raise MisuseError(f"expected a request id of {REQUEST_ID_BYTES} and entropy of {ASKER_ENTROPY_BYTES} bytes")
        if not 0 < lifetime_s <= LIFETIME_S_MAX:
            raise MisuseError(f"an envelope lives 1 to {LIFETIME_S_MAX} seconds")
        ephemeral, stream_header = SealingPair(entropy[:KEY_BYTES]), entropy[KEY_BYTES:]
        header = Header(request_id, own_public, recipient, prekey_id(prekey), ephemeral.public, now.wall_s + lifetime_s)
        keys = asker_keys(header, own_static, ephemeral, recipient_sealing, prekey)
        data = header.to_bytes()
        self._hello = len(data).to_bytes(LENGTH_BYTES, "big") + data + stream_header
        self._outbox = _Outbox(ChunkSealer(keys.ask, stream_header, keys.transcript))
        opener = ChunkOpener(keys.answer, keys.transcript)
        self._inbox = _Inbox(opener, ANSWER_FRAME_BYTES_MAX, cancellable=False)
        self.request_id = request_id

    def hello(self) -> bytes:
        """The first bytes on the stream; frames may follow at once."""
        return self._hello

    def receive(self, data: bytes, now: Now) -> tuple[EnvelopeEvent, ...]:
        """Raises EnvelopeError. `now` plays no part at this end."""
        return tuple(self._in().feed(data, self._out()))

    def cancel(self) -> bytes:
        """The last bytes that this end sends: the island stops its work. Costs no credit; may be called twice."""
        return self._out().cancel()

    def eof(self) -> None:
        """The island closed its direction. Raises EnvelopeError unless its final chunk came before."""
        self._in().eof()


class IslandEnvelope(_Envelope):
    """The island's end, of a stream from `peer` (whom Noise authenticated). `entropy`: ISLAND_ENTROPY_BYTES, fresh."""

    __slots__ = ("_buffer", "_entropy", "_keyring", "_peer", "_refused")

    def __init__(self, keyring: Keyring, peer: IslandId, entropy: bytes) -> None:
        if len(entropy) != ISLAND_ENTROPY_BYTES:
            raise MisuseError(f"expected {ISLAND_ENTROPY_BYTES} bytes of entropy")
        self._keyring = keyring
        self._peer = peer
        self._entropy = entropy
        self._buffer = b""
        self._refused = False
        self._inbox = self._outbox = None

    def receive(self, data: bytes, now: Now) -> tuple[EnvelopeEvent, ...]:
        """Raises EnvelopeError. The events that come with the header start with Accepted and Send."""
        if self._inbox is not None:
            return tuple(self._inbox.feed(data, self._out()))
        if self._refused:
            raise refused("stream", "it was refused before")
        self._buffer += data
        if len(self._buffer) < LENGTH_BYTES:
            return ()
        self._refused = True  # until its header is found good
        length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if not 0 < length <= HEADER_BYTES_MAX:
            raise refused("header", f"expected 1 to {HEADER_BYTES_MAX} bytes")
        self._refused = False
        end = LENGTH_BYTES + length
        if len(self._buffer) < end:
            return ()
        self._refused = True
        header, keys = self._keyring.open(self._buffer[LENGTH_BYTES:end], self._peer, now)
        rest, self._buffer = self._buffer[end:], b""
        return self._accept(header, keys, rest)

    def _accept(self, header: Header, keys: StreamKeys, rest: bytes) -> tuple[EnvelopeEvent, ...]:
        self._outbox = _Outbox(ChunkSealer(keys.answer, self._entropy, keys.transcript))
        self._inbox = _Inbox(ChunkOpener(keys.ask, keys.transcript), ASK_FRAME_BYTES_MAX, cancellable=True)
        accepted = Accepted(header.request_id, self._peer, header.expiry_s)
        return (accepted, Send(self._entropy), *self._inbox.feed(rest, self._outbox))

    def eof(self) -> None:
        """The asker closed its direction. Raises EnvelopeError when that cuts its request or the answer to it."""
        if self._outbox is not None and self._outbox.ended:
            return
        if self._inbox is None:
            raise refused("end", "the stream was cut before its header")
        self._inbox.eof()
