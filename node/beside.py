"""A task beside a block: it runs while the block does, and the block's error comes out as it is, in no group."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def beside(task: Callable[[], Awaitable[object]]) -> AsyncIterator[trio.CancelScope]:
    """Yields the scope of both; the end of the block ends the task. An error of the task cancels the block."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(task)
            yield nursery.cancel_scope
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise sole(group) from None


def sole(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error in a group: where others were only cancelled because of it, that one; else the group."""
    errors = list(_leaves(group))
    real = [error for error in errors if not isinstance(error, trio.Cancelled)]
    if not real:
        return errors[0]
    return real[0] if len(real) == 1 else group


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
