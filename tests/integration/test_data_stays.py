"""Two whole nodes: an archive that holds documents and runs no model, and a laptop that runs one."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.integration.namespaces import bridged
from tests.integration.three_nodes import NO_MODEL
from tests.integration.whole_nodes import WholeNode, enrol, wait_until, whole_node

pytestmark = [pytest.mark.netns, pytest.mark.model]

QUESTION = "Who pays the rent of the lighthouse?"
SECRET_LINE = "The quokka pays the rent of the lighthouse on the first of each month."
PAGES = 40


@dataclass(frozen=True, slots=True)
class Two:
    laptop: WholeNode
    archive: WholeNode
    collection: str  # its random id


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    directory = tmp_path_factory.mktemp("two")
    papers = directory / "papers"
    papers.mkdir()
    pages = "\n\n".join(f"Page {page}. " + "Nothing is said here of anybody. " * 20 for page in range(PAGES))
    (papers / "lease.txt").write_text(f"{SECRET_LINE}\n\n{pages}\n")
    with ExitStack() as stack:
        one, other = stack.enter_context(bridged(2))
        laptop = stack.enter_context(whole_node(one, directory, "laptop"))
        archive = stack.enter_context(whole_node(other, directory, "archive", NO_MODEL))
        person = laptop.call("GET", "/api/status")["person"]
        enrol(laptop, archive, "grace", "edge")
        archive.call("POST", "/api/data", {"name": "papers", "path": str(papers), "label": "confidential"})
        wait_until("the archive is up", lambda: _is_up(laptop, "archive") and _is_up(archive, "laptop"))
        assert "auto@papers" not in _models(laptop), "nobody is told of what is not granted to him"
        archive.call("POST", "/api/data/papers/grant", {"person": person})
        wait_until("the laptop is told of the collection", lambda: "auto@papers" in _models(laptop))
        explained = laptop.call("POST", "/api/explain", _body({"model": "auto@papers"}))
        yield Two(laptop, archive, explained["collection"]["id"])


def test_passages_come_to_the_model_and_the_answer_is_at_their_label(two: Two) -> None:
    plain, level, _ = chat(two.laptop, {"model": "auto"})
    assert level == "public"
    for members in (
        {"model": "auto@papers"},
        {"model": "smollm2-135m", "islandrun": {"collection": "papers"}},
        {"model": "laptop/smollm2-135m", "islandrun": {"collection": "papers"}},
    ):
        answer, level, island = chat(two.laptop, members)
        assert (island, level) == ("laptop", "confidential")
        assert answer["choices"][0]["message"]["content"]
        longer = answer["usage"]["prompt_tokens"] - plain["usage"]["prompt_tokens"]
        assert 100 < longer < 2_500, "passages are in the prompt, and not the document"


def test_both_receipts_name_the_collections_random_id_and_nothing_of_it(two: Two) -> None:
    before = len(_ledger(two.archive))
    answer, _, _ = chat(two.laptop, {"model": "auto@papers"})
    asked = two.laptop.call("GET", f"/api/ledger/{answer['id'].removeprefix('chatcmpl-')}")
    assert asked["model"] == f"auto@{two.collection}"
    wait_until("the archive has its receipt", lambda: len(_ledger(two.archive)) > before)
    served = _ledger(two.archive)[0]
    assert (served["model"], served["outcome"]) == (f"passages@{two.collection}", "answered")
    for receipt in (asked, served):
        assert not any(word in str(receipt) for word in ("papers", "lease", "quokka"))


def test_explain_tells_which_way_and_why_and_sends_nothing(two: Two) -> None:
    before = _served(two.archive)
    explained = two.laptop.call("POST", "/api/explain", _body({"model": "auto@papers"}))
    assert explained["offer"] == "laptop/smollm2-135m"
    assert explained["sensitivity"] == "confidential"
    told = explained["collection"]
    assert (told["way"], told["from"], told["label"]) == ("passages", "archive/passages", "confidential")
    assert told["why"] == ["the island that holds it offers no model now"]
    assert _served(two.archive) == before


def test_a_question_that_the_holder_may_not_read_is_refused_by_the_holders_name(two: Two) -> None:
    body = _body({"model": "auto@papers"}, "My mother Maria Lindqvist has diabetes. Does the lease say anything of it?")
    reply = two.laptop.here(lambda: _post(two.laptop, body))
    assert reply.status_code == 403
    reasons = {one["offer"]: one["reasons"] for one in reply.json()["error"]["islandrun"]}
    assert [reason["code"] for reason in reasons["archive/passages"]] == ["clearance_below_sensitivity"]


def test_logs_hold_neither_question_nor_passage(two: Two) -> None:
    chat(two.laptop, {"model": "auto@papers"})
    for node in (two.laptop, two.archive):
        assert not any(word in node.log() for word in ("quokka", "pays the rent"))


def chat(node: WholeNode, members: dict[str, Any]) -> tuple[Any, str, str]:
    """The answer, how sensitive it was taken for, and who gave it."""
    reply = node.here(lambda: _post(node, _body(members)))
    assert reply.status_code == 200, reply.text
    return reply.json(), reply.headers["x-islandrun-sensitivity"], reply.headers["x-islandrun-island"]


def _post(node: WholeNode, body: dict[str, Any]) -> httpx.Response:
    with node.client() as client:
        return client.post("/v1/chat/completions", json=body)


def _body(members: dict[str, Any], text: str = QUESTION) -> dict[str, Any]:
    return {"max_tokens": 16, "messages": [{"role": "user", "content": text}], **members}


def _ledger(node: WholeNode) -> list[Any]:
    """The newest first."""
    return list(node.call("GET", "/api/ledger?limit=100")["entries"])


def _served(node: WholeNode) -> str:
    """The line of its metrics that counts what it served to peers."""

    def ask() -> str:
        with node.client("owner") as client:
            text = client.get("/metrics").text
            return next(line for line in text.splitlines() if line.startswith("islandrun_peer_requests_total"))

    return node.here(ask)


def _models(node: WholeNode) -> set[str]:
    def ask() -> set[str]:
        with node.client() as client:
            return {one["id"] for one in client.get("/v1/models").json()["data"]}

    return node.here(ask)


def _is_up(node: WholeNode, other: str) -> bool:
    return any(row["name"] == other and row["up"] for row in node.call("GET", "/api/islands")["islands"])
