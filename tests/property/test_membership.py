"""The same entries make the same members, in whatever order they come. specs/03-membership.md, section 2."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.keys import verify
from protocol.membership import Membership
from protocol.terms import Tier
from tests.attested import NOW, START_S, Log, genesis, signing_key

KEYS = [signing_key(number) for number in range(1, 7)]
GENESIS = genesis(KEYS[0], KEYS[1])
_verdicts: dict[tuple[bytes, ...], bool] = {}


def remembering(public, domain, body, signature):
    case = (public, domain.encode(), body, signature)
    if case not in _verdicts:
        _verdicts[case] = verify(public, domain, body, signature)
    return _verdicts[case]


@st.composite
def entries(draw):
    """What several signers write, honest or not: grants, renewals, removals, forks, chains that do not link."""
    pens = {key.island: [Log(key, GENESIS.hash)] for key in KEYS[:4]}
    written = []
    for _ in range(draw(st.integers(1, 12))):
        branches = pens[draw(st.sampled_from(sorted(pens)))]
        pen = draw(st.sampled_from(branches))
        subject = draw(st.sampled_from(KEYS))
        match draw(st.sampled_from(["admit", "admit", "signer", "signer", "remove", "fork", "skip"])):
            case "admit":
                start = START_S + draw(st.integers(0, 2))
                ceiling = draw(st.sampled_from([Tier.PERSONAL, Tier.EDGE]))
                written.append(pen.certificate(subject, not_before_s=start, ceiling=ceiling, name="same"))
            case "signer":
                written.append(pen.certificate(subject, signer=True))
            case "remove":
                written.append(pen.revocation(subject.island, keep=draw(st.integers(0, 3))))
            case "fork":
                branches.append(pen.fork())
            case "skip":
                pen.certificate(subject)
    return [entry.raw for entry in written]


def holding(raws):
    membership = Membership(GENESIS, verifier=remembering)
    for raw in raws:
        membership.accept(raw, NOW)
    return membership


@settings(max_examples=300, deadline=None)
@given(entries(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_converges_to_one_state(raws, random):
    shuffled = [*raws, *raws[:3]]
    random.shuffle(shuffled)
    one, other = holding(raws), holding(shuffled)
    assert one.snapshot() == other.snapshot()
    assert one.members(NOW) == other.members(NOW)


@settings(max_examples=150, deadline=None)
@given(entries(), st.randoms(use_true_random=False))
def test_what_is_kept_restores_the_state_and_needs_no_waiting(raws, random):
    random.shuffle(raws)
    one = holding(raws)
    restored = Membership(GENESIS, verifier=remembering, waiting_max=1)
    for raw in one.entries():
        restored.accept(raw, NOW)
    assert restored.snapshot() == one.snapshot()


@settings(max_examples=150, deadline=None)
@given(entries(), st.data())
def test_exchanging_entries_by_heads_converges(raws, data):
    cut = data.draw(st.integers(0, len(raws)))
    one, other = holding(raws[:cut]), holding(raws[cut:])
    for _ in range(3):
        for giver, taker in ((one, other), (other, one)):
            for raw in (*giver.revocations(), *giver.entries_after(taker.heads())):
                taker.accept(raw, NOW)
    both = holding([*one.entries(), *other.entries()])
    assert one.snapshot() == other.snapshot() == both.snapshot()


@settings(max_examples=150, deadline=None)
@given(entries(), entries())
def test_a_removed_key_stays_removed_whatever_follows(raws, more):
    one = holding(raws)
    removed = {key.island for key in KEYS if one.is_revoked(key.island)}
    for raw in more:
        one.accept(raw, NOW)
    assert all(one.is_revoked(island) and not one.is_live(island, NOW) for island in removed)


@settings(max_examples=150, deadline=None)
@given(entries())
def test_the_chain_of_a_member_is_enough_to_admit_it(raws):
    one = holding(raws)
    for member in one.members(NOW):
        stranger = holding(one.chain(member.island))
        assert stranger.member(member.island, NOW).expires_s == member.expires_s
        assert one.certificate(member.island) == one.chain(member.island)[-1]


@settings(max_examples=100, deadline=None)
@given(entries())
def test_events_tell_every_change_of_who_belongs(raws):
    membership = Membership(GENESIS, verifier=remembering)
    believed = set()
    for raw in raws:
        for event in membership.accept(raw, NOW):
            match type(event).__name__:
                case "Admitted":
                    believed.add(event.member.island)
                case "Removed":
                    believed.discard(event.island)
        assert believed == {member.island for member in membership.members(NOW)}
