"""Design, sections 1 and 2, collections: each sentence as a test."""

import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from node.agents.policy import DEFAULT_CLEARANCE, Clearance
from node.collections.augment import raised
from node.collections.holder import Collections
from node.collections.terms import CollectionId, Grant, Notice
from protocol.errors import RefusedError
from protocol.keys import IslandId, PublicKey, SealingKey
from protocol.members import Member
from protocol.records import CapabilityStatement, ModelOffer
from protocol.terms import Sensitivity, Tier

NOBODY = Member(
    island=IslandId("island"),
    public=PublicKey(bytes(32)),
    sealing=SealingKey(bytes(32)),
    name="laptop",
    person="ada",
    ceiling=Tier.PERSONAL,
    signer=False,
    jurisdiction="",
    grants=(),
    spend_share=None,
    not_before_s=0,
    expires_s=2**40,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "documents"
    made.mkdir()
    (made / "a.txt").write_text("the quokka pays rent\n")
    return made


@pytest.fixture
def collections(tmp_path: Path, folder: Path) -> Iterator[Collections]:
    made = Collections(tmp_path / "collections")
    for label in Sensitivity:
        made.add(label.label, folder, label, os.urandom)
    yield made


def notice(collections: Collections, name: str) -> Notice:
    return next(notice for notice in collections.own() if notice.name == name)


def granted(collections: Collections, *names: str) -> Member:
    return replace(NOBODY, grants=tuple(notice(collections, name).id for name in names))


def refusal(collections: Collections, member: Member, tier: Tier, collection: CollectionId) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        collections.answer(member, tier, collection, "quokka")
    return caught.value


def test_holder_answers_a_person_whose_certificate_grants_the_collection(collections: Collections) -> None:
    member = granted(collections, "confidential")
    asked = notice(collections, "confidential")
    told, passages = collections.answer(member, Tier.EDGE, asked.id, "quokka")
    assert told == asked
    assert [(passage.file, passage.place) for passage in passages] == [("a.txt", "line 1")]


def test_holder_answers_nobody_whose_certificate_does_not_grant_it(collections: Collections) -> None:
    for member in (NOBODY, granted(collections, "public", "internal", "restricted")):
        for tier in Tier:
            refused = refusal(collections, member, tier, notice(collections, "confidential").id)
            assert refused.code == "unknown_collection"


def test_holder_answers_only_where_the_tier_covers_the_label(collections: Collections) -> None:
    member = granted(collections, *(label.label for label in Sensitivity))
    covered = {
        tier: {told.label for told in collections.visible_to(member, tier)}
        for tier in Tier
    }  # fmt: skip
    assert covered == {
        Tier.PERSONAL: set(Sensitivity),
        Tier.EDGE: {Sensitivity.PUBLIC, Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL},
        Tier.CLOUD: {Sensitivity.PUBLIC},
    }
    for tier, labels in covered.items():
        for label in set(Sensitivity) - labels:
            refusal(collections, member, tier, notice(collections, label.label).id)


def test_tightened_clearance_closes_collections_too(tmp_path: Path, collections: Collections) -> None:
    tight = (DEFAULT_CLEARANCE[0], Clearance(Sensitivity.PUBLIC, None), Clearance(None, None))
    member = granted(collections, *(label.label for label in Sensitivity))
    again = Collections(tmp_path / "collections", tight)
    assert [told.name for told in again.visible_to(member, Tier.EDGE)] == ["public"]
    assert again.visible_to(member, Tier.CLOUD) == ()


def test_to_others_not_even_the_name_is_told(collections: Collections) -> None:
    assert collections.visible_to(NOBODY, Tier.PERSONAL) == ()
    member = granted(collections, "internal")
    assert [told.name for told in collections.visible_to(member, Tier.EDGE)] == ["internal"]
    real = refusal(collections, NOBODY, Tier.EDGE, notice(collections, "confidential").id)
    absent = refusal(collections, NOBODY, Tier.EDGE, CollectionId(os.urandom(16)))
    strange = refusal(collections, NOBODY, Tier.EDGE, CollectionId(b"../"))
    assert str(real) == str(absent) == str(strange)
    assert (real.code, real.status, real.offers) == (absent.code, absent.status, absent.offers)
    assert "confidential" not in str(real)


def test_statements_name_no_collection() -> None:
    names = {field.name for record in (CapabilityStatement, ModelOffer) for field in fields(record)}
    assert not any("collection" in name or "data" in name for name in names)


def test_certificates_name_a_collection_by_a_random_id(collections: Collections) -> None:
    grant = collections.grant("confidential", "grace")
    assert grant == Grant("grace", notice(collections, "confidential").id)
    assert len(grant.collection) == 16
    assert len({told.id for told in collections.own()}) == len(Sensitivity)


def test_grant_alone_opens_nothing_before_a_certificate_says_so(collections: Collections) -> None:
    grant = collections.grant("confidential", "ada")
    refusal(collections, NOBODY, Tier.PERSONAL, grant.collection)
    member = replace(NOBODY, grants=(grant.collection,))
    assert collections.answer(member, Tier.PERSONAL, grant.collection, "quokka")[1]


def test_persons_told_of_a_collection_get_name_label_and_digest_alone(collections: Collections) -> None:
    (told,) = collections.visible_to(granted(collections, "internal"), Tier.EDGE)
    assert {field.name for field in fields(told)} == {"id", "name", "label", "digest"}
    assert (told.name, told.label, len(told.digest)) == ("internal", Sensitivity.INTERNAL, 32)


def test_retrieved_text_raises_the_request_to_the_collections_label() -> None:
    for sensitivity in Sensitivity:
        for label in Sensitivity:
            assert raised(sensitivity, label) == max(sensitivity, label)


def test_removed_collection_leaves_the_documents(collections: Collections, folder: Path) -> None:
    for label in Sensitivity:
        assert collections.remove(label.label)
    assert collections.held() == ()
    assert (folder / "a.txt").read_text() == "the quokka pays rent\n"
