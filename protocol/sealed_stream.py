"""One direction of an envelope: chunks of libsodium's secretstream, padded, ended by its final tag.

Source: specs/05-envelope.md, section 3. libsodium has two traps that are closed here: a truncated stream raises nothing
there, and data after the final tag still decrypts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import nacl.bindings as sodium
import nacl.exceptions

from protocol.errors import EnvelopeError, MisuseError, Reply

STREAM_HEADER_BYTES: Final = sodium.crypto_secretstream_xchacha20poly1305_HEADERBYTES
KEY_BYTES: Final = sodium.crypto_secretstream_xchacha20poly1305_KEYBYTES
SEAL_BYTES: Final = sodium.crypto_secretstream_xchacha20poly1305_ABYTES
LENGTH_BYTES: Final = 4  # u32 big-endian before each ciphertext, and before the payload inside it
PREFIX_BYTES: Final = 1 + LENGTH_BYTES  # in the plaintext: kind, length of the payload

PAD_BYTES: Final = 64  # a listener learns lengths only in steps of this; one token of an answer fills one
CHUNK_BYTES_MAX: Final = 65_536  # of padded plaintext; bounds what is held before it is authenticated
PAYLOAD_BYTES_MAX: Final = CHUNK_BYTES_MAX - PREFIX_BYTES
assert CHUNK_BYTES_MAX % PAD_BYTES == 0

_FINAL: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL
_MESSAGE: Final = sodium.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_NACL_ERRORS: Final = (nacl.exceptions.CryptoError, RuntimeError, TypeError, ValueError)  # each was seen for bad input


class ChunkKind(IntEnum):
    """What a chunk's payload is."""

    PART = 0  # of a frame that goes on in the next chunk
    LAST = 1  # the rest of a frame
    CREDIT = 2  # u32: so many more bytes of padded plaintext may be sent
    CANCEL = 3  # empty: the asker wants no more; always final


@dataclass(frozen=True, slots=True)
class Chunk:
    kind: ChunkKind
    payload: bytes
    size: int  # of its padded plaintext: what it costs in credit
    final: bool


def refused(field: str, problem: str) -> EnvelopeError:
    """What every fault in an envelope earns: nothing on this stream can be believed any more."""
    return EnvelopeError(f"envelope.{field}", problem, Reply.RESET_STREAM)


def padded(payload_bytes: int) -> int:
    """The bytes of padded plaintext that a chunk with so many bytes of payload has."""
    return -(-(payload_bytes + PREFIX_BYTES) // PAD_BYTES) * PAD_BYTES


class ChunkSealer:
    """The sending half. `header` is 24 fresh random bytes.

    The state is set up with `init_pull`, which makes the same state from key and header as `init_push` does after
    drawing the header itself: so randomness stays an argument here.
    """

    __slots__ = ("_associated", "_state", "ended")

    def __init__(self, key: bytes, header: bytes, associated: bytes) -> None:
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)
        self._associated = associated
        self.ended = False

    def seal(self, kind: ChunkKind, payload: bytes, *, final: bool = False) -> bytes:
        if self.ended:
            raise MisuseError("nothing can be sealed after the final chunk")
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise MisuseError(f"a chunk takes at most {PAYLOAD_BYTES_MAX} bytes")
        plain = bytes([kind]) + len(payload).to_bytes(LENGTH_BYTES, "big") + payload
        sealed: bytes = sodium.crypto_secretstream_xchacha20poly1305_push(
            self._state, plain.ljust(padded(len(payload)), b"\0"), self._associated, _FINAL if final else _MESSAGE
        )
        self.ended = final
        return len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed


class ChunkOpener:
    """The receiving half. Any EnvelopeError is the end of it: whatever is fed afterwards is refused too."""

    __slots__ = ("_associated", "_broken", "_buffer", "_key", "_state", "ended")

    def __init__(self, key: bytes, associated: bytes) -> None:
        self._key = key
        self._associated = associated
        self._state = None
        self._buffer = bytearray()
        self._broken = False
        self.ended = False

    def feed(self, data: bytes) -> Iterator[Chunk]:
        """The chunks that are whole now. Holds at most one chunk of what is not authenticated yet."""
        if self._broken:
            raise refused("stream", "it was refused before")
        self._broken = True  # until the caller has taken every chunk without a fault
        self._buffer += data
        while (sealed := self._next_sealed()) is not None:
            yield self._open(sealed)
        self._broken = False

    def eof(self) -> None:
        """Raises EnvelopeError unless the final chunk came: a cut stream is never a whole one."""
        if not self.ended:
            raise refused("end", "the stream was cut before its final chunk")

    def _next_sealed(self) -> bytes | None:
        if self.ended and self._buffer:
            raise refused("end", "data after the final chunk")
        if self._state is None and not self._start():
            return None
        if len(self._buffer) < LENGTH_BYTES:
            return None
        length = int.from_bytes(self._buffer[:LENGTH_BYTES], "big")
        if not PAD_BYTES + SEAL_BYTES <= length <= CHUNK_BYTES_MAX + SEAL_BYTES or (length - SEAL_BYTES) % PAD_BYTES:
            raise refused("chunk.length", "no length that a padded chunk can have")
        if len(self._buffer) < LENGTH_BYTES + length:
            return None
        sealed = bytes(self._buffer[LENGTH_BYTES : LENGTH_BYTES + length])
        del self._buffer[: LENGTH_BYTES + length]
        return sealed

    def _start(self) -> bool:
        if len(self._buffer) < STREAM_HEADER_BYTES:
            return False
        self._state = sodium.crypto_secretstream_xchacha20poly1305_state()
        header = bytes(self._buffer[:STREAM_HEADER_BYTES])
        sodium.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, self._key)
        del self._buffer[:STREAM_HEADER_BYTES]
        return True

    def _open(self, sealed: bytes) -> Chunk:
        try:
            plain, tag = sodium.crypto_secretstream_xchacha20poly1305_pull(self._state, sealed, self._associated)
        except _NACL_ERRORS:
            raise refused("chunk", "not sealed by this peer for this place in this stream") from None
        if tag not in (_MESSAGE, _FINAL):
            raise refused("chunk.tag", "neither message nor final")
        length = int.from_bytes(plain[1:PREFIX_BYTES], "big")
        end = PREFIX_BYTES + length
        if padded(length) != len(plain) or any(plain[end:]):
            raise refused("chunk.padding", "not zeros up to the next step")
        try:
            kind = ChunkKind(plain[0])
        except ValueError:
            raise refused("chunk.kind", "unknown") from None
        self.ended = tag == _FINAL
        return Chunk(kind, plain[PREFIX_BYTES:end], len(plain), self.ended)
