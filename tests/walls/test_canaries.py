"""A thousand seeded secrets go through a node, from its API to its disk: none is found where it has no business."""

import io
import json
import random
from pathlib import Path

import pytest
from stdnum import luhn

from node.api.ports import Order, Sink
from node.ports import Call, Emit
from protocol.answers import Delta
from tests.api_edge import INFERENCE_KEY, Edge, Reply, edge
from tests.pipelines import CLOUD, OWN, KnownNames, Node, a_store, echoes, open_node

OF_EACH_KIND = 200
IN_ONE_REQUEST = 25
LETTERS, DIGITS = "bcdfghjkmnpqrstvwxz", "0123456789"


def canaries() -> dict[str, list[str]]:
    """By kind. The last of a text is the value; what stands before says what it is."""
    chance = random.Random(1_000)

    def drawn(alphabet: str, count: int) -> str:
        return "".join(chance.choices(alphabet, k=count))

    def card() -> str:
        digits = "4539" + drawn(DIGITS, 11)
        return digits + luhn.calc_check_digit(digits)

    made = {
        "key": lambda: f"sk-proj-{drawn(LETTERS + LETTERS.upper() + DIGITS, 28)}",
        "password": lambda: f"{drawn(LETTERS, 5).title()}-{drawn(DIGITS, 4)}-{drawn(LETTERS, 5).title()}",
        "card": card,
        "mail": lambda: f"{drawn(LETTERS, 9)}@{drawn(LETTERS, 8)}.example",
        "person": lambda: f"{drawn(LETTERS, 7).title()} {drawn(LETTERS, 9).title()}",
    }
    return {kind: [make() for _ in range(OF_EACH_KIND)] for kind, make in made.items()}


CANARIES = canaries()
EVERY = [value for values in CANARIES.values() for value in values]
SENTENCES = {
    "key": "use {} there",
    "password": "my password: {}",
    "card": "card {}",
    "mail": "write to {} today",
    "person": "ask {} about it",
}
NEVER_LEAVE = ("key", "password")


def names() -> KnownNames:
    return KnownNames(dict.fromkeys(CANARIES["person"], "GIVEN_NAME"))


async def crashes(call: Call, emit: Emit) -> None:
    """In the middle of an answer, with all that it was asked in its message."""
    await emit(Delta("so far"))
    raise RuntimeError(call.request.to_json().decode())


def found(text: str) -> list[str]:
    return [value for value in EVERY if value in text]


async def ask_of_all(here: Edge, kinds: list[str]) -> list[Reply]:
    texts = [SENTENCES[kind].format(value) for kind in kinds for value in CANARIES[kind]]
    replies = []
    for at in range(0, len(texts), IN_ONE_REQUEST):
        body = {"model": "auto", "messages": [{"role": "user", "content": "\n".join(texts[at : at + IN_ONE_REQUEST])}]}
        replies.append(await here.exchange(here.post("/v1/chat/completions", json.dumps(body).encode())))
    return replies


def on_disk(folder: Path) -> str:
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


async def test_of_a_thousand_secrets_none_is_in_logs_files_crashes_or_metrics_nor_reaches_a_lower_tier(
    tmp_path: Path, written: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(set(EVERY)) == 1_000
    nodes: list[Node] = []

    async def script(order: Order, sink: Sink) -> None:
        await nodes[-1].pipeline.run(order, sink)

    with a_store(tmp_path) as store:
        nodes.append(await open_node(store, (CLOUD, echoes), names=names()))
        async with edge(script) as here:
            sent_on = await ask_of_all(here, [kind for kind in CANARIES if kind not in NEVER_LEAVE])
            refused = await ask_of_all(here, list(NEVER_LEAVE))
            nodes.append(await open_node(store, (OWN, echoes), (CLOUD, echoes), names=names()))
            kept = await ask_of_all(here, list(NEVER_LEAVE))
            nodes.append(await open_node(store, (OWN, crashes), names=names()))
            broken = await ask_of_all(here, list(CANARIES))
            metrics = (await here.get("/metrics")).body.decode()
        await store.flush()
        live = on_disk(tmp_path)
    told = "".join(reply.body.decode() for reply in sent_on)
    assert set(found(told)) == {v for kind, of in CANARIES.items() if kind not in NEVER_LEAVE for v in of}, "restored"
    assert {reply.status for reply in (*sent_on, *kept)} == {200}
    assert {reply.status for reply in refused} == {403}
    assert {reply.status for reply in broken} == {500}
    for node in nodes:
        for row, backend in node.offers.rows:
            assert row is OWN or found(backend.read) == []
    assert len(nodes[0].backend(CLOUD).calls) == len(sent_on), "what was refused was not sent"
    assert nodes[1].backend(CLOUD).calls == []
    output = capfd.readouterr()
    errors = "".join(reply.body.decode() for reply in (*refused, *broken))
    assert "a handler failed" in written.getvalue()
    for where, text in {
        "logs": written.getvalue(),
        "the disk of a node that runs": live,
        "the disk of one that has ended": on_disk(tmp_path),
        "metrics": metrics,
        "crash output": output.out + output.err,
        "errors": errors,
    }.items():
        assert found(text) == [], where


async def ask_lasting(here: Edge) -> list[Reply]:
    """Every canary in a named conversation, and in responses that are stored and gone on from."""
    replies = []
    texts = [SENTENCES[kind].format(value) for kind in CANARIES for value in CANARIES[kind]]
    for at in range(0, len(texts), IN_ONE_REQUEST):
        text = "\n".join(texts[at : at + IN_ONE_REQUEST])
        chat = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
        name = f"x-islandrun-conversation: of-{CANARIES['person'][at // IN_ONE_REQUEST].replace(' ', '-')}"
        replies.append(await here.exchange(here.post("/v1/chat/completions", chat, name)))
        first = await here.exchange(
            here.post("/v1/responses", json.dumps({"model": "auto", "instructions": text, "input": text}).encode())
        )
        more = {"model": "auto", "input": "Say it again.", "previous_response_id": json.loads(first.body).get("id")}
        replies += [first, await here.exchange(here.post("/v1/responses", json.dumps(more).encode()))]
    return replies


async def test_of_a_thousand_secrets_in_stored_conversations_none_is_on_disk_in_clear(
    tmp_path: Path, written: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with a_store(tmp_path) as store:
        node = await open_node(store, (OWN, echoes), (CLOUD, echoes), names=names())

        async def script(order: Order, sink: Sink) -> None:
            await node.pipeline.run(order, sink)

        async with edge(script, stored=node.pipeline.lasting) as here:
            at_home = await ask_lasting(here)
            stored = [json.loads(reply.body)["id"] for reply in at_home if b'"resp_' in reply.body[:20]]
            told = [await here.get(f"/v1/responses/{id_}", key=INFERENCE_KEY) for id_ in stored]
            node.offers.rows = node.offers.rows[1:]  # the cloud alone: with placeholders, or not at all
            sent_on = await ask_lasting(here)
            metrics = (await here.get("/metrics")).body.decode()
        await store.flush()
        assert node.backend(CLOUD).calls
        assert found(node.backend(CLOUD).read) == []
        live = on_disk(tmp_path)
        receipts = repr([receipt.to_json() for receipt in await node.receipts()])
        kept = await node.pipeline.lasting.kept()
    assert set(found("".join(reply.body.decode() for reply in told))) == set(EVERY), "it is all there, for its key"
    assert {reply.status for reply in sent_on} >= {200, 403}
    assert {one.kind.value for one in kept} == {"named", "response"}
    output = capfd.readouterr()
    for where, text in {
        "logs": written.getvalue(),
        "the disk of a node that runs": live,
        "the disk of one that has ended": on_disk(tmp_path),
        "metrics": metrics,
        "receipts": receipts,
        "output": output.out + output.err,
    }.items():
        assert found(text) == [], where
        assert not [name for name in CANARIES["person"] if name.replace(" ", "-") in text], where
