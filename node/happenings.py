"""What happens on this node, for those who watch: `/api/events`, the log, the metrics. Never holds prompt text."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio

from node.api.ports import NodeEvent
from protocol.terms import Now

WAITING_MAX = 256  # events of one watcher; what is more is counted and told

log = logging.getLogger("islandrun.events")


class Happenings:
    """Tells every watcher of every event. One a node."""

    def __init__(self, clock: Callable[[], Now]) -> None:
        self._clock = clock
        self._next_id = 1
        self._watchers: set[_Watcher] = set()
        self._ended = False
        self.counts: Counter[str] = Counter()

    def tell(self, kind: str, **data: Any) -> None:
        """`kind` is a word; `data` holds names and numbers of ours."""
        event = NodeEvent(self._next_id, kind, self._clock().wall_s, data)
        self._next_id += 1
        self.counts[kind] += 1
        log.info(kind, extra={"data": data})
        for watcher in self._watchers:
            watcher.put(event)

    def end(self) -> None:
        """Nobody is told any more: the node ends, and those who watch must not hold it up."""
        self._ended = True
        for watcher in self._watchers:
            watcher.end()

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[AsyncIterator[NodeEvent]]:
        """What happens until `end`. A watcher that is too slow misses events; its next one says how many."""
        watcher = _Watcher()
        if self._ended:
            watcher.end()
        self._watchers.add(watcher)
        try:
            yield watcher.events
        finally:
            self._watchers.remove(watcher)


class _Watcher:
    def __init__(self) -> None:
        self._send, self.events = trio.open_memory_channel[NodeEvent](WAITING_MAX)
        self._missed = 0

    def put(self, event: NodeEvent) -> None:
        if self._missed:
            data: Mapping[str, Any] = {**event.data, "missed": self._missed}
            event = NodeEvent(event.id, event.kind, event.at_s, data)
        try:
            self._send.send_nowait(event)
            self._missed = 0
        except trio.WouldBlock:
            self._missed += 1
        except trio.ClosedResourceError:
            self._missed = 0  # it was ended

    def end(self) -> None:
        self._send.close()
