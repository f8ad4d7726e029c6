"""The index of the walls (README.md beside this file) names tests that are there, and leaves no file of walls out."""

import ast
import re
from pathlib import Path

WALLS = Path(__file__).parent
TESTS = WALLS.parent
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
INDEX = (WALLS / "README.md").read_text(encoding="utf-8")


def rows() -> list[tuple[str, str]]:
    cells = [line.strip("| ").split(" | ") for line in INDEX.splitlines() if line.startswith("| ")]
    return [(claim, tests) for claim, tests in cells if claim not in ("claim", "---")]


def functions_of(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, functions)}


def test_every_test_that_the_index_names_is_there() -> None:
    for path, name in NAMED.findall(INDEX):
        assert (TESTS / path).is_file(), path
        assert name in functions_of(TESTS / path), f"{path}::{name}"


def test_every_claim_of_the_index_has_a_test() -> None:
    assert len(rows()) > 100
    for claim, tests in rows():
        assert claim
        assert NAMED.search(tests), claim
        assert NAMED.sub("", tests).strip(", ") == "", f"{claim}: something besides tests"


def test_no_file_of_walls_is_missing_in_the_index() -> None:
    files = {f"walls/{path.name}" for path in WALLS.glob("test_*.py")} - {"walls/test_index.py"}
    assert files <= {path for path, _ in NAMED.findall(INDEX)}
