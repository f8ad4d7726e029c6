"""Greets on every connection: moves the bytes of protocol.session and performs what it says."""

import logging
from typing import Protocol

import trio

from node.clock import now
from node.mesh.host import MeshHost
from node.mesh.streams import FramedStream, MeshStream
from node.mesh.swarm import Connection
from protocol.errors import LinkError
from protocol.greeting import GREETING_BYTES_MAX
from protocol.keys import IslandId
from protocol.membership import Membership
from protocol.session import Admit, Close, Learned, SendGreeting, Session, SessionAction

HELLO = "/islandrun/hello/1.0.0"
GREETING_S = 2.0  # protocol.session.GREETING_MS_MAX, and the clock of this shell

log = logging.getLogger("islandrun.mesh")


class Society(Protocol):
    """Who acts on what a greeting brought."""

    async def learned(self, action: Learned, source: IslandId) -> None:
        """An entry of the log that is new here."""

    async def admitted(self, connection: Connection, action: Admit) -> None:
        """The greeting held."""


class Greeter:
    """One session for each connection."""

    def __init__(self, host: MeshHost, membership: Membership, me: IslandId, society: Society) -> None:
        self._host = host
        self._membership = membership
        self._me = me
        self._society = society
        self._sessions: dict[Connection, Session] = {}
        self.refused = 0
        host.handle(HELLO, self._answer, strangers=True)

    def met(self, connection: Connection) -> bool:
        """A connection is there. False: it is to be closed at once."""
        session = Session(self._membership, self._me, connection.peer, dialler=connection.dialled)
        self._sessions[connection] = session
        return connection.dialled or not any(isinstance(action, Close) for action in session.start(now()))

    def parted(self, connection: Connection) -> None:
        session = self._sessions.pop(connection, None)
        if session is not None:
            session.closed()

    async def greet(self, connection: Connection) -> None:
        """Says hello on a connection that we dialled, and returns when it is a member's. Raises LinkError."""
        session = self._session(connection)
        problem = f"no greeting in {GREETING_S:g} s"
        with trio.move_on_after(GREETING_S):
            try:
                await self._hello(connection, session)
            except LinkError as error:
                problem = str(error)
        if not connection.is_member:
            await self._host.close(connection)
            raise LinkError(problem)

    async def _hello(self, connection: Connection, session: Session) -> None:
        actions = session.start(now())
        if not any(isinstance(action, SendGreeting) for action in actions):
            await self._perform(connection, None, actions)
            raise LinkError("not to be greeted")
        stream = await self._host.open_stream(connection, HELLO, GREETING_S)
        framed = FramedStream(stream, GREETING_BYTES_MAX)
        try:
            await self._perform(connection, framed, actions)
            frame = await framed.receive()
            if frame is not None:
                actions = session.receive(frame, now())
                if any(isinstance(action, Admit) for action in actions):
                    self._host.promote(connection)
                    await stream.close()  # first of all: it tells the other side that we are ready for it
                await self._perform(connection, framed, actions)
        finally:
            await stream.reset()

    async def _answer(self, stream: MeshStream) -> None:
        """Somebody says hello to us."""
        connection = stream.connection
        session = self._session(connection)
        framed = FramedStream(stream, GREETING_BYTES_MAX)
        frame = await framed.receive()
        if frame is not None:
            await self._perform(connection, framed, session.receive(frame, now()))
        await stream.close()

    async def _perform(
        self, connection: Connection, framed: FramedStream | None, actions: tuple[SessionAction, ...]
    ) -> None:
        for action in actions:
            match action:
                case SendGreeting(data) if framed is not None:
                    await framed.send(data)
                    if not connection.dialled:
                        await self._until_ready(framed)
                case Learned():
                    await self._society.learned(action, connection.peer)
                case Admit():
                    self._host.promote(connection)
                    await self._society.admitted(connection, action)
                case Close(reason, detail):
                    self.refused += 1
                    log.info("session_closed", extra={"peer": connection.peer, "reason": str(reason), "detail": detail})
                    await self._host.close(connection)

    async def _until_ready(self, framed: FramedStream) -> None:
        """The dialler has read our greeting: what it is offered from now on it takes."""
        with trio.move_on_after(GREETING_S):
            try:
                await framed.receive()
            except LinkError:
                return  # its connection is gone, or it will close it

    def _session(self, connection: Connection) -> Session:
        session = self._sessions.get(connection)
        if session is None:
            raise LinkError("the connection is gone")
        return session
