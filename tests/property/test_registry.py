"""The registry believes the newest of each island in any order, and never raises. specs/03-membership.md, section 6."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import decode, encode
from protocol.membership import Membership
from protocol.registry import New, RefusalReason, Refused, Registry, Stale
from tests.attested import NOW, Log, genesis, later, observation, signing_key, statement
from tests.property.test_membership import remembering

ADA, BOB, CAT, EVE = (signing_key(number) for number in range(1, 5))
LOG = Log(ADA, genesis(ADA).hash)
MEMBERSHIP = Membership(genesis(ADA))
for key in (ADA, BOB, CAT):
    MEMBERSHIP.accept(LOG.certificate(key).raw, NOW)

NUMBERS = st.tuples(st.integers(0, 2), st.integers(0, 4))
SAID = {
    (key, number): statement(key, *number)
    for key in (ADA, BOB, EVE)
    for number in [(b, s) for b in range(3) for s in range(5)]
}
TWINS = {number: statement(BOB, *number, battery=1) for _, number in SAID}


def registry():
    return Registry(MEMBERSHIP, verifier=remembering)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(SAID, key=str)), max_size=20))
def test_the_newest_statement_of_each_member_is_believed_in_any_order(arriving):
    holder = registry()
    for case in arriving:
        holder.accept(SAID[case].raw, NOW)
    for key in (ADA, BOB):
        newest = max((number for author, number in arriving if author is key), default=None)
        believed = holder.statement(key.island, NOW)
        assert (believed and (believed.boot, believed.sequence)) == newest
    assert holder.statement(EVE.island, NOW) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NUMBERS, st.booleans()), max_size=15))
def test_an_island_that_contradicted_itself_is_not_believed_in_that_boot(arriving):
    holder = registry()
    for number, twin in arriving:
        verdict = holder.accept((TWINS[number] if twin else SAID[BOB, number]).raw, NOW)
        if verdict == Refused(RefusalReason.EQUIVOCATION, BOB.island):
            assert holder.statement(BOB.island, NOW) is None
        believed = holder.statement(BOB.island, NOW)
        assert not (believed and holder.is_quarantined(BOB.island))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(SAID, key=str)), st.integers(0, 400_000)), max_size=15))
def test_no_statement_is_believed_longer_than_its_lifetime_from_first_receipt(arriving):
    holder, first, elapsed = registry(), {}, 0
    for case, wait in arriving:
        elapsed += wait
        now = later(ms=elapsed)
        holder.expire(now)
        if isinstance(holder.accept(SAID[case].raw, now), New):
            assert first.setdefault(case, elapsed) == elapsed
        for (author, number), since in first.items():
            believed = holder.statement(author.island, now)
            if elapsed - since >= 900_000 and believed:
                assert (believed.boot, believed.sequence) != number


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_whatever_comes_the_registry_answers_with_a_verdict(data):
    raw = bytearray(
        data.draw(st.sampled_from([SAID[BOB, (0, 1)].raw, observation(BOB, CAT.island).raw, genesis(ADA).raw]))
    )
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(Registry(MEMBERSHIP).accept(bytes(raw), NOW), New | Stale | Refused)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(min_size=64, max_size=64), max_size=8, unique=True))
def test_forged_signatures_change_nothing(signatures):
    holder = registry()
    holder.accept(SAID[BOB, (1, 1)].raw, NOW)
    before = holder.digest()
    envelope = decode(SAID[BOB, (2, 2)].raw)
    for signature in signatures:
        assert holder.accept(encode(envelope | {"signatures": [signature]}), NOW) == Refused(
            RefusalReason.BAD_SIGNATURE
        )
    assert holder.digest() == before
