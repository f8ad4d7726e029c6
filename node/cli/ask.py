"""`ask`: one question, the answer as it comes."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from node.cli.node_client import checked, node_client
from node.cli.printing import harmless, parser, show_json_line
from node.store.api_keys import KeyKind
from protocol.errors import CutAnswerError


def ask(argv: Sequence[str]) -> int:
    """The answer goes to stdout, who gave it to stderr. Raises StateError when it is refused, CutAnswerError."""
    arguments = parser("ask", "Asks a question and prints the answer as it comes. With --json, once it is whole.")
    arguments.add_argument("question", nargs="+", help="`-` reads it from standard input")
    arguments.add_argument("--model", default="auto", help="auto, auto@COLLECTION, MODEL or ISLAND/MODEL")
    arguments.add_argument("--max-tokens", type=int, help="the most tokens that the answer may have")
    wanted = arguments.parse_args(argv)
    text = sys.stdin.read() if wanted.question == ["-"] else " ".join(wanted.question)
    body: dict[str, Any] = {"model": wanted.model, "messages": [{"role": "user", "content": text}]}
    if wanted.max_tokens is not None:
        body["max_tokens"] = wanted.max_tokens
    with node_client(KeyKind.INFERENCE, timeout_s=None) as client:
        if wanted.json:
            show_json_line(checked(client.post("/v1/chat/completions", json=body)))
            return 0
        with client.stream("POST", "/v1/chat/completions", json={**body, "stream": True}) as response:
            if response.is_error:
                checked(response)
            _print_stream(response.iter_lines())
            print(_who(response.headers), file=sys.stderr)
    return 0


def _print_stream(lines: Iterable[str]) -> None:
    """Raises CutAnswerError where the answer did not end as a whole one does."""
    for line in lines:
        if not line.startswith("data: "):
            continue
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            print()
            return
        chunk = json.loads(data)
        if "error" in chunk:
            print()
            raise CutAnswerError(str(chunk["error"].get("code")), str(chunk["error"].get("message")))
        for choice in chunk.get("choices", []):
            content = choice["delta"].get("content") or ""
            # In a file the answer is wanted as it is; a terminal would obey what a model wrote.
            print(harmless(content) if sys.stdout.isatty() else content, end="", flush=True)
    print()
    raise CutAnswerError("cut", "the answer ended before it was whole")


def _who(headers: Mapping[str, str]) -> str:
    island, tier, sanitized, decision = (
        headers.get(f"x-islandrun-{name}", "?") for name in ("island", "tier", "sanitized", "decision")
    )
    return f"[{island} ({tier}), sanitized: {sanitized}, decision {decision}]"
