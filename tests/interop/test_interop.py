"""A second implementation, in JavaScript and written from specs/ alone, gives what the vectors say."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from protocol.encoding import decode
from protocol.enrolment import Window, parse_code
from protocol.envelope import Cancelled
from protocol.keys import IslandId
from protocol.records import open_record
from protocol.terms import Now
from tests.unit.envelopes import NOW, Pair, frames

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


def run(node: str, arguments: Sequence[str] = (), program: str = "run.mjs") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node, program, *arguments], cwd=HERE, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )


@pytest.fixture(scope="module")
def emitted(node: str) -> Any:
    """Records, an envelope and a joiner's frames that the second implementation made."""
    done = run(node, program="emit.mjs")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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


def test_records_of_the_second_implementation_are_ours_byte_for_byte(emitted: Any) -> None:
    for kind, raw in emitted["records"].items():
        signed = open_record(bytes.fromhex(raw))
        assert kind == signed.record.KIND
        wire = decode(signed.raw)
        assert isinstance(wire, dict)
        assert signed.record.body() == wire["body"]


def test_envelope_of_the_second_implementation_opens_here(emitted: Any) -> None:
    events = Pair().island().receive(bytes.fromhex(emitted["ask"]), NOW)
    assert frames(events) == [b"what?", b"j" * 100_000]
    assert isinstance(events[-1], Cancelled)


def test_window_admits_a_device_that_runs_the_second_implementation(emitted: Any) -> None:
    vectors = json.loads((VECTORS / "enrolment.json").read_text())["enrolment"]
    window = Window(parse_code(vectors["code"]), IslandId(vectors["window_host"]), Now(0, 0))
    visit = window.visit(
        IslandId(vectors["joiner_host"]), lambda count: bytes.fromhex(vectors["window_entropy"])[:count], Now(0, 0)
    )
    assert visit.on_hello(bytes.fromhex(emitted["joining"]["hello"])).hex() == vectors["reply"]
    details = visit.on_details(bytes.fromhex(emitted["joining"]["details"]), Now(0, 0))
    assert (details.name, details.sealing.hex()) == ("zweite", vectors["device_sealing"])
