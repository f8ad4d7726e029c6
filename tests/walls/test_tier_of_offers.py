"""Design, section 2, "Tier belongs to the offer and to the asker", as a node's own survey of real members has it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio

from node.agents.estimates import TOKENS_PER_S_PRIOR, Claim
from node.agents.request import ModelSelector
from node.agents.table import Offer
from node.authority import Authority
from node.collections.holder import Collections
from node.collections.terms import CollectionId, Notice
from node.directory import CollectionDirectory
from node.offers import Offers
from node.peers import ASK_S, Peers
from node.ports import BackendModel, Origin
from node.sensors import DeviceState
from node.services import OwnOffer, Services
from protocol.errors import LinkError
from protocol.keys import IslandId
from protocol.questions import LOAD_GOOD_MS, LoadAnswer, ModelLoad, encode_answer
from protocol.records import ModelOffer, ModelOrigin
from protocol.terms import NanoUsd, Sensitivity, Tier
from tests.attested import OFFER, signing_key
from tests.pipelines import entropy, now, pass_time
from tests.two_islands import Islands, OwnModel, enrolled, grantee, keys, services
from tests.walls.test_who_may_ask import PROVIDER

FREE = LoadAnswer((ModelLoad(OFFER.model, 1, 0),))


class Mesh:
    """Knows who is connected, and how busy they say they are."""

    def __init__(self, *peers: IslandId, answer: bytes = b"") -> None:
        self.peers = frozenset(peers)
        self.answer = answer or encode_answer(FREE)
        self.asked: list[IslandId] = []

    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes:
        self.asked.append(island)
        await trio.lowlevel.checkpoint()
        return self.answer

    async def open_stream(self, island: IslandId) -> object:
        raise LinkError("no streams here")


class SilentMesh(Mesh):
    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes:
        self.asked.append(island)
        raise LinkError(f"no answer in {deadline_s} s")


class Fixed:
    """Own offers as the test says, for what a configuration alone can make."""

    provider_names: frozenset[str] = frozenset()

    def __init__(self, *own: OwnOffer) -> None:
        self.own = own

    async def offers(self) -> Sequence[OwnOffer]:
        return self.own


@dataclass
class Survey:
    islands: Islands
    offers: Offers
    peers: Peers
    mesh: Mesh
    directory: CollectionDirectory
    collections: Collections

    async def rows(self) -> dict[str, Offer]:
        return {offer.name: offer for offer in (await self.offers.survey()).table.offers}

    async def tiers(self) -> dict[str, Tier]:
        return {name: offer.tier for name, offer in (await self.rows()).items()}


@asynccontextmanager
async def surveyed(
    tmp_path: Path,
    own: Services | Fixed | None = None,
    *,
    person: str = "ada",
    ceiling: Tier = Tier.PERSONAL,
    offers: tuple[ModelOffer, ...] = (OFFER,),
    mesh: type[Mesh] = Mesh,
) -> AsyncIterator[Survey]:
    """The laptop looks around: home is ada's, and states `offers`."""
    with ExitStack() as stack:
        islands = await enrolled(stack, tmp_path, person=person, ceiling=ceiling, offers=offers)
        collections = Collections(tmp_path / "collections")
        directory = CollectionDirectory(islands.laptop.island, collections.own)
        line = mesh(islands.home.island)
        peers = Peers(islands.laptop, line, now)  # type: ignore[arg-type]
        made = Offers(islands.laptop, own or services(), peers, directory, collections, DeviceState)  # type: ignore[arg-type]
        yield Survey(islands, made, peers, line, directory, collections)


HOMES = f"home/{OFFER.model}"


@pytest.mark.parametrize(("person", "tier"), [("ada", Tier.PERSONAL), ("bob", Tier.EDGE)])
async def test_offers_of_the_same_persons_islands_are_personal_and_to_anybody_else_at_most_edge(
    tmp_path: Path, person: str, tier: Tier
) -> None:
    async with surveyed(tmp_path, person=person) as here:
        assert await here.tiers() == {HOMES: tier}


async def test_the_certificates_ceiling_bounds_both(tmp_path: Path) -> None:
    async with surveyed(tmp_path, services(OwnModel()), ceiling=Tier.EDGE) as here:
        assert await here.tiers() == {"laptop/small": Tier.EDGE, HOMES: Tier.EDGE}


@pytest.mark.parametrize("origin", [ModelOrigin.EMBEDDED, ModelOrigin.LOOPBACK])
async def test_nothing_an_island_says_of_itself_raises_a_tier(tmp_path: Path, origin: ModelOrigin) -> None:
    braggart = replace(OFFER, origin=origin, tokens_per_s=1_000_000, ttft_ms=0)
    async with surveyed(tmp_path, person="bob", offers=(braggart,)) as here:
        assert await here.tiers() == {HOMES: Tier.EDGE}


@pytest.mark.parametrize(
    ("origin", "tier"),
    [(Origin.EMBEDDED, Tier.PERSONAL), (Origin.LOOPBACK, Tier.PERSONAL), (Origin.REMOTE, Tier.CLOUD)],
)
async def test_only_what_runs_on_the_island_has_its_tier_and_what_a_local_server_forwards_is_cloud(
    tmp_path: Path, origin: Origin, tier: Tier
) -> None:
    async with surveyed(tmp_path, services(OwnModel(origin=origin))) as here:
        assert (await here.tiers())["laptop/small"] is tier


@pytest.mark.parametrize("tier", list(Tier))
async def test_a_tier_given_by_name_holds_for_the_named_model_and_no_other_of_that_server(
    tmp_path: Path, tier: Tier
) -> None:
    named, other = OwnModel(origin=Origin.CONFIGURED), OwnModel(model="other", origin=Origin.REMOTE)
    own = Fixed(OwnOffer(named, named.offered, configured=tier), OwnOffer(other, other.offered, configured=tier))
    async with surveyed(tmp_path, own) as here:
        tiers = await here.tiers()
        assert (tiers["laptop/small"], tiers["laptop/other"]) == (tier, Tier.CLOUD)


async def test_what_is_claimed_and_what_a_device_tells_is_in_the_table(tmp_path: Path) -> None:
    """An own link that is paid for by volume is on the way to everybody else; the rest is of the device itself."""
    model = BackendModel("large", Origin.REMOTE, 4_096, NanoUsd(1), NanoUsd(1))
    told = OwnOffer(
        OwnModel(model="large", origin=Origin.REMOTE), model, "acme", None, "DE", Claim(0.5, 80.0), 30, trains=False
    )
    here_model = OwnOffer(OwnModel(), BackendModel("small", Origin.EMBEDDED, 4_096, NanoUsd(0), NanoUsd(0)))
    async with surveyed(tmp_path, Fixed(told, here_model)) as here:
        here.offers._device = lambda: DeviceState(40.0, charging=True, metered=True, owner_active=True, hot=True)
        rows = await here.rows()
    cloud, own, peer = rows["acme/large"], rows["laptop/small"], rows[HOMES]
    assert (cloud.retention_days, cloud.trains, cloud.ttft_s, cloud.tokens_per_s) == pytest.approx(
        (30, False, 0.5, 80.0)
    )
    assert (own.battery, own.charging, own.metered, own.owner_active, own.hot) == (40.0, True, False, True, True)
    for far in (cloud, peer):
        assert (far.battery, far.charging, far.metered, far.owner_active, far.hot) == (None, False, True, False, False)
    assert own.doubt == peer.doubt == 1.0
    assert (peer.tokens_per_s, own.tokens_per_s) == pytest.approx((OFFER.tokens_per_s, TOKENS_PER_S_PRIOR))


async def test_a_provider_is_cloud_whoever_its_key_belongs_to(tmp_path: Path) -> None:
    async with surveyed(tmp_path, services(text=PROVIDER)) as here:
        offer = (await here.rows())["cloud/gpt-x"]
        assert (offer.tier, offer.island_id, offer.own, offer.paid) == (Tier.CLOUD, "", False, True)


async def test_a_name_that_the_embedded_model_has_is_not_taken_over_by_what_a_server_forwards(tmp_path: Path) -> None:
    embedded, forwarded = OwnModel(), OwnModel(origin=Origin.REMOTE)
    async with surveyed(tmp_path, services(embedded, forwarded)) as here:
        assert (await here.tiers())["laptop/small"] is Tier.PERSONAL


async def test_a_pin_is_answered_by_the_island_that_it_names_whatever_another_calls_its_model(tmp_path: Path) -> None:
    namesake = replace(OFFER, model="laptop/large")
    async with surveyed(tmp_path, services(OwnModel()), person="bob", offers=(namesake,)) as here:
        survey = await here.offers.survey()
        assert survey.islands == {"laptop", "home"}
        assert not survey.knows(ModelSelector.parse("laptop/large", survey.islands))
        assert survey.knows(ModelSelector.parse("home/laptop/large", survey.islands))
        assert survey.knows(ModelSelector.parse("laptop/small", survey.islands))


async def test_the_name_of_an_island_whose_certificate_ran_out_is_nobody_elses(
    tmp_path: Path, mock_clock: object
) -> None:
    async with surveyed(tmp_path) as here:
        pass_time(31 * 86_400)
        assert here.islands.laptop.members() == ()
        assert here.islands.laptop.names() == {"laptop", "home"}


async def test_a_data_set_never_moves_to_a_model_that_runs_elsewhere(tmp_path: Path) -> None:
    own = services(OwnModel(), OwnModel(model="forwarded", origin=Origin.REMOTE), text=PROVIDER)
    async with surveyed(tmp_path, own) as here:
        folder = tmp_path / "documents"
        folder.mkdir()
        here.collections.add("papers", folder, Sensitivity.PUBLIC, entropy)
        held = {name: bool(offer.collections) for name, offer in (await here.rows()).items()}
        assert held == {"laptop/small": True, "laptop/forwarded": False, "cloud/gpt-x": False, HOMES: False}


async def test_a_collection_is_known_where_its_holder_told_of_it_until_it_is_forgotten(tmp_path: Path) -> None:
    async with surveyed(tmp_path) as here:
        notice = Notice(CollectionId(b"c" * 16), "papers", Sensitivity.INTERNAL, bytes(32))
        here.directory.told(here.islands.home.island, [notice])
        assert (await here.rows())[HOMES].collections == {b"c" * 16}
        survey = await here.offers.survey()
        assert survey.collection("papers") is not None
        here.directory.forget(here.islands.home.island)
        assert (await here.offers.survey()).collection("papers") is None


async def test_a_name_that_several_collections_have_is_the_nearest_ones(tmp_path: Path) -> None:
    async with surveyed(tmp_path) as here:
        office = keys(3)
        raw = await here.islands.signer.admit(office.signing.island, office.sealing.public, grantee("office", "bob"))
        await here.islands.tell(raw)
        for holder in (here.islands.home.island, office.signing.island, signing_key(77).island):
            identity = CollectionId(holder[-16:].encode())
            here.directory.told(holder, [Notice(identity, "papers", Sensitivity.INTERNAL, bytes(32))])
        survey = await here.offers.survey()
        assert [one.holder for one in survey.collections] == [here.islands.home.island, office.signing.island]
        found = survey.collection("papers")
        assert found is not None
        assert found.holder == here.islands.home.island


async def test_an_island_whose_certificate_ran_out_has_no_offers_and_says_why(
    tmp_path: Path, mock_clock: object
) -> None:
    async with surveyed(tmp_path, services(OwnModel())) as here:
        pass_time(31 * 86_400)
        survey = await here.offers.survey()
        assert len(survey.table) == 0
        assert "enrol it again" in survey.problem


async def test_a_revoked_member_offers_nothing(tmp_path: Path) -> None:
    async with surveyed(tmp_path) as here:
        laptop = here.islands.laptop
        await here.islands.signer.admit(laptop.island, laptop.keys.sealing.public, grantee("laptop", signer=True))
        await here.islands.tell(here.islands.home.membership.entries()[-1])
        await Authority(laptop, now).revoke(here.islands.home.island)
        assert await here.rows() == {}


async def test_a_stale_statement_offers_nothing(tmp_path: Path, mock_clock: object) -> None:
    async with surveyed(tmp_path) as here:
        pass_time(15 * 60 + 1)
        assert await here.rows() == {}


async def test_load_is_asked_and_an_answer_is_good_for_five_seconds(tmp_path: Path, mock_clock: object) -> None:
    async with surveyed(tmp_path) as here:
        for _ in range(3):
            assert (await here.rows())[HOMES].free == 1
        assert here.mesh.asked == [here.islands.home.island]
        pass_time(LOAD_GOOD_MS / 1_000)
        await here.rows()
        assert len(here.mesh.asked) == 2


@pytest.mark.parametrize(("under_way", "free", "queue"), [(0, 1, 0), (1, 0, 0), (3, 0, 2)])
async def test_what_was_sent_since_an_island_said_how_busy_it_is_counts(
    tmp_path: Path, under_way: int, free: int, queue: int
) -> None:
    """A burst within the five seconds must not all go where one slot was free."""
    async with surveyed(tmp_path) as here:
        await here.rows()
        backend = (await here.peers.candidates())[0].backend
        moment = now().mono_ms
        backend._under_way += [(OFFER.model, moment)] * under_way + [("other", moment), (OFFER.model, moment - 60_000)]
        offer = (await here.rows())[HOMES]
        assert (offer.free, offer.queue) == (free, queue)


async def test_an_island_that_does_not_say_how_busy_it_is_counts_as_full_and_not_as_refused(tmp_path: Path) -> None:
    async with surveyed(tmp_path, mesh=SilentMesh) as here:
        offer = (await here.rows())[HOMES]
        assert (offer.free, offer.alive) == (0, True)
        assert ASK_S < 1


@pytest.mark.parametrize("answer", [b"\xff", b"", encode_answer(LoadAnswer((ModelLoad("other", 9, 0),)))])
async def test_a_nonsensical_load_counts_as_full(tmp_path: Path, answer: bytes) -> None:
    async with surveyed(tmp_path) as here:
        here.mesh.answer = answer
        assert (await here.rows())[HOMES].free == 0


async def test_an_island_that_claims_more_free_slots_than_it_stated_has_those_it_stated(tmp_path: Path) -> None:
    async with surveyed(tmp_path) as here:
        here.mesh.answer = encode_answer(LoadAnswer((ModelLoad(OFFER.model, 4_000, 0),)))
        assert (await here.rows())[HOMES].free == OFFER.slots


async def test_whoever_is_not_connected_or_is_dead_for_the_failure_detector_is_not_alive_and_not_asked(
    tmp_path: Path,
) -> None:
    async with surveyed(tmp_path) as here:
        home = here.islands.home.island
        here.peers.health(home, "suspect")
        assert (await here.rows())[HOMES].alive, "it may only be busy"
        here.peers.health(home, "dead")
        assert not (await here.rows())[HOMES].alive
        here.peers.health(home, "alive")
        assert (await here.rows())[HOMES].alive
        here.peers.down(home)
        here.mesh.peers = frozenset()
        here.mesh.asked.clear()
        assert not (await here.rows())[HOMES].alive
        assert here.mesh.asked == []
        assert here.peers.last_seen_s(home) == 0
