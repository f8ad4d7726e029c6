"""The failover machine: its table, and that a refused event changes nothing."""

from typing import Any

import pytest

from node.agents.patience import patience_ms
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
    GoOn,
    Slow,
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
EVENTS: tuple[Event, ...] = (Connected(), Token(), Finished(), AMBIGUOUS, TimedOut(), Slow())
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
    dispatch = Dispatch(plan, patience=lambda offer: 0)
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


AWAY = Choice(offer("away"), False)
FULL = Choice(offer("full", free=0), False)


def raced(*plan: Choice, patience_ms: int = 2_000) -> Dispatch:
    dispatch = Dispatch(plan, patience=lambda offer: patience_ms)
    dispatch.start(at(0))
    return dispatch


def test_a_slow_unpaid_attempt_gets_the_next_unpaid_offer_beside_it_and_the_first_token_wins() -> None:
    dispatch = raced(HOME, CLOUD, OFFICE)
    dispatch.on(Connected(), at(1), 0)
    assert dispatch.on(Slow(), at(2_000), 0) == Try(OFFICE, 7_000, attempt=1, slow_ms=None)
    assert dispatch.under_way == (0, 1)
    assert dispatch.asked_beside == (OFFICE,)
    dispatch.on(Connected(), at(2_001), 1)
    assert dispatch.on(Token(), at(2_002), 1) == Wait(62_002, lost=0)
    assert (dispatch.current, dispatch.asked_beside) == (OFFICE, (HOME,))
    with pytest.raises(MisuseError):
        dispatch.on(Token(), at(2_003), 0)
    assert dispatch.on(Finished(), at(2_004), 1) == Done()


def test_where_one_of_two_fails_the_other_goes_on_and_what_follows_is_the_next_of_the_plan() -> None:
    for failing, staying in ((0, OFFICE), (1, HOME)):
        dispatch = raced(HOME, CLOUD, OFFICE)
        dispatch.on(Slow(), at(2_000), 0)
        assert dispatch.on(AMBIGUOUS, at(2_001), failing) == GoOn()
        assert (dispatch.current, dispatch.asked_beside) == (staying, ())
        then = dispatch.on(AMBIGUOUS, at(2_002))
        assert isinstance(then, Try)
        assert then.choice == CLOUD


def test_nobody_is_asked_beside_a_paid_attempt_nor_a_paid_or_busy_offer_beside_any() -> None:
    assert raced(CLOUD, HOME).on(Connected(), at(0)) == Wait(60_000)
    assert Dispatch([CLOUD, HOME], patience=lambda offer: 0).start(at(0)) == Try(CLOUD, 5_000)
    assert Dispatch([HOME, CLOUD, FULL], patience=lambda offer: 0).start(at(0)) == Try(HOME, 5_000)


def test_a_third_waits_until_one_of_two_has_failed() -> None:
    dispatch = raced(HOME, OFFICE, AWAY)
    second = dispatch.on(Slow(), at(2_000), 0)
    assert second == Try(OFFICE, 7_000, attempt=1, slow_ms=4_000)
    assert dispatch.on(Slow(), at(4_000), 1) == GoOn()
    assert dispatch.on(TimedOut(), at(5_000), 0) == GoOn()
    assert dispatch.on(Slow(), at(5_001), 1) == Try(AWAY, 10_001, attempt=2)


def test_slowness_before_its_moment_is_a_mistake_of_the_caller() -> None:
    dispatch = raced(HOME, OFFICE)
    with pytest.raises(MisuseError):
        dispatch.on(Slow(), at(1_999), 0)
    assert dispatch.under_way == (0,)


def test_of_two_under_way_an_event_says_which_it_is_of() -> None:
    dispatch = raced(HOME, OFFICE)
    dispatch.on(Slow(), at(2_000))
    with pytest.raises(MisuseError):
        dispatch.on(Connected(), at(2_001))


@pytest.mark.parametrize(
    ("changes", "prompt", "expected"),
    [
        ({}, 0, 2_000),  # twice 0.2 s is below the least
        ({"ttft_s": 3.0}, 0, 6_000),
        ({"ttft_s": 3.0, "doubt": 0.5}, 0, 9_000),
        ({"ttft_s": 3.0, "probation": True}, 0, 12_000),
        ({"prefill_tokens_per_s": 100.0}, 300, 6_400),
        ({"free": 0, "queue": 1, "slots": 2}, 0, 10_640),  # 0.2 s, and the whole 5.12 s of one that comes before
        ({"ttft_s": 30.0}, 0, None),
        ({"ttft_s": float("nan")}, 0, None),
        ({"prefill_tokens_per_s": 0.0}, 10, None),
    ],
)
def test_patience_is_twice_the_expected_seconds_to_the_first_token(
    changes: dict[str, Any], prompt: int, expected: int | None
) -> None:
    assert patience_ms(offer(**changes), prompt, 246) == expected
