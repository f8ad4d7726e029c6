"""A run: a scenario, a seed, and what came of it. Source: specs/10-simulator.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from protocol.chance import Chance
from protocol.keys import IslandId
from sim.asking import Asker, drawn
from sim.island import Mesh, SimIsland
from sim.kernel import SECOND_US, Draws, Kernel
from sim.metrics import Metrics
from sim.network import Link, Network
from sim.scenario import Scenario
from sim.world import Inhabitant, build

BOOT_US = SECOND_US  # islands start within so long of each other
PROGRESS_STEPS = 100

Progress = Callable[[int, int], None]
"""Simulated seconds done, of how many. For a bar; nothing of it reaches the result."""


@dataclass(frozen=True, slots=True)
class Result:
    scenario: str
    seed: int
    islands: int
    simulated_s: int
    events: int
    digest: str
    figures: Mapping[str, object]

    def json_form(self) -> dict[str, object]:
        """The contract's object: nothing of the wall clock is in it."""
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "digest": self.digest,
            "islands": self.islands,
            "simulated_s": self.simulated_s,
            "events": self.events,
            **self.figures,
        }


class Simulation:
    """A run that can be stopped anywhere and looked into."""

    def __init__(self, scenario: Scenario, seed: int = 0) -> None:
        self.scenario = scenario
        self.kernel = Kernel(seed)
        self.world = build(scenario, seed)
        links = {inhabitant.name: inhabitant.link for inhabitant in self.world.inhabitants}
        if scenario.provider is not None:
            links[scenario.provider.name] = Link(scenario.provider.site, False, scenario.provider.bits_per_s, 0.0)
        network = Network(seed, links, self.kernel.draws("network"))
        self.mesh = Mesh(self.kernel, network, Metrics(), self.world, {})
        for inhabitant in self.world.inhabitants:
            self.mesh.islands[inhabitant.id] = SimIsland(self.mesh, inhabitant)
        self._set_in_motion(_dials(self.world.inhabitants, scenario.sessions_max, seed))

    @property
    def islands(self) -> list[SimIsland]:
        return list(self.mesh.islands.values())

    def until(self, seconds: float) -> None:
        self.kernel.run(int(seconds * SECOND_US))

    def result(self) -> Result:
        """Of all that has run by now."""
        simulated_s = max(1, self.kernel.now_us // SECOND_US)
        figures = self.mesh.metrics.report(self.scenario.islands, simulated_s)
        self.kernel.note("end", *(f"{name}={value}" for name, value in figures.items()))
        return Result(
            scenario=self.scenario.name,
            seed=self.kernel.seed,
            islands=self.scenario.islands,
            simulated_s=simulated_s,
            events=self.kernel.events,
            digest=self.kernel.digest(),
            figures=figures,
        )

    def _set_in_motion(self, dials: list[list[IslandId]]) -> None:
        for number, island in enumerate(self.islands):
            draws = self.kernel.draws(f"workload/{island.me.name}")
            self.kernel.after(int(draws.unit() * BOOT_US), island.start, dials[number])
            _ask_from_now_on(self.kernel, Asker(island, self.scenario), self.scenario, draws)
        for crash in self.scenario.crashes:
            if crash.island < len(self.islands):
                self.kernel.after(int(crash.at_s * SECOND_US), self.islands[crash.island].crash)


def run(
    scenario: Scenario,
    seed: int = 0,
    islands: int | None = None,
    duration_s: int | None = None,
    progress: Progress | None = None,
) -> Result:
    """The same arguments give the same result, in every process."""
    scenario = replace(scenario, islands=islands or scenario.islands, duration_s=duration_s or scenario.duration_s)
    simulation = Simulation(scenario, seed)
    for step in range(1, PROGRESS_STEPS + 1):
        simulation.until(scenario.duration_s * step / PROGRESS_STEPS)
        if progress is not None:
            progress(simulation.kernel.now_us // SECOND_US, scenario.duration_s)
    return simulation.result()


def _dials(inhabitants: tuple[Inhabitant, ...], sessions_max: int, seed: int) -> list[list[IslandId]]:
    """Whom each island dials: each pair once while both have sessions left; a ring first, so that all hang together."""
    count = len(inhabitants)
    dials: list[list[IslandId]] = [[] for _ in range(count)]
    sessions = [0] * count
    for number in range(count):
        chance = Chance(seed * count + number)
        neighbours = [(number + 1) % count]
        others = [other for other in chance.shuffled(range(count)) if other != neighbours[0]]
        for other in (*neighbours, *others):
            if other == number or inhabitants[other].id in dials[number] or inhabitants[number].id in dials[other]:
                continue
            if sessions[number] >= sessions_max:
                break
            if sessions[other] < sessions_max:
                dials[number].append(inhabitants[other].id)
                sessions[number] += 1
                sessions[other] += 1
    return dials


def _ask_from_now_on(kernel: Kernel, asker: Asker, scenario: Scenario, draws: Draws) -> None:
    """Once each period, at a moment of the island's own."""
    period_us = int(scenario.workload.period_s * SECOND_US)

    def ask(number: int) -> None:
        asker.ask(drawn(number, scenario, draws))
        kernel.after(period_us, ask, number + 1)

    kernel.after(BOOT_US + int(draws.unit() * period_us), ask, 0)
