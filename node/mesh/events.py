"""What the mesh tells the core, as the core's rooms see it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocol.keys import IslandId

if TYPE_CHECKING:
    from node.mesh.life import LinkStream


@dataclass(frozen=True, slots=True)
class MeshSetup:
    """All that a mesh process needs. Asked for at every start of one."""

    seed: bytes  # of the identity
    listen: tuple[str, ...]  # endpoints, such as 0.0.0.0:4754
    genesis: bytes | None = None  # None: not enrolled; the mesh then only hears of pairing windows
    entries: tuple[bytes, ...] = ()
    statement: bytes | None = None  # the own one
    interfaces: tuple[str, ...] | None = None  # by name or address; None: all that are up, but loopback
    addresses: Mapping[IslandId, Sequence[str]] = field(default_factory=dict)  # of members, authenticated before


@dataclass(frozen=True, slots=True)
class MeshReady:
    """The mesh listens on these endpoints."""

    listening: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MeshGone:
    """The mesh process ended or could not start; every peer is down. It is started again."""

    problem: str


@dataclass(frozen=True, slots=True)
class RecordBelieved:
    """The mesh believed this signed record. Verify it again before keeping it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class MemberUp:
    """A member's greeting held; these addresses proved to be its own, and are worth keeping."""

    island: IslandId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberDown:
    island: IslandId


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """`state` is alive, suspect or dead."""

    island: IslandId
    state: str


@dataclass(frozen=True, slots=True)
class StatementNeeded:
    """Sign and publish another statement."""


@dataclass(frozen=True, slots=True)
class IncomingStream:
    """A member opened an infer stream. The handler owns it."""

    stream: "LinkStream"


@dataclass(frozen=True, slots=True)
class IncomingQuestion:
    """`reply` is to be awaited once; b"" refuses."""

    peer: IslandId
    question: bytes
    reply: Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class WindowStream:
    """Somebody opened an enrol stream to the open pairing window. `stream.peer` is the joiner's throw-away id."""

    stream: "LinkStream"


@dataclass(frozen=True, slots=True)
class WindowHeard:
    """A pairing window is announced on the network."""

    host: IslandId


@dataclass(frozen=True, slots=True)
class MeshAlarm:
    code: str
    island: IslandId | None
    detail: str


@dataclass(frozen=True, slots=True)
class MeshCounts:
    connections: int
    rumours: int
    faults: int
    refused: int


MeshEvent = (
    MeshReady
    | MeshGone
    | RecordBelieved
    | MemberUp
    | MemberDown
    | MemberHealth
    | StatementNeeded
    | IncomingStream
    | IncomingQuestion
    | WindowStream
    | WindowHeard
    | MeshAlarm
    | MeshCounts
)
OnEvent = Callable[[MeshEvent], Awaitable[None]]
"""Called with one event at a time, in order. It must not wait for a peer: start a task for that."""
