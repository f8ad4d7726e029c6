"""A second implementation, in JavaScript and written from specs/ alone, gives what the vectors say."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

HERE = Path(__file__).parent
VECTORS = HERE.parent.parent / "specs" / "vectors"
INSTALL_S_MAX = 120
RUN_S_MAX = 120


def cannot(reason: str) -> NoReturn:
    """Skip, saying why; where everything must run, fail."""
    if os.environ.get("CI") == "true" or os.environ.get("ISLANDRUN_REQUIRE_NETNS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def installed(lock: Path, found: Path) -> bool:
    """Whether node_modules holds what the lock names; npm leaves a lock of its own there."""
    if not found.exists():
        return False
    wanted = {name: entry for name, entry in json.loads(lock.read_text())["packages"].items() if name}
    have = json.loads(found.read_text())["packages"]
    return all(have.get(name, {}).get("integrity") == entry["integrity"] for name, entry in wanted.items())


@pytest.fixture(scope="module")
def node() -> str:
    """Path of node, its packages installed as the lock says."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        cannot("the second implementation runs on Node.js: node and npm (18 or newer) are not installed")
    if not installed(HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"):
        command = [npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False)
        if done.returncode != 0:
            cannot(f"npm ci failed, and libsodium-wrappers is not in npm's cache:\n{done.stderr[-2000:]}")
    return node


def run(node: str, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, "run.mjs", *arguments], cwd=HERE, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )


def test_second_implementation_gives_what_every_vector_says(node: str) -> None:
    done = run(node)
    assert done.returncode == 0, done.stdout + done.stderr
    told = {line.split(":")[0] for line in done.stdout.splitlines()}
    assert told == {path.stem for path in VECTORS.glob("*.json")}


def test_second_implementation_notices_a_vector_that_is_wrong(node: str, tmp_path: Path) -> None:
    vectors = json.loads((VECTORS / "encoding.json").read_text())
    next(case for case in vectors["cases"] if case["valid"])["data"] = "c2"
    (tmp_path / "encoding.json").write_text(json.dumps(vectors))
    done = run(node, ["--vectors", str(tmp_path)])
    assert done.returncode == 1
    assert "encoding: nil (valid)" in done.stderr


def test_vector_file_without_a_suite_is_no_pass(node: str, tmp_path: Path) -> None:
    (tmp_path / "unheard.json").write_text("{}")
    done = run(node, ["--vectors", str(tmp_path)])
    assert (done.returncode, done.stdout) == (1, "unheard: no suite\n")
