"""`data add|grant|list|remove`: collections held by this node."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from node.cli.node_client import checked, node_client
from node.cli.printing import add_json_flag, parser, show_json, show_table, shown
from protocol.terms import Sensitivity


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
        place = f"/api/data/{quote(wanted.name, safe='')}"
        if wanted.verb == "add":
            body = {"name": wanted.name, "path": str(wanted.path.resolve()), "label": wanted.label}
            done = checked(client.post("/api/data", json=body))
        elif wanted.verb == "grant":
            done = checked(client.post(f"{place}/grant", json={"person": wanted.person}))
        else:
            done = checked(client.delete(place))
    if wanted.json:
        show_json(done)
    else:
        print("\n".join(f"{name.replace('_', ' '):<12} {shown(value)}" for name, value in done.items()))
    return 0


def _list(found: dict[str, list[dict[str, object]]], json_wanted: bool) -> int:
    if json_wanted:
        show_json(found)
        return 0
    rows = [(row["name"], row["label"], row["island"], row["files"], row["granted"]) for row in found["collections"]]
    show_table(("collection", "label", "island", "files", "granted to"), rows)
    return 0
