"""`islandrun` itself: help, wrong usage, errors, and how quickly it is there."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from node.cli.main import VERBS, main
from node.cli.printing import ago, harmless, shown
from tests.unit.cli_node import live_in

REPORT = "import sys, node.cli.main; print([name for name in sys.modules if name in sys.argv[1:]])"


def test_without_a_verb_help_is_printed_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live_in(tmp_path, monkeypatch, 1)
    for argv in ([], ["--help"], ["-h"], ["help"]):
        assert main(argv) == 0
        printed = capsys.readouterr().out
        assert all(f"\n  {verb} " in printed for verb in VERBS)
    assert list(tmp_path.iterdir()) == []


def test_unknown_verb_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["strat"]) == 2
    assert "no verb 'strat'" in capsys.readouterr().err


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_that_needs_nothing(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live_in(tmp_path, monkeypatch, 1)
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: islandrun {verb}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "argv",
    [
        ["status", "--jsn"],
        ["ledger"],
        ["data"],
        ["data", "add", "notes"],
        ["data", "add", "notes", ".", "--label", "secret"],
        ["ask"],
        ["revoke"],
        ["pair", "--tier", "cloud"],
        ["pair", "12-AAAA-BBBB", "--person", "ada"],
        ["pair", "--name", "desk"],
        ["spec"],
        ["service"],
    ],
)
def test_wrong_usage_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: islandrun")


@pytest.mark.parametrize(
    "argv",
    [
        ["islands"],
        ["status"],
        ["models"],
        ["events"],
        ["ask", "hi"],
        ["ask", "hi", "--json"],
        ["pair"],
        ["pair", "12-AAAA-BBBB"],
        ["revoke", "desk"],
        ["data", "list"],
        ["open"],
    ],
)
def test_where_no_node_runs_one_line_says_so(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live_in(tmp_path, monkeypatch, 1)
    assert main(argv) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "islandrun start" in told.err


def test_broken_configuration_is_one_line_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    live_in(tmp_path, monkeypatch, 1)
    path = tmp_path / ".config" / "islandrun" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("version = 1\nnmae = 'desk'\n")
    assert main(["env"]) == 1
    assert "config.toml:2" in capsys.readouterr().err


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    heavy = ("httpx", "numpy", "trio", "libp2p", "spacy", "onnxruntime", "xllamacpp", "sqlite3")
    done = subprocess.run([sys.executable, "-c", REPORT, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_verb_is_where_the_table_says() -> None:
    for verb in VERBS.values():
        assert callable(getattr(importlib.import_module(verb.module), verb.function))


@pytest.mark.parametrize("verb", ["", "explain --schema"])
def test_a_reader_that_goes_away_is_no_traceback(verb: str, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", "node.cli.main", *verb.split()]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env={"HOME": str(tmp_path)}, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_what_others_wrote_cannot_drive_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\r\n\tc\x9b") == "a�[2Jb�\n\tc�"
    assert shown({"name": "x\x1b]0;y\x07\n", "up": True, "none": None}) == "name x�]0;y�� up yes none -"
    assert shown([]) == "-"
    assert shown(["a", "b"]) == "a, b"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "never"), (0, "0 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7_200, "2 h ago")]
)
def test_ages_are_told_in_the_unit_that_fits(seconds: float | None, text: str) -> None:
    assert ago(seconds) == text
