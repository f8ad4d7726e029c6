"""Who may ask what over HTTP: named keys, the exact Host, no foreign page, JSON only. Checked before a body is read."""

from collections.abc import Callable, Sequence
from enum import Enum

from node.store.api_keys import KeyKind, KeyRing
from protocol.errors import HttpError

HEADERS_OF_KEYS = (b"authorization", b"x-api-key")


class Access(Enum):
    """What an endpoint asks for."""

    OPEN = "open"  # the dashboard's shell and /health: nothing in them is anybody's
    INFERENCE = "inference"  # any key: the owner's opens everything
    OWNER = "owner"


Keys = Callable[[], KeyRing]
"""The keys in force now: a reload changes them."""


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
        """The name of the key that was shown. Raises HttpError: 401 for none or a wrong one, 403 for one too weak."""
        if access is Access.OPEN:
            return ""
        shown = _shown_key(headers)
        key = None if shown is None else self._keys().find(shown.decode("latin-1"))
        if key is None:
            problem = "no key, or more than one, was shown" if shown is None else "the key is not one of this node's"
            raise HttpError(401, "invalid_api_key", problem, headers=(("www-authenticate", "Bearer"),))
        if access is Access.OWNER and key.kind is not KeyKind.OWNER:
            raise HttpError(
                403, "owner_key_needed", "this path takes the owner key: `islandrun env --owner` names its file"
            )
        return key.name


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
