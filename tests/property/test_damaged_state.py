"""A damaged file is an error that says so, or does not matter; it is never a crash or another identity."""

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.store import budget, ledger, records
from node.store.budget import Caps
from node.store.database import Store
from node.store.ledger import Outcome, Receipt
from protocol.errors import StateError
from protocol.terms import NanoUsd, Sensitivity, Tier


@pytest.fixture(scope="module")
def whole() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "islandrun.db"
        with Store.open(path) as store:
            for number in range(20):
                receipt = Receipt(
                    id=f"{number:032x}",
                    at_wall_s=number,
                    key_name="inference",
                    asker="",
                    model_asked="auto",
                    island="home",
                    offer="home/m",
                    tier=Tier.PERSONAL,
                    sensitivity=Sensitivity.PUBLIC,
                    sensitivity_after=Sensitivity.PUBLIC,
                    sanitized=False,
                    prompt_tokens=1,
                    completion_tokens=1,
                    ttft_ms=1,
                    total_ms=1,
                    cost=NanoUsd(1),
                    outcome=Outcome.ANSWERED,
                )
                entry = (b"%d" % number, bytes([number]) * 300)
                store.write_now(partial(ledger.append, receipt=receipt))
                store.write_now(partial(records.keep_entries, entries=[entry]))
                reserve = partial(budget.reserve, request_id=entry[0], offer="c/m", amount=NanoUsd(1))
                store.write_now(partial(reserve, caps=Caps(), wall_s=number * 86_400))
        yield path


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 0.9999), st.integers(1, 255)), min_size=1, max_size=20),
    st.sampled_from([1.0, 0.99, 0.5, 0.01]),
)
def test_damaged_database_is_told_or_harmless(whole: Path, flips: list[tuple[float, int]], kept: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "islandrun.db"
        shutil.copy(whole, path)
        data = bytearray(path.read_bytes())
        for place, mask in flips:
            data[int(place * len(data))] ^= mask
        path.write_bytes(data[: int(len(data) * kept)])
        try:
            with Store.open(path) as store:
                intact = store.peek(ledger.verify).problem is None
                receipts = store.peek(lambda connection: ledger.latest(connection, 50))
                assert not intact or len(receipts) == 20
                store.peek(records.entries)
                store.peek(records.addresses)
                store.write_now(budget.recover)
        except StateError as error:
            assert "\n" not in str(error)
