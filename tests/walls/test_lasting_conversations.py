"""Design, section 2, A conversation: those that last. What they keep, what comes back, how each turn is judged anew."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from node.api.ports import Order, Sink
from node.ports import Call, Emit
from node.store.conversations import Bounds, Column, Kind, Ref
from node.store.database import Store
from protocol.answers import Delta
from protocol.errors import RefusedError, StateError
from protocol.terms import Sensitivity, Tier
from tests.api_edge import INFERENCE_KEY, OWNER_KEY, Edge, Reply, edge
from tests.offers import offer
from tests.pipelines import CLOUD, END, OWN, KnownNames, Node, RecordingSink, Script, a_store, echoes, open_node, order

FIRST = "Ada Lovelace wrote to ada@example.org."
PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses")
DIARY = "x-islandrun-conversation: diary"
ANSWERED = offer("home", ttft_s=9.0)  # the person's own, but slow: a cloud is chosen where it may be


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


async def says_token(_call: Call, emit: Emit) -> None:
    await emit(Delta("It was [PERSON_1], [PERSON_2] and [EMAIL_1]."))
    await emit(END)


def body_of(path: str, text: str, **members: Any) -> bytes:
    said: dict[str, Any] = {"messages": [{"role": "user", "content": text}]}
    if path == "/v1/completions":
        said = {"prompt": text}
    if path == "/v1/responses":
        said = {"input": text}
    limit = "max_output_tokens" if path == "/v1/responses" else "max_tokens"
    return json.dumps({"model": "auto", limit: 64, **said, **members}).encode()


@asynccontextmanager
async def world(store: Store, *rows: tuple[Any, Script]) -> AsyncIterator[tuple[Node, Edge]]:
    node = await open_node(store, *rows, names=KnownNames())

    async def run(order: Order, sink: Sink) -> None:
        await node.pipeline.run(order, sink)

    async with edge(run, stored=node.pipeline.lasting) as at:
        yield node, at


async def ask(at: Edge, path: str, text: str, *headers: str, key: str = INFERENCE_KEY, **members: Any) -> Reply:
    return await at.exchange(at.post(path, body_of(path, text, **members), *headers, key=key))


@pytest.mark.parametrize("path", PATHS)
async def test_in_a_named_conversation_one_value_keeps_its_placeholder_without_its_history(
    store: Store, path: str
) -> None:
    async with world(store, (CLOUD, echoes)) as (node, at):
        for text in (FIRST, "Grace Hopper knows Ada Lovelace."):
            reply = await ask(at, path, text, DIARY)
            assert reply.status == 200
            assert text in reply.body.decode()
        last = node.backend(CLOUD).calls[-1].request.to_json().decode()
        assert "[PERSON_2] knows [PERSON_1]." in last


@pytest.mark.parametrize("path", PATHS)
async def test_only_what_this_request_sent_comes_back_also_in_a_named_conversation(store: Store, path: str) -> None:
    async with world(store, (CLOUD, says_token)) as (_, at):
        assert (
            "It was Ada Lovelace, [PERSON_2] and ada@example.org." in (await ask(at, path, FIRST, DIARY)).body.decode()
        )
        other = (await ask(at, path, "And Grace Hopper?", DIARY)).body.decode()
        assert "It was [PERSON_1], Grace Hopper and [EMAIL_1]." in other


@pytest.mark.parametrize("name", ["", "x" * 65, "two words", "a\tb", "na\xefve"])
@pytest.mark.parametrize("path", PATHS)
async def test_a_name_is_one_to_64_visible_ascii_characters(store: Store, path: str, name: str) -> None:
    async with world(store, (OWN, echoes)) as (node, at):
        reply = await ask(at, path, "Hello.", f"x-islandrun-conversation: {name}")
        assert reply.status == 400
        if name.isascii():
            assert b"1 to 64 visible ASCII characters" in reply.body
        assert node.backend(OWN).calls == []
        assert (await ask(at, path, "Hello.", f"x-islandrun-conversation: {'~' * 64}")).status == 200


async def test_a_conversation_is_of_the_key_that_made_it_and_another_key_has_its_own(store: Store) -> None:
    async with world(store, (CLOUD, echoes)) as (node, at):
        await ask(at, PATHS[0], FIRST, DIARY)
        await ask(at, PATHS[0], "Grace Hopper is here.", DIARY, key=OWNER_KEY)
        assert "[PERSON_1] is here." in node.backend(CLOUD).calls[-1].request.to_json().decode()
        assert {(one.key_name, one.name) for one in await node.pipeline.lasting.kept()} == {
            ("app", "diary"),
            ("owner", "diary"),
        }


async def test_what_a_conversation_took_out_once_is_never_sent_in_clear_by_it(store: Store) -> None:
    async with world(store, (CLOUD, echoes)) as (node, at):
        await ask(at, PATHS[0], FIRST, DIARY)
        assert isinstance(node.names, KnownNames)
        node.names.names = {}  # no detector finds a name any more
        text = "What would Lovelace say?"
        assert text in (await ask(at, PATHS[0], text, DIARY)).body.decode()
        sent = node.backend(CLOUD).calls[-1].request.to_json().decode()
        assert "Lovelace" not in sent
        assert "[PERSON_1B]" in sent, "of the same person, in another spelling"


async def test_requests_of_one_conversation_that_run_at_once_never_give_two_values_one_placeholder(
    store: Store,
) -> None:
    gate = trio.Event()

    async def waits(call: Call, emit: Emit) -> None:
        await gate.wait()
        await echoes(call, emit)

    node = await open_node(store, (CLOUD, waits), names=KnownNames())
    texts = ("Ada Lovelace is here.", "Grace Hopper is here.")
    sinks = [RecordingSink() for _ in texts]
    async with trio.open_nursery() as nursery:
        for text, sink in zip(texts, sinks, strict=True):
            nursery.start_soon(node.ask, order(text, conversation="diary"), sink)
        while len(node.backend(CLOUD).calls) < 2:
            await trio.lowlevel.checkpoint()
        gate.set()
    assert [sink.text for sink in sinks] == list(texts)
    sent = {call.request.body["messages"][0]["content"] for call in node.backend(CLOUD).calls}
    assert sent == {"[PERSON_1] is here.", "[PERSON_2] is here."}
    again = await open_node(store, (CLOUD, echoes), names=KnownNames())
    await again.ask(order("Ada Lovelace", conversation="diary"))
    await again.ask(order("Grace Hopper", conversation="diary"))
    ada, grace = (call.request.body["messages"][0]["content"] for call in again.backend(CLOUD).calls)
    assert node.backend(CLOUD).calls[0].request.body["messages"][0]["content"] in (
        f"{ada} is here.",
        f"{grace} is here.",
    )
    assert {ada, grace} == {"[PERSON_1]", "[PERSON_2]"}


@pytest.mark.parametrize("whole", [False, True])
async def test_a_conversation_removed_while_a_request_runs_is_not_brought_back_by_it(store: Store, whole: bool) -> None:
    gate, begun = trio.Event(), trio.Event()

    async def waits(call: Call, emit: Emit) -> None:
        begun.set()
        await gate.wait()
        await echoes(call, emit)

    node = await open_node(store, (CLOUD, waits), names=KnownNames())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(node.ask, order(FIRST, conversation="diary"))
        await begun.wait()
        if whole:
            await node.pipeline.lasting.remove_all()
        else:
            await node.pipeline.lasting.remove("diary", None)
        gate.set()
    assert await node.pipeline.lasting.kept() == ()


async def turn(at: Edge, text: str, previous: str | None, **members: Any) -> dict[str, Any]:
    reply = await ask(at, "/v1/responses", text, previous_response_id=previous, **members)
    answer: dict[str, Any] = json.loads(reply.body)
    return {**answer, "status_code": reply.status, "island": reply.headers.get("x-islandrun-island")}


async def test_a_conversation_that_a_cloud_began_goes_home_once_something_restricted_enters(store: Store) -> None:
    async with world(store, (CLOUD, echoes), (ANSWERED, echoes)) as (node, at):
        first = await turn(at, "What is a lighthouse for?", None)
        assert first["island"] == CLOUD.island
        second = await turn(at, "Ada Lovelace has diabetes. May she go up?", first["id"])
        assert second["island"] == ANSWERED.island
        assert len(node.backend(CLOUD).calls) == 1
        third = await turn(at, "How many steps are there?", second["id"])
        assert third["island"] == ANSWERED.island, "the whole history is judged, not the last words"
        assert len(node.backend(CLOUD).calls) == 1
        branch = await turn(at, "How many steps are there?", first["id"])
        assert branch["island"] == CLOUD.island, "what was said in another branch is not in this one"


async def test_a_conversation_that_only_a_cloud_could_go_on_with_is_refused_with_reasons_once_it_may_not(
    store: Store,
) -> None:
    async with world(store, (CLOUD, echoes)) as (node, at):
        first = await turn(at, "What is a lighthouse for?", None)
        refused = await turn(at, "Ada Lovelace has diabetes. May she go up?", first["id"])
        assert refused["status_code"] == 403
        assert refused["error"]["code"] == "no_eligible_island"
        reasons = refused["error"]["islandrun"][0]["reasons"]
        assert [reason["code"] for reason in reasons] == ["clearance_below_sensitivity"]
        assert len(node.backend(CLOUD).calls) == 1
        assert (await turn(at, "And at night?", first["id"]))["status_code"] == 200


async def test_a_name_learnt_late_masks_what_was_said_before_it_was_stored(store: Store) -> None:
    """Lovelace alone is no name to the detector; once the full name is said, the first message is masked too."""
    async with world(store, (CLOUD, echoes)) as (node, at):
        assert isinstance(node.names, KnownNames)
        node.names.names = {"Ada Lovelace": "GIVEN_NAME"}
        first = await turn(at, "Lovelace wrote programs.", None)
        assert "Lovelace" in node.backend(CLOUD).read
        second = await turn(at, "I mean Ada Lovelace.", first["id"])
        assert second["output"][0]["content"][0]["text"] == "I mean Ada Lovelace."
        sent = [message["content"] for message in node.backend(CLOUD).calls[-1].request.body["messages"]]
        assert len(sent) == 3
        assert not any("Lovelace" in text for text in sent)


async def test_what_was_answered_from_a_collection_keeps_its_label_in_the_turns_after_it(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order("And then?", at_least=Sensitivity.CONFIDENTIAL))
    assert refused.value.code == "no_eligible_island"
    home = await open_node(store, (OWN, echoes), (CLOUD, echoes), names=KnownNames())
    sink = await home.ask(order("And then?", at_least=Sensitivity.CONFIDENTIAL))
    assert (sink.routes[0].tier, sink.routes[0].sensitivity) == (Tier.PERSONAL, Sensitivity.CONFIDENTIAL)
    assert sink.routes[0].at_least is Sensitivity.CONFIDENTIAL


async def test_a_vault_is_kept_before_the_end_is_told(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    seen: list[int] = []

    async def looks(event: object) -> None:
        if event == END:
            seen.append(len(await node.pipeline.lasting.kept()))

    await node.ask(order(FIRST, conversation="diary"), RecordingSink(looks))
    assert seen == [1]


async def test_without_its_key_only_what_lasts_is_refused_and_nothing_crashes(store: Store) -> None:
    async with world(store, (OWN, echoes), (CLOUD, echoes)) as (node, at):
        await node.ask(order(FIRST, model=f"{CLOUD.island}/{CLOUD.model}", conversation="diary"))
        made = await turn(at, "Hello.", None)
        key = store.path.with_name("conversations.key")
        moved = key.rename(key.with_suffix(".moved"))
        async with world(store, (OWN, echoes)) as (_, again):
            for path in PATHS:
                reply = await ask(again, path, "Hello.", DIARY)
                assert reply.status == 503
                assert b"put a copy back" in reply.body
                if path != "/v1/responses":
                    assert (await ask(again, path, "Hello.")).status == 200
            assert (await again.get(f"/v1/responses/{made['id']}", key=INFERENCE_KEY)).status == 503
            assert (await ask(again, "/v1/responses", "Hello.", store=False)).status == 200
            moved.rename(key)
            assert (await again.get(f"/v1/responses/{made['id']}", key=INFERENCE_KEY)).status == 200


async def test_nothing_of_a_conversation_is_in_receipts(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    await node.ask(order(FIRST, conversation="secret-diary"))
    told = repr([receipt.to_json() for receipt in await node.receipts()])
    assert not [word for word in ("secret-diary", "Lovelace", "ada@", "PERSON") if word in told]


async def test_a_damaged_row_is_told_and_leaves_every_other_conversation_as_it_was(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    for name in ("diary", "letters"):
        await node.ask(order(FIRST, conversation=name))
    await store.write(lambda c: c.execute("UPDATE conversations SET vault = zeroblob(64) WHERE row = 1"))
    with pytest.raises(StateError, match="damaged"):
        await node.ask(order("Ada Lovelace again.", conversation="diary"))
    assert (await node.ask(order("Ada Lovelace again.", conversation="letters"))).text == "Ada Lovelace again."


async def test_what_is_evicted_is_begun_anew_and_never_mixed_up(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    conversations = node.pipeline.lasting._conversations
    conversations.bounds = Bounds(rows=1)
    for name, text in (("one", FIRST), ("two", "Grace Hopper is here."), ("one", "Grace Hopper is here.")):
        assert (await node.ask(order(text, conversation=name))).text == text
    assert conversations.value(Ref(Kind.NAMED, "a client", "two"), Column.VAULT) is None
    assert "[PERSON_1] is here." in node.backend(CLOUD).calls[-1].request.to_json().decode()
