"""Pairing in the mesh process: at most one window of our own, and the windows that others announce."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio

from node.mesh import frames
from node.mesh.announcement import PairingWindow, Rumour
from node.mesh.endpoint import Endpoint
from node.mesh.frames import MessageLink
from node.mesh.pipes import Pipes
from node.mesh.streams import MeshStream
from node.mesh.window import WINDOW_S, joining, pairing_window
from protocol.errors import LinkError
from protocol.keys import IslandId

HEARD_MAX = 64


class Pairing:
    """Opens and closes the own window, remembers where others' are, and dials one."""

    def __init__(
        self,
        link: MessageLink,
        pipes: Pipes,
        hosts: Sequence[str],
        announce: Callable[[PairingWindow | None], None],
    ) -> None:
        self._link = link
        self._pipes = pipes
        self._hosts = tuple(hosts)
        self._announce = announce
        self._scope: trio.CancelScope | None = None
        self._heard: OrderedDict[IslandId, tuple[Endpoint, ...]] = OrderedDict()

    async def open(self, message: frames.OpenWindow) -> None:
        """Until it is closed, or too old, or another is opened."""
        self.close()
        problem = "closed"
        with trio.move_on_after(WINDOW_S) as self._scope:
            try:
                async with pairing_window(message.seed, self._hosts, self._carry) as (host, port):
                    self._announce(PairingWindow(host, port))
                    await self._link.send(frames.WindowOpened(host, port))
                    await trio.sleep_forever()
            except* LinkError as errors:
                problem = str(errors.exceptions[0])
            finally:
                self._announce(None)
        await self._link.send(frames.WindowClosed(problem))

    def close(self) -> None:
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def hear(self, rumour: Rumour) -> None:
        """Remembers a window that somebody announces, and tells the core of each once."""
        if rumour.pairing is None:
            return
        host = rumour.pairing.host
        places = tuple(Endpoint(endpoint.host, rumour.pairing.port) for endpoint in rumour.endpoints)
        known = self._heard.pop(host, None)
        self._heard[host] = tuple(dict.fromkeys([*places, *(known or ())]))[: frames.WINDOW_PLACES_MAX]
        if len(self._heard) > HEARD_MAX:
            self._heard.popitem(last=False)
        if known is None:
            await self._link.send(frames.WindowHeard(host))

    async def join(self, message: frames.Join) -> None:
        """Dials a window that was heard of, and carries the stream to its end."""
        window = IslandId(message.window)
        try:
            async with joining(
                message.seed, window, self._heard.get(window, ()), message.deadline_ms / 1_000
            ) as stream:
                await self._pipes.carry_out(message.stream, stream)
        except* LinkError:
            await self._pipes.refuse(message.stream)

    async def _carry(self, stream: MeshStream) -> None:
        await self._pipes.carry_in(stream, lambda number: frames.WindowIncoming(number, stream.peer))
