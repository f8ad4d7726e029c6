"""The failover machine: its table, and that a refused event changes nothing."""

import pytest

from node.agents.router import Choice
from node.dispatch import (
    TRANSITIONS,
    Connected,
    Cut,
    Deadlines,
    Dispatch,
    Done,
    Event,
    Fail,
    Failed,
    Finished,
    State,
    TimedOut,
    Token,
    Try,
    Wait,
)
from protocol.errors import BackendFailure, MisuseError
from protocol.terms import Now
from tests.offers import offer, paid

HOME, OFFICE, CLOUD, OTHER = (
    Choice(one, False) for one in (offer("home"), offer("office"), paid("cloud"), paid("other"))
)
NOT_CONNECTED = Failed(BackendFailure.NOT_CONNECTED, "no_route")
REFUSED = Failed(BackendFailure.REFUSED, "busy")
AMBIGUOUS = Failed(BackendFailure.AMBIGUOUS, "reset")
EVENTS: tuple[Event, ...] = (Connected(), Token(), Finished(), AMBIGUOUS, TimedOut())
PATHS: dict[State, tuple[Event, ...]] = {
    State.TRYING: (),
    State.SENT: (Connected(),),
    State.STREAMING: (Connected(), Token()),
    State.DONE: (Connected(), Finished()),
    State.FAILED: (AMBIGUOUS, AMBIGUOUS),
    State.CUT: (Connected(), Token(), AMBIGUOUS),
}


def at(milliseconds: int) -> Now:
    return Now(milliseconds, 0)


def started(*plan: Choice, events: tuple[Event, ...] = ()) -> Dispatch:
    dispatch = Dispatch(plan)
    dispatch.start(at(0))
    for event in events:
        dispatch.on(event, at(0))
    return dispatch


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_event_outside_the_table_is_refused_and_changes_nothing(state: State, event: Event) -> None:
    dispatch = started(HOME, OFFICE, events=PATHS[state])
    assert dispatch.state is state
    before = (dispatch.state, dispatch.current, dispatch.attempts, dispatch.ambiguous)
    if (state, type(event)) in TRANSITIONS:
        dispatch.on(event, at(1))
        return
    with pytest.raises(MisuseError):
        dispatch.on(event, at(1))
    assert (dispatch.state, dispatch.current, dispatch.attempts, dispatch.ambiguous) == before


def test_each_phase_has_its_deadline_from_the_moment_it_begins() -> None:
    dispatch = Dispatch([HOME], Deadlines(connect_ms=5, first_token_ms=60, quiet_ms=7))
    assert dispatch.start(at(100)) == Try(HOME, 105)
    assert dispatch.on(Connected(), at(103)) == Wait(163)
    assert dispatch.on(Token(), at(150)) == Wait(157)
    assert dispatch.on(Token(), at(155)) == Wait(162)
    assert dispatch.on(Finished(), at(156)) == Done()
    assert dispatch.current == HOME


def test_empty_plan_fails_at_once() -> None:
    assert Dispatch([]).start(at(0)) == Fail("every_offer_failed", reachable=False, should_retry=True)


def test_plan_that_names_an_offer_twice_is_refused() -> None:
    with pytest.raises(MisuseError):
        Dispatch([CLOUD, HOME, CLOUD])


def test_machine_starts_once() -> None:
    dispatch = started(HOME)
    with pytest.raises(MisuseError):
        dispatch.start(at(0))


def test_exhausted_plan_says_whether_anybody_answered_at_all() -> None:
    dispatch = started(HOME, OFFICE, events=(NOT_CONNECTED,))
    assert dispatch.on(NOT_CONNECTED, at(0)) == Fail("every_offer_failed", reachable=False, should_retry=True)
    dispatch = started(HOME, OFFICE, events=(NOT_CONNECTED,))
    assert dispatch.on(REFUSED, at(0)) == Fail("every_offer_failed", reachable=True, should_retry=True)


def test_attempts_tell_the_receipt_what_was_tried() -> None:
    dispatch = started(HOME, CLOUD, OTHER, OFFICE, events=(NOT_CONNECTED, REFUSED, Connected(), TimedOut()))
    assert [(attempt.offer, attempt.failure.value, attempt.code) for attempt in dispatch.attempts] == [
        ("home/small", "not_connected", "no_route"),
        ("cloud/large", "refused", "busy"),
        ("other/large", "ambiguous", "timed_out"),
    ]
    assert dispatch.current == OFFICE


def test_request_with_an_ambiguous_attempt_behind_it_tries_unpaid_offers_only() -> None:
    dispatch = Dispatch([CLOUD, HOME], unpaid_only=True)
    assert dispatch.start(at(0)) == Try(HOME, 5_000)
    dispatch.on(Connected(), at(0))
    dispatch.on(Token(), at(0))
    assert dispatch.on(AMBIGUOUS, at(0)) == Cut("reset", should_retry=False)
