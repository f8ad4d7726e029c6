"""Two real islands of one archipelago, each with its own store and belief, without a network between them."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from node.agents.estimates import Estimate
from node.archipelago import Archipelago, IslandKeys
from node.authority import Authority, Grantee, found
from node.backends.measured import Load
from node.backends.peer import PeerBackend, Recipient
from node.config import Config, FileContent, load
from node.ports import BackendModel, Call, Origin, PeerStream
from node.services import Services
from node.store.database import Store
from protocol.errors import LinkError
from protocol.keys import IslandId, SealingPair
from protocol.records import ModelOffer
from protocol.terms import NanoUsd, Tier
from tests.attested import OFFER, signing_key
from tests.peer_streams import MemoryStream, stream_pair
from tests.pipelines import Script, ScriptedBackend, entropy, now, says
from tests.unit.privacy_texts import chat

MODEL = "small"


class OwnModel(ScriptedBackend):
    """A scripted backend of an island's own: it serves one model of any origin."""

    def __init__(self, script: Script | None = None, model: str = MODEL, origin: Origin = Origin.EMBEDDED) -> None:
        super().__init__(script or says("yes"))
        price = NanoUsd(0)
        self.offered = BackendModel(model, origin, 4_096, price, price)
        self.name = f"{origin.value}-{model}"

    async def models(self) -> Sequence[BackendModel]:
        return (self.offered,)

    def load(self) -> Load:
        return Load(2, 0, 0)

    def measured(self, model: str) -> Estimate:
        return Estimate()


class Local:
    """What was found on loopback."""

    def __init__(self, backends: Sequence[OwnModel] = ()) -> None:
        self.backends = tuple(backends)

    async def refresh(self) -> None: ...

    async def aclose(self) -> None: ...


def config(text: str = "") -> Config:
    file = FileContent(f"version = 1\n{text}".encode())
    return load({}, {"HOME": "/home/ada"}, lambda path: file if path.name == "config.toml" else None)


def services(*own: OwnModel, text: str = "") -> Services:
    return Services(None, Local(own), config(text))  # type: ignore[arg-type]


@dataclass
class Islands:
    """`home` founded the archipelago and signs for it; `laptop` was enrolled by it."""

    home: Archipelago
    laptop: Archipelago
    signer: Authority
    stores: dict[str, Store]

    @property
    def hello(self) -> Recipient:
        """What the laptop knows of home's keys."""
        member = self.home.me()
        statement = self.home.registry.statement(self.home.island, now())
        assert statement is not None
        return Recipient(member.island, member.public, member.sealing, statement.prekey)

    async def tell(self, raw: bytes) -> None:
        """The laptop hears what home signed."""
        await self.laptop.believe(raw)


def keys(number: int, boot: int = 1) -> IslandKeys:
    return IslandKeys(signing_key(number), SealingPair((number + 1_000).to_bytes(32, "big")), boot)


def grantee(name: str, person: str = "ada", *, ceiling: Tier = Tier.PERSONAL, signer: bool = False) -> Grantee:
    return Grantee(name=name, person=person, ceiling=ceiling, signer=signer, spend_share=None)


async def founded(store: Store, number: int, name: str, person: str = "ada") -> Archipelago:
    return await found(store, keys(number), grantee(name, person, signer=True), signing_key(999).public, now, entropy)


async def enrolled(
    stack: ExitStack,
    directory: Path,
    *,
    person: str = "ada",
    ceiling: Tier = Tier.PERSONAL,
    offers: tuple[ModelOffer, ...] = (OFFER,),
) -> Islands:
    """The laptop is `person`'s; home is ada's."""
    stores = {name: stack.enter_context(Store.open(directory / f"{name}.db")) for name in ("home", "laptop")}
    home = await founded(stores["home"], 1, "home")
    laptop = await founded(stores["laptop"], 2, "laptop", person)
    signer = Authority(home, now)
    await signer.admit(laptop.island, laptop.keys.sealing.public, grantee("laptop", person, ceiling=ceiling))
    await laptop.join(home.membership.genesis.raw, home.membership.entries())
    await laptop.believe(home.state(offers, None))
    return Islands(home, laptop, signer, stores)


def peer_backend(islands: Islands, ends: "Streams", recipient: Recipient | None = None) -> PeerBackend:
    """The laptop's way to ask home."""
    known = recipient or islands.hello
    return PeerBackend(
        name="home",
        own_public=islands.laptop.keys.signing.public,
        own_static=islands.laptop.keys.sealing,
        recipient=lambda: known if islands.laptop.member(islands.home.island) else None,
        open_stream=ends.open,
        clock=now,
        entropy=entropy,
    )


class Streams:
    """Hands out the asker's ends; the island's ends wait in `incoming`."""

    def __init__(self, islands: Islands, room: int = 64 * 1024) -> None:
        self._islands = islands
        self._room = room
        self.asked: list[MemoryStream] = []
        self._put, self.incoming = trio.open_memory_channel[MemoryStream](100)
        self.down = False

    async def open(self, island: IslandId) -> PeerStream:
        await trio.lowlevel.checkpoint()
        if self.down or island != self._islands.home.island:
            raise LinkError("not connected")
        ours, theirs = stream_pair(self._islands.laptop.island, island, room=self._room)
        self.asked.append(ours)
        self._put.send_nowait(theirs)
        return ours


def call(text: str = "What is a lighthouse?", model: str = MODEL, collection: bytes | None = None) -> Call:
    return Call(entropy(16), model, chat(text), 64, collection)
