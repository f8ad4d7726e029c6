"""Who may ask what over HTTP: named keys, the exact Host, no foreign page, JSON only. Checked before a body is read."""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from protocol.errors import HttpError

HEADERS_OF_KEYS = (b"authorization", b"x-api-key")


class Access(Enum):
    """What an endpoint asks for."""

    OPEN = "open"  # the dashboard's shell and /health: nothing in them is anybody's
    INFERENCE = "inference"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class NamedKey:
    """One key of the API; only its digest is kept, so that no dump of this process shows it."""

    name: str
    access: Access
    digest: bytes

    @classmethod
    def of(cls, name: str, access: Access, key: str) -> "NamedKey":
        return cls(name, access, _digest(key.encode("utf-8")))


Keys = Callable[[], Sequence[NamedKey]]
"""The keys in force now: a reload changes them."""


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=32, person=b"islandrun/apikey").digest()


class Guard:
    """The checks that every request passes, in this order: Host, Origin, then the endpoint's key and content type."""

    def __init__(self, port: int, keys: Keys) -> None:
        self._keys = keys
        self._hosts = frozenset(f"{host}:{port}".encode("ascii") for host in ("127.0.0.1", "localhost", "[::1]"))
        self._origins = frozenset(b"http://" + host for host in self._hosts)

    def check_sender(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Raises HttpError: 421 for a name that is not this node's (a rebound one), 403 for a page of somebody else."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise HttpError(421, "wrong_host", "ask for 127.0.0.1, localhost or [::1] with the port of this node")
        if any(name == b"origin" and value not in self._origins for name, value in headers):
            raise HttpError(403, "foreign_origin", "web pages of other origins may not ask this node")

    def check_key(self, headers: Sequence[tuple[bytes, bytes]], access: Access) -> str:
        """The name of the key that was shown. Raises HttpError: 401 for none or a wrong one, 403 for the other kind."""
        if access is Access.OPEN:
            return ""
        shown = _shown_key(headers)
        if shown is None:
            raise _unauthorized("no key was shown")
        digest = _digest(shown)
        found = None
        for key in self._keys():  # all of them, always: how long it takes tells nothing
            if hmac.compare_digest(key.digest, digest):
                found = key
        if found is None:
            raise _unauthorized("the key is not one of this node's")
        if found.access is not access:
            raise HttpError(403, "wrong_kind_of_key", f"this path takes the {access.value} key; `islandrun env` tells")
        return found.name


def check_json(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises HttpError 415: what a web page can send without being asked about (a form, plain text) is not JSON."""
    kinds = [value for name, value in headers if name == b"content-type"]
    if len(kinds) != 1 or kinds[0].partition(b";")[0].strip().lower() != b"application/json":
        raise HttpError(415, "not_json", "the content type must be application/json")


def _shown_key(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """The key of a request; None without one, and when it is shown twice: which one counts would be a guess."""
    shown = [(name, value) for name, value in headers if name in HEADERS_OF_KEYS]
    keys = set()
    for name, value in shown:
        if name == b"authorization":
            scheme, _, value = value.partition(b" ")
            if scheme.lower() != b"bearer":
                return None
        keys.add(value.strip())
    return keys.pop() if len(keys) == 1 else None


def _unauthorized(problem: str) -> HttpError:
    return HttpError(401, "invalid_api_key", problem, headers=(("www-authenticate", "Bearer"),))
