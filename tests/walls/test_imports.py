"""Design, section 3: who may import whom, what the pure rooms are, and the rooms of the house.

import-linter and ruff hold these walls in CI. Here they are shown to hold, and to fall where somebody leans on them.
"""

import ast
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PURE = ("protocol", "sim", "node/agents", "node/privacy", "node/dispatch.py")
PURE_FILES = ("protocol/probe.py", "sim/probe.py", "node/agents/probe.py", "node/privacy/detectors/probe.py")
SIM_SHELL = {"sim/cli.py", "sim/scenario.py", "sim/data/derive_latency.py", "sim/data/derive_traces.py"}

HOUSE = {
    "protocol": "encoding keys records membership registry dissemination session envelope inference placeholders",
    "protocol/": "errors",
    "node": "agents privacy execution dispatch backends mesh collections api store cli island link config",
    "node/agents": "privacy resources cost trust locality router",
    "node/privacy": "detectors sensitivity sanitizer vault restorer",
    "node/backends": "openai_http anthropic_http llama_cpp discovery",
    "node/api": "web",
    ".": "sim specs tests specs/vectors specs/decisions",
    "tests": "unit property integration interop",
}

IMPURE = """\
import time
from time import monotonic
import os
from os import environ
import random
import secrets
import uuid
import socket
import sqlite3
import subprocess
import threading
import logging
from pathlib import Path
from importlib import resources
from urllib import request
from datetime import datetime; datetime.now()
import datetime as d; d.date.today()
import numpy; numpy.random.default_rng()
import nacl.utils
from nacl.bindings import randombytes
open("a-file")
"""

# One line in one file for each contract, and the name of the contract that it breaks.
LEANS = {
    "protocol imports neither node nor sim": ("protocol/terms.py", "import node.link"),
    "the pure rooms of node know nothing of shells": ("node/privacy/vault.py", "import trio"),
    "sim imports protocol and the pure rooms only": ("sim/world.py", "import node.store.database"),
    "only node.mesh imports libp2p and zeroconf": ("node/workers/names.py", "import libp2p"),
    "only the command line and the composition root know every room": ("node/store/ledger.py", "import node.island"),
    "prompts, envelopes and detectors never enter the mesh process": ("node/mesh/brain.py", "import protocol.chat"),
    "the edge knows the node by its ports": ("node/api/openai_chat.py", "import node.privacy.vault"),
    "backends, collections, store and workers know neither the edge, the mesh nor a decision in progress": (
        "node/backends/peer.py",
        "import node.mesh.port",
    ),
}


def lint_imports(at: Path) -> str:
    run = [str(BIN / "lint-imports"), "--no-cache"]
    done = subprocess.run(run, cwd=at, capture_output=True, text=True, timeout=120, check=False)
    return " ".join(done.stdout.split())


def pure_files() -> Iterator[Path]:
    for room in PURE:
        at = ROOT / room
        yield from (at,) if at.is_file() else sorted(at.rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_house_has_the_rooms_of_the_design() -> None:
    for room, names in HOUSE.items():
        for name in names.split():
            at = ROOT / room / name
            assert at.exists() or at.with_suffix(".py").exists(), f"{room}/{name}"


def test_who_may_import_whom_is_checked_in_ci() -> None:
    assert "0 broken" in lint_imports(ROOT)
    assert "make test" in (ROOT / ".ci/run").read_text()
    makefile = (ROOT / "Makefile").read_text()
    assert "\ntest: .venv/test.stamp lint types walls vectors\n" in makefile
    assert "\nwalls: .venv/test.stamp\n\t$(BIN)/lint-imports\n" in makefile


def test_each_wall_falls_where_somebody_leans_on_it(tmp_path: Path) -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = [contract["name"] for contract in tomllib.load(file)["tool"]["importlinter"]["contracts"]]
    assert set(contracts) == set(LEANS)
    for path in [path for package in ("protocol", "node", "sim") for path in (ROOT / package).rglob("*.py")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for file_name, line in LEANS.values():
        with (tmp_path / file_name).open("a") as source:
            source.write(f"\n{line}\n")
    said = lint_imports(tmp_path)
    for contract in contracts:
        assert f"{contract} BROKEN" in said


@pytest.mark.parametrize("room", [*PURE_FILES, "node/dispatch.py"])
def test_no_clock_randomness_environment_file_or_socket_in_the_pure_rooms(room: str) -> None:
    ruff = [str(BIN / "ruff"), "check", "--no-cache", "--select", "TID251,PTH123", "--output-format", "concise", "-q"]
    found = subprocess.run(
        [*ruff, "--stdin-filename", str(ROOT / room), "-"],
        cwd=ROOT, input=IMPURE, capture_output=True, text=True, timeout=60, check=False,
    ).stdout  # fmt: skip
    caught = {int(line.split(":")[1]) for line in found.splitlines() if line.count(":") > 2}
    assert caught == set(range(1, IMPURE.count("\n") + 1))


def test_the_pure_rooms_as_they_stand_are_clean() -> None:
    ruff = [str(BIN / "ruff"), "check", "--no-cache", "--select", "TID251,PTH123", *PURE]
    assert subprocess.run(ruff, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode == 0
    for path in pure_files():
        if path.relative_to(ROOT).as_posix() not in SIM_SHELL:
            assert "noqa: TID251" not in path.read_text()


def test_the_pure_rooms_of_node_import_protocol_numpy_and_each_other() -> None:
    own = {"protocol", "numpy", "node.agents", "node.privacy", "node.ports"}
    numbers_of_the_world = {"phonenumbers", "stdnum"}  # tables and checksums, for the detectors
    for path in pure_files():
        room = path.relative_to(ROOT).parts[0]
        if room != "node":
            continue
        for name in imports(ast.parse(path.read_text())):
            top = ".".join(name.split(".")[:2]) if name.startswith("node.") else name.split(".")[0]
            assert top in own | numbers_of_the_world or top in sys.stdlib_module_names, f"{path}: {name}"


def test_sim_imports_protocol_and_the_pure_rooms() -> None:
    allowed = ("node.agents", "node.privacy", "node.dispatch", "node.ports")
    for path in sorted((ROOT / "sim").rglob("*.py")):
        names = [name for name in imports(ast.parse(path.read_text())) if name.startswith("node")]
        assert all(name.startswith(allowed) for name in names), path


def loaded(module: str, *unwanted: str) -> str:
    """Which of the unwanted modules are there once `module` is imported."""
    check = f"import sys, {module}; print(*(name for name in {unwanted!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["protocol.envelope", "node.agents.router", "node.privacy.sanitizer", "sim.run"])
def test_a_pure_room_alone_loads_no_shell(module: str) -> None:
    packages = ("trio", "libp2p", "zeroconf", "httpx", "httptools", "starlette", "sqlite3", "asyncio")
    assert loaded(module, *packages, "node.api", "node.mesh", "node.store", "node.backends", "node.clock") == ""


def test_prompts_never_enter_the_mesh_process() -> None:
    """Nothing that could read one is even loaded there: no chat, no envelope, no detector, no store, no decision."""
    protocol = ("chat", "envelope", "handshake", "inference", "placeholders", "sealed_stream")
    node = ("execution", "privacy", "agents", "store", "api", "backends", "collections", "archipelago", "sealed")
    unwanted = [f"protocol.{name}" for name in protocol] + [f"node.{name}" for name in node]
    assert loaded("node.mesh.process", *unwanted) == ""


def test_the_clock_of_the_wall_is_read_in_one_place() -> None:
    for path in sorted((ROOT / "node").rglob("*.py")):
        if path.name != "clock.py" and path.parent.name != "demo":
            assert "time.time()" not in path.read_text(), path
