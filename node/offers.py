"""The offers known at a moment: this node's own, its providers', and what live members state. One table a request."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import trio

from node.agents.believed import offer_of_member
from node.agents.quality import prior
from node.agents.request import ModelSelector
from node.agents.table import Offer, OfferTable
from node.agents.tier import distance, effective_tier
from node.archipelago import Archipelago
from node.collections.holder import Collections
from node.directory import CollectionDirectory, KnownCollection
from node.local_answers import LocalBackend
from node.passages import Holder, held_by, held_here
from node.peers import Peer, Peers
from node.ports import Backend
from node.sensors import DeviceState
from node.services import OwnOffer, Services
from protocol.errors import MembershipError
from protocol.keys import IslandId
from protocol.members import Member, tier_for
from protocol.records import ModelOffer
from protocol.terms import NanoUsd, Tier

log = logging.getLogger("islandrun.offers")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one request is decided on: the table, who stands behind each row, and the collections that may be asked."""

    table: OfferTable
    backends: Mapping[str, Backend]
    collections: Sequence[KnownCollection]
    islands: frozenset[str] = frozenset()  # the names of those that are known, whether they offer anything now or not
    problem: str = ""  # why there is nothing here, where that is known

    def backend(self, offer: str) -> Backend:
        return self.backends[offer]

    def knows(self, selector: ModelSelector) -> bool:
        """Whether a client's `MODEL` or `ISLAND/MODEL` names anything here."""
        return bool(selector.matches(self.table).any())

    def collection(self, name: str) -> KnownCollection | None:
        return next((one for one in self.collections if one.name == name), None)


class Offers:
    """Surveys. One a node."""

    def __init__(
        self,
        archipelago: Archipelago,
        services: Services,
        peers: Peers,
        directory: CollectionDirectory,
        collections: Collections,
        device: Callable[[], DeviceState],
        remaining_for: Callable[[str], NanoUsd | None] = lambda provider: None,
        share_away: Callable[[], bool] = lambda: False,
    ) -> None:
        """`remaining_for`: what caps and leases leave for a provider; None: nothing bounds it. `share_away`: whether
        more of the owner's cap could be leased but for its holder, which cannot be reached."""
        self._archipelago = archipelago
        self._services = services
        self._peers = peers
        self._directory = directory
        self._collections = collections
        self._device = device
        self._remaining_for = remaining_for
        self._share_away = share_away

    async def survey(self) -> Survey:
        """Asks the candidates for their load where what is known is older than it is good for."""
        try:
            me = self._archipelago.me()
        except MembershipError as error:
            log.warning("not_a_member", extra={"why": str(error)})
            return Survey(OfferTable.of(()), {}, (), problem=str(error))
        known = self._collections_known(me)
        rows: dict[str, tuple[Offer, Backend]] = {}
        for own in await self._services.offers():
            offer = self._own(own, me, _held_by(me.island, known))
            self._add(rows, offer, LocalBackend(own.backend, self._collections))
        for peer in await self._peers.candidates():
            held = _held_by(peer.member.island, known)
            for stated in peer.statement.offers:
                self._add(rows, self._peers_offer(peer, stated, me, held), peer.backend)
        table = OfferTable.of([offer for offer, _ in rows.values()])
        islands = self._archipelago.names() | self._services.provider_names
        return Survey(table, {name: backend for name, (_, backend) in rows.items()}, known, islands)

    def holder(self, known: KnownCollection) -> Holder | None:
        """Who is asked for passages of it; None: nobody any more."""
        try:
            me = self._archipelago.me()
        except MembershipError:
            return None
        if known.holder == me.island:
            return held_here(known, me.name, self._collections)
        member = self._archipelago.member(known.holder)
        if member is None:
            return None
        fresh, alive = self._peers.is_fresh(member.island), self._peers.is_up(member.island)
        passages = self._peers.backend(member).passages
        return held_by(known, member, me, passages, fresh=fresh, alive=alive, metered=self._device().metered)

    def _collections_known(self, me: Member) -> Sequence[KnownCollection]:
        """Those of live members, nearest first: a name that several use is the nearest one's."""
        tiers = {member.island: tier_for(me, member) for member in self._archipelago.members()}
        return sorted(
            (one for one in self._directory.known() if one.holder in tiers),
            key=lambda one: (one.holder != me.island, tiers[one.holder]),
        )

    def _add(self, rows: dict[str, tuple[Offer, Backend]], offer: Offer, backend: Backend) -> None:
        """The first of a name stays: the embedded model before a server that calls its own the same."""
        rows.setdefault(offer.name, (offer, backend))

    def _own(self, own: OwnOffer, me: Member, held: frozenset[bytes]) -> Offer:
        provider = own.provider
        tier = effective_tier(
            person=None if provider else me.person,
            asker=me.person,
            ceiling=me.ceiling,
            asker_ceiling=me.ceiling,
            origin=own.model.origin,
            configured=own.configured,
        )
        load, seen = own.backend.load(), own.backend.measured(own.model.name)
        here, device = tier is not Tier.CLOUD, self._device()
        return Offer(
            island=provider or me.name,
            island_id="" if provider else me.island,
            model=own.model.name,
            backend=own.backend.name,
            tier=tier,
            own=provider is None,
            origin=own.model.origin,
            distance=distance(tier, here=here, own=provider is None),
            context_tokens=own.model.context_tokens,
            tools=own.model.tools,
            slots=own.model.slots,
            free=max(0, load.slots - load.busy),
            queue=load.queued,
            input_price=own.model.input_price,
            output_price=own.model.output_price,
            cached_input_price=own.model.cached_input_price,
            member_live=True,
            fresh=True,
            alive=load.slots > 0,
            jurisdiction=own.jurisdiction,
            provider=provider or "",
            share_away=provider is not None and self._share_away(),
            paid_remaining=None if provider is None else self._remaining_for(provider),
            collections=held if own.servable or tier is Tier.PERSONAL else frozenset(),  # data stays on its island
            retention_days=own.retention_days,
            trains=own.trains,
            battery=device.battery if here else None,
            charging=here and device.charging,
            metered=device.metered and not here,
            owner_active=here and device.owner_active,
            hot=here and device.hot,
            quality=prior(own.model.name) if own.model.quality is None else own.model.quality,
            embeds=own.model.embeds,
            **seen.expected(trio.current_time(), own.claim)._asdict(),
        )

    def _peers_offer(self, peer: Peer, stated: ModelOffer, me: Member, held: frozenset[bytes]) -> Offer:
        load = peer.load(stated)
        return offer_of_member(
            peer.member,
            me,
            peer.statement,
            stated,
            free=max(0, load.slots - load.busy),
            queue=load.queued,
            seen=peer.backend.measured(stated.model),
            now_s=trio.current_time(),
            metered=self._device().metered,
            alive=peer.alive,
            collections=held,
        )


def _held_by(island: IslandId, known: Sequence[KnownCollection]) -> frozenset[bytes]:
    return frozenset(one.id for one in known if one.holder == island)
