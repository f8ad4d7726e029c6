"""The core's side of the mesh, against a mesh that the test plays."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from node.link import Link
from node.mesh import frames, life
from node.mesh.events import (
    IncomingQuestion,
    IncomingStream,
    MemberUp,
    MeshEvent,
    MeshGone,
    MeshReady,
    MeshSetup,
    RecordBelieved,
    WindowStream,
)
from node.mesh.frames import TO_MESH, MessageLink
from node.mesh.life import LinkStream
from node.mesh.port import MeshPort
from protocol.errors import LinkError
from protocol.keys import IslandId, SigningKey

PEER = SigningKey(b"p" * 32).island
SETUP = MeshSetup(seed=b"s" * 32, listen=("127.0.0.1:0",), genesis=b"g", addresses={PEER: ("192.0.2.1:4754",)})
WAIT_S = 5.0


class Core:
    """A port, what it told, and the mesh's end of its link."""

    def __init__(self) -> None:
        self.events: list[MeshEvent] = []
        self._changed = trio.Event()
        self.port = MeshPort(lambda: SETUP, self._on_event)
        self.links: list[Link] = []

    async def _on_event(self, event: MeshEvent) -> None:
        self.events.append(event)
        self._changed.set()
        self._changed = trio.Event()

    async def event(self, kind: type) -> MeshEvent:
        with trio.fail_after(WAIT_S):
            while not (found := [event for event in self.events if isinstance(event, kind)]):
                await self._changed.wait()
        return found[-1]

    async def live(self, task_status: trio.TaskStatus[MessageLink] = trio.TASK_STATUS_IGNORED) -> None:
        """One life of the mesh."""
        near, far = socket.socketpair()
        link, other = (Link(trio.SocketStream(trio.socket.from_stdlib_socket(one))) for one in (near, far))
        self.links += [link, other]
        task_status.started(MessageLink(other, TO_MESH))
        try:
            await self.port.serve(link)
        except LinkError:
            pass
        finally:
            await link.aclose()


@asynccontextmanager
async def a_core() -> AsyncIterator[tuple[Core, MessageLink, trio.Nursery]]:
    core = Core()
    async with trio.open_nursery() as nursery:
        mesh = await nursery.start(core.live)
        assert isinstance(await mesh.receive(), frames.Setup)
        assert isinstance(await mesh.receive(), frames.Remember)
        await mesh.send(frames.Ready(("127.0.0.1:4754",)))
        await core.event(MeshReady)
        yield core, mesh, nursery
        nursery.cancel_scope.cancel()
    for link in core.links:
        await link.aclose()


async def test_each_life_of_the_mesh_is_set_up_alike() -> None:
    async with a_core() as (core, mesh, nursery):
        await mesh.close()
        await core.event(MeshGone)
        again = await nursery.start(core.live)
        setup = await again.receive()
        assert setup == frames.Setup(SETUP.seed, b"g", (), None, SETUP.listen, None)
        assert await again.receive() == frames.Remember(PEER, ("192.0.2.1:4754",))


async def test_what_the_mesh_tells_arrives_in_order() -> None:
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Believed(b"one"))
        await mesh.send(frames.PeerUp(PEER, ("a",)))
        await mesh.send(frames.Believed(b"two"))
        with trio.fail_after(WAIT_S):
            while len(core.events) < 4:
                await core._changed.wait()
        assert core.events[1:] == [RecordBelieved(b"one"), MemberUp(PEER, ("a",)), RecordBelieved(b"two")]
        assert core.port.peers == {PEER}


async def test_a_stream_carries_bytes_both_ways_and_half_closes() -> None:
    async with a_core() as (core, mesh, nursery):
        opened: list[LinkStream] = []

        async def open_it() -> None:
            opened.append(await core.port.open_stream(PEER))

        nursery.start_soon(open_it)
        word = await mesh.receive()
        assert isinstance(word, frames.Open) and word.island == PEER and word.stream % 2 == 0
        await mesh.send(frames.Opened(word.stream))
        await mesh.send(frames.Data(word.stream, b"answer"))
        await mesh.send(frames.End(word.stream))
        await trio.testing.wait_all_tasks_blocked(0.01)
        (stream,) = opened
        await stream.send(b"question")
        await stream.close()
        assert await mesh.receive() == frames.Data(word.stream, b"question")
        assert await mesh.receive() == frames.End(word.stream)
        assert [await stream.receive(), await stream.receive()] == [b"answer", b""]
        with pytest.raises(LinkError):
            await stream.send(b"more")


async def test_a_stream_that_a_member_opens_arrives_as_an_event() -> None:
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Incoming(1, PEER))
        await mesh.send(frames.Data(1, b"hello"))
        event = await core.event(IncomingStream)
        assert isinstance(event, IncomingStream) and event.stream.peer == PEER
        assert await event.stream.receive() == b"hello"
        await mesh.send(frames.Reset(1))
        with pytest.raises(LinkError):
            await event.stream.receive()


async def test_a_stream_that_nobody_reads_is_reset_before_it_fills_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "UNREAD_BYTES_MAX", 100_000)
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Incoming(1, PEER))
        await mesh.send_data(1, bytes(100_001))
        assert await mesh.receive() == frames.Reset(1)
        event = await core.event(IncomingStream)
        assert isinstance(event, IncomingStream)
        with pytest.raises(LinkError):
            await event.stream.receive()


async def test_a_question_gets_its_answer_and_an_unanswered_one_an_error() -> None:
    async with a_core() as (core, mesh, nursery):
        answers: list[bytes | str] = []

        async def ask(question: bytes) -> None:
            try:
                answers.append(await core.port.ask(PEER, question, WAIT_S))
            except LinkError as error:
                answers.append(str(error))

        nursery.start_soon(ask, b"one")
        first = await mesh.receive()
        assert isinstance(first, frames.Ask)
        nursery.start_soon(ask, b"two")
        second = await mesh.receive()
        assert isinstance(second, frames.Ask) and second.number != first.number
        await mesh.send(frames.Unanswered(second.number, "not up"))
        await mesh.send(frames.Answered(first.number, b"yes"))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert answers == ["not up", b"yes"]


async def test_a_members_question_is_answered_through_the_event() -> None:
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Asked(7, PEER, b"how busy?"))
        event = await core.event(IncomingQuestion)
        assert isinstance(event, IncomingQuestion) and (event.peer, event.question) == (PEER, b"how busy?")
        await event.reply(b"not at all")
        assert await mesh.receive() == frames.Reply(7, b"not at all")


async def test_a_pairing_window_opens_carries_a_stream_and_closes() -> None:
    async with a_core() as (core, mesh, nursery):
        hosts: list[IslandId] = []

        async def open_it() -> None:
            hosts.append(await core.port.open_window(b"w" * 32))

        nursery.start_soon(open_it)
        assert await mesh.receive() == frames.OpenWindow(b"w" * 32)
        await mesh.send(frames.WindowOpened(PEER, 1234))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert hosts == [PEER]
        await mesh.send(frames.WindowIncoming(1, PEER))
        assert isinstance(await core.event(WindowStream), WindowStream)
        await core.port.close_window()
        assert await mesh.receive() == frames.CloseWindow()


async def test_a_window_is_found_by_what_its_host_says_and_one_that_was_tried_is_skipped() -> None:
    async with a_core() as (core, mesh, _):
        other = SigningKey(b"o" * 32).island
        await mesh.send(frames.WindowHeard(PEER))
        await mesh.send(frames.WindowHeard(other))
        assert await core.port.hear_window(lambda host: True, tried=[PEER], deadline_s=WAIT_S) == other
        assert await core.port.hear_window(lambda host: host == PEER, deadline_s=WAIT_S) == PEER
        with pytest.raises(LinkError):
            await core.port.hear_window(lambda host: False, deadline_s=0.01)


Pending = Callable[[MeshPort], Awaitable[object]]
PENDING: list[Pending] = [
    lambda port: port.open_stream(PEER),
    lambda port: port.ask(PEER, b"?", WAIT_S),
    lambda port: port.open_window(b"w" * 32),
    lambda port: port.join(PEER, b"j" * 32),
]


@pytest.mark.parametrize("pending", PENDING)
async def test_the_mesh_gone_ends_what_waits_for_it_and_everything_is_there_again_afterwards(pending: Pending) -> None:
    async with a_core() as (core, mesh, nursery):
        problems: list[LinkError] = []

        async def wait() -> None:
            with pytest.raises(LinkError) as caught:
                await pending(core.port)
            problems.append(caught.value)

        nursery.start_soon(wait)
        await mesh.receive()
        await mesh.send(frames.Incoming(1, PEER))
        event = await core.event(IncomingStream)
        await mesh.close()
        await core.event(MeshGone)
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(problems) == 1
        assert isinstance(event, IncomingStream)
        for call in (event.stream.receive, lambda: event.stream.send(b"x")):
            with pytest.raises(LinkError):
                await call()  # type: ignore[operator]
        await event.stream.close()
        await event.stream.reset()
        await core.port.close_window()
        await core.port.publish(b"while it is gone")
        with pytest.raises(LinkError):
            await pending(core.port)
        again = await nursery.start(core.live)
        assert isinstance(await again.receive(), frames.Setup)


async def test_a_deadline_without_a_word_of_the_mesh_is_an_error_and_resets_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(life, "GRACE_S", 0.01)
    async with a_core() as (core, mesh, _):
        with pytest.raises(LinkError):
            await core.port.open_stream(PEER, 0.01)
        word = await mesh.receive()
        assert isinstance(word, frames.Open)
        assert await mesh.receive() == frames.Reset(word.stream)
        with pytest.raises(LinkError):
            await core.port.ask(PEER, b"?", 0.01)


async def test_nonsense_from_the_mesh_ends_its_life_and_not_the_core() -> None:
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Setup(b"", None, (), None, (), None))
        gone = await core.event(MeshGone)
        assert isinstance(gone, MeshGone) and "Setup" in gone.problem


async def test_a_mesh_that_cannot_start_says_why() -> None:
    async with a_core() as (core, mesh, _):
        await mesh.send(frames.Failed("0.0.0.0:4754: Address already in use"))
        gone = await core.event(MeshGone)
        assert isinstance(gone, MeshGone) and "4754" in gone.problem


async def test_telling_the_mesh_to_start_again_ends_its_link() -> None:
    async with a_core() as (core, mesh, _):
        await core.port.restart()
        with pytest.raises(LinkError):
            await mesh.receive()
        await core.event(MeshGone)
