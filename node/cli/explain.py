"""`explain`: the decision for a request, without sending anything; offline, on a table of offers in a file."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from node.agents.explain import Reading
from node.agents.explain import explain as decide_offline
from node.agents.explain_schema import SCHEMA
from protocol.chat import ChatRequest
from protocol.errors import StateError
from protocol.strict_json import parse_json


def explain(argv: Sequence[str]) -> int:
    """With `--offline` or `--schema` no node is asked."""
    arguments = _parser()
    wanted = arguments.parse_args(argv)
    if wanted.offline or wanted.schema:
        return explain_offline(argv)
    if wanted.question is None:
        arguments.error("ask something, or decide --offline")
    text = sys.stdin.read() if wanted.question == "-" else wanted.question
    _print(_ask_node({"model": wanted.model, "messages": [{"role": "user", "content": text}]}), as_json=wanted.json)
    return 0


def explain_offline(argv: Sequence[str]) -> int:
    """`--islands ISLANDS.json --json < REQUEST.json`, or `--schema`. A refusal is a decision too: exit status 0."""
    arguments = _parser()
    wanted = arguments.parse_args(argv)
    if wanted.schema:
        print(json.dumps(SCHEMA, indent=2))
        return 0
    if wanted.islands is None:
        arguments.error("--offline needs --islands ISLANDS.json")
    try:
        islands = parse_json(wanted.islands.read_bytes(), where="islands")
    except OSError as error:
        raise StateError(f"{wanted.islands}: {error.strerror}") from None
    request = parse_json(sys.stdin.buffer.read(), where="request")
    _print(decide_offline(islands, request, _read), as_json=wanted.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="islandrun explain", description="The decision for a request, without sending anything."
    )
    made.add_argument("question", nargs="?", help="`-` reads it from standard input")
    made.add_argument("--model", default="auto", help="auto, auto@COLLECTION, MODEL or ISLAND/MODEL")
    made.add_argument("--json", action="store_true", help="print one JSON value")
    made.add_argument("--offline", action="store_true", help="no node: the request, as JSON, comes from standard input")
    made.add_argument("--islands", type=Path, metavar="ISLANDS.json", help="the table of offers for --offline")
    made.add_argument("--schema", action="store_true", help="print the JSON Schema of what --offline reads")
    return made


def _ask_node(body: dict[str, Any]) -> Any:
    # Imported here: the HTTP client takes longer to load than an offline decision to make.
    from node.cli.node_client import checked, node_client

    with node_client() as client:
        return checked(client.post("/api/explain", json=body))


def _read(request: ChatRequest, privacy: Mapping[str, Any]) -> Reading:
    # Imported here: the name models take seconds to load, and most tables come with a stated sensitivity.
    from node.cli.reading import read, stated_policy

    return read(request, stated_policy(privacy))


def _print(found: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    after = found["sensitivity_after"] or "cannot be sanitised"
    print(
        f"{found['decision']}: {found['offer'] or 'no offer may answer'}{' (sanitised)' if found['sanitize'] else ''}"
    )
    print(f"sensitivity: {found['sensitivity']}; once sanitised: {after}")
    for reason in found.get("sensitivity_reasons", []):  # a running node tells them
        print(f"  {reason['level']}: {reason['detail']} ({reason['code']}, {reason['part'] or 'the whole request'})")
    place = {name: str(number) for number, name in enumerate(found["plan"], 1)}
    for offer in found["offers"]:
        said = "; ".join(f"{reason['agent']}: {reason['detail']}" for reason in offer["reasons"])
        print(f"  {place.get(offer['name'], '-'):>3}  {offer['name']} ({offer['tier']})  {said}".rstrip())
