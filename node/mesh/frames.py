"""The link between core and mesh, word by word. Each message is a dataclass; its frame's kind is the class's name.

Streams are numbered by whoever opens them: the core's numbers are even, the mesh's odd. Questions likewise.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from node.link import Field, Frame, Link
from protocol.errors import LinkError

DATA_BYTES = 256 * 1024  # of one Data frame; more is cut into several
WINDOW_PLACES_MAX = 8
UNREAD_BYTES_MAX = 8 * 1024 * 1024  # of one stream, in either process; an envelope's credits are far below

M = TypeVar("M", bound="Message")


@dataclass(frozen=True, slots=True)
class Message:
    """One word of the link."""

    def fields(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @classmethod
    def parse(cls: type[M], frame: Frame) -> M:
        """Raises LinkError that names what is missing or of the wrong type."""
        hints = typing.get_type_hints(cls)
        return cls(**{name: _typed(frame, name, hint) for name, hint in hints.items()})


# --- both ways


@dataclass(frozen=True, slots=True)
class Data(Message):
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class End(Message):
    """Half-close: no more data this way."""

    stream: int


@dataclass(frozen=True, slots=True)
class Reset(Message):
    """Both ways are over. The last word about a stream."""

    stream: int


# --- core to mesh


@dataclass(frozen=True, slots=True)
class Setup(Message):
    """The first word. Without a genesis the mesh only listens for pairing windows."""

    seed: bytes
    genesis: bytes | None
    entries: tuple[bytes, ...]
    statement: bytes | None
    listen: tuple[str, ...]
    interfaces: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Remember(Message):
    """Where a member was authenticated before."""

    island: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Publish(Message):
    """An own statement, or a new entry of the log: believed here, and told to the others."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class Open(Message):
    """Open an infer stream to a member. Answered by Opened or Reset."""

    stream: int
    island: str
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Ask(Message):
    """Answered by Answered or Unanswered, with the same number."""

    number: int
    island: str
    question: bytes
    deadline_ms: int


@dataclass(frozen=True, slots=True)
class Reply(Message):
    """To Asked. An empty answer refuses."""

    number: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class OpenWindow(Message):
    """Open a pairing window: a host of its own, with this fresh seed. Answered by WindowOpened or WindowClosed."""

    seed: bytes


@dataclass(frozen=True, slots=True)
class CloseWindow(Message):
    """Also said by the mesh's silence: a mesh that starts again has no window."""


@dataclass(frozen=True, slots=True)
class Join(Message):
    """Open an enrol stream to this window, dialled by a host with this fresh seed. Answered by Opened or Reset."""

    stream: int
    seed: bytes
    window: str
    deadline_ms: int


# --- mesh to core


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """Listening on these; everything in Setup has been believed or refused."""

    listening: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """The mesh cannot start as it was set up, such as a port in use."""

    problem: str


@dataclass(frozen=True, slots=True)
class Believed(Message):
    """A record that this mesh's machines believed: the core verifies it again and keeps it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class PeerUp(Message):
    """A member's greeting held. The addresses proved to be its own."""

    island: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeerDown(Message):
    """No connection to the member is left."""

    island: str


@dataclass(frozen=True, slots=True)
class Health(Message):
    """What the failure detector thinks of a member: alive, suspect or dead."""

    island: str
    state: str


@dataclass(frozen=True, slots=True)
class NeedStatement(Message):
    """The own statement is at half its life, or somebody holds a newer one of this node: sign another."""


@dataclass(frozen=True, slots=True)
class Incoming(Message):
    """A member opened an infer stream to this node."""

    stream: int
    island: str


@dataclass(frozen=True, slots=True)
class Opened(Message):
    stream: int


@dataclass(frozen=True, slots=True)
class Asked(Message):
    """A member asks. Answered by Reply."""

    number: int
    island: str
    question: bytes


@dataclass(frozen=True, slots=True)
class Answered(Message):
    number: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class Unanswered(Message):
    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class WindowOpened(Message):
    """The window's own host id, from which its number follows."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class WindowClosed(Message):
    problem: str


@dataclass(frozen=True, slots=True)
class WindowIncoming(Message):
    """Somebody opened an enrol stream to the window."""

    stream: int
    joiner: str


@dataclass(frozen=True, slots=True)
class WindowHeard(Message):
    """A rumour of somebody's pairing window; each host once."""

    host: str


@dataclass(frozen=True, slots=True)
class Alarm(Message):
    """Something the owner should know: a fork, an equivocation, a flood. `island` may be empty."""

    code: str
    island: str
    detail: str


@dataclass(frozen=True, slots=True)
class Counts(Message):
    """For the status of the node; told every few seconds when something changed."""

    connections: int
    rumours: int
    faults: int
    refused: int


TO_MESH: Sequence[type[Message]] = (
    Data,
    End,
    Reset,
    Setup,
    Remember,
    Publish,
    Open,
    Ask,
    Reply,
    OpenWindow,
    CloseWindow,
    Join,
)
TO_CORE: Sequence[type[Message]] = (
    Data,
    End,
    Reset,
    Ready,
    Failed,
    Believed,
    PeerUp,
    PeerDown,
    Health,
    NeedStatement,
    Incoming,
    Opened,
    Asked,
    Answered,
    Unanswered,
    WindowOpened,
    WindowClosed,
    WindowIncoming,
    WindowHeard,
    Alarm,
    Counts,
)


class MessageLink:
    """A link that speaks one vocabulary in."""

    def __init__(self, link: Link, understood: Sequence[type[Message]]) -> None:
        self._link = link
        self._understood: Mapping[str, type[Message]] = {kind.__name__: kind for kind in understood}

    async def send(self, message: Message) -> None:
        """Raises LinkError."""
        await self._link.send(type(message).__name__, **message.fields())

    async def send_data(self, stream: int, data: bytes) -> None:
        """Raises LinkError."""
        for start in range(0, len(data), DATA_BYTES):
            await self.send(Data(stream, data[start : start + DATA_BYTES]))

    async def close(self) -> None:
        await self._link.aclose()

    async def receive(self) -> Message:
        """Raises LinkError, for a word that is not understood too."""
        frame = await self._link.receive()
        kind = self._understood.get(frame.kind)
        if kind is None:
            raise LinkError(f"{frame.kind[:40]}: not a word of this link")
        return kind.parse(frame)


def _typed(frame: Frame, name: str, hint: object) -> Field | tuple[Field, ...]:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    value = frame.fields.get(name)
    for option in options:
        if option is types.NoneType and name in frame.fields and value is None:
            return None
        if isinstance(option, type) and not typing.get_args(option) and type(value) is option:
            return value
        if typing.get_origin(option) is tuple and isinstance(value, list):
            (item, _) = typing.get_args(option)
            if all(type(one) is item for one in value):
                return tuple(value)
    raise LinkError(f"{frame.kind}.{name}: expected {hint}, not {type(value).__name__}")
