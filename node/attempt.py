"""One attempt at one offer: the answer on its way from the backend to the client, under the plan's deadlines.

The deadline runs only while the backend is waited for: a client that pauses reading must lose nothing.
"""

import math
from collections.abc import Awaitable, Callable

import trio

from node.api.ports import Route, Sink
from node.dispatch import Action, Connected, Event, Failed, TimedOut, Token, Wait
from node.dispatch import Finished as Whole
from node.facts import about_tokens
from node.ports import Backend, Call
from node.privacy.answer import AnswerRestorer
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import BackendError, BackendFailure, RequestError
from protocol.terms import Now

BeforeEnd = Callable[[Finished], Awaitable[None]]
Tell = Callable[[Event], Action]
"""Of one attempt: says to the plan what happened to it; `GoOn` where it is over, since another answers."""


class Attempt:
    """Made for one offer and run once."""

    def __init__(
        self,
        tell: Tell,
        backend: Backend,
        call: Call,
        restorer: AnswerRestorer | None,
        route: Route,
        sink: Sink,
        clock: Callable[[], Now],
        before_end: BeforeEnd,
    ) -> None:
        self._tell = tell
        self._backend = backend
        self._call = call
        self._restorer = restorer
        self._route = route
        self._sink = sink
        self._clock = clock
        self._before_end = before_end
        self._scope = trio.CancelScope()
        self.finished: Finished | None = None
        self.first_token_ms: int | None = None
        self.tokens = 0  # about so many were written

    async def run(self) -> Event:
        """What came of it, for the plan. Cancelled: the computation behind it stops."""
        self._allow(self._tell(Connected()))
        with self._scope:
            try:
                await self._backend.answer(self._call, self._on_event)
            except BackendError as error:
                return Failed(error.failure, error.code)
            return Whole() if self.finished is not None else Failed(BackendFailure.AMBIGUOUS, "cut")
        return TimedOut()

    async def _on_event(self, event: AnswerEvent) -> None:
        if self.finished is not None:
            raise BackendError(BackendFailure.AMBIGUOUS, "after_end", "the backend went on after the end")
        wait = self._tell(Token())
        if not isinstance(wait, Wait):
            await trio.sleep_forever()  # it is being cancelled: nothing of it reaches the client
        self._scope.deadline = math.inf
        if self.first_token_ms is None:
            self.first_token_ms = self._clock().mono_ms
            await self._sink.started(self._route)
        if isinstance(event, Delta):
            self.tokens += max(1, about_tokens(event.content))
            await self._deliver(event)
        else:
            await self._finish(event)
        self._allow(wait)

    async def _deliver(self, delta: Delta) -> None:
        try:
            restored = [delta] if self._restorer is None else self._restorer.feed(delta)
        except RequestError as error:
            raise BackendError(BackendFailure.AMBIGUOUS, "malformed", "a piece of the answer is no chunk") from error
        for piece in restored:
            await self._sink.event(piece)

    async def _finish(self, finished: Finished) -> None:
        self.finished = finished
        await self._before_end(finished)
        if self._restorer is not None:
            for held in self._restorer.finish():
                await self._sink.event(held)
        await self._sink.event(finished)

    def _allow(self, action: object) -> None:
        """The backend has until the plan's moment for its next sign of life."""
        if isinstance(action, Wait):
            left_s = (action.until_ms - self._clock().mono_ms) / 1_000
            self._scope.deadline = trio.current_time() + left_s
