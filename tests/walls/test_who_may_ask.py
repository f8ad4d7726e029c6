"""Design, section 2, "Who may ask": a request comes from a live member, and gets only what is meant for it.

Real archipelagos, envelopes, collections and serving; only the models are scripted, and the streams are in memory.
"""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import trio
import trio.testing

from node.archipelago import Archipelago
from node.backends.peer import PeerBackend
from node.collections.holder import Collections
from node.local_answers import PeerAnswers
from node.ports import Call, Emit, Origin
from node.receipts import Receipts
from node.serving import HELLO_S, RUNNING_MAX, STALLED_S, Serving
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import BackendError, BackendFailure, MisuseError
from protocol.keys import SealingKey
from protocol.members import Member
from protocol.membership import Membership
from protocol.terms import Sensitivity, Tier
from tests.peer_streams import MemoryStream
from tests.pipelines import END, entropy, fails, now, pass_time, says
from tests.two_islands import Islands, OwnModel, Streams, call, enrolled, peer_backend, services

PROVIDER = """
[[providers]]
name = "cloud"
url = "https://cloud.invalid/v1"
[[providers.models]]
name = "gpt-x"
input_usd = "1"
output_usd = "2"
context_tokens = 128000
"""


@dataclass
class Scene:
    """The laptop asks home, whose `model` answers."""

    islands: Islands
    serving: Serving
    collections: Collections
    model: OwnModel
    streams: Streams
    backend: PeerBackend

    async def ask(self, asked: Call | None = None) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            events.append(event)

        await self.backend.answer(asked or call(), emit)
        return events

    async def refused(self, asked: Call | None = None) -> BackendError:
        with pytest.raises(BackendError) as error:
            await self.ask(asked)
        return error.value


@asynccontextmanager
async def scene(tmp_path: Path, *own: OwnModel, person: str = "ada", **changes: Tier) -> AsyncIterator[Scene]:
    with ExitStack() as stack:
        islands = await enrolled(stack, tmp_path, person=person, **changes)
        collections = Collections(tmp_path / "collections")
        model = own[0] if own else OwnModel()
        answers = PeerAnswers(services(*(own or (model,)), text=PROVIDER), collections, islands.home.me)
        serving = Serving(
            islands.home.keyring, islands.home.member, answers, now, Receipts(islands.stores["home"], now)
        )
        streams = Streams(islands)
        made = Scene(islands, serving, collections, model, streams, peer_backend(islands, streams))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve, nursery, made)
            yield made
            nursery.cancel_scope.cancel()


async def _serve(nursery: trio.Nursery, made: Scene) -> None:
    async for stream in made.streams.incoming:
        nursery.start_soon(made.serving.serve, stream)


async def test_a_member_with_a_live_certificate_is_answered(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(says("hel", "lo"))) as here:
        assert await here.ask() == [Delta("hel"), Delta("lo"), END]
        (asked,) = here.model.calls
        assert asked.request.body["messages"][0]["content"] == "What is a lighthouse?"
        assert (here.serving.served, here.serving.refused) == (1, 0)


async def test_the_mesh_sees_only_sealed_bytes(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(says("CANARY-SAID"))) as here:
        await here.ask(call("CANARY-ASKED"))
        (ours,) = here.streams.asked
        assert b"CANARY" not in ours.sent
        assert b"CANARY" not in ours.other.sent
        assert ours.sent
        assert ours.other.sent


async def test_a_long_answer_outlives_a_small_transport_and_comes_whole(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(says(*(str(n % 10) * 5_000 for n in range(200))))) as here:
        here.streams._room = 3_000
        events = await here.ask(call("x" * 2_000_000))
        assert [event.content[0] for event in events if isinstance(event, Delta)] == [str(n % 10) for n in range(200)]
        assert events[-1] == END


async def test_an_asker_whose_client_pauses_for_long_gets_the_rest(tmp_path: Path, mock_clock: object) -> None:
    async with scene(tmp_path, OwnModel(says(*(300 * ["x" * 5_000])))) as here:
        read = 0

        async def emit(event: AnswerEvent) -> None:
            nonlocal read
            if read in (0, 150):
                pass_time(15)
            await trio.lowlevel.checkpoint()
            read += isinstance(event, Delta)

        await here.backend.answer(call(), emit)
        assert read == 300


async def test_a_stranger_is_never_answered(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.islands.home.membership = replaced_by_a_founder_alone(here.islands.home)
        error = await here.refused()
        assert error.failure is BackendFailure.AMBIGUOUS, "nobody is told why"
        assert here.model.calls == []
        assert here.serving.refused == 1


async def test_a_member_revoked_between_opening_a_stream_and_asking_is_not_answered(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        real = here.serving._member
        assert real(here.islands.laptop.island) is not None
        here.serving._member = lambda island: None  # the revocation came after the envelope's header was accepted
        await here.refused()
        assert here.model.calls == []


async def test_a_revoked_member_is_asked_nothing_and_gets_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.islands.signer.revoke(here.islands.laptop.island)
        await here.refused()
        assert here.model.calls == []
        here.islands.laptop.membership = here.islands.home.membership
        error = await here.refused()
        assert error.failure is BackendFailure.AMBIGUOUS


async def test_nothing_is_sent_to_an_island_that_is_no_live_member_any_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.backend._recipient = lambda: None
        error = await here.refused()
        assert (error.failure, here.streams.asked) == (BackendFailure.NOT_CONNECTED, [])


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31)], ids=["zero", "one"])
async def test_a_stated_key_of_small_order_fails_that_offer_and_nothing_else(tmp_path: Path, key: bytes) -> None:
    async with scene(tmp_path) as here:
        bad = replace(here.islands.hello, prekey=SealingKey(key))
        here.backend._recipient = lambda: bad
        error = await here.refused()
        assert (error.failure, here.streams.asked) == (BackendFailure.NOT_CONNECTED, [])


async def test_an_envelope_for_another_prekey_is_refused_unread(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        other = replace(here.islands.hello, prekey=here.islands.laptop.keys.sealing.public)
        here.backend._recipient = lambda: other
        await here.refused()
        assert here.model.calls == []


async def test_a_recorded_request_is_answered_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.ask()
        recorded = bytes(here.streams.asked[0].sent)
        again = await here.streams.open(here.islands.home.island)
        assert isinstance(again, MemoryStream)
        await again.send(recorded)
        await trio.testing.wait_all_tasks_blocked()
        assert again.was_reset
        assert (len(here.model.calls), here.serving.refused) == (1, 1)


async def test_whoever_opens_a_stream_and_says_nothing_is_reset(tmp_path: Path, mock_clock: object) -> None:
    async with scene(tmp_path) as here:
        silent = await here.streams.open(here.islands.home.island)
        assert isinstance(silent, MemoryStream)
        await trio.testing.wait_all_tasks_blocked()
        pass_time(HELLO_S + 1)
        await trio.testing.wait_all_tasks_blocked()
        assert silent.was_reset
        assert here.serving.refused == 1


async def test_rubbish_ends_its_own_stream_and_nothing_else(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        rude = await here.streams.open(here.islands.home.island)
        assert isinstance(rude, MemoryStream)
        await rude.send(b"\x00\x00\x00\x10GET / HTTP/1.1\r\n")
        await trio.testing.wait_all_tasks_blocked()
        assert rude.was_reset
        assert (await here.ask())[-1] == END


@pytest.mark.parametrize("model", ["gpt-x", "cloud/gpt-x", "forwarded", "none"])
async def test_a_node_never_serves_a_peer_from_its_clouds_or_from_what_a_local_server_forwards(
    tmp_path: Path, model: str
) -> None:
    forwarded = OwnModel(says("no"), "forwarded", Origin.REMOTE)
    async with scene(tmp_path, OwnModel(), forwarded) as here:
        error = await here.refused(call(model=model))
        assert (error.failure, error.code) == (BackendFailure.REFUSED, "unknown_model")
        assert forwarded.calls == []


async def test_a_model_that_the_embedded_one_and_a_forwarder_both_name_is_answered_by_the_embedded(
    tmp_path: Path,
) -> None:
    forwarded, embedded = OwnModel(says("no"), origin=Origin.REMOTE), OwnModel(says("yes"))
    async with scene(tmp_path, forwarded, embedded) as here:
        assert (await here.ask())[0] == Delta("yes")
        assert forwarded.calls == []


def held(here: Scene, tmp_path: Path, label: Sensitivity) -> bytes:
    folder = tmp_path / "documents"
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_text("the quokka pays rent\n")
    here.collections.add("papers", folder, label, entropy)
    return here.collections.grant("papers", "bob").collection


@pytest.mark.parametrize("label", [Sensitivity.CONFIDENTIAL, Sensitivity.RESTRICTED])
async def test_a_collection_that_is_not_granted_looks_like_one_that_is_not_there(
    tmp_path: Path, label: Sensitivity
) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, label)
        not_granted = await here.refused(call("quokka", collection=collection))
        absent = await here.refused(call("quokka", collection=b"\7" * 16))
        assert (not_granted.code, not_granted.detail) == (absent.code, absent.detail)
        assert here.model.calls == []


async def test_a_granted_collection_answers_the_person_whose_tier_covers_its_label(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.CONFIDENTIAL)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        await here.ask(call("What does the quokka do?", collection=collection))
        assert "pays rent" in here.model.read
        held(here, tmp_path, Sensitivity.RESTRICTED)  # bob is at the edge for ada's home: its tier covers it no more
        error = await here.refused(call("What does the quokka do?", collection=collection))
        assert error.code == "unknown_collection"


async def test_a_damaged_collection_fails_its_request_and_not_the_node(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        await here.islands.signer.grant(here.islands.home.island, collection, "bob")
        assert here.collections.own()
        index = tmp_path / "collections" / f"{collection.hex()}.db"
        mark = index.stat()
        index.write_bytes(b"rubbish" * (mark.st_size // 7 + 1))
        error = await here.refused(call("What does the quokka do?", collection=collection))
        assert error.failure is BackendFailure.REFUSED
        assert (await here.ask())[-1] == END


async def test_an_island_whose_own_certificate_ran_out_refuses_data_and_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path, person="bob") as here:

        def nobody() -> Member:
            return Archipelago.me(here.islands.home)

        here.serving._answers._me = nobody
        collection = held(here, tmp_path, Sensitivity.PUBLIC)
        certified = here.islands.home.membership
        here.islands.home.membership = replaced_by_a_founder_alone(here.islands.home, live=False)
        with pytest.raises(BackendError) as error:
            await here.serving._answers.answer(call("q", collection=collection), certified.members(now())[0], _ignore)
        assert error.value.failure is BackendFailure.REFUSED


async def _ignore(event: AnswerEvent) -> None: ...


async def test_a_failure_keeps_its_kind_on_the_way_back(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        for failure in BackendFailure:
            here.model.script = fails(failure)
            assert (await here.refused()).failure is failure


async def test_a_failure_after_some_pieces_is_told_after_them(tmp_path: Path) -> None:
    async with scene(tmp_path, OwnModel(fails(BackendFailure.AMBIGUOUS, 2))) as here:
        pieces: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            pieces.append(event)

        with pytest.raises(BackendError):
            await here.backend.answer(call(), emit)
        assert pieces == 2 * [Delta("piece ")]


async def test_a_model_that_ends_without_its_end_is_cut_for_the_asker_too(tmp_path: Path) -> None:
    async def forgets(_call: Call, emit: Emit) -> None:
        await emit(Delta("half"))

    async with scene(tmp_path, OwnModel(forgets)) as here:
        assert (await here.refused()).failure is BackendFailure.AMBIGUOUS


async def test_a_fault_of_our_own_ends_one_request_of_a_peer_and_not_the_node(tmp_path: Path) -> None:
    async def breaks(_call: Call, _emit: Emit) -> None:
        raise MisuseError("a bug")

    async with scene(tmp_path, OwnModel(breaks)) as here:
        await here.refused()
        here.model.script = says("yes")
        assert (await here.ask())[0] == Delta("yes")


@pytest.mark.parametrize("how", ["cancel", "reset"])
async def test_an_asker_that_cancels_or_is_gone_stops_the_backend_within_a_second(
    tmp_path: Path, mock_clock: object, how: str
) -> None:
    started, stopped = trio.Event(), trio.Event()

    async def writes(_call: Call, emit: Emit) -> None:
        await emit(Delta("piece"))
        started.set()
        try:
            await trio.sleep_forever()
        finally:
            stopped.set()

    async with scene(tmp_path, OwnModel(writes)) as here, trio.open_nursery() as nursery:

        async def ask() -> None:
            try:
                await here.ask()
            except BackendError:
                assert how == "reset"

        nursery.start_soon(ask)
        await started.wait()
        at = trio.current_time()
        if how == "cancel":
            nursery.cancel_scope.cancel()
        else:
            await here.streams.asked[0].other.reset()
        with trio.CancelScope(shield=True):
            await stopped.wait()
        assert trio.current_time() - at <= 1.0


async def test_an_asker_that_takes_nothing_for_ever_holds_no_slot_for_ever(tmp_path: Path, mock_clock: object) -> None:
    async with scene(tmp_path, OwnModel(says(*(200 * ["x" * 5_000])))) as here, trio.open_nursery() as nursery:
        reading = trio.Event()

        async def emit(_event: AnswerEvent) -> None:
            reading.set()
            await trio.sleep_forever()

        nursery.start_soon(here.backend.answer, call(), emit)
        await reading.wait()
        await trio.testing.wait_all_tasks_blocked()
        pass_time(STALLED_S / 2)
        await trio.testing.wait_all_tasks_blocked()
        assert here.serving.refused == 0
        pass_time(STALLED_S)
        await trio.testing.wait_all_tasks_blocked()
        assert here.serving.refused == 1
        nursery.cancel_scope.cancel()


async def test_beyond_so_many_at_once_requests_of_peers_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    running = 0
    full, go_on = trio.Event(), trio.Event()

    async def waits(_call: Call, emit: Emit) -> None:
        nonlocal running
        running += 1
        if running == RUNNING_MAX:
            full.set()
        await go_on.wait()
        await emit(Finished("stop", 1, 1))

    async with scene(tmp_path, OwnModel(waits)) as here, trio.open_nursery() as nursery:
        for _ in range(RUNNING_MAX):
            nursery.start_soon(here.ask)
        await full.wait()
        assert (await here.refused()).failure is BackendFailure.AMBIGUOUS
        assert here.serving.refused == 1
        go_on.set()
    assert len(here.model.calls) == RUNNING_MAX


def replaced_by_a_founder_alone(home: Archipelago, *, live: bool = True) -> Membership:
    """What home believes after everybody else is gone; or a log in which home itself is not certified."""
    alone = Membership(home.membership.genesis)
    if live:
        own = home.membership.certificate(home.island)
        assert own is not None
        alone.accept(own, now())
    return alone
