"""How quick the models of a backend have shown themselves, timed here, for the estimates of node/agents/estimates.py.

Kept in memory: after a restart everything is learnt anew, as after a day without use.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import trio

from node.agents.estimates import Estimate, Seen
from node.lengths import prompt_tokens
from node.ports import Call
from protocol.answers import Finished
from protocol.errors import BackendError, BackendFailure

SILENT_S = 30.0  # who was waited for so long, and said nothing before it was given up, has failed
TOO_MANY_REQUESTS = 429


class Load(NamedTuple):
    """What a backend has to do now. `slots` 0: it is not there."""

    slots: int
    busy: int
    queued: int


class Stopwatch:
    """Times one answer. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float], prompt: int, tokens_max: int) -> None:
        """`prompt`: its tokens, as the asker counts them; `tokens_max`: of the answer."""
        self._clock = clock
        self._prompt = prompt
        self._tokens_max = tokens_max
        self._began = clock()
        self._first: float | None = None

    def token(self) -> None:
        """A piece of the answer is here."""
        if self._first is None:
            self._first = self._clock()

    @property
    def silent_s(self) -> float:
        """How long nothing came; 0 once something did."""
        return self._clock() - self._began if self._first is None else 0.0

    def seen(self, whole: Finished) -> Seen | None:
        """The answer is whole; None where nothing of it was timed. A count that cannot be says nothing."""
        if self._first is None:
            return None
        cached = min(max(whole.cached_tokens, 0), max(whole.prompt_tokens, 0)) / max(whole.prompt_tokens, 1)
        tokens = whole.completion_tokens if whole.completion_tokens <= self._tokens_max else 0
        return Seen(
            prompt_tokens=round(self._prompt * (1.0 - cached)),
            ttft_s=self._first - self._began,
            tokens=tokens,
            seconds=self._clock() - self._first,
        )


class Measured:
    """The estimates of one backend's models."""

    def __init__(self, clock: Callable[[], float] = trio.current_time) -> None:
        self._clock = clock
        self._estimates: dict[str, Estimate] = {}

    def of(self, model: str) -> Estimate:
        return self._estimates.get(model, Estimate())

    def whole(self, model: str, stopwatch: Stopwatch, answer: Finished) -> None:
        """An answer ended as it should."""
        seen = stopwatch.seen(answer)
        if seen is not None:
            self._estimates[model] = self.of(model).observe(seen, self._clock())

    @contextmanager
    def timed(self, call: Call) -> Iterator[Stopwatch]:
        """Around one attempt, from its sending on. What fails by the model's fault counts against it."""
        stopwatch = Stopwatch(self._clock, prompt_tokens(call.request), call.max_output_tokens)
        try:
            yield stopwatch
        except BackendError as error:
            if error.failure is not BackendFailure.REFUSED or error.status == TOO_MANY_REQUESTS:
                self._failed(call.model)
            raise
        except trio.Cancelled:
            if stopwatch.silent_s >= SILENT_S:
                self._failed(call.model)
            raise

    def _failed(self, model: str) -> None:
        self._estimates[model] = self.of(model).failed(self._clock())
