"""Where a node can be dialled: an address literal and a TCP port. Never a name: the mesh asks no resolver."""

import ipaddress
from dataclasses import dataclass
from typing import Self

PORT_MAX = 65_535


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """`192.0.2.7:4754`, `[2001:db8::1]:4754` or `[fe80::1%eth0]:4754`. Port 0 (listening only): any that is free."""

    host: str
    port: int

    def __post_init__(self) -> None:
        """Raises ValueError that says what is wrong."""
        ipaddress.ip_address(self.host)
        if not 0 <= self.port <= PORT_MAX:
            raise ValueError(f"{self.port}: expected a port from 0 to {PORT_MAX}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError that says what is wrong."""
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdigit()):
            raise ValueError(f"{text!r}: expected ADDRESS:PORT")
        if host.startswith("[") and host.endswith("]"):
            return cls(host[1:-1], int(port))
        if ":" in host:
            raise ValueError(f"{text!r}: expected [ADDRESS]:PORT for IPv6")
        return cls(host, int(port))

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    @property
    def dialable(self) -> bool:
        """Whether a connection to it could mean one node: not a wildcard, a group or port 0."""
        address = ipaddress.ip_address(self.host)
        return self.port > 0 and not (address.is_unspecified or address.is_multicast)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"
