"""Collections of a running node: how far the reading is, and what a client that leaves stops."""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.documents import docx, paragraph, pdf
from tests.integration.running_node import NO_MODEL, Home, RunningNode, running
from tests.integration.whole_nodes import wait_until

SLOW_PDF = pdf(["x"], streams={0: zlib.compress(b"BT /F1 12 Tf " + b"(a) Tj 1 0 Td " * 2_000_000 + b" ET")})
SLOW_FILES = 10  # seconds each: all of them are not read while a node stops


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running(Home.make(tmp_path_factory.mktemp("data") / "solo", NO_MODEL)) as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    (made / "lease.pdf").write_bytes(pdf(["The quokka pays rent."]))
    (made / "keys.docx").write_bytes(docx(paragraph("Two keys.")))
    (made / "torn.pdf").write_bytes(b"%PDF-1.7 torn")
    return made


def test_the_verb_prints_lines_of_json_and_names_what_was_not_read(node: RunningNode, folder: Path) -> None:
    done = node.home.verb("data", "add", "papers", str(folder), "--label", "internal", "--json")
    assert done.returncode == 0, done.stderr
    *progress, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert progress
    assert all(line["progress"]["files_total"] == 3 for line in progress)
    assert (result["read"], result["label"]) == (2, "internal")
    assert result["not_read"] == [{"file": "torn.pdf", "why": "damaged, or not what its name says"}]
    (row,) = (row for row in node.call("GET", "/api/data")["collections"] if row["name"] == "papers")
    assert (row["files"], row["held"]) == (2, True)


def test_a_client_that_leaves_stops_the_reading_and_its_process(node: RunningNode, folder: Path) -> None:
    (folder / "slow.pdf").write_bytes(SLOW_PDF)
    body = {"name": "slow", "path": str(folder), "label": "public"}
    with (
        node.client("owner") as client,
        client.stream("POST", "/api/data", json=body, headers={"accept": "text/event-stream"}) as response,
    ):
        for line in response.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["progress"]["files"] == 3:
                break  # the slow one is under way
    wait_until("nobody reads for a client that left", lambda: not readers(node), 5)
    (folder / "slow.pdf").unlink()
    again = node.call("POST", "/api/data", body)
    assert again["read"] + again["unchanged"] >= 2


def test_a_node_that_stops_waits_for_no_document(tmp_path: Path, folder: Path) -> None:
    for number in range(SLOW_FILES):
        (folder / f"slow-{number}.pdf").write_bytes(SLOW_PDF)
    body = {"name": "slow", "path": str(folder), "label": "public"}
    with running(Home.make(tmp_path / "home", NO_MODEL)) as node:
        with (
            node.client("owner") as client,
            client.stream("POST", "/api/data", json=body, headers={"accept": "text/event-stream"}) as response,
        ):
            lines = response.iter_lines()
            next(line for line in lines if line.startswith("data: "))
            wait_until("the slow document is read", lambda: bool(readers(node)), 5)
            children = readers(node)
            node.process.terminate()
            with suppress(httpx.HTTPError):
                assert not any('"done"' in line for line in lines)
        node.process.wait(30)
        assert not [child for child in children if child.is_running()]


def readers(node: RunningNode) -> list[psutil.Process]:
    found = psutil.Process(node.process.pid).children(recursive=True)
    return [one for one in found if "node.workers.documents" in " ".join(_words(one))]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
