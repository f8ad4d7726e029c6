"""Enrolment and its end: `pair`, `revoke`."""

import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import httpx

from node.cli.node_client import checked, node_client
from node.cli.printing import parser, show_json, show_json_line, shown
from protocol.errors import StateError

POLL_S = 0.5
JOIN_S = 60.0
TIERS = ("personal", "edge")


def pair(argv: Sequence[str]) -> int:
    arguments = parser(
        "pair",
        "Without CODE: show a code for one more device, and wait until it joined. With CODE: enrol this device. "
        "With --json, a line when the window opens and a line when it is over.",
    )
    arguments.add_argument("code", nargs="?", help="the code that the other device shows")
    arguments.add_argument("--person", help="without CODE: whose device joins (asked where it is left out)")
    arguments.add_argument("--tier", choices=TIERS, help="without CODE: the most that it is trusted with")
    arguments.add_argument("--no-signer", action="store_true", help="without CODE: the device may not enrol others")
    arguments.add_argument("--name", help="with CODE: the name of this device (asked where it is left out)")
    wanted = arguments.parse_args(argv)
    if wanted.code is None:
        if wanted.name is not None:
            arguments.error("--name goes with CODE: a device says its own name when it joins")
        return _open(wanted.person, wanted.tier, not wanted.no_signer, wanted.json)
    if wanted.person is not None or wanted.tier is not None or wanted.no_signer:
        arguments.error("with CODE, the other device says person, tier and whether this one may enrol others")
    return _join(wanted.code, wanted.name, wanted.json)


def revoke(argv: Sequence[str]) -> int:
    arguments = parser("revoke", "Takes an island out of the archipelago, for good.")
    arguments.add_argument("name", help="as `islandrun islands` shows it")
    wanted = arguments.parse_args(argv)
    with node_client() as client:
        done = checked(client.post("/api/revoke", json={"name": wanted.name}))
    if wanted.json:
        show_json(done)
    else:
        name = shown(done["revoked"])
        print(f"{name} is out. Islands that can be reached know it within seconds, the others when they are back.")
    return 0


def _join(code: str, name: str | None, json_wanted: bool) -> int:
    with node_client(timeout_s=JOIN_S) as client:
        name = name or _ask("The name of this device?", checked(client.get("/api/status"))["name"] or _host_name())
        done = checked(client.post("/api/pair/join", json={"code": code, "name": name}))
    if json_wanted:
        show_json_line(done)
    else:
        person, name, tier = (shown(done[key]) for key in ("person", "name", "tier"))
        print(f"This device is now {person}'s island {name}, tier {tier} at most.")
    return 0


def _open(person: str | None, tier: str | None, signer: bool, json_wanted: bool) -> int:
    with node_client() as client:
        own = checked(client.get("/api/status"))["person"]
        if own is None:
            raise StateError("this device has no live certificate: it cannot enrol others")
        person = person or _ask("Whose device will join?", own)
        # Who may enrol others may enrol them as the owner: only the owner's own devices are signers.
        is_own = person == own
        body = {"person": person, "tier": tier or ("personal" if is_own else "edge"), "signer": signer and is_own}
        opened = checked(client.post("/api/pair", json=body))
        if json_wanted:
            show_json_line(opened)
        else:
            print(f"On {shown(person)}'s device, within {opened['seconds_left']} s:\n")
            print(f"  islandrun pair {opened['code']}\n", flush=True)
        return _told(_watch(client), json_wanted)


def _watch(client: httpx.Client) -> dict[str, Any]:
    """Until the window is closed. Interrupted: closes it, so that a code that nobody sees any more opens nothing."""
    try:
        while True:
            state: dict[str, Any] = checked(client.get("/api/pair"))
            if not state["open"]:
                return state
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        client.delete("/api/pair")
        raise


def _told(state: dict[str, Any], json_wanted: bool) -> int:
    if json_wanted:
        show_json_line(state)
    elif state["enrolled"]:
        print(f"{shown(state['enrolled'])} is enrolled.")
    else:
        print(f"islandrun pair: no device joined: {shown(state['ended'])}", file=sys.stderr)
    return 0 if state["enrolled"] else 1


def _host_name() -> str:
    return socket.gethostname().partition(".")[0]


def _ask(question: str, default: str) -> str:
    """On stderr, so that stdout holds what was asked for alone. Nobody to ask: the default."""
    if not sys.stdin.isatty():
        return default
    print(f"{question} [{shown(default)}] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or default
