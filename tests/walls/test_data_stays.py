"""Design, sections 1 and 2: compute goes to data; where it cannot, passages go, judged and sanitised as any text.

The asker's side: the real pipeline on a real store; the holder and the models are scripted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.policy import Policy
from node.agents.table import Offer
from node.collections.augment import Quotation
from node.collections.holder import Collections
from node.directory import KnownCollection
from node.passages import Holder, held_by, held_here
from node.store.database import Store
from protocol.errors import BackendError, BackendFailure, RefusedError
from protocol.keys import IslandId
from protocol.passages import QuotedPassage
from protocol.terms import Sensitivity, Tier
from tests.pipelines import CLOUD, EDGE, OWN, KnownNames, Node, a_store, echoes, entropy, fails, open_node, order, says
from tests.walls.test_collections import NOBODY

LEASE = QuotedPassage("lease.txt", "lines 1-9", "Ada Lovelace pays the rent of the lighthouse each month.")
ID = b"p" * 16
QUESTION = "Who pays the rent?"
HEALTH = "My mother has diabetes. Does the lease say anything of it?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


class Archive:
    """A holder that runs no model: what it is asked, and what it says."""

    def __init__(self, person: str = "ada", label: Sensitivity = Sensitivity.INTERNAL, **state: bool) -> None:
        self.known = KnownCollection(ID, "papers", label, bytes(32), IslandId("archive"))
        self.label = label  # as it says it now
        self.asked: list[tuple[bytes, bytes, str]] = []
        self.error: BackendError | None = None
        member = replace(NOBODY, name="archive", island=IslandId("archive"), person=person)
        state = {"fresh": True, "alive": True, "metered": False} | state
        self.holder = held_by(self.known, member, replace(NOBODY, person="ada"), self.passages, **state)

    async def passages(
        self, request_id: bytes, collection: bytes, question: str, most: int
    ) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
        self.asked.append((request_id, collection, question))
        if self.error is not None:
            raise self.error
        return self.label, (LEASE,)


async def a_node(store: Store, archive: Archive, *rows: Offer, policy: Policy | None = None) -> Node:
    node = await open_node(store, *((row, echoes) for row in rows), names=KnownNames(), policy=policy)
    node.offers.collections = (archive.known,)
    node.offers.holders["papers"] = archive.holder
    return node


async def refused(node: Node, *texts: str, **changes: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        await node.ask(order(*texts, **{"model": "auto@papers", **changes}))  # type: ignore[arg-type]
    return caught.value


async def test_compute_goes_to_data_wherever_the_holder_may_answer(store: Store) -> None:
    archive = Archive()
    holder = replace(EDGE, collections=frozenset([ID]), ttft_s=9.0)
    node = await a_node(store, archive, OWN, CLOUD, holder)
    for asked in (order(QUESTION, model="auto@papers"), order(QUESTION, model="small", collection="papers")):
        await node.ask(asked)
        assert node.backend(holder).calls.pop().collection == ID
    assert (archive.asked, node.backend(OWN).calls, node.backend(CLOUD).calls) == ([], [], [])


async def test_passages_go_where_the_holder_does_not_run_the_model_and_no_model_there_is_told_the_collection(
    store: Store,
) -> None:
    archive = Archive(label=Sensitivity.RESTRICTED)
    holder = replace(EDGE, model="other", collections=frozenset([ID]))
    node = await a_node(store, archive, OWN, holder)
    sink = await node.ask(order(QUESTION, model="small", collection="papers"))
    (call,) = node.backend(OWN).calls
    assert call.collection is None
    assert LEASE.text in node.backend(OWN).read
    assert "Source 1: lease.txt, lines 1-9" in node.backend(OWN).read
    assert (sink.routes[0].sensitivity, node.backend(holder).calls) == (Sensitivity.RESTRICTED, [])
    ((request_id, collection, question),) = archive.asked
    assert (collection, question) == (ID, QUESTION)
    assert request_id != call.request_id, "an island takes no request id twice"


async def test_what_leaves_is_sanitised_and_the_answer_names_who_was_meant(store: Store) -> None:
    archive = Archive(label=Sensitivity.INTERNAL)
    node = await a_node(store, archive, CLOUD)
    sink = await node.ask(order(QUESTION, model="auto@papers"))
    sent = node.backend(CLOUD).read
    assert "Lovelace" not in sent
    assert "[PERSON_1] pays the rent of the lighthouse" in sent
    assert "papers" not in sent
    assert sink.routes[0].sanitized
    assert "Ada Lovelace pays the rent" in sink.text, "the answer is restored"


@pytest.mark.parametrize("label", [Sensitivity.CONFIDENTIAL, Sensitivity.RESTRICTED])
async def test_passages_go_to_no_island_whose_clearance_does_not_cover_their_label(
    store: Store, label: Sensitivity
) -> None:
    archive = Archive(label=label)
    node = await a_node(store, archive, CLOUD)
    error = await refused(node, QUESTION)
    assert {reason.code for one in error.offers for reason in one.reasons} == {"clearance_below_sensitivity"}
    assert archive.asked == [], "nobody could take the passages, so nobody was asked for them"
    assert node.backend(CLOUD).calls == []


async def test_a_label_that_has_risen_at_the_holder_counts(store: Store) -> None:
    archive = Archive(label=Sensitivity.INTERNAL)
    archive.label = Sensitivity.CONFIDENTIAL
    node = await a_node(store, archive, CLOUD)
    error = await refused(node, QUESTION)
    assert {reason.code for one in error.offers for reason in one.reasons} == {"clearance_below_sensitivity"}
    assert node.backend(CLOUD).calls == []


async def test_a_label_that_has_fallen_at_the_holder_does_not(store: Store) -> None:
    archive = Archive(label=Sensitivity.CONFIDENTIAL)
    archive.label = Sensitivity.PUBLIC
    node = await a_node(store, archive, OWN)
    sink = await node.ask(order(QUESTION, model="auto@papers"))
    assert sink.routes[0].sensitivity is Sensitivity.CONFIDENTIAL


async def test_the_question_goes_to_no_holder_whose_clearance_is_below_it(store: Store) -> None:
    archive = Archive(person="bob")  # at the edge, for ada
    node = await a_node(store, archive, OWN)
    error = await refused(node, HEALTH)
    (reading,) = (one for one in error.offers if one.offer == "archive/passages")
    assert [reason.code for reason in reading.reasons] == ["clearance_below_sensitivity"]
    assert (archive.asked, node.backend(OWN).calls) == ([], [])
    mine = Archive(person="ada")
    again = await a_node(store, mine, OWN)
    await again.ask(order(HEALTH, model="auto@papers"))
    assert len(mine.asked) == 1


@pytest.mark.parametrize(
    ("archive", "changes", "code"),
    [
        (Archive(person="bob"), {"max_tier": Tier.PERSONAL}, "tier_too_far"),
        (Archive(alive=False), {}, "unreachable"),
        (Archive(fresh=False), {}, "statement_stale"),
    ],
)
async def test_a_holder_that_nothing_may_be_sent_to_is_asked_nothing(
    store: Store, archive: Archive, changes: dict[str, object], code: str
) -> None:
    node = await a_node(store, archive, OWN)
    error = await refused(node, QUESTION, **changes)
    assert code in {reason.code for one in error.offers for reason in one.reasons if one.offer == "archive/passages"}
    assert archive.asked == []


async def test_a_history_at_a_label_goes_to_no_holder_below_it(store: Store) -> None:
    archive = Archive(person="bob")
    node = await a_node(store, archive, OWN)
    await refused(node, QUESTION, at_least=Sensitivity.RESTRICTED)
    assert archive.asked == []


async def test_a_holder_that_refuses_ends_the_request_and_no_model_hears_of_it(store: Store) -> None:
    archive = Archive()
    archive.error = BackendError(BackendFailure.REFUSED, "unknown_collection", "no such collection")
    node = await a_node(store, archive, OWN, CLOUD)
    error = await refused(node, QUESTION)
    assert [one.offer for one in error.offers] == ["archive/passages"]
    assert (node.backend(OWN).calls, node.backend(CLOUD).calls) == ([], [])


async def test_the_passages_label_holds_in_the_next_turns(store: Store) -> None:
    archive = Archive(label=Sensitivity.CONFIDENTIAL)
    node = await a_node(store, archive, OWN)
    sink = await node.ask(order(QUESTION, model="auto@papers"))
    assert sink.routes[0].at_least is Sensitivity.CONFIDENTIAL
    later = await open_node(store, (CLOUD, echoes), names=KnownNames())
    with pytest.raises(RefusedError):
        await later.ask(order("And then?", at_least=sink.routes[0].at_least))


async def test_who_failed_is_followed_by_another_with_the_same_passages(store: Store) -> None:
    archive = Archive()
    other = replace(OWN, island="desk", island_id="id-desk", ttft_s=9.0)
    node = await open_node(store, (OWN, fails(BackendFailure.NOT_CONNECTED)), (other, says("yes")), names=KnownNames())
    node.offers.collections, node.offers.holders["papers"] = (archive.known,), archive.holder
    sink = await node.ask(order(QUESTION, model="auto@papers"))
    assert (sink.text, len(archive.asked)) == ("yes", 1)
    assert LEASE.text in node.backend(other).read


async def test_own_documents_go_nowhere_whole_where_this_node_has_no_model(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("The quokka pays rent.\n" + "\n\n".join(f"Page {n}. " + "x" * 600 for n in range(50)))
    collections = Collections(tmp_path / "collections")
    collections.add("papers", folder, Sensitivity.INTERNAL, entropy)
    (notice,) = collections.own()
    known = KnownCollection(notice.id, notice.name, notice.label, notice.digest, IslandId("laptop"))
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    node.offers.collections = (known,)
    node.offers.holders["papers"] = held_here(known, "laptop", collections)
    sink = await node.ask(order("What does the quokka do?", model="auto@papers"))
    assert sink.routes[0].sanitized
    assert "pays rent" in node.backend(CLOUD).read
    assert "Page 49" not in node.backend(CLOUD).read


async def test_passages_leave_room_for_the_prompt_and_the_answer(store: Store) -> None:
    asked: list[Sequence[Quotation]] = []

    async def much(request_id: bytes, question: str) -> tuple[Sensitivity, Sequence[Quotation]]:
        asked.append([replace(LEASE, text="quokka " * 140) for _ in range(8)])
        return Sensitivity.PUBLIC, asked[-1]

    archive = Archive(label=Sensitivity.PUBLIC)
    small = replace(OWN, context_tokens=1_800)
    node = await a_node(store, archive, small)
    node.offers.holders["papers"] = Holder("archive", Sensitivity.PUBLIC, much)
    await node.ask(order(QUESTION, model="auto@papers"))
    assert 0 < node.backend(small).read.count("Source ") < 8


async def test_the_receipt_names_the_collections_random_id_alone(store: Store) -> None:
    archive = Archive()
    node = await a_node(store, archive, OWN, CLOUD)
    await node.ask(order(QUESTION, model="auto@papers"))
    await node.ask(order(QUESTION, model="small", collection="papers"))
    await refused(node, QUESTION, model="auto@letters")
    receipts = await node.receipts()
    assert [one.model_asked for one in receipts] == ["auto@unknown", f"small@{ID.hex()}", f"auto@{ID.hex()}"]
    for one in receipts:
        assert not any(word in repr(one.to_json()) for word in ("papers", "letters", "lease.txt", "Lovelace"))
