"""Receipts: whole, chained, and without a word of what was said."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from node.store import ledger
from node.store.database import Store
from node.store.ledger import Outcome, Receipt
from protocol.errors import OfferRefusal, Refusal, StateError
from protocol.terms import NanoUsd, Sensitivity, Tier

RECEIPT = Receipt(
    id="00",
    at_wall_s=1_700_000_000,
    key_name="editor",
    asker="",
    model_asked="auto",
    island="home",
    offer="home/smollm2",
    tier=Tier.PERSONAL,
    sensitivity=Sensitivity.RESTRICTED,
    sensitivity_after=Sensitivity.RESTRICTED,
    sanitized=False,
    prompt_tokens=12,
    completion_tokens=34,
    ttft_ms=56,
    total_ms=789,
    cost=NanoUsd(0),
    outcome=Outcome.ANSWERED,
    refusals=(OfferRefusal("openai/gpt", "cloud", (Refusal("privacy", "clearance_below_sensitivity", "public"),)),),
    plan=("home/smollm2", "office/smollm2"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "islandrun.db") as opened:
        yield opened


@pytest.fixture
def filled(store: Store) -> Store:
    for number in range(5):
        receipt = replace(RECEIPT, id=f"{number:02x}ab", at_wall_s=RECEIPT.at_wall_s + number)
        store.write_now(partial(ledger.append, receipt=receipt))
    return store


def test_receipt_comes_back_as_it_was_written(filled: Store) -> None:
    shown = filled.peek(partial(ledger.show, receipt_id="00ab"))
    assert shown == replace(RECEIPT, id="00ab")
    nobody = replace(RECEIPT, id="ff", tier=None, ttft_ms=None, outcome=Outcome.REFUSED)
    filled.write_now(partial(ledger.append, receipt=nobody))
    assert filled.peek(partial(ledger.show, receipt_id="ff")) == nobody


def test_receipt_is_found_by_the_beginning_of_its_id_when_that_is_one(filled: Store) -> None:
    found = filled.peek(partial(ledger.show, receipt_id="03"))
    assert found is not None
    assert found.id == "03ab"
    for ambiguous in ("0", "", "99"):
        assert filled.peek(partial(ledger.show, receipt_id=ambiguous)) is None


def test_newest_receipts_come_first_and_page_back(filled: Store) -> None:
    newest = filled.peek(partial(ledger.latest, limit=2))
    assert [receipt.id for receipt in newest] == ["04ab", "03ab"]
    older = filled.peek(partial(ledger.latest, limit=9, before=newest[-1].at_wall_s))
    assert [receipt.id for receipt in older] == ["02ab", "01ab", "00ab"]


def test_one_request_has_one_receipt(filled: Store) -> None:
    with pytest.raises(StateError, match="UNIQUE"):
        filled.write_now(partial(ledger.append, receipt=replace(RECEIPT, id="00ab")))
    assert filled.peek(ledger.verify).problem is None


def test_export_gives_json_lines_oldest_first_with_the_chain(filled: Store) -> None:
    lines = [json.loads(line) for line in filled.peek(lambda connection: list(ledger.export(connection)))]
    assert [line["id"] for line in lines] == ["00ab", "01ab", "02ab", "03ab", "04ab"]
    assert lines[-1]["hash"] == filled.peek(ledger.verify).head
    assert lines[0]["refusals"][0]["reasons"][0]["code"] == "clearance_below_sensitivity"


def test_whole_ledger_verifies_and_so_does_an_empty_one(store: Store, filled: Store) -> None:
    verified = filled.peek(ledger.verify)
    assert (verified.receipts, verified.problem) == (5, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE receipts SET body = replace(body, '\"cost_nano_usd\":0', '\"cost_nano_usd\":1') WHERE id = '02ab'",
            "3 or",
        ),
        ("DELETE FROM receipts WHERE id = '02ab'", "receipt 3 is missing"),
        ("DELETE FROM receipts WHERE id = '04ab'", "5 receipts were written, 4 are there"),
        ("UPDATE receipts SET id = 'other' WHERE id = '02ab'", "filed under another id"),
        ("UPDATE receipts SET at_wall_s = 1 WHERE id = '02ab'", "filed under another id or time"),
        ("UPDATE receipts SET hash = zeroblob(32) WHERE id = '00ab'", "receipt 1 or one before it was changed"),
        ("DELETE FROM facts WHERE name = 'ledger_head'", "0 receipts were written, 5 are there"),
    ],
)
def test_every_change_to_the_ledger_is_found(filled: Store, change: str, problem: str) -> None:
    def alter(connection: sqlite3.Connection) -> None:
        connection.execute(change)

    filled.write_now(alter)
    found = filled.peek(ledger.verify).problem
    assert found is not None
    assert problem in found


def test_texts_that_clients_and_agents_give_are_cut_short(store: Store) -> None:
    long = replace(
        RECEIPT,
        model_asked="m" * 5000,
        refusals=(OfferRefusal("a/b", "edge", (Refusal("cost", "over_cap", "d" * 5000),)),),
    )
    store.write_now(partial(ledger.append, receipt=long))
    shown = store.peek(partial(ledger.show, receipt_id=long.id))
    assert shown is not None
    assert len(shown.model_asked) == ledger.MODEL_ASKED_CHARACTERS_MAX
    assert len(shown.refusals[0].reasons[0].detail) == ledger.DETAIL_CHARACTERS_MAX
    assert store.peek(ledger.verify).problem is None
