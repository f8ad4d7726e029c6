"""`spec check`: the test vectors of specs/vectors against the protocol package that is installed here."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import protocol
from node.cli.printing import parser, show_json
from protocol.errors import StateError

CHECK_S = 300.0


def spec(argv: Sequence[str]) -> int:
    """Exit status 1 where a vector fails. Raises StateError where the vectors are not shipped."""
    made = parser("spec", "The protocol's test vectors.", json_flag=False)
    verbs = made.add_subparsers(dest="verb", required=True)
    check = verbs.add_parser("check", help="run every vector against the protocol package installed here")
    check.add_argument("--json", action="store_true", help="print one JSON value")
    json_wanted = made.parse_args(argv).json
    root = _clone()
    done = _run(root)
    files = sorted(path.name for path in (root / "specs" / "vectors").glob("*.json"))
    if json_wanted:
        show_json({"ok": done.returncode == 0, "files": files, "output": done.stdout.splitlines()})
    elif done.returncode == 0:
        print(f"{done.stdout}{len(files)} files of vectors hold: {', '.join(files)}")
    else:
        print(done.stdout, end="", file=sys.stderr)
    return 0 if done.returncode == 0 else 1


def _clone() -> Path:
    """Where specs/vectors and tests/vectors stand: beside the package, in a clone."""
    root = Path(str(protocol.__file__)).parents[1]
    if not (root / "specs" / "vectors").is_dir() or not (root / "tests" / "vectors").is_dir():
        raise StateError(f"the vectors are in the source repository only; the package in {root} comes without them")
    return root


def _run(root: Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, from the clone's root: the node never imports its tests."""
    command = [sys.executable, "-m", "tests.vectors", "--check"]
    try:
        return subprocess.run(
            command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=CHECK_S
        )
    except subprocess.TimeoutExpired:
        raise StateError(f"the vectors were not checked within {CHECK_S:g} s") from None
