"""The live members that can be asked now, what they state, and how busy they say they are."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from node.archipelago import Archipelago
from node.backends.measured import Load
from node.backends.peer import PeerBackend, Recipient
from node.mesh.port import MeshPort
from protocol.errors import LinkError, PeerError
from protocol.keys import IslandId
from protocol.members import Member
from protocol.questions import (
    LOAD_GOOD_MS,
    LoadAnswer,
    LoadQuestion,
    ModelLoad,
    decode_answer,
    encode_question,
)
from protocol.records import CapabilityStatement, ModelOffer
from protocol.terms import Now

ASK_S = 0.3  # an island that cannot say within this how busy it is counts as busy
ALIVE = "alive"
DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Peer:
    """A live member with a fresh statement."""

    member: Member
    statement: CapabilityStatement
    backend: PeerBackend
    alive: bool
    loads: LoadAnswer | None  # None: it did not say
    said_ms: int = 0  # when it did

    def load(self, offer: ModelOffer) -> Load:
        """Slots, busy and queued for one of its models; full where it did not say.

        What was sent to it from here since then is added: else a burst would all go where one slot was free.
        """
        said = None if self.loads is None else _of(self.loads, offer.model)
        if said is None:
            return Load(offer.slots, offer.slots, 0)
        sent = self.backend.asked_since(offer.model, self.said_ms)
        free = min(said.free_slots, offer.slots) - sent
        return Load(offer.slots, offer.slots - max(0, free), said.queued + max(0, -free))


@dataclass(frozen=True, slots=True)
class _Asked:
    at_ms: int
    answer: LoadAnswer | None


class Peers:
    """Keeps one backend for each peer, and load answers for as long as they are good. One a node."""

    def __init__(self, archipelago: Archipelago, mesh: MeshPort, clock: Callable[[], Now]) -> None:
        self._archipelago = archipelago
        self._mesh = mesh
        self._clock = clock
        self._backends: dict[IslandId, PeerBackend] = {}
        self._asked: dict[IslandId, _Asked] = {}
        self._health: dict[IslandId, str] = {}
        self._seen_ms: dict[IslandId, int] = {}

    def health(self, island: IslandId, state: str) -> None:
        """What the failure detector says."""
        self._health[island] = state
        if state == ALIVE:
            self._seen_ms[island] = self._clock().mono_ms

    def up(self, island: IslandId) -> None:
        self.health(island, ALIVE)

    def down(self, island: IslandId) -> None:
        self._seen_ms[island] = self._clock().mono_ms
        self._health.pop(island, None)
        self._asked.pop(island, None)

    def is_up(self, island: IslandId) -> bool:
        """A suspect is up: a device whose cores all decode tokens is slow to answer, not dead."""
        return island in self._mesh.peers and self._health.get(island) != DEAD

    def is_fresh(self, island: IslandId) -> bool:
        """Whether a statement of it is believed now: without one nothing can be sealed for it."""
        return self._archipelago.registry.statement(island, self._clock()) is not None

    def last_seen_s(self, island: IslandId) -> int | None:
        """Seconds ago; None: never in this start."""
        seen_ms = self._seen_ms.get(island)
        if self.is_up(island):
            return 0
        return None if seen_ms is None else (self._clock().mono_ms - seen_ms) // 1_000

    async def candidates(self) -> Sequence[Peer]:
        """Every live member but this one that states offers. Those that are up are asked how busy they are, at once."""
        now = self._clock()
        found = []
        for member in self._archipelago.members():
            statement = self._archipelago.registry.statement(member.island, now)
            if member.island != self._archipelago.island and statement is not None and statement.offers:
                found.append((member, statement))
        await self._ask([member.island for member, _ in found if self.is_up(member.island)])
        return tuple(
            Peer(
                member,
                statement,
                self.backend(member),
                self.is_up(member.island),
                self._known(member.island),
                self._asked[member.island].at_ms if member.island in self._asked else 0,
            )
            for member, statement in found
        )

    def said(self, island: IslandId) -> LoadAnswer | None:
        """The last answer of an island, good or not."""
        asked = self._asked.get(island)
        return None if asked is None else asked.answer

    async def _ask(self, islands: Sequence[IslandId]) -> None:
        now_ms = self._clock().mono_ms
        old = [one for one in islands if one not in self._asked or now_ms - self._asked[one].at_ms >= LOAD_GOOD_MS]
        if not old:
            return
        async with trio.open_nursery() as nursery:
            for island in old:
                nursery.start_soon(self._ask_one, island)

    async def _ask_one(self, island: IslandId) -> None:
        answer: LoadAnswer | None = None
        try:
            said = decode_answer(await self._mesh.ask(island, encode_question(LoadQuestion()), ASK_S))
            answer = said if isinstance(said, LoadAnswer) else None
        except (LinkError, PeerError):
            answer = None  # an island that does not say counts as full, not as refused
        self._asked[island] = _Asked(self._clock().mono_ms, answer)

    def _known(self, island: IslandId) -> LoadAnswer | None:
        asked = self._asked.get(island)
        if asked is None or self._clock().mono_ms - asked.at_ms >= LOAD_GOOD_MS:
            return None
        return asked.answer

    def backend(self, member: Member) -> PeerBackend:
        """The way to ask it, whether it offers anything or not."""
        backend = self._backends.get(member.island)
        if backend is None:
            keys = self._archipelago.keys
            backend = self._backends[member.island] = PeerBackend(
                name=member.island,
                own_public=keys.signing.public,
                own_static=keys.sealing,
                recipient=lambda: self._recipient(member.island),
                open_stream=self._mesh.open_stream,
                clock=self._clock,
                entropy=os.urandom,
            )
        return backend

    def _recipient(self, island: IslandId) -> Recipient | None:
        """Asked anew for every request: a member revoked a moment ago gets nothing."""
        member = self._archipelago.member(island)
        statement = self._archipelago.registry.statement(island, self._clock())
        if member is None or statement is None:
            return None
        return Recipient(island, member.public, member.sealing, statement.prekey)


def _of(answer: LoadAnswer, model: str) -> ModelLoad | None:
    return next((load for load in answer.models if load.model == model), None)
