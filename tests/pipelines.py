"""The real pipeline on a real store, with offers of any tier behind which stand scripted backends."""

import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import trio
import trio.testing

from node.affinity import KEY_BYTES, Affinity
from node.agents.policy import Policy
from node.agents.table import Offer, OfferTable
from node.api.ports import Order, Route
from node.detection import CACHE_KEY_BYTES, Detection, PrivacyPolicy
from node.directory import KnownCollection
from node.execution import Pipeline
from node.judgement import Judgement
from node.lasting import LastingVaults
from node.names_worker import NamesPort, NamesText
from node.offers import Survey
from node.passages import Holder
from node.ports import BackendModel, Call, Emit
from node.privacy.names import Reading
from node.receipts import Receipts
from node.store import ledger
from node.store.budget import Caps
from node.store.conversations import Conversations
from node.store.database import Store
from node.store.ledger import Receipt
from node.store.money import Money
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure, DetectorError
from protocol.terms import Now, Tier
from tests.attested import START_S
from tests.offers import offer, paid
from tests.unit.privacy_texts import KnownNames, chat

OWN = offer("home")
EDGE = offer("office", tier=Tier.EDGE, ttft_s=0.1)
CLOUD = paid("cloud")
OTHER_CLOUD = paid("other")
END = Finished("stop", 10, 2)

Script = Callable[[Call, Emit], Awaitable[None]]


def now() -> Now:
    """Trio's own clock, so that a test's mock clock is everybody's."""
    seconds = trio.current_time()
    return Now(int(seconds * 1_000), START_S + int(seconds))


class ScriptedBackend:
    """Answers as it is told, and keeps what it was sent."""

    def __init__(self, script: Script) -> None:
        self.name = "scripted"
        self.script = script
        self.calls: list[Call] = []
        self.stopped_at: float | None = None  # when it was cancelled

    async def models(self) -> Sequence[BackendModel]:
        return ()

    async def answer(self, call: Call, emit: Emit) -> None:
        self.calls.append(call)
        try:
            await self.script(call, emit)
        except trio.Cancelled:
            self.stopped_at = trio.current_time()
            raise

    @property
    def read(self) -> str:
        """All that it was sent."""
        return "\n".join(call.request.to_json().decode() for call in self.calls)


def says(*pieces: str) -> Script:
    async def script(_call: Call, emit: Emit) -> None:
        for piece in pieces:
            await emit(Delta(piece))
        await emit(END)

    return script


def fails(failure: BackendFailure, after: int = 0) -> Script:
    """Gives it up after so many pieces."""

    async def script(_call: Call, emit: Emit) -> None:
        for _ in range(after):
            await emit(Delta("piece "))
        raise BackendError(failure, "scripted", "as the test says")

    return script


def hangs(after: int = 0) -> Script:
    """Says so many pieces, and then nothing for an hour."""

    async def script(_call: Call, emit: Emit) -> None:
        for _ in range(after):
            await emit(Delta("piece "))
        pass_time(3_600)
        await trio.sleep_forever()

    return script


def pass_time(seconds: float) -> None:
    """On a test's mock clock. The store's threads know nothing of it, so it must not jump by itself."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, trio.testing.MockClock)
    clock.jump(seconds)


async def echoes(call: Call, emit: Emit) -> None:
    """Says the last message again, in small pieces."""
    text = call.request.body["messages"][-1]["content"]
    for at in range(0, len(text), 3):
        await emit(Delta(text[at : at + 3]))
    await emit(END)


class FailingNames:
    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        raise DetectorError("the models crashed")


class SlowNames:
    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        pass_time(3_600)
        await trio.sleep_forever()
        return []


class ScriptedOffers:
    """Surveys of a fixed table."""

    def __init__(self, rows: Sequence[tuple[Offer, ScriptedBackend]]) -> None:
        self.rows = list(rows)
        self.collections: tuple[KnownCollection, ...] = ()
        self.holders: dict[str, Holder] = {}  # by the collection's name

    def holder(self, known: KnownCollection) -> Holder | None:
        return self.holders.get(known.name)

    async def survey(self) -> Survey:
        table = OfferTable.of([row for row, _ in self.rows])
        return Survey(
            table,
            {row.name: backend for row, backend in self.rows},
            self.collections,
            frozenset(row.island for row, _ in self.rows),
        )


class RecordingSink:
    """A client that takes everything at once, unless `pause` makes it wait."""

    def __init__(self, pause: Callable[[AnswerEvent], Awaitable[None]] | None = None) -> None:
        self.decision = ""
        self.routes: list[Route] = []
        self.events: list[AnswerEvent] = []
        self._pause = pause

    def decided(self, decision_id: str) -> None:
        self.decision = decision_id

    async def started(self, route: Route) -> None:
        self.routes.append(route)

    async def event(self, event: AnswerEvent) -> None:
        if self._pause is not None:
            await self._pause(event)
        self.events.append(event)

    @property
    def text(self) -> str:
        return "".join(event.content for event in self.events if isinstance(event, Delta))

    @property
    def whole(self) -> bool:
        return any(isinstance(event, Finished) for event in self.events)


@dataclass
class Node:
    """One node's pipeline with what a test wants to look at."""

    store: Store
    money: Money
    pipeline: Pipeline
    offers: ScriptedOffers
    names: NamesPort | None
    caps: Caps = field(default_factory=Caps)
    policy: Policy = field(default_factory=Policy)
    output_tokens_default: int = 1_024

    async def ask(self, order: Order, sink: RecordingSink | None = None) -> RecordingSink:
        sink = sink or RecordingSink()
        await self.pipeline.run(order, sink)
        return sink

    async def receipts(self) -> tuple[Receipt, ...]:
        """Newest first."""
        await self.store.flush()
        return await self.store.read(lambda connection: ledger.latest(connection, 100))

    def backend(self, row: Offer) -> ScriptedBackend:
        return next(backend for other, backend in self.offers.rows if other.name == row.name)


async def open_node(
    store: Store, *rows: tuple[Offer, Script], names: NamesPort | None = None, policy: Policy | None = None
) -> Node:
    """`rows`: the offers, and how each answers. `names`: the name models; `KnownNames()` unless given."""
    money = await Money.open(store, entropy, now())
    detection = Detection(names, entropy(CACHE_KEY_BYTES), PrivacyPolicy())
    offers = ScriptedOffers([(row, ScriptedBackend(script)) for row, script in rows])
    node: Node

    def current_policy() -> Policy:
        return replace(node.policy, remaining=money.remaining(node.caps, now()))

    affinity = Affinity(entropy(KEY_BYTES))
    judgement = Judgement(detection, offers, current_policy, lambda: node.output_tokens_default, now, affinity)  # type: ignore[arg-type]
    lasting = LastingVaults(Conversations(store, store.path.with_name("conversations.key"), now, entropy))
    pipeline = Pipeline(judgement, detection, money, lambda: node.caps, Receipts(store, now), now, entropy, lasting)
    node = Node(store, money, pipeline, offers, names)
    if policy is not None:
        node.policy = policy
    return node


_draws = itertools.count(1)


def entropy(size: int) -> bytes:
    """Never the same twice in one run of the tests."""
    return next(_draws).to_bytes(4, "big") + bytes(size - 4)


@contextmanager
def a_store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "island.db") as store:
        yield store


def order(*texts: str, model: str = "auto", **changes: object) -> Order:
    request: ChatRequest = changes.pop("request", None) or chat(*(texts or ("What is a lighthouse?",)))  # type: ignore[assignment]
    if model != "auto":
        request = request.with_body(model=model)
    return replace(Order(request, "a client"), **changes)  # type: ignore[arg-type]


__all__ = ["KnownNames", "a_store", "open_node", "order"]
