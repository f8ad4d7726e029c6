"""How the rules' time grows on hostile text: each repetition at two sizes, and how much longer the longer one took.

A rule that looks at each character a bounded number of times takes `FACTOR` times as long on `FACTOR` times as much;
one that backtracks over the whole takes the square of it. Prints the worst first. Run it on a quiet machine.
"""

import argparse
import contextlib
import time

from node.privacy.normal_form import normalise
from node.privacy.reading import read_by_rules
from protocol.errors import DetectorError
from tests.hostile_texts import HOSTILE

CHARACTERS = 100 << 10
FACTOR = 4
TAIL_CHARACTERS = 60


def _of_size(text: str, characters: int) -> str:
    """The repetition at this size, with the end that many of them are hostile by."""
    return (text * (characters // len(text) + 1))[: characters - TAIL_CHARACTERS] + text[-TAIL_CHARACTERS:]


def _seconds(text: str, runs: int) -> float:
    best = float("inf")
    for _ in range(runs):
        began = time.process_time()
        with contextlib.suppress(DetectorError):  # over the limit of findings: that ends the text too
            read_by_rules(normalise(text))
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench_hostile", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="of each, of which the quickest counts")
    parser.add_argument("--rows", type=int, default=20, help="how many to print")
    arguments = parser.parse_args()
    rows = []
    for text in HOSTILE:
        short, whole = (_seconds(_of_size(text, CHARACTERS // part), arguments.runs) for part in (FACTOR, 1))
        rows.append((whole / short, whole, text[:32]))
    print(f"{'time on 4 x the text':>21}{'ms per KiB':>12}  repetition")
    for ratio, whole, text in sorted(rows, reverse=True)[: arguments.rows]:
        print(f"{ratio:>21.1f}{whole * 1000 / (CHARACTERS / 1024):>12.2f}  {text!r}")


if __name__ == "__main__":
    main()
