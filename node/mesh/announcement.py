"""What a node says on the local network, and what it makes of what others say there. Anybody may have said it.

Source: specs/11-discovery-and-enrolment.md. No peer id, owner, model or file name is in it, and the host name is random
too: who is not a member cannot tell one café visit from another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.mesh.endpoint import PORT_MAX, Endpoint
from protocol.errors import PeerError, RecordError
from protocol.keys import IslandId, public_key

SERVICE_TYPE = "_islandrun._tcp.local."
VERSION = "1"
NAME_CHARS = 22  # 128 random bits in lower-case hexadecimal would be 32; 22 characters of 36 are 113 bits
NAME_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
SALT_BYTES = 16
HINT_BYTES_MAX = 32
TXT_VALUE_BYTES_MAX = 128
ENDPOINTS_MAX = 8


@dataclass(frozen=True, slots=True)
class PairingWindow:
    """A pairing window is open on this node: its own host's peer id (a fresh key) and port."""

    host: IslandId
    port: int


@dataclass(frozen=True, slots=True)
class Announcement:
    """What this node says on one network. The hint lets members, and nobody else, recognise it."""

    name: str
    port: int
    salt: bytes = b""  # both empty: a node without an archipelago, which nobody looks for
    hint: bytes = b""
    pairing: PairingWindow | None = None

    def txt(self) -> dict[str, str]:
        values = {"v": VERSION, "n": self.name}
        if self.hint:
            values |= {"h": self.hint.hex(), "s": self.salt.hex()}
        if self.pairing is not None:
            values |= {"pair": str(self.pairing.host), "pp": str(self.pairing.port)}
        return values


@dataclass(frozen=True, slots=True)
class Rumour:
    """Somebody on the network said this. It proves nothing and replaces nothing."""

    name: str
    endpoints: tuple[Endpoint, ...]
    salt: bytes = b""
    hint: bytes = b""
    pairing: PairingWindow | None = None

    @classmethod
    def parse(cls, name: str, txt: Mapping[bytes, bytes | None], endpoints: Sequence[Endpoint]) -> "Rumour":
        """Raises PeerError that names the member at fault."""
        values = _values(txt)
        if values.get("v") != VERSION:
            raise PeerError("announcement.v", f"expected {VERSION}")
        if values.get("n") != name or not is_name(name):
            raise PeerError("announcement.n", "expected the random name of the instance")
        salt, hint = _hexadecimal(values, "s", SALT_BYTES), _hexadecimal(values, "h", HINT_BYTES_MAX)
        if hint and len(salt) != SALT_BYTES:
            raise PeerError("announcement.s", f"expected {SALT_BYTES} bytes")
        usable = tuple(dict.fromkeys(endpoint for endpoint in endpoints if endpoint.dialable))[:ENDPOINTS_MAX]
        if not usable:
            raise PeerError("announcement.endpoints", "no address on this network")
        return cls(name, usable, salt, hint, _pairing(values))


def is_name(name: str) -> bool:
    return len(name) == NAME_CHARS and all(char in NAME_ALPHABET for char in name)


def _values(txt: Mapping[bytes, bytes | None]) -> dict[str, str]:
    values = {}
    for key, value in txt.items():
        if value is not None and len(value) <= TXT_VALUE_BYTES_MAX and key.isascii() and value.isascii():
            values[key.decode("ascii")] = value.decode("ascii")
    return values


def _hexadecimal(values: Mapping[str, str], key: str, bytes_max: int) -> bytes:
    text = values.get(key, "")
    if len(text) > 2 * bytes_max or text != text.lower() or any(char not in "0123456789abcdef" for char in text):
        raise PeerError(f"announcement.{key}", f"expected at most {bytes_max} bytes in hexadecimal")
    if len(text) % 2:
        raise PeerError(f"announcement.{key}", "half a byte")
    return bytes.fromhex(text)


def _pairing(values: Mapping[str, str]) -> PairingWindow | None:
    host, port = values.get("pair"), values.get("pp")
    if host is None and port is None:
        return None
    if host is None or port is None or not port.isdigit() or not 0 < int(port) <= PORT_MAX:
        raise PeerError("announcement.pp", f"expected a port from 1 to {PORT_MAX} beside pair")
    try:
        public_key(IslandId(host))
    except RecordError as error:
        raise PeerError("announcement.pair", error.problem) from error
    return PairingWindow(IslandId(host), int(port))
