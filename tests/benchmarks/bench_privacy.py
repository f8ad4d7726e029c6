"""How much the sanitiser leaks, how much it needlessly takes, how long it takes, with Presidio beside it in one run.

`make bench-privacy` runs it. Our own hard cases are always measured. The sets that are not in the clone are too, where
`--data` holds them (pupa_dev.jsonl, presidio_synth_dev.jsonl, hard_dev.jsonl) and `--programs` what scores them
(privacy_score.py, hard_score.py). Times are of this machine and this run: read their ratios.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.privacy.findings import FindingType
from node.privacy.normal_form import normalise
from node.privacy.policy import Level
from node.privacy.reading import read_by_rules
from node.privacy.restorer import Restorer
from node.privacy.sanitizer import sanitize_texts
from node.privacy.tokens import is_word_character
from node.privacy.vault import Vault
from protocol.chat import TextPart
from protocol.errors import DetectorError
from protocol.placeholders import find
from protocol.terms import Sensitivity
from tests.distortions import DISTORTIONS, NEEDS_NO_NEIGHBOUR
from tests.privacy_hard import Case, cases

ROOT = Path(__file__).parents[2]
PRESIDIO = ROOT / ".venv-presidio" / "bin" / "python"
TIMEOUT_S = 3_600
ECHOES = 10_000
EXCEPTED = ("://", "www.", "](", "<", "]:")  # beside these a text may be where nothing comes back
PROSE = "So: "
NEVER_BACK = frozenset({FindingType.SECRET})


@dataclass
class Sanitiser:
    """A command that reads and writes lines as `islandrun scrub --batch` does, and what was measured of it."""

    name: str
    command: Sequence[str]
    start_s: float = 0.0
    figures: dict[str, float | None] = field(default_factory=dict)

    def scrub(self, texts: Mapping[str, str], home: str) -> tuple[dict[str, Any], float]:
        """Its answers by id, and the seconds that it took."""
        lines = "".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in texts.items())
        began = time.perf_counter()
        out = _output(self.command, lines, home)
        seconds = time.perf_counter() - began
        return {row["id"]: row for row in map(json.loads, out.splitlines())}, seconds


def main() -> int:
    arguments = _parser().parse_args()
    sanitisers = [_ours("balanced"), _ours("strict")]
    if PRESIDIO.exists():
        sanitisers.append(Sanitiser("Presidio", [str(PRESIDIO), "-m", "tests.benchmarks.presidio_scrub"]))
    else:
        print("Presidio is not installed: `make bench-privacy` does that", file=sys.stderr)
    rules = {"own cases: rules alone, ms per KiB": _rules_alone([case.text for case in cases()])}
    with tempfile.TemporaryDirectory() as home:  # no configuration and no running node of this user's
        for one in sanitisers:
            one.start_s = min(one.scrub({}, home)[1] for _ in range(arguments.starts))
            one.figures["start-up, s"] = one.start_s
            _own_cases(one, home)
        if arguments.data is not None and arguments.programs is not None:
            files = _samples(arguments.data, arguments.rows, Path(home))
            rules |= {f"{name}: rules alone, ms per KiB": _rules_alone(_texts(path)) for name, path in files.items()}
            for one in sanitisers:
                _given_sets(one, arguments.programs, files, home)
        else:
            print("without --data and --programs: our own cases alone", file=sys.stderr)
    alone = {
        **rules,
        f"echoed answers restored, of {ECHOES}": _echoes(distorted=False),
        f"the same with distorted tokens, of {ECHOES}": _echoes(distorted=True),
    }
    _print(sanitisers, alone, as_json=arguments.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench_privacy", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder with the sets")
    parser.add_argument("--programs", type=Path, help="the folder with what scores them")
    parser.add_argument("--rows", type=int, help="only so many rows of each set")
    parser.add_argument("--starts", type=int, default=2, help="starts, of which the quickest counts")
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    return parser


def _ours(level: str) -> Sanitiser:
    return Sanitiser(level, [sys.executable, "-m", "node.cli.main", "scrub", "--batch", "--level", level])


def _output(command: Sequence[str], lines: str, home: str) -> str:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ISLANDRUN_", "XDG_"))},
        "HOME": home,
    }
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, cwd=ROOT, env=environ, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


def _own_cases(sanitiser: Sanitiser, home: str) -> None:
    every = cases()
    texts = {case.id: case.text for case in every}
    answers, seconds = sanitiser.scrub(texts, home)
    hidden = sum(len(case.hidden) for case in every)
    kept = sum(len(case.kept) for case in every)
    harmless = [case for case in every if case.is_harmless]
    failures = [_failures(case, answers[case.id]) for case in every]
    levels = {case: Sensitivity.parse(level) for case in every if (level := answers[case.id].get("sensitivity"))}
    sanitiser.figures |= {
        "own cases: values readable": sum(f.startswith("readable") for row in failures for f in row) / hidden,
        "own cases: strings to keep that were lost": sum(f.startswith("lost") for row in failures for f in row) / kept,
        "own cases: harmless ones touched": sum(answers[c.id]["text"] != c.text for c in harmless) / len(harmless),
        "own cases: called too little": _share([level < case.at_least for case, level in levels.items()]),
        "own cases: harmless ones called confidential or more": _share(
            [levels[case] >= Sensitivity.CONFIDENTIAL for case in harmless if case in levels]
        ),
        "own cases: ms per KiB": _per_kib(seconds - sanitiser.start_s, texts.values()),
    }


def _failures(case: Case, answer: Mapping[str, Any]) -> list[str]:
    return case.failures(answer["text"], None)


def _share(outcomes: Sequence[bool]) -> float | None:
    return sum(outcomes) / len(outcomes) if outcomes else None


def _per_kib(seconds: float, texts: Iterator[str] | Any) -> float:
    return 1000 * max(seconds, 1e-9) / (sum(len(text.encode()) for text in texts) / 1024)


def _samples(data: Path, rows: int | None, folder: Path) -> dict[str, Path]:
    found = {}
    for name in ("pupa_dev", "presidio_synth_dev", "hard_dev"):
        path = data / f"{name}.jsonl"
        if not path.exists():
            print(f"{path.name} is not in the data: left out", file=sys.stderr)
            continue
        if rows is not None:
            lines = path.read_text(encoding="utf-8").split("\n")[:rows]
            path = folder / path.name
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found[name] = path
    return found


def _given_sets(sanitiser: Sanitiser, programs: Path, files: Mapping[str, Path], home: str) -> None:
    labelled = [str(files[name]) for name in ("pupa_dev", "presidio_synth_dev") if name in files]
    if labelled:
        score = [sys.executable, str(programs / "privacy_score.py"), *labelled, "--", *sanitiser.command]
        report = json.loads(_output(score, "", home))
        for name, figures in (("pupa_dev", ("leak", "masked_share")), ("presidio_synth_dev", ("recall", "precision"))):
            of_set = report.get(name, {})
            for figure in figures:
                sanitiser.figures[f"{name}: {figure.replace('_', ' ')}"] = of_set.get(figure)
            sanitiser.figures[f"{name}: ms per KiB"] = of_set.get("ms_per_kib")
    if "hard_dev" in files:
        score = [sys.executable, str(programs / "hard_score.py"), "--data", str(files["hard_dev"]), "--"]
        report = json.loads(_output([*score, *sanitiser.command], "", home).splitlines()[-1])
        for figure in ("leak", "kept", "controls_touched", "sensitivity_low", "no_unit_high"):
            sanitiser.figures[f"hard_dev: {figure.replace('_', ' ')}"] = report[figure]


def _texts(path: Path) -> list[str]:
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [row["text"] for row in rows]


def _rules_alone(texts: Sequence[str]) -> float:
    """Of this process, the quickest of five times; making the normal form is part of it."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for text in texts:
            read_by_rules(normalise(text))
        best = min(best, time.process_time() - began)
    return _per_kib(best, texts)


def _echoes(*, distorted: bool) -> int:
    """Of so many random texts, cut anywhere, how many an echo brings back byte for byte.

    `distorted`: the echo does to each token what models are seen to do; marks and endings that it adds are to stay.
    """
    chance = random.Random(4753)
    pieces = [piece for case in cases() for piece in (*case.hidden, *case.text.split(" "))]
    restored = tried = 0
    while tried < ECHOES:
        text = " ".join(chance.choices(pieces, k=chance.randint(1, 12)))
        try:
            findings = read_by_rules(normalise(text)).findings
        except DetectorError:
            continue
        given = [(TextPart(("text",), text, "user"), findings)]
        vault, (result,) = sanitize_texts(given, Level.STRICT, personal=True)
        if any(mark in text + result.text for mark in EXCEPTED) or any(entry.type in NEVER_BACK for entry in vault):
            continue
        tried += 1
        answer, expected = _distorted(result.text, vault, chance) if distorted else (result.text, text)
        restorer, shown, at = Restorer(vault), [], 0
        while at < len(answer):
            size = chance.randint(1, 9)
            shown.append(restorer.feed(answer[at : at + size]))
            at += size
        restored += "".join([*shown, restorer.finish()]) == expected
    return restored


def _distorted(text: str, vault: Vault, chance: random.Random) -> tuple[str, str]:
    """An answer that repeats `text`, and what it is to become. Prose: in what begins as JSON, values are escaped."""
    answer, expected, at = PROSE, PROSE, 0
    for start, end, placeholder in find(text):
        entry = vault.get(placeholder)
        if entry is None:
            continue
        alone = not any(map(is_word_character, text[max(0, start - 1) : start] + text[end : end + 1]))
        how = chance.choice([one for one in DISTORTIONS if alone or one.name not in NEEDS_NO_NEIGHBOUR])
        answer += text[at:start] + how.write(text[start + 1 : end - 1])
        expected += text[at:start] + how.show(entry.value)
        at = end
    return answer + text[at:], expected + text[at:]


def _print(sanitisers: Sequence[Sanitiser], alone: Mapping[str, float], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"sanitisers": {one.name: one.figures for one in sanitisers}, "ours": alone}, indent=1))
        return
    names = list(dict.fromkeys(name for one in sanitisers for name in one.figures))
    width = max(len(name) for name in (*names, *alone))
    print(f"{'':<{width}}" + "".join(f"{one.name:>12}" for one in sanitisers))
    for name in names:
        print(f"{name:<{width}}" + "".join(f"{_shown(one.figures.get(name)):>12}" for one in sanitisers))
    for name, value in alone.items():
        print(f"{name:<{width}}{_shown(value):>12}")


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
