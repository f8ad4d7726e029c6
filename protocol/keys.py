"""Identities: Ed25519 keys that sign, X25519 keys that seal, and the texts that people and libp2p name them by.

Source: specs/01-encoding.md, sections 4 to 6. Only libsodium verifies (through PyNaCl): other libraries accept
signatures that it refuses, and two verifiers that differ are two truths.
"""

import functools
from typing import Final, NewType

import nacl.bindings
import nacl.exceptions

from protocol.encoding import signing_bytes
from protocol.errors import RecordError

IslandId = NewType("IslandId", str)
"""The libp2p peer id of an island's Ed25519 public key, base58btc: `12D3KooW…`, 52 characters."""

PublicKey = NewType("PublicKey", bytes)
"""Ed25519, 32 bytes."""

SealingKey = NewType("SealingKey", bytes)
"""X25519 public key, 32 bytes."""

Signature = NewType("Signature", bytes)
"""Ed25519, 64 bytes."""

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
ISLAND_ID_CHARS: Final = 52

_PEER_ID_PREFIX: Final = bytes.fromhex("002408011220")  # identity multihash of a protobuf: key type Ed25519, 32 bytes
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE: Final = {char: value for value, char in enumerate(_BASE58)}
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_VALUE: Final = {char: value for value, char in enumerate(_CROCKFORD)} | {"O": 0, "I": 1, "L": 1}
_GROUP_CHARS: Final = 6  # of data; one check character follows
_GROUPS: Final = 9
_PADDING_BITS: Final = _GROUP_CHARS * _GROUPS * 5 - KEY_BYTES * 8
assert 0 <= _PADDING_BITS < _GROUP_CHARS * 5


class SigningKey:
    """An Ed25519 key pair, from its 32-byte seed (RFC 8032's private key)."""

    __slots__ = ("_secret", "island", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != KEY_BYTES:
            raise RecordError("key.seed", f"expected {KEY_BYTES} bytes")
        public, self._secret = nacl.bindings.crypto_sign_seed_keypair(seed)
        self.seed = seed
        self.public = PublicKey(public)
        self.island = island_id(self.public)

    def sign(self, domain: str, body: bytes) -> Signature:
        message = signing_bytes(domain, body)
        return Signature(nacl.bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES])

    def __repr__(self) -> str:
        return f"SigningKey({self.island})"


class SealingPair:
    """An X25519 key pair, from its 32-byte secret."""

    __slots__ = ("public", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise RecordError("key.secret", f"expected {KEY_BYTES} bytes")
        self.secret = secret
        self.public = SealingKey(nacl.bindings.crypto_scalarmult_base(secret))

    def exchange(self, other: SealingKey) -> bytes:
        """The 32-byte shared secret. Raises RecordError for a key of small order, which would make it guessable."""
        if len(other) != KEY_BYTES:
            raise RecordError("key.sealing", f"expected {KEY_BYTES} bytes")
        try:
            return bytes(nacl.bindings.crypto_scalarmult(self.secret, other))
        except nacl.exceptions.CryptoError as error:
            raise RecordError("key.sealing", "a point of small order") from error

    def __repr__(self) -> str:
        return f"SealingPair({self.public.hex()})"


def verify(public: PublicKey, domain: str, body: bytes, signature: Signature) -> bool:
    """Whether `public` signed `body` in `domain`. Never raises: what cannot be checked is not signed. About 110 µs."""
    return verify_message(public, signing_bytes(domain, body), signature)


def verify_message(public: bytes, message: bytes, signature: bytes) -> bool:
    """Plain Ed25519, without a domain; for test suites. Everything of ours is signed in a domain."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        nacl.bindings.crypto_sign_open(signature + message, public)
    except nacl.exceptions.CryptoError:
        return False
    return True


@functools.lru_cache(maxsize=65_536)
def island_id(public: PublicKey) -> IslandId:
    """Raises RecordError unless `public` has 32 bytes."""
    if len(public) != KEY_BYTES:
        raise RecordError("key.public", f"expected {KEY_BYTES} bytes")
    return IslandId(_base58(_PEER_ID_PREFIX + public))


@functools.lru_cache(maxsize=65_536)
def public_key(island: IslandId) -> PublicKey:
    """The key inside an island id. Raises RecordError for anything but an Ed25519 peer id in its one text form."""
    if len(island) != ISLAND_ID_CHARS:
        raise RecordError("island", f"expected {ISLAND_ID_CHARS} characters")
    number = 0
    for char in island:
        value = _BASE58_VALUE.get(char)
        if value is None:
            raise RecordError("island", "a character that base58btc does not have")
        number = number * 58 + value
    length = len(_PEER_ID_PREFIX) + KEY_BYTES
    if number >= 1 << 8 * length:
        raise RecordError("island", "expected an Ed25519 peer id")
    data = number.to_bytes(length, "big")
    if not data.startswith(_PEER_ID_PREFIX) or _base58(data) != island:
        raise RecordError("island", "expected an Ed25519 peer id")
    return PublicKey(data[len(_PEER_ID_PREFIX) :])


def fingerprint(public: PublicKey) -> str:
    """The key as nine groups of seven characters, for people to compare and type; each group ends in a check."""
    if len(public) != KEY_BYTES:
        raise RecordError("key.public", f"expected {KEY_BYTES} bytes")
    number = int.from_bytes(public, "big") << _PADDING_BITS
    groups = []
    for index in range(_GROUPS):
        shift = (_GROUPS - 1 - index) * _GROUP_CHARS * 5
        values = [number >> shift + 5 * place & 31 for place in reversed(range(_GROUP_CHARS))]
        groups.append("".join(_CROCKFORD[value] for value in [*values, _check(values)]))
    return "-".join(groups)


def parse_fingerprint(text: str) -> PublicKey:
    """Reads what a person typed: any case, spaces for dashes, O for 0, I and L for 1. RecordError names the group."""
    if not text.isascii():  # a long s, made a capital, is an S
        raise RecordError("fingerprint", "a character that is not ASCII")
    chars = text.upper().replace("-", "").replace(" ", "")
    if len(chars) != _GROUPS * (_GROUP_CHARS + 1):
        raise RecordError("fingerprint", f"expected {_GROUPS} groups of {_GROUP_CHARS + 1} characters")
    number = 0
    for index in range(_GROUPS):
        group = chars[index * (_GROUP_CHARS + 1) :][: _GROUP_CHARS + 1]
        values = [_CROCKFORD_VALUE.get(char, -1) for char in group]
        if -1 in values or _check(values[:-1]) != values[-1]:
            raise RecordError(f"fingerprint.group[{index + 1}]", "mistyped: its check character does not fit")
        for value in values[:-1]:
            number = number << 5 | value
    if number & (1 << _PADDING_BITS) - 1:
        raise RecordError(f"fingerprint.group[{_GROUPS}]", "its last bits are not zero")
    return PublicKey((number >> _PADDING_BITS).to_bytes(KEY_BYTES, "big"))


def _check(values: list[int]) -> int:
    """The sum of value times x^(distance from the end) in GF(32), modulus x^5 + x^2 + 1.

    Every place has another non-zero weight: one wrong character, or two exchanged, always changes it.
    """
    total = 0
    for value in values:
        total = (total ^ value) << 1
        if total & 32:
            total ^= 0b100101
    return total


def _base58(data: bytes) -> str:
    zeros = len(data) - len(data.lstrip(b"\0"))
    number = int.from_bytes(data, "big")
    chars = []
    while number:
        number, value = divmod(number, 58)
        chars.append(_BASE58[value])
    return "1" * zeros + "".join(reversed(chars))
