"""`policy check` and `policy test`: what the configuration says, read by a person's eye. Neither needs a node."""

import os
from collections.abc import Sequence
from pathlib import Path

from node.cli.policy_cases import Judge, read_cases
from node.cli.policy_check import check
from node.cli.policy_finding import Kind
from node.cli.printing import add_json_flag, harmless, parser, show_json
from node.config import load_rules


def policy(argv: Sequence[str]) -> int:
    """Exit status 1 where something is wrong, contradicts itself, or is not as expected."""
    made = parser("policy", "Whether the configuration says what is meant.", json_flag=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    checking = verbs.add_parser("check", help="read the configuration; find what contradicts itself or has no effect")
    testing = verbs.add_parser("test", help="run examples with what is expected of each")
    testing.add_argument("cases", type=Path, metavar="CASES.toml", help="the examples")
    for one in (checking, testing):
        one.add_argument("--config", metavar="FILE", help="another configuration than this user's")
        add_json_flag(one)
    wanted = made.parse_args(argv)
    flags = {"config": wanted.config}
    return _test(flags, wanted.cases, wanted.json) if wanted.verb == "test" else _check(flags, wanted.json)


def _check(flags: dict[str, str | None], as_json: bool) -> int:
    found = check(flags, os.environ)
    bad = any(one.kind is not Kind.SHADOWED for one in found)
    if as_json:
        rows = [{"file": one.file, "line": one.line, "kind": one.kind.value, "detail": one.detail} for one in found]
        show_json({"ok": not bad, "findings": rows})
    else:
        for one in found:
            print(harmless(f"{one.file}:{one.line}: {one.kind.value}: {one.detail}"))
        print("nothing to say" if not found else f"{len(found)} found")
    return 1 if bad else 0


def _test(flags: dict[str, str | None], path: Path, as_json: bool) -> int:
    cases = read_cases(path)
    results = Judge(load_rules(flags, os.environ)).run(cases)
    ok = not any(result.failures for result in results)
    if as_json:
        rows = [
            {"name": one.name, "ok": not one.failures, "found": one.found, "failures": one.failures} for one in results
        ]
        show_json({"ok": ok, "cases": rows})
    else:
        for one in results:
            print(harmless(f"{'FAIL' if one.failures else 'ok  '}  {one.name}"))
            for failure in one.failures:
                print(harmless(f"      {failure}"))
        print(f"{sum(not one.failures for one in results)} of {len(results)} hold")
    return 0 if ok else 1
