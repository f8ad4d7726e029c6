"""How many requests run at once, and how many wait: beyond both, a client is told to come back (429)."""

from collections.abc import Callable

import trio

from node.api.ports import Execution, Order, Sink
from node.configuration.values import Limits
from protocol.errors import RefusedError


class Queue:
    """An Execution before another. Requests wait in the order in which they came."""

    def __init__(self, execution: Execution, limits: Callable[[], Limits]) -> None:
        self._execution = execution
        self._limits = limits
        self._running = trio.CapacityLimiter(limits().running_max)

    async def run(self, order: Order, sink: Sink) -> None:
        """As the other's; raises RefusedError (429) where too many wait already."""
        limits = self._limits()
        self._running.total_tokens = limits.running_max
        if self._running.statistics().tasks_waiting >= limits.queued_max and not self._running.available_tokens:
            raise RefusedError(
                "too_many_requests",
                f"{limits.running_max} requests run and {limits.queued_max} wait already: try again in a while",
                reachable=True,
                status=429,
            )
        async with self._running:
            await self._execution.run(order, sink)
