"""The network interfaces of this machine, as discovery needs them: which are up, and what is on the same link."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

import ifaddr
import psutil

from node.mesh.endpoint import Endpoint

ADDRESSES_MAX = 8  # of one interface, announced
INTERFACES_MAX = 16

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface that is up: its addresses (scoped where they are link-local) and the networks they are on."""

    name: str
    index: int
    addresses: tuple[str, ...]
    networks: tuple[Network, ...]

    def reaches(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint is on this link: what mDNS says of elsewhere is not to be dialled."""
        host, _, zone = endpoint.host.partition("%")
        address = ipaddress.ip_address(host)
        if zone and zone not in (self.name, str(self.index)):
            return False
        return any(address in network for network in self.networks if network.version == address.version)


def interfaces(wanted: Sequence[str] | None) -> tuple[Interface, ...]:
    """Those that are up. `wanted` names interfaces or addresses; None means all but loopback."""
    found = []
    stats = psutil.net_if_stats()
    for adapter in ifaddr.get_adapters():
        name = adapter.nice_name
        if name in stats and not stats[name].isup:
            continue
        interface = _interface(adapter)
        if interface.addresses and _is_wanted(interface, wanted):
            found.append(interface)
    return tuple(found[:INTERFACES_MAX])


def _is_wanted(interface: Interface, wanted: Sequence[str] | None) -> bool:
    if wanted is None:
        return not all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in interface.addresses)
    return interface.name in wanted or any(address.partition("%")[0] in wanted for address in interface.addresses)


def _interface(adapter: ifaddr.Adapter) -> Interface:
    addresses, networks = [], []
    for ip in adapter.ips:
        host = ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip
        host = host.partition("%")[0]
        networks.append(ipaddress.ip_network((host, ip.network_prefix), strict=False))
        if ":" in host and ipaddress.ip_address(host).is_link_local:
            host = f"{host}%{adapter.nice_name}"
        addresses.append(host)
    order = sorted(zip(addresses, networks, strict=True), key=lambda pair: (":" in pair[0], pair[0]))[:ADDRESSES_MAX]
    return Interface(
        adapter.nice_name, adapter.index or 0, tuple(a for a, _ in order), tuple(dict.fromkeys(n for _, n in order))
    )
