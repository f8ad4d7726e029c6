"""The composition root: everything that one island is made of, started, supervised and ended together.

core (this process)   API, decision, envelopes, store, sealing keys
mesh                  libp2p, zeroconf            node/mesh/process.py
names                 the name models             node/workers/names.py
llama                 the embedded model          node/workers/llama.py
embedding             the owner's own, for vectors node/workers/embedding.py
"""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import trio

from node.affinity import KEY_BYTES, Affinity
from node.agents.policy import AtCap, Policy
from node.agents.policy_file import parse_policy
from node.archipelago import Archipelago
from node.authority import Authority
from node.backends.discovery import LocalServers
from node.backends.llama_cpp import EmbeddedLlama
from node.clock import now
from node.collections.holder import Collections
from node.configuration.lines import path_of
from node.configuration.values import Config, EmbeddingConfig
from node.detection import CACHE_KEY_BYTES, Detection, PrivacyPolicy
from node.directory import CollectionDirectory
from node.execution import Pipeline
from node.happenings import Happenings
from node.judgement import Judgement
from node.lasting import LastingVaults
from node.local_answers import PeerAnswers
from node.mesh.events import (
    IncomingQuestion,
    IncomingStream,
    MemberDown,
    MemberHealth,
    MemberUp,
    MeshAlarm,
    MeshCounts,
    MeshEvent,
    MeshGone,
    MeshReady,
    MeshSetup,
    RecordBelieved,
    StatementNeeded,
    WindowHeard,
    WindowStream,
)
from node.mesh.port import MeshPort
from node.names_worker import NamesWorker
from node.offers import Offers
from node.pairing import Pairing
from node.peers import Peers
from node.ports import BackendModel
from node.questions import Questions
from node.receipts import Receipts
from node.sensors import Sensors, battery
from node.services import OwnOffer, Services
from node.serving import Serving
from node.shares import Shares
from node.store import records
from node.store.budget import Caps
from node.store.conversations import Bounds, Conversations
from node.store.database import Store
from node.store.files import StateDirectory
from node.store.money import Money
from node.supervision import ChildState, Serve, supervise
from protocol.errors import ConfigError, IslandRunError, LinkError
from protocol.keys import IslandId
from protocol.members import Admitted, Forked, MembershipEvent, Removed, Renewed
from protocol.records import OFFERS_MAX, ModelOffer, ModelOrigin
from protocol.terms import NanoUsd

STATE_CHECK_S = 2.0
SERVICES_REFRESH_S = 15.0
RENEWAL_CHECK_S = 3_600.0
COLLECTIONS_REFRESH_S = 60.0
SHARES_S = 15.0
SENSORS_S = 30.0
WALL_FLOOR_S = 600.0
EXPIRY_CHECK_S = 3_600.0
DAY_S = 86_400
LEARN_AGAIN_S = (0.5, 2.0, 5.0)
BATTERY_STEP_PERCENT = 10  # a change of so much is stated at once, and that the mains came or went

Stated = tuple[tuple[BackendModel, ...], int | None]
"""What a statement is made anew for: the models, and about how full the battery is (None: on mains)."""

log = logging.getLogger("islandrun.island")


class Island:
    """The parts of a running node, wired. Made by `node.cli.start`."""

    def __init__(
        self,
        config: Config,
        read_config: Callable[[], Config],
        directory: StateDirectory,
        store: Store,
        archipelago: Archipelago,
        money: Money,
        languages: frozenset[str],
        addresses: Mapping[IslandId, tuple[str, ...]],
    ) -> None:
        self.config = config
        self.clock = now
        self.began = now()
        self.store = store
        self.archipelago = archipelago
        self.money = money
        self._read_config = read_config
        self._languages = languages
        self._policy = policy_of(config)
        self._statement: bytes | None = None
        self._stated: Stated | None = None
        self._nursery: trio.Nursery
        self.addresses = dict(addresses)
        self.happenings = Happenings(now)
        self.authority = Authority(archipelago, now)
        self.mesh = MeshPort(self._mesh_setup, self._on_mesh_event)
        self.names = NamesWorker()
        self.embedded = EmbeddedLlama() if config.embedded.enabled else None
        self.embedder = EmbeddedLlama("embedding", embeds=True) if config.embedding is not None else None
        self.services = Services(self.embedded, LocalServers(), config, self.embedder)
        self.collections = Collections(directory.collections, self._policy.clearance)
        self.directory = CollectionDirectory(archipelago.island, self.collections.own)
        self.peers = Peers(archipelago, self.mesh, now)
        self.sensors = Sensors()
        self.shares = Shares(archipelago, money, self.mesh, lambda: self.config.caps, now)
        self.detection = Detection(self.names, os.urandom(CACHE_KEY_BYTES), self._privacy_policy())
        self.offers = Offers(
            archipelago,
            self.services,
            self.peers,
            self.directory,
            self.collections,
            lambda: self.sensors.state,
            self.remaining_for,
            lambda: self.shares.problem() is not None,
        )
        self.judgement = Judgement(
            self.detection,
            self.offers,
            self.policy,
            lambda: self.config.limits.output_tokens_default,
            now,
            Affinity(os.urandom(KEY_BYTES)),
        )
        receipts = Receipts(store, now)
        self.conversations = Conversations(store, directory.conversations_key, now, os.urandom, bounds_of(config))
        self.lasting = LastingVaults(self.conversations)
        self.pipeline = Pipeline(
            self.judgement,
            self.detection,
            money,
            self.caps,
            receipts,
            now,
            os.urandom,
            self.lasting,
            self.shares.supply,
        )
        answers = PeerAnswers(self.services, self.collections, archipelago.me)
        self.serving = Serving(archipelago.keyring, archipelago.member, answers, now, receipts)
        self.questions = Questions(
            archipelago, self.authority, self.services, self.collections, self.directory, self.mesh, self.shares
        )
        self.pairing = Pairing(archipelago, self.authority, self.mesh, self.happenings, self.joined, now)
        self.children = [ChildState("mesh"), ChildState("names")]
        if self.embedded is not None:
            self.children.append(ChildState("llama"))
        if self.embedder is not None:
            self.children.append(ChildState("embedding"))
        self._embedding = config.embedding

    def policy(self) -> Policy:
        """The owner's, with what the caps leave at this moment."""
        left = [
            amount
            for amount in (self._policy.remaining, self.money.remaining(self.caps(), now()))
            if amount is not None
        ]
        policy = replace(self._policy, remaining=min(left, default=None))
        return replace(policy, at_cap=AtCap.REFUSE) if self.config.caps.at_cap is AtCap.REFUSE else policy

    def caps(self) -> Caps:
        """The owner's cap as this island may spend of it, and what its own configuration says."""
        return self.shares.caps()

    def remaining_for(self, provider: str) -> NanoUsd | None:
        """What every cap and lease leave for a provider now; None: nothing bounds it."""
        return self.money.remaining_for(self.caps(), provider, now())

    def warnings(self) -> list[str]:
        """What the owner should know of this node's state."""
        found = []
        if self.store.health.lost:
            found.append(f"{self.store.health.lost} writes did not reach the disk: {self.store.health.last_error}")
        if self.archipelago.member(self.archipelago.island) is None:
            found.append("this island's certificate is not valid now: enrol it again")
        if not self.names.is_ready:
            found.append("the name models are not loaded: until they are, only your own devices get text")
        if self.embedder is not None and not self.embedder.load().slots:
            found.append("the embedding model is not loaded: the log says why")
        unreachable = self.shares.problem()
        if unreachable is not None:
            found.append(unreachable)
        return found

    async def reload(self) -> None:
        """Reads the configuration again, whole or not at all.

        Addresses, and which models the workers have, take effect at the next start.
        """
        config = self._read_config()
        policy = policy_of(config)
        unused = self.services.configure(config)
        self.config, self._policy = config, policy
        self.collections.clearance = policy.clearance
        self.detection.policy = self._privacy_policy()
        self.conversations.bounds = bounds_of(config)
        for backend in unused:
            self._nursery.start_soon(backend.retire)  # what it is answering now is not cut
        self._nursery.start_soon(self._once, self.services.refresh)
        self._nursery.start_soon(self._once, self._renew)
        self.happenings.tell("configuration_reloaded")

    async def accept_languages(self, languages: frozenset[str]) -> None:
        """The owner accepts text in these languages without a name model; kept for later starts."""
        await self.store.write(lambda connection: records.accept_languages(connection, languages))
        self._languages |= languages
        self.detection.policy = self._privacy_policy()

    async def collections_changed(self) -> None:
        """Own collections came or went: peers learn it when they ask again."""
        self.happenings.tell("collections_changed")

    async def state(self) -> None:
        """Signs and publishes what this island can do now."""
        servable = (await self.services.servable())[:OFFERS_MAX]
        percent = battery()
        self._stated = _stated(servable, percent)
        self._statement = self.archipelago.state(
            tuple(stated_offer(own) for own in servable), None if percent is None else int(percent)
        )
        await self.mesh.publish(self._statement)

    async def joined(self) -> None:
        """This island belongs to another archipelago now: the mesh begins again."""
        self._statement = None
        self.addresses.clear()
        await self.mesh.restart()
        await self.state()

    async def run(self) -> None:
        """Every process and every loop, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self.archipelago.on_event = self._on_membership
            for child in self.children:
                module, arguments, serve = self._child(child.name)
                nursery.start_soon(supervise, child, module, arguments, serve)
            nursery.start_soon(self.pairing.run)
            nursery.start_soon(self._every, STATE_CHECK_S, self._state_changes)
            nursery.start_soon(self._every, SERVICES_REFRESH_S, self.services.refresh)
            nursery.start_soon(self._every, SENSORS_S, self.sensors.refresh)
            nursery.start_soon(self._every, RENEWAL_CHECK_S, self._renew)
            nursery.start_soon(self._every, SHARES_S, self._tend_shares)
            nursery.start_soon(self._every, COLLECTIONS_REFRESH_S, self._learn_collections)
            nursery.start_soon(self._every, WALL_FLOOR_S, self._raise_wall_floor)
            nursery.start_soon(self._every, EXPIRY_CHECK_S, self.conversations.expire)

    def _child(self, name: str) -> tuple[str, list[str], Serve]:
        if name == "mesh":
            return "node.mesh.process", [], self.mesh.serve
        if name == "names":
            return "node.workers.names", [], self.names.serve
        if name == "embedding":
            assert self.embedder is not None
            assert self._embedding is not None
            return "node.workers.embedding", arguments_for(self._embedding), self.embedder.serve
        assert self.embedded is not None
        embedded = self.config.embedded
        arguments = ["--slots", str(embedded.slots), "--context", str(embedded.context_tokens)]
        return "node.workers.llama", arguments, self.embedded.serve

    async def _state_changes(self) -> None:
        if _stated((await self.services.servable())[:OFFERS_MAX], battery()) != self._stated:
            await self.state()

    async def _renew(self) -> None:
        for island in self.authority.due():
            await self.mesh.publish(await self.authority.renew(island))
        for raw in await self.authority.bind_to_cap(capped=self.config.caps.any):
            await self.mesh.publish(raw)

    async def _tend_shares(self) -> None:
        await self.shares.tend(self.services.provider_names)

    async def _raise_wall_floor(self) -> None:
        """A node that is killed, or loses its power, has noted this moment or one shortly before."""
        await self.store.write(lambda connection: records.raise_wall_floor(connection, now().wall_s))

    async def _learn_collections(self) -> None:
        for island in sorted(self.mesh.peers):
            await self.questions.learn_collections(island)

    async def _every(self, seconds: float, job: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._once(job)
            await trio.sleep(seconds)

    async def _once(self, job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        except IslandRunError as error:
            log.warning("job_failed", extra={"job": job.__name__, "why": str(error)})

    def _mesh_setup(self) -> MeshSetup:
        membership = self.archipelago.membership
        return MeshSetup(
            seed=self.archipelago.keys.signing.seed,
            listen=tuple(str(address) for address in self.config.mesh),
            genesis=membership.genesis.raw,
            entries=membership.entries(),
            statement=self._statement,
            interfaces=self.config.interfaces,
            addresses=dict(self.addresses),
        )

    async def _on_mesh_event(self, event: MeshEvent) -> None:
        """What the mesh tells. Nothing here waits for a peer: that is done in tasks of their own."""
        match event:
            case RecordBelieved(raw):
                await self.archipelago.believe(raw)
            case MemberUp(island, addresses):
                self.peers.up(island)
                self._remember(island, addresses)
                self.happenings.tell("peer_up", island=self._name(island))
                self._nursery.start_soon(self.questions.learn_collections, island)
            case MemberDown(island):
                self.peers.down(island)
                self.happenings.tell("peer_down", island=self._name(island))
            case MemberHealth(island, state):
                self.peers.health(island, state)
                self.happenings.tell("peer_health", island=self._name(island), state=state)
            case StatementNeeded():
                await self.state()
            case IncomingStream(stream):
                self._nursery.start_soon(self.serving.serve, stream)
            case IncomingQuestion(peer, question, reply):
                self._nursery.start_soon(self._reply, peer, question, reply)
            case WindowStream(stream):
                self._nursery.start_soon(self.pairing.serve, stream)
            case MeshAlarm(code, island, detail):
                self.happenings.tell("alarm", code=code, island=self._name(island) if island else None, detail=detail)
            case MeshGone(problem):
                self.happenings.tell("mesh_gone", problem=problem)
            case MeshReady(listening):
                self.happenings.tell("mesh_ready", listening=list(listening))
            case WindowHeard() | MeshCounts():
                pass

    def _on_membership(self, event: MembershipEvent) -> None:
        match event:
            case Admitted(member):
                self.happenings.tell("island_admitted", island=member.name, person=member.person)
            case Renewed(member):
                self.happenings.tell("island_renewed", island=member.name)
                if member.island == self.archipelago.island:
                    self._nursery.start_soon(self._learn_soon)
            case Removed(island):
                self.directory.forget(island)
                self.happenings.tell("island_removed", island_id=island)
            case Forked(issuer):
                self.happenings.tell("alarm", code="log_forked", island=issuer, detail="two entries, one number")

    async def _learn_soon(self) -> None:
        """This island may have been granted a collection; the holder knows when gossip has brought the certificate."""
        for wait_s in LEARN_AGAIN_S:
            await trio.sleep(wait_s)
            await self._learn_collections()

    async def _reply(self, peer: IslandId, question: bytes, reply: Callable[[bytes], Awaitable[None]]) -> None:
        try:
            await reply(await self.questions.answer(peer, question))
        except LinkError as error:
            log.info("reply_lost", extra={"peer": peer, "why": str(error)})

    def _remember(self, island: IslandId, addresses: tuple[str, ...]) -> None:
        self.addresses[island] = addresses
        wall_s = now().wall_s
        self.store.write_soon(lambda connection: records.keep_addresses(connection, island, addresses, wall_s))

    def _name(self, island: IslandId) -> str:
        member = self.archipelago.member(island)
        return island if member is None else member.name

    def _privacy_policy(self) -> PrivacyPolicy:
        privacy = self.config.privacy
        return replace(privacy, languages=privacy.languages | self._languages)


def policy_of(config: Config) -> Policy:
    """Raises ConfigError that names the line."""
    try:
        return parse_policy(dict(config.policy) or "balanced")
    except ConfigError as error:
        raise config.source.problem(path_of(error.key), str(error)) from None


def arguments_for(embedding: EmbeddingConfig) -> list[str]:
    """Of the embedding model's worker."""
    arguments = ["--model", str(embedding.model), "--context", str(embedding.context_tokens)]
    return arguments + ([] if embedding.pooling is None else ["--pooling", embedding.pooling.value])


def bounds_of(config: Config) -> Bounds:
    """How long what lasts is kept unused."""
    return Bounds(age_s=config.limits.conversation_days * DAY_S)


def _stated(servable: Sequence[OwnOffer], percent: float | None) -> Stated:
    return tuple(own.model for own in servable), None if percent is None else int(percent) // BATTERY_STEP_PERCENT


def stated_offer(own: OwnOffer) -> ModelOffer:
    """What is said of an own model to the others: measured here; nothing until it was."""
    seen = own.backend.measured(own.model.name)
    expected = seen.expected(trio.current_time()) if seen.observations else None
    return ModelOffer(
        model=own.model.name,
        context_tokens=own.model.context_tokens,
        slots=own.model.slots,
        tokens_per_s=int(expected.tokens_per_s) if expected else 0,
        ttft_ms=int(expected.ttft_s * 1_000) if expected else 0,
        origin=ModelOrigin(own.model.origin.value),
        tools=own.model.tools,
    )
