"""Islands that run the real dissemination on one event queue: a small fake of gossipsub, streams and time."""

import heapq
from dataclasses import dataclass, field

from protocol.dissemination import Dissemination
from protocol.failure import Alive, Dead, Suspect
from protocol.membership import Membership
from protocol.mesh_actions import Answered, Believed, CloseSession, Gossip, NeedStatement, Questioned, SendSync
from protocol.registry import Registry
from tests.attested import later, statement
from tests.unit.islands import Archipelago

LATENCY_MS = 2


@dataclass
class Node:
    key: object
    membership: Membership
    registry: Registry
    machine: Dissemination
    actions: list = field(default_factory=list)  # (ms, action)
    sequence: int = 0
    dead: bool = False

    def said(self, kind):
        return [action for _, action in self.actions if isinstance(action, kind)]

    def when(self, kind):
        return [ms for ms, action in self.actions if isinstance(action, kind)]


class Mesh:
    def __init__(self, archipelago=None, *, size=3, seed=7, settings=None, knows=None):
        self.archipelago = archipelago or Archipelago(size)
        self.ms = 0
        self.settings = settings
        self.lost = lambda kind, sender, receiver: False
        self.links = set()
        self.nodes = {}
        self._queue = []
        self._order = 0
        for index, key in enumerate(self.archipelago.keys):
            membership = self.archipelago.membership(*(knows(index) if knows else ()))
            registry = Registry(membership)
            machine = Dissemination(
                key.island, membership, registry, seed=seed + index, now=later(ms=0), settings=settings
            )
            self.nodes[key.island] = Node(key, membership, registry, machine)

    def __getitem__(self, index):
        return self.nodes[self.archipelago.ids[index]]

    def connect(self, one, other):
        a, b = self.archipelago.ids[one], self.archipelago.ids[other]
        self.links.add(frozenset((a, b)))
        now = self.now
        heads = {x: self.nodes[x].membership.heads() for x in (a, b)}
        self._do(a, self.nodes[a].machine.on_session(b, heads[b], now))
        self._do(b, self.nodes[b].machine.on_session(a, heads[a], now))

    def connect_all(self):
        for one in range(len(self.nodes)):
            for other in range(one):
                self.connect(one, other)
        return self

    def cut(self, one, other):
        a, b = self.archipelago.ids[one], self.archipelago.ids[other]
        self.links.discard(frozenset((a, b)))
        for x, y in ((a, b), (b, a)):
            self._do(x, self.nodes[x].machine.on_session_closed(y, self.now))

    def do(self, index, call):
        """Performs what `call(machine, now)` returns at that island."""
        island = self.archipelago.ids[index]
        self._do(island, call(self.nodes[island].machine, self.now))

    @property
    def now(self):
        return later(ms=self.ms)

    def run(self, ms):
        """Lets so much time pass."""
        end = self.ms + ms
        while True:
            wakes = [
                (max(self.ms, node.machine.next_wake_ms() - later(ms=0).mono_ms), index)
                for index, node in enumerate(self.nodes.values())
                if not node.dead
            ]
            due, index = min(wakes, default=(end + 1, 0))
            if self._queue and self._queue[0][0] <= min(due, end):
                self.ms, _, island, call = heapq.heappop(self._queue)
                if not self.nodes[island].dead:
                    self._do(island, call(self.nodes[island].machine, self.now))
            elif due <= end:
                self.ms = due
                island = self.archipelago.ids[index]
                self._do(island, self.nodes[island].machine.tick(self.now))
            else:
                self.ms = end
                return

    def _later(self, island, call):
        self._order += 1
        heapq.heappush(self._queue, (self.ms + LATENCY_MS, self._order, island, call))

    def _do(self, island, actions):
        node = self.nodes[island]
        for action in actions:
            node.actions.append((self.ms, action))
            match action:
                case SendSync(peer, data):
                    linked = frozenset((island, peer)) in self.links
                    if linked and not self.lost("sync", island, peer):
                        self._later(peer, lambda m, now, data=data: m.on_sync(island, data, now))
                case Gossip(data):
                    for other in self._reachable(island):
                        if not self.lost("gossip", island, other):
                            self._later(other, lambda m, now, data=data: m.on_gossip(island, data, now))
                case NeedStatement():
                    node.sequence += 1
                    signed = statement(node.key, boot=1, sequence=node.sequence)
                    self._do(island, node.machine.publish(signed.raw, self.now))
                case CloseSession(peer):
                    if frozenset((island, peer)) in self.links:
                        self.links.discard(frozenset((island, peer)))
                        self._later(peer, lambda m, now: m.on_session_closed(island, now))
                case Questioned(peer, number, content):
                    self._do(island, node.machine.answer(peer, number, content.upper()))
                case Believed() | Alive() | Suspect() | Dead() | Answered():
                    pass

    def _reachable(self, island):
        """Whom gossipsub reaches over links between living islands, without the island itself."""
        seen, todo = {island}, [island]
        while todo:
            here = todo.pop()
            for other in self.nodes:
                if other not in seen and not self.nodes[other].dead and frozenset((here, other)) in self.links:
                    seen.add(other)
                    todo.append(other)
        return sorted(seen - {island})
