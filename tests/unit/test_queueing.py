import pytest
import trio
import trio.testing

from node.api.ports import Order, Sink
from node.configuration.values import Limits
from node.queueing import Queue
from protocol.chat import ChatRequest
from protocol.errors import RefusedError

ORDER = Order(ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": "Hello"}]}), "inference")


class Slow:
    """Runs until it is let go."""

    def __init__(self) -> None:
        self.go = trio.Event()
        self.running = self.most = self.done = 0

    async def run(self, order: Order, sink: Sink) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await self.go.wait()
        self.running -= 1
        self.done += 1


class Nowhere:
    def decided(self, decision_id: str) -> None: ...
    async def started(self, route: object) -> None: ...
    async def event(self, event: object) -> None: ...


async def test_so_many_run_so_many_wait_and_the_next_is_told_to_come_back() -> None:
    slow, sink = Slow(), Nowhere()
    queue = Queue(slow, lambda: Limits(running_max=2, queued_max=3))
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(queue.run, ORDER, sink)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RefusedError) as refused:
            await queue.run(ORDER, sink)
        slow.go.set()
    assert refused.value.status == 429
    assert (slow.most, slow.done) == (2, 5)


async def test_a_client_that_leaves_the_queue_gives_its_place_to_the_next() -> None:
    slow, sink = Slow(), Nowhere()
    queue = Queue(slow, lambda: Limits(running_max=1, queued_max=1))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.run, ORDER, sink)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0):
            await queue.run(ORDER, sink)
        nursery.start_soon(queue.run, ORDER, sink)
        await trio.testing.wait_all_tasks_blocked()
        slow.go.set()
    assert slow.done == 2
