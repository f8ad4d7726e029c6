from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.session import Admit, Close, SendGreeting, Session, SessionState
from tests.attested import NOW, later
from tests.unit.islands import Archipelago, only

ISLANDS = Archipelago()
GOOD = only(SendGreeting, Session(ISLANDS.membership(), ISLANDS.ids[2], ISLANDS.ids[1], dialler=True).start(NOW)).data
EVENTS = st.one_of(
    st.just(("receive", GOOD)),
    st.binary(max_size=60).map(lambda data: ("receive", data)),
    st.integers(0, 3_000).map(lambda ms: ("tick", ms)),
    st.just(("recheck", 0)),
    st.just(("revoke", 0)),
)


@given(events=st.lists(EVENTS, max_size=8), dialler=st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_session_admits_at_most_once_and_says_nothing_after_its_end(events, dialler):
    membership = ISLANDS.membership()
    session = Session(membership, ISLANDS.ids[1], ISLANDS.ids[2], dialler=dialler)
    actions = list(session.start(NOW))
    for name, argument in events:
        before = session.state
        match name:
            case "receive":
                said = session.receive(argument, NOW)
            case "tick":
                said = session.tick(later(ms=argument))
            case "recheck":
                said = session.recheck(NOW)
            case _:
                membership.accept(Archipelago().revoke(2).raw, NOW)
                said = session.recheck(NOW)
        assert before is not SessionState.CLOSED or not said
        actions.extend(said)
    assert sum(isinstance(action, Admit) for action in actions) <= 1
    assert sum(isinstance(action, Close) for action in actions) == (session.state is SessionState.CLOSED)
    assert sum(isinstance(action, SendGreeting) for action in actions) <= 1


@given(place=st.integers(0, len(GOOD)), drop=st.integers(0, 8), extra=st.binary(max_size=8))
@settings(max_examples=150, deadline=None)
def test_a_mutated_greeting_never_raises_and_admits_only_its_sender(place, drop, extra):
    session = Session(ISLANDS.membership(0, 1), ISLANDS.ids[1], ISLANDS.ids[2], dialler=False)
    session.start(NOW)
    for action in session.receive(GOOD[:place] + extra + GOOD[place + drop :], NOW):
        if isinstance(action, Admit):
            assert action.member.island == ISLANDS.ids[2]
