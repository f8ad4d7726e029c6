"""Enrolment from the core's side: the window that this island opens, and the window that it joins.

The mesh moves the bytes of `protocol.enrolment` between two throw-away hosts; keys and certificates stay here.
"""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from node.archipelago import Archipelago
from node.authority import NO_SHARE, Authority, Grantee
from node.happenings import Happenings
from node.mesh.port import MeshPort
from node.ports import PeerStream
from protocol.enrolment import (
    FRAME_BYTES_MAX,
    SECRET_BYTES,
    Code,
    Details,
    Joiner,
    Welcome,
    Window,
    make_code,
    parse_code,
    window_number,
)
from protocol.errors import EnrolmentError, IslandRunError, LinkError, MembershipError
from protocol.keys import KEY_BYTES, SigningKey
from protocol.members import Member
from protocol.terms import Now, Tier

VISIT_S = 20.0  # from a device's first byte to its welcome
MESH_READY_S = 20.0  # of a node that was started a moment ago
HEAR_S = 20.0  # for the announcement of the other device's window
JOIN_S = 50.0
TAKEN_S = 5.0
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class PairingState:
    """What the owner sees of the window; `ended` tells why it is not open any more."""

    open: bool = False
    code: str | None = None
    seconds_left: int = 0
    person: str | None = None
    tier: Tier | None = None
    enrolled: str | None = None
    ended: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "open": self.open,
            "code": self.code,
            "seconds_left": self.seconds_left,
            "person": self.person,
            "tier": None if self.tier is None else self.tier.label,
            "enrolled": self.enrolled,
            "ended": self.ended,
        }


@dataclass(frozen=True, slots=True)
class _Opened:
    """The one window of this island, and what whoever comes through it gets."""

    window: Window
    code: Code
    person: str
    tier: Tier
    signer: bool


class Pairing:
    """One a node."""

    def __init__(
        self,
        archipelago: Archipelago,
        authority: Authority,
        mesh: MeshPort,
        happenings: Happenings,
        joined: Callable[[], Awaitable[None]],
        clock: Callable[[], Now],
    ) -> None:
        self._archipelago = archipelago
        self._authority = authority
        self._mesh = mesh
        self._happenings = happenings
        self._joined = joined
        self._clock = clock
        self._opened: _Opened | None = None
        self._changed = trio.Event()
        self._last = PairingState()

    def state(self) -> PairingState:
        opened, now = self._opened, self._clock()
        if opened is None or not opened.window.is_open(now):
            return self._last
        return PairingState(True, opened.code.text, opened.window.left_ms(now) // 1_000, opened.person, opened.tier)

    async def open(self, person: str, tier: Tier, signer: bool) -> None:
        """Opens a window with a new code; one that was open closes. Raises MembershipError, LinkError."""
        if not self._authority.is_signer:
            raise MembershipError("signer", "this device may not enrol others: use one that does")
        await self._close("replaced")
        await self._mesh.wait_ready(MESH_READY_S)
        host = await self._mesh.open_window(os.urandom(KEY_BYTES))
        code = make_code(host, os.urandom(SECRET_BYTES))
        self._opened = _Opened(Window(code, host, self._clock()), code, person, tier, signer)
        self._last = PairingState(person=person, tier=tier)
        self._happenings.tell("pairing_opened", person=person, tier=tier.label)
        self._change()

    async def cancel(self) -> None:
        await self._close("cancelled")

    async def run(self) -> None:
        """Closes the window when its time is over. For the life of the node."""
        while True:
            changed, opened = self._changed, self._opened
            left_s = float("inf") if opened is None else opened.window.left_ms(self._clock()) / 1_000
            with trio.move_on_after(left_s):
                await changed.wait()
                continue
            await self._close("expired")

    async def serve(self, stream: PeerStream) -> None:
        """Somebody at the window. Never raises for what they do: it costs them a try, and three end the window."""
        opened = self._opened
        if opened is None:
            await stream.reset()
            return
        try:
            with trio.move_on_after(VISIT_S):
                await self._visit(opened, _Frames(stream))
        except IslandRunError as error:
            self._happenings.tell("pairing_failed", why=str(error), tries_left=opened.window.tries_left)
            await stream.reset()
        if self._opened is opened and not opened.window.is_open(self._clock()):
            await self._close("three wrong tries")

    async def join(self, code_text: str, name: str) -> Member:
        """This device as a member of the other's archipelago.

        Raises EnrolmentError, MembershipError, LinkError: then nothing has changed.
        """
        code = parse_code(code_text)
        if not self._archipelago.is_alone():
            raise MembershipError("members", "this device's archipelago has other members: it joins no second one")
        with trio.move_on_after(JOIN_S):
            welcome = await self._through_window(code, name)
            await self._archipelago.join(welcome.genesis, welcome.entries)
            await self._joined()
            self._happenings.tell("joined", person=self._archipelago.me().person)
            return self._archipelago.me()
        raise EnrolmentError("window", f"it did not answer within {JOIN_S:g} s")

    async def _through_window(self, code: Code, name: str) -> Welcome:
        await self._mesh.wait_ready(MESH_READY_S)
        window = await self._mesh.hear_window(lambda host: window_number(host) == code.number, deadline_s=HEAR_S)
        seed, keys = os.urandom(KEY_BYTES), self._archipelago.keys
        own_host = SigningKey(seed).island
        frames = _Frames(await self._mesh.join(window, seed))
        try:
            joiner = Joiner(code, own_host, window, keys.signing, keys.sealing.public, name, os.urandom)
            await frames.send(joiner.hello())
            await frames.send(joiner.on_reply(await frames.receive()))
            return joiner.on_welcome(await frames.receive())
        except LinkError:
            raise EnrolmentError(
                "code", "the other device refused: check the code, and that its window is open"
            ) from None
        finally:
            with trio.CancelScope(shield=True):
                await frames.stream.reset()

    async def _visit(self, opened: _Opened, frames: "_Frames") -> None:
        visit = opened.window.visit(frames.stream.peer, os.urandom, self._clock())
        await frames.send(visit.on_hello(await frames.receive()))
        details = visit.on_details(await frames.receive(), self._clock())
        await self._admit(opened, details)
        membership = self._archipelago.membership
        await frames.send(visit.welcome(membership.genesis.raw, membership.entries()))
        await frames.taken()
        admitted = self._archipelago.member(details.island)
        await self._close("enrolled", None if admitted is None else admitted.name)

    async def _admit(self, opened: _Opened, details: Details) -> None:
        share = None if self._archipelago.me().spend_share is None else NO_SHARE
        grantee = Grantee(details.name, opened.person, opened.tier, opened.signer, share)
        await self._mesh.publish(await self._authority.admit(details.island, details.sealing, grantee))

    async def _close(self, ended: str, enrolled: str | None = None) -> None:
        opened, self._opened = self._opened, None
        if opened is None:
            return
        self._last = PairingState(person=opened.person, tier=opened.tier, enrolled=enrolled, ended=ended)
        self._happenings.tell("pairing_ended", ended=ended, enrolled=enrolled)
        self._change()
        await self._mesh.close_window()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


class _Frames:
    """Length-prefixed frames on a stream: u32 big-endian, then so many bytes."""

    def __init__(self, stream: PeerStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, frame: bytes) -> None:
        await self.stream.send(len(frame).to_bytes(_LENGTH_BYTES, "big") + frame)

    async def receive(self) -> bytes:
        """Raises EnrolmentError for a frame that is too long, LinkError at the end of the stream."""
        length = int.from_bytes(await self._exactly(_LENGTH_BYTES), "big")
        if length > FRAME_BYTES_MAX:
            raise EnrolmentError("frame", f"at most {FRAME_BYTES_MAX} bytes")
        return await self._exactly(length)

    async def taken(self) -> None:
        """Half-closes, and waits until the other end has read all and left: the end of the window cuts its streams."""
        await self.stream.close()
        with trio.move_on_after(TAKEN_S):
            try:
                while await self.stream.receive():
                    continue
            except LinkError:
                return  # it left with a reset

    async def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = await self.stream.receive()
            if not data:
                raise LinkError("the stream has ended")
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken
