"""How far from the best that was possible: totals of realised scores, and what part of the way to the oracle was left.

Regret ratio = (policy - oracle) / (static - oracle), of sums over the requests that somebody may answer. The static
choices are found in hindsight: the best single offer among those that may answer everything that anybody may; and, far
harder to beat, one for each set of offers that may answer (so for each sensitivity and size), improved set by set.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from node.agents.policy import Policy
from sim.lab.devices import Machine
from sim.lab.routing import IslandRun, Oracle, Routing, baselines
from sim.lab.workload import Request
from sim.lab.world import Chance, Outcome, World

ROUNDS_MAX = 2
SHARE_MIN = 0.01  # of the requests: rarer sets of offers keep the choice that was best for all
ORACLE, CLAIRVOYANT = "oracle", "clairvoyant"
BEST_STATIC, BEST_SINGLE = "best static, for each set of offers", "best single offer"

May = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """Of one policy over one run. `score` is a sum."""

    score: float
    seconds: float
    usd: float
    unanswered: int
    violations: int


@dataclass(frozen=True, slots=True)
class Laboratory:
    """One trace, one seed: what every policy meets."""

    machines: tuple[Machine, ...]
    asked: tuple[Request, ...]
    chance: Chance
    policy: Policy

    @classmethod
    def of(cls, machines: tuple[Machine, ...], asked: tuple[Request, ...], policy: Policy, seed: int) -> "Laboratory":
        return cls(machines, asked, Chance.of(machines, len(asked), seed), policy)

    def world(self) -> World:
        return World(self.machines, self.asked, self.chance, self.policy)

    def total(self, routing: Routing, world: World | None = None) -> Total:
        return _total((world or self.world()).run(routing))

    def oracle(self) -> Total:
        """Who knows every offer's true speed, drift, queue and failure rate."""
        world = self.world()
        return self.total(Oracle(ORACLE, self.policy, world.expected), world)

    def clairvoyant(self) -> Total:
        """Who knows besides what chance will do to this very request, and how long its answer will be."""
        world = self.world()
        return self.total(Oracle(CLAIRVOYANT, self.policy, world.foreseen), world)

    def best_static(self) -> tuple[Total, Mapping[May, str]]:
        """The total, and the offer for each set of offers that may answer."""
        world, sets = self.world(), self._sets()
        often = Counter(may for may in sets if any(may))
        counted = [may for may, _ in often.most_common()]
        chosen = {may: may.index(True) for may in counted}
        best = self._static(chosen, sets)
        for place in range(len(world.machines)):  # begin with the best of those that take one offer wherever it may
            every = {may: place if may[place] else chosen[may] for may in counted}
            total = self._static(every, sets)
            if total.score < best.score:
                best, chosen = total, every
        for _ in range(ROUNDS_MAX):
            before = best.score
            for may in (may for may in counted if often[may] >= SHARE_MIN * len(sets)):
                for place in (place for place, allowed in enumerate(may) if allowed and place != chosen[may]):
                    total = self._static({**chosen, may: place}, sets)
                    if total.score < best.score:
                        best, chosen = total, {**chosen, may: place}
            if best.score >= before:
                break
        return best, {may: world.machines[place].offer.name for may, place in chosen.items()}

    def best_single(self) -> tuple[Total, str] | None:
        """The best offer that may answer everything that anybody may answer; None where there is none."""
        world, sets = self.world(), self._sets()
        answerable = {may for may in sets if any(may)}
        able = [place for place in range(len(world.machines)) if all(may[place] for may in answerable)]
        totals = [
            (self._static(dict.fromkeys(answerable, place), sets), world.machines[place].offer.name) for place in able
        ]
        return min(totals, key=lambda found: found[0].score, default=None)

    def _sets(self) -> list[May]:
        world = self.world()
        return [tuple(world.may(place, request) for place in range(len(world.machines))) for request in self.asked]

    def _static(self, chosen: Mapping[May, int], sets: Sequence[May]) -> Total:
        return _total(self.world().run_static([chosen.get(may) for may in sets]))


def compared(laboratory: Laboratory, progress: Callable[[str], None] = lambda name: None) -> Mapping[str, Total]:
    """By name: every baseline, the node, the best static choices and the oracle."""
    found: dict[str, Total] = {}
    for routing in (IslandRun(laboratory.policy), *baselines(laboratory.policy)):
        progress(routing.name)
        found[routing.name] = laboratory.total(routing)
    progress(ORACLE)
    found[ORACLE] = laboratory.oracle()
    found[CLAIRVOYANT] = laboratory.clairvoyant()
    progress(BEST_STATIC)
    found[BEST_STATIC] = laboratory.best_static()[0]
    single = laboratory.best_single()
    if single is not None:
        found[BEST_SINGLE] = single[0]
    return found


def ratio(total: Total, best: Total, oracle: Total) -> float:
    return (total.score - oracle.score) / (best.score - oracle.score)


def _total(outcomes: Sequence[Outcome | None]) -> Total:
    told = [outcome for outcome in outcomes if outcome is not None]
    return Total(
        score=sum(outcome.score for outcome in told),
        seconds=sum(outcome.seconds for outcome in told),
        usd=sum(outcome.nano_usd for outcome in told) / 1e9,
        unanswered=sum(outcome.machine is None for outcome in told),
        violations=sum(outcome.violations for outcome in told),
    )
