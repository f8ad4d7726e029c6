"""What a collection of 10,000 text files costs: to index, to ask, in memory. `make bench-collections`.

The files are the source and texts that this Python's packages ship, copied. Each part runs in a process of its own, so
that its peak of memory is its own. Beside it, on the same files in the same run: one FTS5 table with a row a file and
no more (no passages, no places, no digests, nothing that a kill leaves sound), and for questions a scan of every text
that is held in memory already. Prints one JSON object.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from node.collections.holder import Collections
from protocol.terms import Sensitivity

FILES = 10_000
FILE_BYTES_MAX = 1024 * 1024
TEXTS = frozenset({".py", ".pyi", ".txt", ".md", ".rst", ".c", ".h", ".json", ".cfg", ".toml"})
QUESTIONS = 300
SEED = 7
MIB = 1024 * 1024
WORD = re.compile(r"[^\W_]{3,}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--part", choices=sorted(PARTS))
    arguments.add_argument("directory", type=Path, nargs="?")
    wanted = arguments.parse_args()
    if wanted.part is not None:
        print(json.dumps(PARTS[wanted.part](wanted.directory)))
        return
    with tempfile.TemporaryDirectory(prefix="islandrun-bench-") as name:
        directory = Path(name)
        files, size = _corpus(directory / "files")
        report: dict[str, object] = {"files": files, "mb": round(size / 1e6, 1)}
        for part in PARTS:
            report[part] = _run(part, directory)
        print(json.dumps(report, indent=1))


def _corpus(target: Path) -> tuple[int, int]:
    count = size = 0
    for source in _sources():
        if count == FILES:
            break
        data = source.read_bytes()
        if not 0 < len(data) <= FILE_BYTES_MAX or not _is_text(data):
            continue
        folder = target / f"{count // 100:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / f"{count:05d}-{source.name}")
        count, size = count + 1, size + len(data)
    return count, size


def _sources() -> Iterator[Path]:
    """In an order that mixes packages, the same in every run."""
    roots = {Path(sysconfig.get_paths()[name]) for name in ("purelib", "stdlib")}
    roots |= {Path(path) for path in sys.path if Path(path).name == "site-packages"}
    found = {
        Path(folder) / name
        for root in roots
        for folder, _, names in os.walk(root)
        for name in names
        if Path(name).suffix in TEXTS and not name.startswith(".")
    }
    ordered = sorted(found)
    random.Random(SEED).shuffle(ordered)
    return iter(ordered)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _run(part: str, directory: Path) -> object:
    command = [sys.executable, "-m", __spec__.name, "--part", part, str(directory)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _index(directory: Path) -> dict[str, object]:
    collections = Collections(directory / "held")
    began = time.perf_counter()
    done = collections.add("papers", directory / "files", Sensitivity.PUBLIC, os.urandom)
    took = time.perf_counter() - began
    began = time.perf_counter()
    again = collections.add("papers", directory / "files", Sensitivity.PUBLIC, os.urandom)
    unchanged = time.perf_counter() - began
    assert (again.read, again.unchanged) == (0, done.read)
    return {
        "seconds": round(took, 2),
        "mb_per_s": round(done.bytes_read / 1e6 / took, 1),
        "seconds_where_nothing_changed": round(unchanged, 2),
        "index_mb": round(sum(path.stat().st_size for path in (directory / "held").iterdir()) / 1e6, 1),
        "peak_rss_mib": _peak_mib(),
    }


def _remove_one(directory: Path) -> dict[str, object]:
    """One document taken out of the whole, without trace."""
    next(path for path in sorted((directory / "files").rglob("*")) if path.is_file()).unlink()
    began = time.perf_counter()
    done = Collections(directory / "held").add("papers", directory / "files", Sensitivity.PUBLIC, os.urandom)
    assert done.removed == 1
    return {"seconds": round(time.perf_counter() - began, 2), "peak_rss_mib": _peak_mib()}


def _search(directory: Path) -> dict[str, object]:
    collections = Collections(directory / "held")
    (notice,) = collections.own()
    found = {
        kind: _timed(questions, lambda question: bool(collections.search(notice.id, question)))
        for kind, questions in _questions(directory).items()
    }
    return {**found, "peak_rss_mib": _peak_mib()}


def _plain_index(directory: Path) -> dict[str, object]:
    began = time.perf_counter()
    connection = sqlite3.connect(directory / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute('CREATE VIRTUAL TABLE files USING fts5(text, path, tokenize = "unicode61 remove_diacritics 2")')
    connection.execute("BEGIN")
    size = 0
    for path in (directory / "files").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            size += len(data)
            connection.execute("INSERT INTO files VALUES (?, ?)", (data.decode("utf-8"), path.name))
    connection.execute("COMMIT")
    connection.close()
    took = time.perf_counter() - began
    return {"seconds": round(took, 2), "mb_per_s": round(size / 1e6 / took, 1), "peak_rss_mib": _peak_mib()}


def _scan(directory: Path) -> dict[str, object]:
    texts = [path.read_text("utf-8").casefold() for path in (directory / "files").rglob("*") if path.is_file()]

    def ask(question: str) -> bool:
        words = [word.casefold() for word in WORD.findall(question)]
        counted = [sum(text.count(word) for word in words) for text in texts]
        return max(counted) > 0

    few = {kind: questions[:5] for kind, questions in _questions(directory).items()}
    return {**{kind: _timed(questions, ask) for kind, questions in few.items()}, "peak_rss_mib": _peak_mib()}


def _questions(directory: Path) -> Mapping[str, list[str]]:
    """Words of one document in a row, as a person asks; single words; and the commonest words of all, many at once."""
    chance = random.Random(SEED)
    paths = sorted(path for path in (directory / "files").rglob("*") if path.is_file())
    rows, singles, counts = [], [], dict[str, int]()
    while len(rows) < QUESTIONS:
        words = WORD.findall(chance.choice(paths).read_text("utf-8"))
        for word in words[:200]:
            counts[word] = counts.get(word, 0) + 1
        if len(words) > 20:
            start = chance.randrange(len(words) - 10)
            rows.append(" ".join(words[start : start + 10]))
            singles.append(chance.choice(words))
    common = sorted(counts, key=lambda word: -counts[word])[:60]
    return {
        "ten_words_in_a_row": rows,
        "one_word": singles,
        "twelve_of_the_commonest_words": [" ".join(chance.sample(common, 12)) for _ in range(QUESTIONS)],
    }


def _timed(questions: list[str], ask: Callable[[str], bool]) -> dict[str, object]:
    took = []
    answered = 0
    for question in questions:
        began = time.perf_counter()
        answered += ask(question)
        took.append(1_000 * (time.perf_counter() - began))
    cuts = statistics.quantiles(took, n=20, method="inclusive")
    return {
        "questions": len(questions),
        "answered": answered,
        "p50_ms": round(statistics.median(took), 2),
        "p95_ms": round(cuts[-1], 2),
        "max_ms": round(max(took), 2),
    }


def _peak_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / MIB if sys.platform == "darwin" else peak / 1024)


PARTS: Mapping[str, Callable[[Path], dict[str, object]]] = {
    "index": _index,
    "plain_fts5_index": _plain_index,
    "search": _search,
    "scan_in_memory": _scan,
    "remove_one_file": _remove_one,
}


if __name__ == "__main__":
    main()
