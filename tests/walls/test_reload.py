"""Design, sections 2 and 3: the configuration read again, the owner's cap in signed shares, statements on change."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio
import trio.testing

from node import clock
from node import island as composition
from node.agents.policy import DEFAULT_CLEARANCE
from node.authority import Authority, found
from node.backends.http_client import Endpoint
from node.backends.openai_http import OpenAIHttp
from node.config import Config, FileContent, OutputLimit, load
from node.island import Island
from node.ports import BackendModel, Origin
from node.store.database import Store
from node.store.files import StateDirectory
from node.store.money import Money
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import ConfigError
from protocol.terms import NanoUsd, Sensitivity
from tests.attested import signing_key
from tests.pipelines import entropy, now
from tests.stand_in import CHUNKED_END, CHUNKED_HEAD, Asked, chunked, scripted
from tests.two_islands import call, enrolled, grantee, keys

USD = 1_000_000_000
PROVIDER = '[[providers]]\nname = "{0}"\nurl = "https://{0}.invalid/v1"\n[[providers.models]]\nname = "m"\n'
BEFORE = '[caps]\nday_usd = "1"\n' + PROVIDER.format("old")
AFTER = (
    '[caps]\nday_usd = "2"\n[privacy]\nlanguages = ["de"]\n[policy.clearance.edge]\nas_is = "internal"\n'
    "[limits]\nconversation_days = 7\n" + PROVIDER.format("new")
)
BROKEN = {
    "no TOML": AFTER + "[caps",
    "an unknown key": AFTER.replace("conversation_days", "foo"),
    "a policy that is none": AFTER.replace('"internal"', '"intern"'),
    "a provider that cannot be reached so": AFTER.replace("https://", "gopher://"),
    "a cap that is no amount": AFTER.replace('"2"', '"two"'),
}


@dataclass
class Running:
    """An island with its loops standing still: its parts are real, and nothing but the test moves them."""

    island: Island
    text: list[str] = field(default_factory=list)

    def told(self) -> tuple[object, ...]:
        """All that a configuration decides, as the parts in use have it."""
        island = self.island
        providers = [config.name for _, config in island.services._providers]
        return (
            island.config,
            island.policy().clearance,
            island.collections.clearance,
            island.detection.policy.languages,
            island.caps().day,
            providers,
        )


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    text = [BEFORE]

    def read() -> Config:
        content = FileContent(f"version = 1\n[embedded]\nenabled = false\n{text[0]}".encode())
        return load({}, {"HOME": "/h"}, lambda path: content if path.name == "config.toml" else None)

    with Store.open(tmp_path / "island.db") as store:
        founder = grantee("home", signer=True)
        archipelago = await found(store, keys(1), founder, signing_key(999).public, clock.now, entropy)
        money = await Money.open(store, entropy, clock.now())
        directory = StateDirectory.create(tmp_path / "state")
        island = Island(read(), read, directory, store, archipelago, money, frozenset(), {})
        async with trio.open_nursery() as nursery:
            island._nursery = nursery
            await island._renew()
            yield Running(island, text)
            nursery.cancel_scope.cancel()
        await island.services.aclose()


@pytest.mark.parametrize("what", BROKEN)
async def test_a_configuration_that_is_broken_anywhere_changes_nothing(running: Running, what: str) -> None:
    before = running.told()
    running.text[0] = BROKEN[what]
    with pytest.raises(ConfigError) as error:
        await running.island.reload()
    assert "\n" not in str(error.value)
    assert running.told() == before


async def test_a_configuration_that_is_sound_holds_in_every_part_at_once(running: Running) -> None:
    running.text[0] = AFTER
    await running.island.reload()
    _, clearance, of_collections, languages, _, providers = running.told()
    assert clearance == of_collections != DEFAULT_CLEARANCE
    assert running.island.policy().clearance[1].as_is is Sensitivity.INTERNAL
    assert (languages, providers) == (frozenset({"de"}), ["new"])
    assert running.island.conversations.bounds.age_s == 7 * 86_400
    await trio.testing.wait_all_tasks_blocked()
    await running.island.store.flush()
    assert running.island.caps().day == 2 * USD


async def test_a_backend_that_left_the_configuration_is_closed_when_it_is_idle(running: Running) -> None:
    ((backend, _),) = running.island.services._providers
    backend._busy = 1
    running.text[0] = AFTER
    await running.island.reload()
    await trio.testing.wait_all_tasks_blocked()
    assert not backend._client.is_closed
    backend._busy = 0
    backend._idle.set()
    await trio.testing.wait_all_tasks_blocked()
    assert backend._client.is_closed


async def test_an_answer_under_way_outlives_the_configuration_that_named_its_backend() -> None:
    go_on = trio.Event()

    async def script(asked: Asked, stream: trio.SocketStream) -> None:
        hello = 'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}\n\n'
        await stream.send_all(CHUNKED_HEAD + chunked(hello.encode()))
        await go_on.wait()
        stop = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        await stream.send_all(chunked(stop.encode()) + CHUNKED_END)

    events: list[AnswerEvent] = []
    async with scripted(script) as server:
        model = BackendModel("m", Origin.REMOTE, 8_192, NanoUsd(1), NanoUsd(1))
        backend = OpenAIHttp("cloud", Endpoint.parse(server.url, "k"), [model], limit=OutputLimit.MAX_TOKENS)
        async with trio.open_nursery() as nursery:

            async def emit(event: AnswerEvent) -> None:
                events.append(event)
                if isinstance(event, Delta):
                    nursery.start_soon(backend.retire)
                    await trio.testing.wait_all_tasks_blocked()
                    assert not backend._client.is_closed
                    go_on.set()

            with trio.fail_after(10):
                await backend.answer(call(model="m"), emit)
    assert isinstance(events[-1], Finished)
    assert backend._client.is_closed


async def test_the_holder_of_the_cap_alone_tells_the_members_that_there_is_one(tmp_path: Path) -> None:
    with ExitStack() as stack:
        islands = await enrolled(stack, tmp_path)
        home, laptop = islands.home.island, islands.laptop.island

        def shares() -> tuple[NanoUsd | None, NanoUsd | None]:
            return tuple(islands.home.membership.member(island, now()).spend_share for island in (home, laptop))  # type: ignore[return-value,union-attr]

        assert shares() == (None, None)
        assert len(await islands.signer.bind_to_cap(capped=True)) == 2
        assert shares() == (0, 0)
        assert await islands.signer.bind_to_cap(capped=True) == ()
        assert len(await islands.signer.bind_to_cap(capped=False)) == 2
        assert shares() == (None, None)
        await islands.signer.bind_to_cap(capped=True)
        deputy = grantee("laptop", signer=True)
        deputy = replace(deputy, spend_share=NanoUsd(0))
        await islands.tell(await islands.signer.admit(laptop, islands.laptop.keys.sealing.public, deputy))
        also_signs = Authority(islands.laptop, now)
        assert also_signs.is_signer
        assert await also_signs.bind_to_cap(capped=False) == ()


async def test_the_founders_configuration_is_the_owners_cap(running: Running) -> None:
    await running.island.store.flush()
    member = running.island.archipelago.me()
    assert (member.spend_share, running.island.caps().day, running.island.policy().remaining) == (0, USD, USD)
    account = running.island.caps().account
    assert account is not None
    assert account.held


async def test_a_statement_is_made_anew_when_what_it_says_of_the_battery_changes(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    island, percent = running.island, [None, None, 83.0, 81.0, 79.0, None]
    sequences = []
    for level in percent:
        monkeypatch.setattr(composition, "battery", lambda level=level: level)
        await island._state_changes()
        statement = island.archipelago.registry.statement(island.archipelago.island, clock.now())
        sequences.append(None if statement is None else (statement.sequence, statement.battery))
    assert sequences == [(1, None), (1, None), (2, 83), (2, 83), (3, 79), (4, None)]
