"""What the HTTP edge asks of the node: to run a request, and to manage."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

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

    async def data_add(self, name: str, path: str, label: Sensitivity) -> object: ...

    async def data_grant(self, name: str, person: str) -> object: ...

    async def data_remove(self, name: str) -> object: ...

    async def reload(self) -> object:
        """Reads the configuration again, whole or not at all. Raises ConfigError."""
