"""Design, section 3: the way of one request, left to right, never back; all is real but the models and the network."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
import trio.testing

from node.agents.policy import Policy
from node.api.ports import Order
from node.collections.holder import Collections
from node.detection import CACHE_KEY_BYTES, Detection, PrivacyPolicy
from node.directory import CollectionDirectory
from node.execution import Pipeline
from node.judgement import Judgement
from node.lasting import LastingVaults
from node.local_answers import PeerAnswers
from node.offers import Offers
from node.peers import Peers
from node.ports import Call, Emit, Origin
from node.receipts import Receipts
from node.sensors import DeviceState
from node.serving import Serving
from node.store import ledger
from node.store.budget import Caps
from node.store.conversations import Conversations
from node.store.ledger import Outcome, Receipt
from node.store.money import Money
from protocol.answers import Delta
from protocol.errors import CutAnswerError, RefusedError
from protocol.questions import LoadAnswer, ModelLoad, encode_answer
from protocol.records import ModelOffer, ModelOrigin
from protocol.terms import Tier
from tests.pipelines import KnownNames, RecordingSink, echoes, entropy, now, order, says
from tests.two_islands import MODEL, Islands, OwnModel, Streams, enrolled, services

STATED = ModelOffer(MODEL, 4_096, 2, 50, 200, ModelOrigin.EMBEDDED, False)
CARD = "Ada Lovelace asks: is the card 4111 1111 1111 1111 valid?"


class Mesh:
    """The laptop's: home is up, says that it is free, and takes streams."""

    def __init__(self, islands: Islands, streams: Streams) -> None:
        self.peers = frozenset([islands.home.island])
        self.open_stream = streams.open

    async def ask(self, *_: object) -> bytes:
        await trio.lowlevel.checkpoint()
        return encode_answer(LoadAnswer((ModelLoad(MODEL, 2, 0),)))


@dataclass
class World:
    islands: Islands
    streams: Streams
    pipeline: Pipeline
    here: OwnModel
    there: OwnModel

    async def ask(self, asked: Order) -> RecordingSink:
        sink = RecordingSink()
        await self.pipeline.run(asked, sink)
        return sink

    async def receipt(self) -> Receipt:
        store = self.islands.stores["laptop"]
        await store.flush()
        return (await store.read(lambda connection: ledger.latest(connection, 1)))[0]


@asynccontextmanager
async def world(tmp_path: Path, person: str = "bob", *, own_model: bool = False) -> AsyncIterator[World]:
    """The laptop is `person`'s; home is ada's and serves a model; `own_model`: the laptop has a slower one too."""
    with ExitStack() as stack:
        islands = await enrolled(stack, tmp_path, person=person, offers=(STATED,))
        here, there = OwnModel(says("from here"), "own", Origin.EMBEDDED), OwnModel(echoes)
        streams = Streams(islands)
        peers = Peers(islands.laptop, Mesh(islands, streams), now)  # type: ignore[arg-type]
        nothing = Collections(tmp_path / "collections")
        directory = CollectionDirectory(islands.laptop.island, nothing.own)
        own = services(*([here] if own_model else []))
        offers = Offers(islands.laptop, own, peers, directory, nothing, DeviceState)
        detection = Detection(KnownNames(), entropy(CACHE_KEY_BYTES), PrivacyPolicy())
        judgement = Judgement(detection, offers, Policy, lambda: 64, now)
        store = islands.stores["laptop"]
        money = await Money.open(store, entropy, now())
        lasting = LastingVaults(Conversations(store, tmp_path / "conversations.key", now, entropy))
        pipeline = Pipeline(judgement, detection, money, Caps, Receipts(store, now), now, entropy, lasting)
        answers = PeerAnswers(services(there), Collections(tmp_path / "papers"), islands.home.me)
        serving = Serving(islands.home.keyring, islands.home.member, answers, now)
        async with trio.open_nursery() as nursery:

            async def serve() -> None:
                async for stream in streams.incoming:
                    nursery.start_soon(serving.serve, stream)

            nursery.start_soon(serve)
            yield World(islands, streams, pipeline, here, there)
            nursery.cancel_scope.cancel()


async def test_a_request_goes_sealed_and_sanitised_to_the_edge_and_comes_back_whole(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        sink = await there.ask(order(CARD))
        assert sink.text == CARD
        (route,) = sink.routes
        assert (route.island, route.tier, route.sanitized) == ("home", Tier.EDGE, True)
        assert "4111" not in there.there.read
        assert "[" in there.there.read
        sent = bytes(there.streams.asked[0].sent + there.streams.asked[0].other.sent)
        assert b"4111" not in sent
        assert b"messages" not in sent, "what leaves the core is sealed"
        receipt = await there.receipt()
        assert (receipt.outcome, receipt.island, receipt.sanitized, receipt.cost) == (Outcome.ANSWERED, "home", True, 0)
        assert receipt.id == sink.decision


async def test_the_same_persons_island_gets_the_text_as_it_is(tmp_path: Path) -> None:
    async with world(tmp_path, "ada") as there:
        sink = await there.ask(order("My mother has diabetes. What may she eat?"))
        assert "diabetes" in there.there.read
        assert (sink.routes[0].tier, sink.routes[0].sanitized) == (Tier.PERSONAL, False)


async def test_what_must_not_leave_reaches_no_stream(tmp_path: Path) -> None:
    async with world(tmp_path) as there:
        with pytest.raises(RefusedError) as refused:
            await there.ask(order("My mother has diabetes. What may she eat?"))
        assert there.streams.asked == []
        assert [(one.offer, one.tier) for one in refused.value.offers] == [("home/small", "edge")]


async def test_an_island_that_dies_before_its_first_token_gives_way(tmp_path: Path) -> None:
    async with world(tmp_path, "ada", own_model=True) as there:

        async def dies(_call: Call, _emit: Emit) -> None:
            await there.streams.asked[-1].other.reset()

        there.there.script = dies
        assert (await there.ask(order("What is a lighthouse?"))).text == "from here"
        assert len(there.there.calls) == 1, "it was the first choice"


async def test_an_island_that_cannot_be_reached_gives_way(tmp_path: Path) -> None:
    async with world(tmp_path, "ada", own_model=True) as there:
        there.streams.down = True
        assert (await there.ask(order("What is a lighthouse?"))).text == "from here"


async def test_an_island_that_dies_after_its_first_token_leaves_a_cut_answer(tmp_path: Path) -> None:
    async with world(tmp_path, "ada") as there:

        async def dies(_call: Call, emit: Emit) -> None:
            await emit(Delta("once upon"))
            await trio.testing.wait_all_tasks_blocked()
            await there.streams.asked[-1].other.reset()

        there.there.script = dies
        with pytest.raises(CutAnswerError):
            await there.ask(order("Tell me a story"))
        assert len(there.streams.asked) == 1
        assert (await there.receipt()).outcome is Outcome.CUT


async def test_a_revoked_island_gets_no_request_from_the_moment_the_revocation_is_believed(tmp_path: Path) -> None:
    async with world(tmp_path, "ada") as there:
        assert (await there.ask(order("hello there"))).whole
        laptop = there.islands.laptop
        real = laptop.membership.member
        laptop.membership.member = lambda island, at: None if island == there.islands.home.island else real(island, at)  # type: ignore[method-assign]
        with pytest.raises(RefusedError):
            await there.ask(order("hello again"))
        assert len(there.streams.asked) == 1


async def test_a_client_that_goes_away_stops_the_other_islands_model(tmp_path: Path) -> None:
    async with world(tmp_path, "ada") as there:
        started, stopped = trio.Event(), trio.Event()

        async def writes(_call: Call, emit: Emit) -> None:
            await emit(Delta("once"))
            started.set()
            try:
                await trio.sleep_forever()
            finally:
                stopped.set()

        there.there.script = writes
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.ask, order("Tell me a story"))
            await started.wait()
            nursery.cancel_scope.cancel()
        with trio.fail_after(1):
            await stopped.wait()
        assert (await there.receipt()).outcome is Outcome.CANCELLED
