"""Promise 2, on a killed core: a paid request is sent at most once, and nothing is spent that is in no book."""

import random
from dataclasses import replace
from pathlib import Path

from tests.killed_payments import killed

KILLS = 6


def test_killed_core_sends_no_paid_request_twice_and_books_what_it_spent(tmp_path: Path) -> None:
    """`make bench-money` does the same 200 times."""
    seed = random.randrange(2**32)
    found = killed(tmp_path, KILLS, seed)
    assert found.sent >= 5, f"seed {seed}: too little happened to show anything"
    wrong = {"sent_twice": 0, "unrecorded": 0, "without_receipt": 0, "left_reserved": 0}
    assert found == replace(found, **wrong, wrongly_released=0, wrong_amounts=0, unbalanced=0), f"seed {seed}"
