"""The laboratory of routing policies: nobody is favoured, the truth is counted, and the node beats what others do."""

import importlib
from dataclasses import replace

import pytest

from node.agents.policy import PRESETS
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from protocol.terms import Now, Tier
from sim.lab.devices import HOUSEHOLD
from sim.lab.regret import BEST_SINGLE, CLAIRVOYANT, ORACLE, Laboratory, compared, ratio
from sim.lab.routing import IslandRun, baselines
from sim.lab.workload import SHAPES, Arrival, drawn, requests, window
from sim.lab.world import World

POLICY = PRESETS["balanced"]
CONV = SHAPES[0]


def laboratory(count: int = 120, seed: int = 1) -> Laboratory:
    return Laboratory.of(HOUSEHOLD, requests(CONV, drawn(CONV, count, seed), seed), POLICY, seed)


def test_the_same_seed_gives_the_same_requests_and_outcomes() -> None:
    one, other = laboratory(), laboratory()
    assert one.asked == other.asked
    assert one.world().run(IslandRun(POLICY)) == other.world().run(IslandRun(POLICY))
    assert laboratory(seed=2).asked != one.asked


def test_who_keeps_the_constraints_violates_none_and_who_does_not_is_caught() -> None:
    found = laboratory(400)
    kept = [found.total(routing).violations for routing in (IslandRun(POLICY), *baselines(POLICY)[:-1])]
    assert kept == [0] * len(kept)
    assert found.total(Careless()).violations > 0


class Careless:
    """Sends everything to a cloud."""

    name = "careless"

    def order(self, facts: RequestFacts, table: OfferTable, now: Now) -> list[int]:
        return [row for row in range(len(table)) if table.tier[row] == Tier.CLOUD]


def test_the_oracle_is_ahead_of_every_policy_that_must_estimate() -> None:
    found = compared(laboratory(400))
    behind = {name: total.score for name, total in found.items() if name not in (ORACLE, CLAIRVOYANT)}
    assert found[CLAIRVOYANT].score < found[ORACLE].score < min(behind.values())
    assert ratio(found["islandrun"], found[BEST_SINGLE], found[ORACLE]) < 1
    assert behind["islandrun"] < min(behind[routing.name] for routing in baselines(POLICY)[:-1])


def test_waiting_failing_and_reading_what_is_cached_take_the_time_that_they_take() -> None:
    machine = replace(HOUSEHOLD[1], noise=0.0, drift=0.0, burdened=1.0, failure=0.0, slots=1)
    arrivals = [Arrival(0.0, 1_024, 55, (1, 2)), Arrival(0.0, 1_024, 55, (1, 3)), Arrival(1_000.0, 1_024, 55, (1, 2))]
    asked = requests(CONV, arrivals, 0)
    found = Laboratory.of((machine,), asked, POLICY, 0)
    first, second, third = (outcome for outcome in found.world().run_static([0, 0, 0]) if outcome is not None)
    assert first.seconds == pytest.approx(0.25 + 1_024 / 1_800 + 1.0)
    assert second.seconds == pytest.approx(first.seconds + 0.25 + 512 / 1_800 + 1.0)
    assert third.seconds == pytest.approx(0.25 + 1.0)
    failing = Laboratory.of((replace(machine, failure=1.0),), asked, POLICY, 0)
    again = failing.world().run_static([0, None, None])
    assert again[0] is not None and again[0].seconds == pytest.approx(first.seconds + 2.0)


def test_a_policy_learns_from_its_own_answers_alone_and_only_when_they_are_there() -> None:
    found = laboratory(40)
    world: World = found.world()
    before = world.table(0.0)
    assert before.doubt.tolist() == [1.0] * len(HOUSEHOLD)
    world.run(IslandRun(POLICY))
    after = world.table(found.asked[-1].at_s).doubt.tolist()
    assert min(after) < 0.5 < max(after)


def test_a_window_of_a_trace_keeps_its_order_and_length() -> None:
    arrivals = [Arrival(float(number), 1, 1) for number in range(50)]
    found = window(arrivals, 10, 3)
    assert len(found) == 10 and found[0].at_s + 9 == found[-1].at_s
    assert window(arrivals, 80, 3) == arrivals


@pytest.mark.parametrize("table", ["trace_quantiles", "price_quantiles"])
def test_derived_tables_rise(table: str) -> None:
    module = importlib.import_module(f"sim.data.{table}")
    columns = [column for name, column in vars(module).items() if name.isupper()]
    assert columns and all(list(column) == sorted(column) for column in columns)
