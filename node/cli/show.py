"""The verbs that only show: `islands`, `models`, `status`, `events`."""

import json
import time
from collections.abc import Iterable, Sequence
from typing import Any

from node.cli.node_client import checked, node_client
from node.cli.printing import ago, parser, show_json, show_json_line, show_table, shown
from protocol.errors import StateError


def islands(argv: Sequence[str]) -> int:
    arguments = parser("islands", "The islands that this node knows, with tier, person, models, load, last seen.")
    json_wanted = arguments.parse_args(argv).json
    with node_client() as client:
        rows = checked(client.get("/api/islands"))
    if json_wanted:
        show_json(rows)
        return 0
    show_table(
        ("island", "tier", "person", "models", "load", "last seen"),
        [(_name(row), row["tier"], row["person"], row["models"], _load(row), _seen(row)) for row in rows["islands"]],
    )
    return 0


def models(argv: Sequence[str]) -> int:
    json_wanted = parser("models", "The names that a request's `model` may have here.").parse_args(argv).json
    with node_client() as client:
        found = checked(client.get("/v1/models"))
    if json_wanted:
        show_json(found)
    else:
        show_table(("model", "where"), [(row["id"], row["owned_by"]) for row in found["data"]])
    return 0


def status(argv: Sequence[str]) -> int:
    json_wanted = parser("status", "What this node is doing.").parse_args(argv).json
    with node_client() as client:
        found = checked(client.get("/api/status"))
    if json_wanted:
        show_json(found)
        return 0
    for name, value in found.items():
        print(f"{name.replace('_', ' '):<16} {shown(value)}")
    return 0


def events(argv: Sequence[str]) -> int:
    """Until interrupted, or until `--limit` events came. Raises StateError when the node goes away."""
    arguments = parser("events", "What happens in the archipelago, as it happens. With --json, a line each.")
    arguments.add_argument("--limit", type=int, default=0, help="end after so many events")
    wanted = arguments.parse_args(argv)
    with node_client(timeout_s=None) as client, client.stream("GET", "/api/events") as response:
        if response.is_error:
            checked(response)
        _follow(response.iter_lines(), wanted.limit, wanted.json)
    return 0


def _follow(lines: Iterable[str], limit: int, json_wanted: bool) -> None:
    seen = 0
    for line in lines:
        if not line.startswith("data: "):
            continue
        event = json.loads(line.removeprefix("data: "))
        if json_wanted:
            show_json_line(event)
        else:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at_s"]))
            print(f"{at}  {shown(event['kind'])}  {shown(event['data'])}", flush=True)
        seen += 1
        if seen == limit:
            return
    raise StateError("the node ended")


def _name(row: dict[str, Any]) -> str:
    return f"{row['name']} (this one)" if row["this"] else str(row["name"])


def _load(row: dict[str, Any]) -> str:
    load = row["load"]
    return f"{load['busy']}/{load['slots']}" if load else "-"


def _seen(row: dict[str, Any]) -> str:
    return "now" if row["up"] else ago(row["last_seen_s"])
