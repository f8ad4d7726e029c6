"""The core's side of the mesh. No libp2p here: words of the link in, awaitable calls and events out.

The mesh may go at any time: what waits then gets LinkError, streams end with LinkError, and the next mesh is set up as
the last one was.
"""

from collections.abc import Callable, Collection

import trio

from node.link import Link
from node.mesh import frames
from node.mesh.events import (
    IncomingQuestion,
    IncomingStream,
    MemberDown,
    MemberHealth,
    MemberUp,
    MeshAlarm,
    MeshCounts,
    MeshEvent,
    MeshGone,
    MeshReady,
    MeshSetup,
    OnEvent,
    RecordBelieved,
    StatementNeeded,
    WindowHeard,
    WindowStream,
)
from node.mesh.frames import TO_CORE, Message, MessageLink
from node.mesh.life import EVENTS_WAITING_MAX, GRACE_S, Asked, Life, LinkStream
from protocol.errors import LinkError
from protocol.keys import IslandId

OPEN_S = 5.0
JOIN_S = 10.0
WINDOW_S = 5.0
WINDOWS_MAX = 64


class MeshPort:
    """One for the life of the node; `serve` runs once for each life of the mesh process."""

    def __init__(self, setup: Callable[[], MeshSetup], on_event: OnEvent) -> None:
        self._setup = setup
        self._on_event = on_event
        self._life: Life | None = None
        self.peers: frozenset[IslandId] = frozenset()
        self.listening: tuple[str, ...] = ()
        self.windows: tuple[IslandId, ...] = ()
        self._window_heard = trio.Event()
        self._ready = trio.Event()

    async def serve(self, link: Link) -> None:
        """Serves one life of the mesh process: raises LinkError at its end (see node.supervision.Serve)."""
        send, receive = trio.open_memory_channel[MeshEvent](EVENTS_WAITING_MAX)
        life = Life(MessageLink(link, TO_CORE), send)
        problem = "the mesh was told to start again"
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell, receive)
                nursery.start_soon(life.post)
                try:
                    await self._greet(life)
                    self._life = life
                    while not life.ended:
                        await self._on_message(life, await life.link.receive())
                except LinkError as error:
                    problem = str(error)
                finally:
                    self._life = None
                    self._ready = trio.Event()
                    self.peers, self.listening, self.windows = frozenset(), (), ()
                    life.end(problem)
                nursery.cancel_scope.deadline = trio.current_time() + GRACE_S
        finally:
            life.end(problem)
        await self._on_event(MeshGone(problem))
        raise LinkError(problem)

    async def restart(self) -> None:
        """Ends this life of the mesh process: the next one asks for the setup again."""
        if self._life is not None:
            self._life.ended = True
            await self._life.link.close()

    async def publish(self, raw: bytes) -> None:
        """Tells the others an own statement or a new entry. Without a mesh: nothing; the setup carries it."""
        if self._life is None or self._life.ended:
            return
        try:
            await self._life.link.send(frames.Publish(raw))
        except LinkError:
            return  # the next life's setup carries it

    async def open_stream(self, island: IslandId, deadline_s: float = OPEN_S) -> LinkStream:
        """An infer stream to a member that is up. Raises LinkError."""
        life = self._alive()
        stream = life.new_stream(island)
        return await life.opened(stream, frames.Open(stream.number, island, _ms(deadline_s)), deadline_s)

    async def ask(self, island: IslandId, question: bytes, deadline_s: float) -> bytes:
        """The member's answer to a sync question. Raises LinkError."""
        life = self._alive()
        number = next(life.numbers)
        asked = life.questions[number] = Asked()
        try:
            await life.link.send(frames.Ask(number, island, question, _ms(deadline_s)))
            with trio.move_on_after(deadline_s + GRACE_S):
                await asked.settled.wait()
        finally:
            life.questions.pop(number, None)
        if asked.answer is None:
            raise LinkError(asked.problem or f"no answer in {deadline_s:g} s")
        return asked.answer

    async def open_window(self, seed: bytes) -> IslandId:
        """Opens a pairing window with a fresh seed; its host id, from which its number follows. Raises LinkError."""
        life = self._alive()
        life.window = Asked()
        await life.link.send(frames.OpenWindow(seed))
        with trio.move_on_after(WINDOW_S):
            await life.window.settled.wait()
        if life.window.answer is None:
            raise LinkError(life.window.problem or f"no window in {WINDOW_S:g} s")
        return IslandId(life.window.answer.decode("ascii"))

    async def close_window(self) -> None:
        """Ends the window and every stream to it. Never raises."""
        if self._life is not None:
            try:
                await self._life.link.send(frames.CloseWindow())
            except LinkError:
                return  # the window went with the mesh

    async def hear_window(
        self, wanted: Callable[[IslandId], bool], *, tried: Collection[IslandId] = (), deadline_s: float = JOIN_S
    ) -> IslandId:
        """The next window on the network that is wanted (its number fits) and was not tried. Raises LinkError."""
        with trio.move_on_after(deadline_s):
            while True:
                for host in self.windows:
                    if host not in tried and wanted(host):
                        return host
                await self._window_heard.wait()
        raise LinkError("no such pairing window was heard on this network")

    async def join(self, window: IslandId, seed: bytes, deadline_s: float = JOIN_S) -> LinkStream:
        """An enrol stream to the window, from a host with this fresh seed. Raises LinkError."""
        life = self._alive()
        stream = life.new_stream(window)
        return await life.opened(stream, frames.Join(stream.number, seed, window, _ms(deadline_s)), deadline_s)

    async def wait_ready(self, deadline_s: float) -> None:
        """Until the mesh listens. Raises LinkError."""
        with trio.move_on_after(deadline_s):
            await self._ready.wait()
            return
        raise LinkError(f"the mesh is not there after {deadline_s:g} s")

    def _alive(self) -> Life:
        if self._life is None:
            raise LinkError("the mesh is not there")
        return self._life

    async def _greet(self, life: Life) -> None:
        setup = self._setup()
        for island, addresses in setup.addresses.items():
            life.before.append(frames.Remember(island, tuple(addresses)))
        await life.link.send(
            frames.Setup(
                setup.seed,
                setup.genesis,
                setup.entries,
                setup.statement,
                setup.listen,
                setup.interfaces,
            )
        )
        for word in life.before:
            await life.link.send(word)

    async def _tell(self, events: trio.MemoryReceiveChannel[MeshEvent]) -> None:
        async for event in events:
            await self._on_event(event)

    async def _on_message(self, life: Life, message: Message) -> None:
        match message:
            case frames.Data() | frames.End() | frames.Reset() | frames.Opened():
                life.on_stream(message)
            case frames.Answered(number, answer):
                life.settle(number, answer, "")
            case frames.Unanswered(number, problem):
                life.settle(number, None, problem)
            case frames.WindowOpened(host):
                life.window.settle(host.encode("ascii", "replace"), "")
            case frames.WindowClosed(problem):
                life.window.settle(None, problem)
            case frames.Failed(problem):
                raise LinkError(problem)
            case _:
                life.tell(self._event(life, message))

    def _event(self, life: Life, message: Message) -> MeshEvent:
        match message:
            case frames.Ready(listening):
                self.listening = listening
                self._ready.set()
                return MeshReady(listening)
            case frames.Believed(raw):
                return RecordBelieved(raw)
            case frames.PeerUp(island, addresses):
                self.peers |= {IslandId(island)}
                return MemberUp(IslandId(island), addresses)
            case frames.PeerDown(island):
                self.peers -= {IslandId(island)}
                return MemberDown(IslandId(island))
            case frames.Health(island, state):
                return MemberHealth(IslandId(island), state)
            case frames.NeedStatement():
                return StatementNeeded()
            case frames.Incoming(number, island):
                return IncomingStream(life.accept(number, IslandId(island)))
            case frames.WindowIncoming(number, joiner):
                return WindowStream(life.accept(number, IslandId(joiner)))
            case frames.Asked(number, island, question):
                return IncomingQuestion(IslandId(island), question, lambda answer: life.reply(number, answer))
            case frames.WindowHeard(host):
                self.windows = (*self.windows, IslandId(host))[-WINDOWS_MAX:]
                self._window_heard.set()
                self._window_heard = trio.Event()
                return WindowHeard(IslandId(host))
            case frames.Alarm(code, island, detail):
                return MeshAlarm(code, IslandId(island) if island else None, detail)
            case frames.Counts(connections, rumours, faults, refused):
                return MeshCounts(connections, rumours, faults, refused)
        raise LinkError(f"{type(message).__name__}: not for the core")


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1_000))
