"""Whom to dial, where and when."""

from hypothesis import given, settings
from hypothesis import strategies as st

from node.mesh import dialling
from node.mesh.dialling import DialPlan
from node.mesh.endpoint import Endpoint
from protocol.keys import IslandId, SigningKey

SMALL, GREAT = sorted(SigningKey(bytes([seed]) * 32).island for seed in (1, 2))
HERE, THERE, LIE = (Endpoint(f"192.0.2.{number}", 4754) for number in (1, 2, 3))


def test_the_smaller_id_dials_first_and_the_greater_leaves_it_time() -> None:
    small, great = DialPlan(SMALL), DialPlan(GREAT)
    small.rumoured(GREAT, [HERE], 0, 0.99)
    great.rumoured(SMALL, [THERE], 0, 0.0)
    first, second = small.next_ms(), great.next_ms()
    assert first is not None and second is not None and first < second


def test_a_rumour_neither_replaces_nor_precedes_a_proven_address() -> None:
    plan = DialPlan(SMALL)
    plan.proven(GREAT, [HERE], 0, 0.0)
    plan.rumoured(GREAT, [LIE], 0, 0.0)
    for number in range(100):
        plan.rumoured(GREAT, [Endpoint("198.51.100.7", number + 1)], 0, 0.0)
    (dial,) = plan.due(10_000)
    assert dial.endpoints[0] == HERE
    assert len(dial.endpoints) <= dialling.PROVEN_MAX + dialling.RUMOURED_MAX


def test_failures_wait_longer_and_longer_up_to_a_minute() -> None:
    plan = DialPlan(SMALL)
    plan.proven(GREAT, [HERE], 0, 0.5)
    at, waits = 0, []
    for _ in range(10):
        due = plan.next_ms()
        assert due is not None
        waits.append(due - at)
        at = due
        assert plan.due(at)
        plan.failed(GREAT, at, 0.5)
    assert waits[1:] == sorted(waits[1:])
    assert waits[-1] == dialling.RETRY_MS_MAX


def test_a_flood_of_rumours_hurries_a_dial_at_most_every_five_seconds() -> None:
    plan = DialPlan(SMALL)
    dials = 0
    for at in range(0, 60_000, 10):
        plan.rumoured(GREAT, [Endpoint("198.51.100.7", at % 60_000 + 1)], at, 0.5)
        if plan.due(at):
            dials += 1
            plan.failed(GREAT, at, 0.5)
    assert dials <= 60_000 // dialling.FRESH_RETRY_MS + 6


def test_a_connected_or_dialling_member_is_not_dialled_again() -> None:
    plan = DialPlan(SMALL)
    plan.proven(GREAT, [HERE], 0, 0.0)
    assert plan.due(1_000) and not plan.due(1_000)
    plan.connected(GREAT)
    plan.ended(GREAT)
    assert not plan.due(100_000) and plan.next_ms() is None
    plan.disconnected(GREAT, 100_000, 0.0)
    assert plan.due(110_000)


def test_nobody_dials_itself() -> None:
    plan = DialPlan(SMALL)
    plan.rumoured(SMALL, [HERE], 0, 0.0)
    assert not plan.due(100_000)


def test_who_belongs_no_more_is_forgotten() -> None:
    plan = DialPlan(SMALL)
    plan.proven(GREAT, [HERE], 0, 0.0)
    plan.forget(GREAT)
    assert not plan.due(100_000)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["proven", "rumoured", "connected", "disconnected", "failed", "ended"]), st.floats(0, 0.999)
        ),
        max_size=40,
    )
)
def test_whatever_happens_a_disconnected_member_with_an_address_is_dialled_in_the_end(
    events: list[tuple[str, float]],
) -> None:
    plan = DialPlan(SMALL)
    plan.proven(GREAT, [HERE], 0, 0.0)
    now_ms = 0
    for name, chance in events:
        now_ms += 500
        match name:
            case "proven" | "rumoured":
                getattr(plan, name)(GREAT, [THERE], now_ms, chance)
            case "disconnected" | "failed":
                getattr(plan, name)(GREAT, now_ms, chance)
            case _:
                getattr(plan, name)(IslandId(GREAT))
    plan.ended(GREAT)
    plan.disconnected(GREAT, now_ms, 0.5)
    assert plan.due(now_ms + 2 * dialling.RETRY_MS_MAX)
