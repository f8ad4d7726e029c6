"""Design, sections 1 and 2: every island believes only what was signed; what it holds, it alone lets others ask."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node.archipelago import Archipelago
from node.authority import RENEW_LEFT_S, Authority
from node.collections.holder import Collections
from node.directory import CollectionDirectory
from node.prekeys import PREKEY_KEPT_S, PREKEY_LIFE_S, Prekeys
from node.questions import GRANTS_PER_HOLDER_MAX, Questions
from node.store.database import Store
from protocol.encoding import encode
from protocol.errors import LinkError, MembershipError, StateError
from protocol.keys import IslandId
from protocol.questions import (
    CollectionsAnswer,
    CollectionsQuestion,
    GrantAnswer,
    GrantQuestion,
    LoadAnswer,
    LoadQuestion,
    decode_answer,
    encode_question,
)
from protocol.records import CERTIFICATE_LIFETIME_S, OFFERS_MAX, STATEMENT_BYTES_MAX, prekey_id
from protocol.terms import Sensitivity
from tests.attested import OFFER, observation, sealing_key, signing_key, statement
from tests.pipelines import entropy, now, pass_time
from tests.two_islands import Islands, OwnModel, enrolled, founded, grantee, keys, services

PAPERS = bytes(range(16))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


async def test_what_is_believed_is_on_disk_and_verified_again_at_the_next_start(
    stack: ExitStack, tmp_path: Path
) -> None:
    islands = await enrolled(stack, tmp_path)
    again = await Archipelago.restore(islands.stores["laptop"], keys(2), now, entropy)
    assert again is not None
    assert again.members() == islands.laptop.members() == islands.home.members()
    assert {member.name for member in again.members()} == {"home", "laptop"}


async def test_a_log_that_was_changed_on_disk_is_refused_at_the_start(stack: ExitStack, tmp_path: Path) -> None:
    islands = await enrolled(stack, tmp_path)
    store = islands.stores["laptop"]
    await store.write(lambda c: c.execute("UPDATE log_entries SET raw = x'00' WHERE position = 1"))
    with pytest.raises(StateError, match="corrupt"):
        await Archipelago.restore(store, keys(2), now, entropy)


async def test_a_record_of_the_mesh_process_is_verified_again_and_changes_nothing_when_it_is_not_good(
    stack: ExitStack, tmp_path: Path
) -> None:
    islands = await enrolled(stack, tmp_path)
    laptop = islands.laptop
    before = laptop.members()
    sealed = statement(signing_key(1), boot=9).raw
    forged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    stranger = signing_key(77)
    for raw in (
        b"",
        b"rubbish",
        encode({"kind": "certificate"}),
        forged,
        statement(stranger).raw,
        observation(stranger, laptop.island).raw,
        laptop.membership.genesis.raw,
    ):
        assert await laptop.believe(raw) == ()
    assert laptop.members() == before
    assert laptop.registry.statement(stranger.island, now()) is None
    stated = laptop.registry.statement(islands.home.island, now())
    assert stated is not None
    assert stated.boot == 1


async def test_a_device_whose_archipelago_has_other_members_joins_no_second_one(
    stack: ExitStack, tmp_path: Path
) -> None:
    islands = await enrolled(stack, tmp_path)
    other = await founded(stack.enter_context(Store.open(tmp_path / "other.db")), 5, "other")
    signer = Authority(other, now)
    await signer.admit(islands.laptop.island, islands.laptop.keys.sealing.public, grantee("laptop"))
    with pytest.raises(MembershipError, match="joins no second one"):
        await islands.laptop.join(other.membership.genesis.raw, other.membership.entries())
    assert islands.laptop.membership.archipelago == islands.home.membership.archipelago


async def test_a_device_alone_joins_only_where_it_is_certified(stack: ExitStack, tmp_path: Path) -> None:
    home, laptop = [
        await founded(stack.enter_context(Store.open(tmp_path / f"{name}.db")), number, name)
        for number, name in ((1, "home"), (2, "laptop"))
    ]
    before = laptop.membership
    with pytest.raises(MembershipError, match="another device"):
        await laptop.join(home.membership.genesis.raw, home.membership.entries())
    assert laptop.membership is before


async def test_a_revoked_member_is_gone_and_its_key_never_comes_back(stack: ExitStack, tmp_path: Path) -> None:
    islands = await enrolled(stack, tmp_path)
    await islands.tell(await islands.signer.revoke(islands.laptop.island))
    for believed in (islands.home, islands.laptop):
        assert [member.name for member in believed.members()] == ["home"]
        assert believed.keyring().member(islands.laptop.island, now()) is None
    with pytest.raises(MembershipError):
        islands.laptop.me()
    await islands.signer.admit(islands.laptop.island, islands.laptop.keys.sealing.public, grantee("laptop"))
    assert islands.home.member(islands.laptop.island) is None


async def test_certificates_are_renewed_at_half_their_time_by_whoever_made_them(
    stack: ExitStack, tmp_path: Path, mock_clock: object
) -> None:
    islands = await enrolled(stack, tmp_path)
    assert islands.signer.due() == ()
    pass_time(CERTIFICATE_LIFETIME_S - RENEW_LEFT_S - 1)
    assert islands.signer.due() == ()
    assert Authority(islands.laptop, now).due() == (), "the laptop signs for nobody"
    pass_time(1)
    assert set(islands.signer.due()) == {islands.home.island, islands.laptop.island}
    for island in islands.signer.due():
        await islands.tell(await islands.signer.renew(island))
    assert islands.signer.due() == ()
    pass_time(CERTIFICATE_LIFETIME_S - 1)
    assert len(islands.laptop.members()) == 2


async def test_certificates_of_a_signer_that_is_gone_are_renewed_by_those_who_remain(
    stack: ExitStack, tmp_path: Path, mock_clock: object
) -> None:
    islands = await enrolled(stack, tmp_path)
    desk = keys(3)
    for island, sealing, name in (
        (islands.laptop.island, islands.laptop.keys.sealing.public, "laptop"),
        (desk.signing.island, desk.sealing.public, "desk"),
    ):
        await islands.tell(await islands.signer.admit(island, sealing, grantee(name, signer=name == "laptop")))
    laptop = Authority(islands.laptop, now)
    await laptop.revoke(islands.home.island)
    pass_time(CERTIFICATE_LIFETIME_S - RENEW_LEFT_S)
    assert set(laptop.due()) == {islands.laptop.island, desk.signing.island}
    await laptop.renew(desk.signing.island)
    assert laptop.due() == (islands.laptop.island,)


async def test_only_a_signer_admits_renews_grants_and_revokes(stack: ExitStack, tmp_path: Path) -> None:
    islands = await enrolled(stack, tmp_path)
    laptop = Authority(islands.laptop, now)
    home = islands.home.island
    for act in (
        lambda: laptop.admit(IslandId("x"), sealing_key(3), grantee("x")),
        lambda: laptop.renew(home),
        lambda: laptop.grant(home, PAPERS, "ada"),
        lambda: laptop.revoke(home),
    ):
        with pytest.raises(MembershipError):
            await act()
    assert len(islands.laptop.members()) == 2


async def test_names_are_one_islands_alone_and_stay_within_their_length(stack: ExitStack, tmp_path: Path) -> None:
    islands = await enrolled(stack, tmp_path)
    long = "n" * 64
    for number, name in enumerate(("laptop", long, long)):
        other = keys(10 + number)
        await islands.signer.admit(other.signing.island, other.sealing.public, grantee(name))
    names = {member.name for member in islands.home.members()}
    assert names == {"home", "laptop", "laptop-2", long, "n" * 62 + "-2"}


async def test_an_entry_that_missed_the_disk_goes_there_with_the_next_one(
    stack: ExitStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    islands = await enrolled(stack, tmp_path)
    store = islands.stores["home"]

    async def full(_job: object) -> None:
        raise StateError("disk full")

    with monkeypatch.context() as broken, pytest.raises(StateError):
        broken.setattr(store, "write", full)
        await islands.signer.admit(keys(3).signing.island, sealing_key(3), grantee("desk"))
    await islands.signer.admit(keys(4).signing.island, sealing_key(4), grantee("shelf"))
    again = await Archipelago.restore(store, keys(1), now, entropy)
    assert again is not None
    assert {member.name for member in again.members()} == {"home", "laptop", "desk", "shelf"}


async def test_a_statement_always_fits_whatever_the_models_are_called(stack: ExitStack, tmp_path: Path) -> None:
    islands = await enrolled(stack, tmp_path)
    many = tuple(replace(OFFER, model=f"{number:03}" + "m" * 120) for number in range(OFFERS_MAX + 5))
    raw = islands.home.state(many, None)
    assert len(raw) <= STATEMENT_BYTES_MAX
    await islands.laptop.believe(raw)
    stated = islands.laptop.registry.statement(islands.home.island, now())
    assert stated is not None
    assert 10 < len(stated.offers) < len(many)
    assert stated.offers == many[: len(stated.offers)]


def test_a_prekey_lives_a_day_and_what_was_sealed_for_it_is_opened_an_hour_longer_and_never_again() -> None:
    prekeys = Prekeys(entropy)
    first = prekeys.newest(0)
    assert prekeys.newest(PREKEY_LIFE_S * 1_000 - 1) is first
    second = prekeys.newest(PREKEY_LIFE_S * 1_000)
    assert second.public != first.public
    assert set(prekeys.by_id()) == {prekey_id(first.public), prekey_id(second.public)}
    prekeys.newest(PREKEY_KEPT_S * 1_000)
    assert set(prekeys.by_id()) == {prekey_id(second.public)}


class Line:
    """What the mesh does for questions: carries them to the other island, or not."""

    def __init__(self) -> None:
        self.peers: frozenset[IslandId] = frozenset()
        self.published: list[bytes] = []
        self.answerer: Callable[[bytes], object] | None = None

    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes:
        if island not in self.peers or self.answerer is None:
            raise LinkError("not connected")
        return await self.answerer(question)  # type: ignore[misc,no-any-return]

    async def publish(self, raw: bytes) -> None:
        self.published.append(raw)


@dataclass
class Desk:
    """One island's side of the questions."""

    questions: Questions
    directory: CollectionDirectory
    collections: Collections
    line: Line


def desk(archipelago: Archipelago, directory: Path, *own: OwnModel) -> Desk:
    collections = Collections(directory)
    known, line = CollectionDirectory(archipelago.island, collections.own), Line()
    questions = Questions(archipelago, Authority(archipelago, now), services(*own), collections, known, line)  # type: ignore[arg-type]
    return Desk(questions, known, collections, line)


@asynccontextmanager
async def desks(stack: ExitStack, tmp_path: Path, person: str = "bob") -> AsyncIterator[tuple[Islands, Desk, Desk]]:
    """Home's and the laptop's, connected; the laptop is bob's and holds papers."""
    islands = await enrolled(stack, tmp_path, person=person)
    home, laptop = desk(islands.home, tmp_path / "h", OwnModel()), desk(islands.laptop, tmp_path / "l", OwnModel())
    home.line.peers, laptop.line.peers = frozenset({islands.laptop.island}), frozenset({islands.home.island})
    home.line.answerer = lambda question: laptop.questions.answer(islands.home.island, question)
    laptop.line.answerer = lambda question: home.questions.answer(islands.laptop.island, question)
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text("the quokka pays rent\n")
    laptop.collections.add("papers", folder, Sensitivity.CONFIDENTIAL, lambda _size: PAPERS)
    yield islands, home, laptop


async def test_a_holder_lets_a_signer_grant_and_the_person_hears_of_the_collection_then(
    stack: ExitStack, tmp_path: Path
) -> None:
    async with desks(stack, tmp_path) as (islands, home, laptop):
        await home.questions.learn_collections(islands.laptop.island)
        assert home.directory.known() == (), "not even its name is told"
        assert await laptop.questions.grant(PAPERS, "ada") == 1
        for raw in home.line.published:
            await islands.tell(raw)
        await home.questions.learn_collections(islands.laptop.island)
        (known,) = home.directory.known()
        assert (known.name, known.label, known.holder) == ("papers", Sensitivity.CONFIDENTIAL, islands.laptop.island)
        assert await laptop.questions.grant(PAPERS, "ada") == 0, "all have it already"


async def test_a_certificate_that_shows_a_collections_id_lets_nobody_grant_it_to_himself(
    stack: ExitStack, tmp_path: Path
) -> None:
    async with desks(stack, tmp_path) as (islands, home, laptop):
        thief, own = keys(3).signing.island, entropy(16)
        await islands.signer.admit(thief, keys(3).sealing.public, grantee("thief", "eve"))
        await laptop.questions.grant(PAPERS, "ada")
        await home.questions.grant(own, "bob")  # one that the signer itself holds
        for collection in (PAPERS, own):
            question = encode_question(GrantQuestion(collection, "eve"))
            assert await home.questions.answer(thief, question) == b""
        member = islands.home.member(thief)
        assert member is not None
        assert member.grants == ()
        restarted = desk(islands.home, tmp_path / "h")
        question = encode_question(GrantQuestion(PAPERS, "eve"))
        assert await restarted.questions.answer(thief, question) == b""
        assert await restarted.questions.answer(islands.laptop.island, question), "the holder still may, after a start"


async def test_a_holder_gone_bad_gets_only_so_many_grants_signed(stack: ExitStack, tmp_path: Path) -> None:
    async with desks(stack, tmp_path) as (islands, home, _):
        answers = []
        for number in range(GRANTS_PER_HOLDER_MAX + 2):
            question = encode_question(GrantQuestion(number.to_bytes(16, "big"), "nobody" if number else "ada"))
            said = await home.questions.answer(islands.laptop.island, question)
            answers.append(decode_answer(said) if said else None)
        assert answers[0] == GrantAnswer(1)
        assert answers[-2:] == 2 * [GrantAnswer(None)]


async def test_more_grants_than_a_certificate_holds_are_refused_and_end_nothing(
    stack: ExitStack, tmp_path: Path
) -> None:
    async with desks(stack, tmp_path) as (islands, home, _):
        for number in range(64):
            await home.questions.grant(number.to_bytes(16, "big"), "ada")
        with pytest.raises(MembershipError):
            await home.questions.grant(b"m" * 16, "ada")
        assert await home.questions.answer(islands.laptop.island, encode_question(GrantQuestion(PAPERS, "ada"))) == b""


async def test_strangers_and_the_revoked_are_told_nothing(stack: ExitStack, tmp_path: Path) -> None:
    async with desks(stack, tmp_path) as (islands, home, _):
        questions = [
            encode_question(one) for one in (LoadQuestion(), CollectionsQuestion(), GrantQuestion(PAPERS, "x"))
        ]
        assert isinstance(decode_answer(await home.questions.answer(islands.laptop.island, questions[0])), LoadAnswer)
        await islands.signer.revoke(islands.laptop.island)
        for question in questions:
            assert await home.questions.answer(islands.laptop.island, question) == b""
            assert await home.questions.answer(signing_key(77).island, question) == b""


async def test_a_question_of_rubbish_is_refused(stack: ExitStack, tmp_path: Path) -> None:
    async with desks(stack, tmp_path) as (islands, home, _):
        for question in (b"", b"\xff", encode({"kind": "everything"})):
            assert await home.questions.answer(islands.laptop.island, question) == b""


async def test_a_person_whose_tier_does_not_cover_the_label_is_not_told_the_name(
    stack: ExitStack, tmp_path: Path
) -> None:
    async with desks(stack, tmp_path) as (islands, home, laptop):
        await laptop.questions.grant(PAPERS, "ada")
        for raw in home.line.published:
            await islands.tell(raw)
        laptop.collections.add("papers", tmp_path / "documents", Sensitivity.RESTRICTED, entropy)
        said = decode_answer(await laptop.questions.answer(islands.home.island, encode_question(CollectionsQuestion())))
        assert said == CollectionsAnswer(())


async def test_without_a_signer_that_can_be_reached_nothing_is_granted(stack: ExitStack, tmp_path: Path) -> None:
    async with desks(stack, tmp_path) as (_, _, laptop):
        laptop.line.peers = frozenset()
        with pytest.raises(MembershipError, match="signs for this archipelago"):
            await laptop.questions.grant(PAPERS, "ada")
