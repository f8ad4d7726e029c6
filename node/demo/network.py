"""Three nodes become one archipelago: found by mDNS on loopback, enrolled with a code, one collection granted."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.demo.processes import DemoNode, node
from protocol.errors import StateError

WAIT_S = 60.0
POLL_S = 0.1
LAPTOP_PERSON = "ada"
OFFICE_PERSON = "grace"
COLLECTION = "contracts"
CLOUD = "cloud"

_COMMON = """version = 1
[mesh]
interfaces = ["{loopback}"]
"""
_NO_MODEL = """[embedded]
enabled = false
"""
_PROVIDER = """[[providers]]
name = "{cloud}"
url = "{url}"
key_file = "{key_file}"
[[providers.models]]
name = "{model}"
input_usd = "0.15"
output_usd = "0.60"
context_tokens = 4096
"""

DOCUMENTS = {
    "lease.md": "# Lease of the workshop\n\nThe workshop at the harbour is let until 31 March 2028. "
    "The rent is 1,450 euros a month. The notice period is six months, in writing.\n",
    "supply.md": "# Supply contract\n\nThe mill delivers forty sacks of flour each week. "
    "Either side may end the contract with a notice period of four weeks.\n",
}


@dataclass(frozen=True, slots=True)
class Network:
    """The running demo."""

    laptop: DemoNode
    home: DemoNode
    office: DemoNode

    @property
    def nodes(self) -> tuple[DemoNode, ...]:
        return (self.laptop, self.home, self.office)


@contextmanager
def network(directory: Path, cloud_url: str, cloud_model: str, cloud_key: str, loopback: str) -> Iterator[Network]:
    """Starts, enrols and waits until each believes the others' attestations. Raises StateError."""
    key_file = directory / "cloud.key"
    key_file.touch(mode=0o600)
    key_file.write_text(cloud_key)
    common = _COMMON.format(loopback=loopback)
    provider = _PROVIDER.format(cloud=CLOUD, url=cloud_url, key_file=key_file, model=cloud_model)
    with ExitStack() as stack:
        laptop = stack.enter_context(node(directory, "laptop", LAPTOP_PERSON, common + _NO_MODEL + provider))
        home = stack.enter_context(node(directory, "home", LAPTOP_PERSON, common))
        office = stack.enter_context(node(directory, "office", OFFICE_PERSON, common))
        _enrol(laptop, home, LAPTOP_PERSON, "personal")
        _enrol(laptop, office, OFFICE_PERSON, "edge")
        running = Network(laptop, home, office)
        _wait(f"{laptop.name} believes the offers of {home.name} and {office.name}", lambda: _is_joined(running))
        _hold_collection(office, directory / "contracts")
        _wait(f"{laptop.name} has its name models", lambda: laptop.call("GET", "/api/status")["names_ready"])
        _wait(f"{laptop.name} knows the collection {COLLECTION}", lambda: _knows_collection(laptop))
        yield running


def _enrol(signer: DemoNode, device: DemoNode, person: str, tier: str) -> None:
    opened = signer.call("POST", "/api/pair", {"person": person, "tier": tier, "signer": False})
    device.call("POST", "/api/pair/join", {"code": opened["code"], "name": device.name})


def _hold_collection(holder: DemoNode, folder: Path) -> None:
    folder.mkdir()
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    holder.call("POST", "/api/data", {"name": COLLECTION, "path": str(folder), "label": "confidential"})
    _wait(f"{holder.name} sees a signer", lambda: holder.call("GET", "/api/status")["peers_up"] > 0)
    holder.call("POST", f"/api/data/{COLLECTION}/grant", {"person": LAPTOP_PERSON})


def _is_joined(running: Network) -> bool:
    rows = running.laptop.call("GET", "/api/islands")["islands"]
    up: dict[str, Any] = {row["name"]: row for row in rows}
    return all(up.get(one.name, {}).get("up") and up[one.name]["models"] for one in (running.home, running.office))


def _knows_collection(laptop: DemoNode) -> bool:
    return any(row["name"] == COLLECTION for row in laptop.call("GET", "/api/data")["collections"])


def _wait(what: str, holds: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not holds():
        if time.monotonic() > until:
            raise StateError(f"not within {WAIT_S:g} s: {what}")
        time.sleep(POLL_S)
