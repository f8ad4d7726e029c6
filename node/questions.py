"""What this core answers its peers over sync, and what it asks them: load, collections, grants; and of shares."""

import logging

import trio

from node.archipelago import Archipelago
from node.authority import Authority
from node.collections.holder import Collections
from node.collections.terms import CollectionId, Notice
from node.directory import CollectionDirectory
from node.mesh.port import MeshPort
from node.services import Services
from node.shares import Shares
from protocol.errors import EncodingError, IslandRunError, LinkError, MembershipError, PeerError, RecordError
from protocol.keys import IslandId
from protocol.members import Member, tier_for
from protocol.questions import (
    CollectionName,
    CollectionsAnswer,
    CollectionsQuestion,
    GrantAnswer,
    GrantQuestion,
    LoadAnswer,
    LoadQuestion,
    ModelLoad,
    decode_answer,
    decode_question,
    encode_answer,
    encode_question,
)
from protocol.records import OFFERS_MAX

ASK_S = 5.0
GRANTS_PER_HOLDER_MAX = 64  # of one holder in one start of a signer: more is a holder gone bad

log = logging.getLogger("islandrun.questions")

REFUSED = b""


class Questions:
    """Both directions. One a node."""

    def __init__(
        self,
        archipelago: Archipelago,
        authority: Authority,
        services: Services,
        collections: Collections,
        directory: CollectionDirectory,
        mesh: MeshPort,
        shares: Shares | None = None,
    ) -> None:
        self._archipelago = archipelago
        self._authority = authority
        self._services = services
        self._collections = collections
        self._directory = directory
        self._mesh = mesh
        self._shares = shares
        self._granted: dict[IslandId, int] = {}

    async def answer(self, peer: IslandId, question: bytes) -> bytes:
        """The answer for a live member; b"" refuses. Never raises for a peer's fault."""
        asker = self._archipelago.member(peer)
        if asker is None:
            return REFUSED
        try:
            asked = decode_question(question)
            match asked:
                case LoadQuestion():
                    return encode_answer(LoadAnswer(await self._loads()))
                case CollectionsQuestion():
                    return encode_answer(CollectionsAnswer(await self._visible(asker)))
                case GrantQuestion(collection, person):
                    return encode_answer(GrantAnswer(await self._grant_for(asker, collection, person)))
            said = None if self._shares is None else await self._shares.answer(asker, asked)
            return REFUSED if said is None else encode_answer(said)
        except IslandRunError as error:  # a peer's fault, or a signer that cannot sign: no reason to end the node
            log.warning("question_refused", extra={"peer": peer, "why": str(error)})
        return REFUSED

    async def learn_collections(self, holder: IslandId) -> None:
        """Asks a holder which of its collections this island may ask. What cannot be learnt is not there."""
        try:
            said = decode_answer(await self._mesh.ask(holder, encode_question(CollectionsQuestion()), ASK_S))
        except (LinkError, PeerError, EncodingError, RecordError) as error:
            log.info("collections_not_learnt", extra={"peer": holder, "why": str(error)})
            return
        if isinstance(said, CollectionsAnswer):
            self._directory.told(
                holder, [Notice(CollectionId(one.id), one.name, one.label, one.digest) for one in said.collections]
            )

    async def grant(self, collection: bytes, person: str) -> int:
        """Lets a person's islands ask a collection held here: signed here, or by a signer that can be reached.

        Returns how many islands got a new certificate. Raises MembershipError.
        """
        if self._authority.is_signer:
            return await self._grant(self._archipelago.island, collection, person)
        question = encode_question(GrantQuestion(collection, person))
        for member in self._archipelago.members():
            if member.signer and member.island in self._mesh.peers:
                try:
                    said = decode_answer(await self._mesh.ask(member.island, question, ASK_S))
                except (LinkError, PeerError) as error:
                    log.info("grant_not_signed", extra={"peer": member.island, "why": str(error)})
                    continue
                if isinstance(said, GrantAnswer) and said.islands is not None:
                    return said.islands
        raise MembershipError("signer", "no device that signs for this archipelago could be reached, or none agreed")

    async def _grant_for(self, holder: Member, collection: bytes, person: str) -> int | None:
        granted = self._granted.get(holder.island, 0)
        if not self._authority.is_signer or granted >= GRANTS_PER_HOLDER_MAX:
            return None
        self._granted[holder.island] = granted + 1
        return await self._grant(holder.island, collection, person)

    async def _grant(self, holder: IslandId, collection: bytes, person: str) -> int:
        entries = await self._authority.grant(holder, collection, person)
        for raw in entries:
            await self._mesh.publish(raw)
        return len(entries)

    async def _loads(self) -> tuple[ModelLoad, ...]:
        loads = []
        for own in (await self._services.servable())[:OFFERS_MAX]:
            load = own.backend.load()
            loads.append(ModelLoad(own.model.name, max(0, load.slots - load.busy), load.queued))
        return tuple(loads)

    async def _visible(self, asker: Member) -> tuple[CollectionName, ...]:
        tier = tier_for(self._archipelago.me(), asker)
        notices = await trio.to_thread.run_sync(lambda: self._collections.visible_to(asker, tier))
        return tuple(CollectionName(one.id, one.name, one.label, one.digest) for one in notices)
