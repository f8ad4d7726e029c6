"""What dissemination tells its shell to do. Source: specs/07-dissemination.md, section 1."""

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from protocol.failure import Alive, Dead, Suspect
from protocol.keys import IslandId
from protocol.terms import Now

ALARM_INTERVAL_MS: Final = 60_000  # of one kind about one island
ALARMS_MAX: Final = 1_024


class AlarmKind(StrEnum):
    """What the owner should hear of; stable, for events and metrics."""

    FORK = "fork"  # a signer wrote two entries with one number
    EQUIVOCATION = "equivocation"  # an island signed two statements with one number
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    FLOOD = "flood"
    FULL = "full"
    SELF_REMOVED = "self_removed"


class DropReason(StrEnum):
    NOT_A_MEMBER = "not_a_member"
    OWN_CERTIFICATE = "own_certificate"
    MALFORMED = "malformed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True, repr=False)
class Gossip:
    """Publish on the archipelago's topic."""

    data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SendSync:
    peer: IslandId
    data: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Believed:
    """A record that is new here: hand it to the core, which verifies it again and keeps it."""

    raw: bytes


@dataclass(frozen=True, slots=True)
class NeedStatement:
    """The core should sign a new statement and `publish` it."""


@dataclass(frozen=True, slots=True)
class Alarm:
    kind: AlarmKind
    island: IslandId
    detail: str


@dataclass(frozen=True, slots=True)
class CloseSession:
    peer: IslandId
    reason: DropReason


@dataclass(frozen=True, slots=True, repr=False)
class Questioned:
    """A live member asks the core; `answer` takes what the core says."""

    peer: IslandId
    id: int
    content: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Answered:
    """The answer to what `ask` gave this id."""

    peer: IslandId
    id: int
    content: bytes


Action: TypeAlias = (
    Gossip | SendSync | Believed | Alive | Suspect | Dead | NeedStatement | Alarm | CloseSession | Questioned | Answered
)


class Alarms:
    """Lets each kind of alarm about each island through once in a while: an attacker must not fill the owner's log."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[AlarmKind, IslandId], int] = OrderedDict()

    def rings(self, kind: AlarmKind, island: IslandId, now: Now) -> bool:
        last_ms = self._last.get((kind, island))
        if last_ms is not None and now.mono_ms < last_ms + ALARM_INTERVAL_MS:
            return False
        self._last[kind, island] = now.mono_ms
        self._last.move_to_end((kind, island))
        while len(self._last) > ALARMS_MAX:
            self._last.popitem(last=False)
        return True
