"""Design, sections 2 and 3, as one request lives them: its way, its vault, what it waits for, what is kept."""

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
import trio
import trio.testing

from node import judgement
from node.detection import CACHE_KEY_BYTES, Detection, PrivacyPolicy
from node.privacy import sanitizer
from node.privacy.answer import AnswerRestorer
from node.privacy.vault import Vault
from node.store import ledger
from node.store.database import Store
from tests.api_edge import edge
from tests.pipelines import (
    CLOUD,
    EDGE,
    OWN,
    KnownNames,
    RecordingSink,
    ScriptedBackend,
    a_store,
    echoes,
    open_node,
    order,
    says,
)
from tests.unit.privacy_texts import chat

TEXT = "Write to Ada Lovelace at ada@example.org about the meeting."


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


async def test_the_way_of_one_request_goes_from_left_to_right_and_never_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    way: list[str] = []

    def noted(owner: Any, name: str, station: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def passes(*arguments: Any, **named: Any) -> Any:
            if not way or way[-1] != station:
                way.append(station)
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, passes)

    noted(Detection, "assess", "assess")
    noted(judgement, "decide", "decide")
    noted(Detection, "sanitize", "sanitize")
    noted(ScriptedBackend, "answer", "backend")
    noted(AnswerRestorer, "feed", "restore")
    noted(RecordingSink, "event", "api")
    noted(ledger, "append", "ledger")
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    assert (await node.ask(order(TEXT))).text == TEXT
    await store.flush()
    # Rules first, then the names, since a cloud could win: both assess and decide, before anything is written or sent.
    assert way[:6] == ["assess", "decide", "assess", "decide", "sanitize", "backend"]
    assert set(way[6:-1]) == {"restore", "api"}
    assert way[-1] == "ledger"


async def test_the_vault_dies_with_the_answer_and_nothing_is_shared_between_requests(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: WeakSet[Vault] = WeakSet()

    class Watched(Vault):
        def __init__(self) -> None:
            super().__init__()
            alive.add(self)

    monkeypatch.setattr(sanitizer, "Vault", Watched)
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    during: list[int] = []

    async def looks(event: object) -> None:
        during.append(len(alive))

    assert (await node.ask(order(TEXT), RecordingSink(looks))).text == TEXT
    assert set(during) == {1}
    gc.collect()
    assert not alive
    again = await node.ask(order("Write to Charles Babbage at [PERSON_1], as ada@example.com asked."))
    assert "Lovelace" not in again.text


async def test_only_a_paid_dispatch_awaits_the_disk(store: Store) -> None:
    free = await open_node(store, (OWN, says("free")), names=KnownNames())
    paid = await open_node(store, (CLOUD, says("paid")), names=KnownNames())
    gate = threading.Event()
    store.write_soon(lambda _: gate.wait(20))  # the disk hangs
    with trio.fail_after(10):
        assert (await free.ask(order("What is a lighthouse?"))).text == "free"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(paid.ask, order("What is a buoy?"))
            while not store._writer._queue.qsize():
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked()
            assert paid.backend(CLOUD).calls == []
            gate.set()
    assert len(paid.backend(CLOUD).calls) == 1


async def test_only_what_lasts_awaits_the_disk_beside_a_paid_dispatch(store: Store) -> None:
    """Whoever goes on from an answer must find it there: see specs/decisions/store-03."""
    node = await open_node(store, (EDGE, echoes), names=KnownNames())
    gate = threading.Event()
    store.write_soon(lambda _: gate.wait(20))  # the disk hangs
    asked = order(f"{TEXT} My card is 4111 1111 1111 1111.", conversation="diary")  # sanitised, and unpaid
    sink = RecordingSink()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ask, asked, sink)
        while not store._writer._queue.qsize():
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        assert not sink.whole
        gate.set()
    assert sink.whole


@pytest.mark.parametrize("path", ["/v1/images/generations", "/v1/conversations"])
async def test_an_endpoint_that_is_not_here_is_refused_in_openais_shape_and_reaches_nothing(path: str) -> None:
    body = b'{"model":"auto","input":"hello","previous_response_id":"resp_1","store":true}'
    async with edge() as at:
        reply = await at.exchange(at.post(path, body))
        assert reply.status == 404
        assert b'"code":"not_found"' in reply.body.replace(b" ", b"")
        assert at.execution.orders == []


async def test_caches_hold_detectors_findings_alone_under_a_keyed_hash_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readers = [Detection(KnownNames(), bytes([n]) * CACHE_KEY_BYTES, PrivacyPolicy()) for n in (1, 2)]
    for reader in readers:
        await reader.assess(chat(TEXT), names=True)
        await reader.assess(chat(TEXT), names=True)
    one, other = (reader._remembered._reads for reader in readers)
    assert len(one) == len(other) == 2  # the rules' and the names'
    assert not set(one) & set(other), "whoever has not the key of this start cannot look a text up"
    held = repr(list(one.values()))
    assert not any(word in held for word in ("Ada", "Lovelace", "ada@", "meeting"))
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test's own folder
    with pytest.raises(ValueError, match="32 bytes"):
        Detection(None, b"short", PrivacyPolicy())
