"""Design, sections 1 and 2, as one request lives them: fail closed, lose nothing, hide nothing."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.policy import PRESETS, Clearance, Policy
from node.agents.table import Offer
from node.directory import KnownCollection
from node.ports import Call, Emit
from node.store.database import Store
from protocol.answers import Delta
from protocol.errors import BackendFailure, RefusedError
from protocol.strict_json import dump_json
from protocol.terms import Sensitivity, Tier
from tests.offers import offer
from tests.pipelines import (
    CLOUD,
    EDGE,
    OWN,
    FailingNames,
    KnownNames,
    Node,
    SlowNames,
    a_store,
    echoes,
    fails,
    open_node,
    order,
    says,
)
from tests.unit.privacy_texts import chat

PUBLIC = "What is the capital of Portugal?"
INTERNAL = "Thank Grace for the cake."
CONFIDENTIAL = "Write to Ada Lovelace at ada@example.org about the meeting."
RESTRICTED = "My mother has diabetes. What may she eat?"
SECRET = "Why is my key sk-proj-Zx81kQpLm20vTyRw77abCD refused?"
CARD = "Is the card 4111 1111 1111 1111 valid?"
EXAMPLES = (PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED, SECRET, CARD)
WORDS = ("Grace", "Ada", "Lovelace", "example.org", "mother", "diabetes", "sk-proj", "Zx81kQ", "4111")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


async def taken_by(node: Node, row: Offer, text: str) -> str | None:
    """What the one offer there was sent; None where it was refused."""
    try:
        await node.ask(order(text))
    except RefusedError:
        assert node.backend(row).calls == []
        return None
    return node.backend(row).read


@pytest.mark.parametrize(
    ("text", "own", "edge", "cloud"),
    [
        (PUBLIC, "as it is", "as it is", "as it is"),
        (INTERNAL, "as it is", "as it is", "sanitised"),
        (CONFIDENTIAL, "as it is", "as it is", "sanitised"),
        (RESTRICTED, "as it is", None, None),
        (SECRET, "as it is", None, None),
        (CARD, "as it is", "sanitised", "sanitised"),
    ],
)
async def test_text_never_goes_to_an_offer_whose_clearance_is_below_its_sensitivity(
    store: Store, text: str, own: str | None, edge: str | None, cloud: str | None
) -> None:
    for row, expected in ((OWN, own), (EDGE, edge), (CLOUD, cloud)):
        node = await open_node(store, (row, says("yes")), names=KnownNames())
        read = await taken_by(node, row, text)
        match expected:
            case None:
                assert read is None
            case "as it is":
                assert read is not None
                assert dump_json(text).decode().strip('"') in read
            case "sanitised":
                assert read is not None
                assert "_1" in read
                assert not any(word in read for word in WORDS)


@pytest.mark.parametrize("names", [None, FailingNames(), SlowNames()], ids=["missing", "crashing", "slow"])
@pytest.mark.parametrize("row", [EDGE, CLOUD], ids=["edge", "cloud"])
async def test_a_name_model_that_is_missing_slow_or_crashing_leaves_only_what_is_cleared_for_everything(
    store: Store, mock_clock: object, names: object, row: Offer
) -> None:
    for text in EXAMPLES:
        node = await open_node(store, (row, says("no")), names=names)
        assert await taken_by(node, row, text) is None
    node = await open_node(store, (OWN, says("yes")), (row, says("no")), names=names)
    sink = await node.ask(order(CONFIDENTIAL))
    assert (sink.text, sink.routes[0].island) == ("yes", OWN.island)


async def test_a_refusal_names_island_by_island_what_failed(store: Store) -> None:
    node = await open_node(
        store, (EDGE, says("no")), (CLOUD, says("no")), (replace(OWN, alive=False), says("no")), names=KnownNames()
    )
    with pytest.raises(RefusedError) as refused:
        await node.ask(order(RESTRICTED))
    codes = {one.offer: {reason.code for reason in one.reasons} for one in refused.value.offers}
    assert refused.value.status == 403
    assert codes[EDGE.name] == codes[CLOUD.name] == {"clearance_below_sensitivity"}
    assert "unreachable" in codes[OWN.name]


async def test_with_no_model_anywhere_the_error_says_what_to_install_or_start(store: Store) -> None:
    node = await open_node(store, names=KnownNames())
    with pytest.raises(RefusedError, match=r"Ollama.*islandrun pair") as refused:
        await node.ask(order(PUBLIC))
    assert refused.value.status == 503


async def test_an_unknown_model_is_404_whatever_the_text(store: Store) -> None:
    node = await open_node(store, (OWN, says("no")), names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order(PUBLIC, model="gpt-9"))
    assert (refused.value.status, refused.value.code) == (404, "model_not_found")


async def test_the_slow_name_models_run_only_where_an_offer_not_cleared_for_everything_could_win(store: Store) -> None:
    names = KnownNames()
    node = await open_node(
        store, (OWN, says("yes")), (offer("away", tier=Tier.EDGE, alive=False), says("no")), names=names
    )
    await node.ask(order(CONFIDENTIAL))
    assert names.asked == []
    node = await open_node(store, (EDGE, says("yes")), names=names)
    await node.ask(order(PUBLIC))
    assert names.asked == [PUBLIC]


async def test_the_name_models_do_not_run_for_what_nobody_could_take_even_without_names(store: Store) -> None:
    names = KnownNames()
    node = await open_node(store, (CLOUD, says("no")), names=names)
    with pytest.raises(RefusedError):
        await node.ask(order(SECRET))
    assert names.asked == []


async def test_what_the_client_asks_for_can_only_tighten_the_owners_policy(store: Store) -> None:
    closed = Policy(clearance=(Clearance(Sensitivity.RESTRICTED, None), Clearance(None, None), Clearance(None, None)))
    node = await open_node(store, (CLOUD, says("no")), names=KnownNames(), policy=closed)
    for preset in PRESETS:
        with pytest.raises(RefusedError):
            await node.ask(order(PUBLIC, policy=preset, max_tier=Tier.CLOUD))
    node = await open_node(store, (CLOUD, says("no")), names=KnownNames())
    with pytest.raises(RefusedError):
        await node.ask(order(PUBLIC, policy="private"))
    with pytest.raises(RefusedError):
        await node.ask(order(PUBLIC, max_tier=Tier.EDGE))
    assert node.backend(CLOUD).calls == []


async def test_placeholders_come_back_as_values_in_the_stream(store: Store) -> None:
    node = await open_node(store, (CLOUD, echoes), names=KnownNames())
    sink = await node.ask(order(CONFIDENTIAL))
    assert sink.text == CONFIDENTIAL
    assert sink.whole
    assert sink.routes[0].sanitized
    assert "Ada" not in node.backend(CLOUD).read


async def test_placeholders_come_back_in_a_tool_calls_arguments_as_parts_of_json(store: Store) -> None:
    name = 'Ada "the first" Lovelace'

    async def calls_a_tool(call: Call, emit: Emit) -> None:
        arguments = '{"to": "[PERSON_1]", "cc": "[EMAIL_1]"}'
        for at in range(0, len(arguments), 4):
            function = {"name": "mail", "arguments": arguments[at : at + 4]}
            await emit(Delta("", dump_json({"tool_calls": [{"index": 0, "id": "c", "function": function}]})))
        await says("")(call, emit)

    node = await open_node(store, (CLOUD, calls_a_tool), names=KnownNames({name: "GIVEN_NAME"}))
    sink = await node.ask(order(f"Write to {name} and to ada@example.org."))
    extras = [json.loads(event.extra) for event in sink.events if isinstance(event, Delta) and event.extra]
    written = "".join(extra["tool_calls"][0]["function"]["arguments"] for extra in extras)
    assert json.loads(written) == {"to": name, "cc": "ada@example.org"}


async def test_an_answer_asked_for_in_json_stays_json_when_values_come_back(store: Store) -> None:
    name = 'Ada "the first" Lovelace'
    node = await open_node(store, (CLOUD, says('{"who": "[PER', 'SON_1]"}')), names=KnownNames({name: "GIVEN_NAME"}))
    request = chat(f"Who is {name}?", response_format={"type": "json_object"})
    assert json.loads((await node.ask(order(request=request))).text) == {"who": name}


async def test_if_all_fully_cleared_offers_fail_others_follow_only_after_the_name_models_have_read_the_text(
    store: Store,
) -> None:
    names = KnownNames()
    near, gone = offer("near"), fails(BackendFailure.NOT_CONNECTED)
    cloud = replace(CLOUD, quality=0.1)
    node = await open_node(store, (near, gone), (cloud, echoes), names=names)
    sink = await node.ask(order(CONFIDENTIAL))
    assert sink.text == CONFIDENTIAL
    assert names.asked
    assert "Lovelace" not in node.backend(cloud).read

    names = KnownNames()
    node = await open_node(store, (near, gone), (cloud, says("no")), names=names)
    with pytest.raises(RefusedError):
        await node.ask(order(RESTRICTED))
    assert node.backend(cloud).calls == []


async def test_an_island_that_vanishes_between_two_plans_is_still_named_with_what_failed(store: Store) -> None:
    async def goes(_call: Call, _emit: Emit) -> None:
        node.offers.rows.clear()
        await fails(BackendFailure.NOT_CONNECTED)(_call, _emit)

    node = await open_node(store, (OWN, goes), names=KnownNames())
    with pytest.raises(RefusedError) as refused:
        await node.ask(order(PUBLIC, model=OWN.model))
    assert [one.offer for one in refused.value.offers] == [OWN.name]
    assert refused.value.status == 503


PAPERS = KnownCollection(b"p" * 16, "papers", Sensitivity.CONFIDENTIAL, bytes(32), OWN.island_id)  # type: ignore[arg-type]


async def test_retrieved_text_raises_the_request_to_the_label_of_its_collection(store: Store) -> None:
    holds = {"collections": frozenset([PAPERS.id])}
    for row, label, answers in (
        (OWN, Sensitivity.RESTRICTED, True),
        (EDGE, Sensitivity.CONFIDENTIAL, True),
        (EDGE, Sensitivity.RESTRICTED, False),
        (CLOUD, Sensitivity.PUBLIC, True),
        (CLOUD, Sensitivity.CONFIDENTIAL, False),
    ):
        node = await open_node(store, (replace(row, **holds), says("yes")), names=KnownNames())
        node.offers.collections = (replace(PAPERS, label=label),)
        if answers:
            sink = await node.ask(order(PUBLIC, model="auto@papers"))
            assert sink.routes[0].sensitivity is label
            assert node.backend(row).calls[0].collection == PAPERS.id
        else:
            with pytest.raises(RefusedError):
                await node.ask(order(PUBLIC, model="auto@papers"))


async def test_a_request_about_a_collection_goes_to_the_island_that_holds_it_and_to_no_other(store: Store) -> None:
    holder = replace(EDGE, collections=frozenset([PAPERS.id]))
    node = await open_node(store, (OWN, says("no")), (holder, says("yes")), names=KnownNames())
    node.offers.collections = (PAPERS,)
    sink = await node.ask(order(PUBLIC, model="auto@papers"))
    assert (sink.text, node.backend(OWN).calls) == ("yes", [])
    with pytest.raises(RefusedError):
        await node.ask(order(PUBLIC, model="auto@nothing"))
    assert len(node.backend(holder).calls) == 1
