"""A collection whose making is killed without warning, again and again, is in the end what one made in peace is."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from node.collections.holder import Collections
from protocol.terms import Sensitivity
from tests.documents import pdf

FILES = 240
KILLS = 15
_PROGRAM = """
import os, sys
from pathlib import Path
from node.collections import update
from node.collections.holder import Collections
from protocol.terms import Sensitivity
update.BATCH_BYTES = 4_096
update.TELL_S = 0.0
tell = lambda told: print(told.files, flush=True)
Collections(Path(sys.argv[1])).add("papers", Path(sys.argv[2]), Sensitivity.INTERNAL, os.urandom, tell)
"""


def test_reading_killed_at_any_moment_goes_on_where_it_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    chance = random.Random(20)
    for number in range(FILES):
        (folder / f"{number:04d}.txt").write_text(f"quokka{number} pays rent\n" * 20)
    for number in range(4):
        (folder / f"lease{number}.pdf").write_bytes(pdf([f"wombat{number}"]))
    store = tmp_path / "killed"
    reached = 0
    for _ in range(KILLS):
        reached = max(reached, _killed(store, folder, chance))
    assert 0 < reached < FILES  # it was killed before its end, and had got somewhere
    collections = Collections(store)
    assert len(collections.own()) <= 1
    done = collections.add("papers", folder, Sensitivity.INTERNAL, os.urandom)
    assert done.unchanged >= reached - 25  # a batch at most was done anew: what was committed is not read again
    assert done.read + done.unchanged == FILES + 4
    peaceful = Collections(tmp_path / "peaceful").add("papers", folder, Sensitivity.INTERNAL, os.urandom)
    assert done.notice.digest == peaceful.notice.digest
    for number in range(FILES):
        (found,) = collections.search(done.notice.id, f"quokka{number}")
        assert found.file == f"{number:04d}.txt"
    assert collections.held()[0].passages == Collections(tmp_path / "peaceful").held()[0].passages
    (stored,) = store.glob("*.db")
    connection = sqlite3.connect(stored)
    connection.execute("INSERT INTO passages (passages) VALUES ('integrity-check')")
    connection.close()


def _killed(store: Path, folder: Path, chance: random.Random) -> int:
    """How many files it had said were done when it was killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(store), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    last = 0
    wanted = chance.randrange(FILES // 2)
    for line in process.stdout:
        last = int(line)
        if last >= wanted:
            break
    spun = time.perf_counter() + chance.random() * 0.002  # anywhere between two commits
    while time.perf_counter() < spun:
        pass
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return last
