"""The simulator: the same seed gives the same bytes, and what it counts is the truth."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.agents.policy import CLOSED, Clearance, Policy
from node.agents.request import RequestFacts
from node.agents.router import Choice, Decision, decide
from node.agents.table import OfferTable
from protocol.errors import ConfigError
from protocol.terms import Now, Sensitivity, Tier
from sim import asking, scenario
from sim.cli import run_cli
from sim.data.latency_quantiles import BETWEEN_DEVICES_US, BETWEEN_SITES_US
from sim.kernel import SECOND_US, Draws, Kernel
from sim.metrics import Metrics, quantile
from sim.network import Link, Network
from sim.run import Simulation, run
from sim.scenario import Crash, ModelClass, Scenario, load, parse, parse_duration
from sim.serving import QUEUE_MAX, Job, Server

CONTRACT = {
    *("digest", "islands", "simulated_s", "requests", "answered", "refused", "violations", "exposed_units"),
    *("local_token_share", "ttft_p50_s", "ttft_p95_s", "usd", "gossip_bytes_per_island_hour"),
}
CLINIC = load("clinic")
MODEL = ModelClass(
    "m", slots=1, context_tokens=1_000, ttft_ms=100, prompt_tokens_per_s=1_000, tokens_per_s=10, quality=0.5
)


def small(islands: int = 10, **changes: Any) -> Scenario:
    return replace(CLINIC, islands=islands, **changes)


# The same bytes


def test_same_seed_gives_the_same_bytes_in_every_process_and_hash_seed() -> None:
    command = [sys.executable, "-m", "node.cli.main", "sim", "run", "clinic", "--seed", "7"]
    command += ["--islands", "8", "--duration", "70s", "--json"]
    printed = [
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, check=True, timeout=120
        ).stdout
        for hash_seed in ("0", "4711")
    ]
    assert printed[0] == printed[1]
    found = json.loads(printed[0])
    assert set(found) >= CONTRACT
    assert found["digest"] == run(CLINIC, 7, 8, 70).digest


def test_another_seed_is_another_run() -> None:
    assert run(CLINIC, 1, 4, 20).digest != run(CLINIC, 2, 4, 20).digest


def test_stopping_to_look_changes_nothing() -> None:
    looked = Simulation(small(6), 3)
    for second in range(1, 41):
        looked.until(second)
    straight = Simulation(small(6), 3)
    straight.until(40)
    assert looked.result() == straight.result()


def test_one_consumer_of_chance_more_shifts_nobody_elses_numbers() -> None:
    alone = [Draws(5, "a").unit() for _ in range(1)] + [Draws(5, "b").unit()]
    first, other, second = Draws(5, "a"), Draws(5, "other"), Draws(5, "b")
    assert [first.unit(), other.unit(), second.unit()][::2] == alone
    assert Draws(5, "a").unit() != Draws(6, "a").unit()


def test_events_of_one_moment_run_in_the_order_in_which_they_were_set() -> None:
    kernel, ran = Kernel(0), []
    kernel.after(20, ran.append, "late")
    kernel.after(10, ran.append, "first")
    kernel.after(10, ran.append, "second")
    kernel.after(30, ran.append, "never")
    kernel.run(30)
    assert ran == ["first", "second", "late"]
    assert (kernel.now_us, kernel.events) == (30, 3)


# The clinic


@pytest.mark.parametrize("islands", [1, 2, 3, 7, 20])
def test_clinic_has_a_feasible_offer_for_all_but_a_few_whatever_its_size(islands: int) -> None:
    figures = run(CLINIC, 5, islands, 62 if islands > 3 else 600).figures
    assert figures["requests"] >= islands
    assert figures["feasible"] >= 0.95 * figures["requests"]
    assert (figures["violations"], figures["paid_twice"], figures["failed"], figures["cut"]) == (0, 0, 0, 0)


def test_everybody_asks_once_a_period() -> None:
    assert run(CLINIC, 0, 3, 181).figures["requests"] == 9


@pytest.mark.parametrize(("sessions_max", "seconds"), [(64, 5), (4, 240)], ids=["by sessions", "by anti-entropy"])
def test_every_island_hears_of_every_other(sessions_max: int, seconds: int) -> None:
    simulation = Simulation(small(12, sessions_max=sessions_max), 1)
    simulation.until(seconds)
    for island in simulation.islands:
        assert len(island.registry.statements(island.now)) == 12


def test_crashed_island_is_noticed_and_its_requests_go_elsewhere() -> None:
    simulation = Simulation(small(5, crashes=(Crash(4, 30.0),)), 2)
    simulation.until(30.5)
    assert not any(simulation.islands[4].me.id in island.dead for island in simulation.islands[:4])
    simulation.until(37)
    assert all(simulation.islands[4].me.id in island.dead for island in simulation.islands[:4])
    before = simulation.mesh.metrics.requests
    simulation.until(240)
    figures = simulation.mesh.metrics
    assert figures.requests >= before + 12
    assert figures.answered + figures.refused + figures.failed + figures.cut >= figures.requests - 4
    assert figures.failed == 0
    assert figures.violations == 0


# It can fail: a broken promise shows


def mutated(change: Callable[[Decision, OfferTable], tuple[Choice, ...]]) -> Callable[..., Decision]:
    def broken(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Decision:
        decision = decide(facts, table, policy, now)
        return replace(decision, plan=change(decision, table))

    return broken


def test_router_that_forgets_clearance_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    farthest = mutated(lambda _, table: (Choice(max(table.offers, key=lambda offer: offer.tier), False),))
    monkeypatch.setattr(asking, "decide", farthest)
    figures = run(CLINIC, 0, 6, 62).figures
    assert figures["violations"] > 0


def test_router_that_forgets_to_sanitise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = mutated(lambda decision, _: tuple(choice._replace(sanitize=False) for choice in decision.plan))
    monkeypatch.setattr(asking, "decide", raw)
    far = replace(Policy(), clearance=(CLOSED, CLOSED, Clearance(Sensitivity.PUBLIC, Sensitivity.INTERNAL)))
    assert run(small(policy=far), 0, 6, 62).figures["violations"] > 0
    monkeypatch.undo()
    assert run(small(policy=far), 0, 6, 62).figures["violations"] == 0


def test_what_detectors_miss_is_exposed_and_no_violation() -> None:
    far = replace(Policy(), clearance=(CLOSED, CLOSED, Clearance(Sensitivity.PUBLIC, Sensitivity.INTERNAL)))
    blind = replace(CLINIC.workload, miss_rate=1.0)
    figures = run(small(workload=blind, policy=far), 0, 6, 62).figures
    assert (figures["violations"], figures["refused"]) == (0, 0)
    assert figures["exposed_units"] > 0
    keen = replace(CLINIC.workload, miss_rate=0.0)
    assert run(small(workload=keen, policy=far), 0, 6, 62).figures["exposed_units"] == 0


# Parts


def test_server_queues_refuses_and_lets_the_next_one_in() -> None:
    kernel = Kernel(0)
    server, done = Server(kernel, MODEL), []

    def job(name: int) -> Job:
        return Job(100, 10, first=lambda: done.append((name, "first")), last=lambda: done.append((name, "last")))

    jobs = [job(number) for number in range(QUEUE_MAX + 2)]
    assert [server.take(one) for one in jobs] == [True] * (QUEUE_MAX + 1) + [False]
    assert (server.free, server.queued) == (0, QUEUE_MAX)
    jobs[1].cancelled = True
    kernel.run(int(1.3 * SECOND_US))
    assert done == [(0, "first"), (0, "last")]
    kernel.run(int(2.5 * SECOND_US))
    assert done[2:] == [(2, "first"), (2, "last")]


def test_ways_are_measured_ones_and_the_same_in_both_directions() -> None:
    links = {
        name: Link(site, roams, 10**9, 0.0)
        for name, site, roams in (("a", "x", False), ("b", "y", False), ("c", "x", True))
    }
    network = Network(1, links, Draws(1, "network"))
    assert network.round_trip_us("a", "b") == network.round_trip_us("b", "a")
    assert BETWEEN_SITES_US[0] <= network.round_trip_us("a", "b") <= BETWEEN_SITES_US[-1]
    assert BETWEEN_DEVICES_US[0] <= network.round_trip_us("a", "c") <= BETWEEN_DEVICES_US[-1]
    assert network.delay_us("a", "b", 10**9) - network.delay_us("a", "b", 0) >= 7 * SECOND_US
    assert network.delay_us("a", "a", 100) == 0


def test_lost_segments_cost_time_and_not_the_frame() -> None:
    links = {name: Link("x", False, 10**9, 0.5) for name in "ab"}
    network = Network(1, links, Draws(1, "network"))
    delays = [network.delay_us("a", "b", 0) for _ in range(50)]
    assert sum(delay > 200_000 for delay in delays) > 10
    assert min(delays) < 200_000


def test_shares_and_quantiles_of_nothing_are_nothing() -> None:
    assert Metrics().share_within(Tier.EDGE) is None
    assert quantile([], 0.5) is None
    assert [quantile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 2.0, 3.0, 3.0]


# Scenario files and the command line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("islands = 50", "islands = 0"), "scenario.scenario.islands: expected a whole number from 1"),
        (("islands = 50", "island = 50"), "scenario.scenario.islands: missing"),
        (('policy = "balanced"', 'policy = "privat"'), "scenario.policy = 'privat': expected private"),
        (("slots = 8", "slots = 8\ncolour = 1"), "scenario.classes.server.models.colour: unknown"),
        (('"phone", "server"', '"phone", "rack"'), "scenario.pattern: 'rack': expected laptop, phone, server"),
        (('after = "internal"', 'after = "inner"'), "scenario.workload.kinds: 'inner': expected public"),
        (("version = 1", "version = 2"), "scenario.scenario.version: expected a whole number from 1 to 1"),
        (("version = 1", "version = "), "scenario: Invalid value"),
    ],
)
def test_mistake_in_a_scenario_names_the_key(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(scenario.source("clinic").replace(*change))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7_200)])
def test_duration_is_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1s", "1.5h", "10d", "999999999h", "m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected such as"):
        parse_duration(text)


def test_command_line_lists_shows_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["list", "--json"]) == 0
    assert {"name": "clinic", "question": CLINIC.question} in json.loads(capsys.readouterr().out)
    assert run_cli(["show", "clinic"]) == 0
    assert parse(capsys.readouterr().out) == CLINIC
    assert run_cli(["run", "clinic", "--islands", "2", "--duration", "5s"]) == 0
    assert "violations" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="expected clinic"):
        run_cli(["run", "nowhere"])
