"""Network namespaces on a bridge: machines of a local network, on this one. Needs root, or CAP_NET_ADMIN.

A test that cannot have them says so and is skipped; with CI=true or ISLANDRUN_REQUIRE_NETNS=1 that is a failure.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

COMMAND_S = 10.0
NETWORK = "10.76.{octet}.{number}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """One machine: `command` runs in it."""

    name: str
    address: str
    cable: str  # the bridge's end of its veth pair: set it down to pull the cable

    def command(self, arguments: Sequence[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *arguments]

    def python(self, *arguments: str) -> list[str]:
        return self.command([sys.executable, *arguments])


def require_namespaces() -> None:
    """Skips the test, with the reason, where namespaces cannot be made; fails it in CI."""
    reason = _missing()
    if reason is None:
        return
    if os.environ.get("CI") == "true" or os.environ.get("ISLANDRUN_REQUIRE_NETNS") == "1":
        pytest.fail(f"network namespaces are required here: {reason}")
    pytest.skip(f"no network namespaces: {reason}")


@contextmanager
def bridged(count: int) -> Iterator[tuple[Namespace, ...]]:
    """`count` namespaces, each with `lo` and `eth0` up, on one bridge. Everything is removed at the end."""
    require_namespaces()
    tag = secrets.token_hex(3)
    bridge = f"ir{tag}"
    octet = secrets.randbelow(250) + 1
    made = []
    try:
        _ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
        _ip("link", "set", bridge, "up")
        for number in range(1, count + 1):
            cable = f"ir{tag}v{number}"
            one = Namespace(f"ir{tag}n{number}", NETWORK.format(octet=octet, number=number), cable)
            _ip("netns", "add", one.name)
            made.append(one)
            _join(one, bridge)
        yield tuple(made)
    finally:
        for one in made:
            _ip("netns", "del", one.name, check=False)
        _ip("link", "del", bridge, check=False)


def _join(one: Namespace, bridge: str) -> None:
    _ip("link", "add", one.cable, "type", "veth", "peer", "name", "eth0", "netns", one.name)
    _ip("link", "set", one.cable, "master", bridge, "up")
    _ip("-n", one.name, "addr", "add", f"{one.address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        _ip("-n", one.name, "link", "set", device, "up")


def _missing() -> str | None:
    if sys.platform != "linux":
        return f"{sys.platform} has none"
    if shutil.which("ip") is None:
        return "the program ip (iproute2) is not there"
    probe = f"irprobe{secrets.token_hex(3)}"
    made = _ip("netns", "add", probe, check=False)
    if made.returncode != 0:
        return made.stderr.strip() or "ip netns add failed"
    _ip("netns", "del", probe, check=False)
    return None


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["ip", *arguments], check=check, capture_output=True, text=True, timeout=COMMAND_S, stdin=subprocess.DEVNULL
    )
