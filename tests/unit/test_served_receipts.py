"""What an island did for a peer is in its ledger: who asked, for which model, how it ended; and no text."""

from pathlib import Path

import pytest
import trio

from node.ports import Call, Emit
from node.store import ledger
from node.store.ledger import Outcome, Receipt
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import BackendFailure
from tests.pipelines import END, fails, says
from tests.two_islands import MODEL, OwnModel, call
from tests.walls.test_who_may_ask import Scene, scene


async def waits(_call: Call, emit: Emit) -> None:
    await emit(Delta("piece"))
    await trio.sleep_forever()


async def receipts(here: Scene) -> tuple[Receipt, ...]:
    """Of the island that served, newest first."""
    store = here.islands.stores["home"]
    await store.flush()
    return await store.read(lambda connection: ledger.latest(connection, 10))


async def test_a_request_that_was_served_has_a_receipt_without_text(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(says("CANARY-SAID"))) as here:
        await here.ask(call("CANARY-ASKED"))
        (one,) = await receipts(here)
        raw = await here.islands.stores["home"].read(lambda connection: list(ledger.export(connection)))
    assert (one.outcome, one.asker, one.offer) == (Outcome.ANSWERED, here.islands.laptop.island, f"home/{MODEL}")
    assert (one.prompt_tokens, one.completion_tokens, one.cost) == (END.prompt_tokens, END.completion_tokens, 0)
    assert "CANARY" not in "".join(raw)


@pytest.mark.parametrize(("after", "outcome"), [(0, Outcome.REFUSED), (1, Outcome.CUT)])
async def test_a_request_that_failed_here_says_so(tmp_path: Path, after: int, outcome: Outcome) -> None:
    async with scene(tmp_path, OwnModel(fails(BackendFailure.REFUSED, after))) as here:
        await here.refused()
        (one,) = await receipts(here)
    assert one.outcome is outcome
    assert [reason.code for refusal in one.refusals for reason in refusal.reasons] == ["scripted"]


async def test_a_request_that_its_asker_gave_up_has_a_receipt(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(waits)) as here:
        begun = trio.Event()

        async def emit(event: AnswerEvent) -> None:
            assert not isinstance(event, Finished)
            begun.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.backend.answer, call(), emit)
            with trio.fail_after(10):
                await begun.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(10):
            while not (found := await receipts(here)):
                await trio.lowlevel.checkpoint()
    assert [one.outcome for one in found] == [Outcome.CANCELLED]
