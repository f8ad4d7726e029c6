"""Whatever happens in whatever order: what is booked is what the reservations say, and caps hold."""

import itertools
import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from node.store import budget
from node.store.budget import Caps, OverCap, PaidBefore, Reservation
from node.store.schema import MIGRATIONS
from protocol.shares import SECONDS_PER_DAY
from protocol.terms import NanoUsd

CAP = 100
REQUESTS = st.sampled_from([b"1", b"2", b"3"])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "settle", "release", "doubt", "crash"]),
        REQUESTS,
        st.integers(0, 120),
        st.integers(0, 2),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_books_balance_and_one_request_is_paid_at_most_once(steps: list[tuple[str, bytes, int, int]]) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in itertools.chain(*MIGRATIONS):
        connection.execute(statement)
    open_: dict[bytes, Reservation] = {}
    booked: dict[int, int] = {}
    may_be_paid: dict[bytes, int] = {}
    for step, request, amount, day in steps:
        if step == "reserve":
            before = booked.get(day, 0)
            wall_s = day * SECONDS_PER_DAY
            result = budget.reserve(connection, request, "c/m", NanoUsd(amount), Caps(NanoUsd(CAP)), wall_s)
            assert isinstance(result, PaidBefore) == bool(may_be_paid.get(request))
            if isinstance(result, OverCap):
                assert before + amount > CAP
            if isinstance(result, Reservation):
                assert before + amount <= CAP
                open_[request], booked[day] = result, before + amount
                may_be_paid[request] = may_be_paid.get(request, 0) + 1
        elif step == "crash":
            assert {left.id for left in budget.recover(connection)} == {left.id for left in open_.values()}
            open_.clear()
        elif request in open_:
            ended = open_.pop(request)
            if step == "settle":
                budget.settle(connection, ended.id, NanoUsd(amount))
                booked[ended.day] += amount - ended.amount
            elif step == "release":
                budget.release(connection, ended.id)
                booked[ended.day] -= ended.amount
                may_be_paid[request] -= 1
            else:
                budget.doubt(connection, ended.id)
        assert max(may_be_paid.values(), default=0) <= 1
        assert all(budget.booked(connection, day, day) == booked.get(day, 0) for day in range(3))
        total = connection.execute("SELECT COALESCE(SUM(booked), 0) FROM reservations").fetchone()[0]
        assert total == sum(booked.values())
    connection.close()
