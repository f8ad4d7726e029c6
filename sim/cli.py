"""`islandrun sim list|show|run`: the simulator on the command line."""

import argparse
import json
import sys
from collections.abc import Sequence

from protocol.errors import ConfigError
from sim import scenario
from sim.run import Result, run


def run_cli(argv: Sequence[str]) -> int:
    """Raises ConfigError for a scenario or duration that is none."""
    made = argparse.ArgumentParser(prog="islandrun sim", description="The same node logic on simulated time.")
    verbs = made.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the built-in scenarios").add_argument("--json", action="store_true")
    show = verbs.add_parser("show", help="a scenario as it is written")
    show.add_argument("scenario")
    runs = verbs.add_parser("run", help="run a scenario, built in or from a .toml file")
    runs.add_argument("scenario")
    runs.add_argument("--seed", type=int, default=0)
    runs.add_argument("--islands", type=int)
    runs.add_argument("--duration", help="such as 90s, 10m or 2h")
    runs.add_argument("--json", action="store_true", help="print one JSON object")
    wanted = made.parse_args(argv)
    match wanted.verb:
        case "list":
            _list(as_json=wanted.json)
        case "show":
            sys.stdout.write(scenario.source(wanted.scenario))
        case "run":
            _run(wanted)
    return 0


def _list(*, as_json: bool) -> None:
    found = {name: scenario.load(name).question for name in scenario.names()}
    if as_json:
        _print(json.dumps([{"name": name, "question": question} for name, question in found.items()]))
        return
    for name, question in found.items():
        _print(f"{name}: {question}")


def _run(wanted: argparse.Namespace) -> None:
    if wanted.islands is not None and not 1 <= wanted.islands <= scenario.ISLANDS_MAX:
        raise ConfigError(f"--islands {wanted.islands}: expected 1 to {scenario.ISLANDS_MAX}")
    duration_s = None if wanted.duration is None else scenario.parse_duration(wanted.duration)
    loaded = (
        scenario.load_file(wanted.scenario) if wanted.scenario.endswith(".toml") else scenario.load(wanted.scenario)
    )
    bar = _bar if sys.stderr.isatty() else None
    result = run(loaded, wanted.seed, wanted.islands, duration_s, bar)
    _print(json.dumps(result.json_form()) if wanted.json else _summary(result, loaded.question))


def _summary(result: Result, question: str) -> str:
    figures = {"islands": result.islands, "simulated_s": result.simulated_s, **result.figures, "digest": result.digest}
    width = max(map(len, figures))
    lines = [f"{result.scenario}, seed {result.seed}. {question}", ""]
    return "\n".join(lines + [f"  {name:<{width}}  {value}" for name, value in figures.items()])


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _bar(done_s: int, of_s: int) -> None:
    sys.stderr.write(f"\r{done_s:>7} of {of_s} simulated seconds{chr(10) if done_s >= of_s else ''}")
    sys.stderr.flush()
