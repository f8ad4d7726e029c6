"""The ports between the pipeline and what answers, moves bytes or looks at text. Shells implement them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from protocol.answers import AnswerEvent
from protocol.chat import ChatRequest
from protocol.keys import IslandId
from protocol.terms import NanoUsd

Emit = Callable[[AnswerEvent], Awaitable[None]]


class Origin(StrEnum):
    """Where a model's computation happens, as far as this node has been shown; what cannot be told is `remote`."""

    EMBEDDED = "embedded"  # in a worker of this node
    LOOPBACK = "loopback"  # a server on loopback shown to run this model itself
    CONFIGURED = "configured"  # the owner's configuration names its tier
    REMOTE = "remote"  # a forwarded model, a server elsewhere, a provider, or unknown


@dataclass(frozen=True, slots=True)
class BackendModel:
    """One model of one backend, as found."""

    name: str
    origin: Origin
    context_tokens: int
    input_price: NanoUsd | None  # per million tokens; None: unknown; 0: unpaid
    output_price: NanoUsd | None
    slots: int = 1
    quality: float | None = None  # 0 to 1, as its owner says; None: by its name (node/agents/quality.py)
    tools: bool = True  # takes tool definitions
    embeds: bool = False  # gives vectors, and answers to nothing
    cached_input_price: NanoUsd | None = None  # of prompt tokens that it had read before; None: like the others


@dataclass(frozen=True, slots=True)
class Embed:
    """Vectors are asked for, of the texts of a request's messages (node/vectors.py), and no answer."""

    dimensions: int | None = None  # how long they are to be; None: as the model makes them


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at one model."""

    request_id: bytes  # 16 bytes
    model: str
    request: ChatRequest  # as this backend may see it: sanitised where it must be
    max_output_tokens: int  # always bounded before it gets here
    collection: bytes | None = None  # the random id of the collection to answer from
    embed: Embed | None = None


class Backend(Protocol):
    """Something that answers chat completions, or gives vectors: to each only calls for the models that it lists so."""

    name: str

    async def models(self) -> Sequence[BackendModel]:
        """What it serves now; empty when it cannot be reached."""

    async def answer(self, call: Call, emit: Emit) -> None:
        """Emits Deltas and one Finished, or raises BackendError. Cancelled: the computation behind it stops."""


class PeerStream(Protocol):
    """One libp2p stream to an authenticated member, through the mesh process."""

    peer: IslandId

    async def send(self, data: bytes) -> None:
        """Raises LinkError when the peer or the mesh is gone."""

    async def receive(self) -> bytes:
        """The next bytes; b"" at the peer's end. Raises LinkError on a reset."""

    async def close(self) -> None:
        """Half-close: no more from here."""

    async def reset(self) -> None:
        """Ends both ways at once; never raises."""
