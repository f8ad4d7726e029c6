"""The keys of the local API, one a file, 0600: `inference.key`, `owner.key`, and named inference keys under `keys/`."""

import base64
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from node.store.files import PRIVATE_DIRECTORY, Entropy, StateDirectory, create_atomic, read_private
from protocol.errors import StateError

TOKEN_BYTES = 32
KEY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_TOKEN = re.compile(r"ir-[a-z]+-[A-Za-z0-9_-]{43}")


class KeyKind(StrEnum):
    """What a key opens."""

    INFERENCE = "inference"  # /v1, and Ollama's chat, generate and tags
    OWNER = "owner"  # everything


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key. Its name stands in receipts and policies; its token never does."""

    name: str
    kind: KeyKind
    token: str = field(repr=False)


class KeyRing:
    """The keys that open this node's API."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._keys = tuple(keys)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        return self._keys

    def find(self, token: str) -> ApiKey | None:
        """The key with this token. Compares with every key, in constant time each."""
        given = token.encode("utf-8", "surrogatepass")
        found = None
        for key in self._keys:
            if hmac.compare_digest(key.token.encode("ascii"), given):
                found = key
        return found


def key_path(directory: StateDirectory, kind: KeyKind, name: str | None = None) -> Path:
    """Where a key is kept; without a name, the one that every node has of this kind."""
    if name is None or name == kind.value:
        return directory.path / f"{kind.value}.key"
    if kind is not KeyKind.INFERENCE or not KEY_NAME.fullmatch(name) or name in set(KeyKind):
        raise StateError(f"key {name!r}: expected a name such as editor: small letters, digits, dot, dash, underscore")
    return directory.named_keys / f"{name}.key"


def ensure_key(directory: StateDirectory, kind: KeyKind, entropy: Entropy, name: str | None = None) -> ApiKey:
    """The key, made where it is missing. Two callers at once get the same one. Raises StateError."""
    path = key_path(directory, kind, name)
    key = _read(path, kind)
    if key is None:
        path.parent.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        token = base64.urlsafe_b64encode(entropy(TOKEN_BYTES)).rstrip(b"=").decode("ascii")
        create_atomic(path, f"ir-{kind.value}-{token}\n".encode("ascii"))
        key = _read(path, kind)
    if key is None:
        raise StateError(f"{path}: went away while it was read")
    return key


def remove_key(directory: StateDirectory, name: str) -> bool:
    """Takes a named inference key away; False when there is none."""
    path = key_path(directory, KeyKind.INFERENCE, name)
    existed = path.exists()
    path.unlink(missing_ok=True)
    return existed


def load_keys(directory: StateDirectory, entropy: Entropy) -> KeyRing:
    """Every key of this node; the two that each node has are made where they are missing. Raises StateError."""
    keys = [ensure_key(directory, kind, entropy) for kind in KeyKind]
    for path in sorted(directory.named_keys.glob("*.key")):
        key = _read(path, KeyKind.INFERENCE)
        if key is not None:
            keys.append(key)
    return KeyRing(keys)


def _read(path: Path, kind: KeyKind) -> ApiKey | None:
    data = read_private(path)
    if data is None:
        return None
    token = data.decode("ascii", "replace").strip()
    if not _TOKEN.fullmatch(token) or not token.startswith(f"ir-{kind.value}-"):
        raise StateError(f"{path}: not a key of IslandRun: remove it, and the next start makes a new one")
    return ApiKey(path.stem, kind, token)
