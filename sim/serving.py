"""A device at work: slots, a queue, and the time that tokens take. Source: specs/10-simulator.md, "Devices"."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sim.kernel import SECOND_US, Kernel
from sim.scenario import ModelClass

QUEUE_MAX = 8  # for each slot; who comes later is told so and goes elsewhere


@dataclass(slots=True)
class Job:
    """One answer in the making. `first` and `last` run when the first and the last token are there."""

    prompt_tokens: int
    answer_tokens: int
    first: Callable[[], None]
    last: Callable[[], None]
    cancelled: bool = False


@dataclass(slots=True)
class Server:
    """One model of one device."""

    kernel: Kernel
    model: ModelClass
    busy: int = 0
    waiting: deque[Job] = field(default_factory=deque)

    def take(self, job: Job) -> bool:
        """False when the queue is full: a definite refusal."""
        if self.busy < self.model.slots:
            self._begin(job)
        elif len(self.waiting) < QUEUE_MAX * self.model.slots:
            self.waiting.append(job)
        else:
            return False
        return True

    @property
    def free(self) -> int:
        return self.model.slots - self.busy

    @property
    def queued(self) -> int:
        return sum(not job.cancelled for job in self.waiting)

    def _begin(self, job: Job) -> None:
        self.busy += 1
        reading = self.model.ttft_ms * 1_000 + job.prompt_tokens * SECOND_US // self.model.prompt_tokens_per_s
        writing = job.answer_tokens * SECOND_US // self.model.tokens_per_s
        self.kernel.after(reading, self._first, job)
        self.kernel.after(reading + writing, self._last, job)

    def _first(self, job: Job) -> None:
        if not job.cancelled:
            job.first()

    def _last(self, job: Job) -> None:
        # A cancelled job keeps its slot until here: pessimistic, since real decoding stops within a second.
        self.busy -= 1
        if not job.cancelled:
            job.last()
        while self.waiting and self.busy < self.model.slots:
            following = self.waiting.popleft()
            if not following.cancelled:
                self._begin(following)
