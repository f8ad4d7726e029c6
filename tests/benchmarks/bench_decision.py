"""What a decision takes, and how good it is. `make bench-decision`, with the published traces `TRACES=FOLDER`.

How long: every agent and the ranking on tables of 10, 100 and 1,000 offers, with other facts each time; beside it, in
the same run, what the bare choice takes in plain Python and in numpy. How good: regret on three workloads, with
estimates that begin with nothing, beside every baseline (sim/lab): from the traces in FOLDER/traces where it is given,
else drawn from the quantiles that ship. Prints tables; figures are means over seeds with 95 % intervals (Student's t).
"""

import argparse
import importlib
import importlib.util
import json
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from node.agents.policy import PRESETS, Policy
from node.agents.request import RequestFacts
from node.agents.router import decide
from node.agents.table import Offer, OfferTable
from protocol.terms import NanoUsd, Now, Sensitivity, Tier
from sim.data.derive_traces import AZURE, MOONCAKE, azure
from sim.lab.devices import HOUSEHOLD
from sim.lab.regret import BEST_SINGLE, BEST_STATIC, CLAIRVOYANT, ORACLE, Laboratory, Total, compared, ratio
from sim.lab.workload import SHAPES, Arrival, Shape, drawn, requests, window
from tests.offers import facts, offer, paid

SEEDS = 5
REQUESTS = 4_000
TARGET = 0.20
SIZES = {10: 2_000, 100: 1_000, 1_000: 300}
KIB = (1, 8, 32)
NOW = Now(mono_ms=0, wall_s=1_800_000_000)
T_975 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
LEGEND = f"""score: realised (specs/09-decision.md), a request, in thousandths; USD for 1,000 requests; how far from the
oracle, as a part of its distance to the best single offer in hindsight (of those that may answer everything; target
{TARGET:.2f}), to the best offer for each set of offers that may answer; and the first with the clairvoyant as oracle
"""
TABLES = 100_000  # for the independent checker


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--data", type=Path, help="a folder with traces/ as published")
    made.add_argument("--seeds", type=int, default=SEEDS)
    made.add_argument("--requests", type=int, default=REQUESTS)
    wanted = made.parse_args()
    _print_times()
    _print_regret(wanted.data, wanted.seeds, wanted.requests)
    _print_checked()


# How long


def _print_times() -> None:
    print("one decision, microseconds: every agent and the ranking; then with new estimates; then the bare choice\n")
    print(f"{'offers':>8} {'p50':>8} {'p95':>8} {'refreshed p50':>14} {'p95':>8} {'python p50':>11} {'numpy p50':>10}")
    for size, rounds in SIZES.items():
        table, asked = _table(size), _asked(rounds)
        decided, refreshed = _timed(asked, _decision(table)), _timed(asked, _decision_anew(table))
        plain, vector = _timed(asked, _plain_choice(table)), _timed(asked, _numpy_choice(table))
        print(
            f"{size:>8} {decided[0]:>8.0f} {decided[1]:>8.0f} {refreshed[0]:>14.0f} {refreshed[1]:>8.0f}"
            f" {plain[0]:>11.1f} {vector[0]:>10.1f}"
        )
    print()


def _decision(table: OfferTable) -> Callable[[RequestFacts], object]:
    return lambda one: decide(one, table, PRESETS["balanced"], NOW)


def _decision_anew(table: OfferTable) -> Callable[[RequestFacts], object]:
    queues = [[number] * len(table) for number in range(7)]
    return lambda one: decide(one, table.refreshed(queue=queues[one.prompt_tokens % 7]), PRESETS["balanced"], NOW)


def _table(size: int) -> OfferTable:
    draw = random.Random(size)
    return OfferTable.of([_offer(number, draw) for number in range(size)])


def _offer(number: int, draw: random.Random) -> Offer:
    tier = draw.choice(list(Tier))
    made = paid if tier is Tier.CLOUD else offer
    one = made(f"island{number:04d}", draw.choice(["small", "medium", "large"]), tier=tier)
    return replace(
        one,
        context_tokens=draw.choice([8_192, 32_768, 131_072]),
        ttft_s=draw.uniform(0.1, 3.0),
        prefill_tokens_per_s=draw.uniform(100, 10_000),
        tokens_per_s=draw.uniform(5, 150),
        doubt=draw.random(),
        failure_rate=draw.uniform(0, 0.1),
        quality=draw.random(),
        energy_j_per_token=draw.uniform(0, 10),
    )


def _asked(rounds: int) -> list[RequestFacts]:
    """Of 1, 8 and 32 KiB in turn, no two alike."""
    draw = random.Random(rounds)
    return [
        facts(
            draw.choice(list(Sensitivity)),
            prompt_tokens=KIB[number % 3] * 1_024 // 3 + draw.randrange(100),
            max_output_tokens=draw.randrange(200, 1_000),
            seed=number.to_bytes(8, "big"),
            need=draw.random(),
        )
        for number in range(rounds)
    ]


def _timed(asked: Sequence[RequestFacts], work: Callable[[RequestFacts], object]) -> tuple[float, float]:
    for one in asked[:20]:
        work(one)
    took = []
    for one in asked:
        began = time.perf_counter_ns()
        work(one)
        took.append((time.perf_counter_ns() - began) / 1_000)
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.95)]


def _plain_choice(table: OfferTable) -> Callable[[RequestFacts], object]:
    """A loop: may it, how far is it, which is the least. No agent, no reasons, no doubt, no ties."""
    rows = [
        (o.context_tokens, int(o.tier), o.ttft_s, o.prefill_tokens_per_s, o.tokens_per_s, o.input_price or NanoUsd(0))
        for o in table.rows
    ]

    def choose(one: RequestFacts) -> int:
        best, least = -1, math.inf
        for place, (context, tier, ttft_s, prefill, rate, price) in enumerate(rows):
            if context < one.context_tokens or tier * one.sensitivity > 2:
                continue
            seconds = ttft_s + one.prompt_tokens / prefill + 256 / rate
            score = max(seconds / 30, price * one.prompt_tokens / 5e12, tier * one.sensitivity / 6)
            if score < least:
                best, least = place, score
        return best

    return choose


def _numpy_choice(table: OfferTable) -> Callable[[RequestFacts], object]:
    def choose(one: RequestFacts) -> int:
        exposure = table.tier * int(one.sensitivity)
        may = (table.context_tokens >= one.context_tokens) & (exposure <= 2)
        seconds = table.ttft_s + one.prompt_tokens / table.prefill_tokens_per_s + 256 / table.tokens_per_s
        score = np.maximum(np.maximum(seconds / 30, table.input_price * (one.prompt_tokens / 5e12)), exposure / 6)
        return int(np.argmin(np.where(may, score, np.inf)))

    return choose


# How good


def _print_regret(data: Path | None, seeds: int, count: int) -> None:
    source = f"traces in {data}" if data else "drawn from the quantiles that ship: give --data for the traces"
    print(f"regret, {count} requests, {seeds} seeds, balanced policy, nothing known at first; {source}")
    print(LEGEND)
    tasks = [(shape.name, seed, count, data) for shape in SHAPES for seed in range(seeds)]
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(_run, tasks))
    for shape in SHAPES:
        runs = [found for task, found in zip(tasks, results, strict=True) if task[0] == shape.name]
        _print_shape(shape.name, runs, count)


def _run(task: tuple[str, int, int, Path | None]) -> Mapping[str, Total]:
    name, seed, count, data = task
    shape = next(shape for shape in SHAPES if shape.name == name)
    arrivals = drawn(shape, count, seed) if data is None else window(_trace(shape, data / "traces"), count, seed)
    return compared(Laboratory.of(HOUSEHOLD, requests(shape, arrivals, seed), _policy(), seed))


def _policy() -> Policy:
    return PRESETS["balanced"]


@cache
def _trace(shape: Shape, folder: Path) -> Sequence[Arrival]:
    if shape.name == "mooncake":
        rows = [json.loads(line) for line in (folder / MOONCAKE).read_text().splitlines()]
        return [
            Arrival(row["timestamp"] / 1_000, row["input_length"], row["output_length"], tuple(row["hash_ids"]))
            for row in rows
        ]
    columns = azure(folder / AZURE[shape.name.removeprefix("azure_").upper()])
    return [Arrival(*row) for row in sorted(zip(*columns, strict=True))]


def _print_shape(name: str, runs: Sequence[Mapping[str, Total]], count: int) -> None:
    print(
        f"{name:<36} {'score':>15} {'seconds':>8} {'USD':>8} {'violations':>10}"
        f" {'to single':>17} {'to static':>17} {'clairvoyant':>17}"
    )
    names = sorted(
        {name for run in runs for name in run}, key=lambda one: _mean([run[one].score for run in runs if one in run])
    )
    for one in names:
        present = [run for run in runs if one in run]
        totals = [run[one] for run in present]
        single = [run for run in present if BEST_SINGLE in run]
        print(
            f"  {one:<34} {_interval([1_000 * total.score / count for total in totals]):>15}"
            f" {_mean([total.seconds / count for total in totals]):>8.1f}"
            f" {_mean([1_000 * total.usd / count for total in totals]):>8.2f}"
            f" {sum(total.violations for total in totals):>10}"
            f" {_interval([ratio(run[one], run[BEST_SINGLE], run[ORACLE]) for run in single], 3):>17}"
            f" {_interval([ratio(run[one], run[BEST_STATIC], run[ORACLE]) for run in present], 2):>17}"
            f" {_interval([ratio(run[one], run[BEST_SINGLE], run[CLAIRVOYANT]) for run in single], 3):>17}"
        )
    print()


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values)


def _interval(values: Sequence[float], digits: int = 0) -> str:
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    half = T_975.get(len(values) - 1, 1.96) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{_mean(values):.{digits}f} ± {half:.{digits}f}"


def _print_checked() -> None:
    """What the independent checker finds, where there is one."""
    if importlib.util.find_spec("tests.decision_checker") is None:
        return
    checker = importlib.import_module("tests.decision_checker")
    began = time.perf_counter()
    print(f"independent checker, {TABLES} random tables: {checker.check(TABLES)}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
