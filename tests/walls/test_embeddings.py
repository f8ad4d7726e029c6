"""Text is embedded as it is or not at all: design, section 2, "Clearance", for an answer that nobody can restore."""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.policy import PRESETS
from node.api.ports import Order
from node.ports import Call, Embed, Emit
from node.store.database import Store
from node.vectors import chat_of_texts, delta_of, texts_of
from protocol.answers import Finished
from protocol.errors import RefusedError
from protocol.terms import NanoUsd, Tier, cost_nano_usd
from tests.offers import offer, paid
from tests.pipelines import CLOUD, OWN, KnownNames, a_store, open_node, order, says
from tests.two_islands import OwnModel, services

OWN_EMBEDS = offer("home", "vectors", embeds=True, tools=False)
EDGE_EMBEDS = offer("office", "vectors", embeds=True, tier=Tier.EDGE)
CLOUD_EMBEDS = paid("cloud", "vectors", embeds=True, output_price=NanoUsd(0))
NAMED = "Ada Lovelace wrote the first program."
PUBLIC = "What is a lighthouse?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as one:
        yield one


async def embeds(call: Call, emit: Emit) -> None:
    for text in texts_of(call.request.body):
        await emit(delta_of(struct.pack("<f", len(text))))
    await emit(Finished("stop", 11, 0))


def asking(*texts: str, model: str = "auto") -> Order:
    return order(request=chat_of_texts(model, texts), embed=Embed())


async def test_a_text_that_a_cloud_would_get_sanitised_is_not_embedded_there(store: Store) -> None:
    node = await open_node(store, (CLOUD, says("ok")), (CLOUD_EMBEDS, embeds), names=KnownNames())
    await node.ask(order(NAMED))
    assert node.backend(CLOUD).calls  # a chat about the same goes there, with a placeholder
    with pytest.raises(RefusedError) as caught:
        await node.ask(asking(NAMED))
    reasons = {reason.code: reason.detail for refused in caught.value.offers for reason in refused.reasons}
    assert caught.value.status == 403
    assert "cannot be sanitised" in reasons["clearance_below_sensitivity"]
    assert node.backend(CLOUD_EMBEDS).calls == []


async def test_what_is_cleared_as_it_is_goes_as_it_is(store: Store) -> None:
    node = await open_node(store, (EDGE_EMBEDS, embeds), (CLOUD_EMBEDS, embeds), names=KnownNames())
    sink = await node.ask(asking(PUBLIC, "And what is a buoy?", model="cloud/vectors"))
    await node.ask(asking(NAMED))
    assert texts_of(node.backend(CLOUD_EMBEDS).calls[0].request.body) == (PUBLIC, "And what is a buoy?")
    assert texts_of(node.backend(EDGE_EMBEDS).calls[0].request.body) == (NAMED,)
    assert not sink.routes[0].sanitized


async def test_the_most_sensitive_of_the_texts_counts_for_all(store: Store) -> None:
    node = await open_node(store, (CLOUD_EMBEDS, embeds), names=KnownNames())
    with pytest.raises(RefusedError):
        await node.ask(asking(PUBLIC, NAMED))
    assert node.backend(CLOUD_EMBEDS).calls == []


async def test_a_chat_never_goes_to_an_embedding_model_nor_a_text_to_be_embedded_to_a_chat_model(store: Store) -> None:
    node = await open_node(store, (OWN, says("ok")), (OWN_EMBEDS, embeds), names=KnownNames())
    await node.ask(order(PUBLIC))
    await node.ask(asking(PUBLIC))
    assert [call.embed for call in node.backend(OWN).calls] == [None]
    assert [call.embed for call in node.backend(OWN_EMBEDS).calls] == [Embed()]
    for asked, code in (
        (order(PUBLIC, model="home/vectors"), "embeds_only"),
        (asking(PUBLIC, model="home/small"), "no_embeddings"),
    ):
        with pytest.raises(RefusedError) as caught:
            await node.ask(asked)
        assert code in {reason.code for refused in caught.value.offers for reason in refused.reasons}
    assert len(node.backend(OWN).calls) == len(node.backend(OWN_EMBEDS).calls) == 1


async def test_vectors_that_are_paid_for_are_booked_by_the_texts_alone(store: Store) -> None:
    node = await open_node(store, (CLOUD_EMBEDS, embeds), names=KnownNames())
    await node.ask(asking(PUBLIC))
    (receipt,) = await node.receipts()
    price = CLOUD_EMBEDS.input_price
    assert price is not None
    assert receipt.cost == cost_nano_usd(11, price)
    assert (receipt.offer, receipt.completion_tokens, receipt.sanitized) == ("cloud/vectors", 0, False)
    await node.ask(asking(PUBLIC))  # the whole answer came: asking again is no doubt about money


async def test_no_peer_is_served_or_told_of_an_embedding_model() -> None:
    vectors = OwnModel(model="vectors")
    vectors.offered = replace(vectors.offered, embeds=True)
    own = services(OwnModel(), vectors)
    assert {one.model.name for one in await own.offers()} == {"small", "vectors"}
    assert [one.model.name for one in await own.servable()] == ["small"]


async def test_no_preset_lets_a_sanitised_text_be_embedded(store: Store) -> None:
    for preset in PRESETS:
        node = await open_node(store, (CLOUD_EMBEDS, embeds), names=KnownNames())
        asked = order(request=chat_of_texts("auto", [NAMED]), embed=Embed(), policy=preset)
        with pytest.raises(RefusedError):
            await node.ask(asked)
        assert node.backend(CLOUD_EMBEDS).calls == []
