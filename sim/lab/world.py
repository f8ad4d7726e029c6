"""The laboratory's world: requests go where a routing policy sends them, and what comes of it is counted by the truth.

Every policy meets the same requests, noise, drift and failures, each in a world of its own: the queues are those that
it made itself. What it sees is what a node would: claims, its own measurements, and the load, which is all its own.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from node.agents.estimates import Estimate, Expected, Seen
from node.agents.policy import Policy
from node.agents.request import ModelSelector, RequestFacts
from node.agents.table import OfferTable
from protocol.terms import Now, cost_nano_usd
from sim.kernel import START_WALL_S, Draws
from sim.lab.devices import Machine
from sim.lab.routing import Routing
from sim.lab.workload import BLOCK_TOKENS, Request

FAILING_S = 2.0  # until a failure is known: a definite one, so that paid offers may follow
ATTEMPTS_MAX = 4
GIVEN_UP_S = 60.0  # what an unanswered request counts as, on top of what it took
AUTO = ModelSelector.parse("auto", ())
ESTIMATES_GOOD_S = 5.0


@dataclass(frozen=True, slots=True)
class Chance:
    """What happens to each request at each machine, whoever sends it: of equal size, a row a request."""

    slower: npt.NDArray[np.float64]  # factor of its seconds
    fails: npt.NDArray[np.bool_]
    phases: tuple[float, ...]  # of each machine's drift, 0 to 1

    @classmethod
    def of(cls, machines: Sequence[Machine], count: int, seed: int) -> "Chance":
        slower, fails = np.ones((count, len(machines))), np.zeros((count, len(machines)), dtype=np.bool_)
        phases = []
        for place, machine in enumerate(machines):
            draws = Draws(seed, f"lab/machine/{machine.island}/{machine.model}")
            phases.append(draws.unit())
            units = np.array([draws.unit() for _ in range(3 * count)]).reshape(3, count)
            normal = np.sqrt(-2.0 * np.log(1.0 - units[0])) * np.cos(2.0 * math.pi * units[1])
            slower[:, place] = np.exp(machine.noise * normal - machine.noise**2 / 2)
            fails[:, place] = units[2] < machine.failure
        return cls(slower, fails, tuple(phases))


@dataclass(slots=True)
class Station:
    """A machine at work: when its slots come free, and who waits."""

    free_at: list[float]
    starts: list[float] = field(default_factory=list)  # of those that have not begun yet, as a heap
    read: set[int] = field(default_factory=set)  # blocks in its cache, which is taken for large

    def load(self, now_s: float) -> tuple[int, int]:
        """Free slots and those who wait. An asker knows it: all that is under way is its own."""
        while self.starts and self.starts[0] <= now_s:
            heapq.heappop(self.starts)
        return sum(at_s <= now_s for at_s in self.free_at), len(self.starts)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`score`: the weighted Chebyshev distance of specs/09-decision.md, with what truly came of it."""

    score: float
    seconds: float
    nano_usd: int
    machine: int | None  # None: nobody answered
    violations: int


class World:
    """One run of one policy."""

    def __init__(self, machines: Sequence[Machine], asked: Sequence[Request], chance: Chance, policy: Policy) -> None:
        self.machines = tuple(sorted(machines, key=lambda one: one.offer.name))
        places = {machine.offer.name: place for place, machine in enumerate(machines)}
        self._column = [places[machine.offer.name] for machine in self.machines]
        self._chance = chance
        self._asked = asked
        self._policy = policy
        self._weighed = [
            weight / extent for weight, extent in zip(policy.weights.values(), policy.ranges.values(), strict=True)
        ]
        self._stations = [Station([0.0] * machine.slots) for machine in self.machines]
        self._estimates = [Estimate()] * len(self.machines)
        self._expected: list[tuple[float, Expected]] = [(-math.inf, Estimate().expected(0.0))] * len(self.machines)
        self._pending: list[tuple[float, int, int, Seen | None]] = []
        self._pending_number = 0
        self._answered_by: dict[int, int] = {}  # by the last block that it read
        self._table = OfferTable.of([machine.offer for machine in self.machines])
        self._answer_tokens = round(sum(request.answer_tokens for request in asked) / len(asked))
        self.request = asked[0]

    def run(self, routing: Routing) -> list[Outcome | None]:
        """Of each request; None where nobody may answer it."""
        return [self._serve(routing, request) for request in self._asked]

    def run_static(self, chosen: Sequence[int | None]) -> list[Outcome | None]:
        """For each request the one machine that is asked, and asked again where it fails."""
        return [
            None if place is None else self._tried((place, place), request, None)
            for request, place in zip(self._asked, chosen, strict=True)
        ]

    def _serve(self, routing: Routing, request: Request) -> Outcome | None:
        self.request = request
        if not any(self.may(place, request) for place in range(len(self.machines))):
            return None
        self._learn(request.at_s)
        previous = self._previous(request)
        facts = self._facts(request, previous)
        now = Now(round(request.at_s * 1_000), START_WALL_S + int(request.at_s))
        return self._tried(routing.order(facts, self.table(request.at_s), now), request, previous)

    def _tried(self, rows: Iterable[int], request: Request, previous: tuple[int, int] | None) -> Outcome:
        at_s, violations, tried = request.at_s, 0, set[int]()
        for attempt, row in enumerate(rows):
            if attempt == ATTEMPTS_MAX:
                break
            violations += not self.may(row, request)
            known_read = previous[1] if previous is not None and previous[0] == row else 0
            fails = row not in tried and self._fails(row, request)  # who is asked again answers
            tried.add(row)
            ended = None if fails else self._answered(row, request, at_s, known_read)
            if fails:
                self._later(at_s + FAILING_S, row, None)
            if ended is not None:
                return self._outcome(row, request, ended - request.at_s, violations)
            at_s += FAILING_S
        seconds = at_s - request.at_s + GIVEN_UP_S
        return Outcome(self._weighed[0] * seconds, seconds, 0, None, violations)

    # What a policy sees

    def table(self, now_s: float) -> OfferTable:
        loads = [station.load(now_s) for station in self._stations]
        expected = [self._expect(place, now_s) for place in range(len(self.machines))]
        columns = {name: [getattr(one, name) for one in expected] for name in Expected._fields}
        return self._table.refreshed(free=[free for free, _ in loads], queue=[queue for _, queue in loads], **columns)

    def _expect(self, place: int, now_s: float) -> Expected:
        made_s, expected = self._expected[place]
        if now_s - made_s >= ESTIMATES_GOOD_S:
            expected = self._estimates[place].expected(now_s, self.machines[place].claim)
            self._expected[place] = (now_s, expected)
        return expected

    def _facts(self, request: Request, previous: tuple[int, int] | None) -> RequestFacts:
        last = None if previous is None else self.machines[previous[0]].offer
        return RequestFacts(
            sensitivity=request.kind.sensitivity,
            sensitivity_after=request.kind.after,
            selector=AUTO,
            prompt_tokens=request.prompt_tokens,
            max_output_tokens=request.max_output_tokens,
            seed=request.seed,
            need=request.need,
            previous_island="" if last is None else last.island_id or last.island,
            previous_model="" if last is None else last.model,
            previous_tokens=0 if previous is None else min(previous[1], request.prompt_tokens),
        )

    def _previous(self, request: Request) -> tuple[int, int] | None:
        """Who answered the longest beginning of this prompt, and of how many tokens."""
        for count in range(len(request.blocks), 0, -1):
            place = self._answered_by.get(request.blocks[count - 1])
            if place is not None:
                return place, count * BLOCK_TOKENS
        return None

    def _learn(self, now_s: float) -> None:
        while self._pending and self._pending[0][0] <= now_s:
            at_s, _, place, seen = heapq.heappop(self._pending)
            before = self._estimates[place]
            self._estimates[place] = before.failed(at_s) if seen is None else before.observe(seen, at_s)
            self._expected[place] = (-math.inf, self._expected[place][1])

    # The truth

    def may(self, place: int, request: Request) -> bool:
        """Whether this text may go there and fits, by the policy's clearances alone."""
        machine = self.machines[place]
        if request.prompt_tokens + request.max_output_tokens > machine.context_tokens:
            return False
        clearance = self._policy.clearance[machine.tier]
        return (clearance.as_is is not None and request.kind.sensitivity <= clearance.as_is) or (
            clearance.sanitised is not None and request.kind.after <= clearance.sanitised
        )

    def foreseen(self, place: int) -> float:
        """What the present request would truly come to there: with its noise, its failure and its answer's length."""
        request = self.request
        lost_s = FAILING_S + GIVEN_UP_S if self._fails(place, request) else 0.0
        return self._score_of(place, request, self._slower(place, request.at_s) * self._noise(place, request), lost_s)

    def expected(self, place: int) -> float:
        """The same as far as it can be known beforehand: drift and queues, and not what chance does to one request."""
        request = replace(self.request, answer_tokens=self._answer_tokens)
        rate = self.machines[place].failure
        return self._score_of(place, request, self._slower(place, request.at_s), rate / (1 - rate) * FAILING_S)

    def _score_of(self, place: int, request: Request, slower: float, lost_s: float) -> float:
        waiting_s = max(0.0, min(self._stations[place].free_at) - request.at_s)
        first_s, writing_s = self._service(place, request, slower)
        return self._outcome(place, request, waiting_s + first_s + writing_s + lost_s, 0).score

    def _fails(self, place: int, request: Request) -> bool:
        return bool(self._chance.fails[request.number, self._column[place]])

    def _noise(self, place: int, request: Request) -> float:
        return float(self._chance.slower[request.number, self._column[place]])

    def _slower(self, place: int, at_s: float) -> float:
        """By drift and by its owner's own work."""
        machine = self.machines[place]
        part = (at_s / machine.period_s + self._chance.phases[self._column[place]]) % 1.0
        burdened = machine.burdened if 1 / 3 <= part < 2 / 3 else 1.0
        return burdened * (1 + machine.drift * math.sin(2 * math.pi * part))

    def _service(self, place: int, request: Request, slower: float) -> tuple[float, float]:
        """Seconds to the first token and from there to the last."""
        machine = self.machines[place]
        unread = max(0, request.prompt_tokens - self._cached_tokens(place, request))
        return slower * (machine.fixed_s + unread / machine.prefill), slower * request.answer_tokens / machine.rate

    def _cached_tokens(self, place: int, request: Request) -> int:
        read, count = self._stations[place].read, 0
        for block in request.blocks:
            if block not in read:
                break
            count += 1
        return min(count * BLOCK_TOKENS, request.prompt_tokens)

    def _answered(self, place: int, request: Request, at_s: float, known_read: int) -> float:
        """When the answer was whole."""
        machine, station = self.machines[place], self._stations[place]
        first_s, writing_s = self._service(place, request, self._slower(place, at_s) * self._noise(place, request))
        slot = min(range(machine.slots), key=station.free_at.__getitem__)
        begins_s = max(at_s, station.free_at[slot])
        ended_s = begins_s + first_s + writing_s
        station.free_at[slot] = ended_s
        if begins_s > at_s:
            heapq.heappush(station.starts, begins_s)
        station.read.update(request.blocks)
        if request.blocks:
            self._answered_by.update(dict.fromkeys(request.blocks, place))
        # Its own queue a node can tell from the service; of another's it sees only the first token.
        waited_s = 0.0 if machine.here else begins_s - at_s
        unread = max(0, request.prompt_tokens - known_read)
        self._later(ended_s, place, Seen(unread, waited_s + first_s, request.answer_tokens, writing_s))
        return ended_s

    def _later(self, at_s: float, place: int, seen: Seen | None) -> None:
        """What is learnt of a machine, and when; None: a failure."""
        self._pending_number += 1
        heapq.heappush(self._pending, (at_s, self._pending_number, place, seen))

    def _outcome(self, place: int, request: Request, seconds: float, violations: int) -> Outcome:
        machine, kind = self.machines[place], request.kind
        clearance = self._policy.clearance[machine.tier]
        as_it_is = clearance.as_is is not None and kind.sensitivity <= clearance.as_is
        nano_usd = cost_nano_usd(request.prompt_tokens, machine.input_price) + cost_nano_usd(
            request.answer_tokens, machine.output_price
        )
        costs = (
            seconds,
            float(nano_usd),
            max(0.0, request.need - machine.quality),
            float(machine.tier) * float(kind.sensitivity if as_it_is else kind.after),
            machine.energy_j_per_token * request.answer_tokens,
        )
        score = max(weight * cost for weight, cost in zip(self._weighed, costs, strict=True))
        return Outcome(score, seconds, nano_usd, place, violations)


def masks(world: World, asked: Sequence[Request]) -> list[tuple[bool, ...]]:
    """For each request, who may answer it."""
    return [tuple(world.may(place, request) for place in range(len(world.machines))) for request in asked]
