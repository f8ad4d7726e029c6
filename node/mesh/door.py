"""Who may knock: strangers are held to a rate before Noise, and few of them are inside at once.

One inbound connection costs 25 ms of CPU (Noise, Yamux), so the rates below bound what strangers can take from a core.
"""

import ipaddress
from dataclasses import dataclass, field

from protocol.budget import Budget

KNOCKS_BURST = 20  # per address; a household behind one address reconnects at once
KNOCKS_PER_S = 2  # per address: 5 % of a core
ALL_KNOCKS_BURST = 60
ALL_KNOCKS_PER_S = 10  # all addresses together: 25 % of a core
STRANGERS_MAX = 32
STRANGERS_PER_ADDRESS_MAX = 16
ADDRESSES_MAX = 1_024
FRIENDS_MAX = 256
assert KNOCKS_PER_S <= ALL_KNOCKS_PER_S
assert STRANGERS_PER_ADDRESS_MAX < STRANGERS_MAX


@dataclass(slots=True)
class Door:
    """Counts knocks and strangers. Times are monotonic milliseconds."""

    _budgets: dict[str, Budget] = field(default_factory=dict)
    _all: Budget = field(default_factory=lambda: Budget(ALL_KNOCKS_PER_S, ALL_KNOCKS_BURST, 0))
    _inside: dict[str, int] = field(default_factory=dict)
    _friends: dict[str, None] = field(default_factory=dict)

    def knock(self, host: str, now_ms: int) -> bool:
        """May this address go on to Noise? If so it counts as a stranger inside, until `leave`."""
        place = neighbourhood(host)
        if self._inside.get(place, 0) >= STRANGERS_PER_ADDRESS_MAX:
            return False
        friend = place in self._friends
        if not friend and sum(self._inside.values()) >= STRANGERS_MAX:
            return False
        if not self._budget(place, now_ms).take(now_ms):
            return False
        if not friend and not self._all.take(now_ms):
            return False
        self._inside[place] = self._inside.get(place, 0) + 1
        return True

    def leave(self, host: str) -> None:
        """The stranger is gone, or is a stranger no more."""
        place = neighbourhood(host)
        left = self._inside.get(place, 0) - 1
        if left > 0:
            self._inside[place] = left
        else:
            self._inside.pop(place, None)

    def befriend(self, host: str) -> None:
        """A member spoke from this address: a flood from other addresses does not keep it out."""
        place = neighbourhood(host)
        self._friends.pop(place, None)
        self._friends[place] = None
        if len(self._friends) > FRIENDS_MAX:
            del self._friends[next(iter(self._friends))]

    @property
    def strangers(self) -> int:
        return sum(self._inside.values())

    def _budget(self, place: str, now_ms: int) -> Budget:
        budget = self._budgets.pop(place, None) or Budget(KNOCKS_PER_S, KNOCKS_BURST, now_ms)
        self._budgets[place] = budget
        if len(self._budgets) > ADDRESSES_MAX:  # the longest silent; it has refilled, or the shared budget holds it
            del self._budgets[next(iter(self._budgets))]
        return budget


def neighbourhood(host: str) -> str:
    """What one attacker gets for the price of one address: an IPv4 address, or an IPv6 /64."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)
    return str(address)
