"""Design, sections 1 and 2: where the holder cannot run the model, passages of a collection may move, and only they.

The holder's side: real archipelagos, envelopes, collections and serving, with the streams in memory.
"""

from pathlib import Path

import pytest
import trio
import trio.testing

from node.backends.peer import PASSAGES_S
from node.store import ledger
from protocol.errors import BackendError, BackendFailure
from protocol.passages import PASSAGES_MAX, QuotedPassage
from protocol.terms import Sensitivity, Tier
from tests.pipelines import entropy, pass_time
from tests.walls.test_who_may_ask import Scene, scene

QUESTION = "quokka"
ABSENT = b"\7" * 16


def held(here: Scene, tmp_path: Path, label: Sensitivity, files: int = 1) -> bytes:
    folder = tmp_path / "documents"
    folder.mkdir(exist_ok=True)
    (folder / "lease.txt").write_text(
        "The quokka pays rent.\n" + "\n".join(f"Line {n} of the lease." for n in range(400))
    )
    for number in range(files - 1):
        (folder / f"{number}.txt").write_text(f"quokka number {number}\n")
    here.collections.add("papers", folder, label, entropy)
    return here.collections.grant("papers", "bob").collection


async def asked(
    here: Scene, collection: bytes, most: int = PASSAGES_MAX
) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
    return await here.backend.passages(entropy(16), collection, QUESTION, most)


async def refused(here: Scene, collection: bytes) -> tuple[BackendError, int]:
    """The refusal, and how many bytes of it a listener on the wire sees."""
    with pytest.raises(BackendError) as error:
        await asked(here, collection)
    return error.value, len(here.streams.asked[-1].other.sent)


async def test_a_person_with_the_grant_gets_passages_with_file_and_place_and_their_label(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.CONFIDENTIAL)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        label, (passage,) = await asked(here, collection)
        assert label is Sensitivity.CONFIDENTIAL
        assert (passage.file, passage.place.startswith("lines 1-")) == ("lease.txt", True)
        assert "pays rent" in passage.text
        assert here.model.calls == []


async def test_documents_never_leave_only_passages_as_many_as_were_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC, files=30)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        for most in (1, 3, PASSAGES_MAX):
            _, passages = await asked(here, collection, most)
            assert len(passages) == most
        text = "".join(one.text for one in passages)
        assert len(text) <= PASSAGES_MAX * 1_100
        assert "Line 399 of the lease" not in text


async def test_a_person_without_the_grant_learns_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        (not_granted, seen), (absent, seen_of_absent) = await refused(here, collection), await refused(here, ABSENT)
        assert (not_granted.failure, not_granted.code, not_granted.detail) == (
            absent.failure,
            absent.code,
            absent.detail,
        )
        assert seen == seen_of_absent
        assert "papers" not in not_granted.detail


async def test_a_tier_that_does_not_cover_the_label_gets_nothing_and_no_refusal_that_tells(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob", ceiling=Tier.EDGE) as here:
        collection = held(here, tmp_path, Sensitivity.RESTRICTED)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        (not_covered, seen), (absent, seen_of_absent) = await refused(here, collection), await refused(here, ABSENT)
        assert (not_covered.failure, not_covered.code, not_covered.detail) == (
            absent.failure,
            absent.code,
            absent.detail,
        )
        assert seen == seen_of_absent


async def test_a_stranger_gets_no_passages(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        here.serving._member = lambda island: None
        error, _ = await refused(here, collection)
        assert error.failure is BackendFailure.AMBIGUOUS
        assert here.serving.refused == 1


async def test_the_mesh_sees_neither_question_nor_passages(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        await asked(here, collection)
        (ours,) = here.streams.asked
        for sent in (ours.sent, ours.other.sent):
            assert sent
            assert not any(word in sent for word in (b"quokka", b"lease", collection))


async def test_a_holder_that_says_nothing_is_not_waited_for(tmp_path: Path, mock_clock: trio.testing.MockClock) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)

        async def silent(*_: object) -> None:
            pass_time(PASSAGES_S + 1)
            await trio.sleep_forever()

        here.serving._answers.passages = silent  # type: ignore[assignment, method-assign]
        error, _ = await refused(here, collection)
        assert (error.failure, error.code) == (BackendFailure.AMBIGUOUS, "silent")


async def test_the_holders_receipt_names_the_collections_random_id_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        await asked(here, collection)
        await refused(here, ABSENT)
        store = here.islands.stores["home"]
        await store.flush()
        refusal, receipt = await store.read(lambda connection: ledger.latest(connection, 10))
        assert (receipt.model_asked, receipt.asker) == (f"passages@{collection.hex()}", here.islands.laptop.island)
        assert [one.outcome.value for one in (refusal, receipt)] == ["refused", "answered"]
        assert "papers" not in repr(receipt)
        assert "quokka" not in repr(receipt)
