"""The key under which conversations are kept, and what it does: rows that can be neither read, altered nor swapped.

`conversations.key` is a line of text, made when the first row is: `islandrun-conversations-1 <base64 of key ‖ check>`.
Each value is sealed with XSalsa20-Poly1305 (NaCl's secretbox) under a key of its own, the keyed hash of its place: what
was put at another place does not open.
"""

import base64
import binascii
import hashlib
from pathlib import Path

import nacl.bindings
import nacl.exceptions

from node.store.files import Entropy, create_atomic, read_private
from protocol.errors import StateError

KEY_BYTES = nacl.bindings.crypto_secretbox_KEYBYTES
NONCE_BYTES = nacl.bindings.crypto_secretbox_NONCEBYTES
_HEADER = b"islandrun-conversations-1 "
_CHECK_BYTES = 8

Place = tuple[bytes, ...]
"""Where a value stands: its column and its row. No two places have the same bytes (each part has its length)."""


class RowKey:
    """The key. Its representation shows nothing of it."""

    def __init__(self, secret: bytes, entropy: Entropy) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key of {KEY_BYTES} bytes")
        self._secret = secret
        self._entropy = entropy

    @property
    def mark(self) -> bytes:
        """Tells this key from another; nothing of the key follows from it."""
        return self.hashed((b"mark",))

    def hashed(self, place: Place) -> bytes:
        state = hashlib.blake2b(key=self._secret, digest_size=KEY_BYTES)
        for part in place:
            state.update(len(part).to_bytes(8, "big") + part)
        return state.digest()

    def seal(self, place: Place, plain: bytes) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        sealed: bytes = nacl.bindings.crypto_secretbox(plain, nonce, self.hashed((b"seal", *place)))
        return nonce + sealed

    def open(self, place: Place, sealed: bytes) -> bytes:
        """Raises StateError where it was damaged, or put at another place."""
        nonce, box = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain: bytes = nacl.bindings.crypto_secretbox_open(box, nonce, self.hashed((b"seal", *place)))
            return plain
        except (nacl.exceptions.CryptoError, ValueError):
            raise StateError("what is kept of a conversation is damaged: remove it, and begin it anew") from None


def load_or_make(path: Path, mark: bytes | None, entropy: Entropy) -> RowKey:
    """The key at `path`; a fresh one only where nothing was ever kept. `mark`: of the key of the rows that are kept.

    Raises StateError where the file is missing beside such rows, corrupt, another's, or readable by others.
    """
    data = read_private(path)
    if data is None and mark is not None:
        raise StateError(f"{path}: missing, and conversations are kept under it: {_REMEDY}")
    if data is None:
        secret = entropy(KEY_BYTES)
        create_atomic(path, _HEADER + base64.b64encode(secret + _check(secret)) + b"\n")
        data = read_private(path)
    secret_or_none = None if data is None else _decoded(data)
    if secret_or_none is None:
        raise StateError(f"{path}: corrupt: {_REMEDY}")
    key = RowKey(secret_or_none, entropy)
    if mark is not None and key.mark != mark:
        raise StateError(f"{path}: not the key of the conversations that are kept here: {_REMEDY}")
    return key


_REMEDY = "put a copy back, or remove the file and give those conversations up with DELETE /api/conversations"


def _decoded(data: bytes) -> bytes | None:
    if not data.startswith(_HEADER):
        return None
    try:
        body = base64.b64decode(data.removeprefix(_HEADER).removesuffix(b"\n"), validate=True)
    except binascii.Error:
        return None
    secret, check = body[:KEY_BYTES], body[KEY_BYTES:]
    return secret if len(secret) == KEY_BYTES and check == _check(secret) else None


def _check(secret: bytes) -> bytes:
    return hashlib.blake2b(_HEADER + secret, digest_size=_CHECK_BYTES).digest()
