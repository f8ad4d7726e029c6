"""The attempts of one request that are under way at once: one, or two unpaid ones. Performs what its plan says.

The first token settles who answers; the other is cancelled before anything of it can reach the client.
"""

from collections.abc import Awaitable, Callable

import trio

from node.attempt import Tell
from node.beside import beside, sole
from node.dispatch import Action, Dispatch, Done, Event, GoOn, Slow, Try, Wait
from protocol.terms import Now

RunOne = Callable[[Try, Tell], Awaitable[Action]]
"""One attempt to its end, and what the plan said of it."""


class Race:
    """Of one plan."""

    def __init__(self, plan: Dispatch, run_one: RunOne, clock: Callable[[], Now]) -> None:
        self._plan = plan
        self._run_one = run_one
        self._clock = clock
        self._scopes: dict[int, trio.CancelScope] = {}
        self._last: Action = GoOn()

    async def to_its_end(self, action: Action) -> Action:
        """From what the plan said at its start to what it says when nothing is to be tried any more."""
        while isinstance(action, Try):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._attempt, action, nursery)
            except BaseExceptionGroup as group:
                raise sole(group) from None
            action = self._last
        return action

    async def _attempt(self, tried: Try, nursery: trio.Nursery) -> None:
        with self._scopes.setdefault(tried.attempt, trio.CancelScope()):
            async with beside(lambda: self._grow_impatient(tried, nursery)):
                action = await self._run_one(tried, lambda event: self._tell(tried, event))
            if not isinstance(action, GoOn):
                self._last = action

    async def _grow_impatient(self, tried: Try, nursery: trio.Nursery) -> None:
        if tried.slow_ms is None:
            return
        await trio.sleep(max(0, tried.slow_ms - self._clock().mono_ms) / 1_000)
        action = self._tell(tried, Slow())
        if isinstance(action, Try):
            nursery.start_soon(self._attempt, action, nursery)

    def _tell(self, tried: Try, event: Event) -> Action:
        """What comes late, of an attempt that is over, is nobody's."""
        if tried.attempt not in self._plan.under_way:
            return GoOn()
        action = self._plan.on(event, self._clock(), tried.attempt)
        if isinstance(action, Wait | Done) and action.lost is not None:
            self._scopes[action.lost].cancel()
        return action
