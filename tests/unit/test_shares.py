"""The owner's cap among real islands with their own stores: leased as it is needed, given back, never spent twice."""

from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from node.archipelago import Archipelago
from node.authority import Authority
from node.configuration.values import CapsConfig, ProviderCapsConfig
from node.shares import FRESH_MS, SHORT_MS, Shares
from node.store.budget import Caps, OverCap, Reservation
from node.store.database import Store
from node.store.money import Money
from protocol.errors import LinkError, RecordError
from protocol.keys import IslandId
from protocol.questions import (
    LeaseAnswer,
    LeaseQuestion,
    RecallAnswer,
    RecallQuestion,
    ReturnQuestion,
    decode_answer,
    decode_question,
    encode_answer,
    encode_question,
)
from protocol.shares import SECONDS_PER_DAY, Lease, Purse, Return, open_share, seal_share
from protocol.terms import NanoUsd, Now
from tests.attested import START_S
from tests.pipelines import entropy
from tests.two_islands import enrolled, founded, grantee

DAY = START_S // SECONDS_PER_DAY
NOTHING = NanoUsd(0)


@dataclass
class Clock:
    mono_ms: int = 10_000_000
    wall_s: int = START_S

    def __call__(self) -> Now:
        return Now(self.mono_ms, self.wall_s)

    def pass_s(self, seconds: int) -> None:
        self.mono_ms += seconds * 1_000
        self.wall_s += seconds


@dataclass
class Node:
    name: str
    archipelago: Archipelago
    store: Store
    money: Money
    config: CapsConfig
    shares: Shares = field(init=False)
    paid: int = 0

    async def pay(self, amount: int, now: Now, provider: str = "cloud") -> Reservation | OverCap:
        self.paid += 1
        request = f"{self.name}{self.paid}".encode()
        marks = self.money.marks("k", None, request)
        caps = self.shares.caps()
        found = await self.money.reserve(request, f"{provider}/m", NanoUsd(amount), caps, marks, now)
        assert isinstance(found, Reservation | OverCap)
        return found

    async def supplied(self, amount: int, provider: str = "cloud") -> bool:
        return await self.shares.supply({provider: NanoUsd(amount)})


class Net:
    """Answers at once; `down` is out of reach; `deaf` gets no answers, though what it asked was heard."""

    def __init__(self) -> None:
        self.nodes: dict[IslandId, Node] = {}
        self.down: set[str] = set()
        self.deaf: set[str] = set()


class Port:
    def __init__(self, net: Net, me: IslandId) -> None:
        self._net, self._me = net, me

    @property
    def peers(self) -> Collection[IslandId]:
        if self._net.nodes[self._me].name in self._net.down:
            return set()
        return {one for one, node in self._net.nodes.items() if one != self._me and node.name not in self._net.down}

    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes:
        other = self._net.nodes[island]
        asker = other.archipelago.member(self._me)
        assert asker is not None
        said = await other.shares.answer(asker, decode_question(question))
        if self._net.nodes[self._me].name in self._net.deaf:
            raise LinkError("no answer")
        assert said is not None
        return encode_answer(said)


@dataclass
class World:
    clock: Clock
    net: Net
    home: Node
    laptop: Node
    den: Node
    signer: Authority

    async def tell(self, entries: Collection[bytes]) -> None:
        for raw in entries:
            for node in (self.laptop, self.den):
                await node.archipelago.believe(raw)


@asynccontextmanager
async def world(tmp_path: Path, caps: CapsConfig | None = None, *, deputy: bool = False) -> AsyncIterator[World]:
    """Home founded and holds the cap; laptop and den were enrolled. `deputy`: the laptop is a signer too."""
    clock, net = Clock(), Net()
    with ExitStack() as stack:
        islands = await enrolled(stack, tmp_path)
        store = stack.enter_context(Store.open(tmp_path / "den.db"))
        den = await founded(store, 3, "den")
        admitted = await islands.signer.admit(den.island, den.keys.sealing.public, grantee("den"))
        await den.join(islands.home.membership.genesis.raw, islands.home.membership.entries())
        await islands.tell(admitted)
        stores = {**islands.stores, "den": store}
        nodes = []
        for name, archipelago in (("home", islands.home), ("laptop", islands.laptop), ("den", den)):
            config = (caps or CapsConfig(NanoUsd(1_000))) if name == "home" else CapsConfig()
            node = Node(name, archipelago, stores[name], await Money.open(stores[name], entropy, clock()), config)
            node.shares = shares_of(node, net, clock)
            net.nodes[archipelago.island] = node
            nodes.append(node)
        made = World(clock, net, nodes[0], nodes[1], nodes[2], islands.signer)
        if deputy:
            laptop = replace(grantee("laptop", signer=True), spend_share=NOTHING)
            made_signer = await islands.signer.admit(islands.laptop.island, islands.laptop.keys.sealing.public, laptop)
            await made.tell([made_signer])
        await made.tell(await islands.signer.bind_to_cap(capped=made.home.config.any))
        yield made


def shares_of(node: Node, net: Net, clock: Clock) -> Shares:
    return Shares(node.archipelago, node.money, Port(net, node.archipelago.island), lambda: node.config, clock)


async def test_a_device_that_needs_more_gets_it_from_the_holder_and_together_they_keep_the_cap(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        assert isinstance(await here.laptop.pay(1, here.clock()), OverCap)
        assert await here.laptop.supplied(600)
        assert isinstance(await here.laptop.pay(600, here.clock()), Reservation)
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) <= 400  # type: ignore[operator]
        assert isinstance(await here.home.pay(401, here.clock()), OverCap)
        assert not await here.den.supplied(401)
        assert isinstance(await here.den.pay(401, here.clock()), OverCap)


async def test_an_idle_share_moves_to_who_needs_it(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        assert await here.laptop.supplied(900)
        assert isinstance(await here.laptop.pay(100, here.clock()), Reservation)
        assert not await here.den.supplied(500), "what was leased this moment is about to be used"
        here.clock.pass_s(max(FRESH_MS, SHORT_MS) // 1_000)
        assert await here.den.supplied(500)
        assert isinstance(await here.den.pay(500, here.clock()), Reservation)
        here.clock.pass_s(FRESH_MS // 1_000)
        assert await here.home.supplied(400), "the holder gets it back for itself"
        assert isinstance(await here.home.pay(400, here.clock()), Reservation)
        assert isinstance(await here.laptop.pay(1, here.clock()), OverCap)


async def test_out_of_the_holders_reach_a_device_spends_what_it_was_leased_and_says_why_no_more(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        assert await here.laptop.supplied(300)
        assert here.laptop.shares.problem() is None
        here.net.down.add("home")
        assert "home, which holds the cap, cannot be reached" in str(here.laptop.shares.problem())
        assert isinstance(await here.laptop.pay(300, here.clock()), Reservation)
        assert not await here.laptop.supplied(500)
        assert isinstance(await here.laptop.pay(500, here.clock()), OverCap)
        here.net.down.clear()
        assert not await here.laptop.supplied(500), "it does not ask for every request in vain"
        here.clock.pass_s(SHORT_MS // 1_000)
        assert await here.laptop.supplied(500)


async def test_a_lease_whose_answer_was_lost_is_not_granted_twice(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        here.net.deaf.add("laptop")
        assert not await here.laptop.supplied(700)
        here.net.deaf.clear()
        here.clock.pass_s(SHORT_MS // 1_000)
        assert await here.laptop.supplied(700)
        rest = here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock())
        assert rest == 300 - 300 // 8, "no more than what it asks for beyond its need"


async def test_what_a_day_left_comes_back_to_the_month(tmp_path: Path) -> None:
    async with world(tmp_path, CapsConfig(month=NanoUsd(1_000))) as here:
        assert await here.laptop.supplied(800)
        assert isinstance(await here.laptop.pay(100, here.clock()), Reservation)
        here.clock.pass_s(SECONDS_PER_DAY)
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) == 200
        here.net.deaf.add("laptop")
        await here.laptop.shares.tend([])
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) == 900
        here.net.deaf.clear()
        await here.laptop.shares.tend([])
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) == 900


async def test_a_return_that_was_lost_is_said_again(tmp_path: Path) -> None:
    async with world(tmp_path, CapsConfig(month=NanoUsd(1_000))) as here:
        assert await here.laptop.supplied(800)
        here.clock.pass_s(SECONDS_PER_DAY)
        purse = here.laptop.shares.caps().account.purse("cloud", DAY)  # type: ignore[union-attr]
        await here.laptop.money.give_back(purse)  # and killed before it was said
        here.laptop.shares = shares_of(here.laptop, here.net, here.clock)
        await here.laptop.shares.tend([])
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) == 1_000


async def test_a_provider_that_is_capped_by_itself_is_so_on_every_device(tmp_path: Path) -> None:
    caps = CapsConfig(NanoUsd(1_000), None, {"cloud": ProviderCapsConfig(day=NanoUsd(100))})
    async with world(tmp_path, caps) as here:
        assert not await here.laptop.supplied(101)
        assert await here.laptop.supplied(101, "other")
        assert await here.laptop.supplied(60) or await here.den.supplied(60)
        assert isinstance(await here.home.pay(41, here.clock()), OverCap)


async def test_a_device_asks_for_a_little_before_it_needs_it(tmp_path: Path) -> None:
    async with world(tmp_path, CapsConfig(NanoUsd(8_000_000))) as here:
        await here.laptop.shares.tend(["cloud"])
        assert here.laptop.money.remaining_for(here.laptop.shares.caps(), "cloud", here.clock()) == 1_000_000


async def test_without_a_cap_of_the_owner_a_device_pays_as_its_own_configuration_says(tmp_path: Path) -> None:
    async with world(tmp_path, CapsConfig()) as here:
        assert here.laptop.shares.caps() == Caps()
        here.laptop.config = CapsConfig(NanoUsd(5))
        assert isinstance(await here.laptop.pay(6, here.clock()), OverCap)
        assert isinstance(await here.laptop.pay(5, here.clock()), Reservation)


async def test_whoever_succeeds_the_holder_waits_for_a_new_month(tmp_path: Path) -> None:
    async with world(tmp_path, deputy=True) as here:
        assert await here.den.supplied(900)
        revoked = await Authority(here.laptop.archipelago, here.clock).revoke(here.home.archipelago.island)
        await here.den.archipelago.believe(revoked)
        del here.net.nodes[here.home.archipelago.island]
        laptop, den = here.laptop, here.den
        assert laptop.archipelago.membership.cap_holder() == laptop.archipelago.island
        await laptop.shares.tend([])
        assert isinstance(await laptop.pay(1, here.clock()), OverCap), "it has set no cap yet"
        laptop.config = CapsConfig(NanoUsd(500))
        assert isinstance(await laptop.pay(1, here.clock()), OverCap)
        assert not await den.supplied(1)
        here.clock.pass_s(20 * SECONDS_PER_DAY)  # from January to February
        restarted = shares_of(laptop, here.net, here.clock)
        laptop.shares = restarted
        assert isinstance(await laptop.pay(1, here.clock()), OverCap), "until it has read since when"
        await laptop.shares.tend([])
        assert isinstance(await laptop.pay(100, here.clock()), Reservation)
        assert await den.supplied(400)
        assert isinstance(await laptop.pay(1, here.clock()), OverCap)


async def test_who_does_not_hold_the_cap_leases_nothing_and_gives_nothing_back_to_others(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        laptop, den = (here.home.archipelago.member(one.archipelago.island) for one in (here.laptop, here.den))
        assert laptop is not None
        assert den is not None
        question = LeaseQuestion("cloud", DAY, NOTHING, NanoUsd(10), NOTHING)
        assert await here.den.shares.answer(laptop, question) == LeaseAnswer(None)
        assert await here.laptop.supplied(300)
        here.clock.pass_s(FRESH_MS // 1_000)
        assert await here.laptop.shares.answer(den, RecallQuestion("cloud", DAY)) == RecallAnswer(None)
        assert isinstance(await here.laptop.pay(300, here.clock()), Reservation)


@pytest.mark.parametrize("days", [-1, 1])
async def test_no_lease_is_given_for_another_day(tmp_path: Path, days: int) -> None:
    async with world(tmp_path) as here:
        laptop = here.home.archipelago.member(here.laptop.archipelago.island)
        assert laptop is not None
        question = LeaseQuestion("cloud", DAY + days, NOTHING, NanoUsd(10), NOTHING)
        assert await here.home.shares.answer(laptop, question) == LeaseAnswer(None)


async def test_a_return_counts_for_its_own_author_and_no_more_than_was_granted(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        assert await here.laptop.supplied(300)
        home = here.home.archipelago
        den, laptop = here.den.archipelago, here.laptop.archipelago
        purse = Purse(home.membership.archipelago, home.island, laptop.island, "cloud", DAY)
        asker = home.member(den.island)
        assert asker is not None
        stolen = seal_share(Return(purse, NanoUsd(300)), laptop.keys.signing)
        with pytest.raises(RecordError, match="another's"):
            await here.home.shares.answer(asker, ReturnQuestion(stolen))
        asker = home.member(laptop.island)
        assert asker is not None
        for wrong in (Return(purse, NanoUsd(301)), Return(replace(purse, archipelago=bytes(32)), NOTHING)):
            with pytest.raises(RecordError):
                await here.home.shares.answer(asker, ReturnQuestion(seal_share(wrong, laptop.keys.signing)))
        with pytest.raises(RecordError, match="not for this island"):
            await here.home.shares.answer(asker, ReturnQuestion(seal_share(Lease(purse, NOTHING), home.keys.signing)))
        assert here.home.money.remaining_for(here.home.shares.caps(), "cloud", here.clock()) == 700


async def test_what_is_leased_is_signed_by_the_holder(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        raw = await Port(here.net, here.laptop.archipelago.island).ask(
            here.home.archipelago.island, _question(NanoUsd(250)), 1.0
        )
        said = decode_answer(raw)
        assert isinstance(said, LeaseAnswer)
        assert said.lease is not None
        share = open_share(said.lease)
        assert isinstance(share, Lease)
        assert (share.granted, share.author) == (250, here.home.archipelago.island)


def _question(need: NanoUsd) -> bytes:
    return encode_question(LeaseQuestion("cloud", DAY, NOTHING, need, NOTHING))
