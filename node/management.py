"""What the owner sees and does (`node.api.ports.Management`), put together from the node's parts."""

import importlib.metadata
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import trio

from node.agents.explain import report
from node.agents.request import ModelSelector, Selection
from node.api.ports import Metric, ModelEntry, NodeEvent, Order
from node.collections.terms import Progressed
from node.execution import REQUEST_ID_BYTES
from node.island import Island
from node.judgement import Tried
from node.offers import Survey
from node.passages import way
from node.store import ledger
from node.store.ledger import Receipt
from protocol.errors import HttpError, StateError
from protocol.members import Member, tier_for
from protocol.terms import NANO_USD_PER_USD, Sensitivity, Tier

OWNED_BY_NODE = "islandrun"


class Owner:
    """One a node."""

    def __init__(self, node: Island) -> None:
        self._node = node

    async def status(self) -> Mapping[str, Any]:
        node, now = self._node, self._node.clock()
        me = node.archipelago.membership.member(node.archipelago.island, now)
        spent, cap = node.money.spent_today(now), node.caps().day
        return {
            "name": me.name if me else None,
            "island_id": node.archipelago.island,
            "person": me.person if me else None,
            "tier": me.ceiling.label if me else None,
            "signer": bool(me and me.signer),
            "version": importlib.metadata.version("islandrun"),
            "api": str(node.config.api),
            "mesh": list(node.mesh.listening),
            "boot": node.archipelago.keys.boot,
            "uptime_s": (now.mono_ms - node.began.mono_ms) // 1_000,
            "archipelago": node.archipelago.membership.archipelago.hex(),
            "members": len(node.archipelago.members()),
            "peers_up": len(node.mesh.peers),
            "processes": [{"name": one.name, "pid": one.pid, "starts": one.starts} for one in node.children],
            "models": [own.model.name for own in await node.services.offers()],
            "names_ready": node.names.is_ready,
            "pairing": node.pairing.state().open,
            "spent_today_usd": _usd(spent),
            "cap_day_usd": None if cap is None else _usd(cap),
            "languages": sorted(node.detection.policy.languages),
            "warnings": node.warnings(),
        }

    async def islands(self) -> Sequence[Mapping[str, Any]]:
        """This one first, then the members by name, then the clouds that this node has keys for."""
        node = self._node
        me = node.archipelago.member(node.archipelago.island)
        rows = [] if me is None else [await self._own_row(me)]
        others = [member for member in node.archipelago.members() if member.island != node.archipelago.island]
        rows += [self._row(member) for member in sorted(others, key=lambda member: member.name)]
        providers: dict[str, list[str]] = {}
        for own in await node.services.offers():
            if own.provider is not None:
                providers.setdefault(own.provider, []).append(own.model.name)
        return rows + [_cloud_row(name, models) for name, models in providers.items()]

    async def models(self) -> Sequence[ModelEntry]:
        """`auto`, each collection that may be asked, each model, and each model of each island."""
        survey = await self._node.offers.survey()
        names = {"auto": OWNED_BY_NODE}
        names |= {f"auto@{one.name}": OWNED_BY_NODE for one in survey.collections}
        for offer in survey.table.offers:
            # One that is called `auto`, or as if it were another island's, has no name but with its own island's.
            if ModelSelector.parse(offer.model, survey.islands).kind is Selection.NAMED:
                names[offer.model] = OWNED_BY_NODE
        names |= {offer.name: offer.island for offer in survey.table.offers}
        return [_entry(name, owner, survey) for name, owner in names.items()]

    async def metrics(self) -> Sequence[Metric]:
        node = self._node
        counts = [({"kind": kind}, count) for kind, count in sorted(node.happenings.counts.items())]
        starts = [({"process": one.name}, one.starts) for one in node.children]
        return (
            Metric("islandrun_events_total", "counter", "What happened on this node.", counts),
            Metric("islandrun_process_starts_total", "counter", "Starts of each process.", starts),
            Metric("islandrun_peers_up", "gauge", "Members that are connected.", [({}, len(node.mesh.peers))]),
            Metric(
                "islandrun_peer_requests_total", "counter", "Requests served to peers.", [({}, node.serving.served)]
            ),
            Metric("islandrun_writes_lost_total", "counter", "Writes that failed.", [({}, node.store.health.lost)]),
        )

    async def explain(self, order: Order) -> Mapping[str, Any]:
        # With the name models in any case: whoever asks why wants to know it of every offer.
        request_id = os.urandom(REQUEST_ID_BYTES)
        kept = self._node.lasting.seen_by(order)
        judged = await self._node.judgement.judge(order, request_id, Tried(names=True), kept)
        reasons = [
            {
                "code": one.code,
                "part": one.part,
                "detail": one.detail,
                "level": one.level.label,
                "after": one.after.label,
            }
            for one in judged.assessed.reasons
        ]
        found = {**report(judged.decision), "sensitivity_reasons": reasons, "names_run": judged.assessed.names_run}
        if judged.asked.collection_name is not None:
            first = judged.at_holder or judged.decision
            found["collection"] = way(judged.asked, first, judged.holder, judged.may_not_read)
        if judged.decision.plan and judged.decision.plan[0].sanitize:
            best = judged.decision.plan[0].offer
            sanitized = self._node.detection.sanitize(order.request, judged.assessed, best.tier, kept)
            found["would_send"] = sanitized.request.body["messages"]
        return found

    async def ledger(self, limit: int) -> Sequence[Mapping[str, Any]]:
        rows = await self._node.store.read(lambda connection: ledger.latest(connection, limit))
        return [row.to_json() for row in rows]

    async def ledger_entry(self, decision_id: str) -> Mapping[str, Any] | None:
        """Written receipts only: waits for those that are on their way to the disk."""
        await self._node.store.flush()
        found: Receipt | None = await self._node.store.read(lambda c: ledger.show(c, decision_id))
        return None if found is None else found.to_json()

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[NodeEvent]]:
        return self._node.happenings.watch()

    async def pair_open(self, person: str, tier: Tier, signer: bool) -> Mapping[str, Any]:
        await self._node.pairing.open(person, tier, signer)
        return await self.pair_state()

    async def pair_state(self) -> Mapping[str, Any]:
        return self._node.pairing.state().to_json()

    async def pair_cancel(self) -> Mapping[str, Any]:
        await self._node.pairing.cancel()
        return await self.pair_state()

    async def pair_join(self, code: str, name: str) -> Mapping[str, Any]:
        me = await self._node.pairing.join(code, name)
        archipelago = self._node.archipelago.membership.archipelago.hex()
        return {"name": me.name, "person": me.person, "tier": me.ceiling.label, "archipelago": archipelago}

    async def revoke(self, name: str) -> Mapping[str, Any]:
        member = self._node.archipelago.named(name)
        await self._node.mesh.publish(await self._node.authority.revoke(member.island))
        self._node.happenings.tell("island_revoked", island=name)
        return {"revoked": name, "island_id": member.island}

    async def data_list(self) -> Sequence[Mapping[str, Any]]:
        held = await trio.to_thread.run_sync(self._node.collections.held)
        files: dict[bytes, int] = {one.notice.id: one.files for one in held}
        return [
            {
                "name": one.name,
                "label": one.label.label,
                "island": self._name(one.holder),
                "files": files.get(one.id),
                "granted": self._granted(one.id),
                "held": one.holder == self._node.archipelago.island,
            }
            for one in self._node.directory.known()
        ]

    async def data_add(
        self, name: str, path: str, label: Sensitivity, tell: Callable[[object], None] | None = None
    ) -> Mapping[str, Any]:
        def progress(progressed: Progressed) -> None:
            """Raises Cancelled where nobody waits any more."""
            trio.from_thread.check_cancelled()
            if tell is not None:
                trio.from_thread.run_sync(tell, progressed)

        collections = self._node.collections
        done = await trio.to_thread.run_sync(lambda: collections.add(name, Path(path), label, os.urandom, progress))
        await self._node.collections_changed()
        return {
            "name": name,
            "label": label.label,
            "read": done.read,
            "unchanged": done.unchanged,
            "removed": done.removed,
            "skipped": dict(done.skipped),
            "not_read": [{"file": one.file, "why": one.why} for one in done.not_read],
            "bytes_read": done.bytes_read,
        }

    async def data_grant(self, name: str, person: str) -> Mapping[str, Any]:
        grant = await trio.to_thread.run_sync(lambda: self._node.collections.grant(name, person))
        islands = await self._node.questions.grant(grant.collection, grant.person)
        return {"name": name, "person": person, "islands": islands}

    async def data_remove(self, name: str) -> Mapping[str, Any]:
        if not await trio.to_thread.run_sync(lambda: self._node.collections.remove(name)):
            raise StateError(f"no collection {name} is held here: `islandrun data list` names those that are")
        await self._node.collections_changed()
        return {"removed": name}

    async def conversations(self) -> Sequence[Mapping[str, Any]]:
        now_s = self._node.clock().wall_s
        return [
            {
                "name": one.name,
                "kind": one.kind.value,
                "key": one.key_name,
                "made_s": one.made_wall_s,
                "used_s": one.used_wall_s,
                "expires_s": one.used_wall_s + self._node.conversations.bounds.age_s,
                "age_s": max(0, now_s - one.made_wall_s),
                "bytes": one.bytes,
                "damaged": one.name is None,
            }
            for one in await self._node.lasting.kept()
        ]

    async def conversation_remove(self, name: str, key_name: str | None) -> Mapping[str, Any]:
        removed = await self._node.lasting.remove(name, key_name)
        if not removed:
            raise HttpError(404, "conversation_not_found", "none of this name: GET /api/conversations lists them")
        return {"removed": removed}

    async def conversations_remove(self) -> Mapping[str, Any]:
        return {"removed": await self._node.lasting.remove_all()}

    async def reload(self) -> Mapping[str, Any]:
        await self._node.reload()
        return {"reloaded": True}

    async def _own_row(self, me: Member) -> dict[str, Any]:
        offers = [own for own in await self._node.services.offers() if own.provider is None]
        loads = [own.backend.load() for own in offers]
        busy, slots = sum(load.busy for load in loads), sum(load.slots for load in loads)
        models = [own.model.name for own in offers]
        return _member_row(
            me, me, models, {"busy": busy, "slots": slots} if slots else None, up=True, seen=0, this=True
        )

    def _row(self, member: Member) -> dict[str, Any]:
        node = self._node
        statement = node.archipelago.registry.statement(member.island, node.clock())
        offers = () if statement is None else statement.offers
        said = node.peers.said(member.island)
        load = None
        if said is not None and offers:
            slots = sum(offer.slots for offer in offers)
            load = {"busy": max(0, slots - sum(one.free_slots for one in said.models)), "slots": slots}
        up, seen = node.peers.is_up(member.island), node.peers.last_seen_s(member.island)
        me = node.archipelago.member(node.archipelago.island)
        return _member_row(me, member, [offer.model for offer in offers], load, up=up, seen=seen, this=False)

    def _name(self, island: str) -> str:
        return next((one.name for one in self._node.archipelago.members() if one.island == island), island)

    def _granted(self, collection: bytes) -> list[str]:
        return sorted({one.person for one in self._node.archipelago.members() if collection in one.grants})


def _entry(name: str, owner: str, survey: Survey) -> ModelEntry:
    """A name with what the offers that it names can do."""
    named = ModelSelector.parse(name, survey.islands).matches(survey.table)
    offers = [offer for offer, is_named in zip(survey.table.offers, named, strict=True) if is_named]
    embeds = bool(offers) and all(offer.embeds for offer in offers)
    context = max((offer.context_tokens for offer in offers), default=0)
    return ModelEntry(name, owner, context_tokens=context, tools=any(offer.tools for offer in offers), embeds=embeds)


def _member_row(
    me: Member | None,
    member: Member,
    models: list[str],
    load: dict[str, int] | None,
    *,
    up: bool,
    seen: int | None,
    this: bool,
) -> dict[str, Any]:
    return {
        "name": member.name,
        "id": member.island,
        "person": member.person,
        "tier": (tier_for(me, member) if me is not None else Tier.EDGE).label,
        "this": this,
        "up": up,
        "last_seen_s": seen,
        "models": models,
        "load": load,
        "signer": member.signer,
        "expires_s": member.expires_s,
    }


def _cloud_row(name: str, models: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "id": None,
        "person": None,
        "tier": Tier.CLOUD.label,
        "this": False,
        "up": True,
        "last_seen_s": 0,
        "models": models,
        "load": None,
        "signer": False,
        "expires_s": None,
    }


def _usd(amount: int) -> str:
    return f"{amount / NANO_USD_PER_USD:.9f}"
