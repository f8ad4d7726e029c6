"""How a device joins an archipelago with a short code. Source: specs/11-discovery-and-enrolment.md.

Two machines, one for each end of a Noise stream between two throw-away hosts; neither does any I/O:

    joiner -> window   hello     its SPAKE2 message
    window -> joiner   reply     the other SPAKE2 message
    joiner -> window   details   sealed: its lasting keys, the name it wishes, and proof that it has the signing key
    window -> joiner   welcome   sealed: the genesis, the log, the certificate made for it

SPAKE2 (RFC 9382, Ed25519 group, package `spake2`) lets one try a connection test one code, and nothing be tested later.
Whoever opens the other's sealed message knows that the other had the code; the joiner has to show it first, so that a
guess is never answered.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import nacl.bindings
import nacl.exceptions
from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from protocol.encoding import Fields, Limits, Wire, decode, digest, encode
from protocol.errors import EncodingError, EnrolmentError, MisuseError, RecordError, Reply
from protocol.frames import KIND, blobs, peers_fault
from protocol.keys import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    IslandId,
    PublicKey,
    SealingKey,
    Signature,
    SigningKey,
    island_id,
    verify,
)
from protocol.record_rules import check_name
from protocol.records import RECORD_BYTES_MAX
from protocol.terms import Now

WINDOW_MS: Final = 120_000
TRIES_MAX: Final = 3
SECRET_LETTERS: Final = 8  # of 32: 40 bits, against three tries in two minutes
SECRET_BYTES: Final = 5
NUMBERS: Final = 100
FRAME_BYTES_MAX: Final = 1024 * 1024
ENTRIES_MAX: Final = 4_096
SPAKE_BYTES: Final = 33
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PROOF_DOMAIN: Final = "enrolment"

_FORGIVEN: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_LIMITS: Final = Limits(bytes_max=FRAME_BYTES_MAX, depth_max=3, items_max=2 * ENTRIES_MAX)
_TAG_BYTES: Final = 16
_NONCE: Final = bytes(24)  # each key seals one message

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, repr=False)
class Code:
    """`NN-XXXX-XXXX`: the number of the window, and the secret."""

    number: int
    secret: str

    @property
    def text(self) -> str:
        return f"{self.number:02d}-{self.secret[:4]}-{self.secret[4:]}"


@dataclass(frozen=True, slots=True, repr=False)
class Details:
    """What a joining device tells of itself, once the code was right."""

    island: IslandId
    public: PublicKey
    sealing: SealingKey
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Welcome:
    """What a device needs to belong. Everything in it is signed, and has to be verified."""

    genesis: bytes
    entries: tuple[bytes, ...]


def window_number(window: IslandId) -> int:
    """The two digits by which a joiner tells one window from another; no secret."""
    return int.from_bytes(digest(window.encode("ascii"))[:4], "big") % NUMBERS


def make_code(window: IslandId, entropy: bytes) -> Code:
    """`entropy`: SECRET_BYTES of randomness, used for this window alone."""
    if len(entropy) != SECRET_BYTES:
        raise RecordError("code.entropy", f"expected {SECRET_BYTES} bytes")
    value = int.from_bytes(entropy, "big")
    secret = "".join(CROCKFORD[(value >> (5 * place)) & 31] for place in reversed(range(SECRET_LETTERS)))
    return Code(window_number(window), secret)


def parse_code(text: str) -> Code:
    """Forgives case, spaces, dashes, and letters that look like digits. Raises EnrolmentError."""
    plain = "".join(char for char in text.upper() if char not in " -").translate(_FORGIVEN)
    number, secret = plain[:2], plain[2:]
    if not text.isascii() or not number.isdigit() or len(secret) != SECRET_LETTERS or set(secret) - set(CROCKFORD):
        raise EnrolmentError("code", "expected NN-XXXX-XXXX, as the other device shows it")
    return Code(int(number), secret)


class Joiner:
    """The device that joins: one try on one stream."""

    def __init__(
        self,
        code: Code,
        own_host: IslandId,
        window: IslandId,
        key: SigningKey,
        sealing: SealingKey,
        name: str,
        entropy: Entropy,
    ) -> None:
        """`own_host` and `window` are the ids of the two throw-away hosts, which Noise authenticated."""
        check_name("name", name)
        self._key, self._sealing, self._name = key, sealing, name
        self._hosts = (own_host, window)
        self._spake = SPAKE2_A(code.secret.encode(), idA=own_host.encode(), idB=window.encode(), entropy_f=entropy)
        self._said: bytes = self._spake.start()
        self._keys: _Keys | None = None

    def hello(self) -> bytes:
        return encode({KIND: "hello", "spake": self._said})

    def on_reply(self, frame: bytes) -> bytes:
        """The details to send. Raises EnrolmentError."""
        heard = _spake_message(frame, "reply")
        self._keys = _Keys.derive(_finish(self._spake, heard), self._hosts, self._said, heard)
        proof = self._key.sign(PROOF_DOMAIN, self._keys.transcript)
        details: dict[str, Wire] = {
            "name": self._name,
            "proof": bytes(proof),
            "public": bytes(self._key.public),
            "sealing": bytes(self._sealing),
        }
        return encode({KIND: "details", "sealed": _seal(self._keys.details, details, self._keys.transcript)})

    def on_welcome(self, frame: bytes) -> Welcome:
        """Raises EnrolmentError; `code` where the window says or shows that the code was another."""
        if self._keys is None:
            raise EnrolmentError("welcome", "before its turn", Reply.CLOSE)
        fields = _open(self._keys.welcome, _sealed(frame, "welcome"), self._keys.transcript, "welcome")
        with peers_fault("welcome", EnrolmentError, Reply.CLOSE):
            welcome = Welcome(
                fields.blob("genesis", RECORD_BYTES_MAX), blobs(fields, "entries", ENTRIES_MAX, RECORD_BYTES_MAX)
            )
            fields.end()
        return welcome


class Window:
    """The pairing window of a signer: so many tries, so much time, one device. A shell owns its host and streams."""

    def __init__(self, code: Code, window: IslandId, now: Now) -> None:
        self._code = code
        self._window = window
        self._until_ms = now.mono_ms + WINDOW_MS
        self._tries = 0
        self._used = False

    @property
    def used(self) -> bool:
        """A device showed that it has the code: it is worth nothing any more."""
        return self._used

    def left_ms(self, now: Now) -> int:
        return max(0, self._until_ms - now.mono_ms)

    def is_open(self, now: Now) -> bool:
        return not self._used and self._tries < TRIES_MAX and self.left_ms(now) > 0

    @property
    def tries_left(self) -> int:
        return TRIES_MAX - self._tries

    def visit(self, joiner_host: IslandId, entropy: Entropy, now: Now) -> "Visit":
        """A device at the window. Costs a try, whatever comes of it. Raises EnrolmentError when closed."""
        if not self.is_open(now):
            raise EnrolmentError("window", "closed", Reply.CLOSE)
        self._tries += 1
        return Visit(self, self._code, joiner_host, self._window, entropy)

    def _admit(self) -> None:
        if self._used:
            raise EnrolmentError("window", "the code was used already", Reply.CLOSE)
        self._used = True


class Visit:
    """The window's end of one stream."""

    def __init__(
        self, window: Window, code: Code, joiner_host: IslandId, window_host: IslandId, entropy: Entropy
    ) -> None:
        self._window = window
        self._admitted = False
        self._hosts = (joiner_host, window_host)
        self._spake = SPAKE2_B(
            code.secret.encode(), idA=joiner_host.encode(), idB=window_host.encode(), entropy_f=entropy
        )
        self._keys: _Keys | None = None

    def on_hello(self, frame: bytes) -> bytes:
        """The reply to send. Raises EnrolmentError."""
        heard = _spake_message(frame, "hello")
        said: bytes = self._spake.start()
        self._keys = _Keys.derive(_finish(self._spake, heard), self._hosts, heard, said)
        return encode({KIND: "reply", "spake": said})

    def on_details(self, frame: bytes, now: Now) -> Details:
        """The device, which had the code and has the key that it names. Raises EnrolmentError."""
        if self._keys is None or self._window.left_ms(now) == 0:
            raise EnrolmentError("details", "out of turn or too late", Reply.CLOSE)
        fields = _open(self._keys.details, _sealed(frame, "details"), self._keys.transcript, "details")
        with peers_fault("details", EnrolmentError, Reply.CLOSE):
            public = PublicKey(fields.octets("public", KEY_BYTES))
            details = Details(
                island_id(public), public, SealingKey(fields.octets("sealing", KEY_BYTES)), fields.text("name", 256)
            )
            proof = Signature(fields.octets("proof", SIGNATURE_BYTES))
            fields.end()
            check_name("details.name", details.name)
        if not verify(public, PROOF_DOMAIN, self._keys.transcript, proof):
            raise EnrolmentError("details.proof", "not signed by the key that it names", Reply.CLOSE)
        self._window._admit()
        self._admitted = True
        return details

    def welcome(self, genesis: bytes, entries: tuple[bytes, ...]) -> bytes:
        """The last frame: everything that the device needs, its certificate included. Once, after `on_details`."""
        if self._keys is None or not self._admitted:
            raise MisuseError("whoever has not shown the code is not welcome, and nobody twice")
        self._admitted = False  # its key seals one message
        members: dict[str, Wire] = {"entries": list(entries), "genesis": genesis}
        return encode({KIND: "welcome", "sealed": _seal(self._keys.welcome, members, self._keys.transcript)})


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    details: bytes
    welcome: bytes
    transcript: bytes

    @classmethod
    def derive(cls, shared: bytes, hosts: tuple[IslandId, IslandId], hello: bytes, reply: bytes) -> "_Keys":
        transcript = digest(encode([hosts[0], hosts[1], hello, reply]))
        details, welcome = (
            hashlib.blake2b(b"islandrun/enrolment/1\0" + use + transcript, key=shared, digest_size=KEY_BYTES).digest()
            for use in (b"details", b"welcome")
        )
        return cls(details, welcome, transcript)


def _spake_message(frame: bytes, kind: str) -> bytes:
    with peers_fault(kind, EnrolmentError, Reply.CLOSE):
        fields = Fields(decode(frame, _LIMITS), kind)
        fields.choice(KIND, {kind: kind})
        message = fields.octets("spake", SPAKE_BYTES)
        fields.end()
    return message


def _finish(spake: SPAKE2_A | SPAKE2_B, heard: bytes) -> bytes:
    try:
        shared: bytes = spake.finish(heard)
    except (SPAKEError, NotOnCurve, ValueError, AssertionError) as error:  # each was seen for bad input
        raise EnrolmentError("spake", f"not a message of it: {type(error).__name__}", Reply.CLOSE) from None
    return shared


def _sealed(frame: bytes, kind: str) -> bytes:
    with peers_fault(kind, EnrolmentError, Reply.CLOSE):
        fields = Fields(decode(frame, _LIMITS), kind)
        fields.choice(KIND, {kind: kind})
        sealed = fields.blob("sealed", FRAME_BYTES_MAX)
        fields.end()
    return sealed


def _seal(key: bytes, members: dict[str, Wire], transcript: bytes) -> bytes:
    sealed: bytes = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(encode(members), transcript, _NONCE, key)
    return sealed


def _open(key: bytes, sealed: bytes, transcript: bytes, where: str) -> Fields:
    try:
        data = nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, transcript, _NONCE, key)
        return Fields(decode(data, _LIMITS), where)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise EnrolmentError("code", "the two devices have different codes", Reply.CLOSE) from None
    except EncodingError as error:
        raise EnrolmentError(where, str(error), Reply.CLOSE) from None
