"""`kill -9` at random moments of paid requests: what was sent twice, and what was spent and is in no book.

`python -m tests.benchmarks.bench_money [KILLS] [SEED]`, 200 unless said. Prints one JSON object; the exit status is 1
where a request was sent twice, or money was spent and not recorded.
"""

import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.killed_payments import killed

KILLS = 200


def main(arguments: list[str]) -> int:
    kills = int(arguments[0]) if arguments else KILLS
    seed = int(arguments[1]) if len(arguments) > 1 else random.SystemRandom().randrange(2**32)
    print(f"seed {seed}", file=sys.stderr)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        found = killed(Path(directory), kills, seed)
    print(json.dumps({**asdict(found), "seed": seed, "seconds": round(time.monotonic() - began, 1)}))
    wrong = found.sent_twice + found.unrecorded + found.without_receipt + found.left_reserved
    return 1 if not found.sent or wrong + found.wrongly_released + found.wrong_amounts + found.unbalanced else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
