"""A task beside a block: neither outlives the other, and errors come out as they are."""

import pytest
import trio

from node.beside import beside


async def test_the_end_of_the_block_ends_the_task() -> None:
    ended = trio.Event()

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with beside(task):
        await trio.lowlevel.checkpoint()
    assert ended.is_set()


async def test_an_error_of_the_task_cancels_the_block_and_comes_out_alone() -> None:
    async def task() -> None:
        raise ValueError("task")

    with pytest.raises(ValueError, match="task"):
        async with beside(task):
            await trio.sleep_forever()


async def test_an_error_of_the_block_comes_out_alone_even_when_the_task_fails_while_it_ends() -> None:
    with pytest.raises(KeyError):
        async with beside(trio.sleep_forever):
            raise KeyError("block")

    async def task() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("task")

    with pytest.raises(BaseExceptionGroup) as both:
        async with beside(task):
            await trio.lowlevel.checkpoint()
            raise KeyError("block")
    assert {type(error) for error in both.value.exceptions} == {KeyError, ValueError}


async def test_cancelled_from_outside_both_end_and_nothing_is_raised_beyond_the_scope() -> None:
    with trio.CancelScope() as scope:
        async with beside(trio.sleep_forever):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_scope_that_it_yields_ends_both() -> None:
    async with beside(trio.sleep_forever) as scope:
        scope.cancel()
        await trio.sleep_forever()
