"""What the HTTP edge asks of the node: to run a request, and to manage."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.ports import Embed
from protocol.answers import AnswerEvent
from protocol.chat import ChatRequest
from protocol.terms import NanoUsd, Sensitivity, Tier


@dataclass(frozen=True, slots=True)
class Order:
    """A client's request with what its headers ask for. The headers can only tighten the owner's policy."""

    request: ChatRequest
    key_name: str
    max_tier: Tier | None = None
    max_cost: NanoUsd | None = None
    policy: str | None = None  # a policy's name, to intersect with the configured one
    conversation: str | None = None  # names a lasting conversation
    idempotency_key: str | None = None
    embed: Embed | None = None  # vectors of its messages are asked for, and no answer
    previous: str | None = None  # the stored response whose history the request begins with
    stored: bool = False  # whether a later request may go on from its answer; its id is `response_id`
    at_least: Sensitivity = Sensitivity.PUBLIC  # of that history, whatever is found in it: a collection's label
    collection: str | None = None  # the name of the one that is to answer, where it is named beside the model

    @property
    def content(self) -> bytes:
        """What the same order is recognised by: all that its body said."""
        body = self.request.to_json()
        return body if self.collection is None else body + b"\0" + self.collection.encode()


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers an order, for the headers of the answer."""

    decision_id: str
    island: str
    tier: Tier
    sanitized: bool
    sensitivity: Sensitivity
    model: str
    cost_nano_usd: int  # what it is expected to cost at most; the ledger has what it did cost
    at_least: Sensitivity = Sensitivity.PUBLIC  # of the answer, whatever is found in it


def response_id(decision_id: str) -> str:
    """Under which the answer to an order is stored."""
    return f"resp_{decision_id}"


class Sink(Protocol):
    """Where an answer goes. Its methods wait while the client does not read."""

    def decided(self, decision_id: str) -> None:
        """As soon as the decision has an id: whatever comes then, an error too, tells it to the client."""

    async def started(self, route: Route) -> None:
        """Before the first event; again when another offer took over before it."""

    async def event(self, event: AnswerEvent) -> None: ...


class Execution(Protocol):
    """Runs one order from assessment to restored answer."""

    async def run(self, order: Order, sink: Sink) -> None:
        """Returns soon after `Finished` was taken: the client is told the end only then.

        Raises RequestError, RefusedError (nobody may answer; 404 and code `model_not_found` for an unknown model),
        BackendError (before the first event) or CutAnswerError (after it). Cancelled: everything behind it stops.
        """


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A response that a later request may go on from. Encrypted where it is kept."""

    told: Mapping[str, Any]  # as its client was told it
    history: tuple[Mapping[str, Any], ...]  # messages of a chat, the answer last; without the instructions
    at_least: Sensitivity
    conversation: str | None  # the lasting conversation it was made in


class StoredResponses(Protocol):
    """The responses of this node. Each belongs to the name of the API key that made it: another sees none of it."""

    def response(self, key_name: str, id: str) -> StoredResponse | None:
        """Raises StateError where it is damaged, or cannot be read for want of its key."""

    async def keep_response(self, key_name: str, id: str, response: StoredResponse) -> None:
        """Returns once it is on disk. Raises StateError."""

    async def remove_response(self, key_name: str, id: str) -> bool:
        """With its vault; False where there is none."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A name that `/v1/models` lists: `auto`, `MODEL` or `ISLAND/MODEL`."""

    id: str
    owned_by: str  # the island, or `islandrun` for a name that leaves the choice to the node
    created_s: int = 0  # Unix seconds; 0 where nobody knows
    context_tokens: int = 0  # the most that an offer of this name takes; 0 where nobody knows
    tools: bool = False  # an offer of this name takes tool definitions
    embeds: bool = False  # it gives vectors, and chats with nobody


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """Something that the owner may want to see: a peer came, an attack was refused, a decision fell. No prompt text."""

    id: int  # grows with each event of this start
    kind: str
    at_s: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """One Prometheus family. Labels hold names of ours only, never what a client sent."""

    name: str
    kind: str  # counter | gauge
    help: str
    samples: Sequence[tuple[Mapping[str, str], int | float]]


class Management(Protocol):
    """What the owner sees and does. Results are frozen dataclasses or mappings: see node/api/rendering.py."""

    async def status(self) -> object: ...

    async def islands(self) -> Sequence[object]: ...

    async def models(self) -> Sequence[ModelEntry]: ...

    async def metrics(self) -> Sequence[Metric]: ...

    async def explain(self, order: Order) -> object:
        """The decision for `order`, without sending anything. Raises RequestError."""

    async def ledger(self, limit: int) -> Sequence[object]:
        """The newest receipts first."""

    async def ledger_entry(self, decision_id: str) -> object | None: ...

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[NodeEvent]]:
        """What happens from now on. Bounded: a slow reader misses events, and the next one says how many."""

    async def pair_open(self, person: str, tier: Tier, signer: bool) -> object:
        """Opens the pairing window; the result has its code. Raises MembershipError, EnrolmentError."""

    async def pair_state(self) -> object: ...

    async def pair_cancel(self) -> object: ...

    async def pair_join(self, code: str, name: str) -> object:
        """Enrols this device through a window elsewhere. Raises EnrolmentError, MembershipError."""

    async def revoke(self, name: str) -> object:
        """Removes an island for good. Raises MembershipError."""

    async def data_list(self) -> Sequence[object]: ...

    async def data_add(
        self, name: str, path: str, label: Sensitivity, tell: Callable[[object], None] | None = None
    ) -> object:
        """`tell` hears a few times a second how far it is. Cancelled: what is indexed by then stays, and the next call
        goes on there. Raises StateError."""

    async def data_grant(self, name: str, person: str) -> object: ...

    async def data_remove(self, name: str) -> object: ...

    async def conversations(self) -> Sequence[object]:
        """What is kept of lasting conversations and stored responses: names, ages, sizes. Raises StateError."""

    async def conversation_remove(self, name: str, key_name: str | None) -> object:
        """For good; `key_name` where only that key's is meant. Raises HttpError (404) where there is none."""

    async def conversations_remove(self) -> object:
        """All of them, also where their key was lost."""

    async def reload(self) -> object:
        """Reads the configuration again, whole or not at all. Raises ConfigError."""
