"""`data add|grant|list|remove`: collections held by this node."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from node.cli.node_client import checked, error_text, node_client
from node.cli.printing import add_json_flag, harmless, parser, show_json, show_json_line, show_table, shown
from protocol.errors import StateError
from protocol.terms import Sensitivity

BAR_CHARACTERS = 30


def data(argv: Sequence[str]) -> int:
    made = parser("data", "Collections held here. Documents never leave.", json_flag=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    add = verbs.add_parser("add", help="index a folder as a collection, or bring it up to date")
    add.add_argument("name")
    add.add_argument("path", type=Path)
    add.add_argument("--label", choices=[level.label for level in Sensitivity], default="confidential")
    grant = verbs.add_parser("grant", help="let a person ask it")
    grant.add_argument("name")
    grant.add_argument("person")
    remove = verbs.add_parser("remove", help="forget a collection without trace; the documents stay")
    remove.add_argument("name")
    listing = verbs.add_parser("list", help="the collections held here and those that this device may ask")
    for one in (add, grant, remove, listing):
        add_json_flag(one)
    wanted = made.parse_args(argv)
    with node_client(timeout_s=None) as client:
        if wanted.verb == "list":
            return _list(checked(client.get("/api/data")), wanted.json)
        if wanted.verb == "add":
            return _add(client, wanted)
        place = f"/api/data/{quote(wanted.name, safe='')}"
        if wanted.verb == "grant":
            done = checked(client.post(f"{place}/grant", json={"person": wanted.person}))
        else:
            done = checked(client.delete(place))
    if wanted.json:
        show_json(done)
    else:
        _show(done)
    return 0


def _add(client: httpx.Client, wanted: argparse.Namespace) -> int:
    """With --json a line for each progress and a last one with the result; on a terminal a bar."""
    body = {"name": wanted.name, "path": str(wanted.path.resolve()), "label": wanted.label}
    with client.stream("POST", "/api/data", json=body, headers={"accept": "text/event-stream"}) as response:
        if response.is_error:
            checked(response)
        done = followed(response.iter_lines(), wanted.json)
    if wanted.json:
        show_json_line(done)
        return 0
    not_read = done.pop("not_read", [])
    _show(done)
    for one in not_read:
        print(harmless(f"not read: {one['file']}: {one['why']}", keep=""))
    return 0


def followed(lines: Iterable[str], json_wanted: bool) -> dict[str, Any]:
    """The result, once it is there. Raises StateError where the node refuses, or ends before."""
    bar = sys.stderr.isatty() and not json_wanted
    try:
        for line in lines:
            event = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if "error" in event:
                raise StateError(error_text(event))
            if "done" in event:
                return dict(event["done"])
            if "progress" in event and json_wanted:
                show_json_line(event)
            elif "progress" in event and bar:
                print(f"\r{_bar(event['progress'])}", end="", file=sys.stderr, flush=True)
    finally:
        if bar:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    raise StateError("the node ended before the folder was read: the same command goes on where it stopped")


def _bar(progress: Mapping[str, int]) -> str:
    done, total = progress["bytes"], max(progress["bytes_total"], progress["bytes"], 1)
    filled = BAR_CHARACTERS * done // total
    files = f"{progress['files']} of {progress['files_total']} files"
    return f"[{'#' * filled}{'.' * (BAR_CHARACTERS - filled)}] {100 * done // total:3} %  {files}"


def _show(done: Mapping[str, object]) -> None:
    print("\n".join(f"{name.replace('_', ' '):<12} {shown(value)}" for name, value in done.items()))


def _list(found: dict[str, list[dict[str, object]]], json_wanted: bool) -> int:
    if json_wanted:
        show_json(found)
        return 0
    rows = [(row["name"], row["label"], row["island"], row["files"], row["granted"]) for row in found["collections"]]
    show_table(("collection", "label", "island", "files", "granted to"), rows)
    return 0
