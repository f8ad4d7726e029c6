"""What this island does for its peers: answers sealed requests from its own models and collections, never from a cloud.

Where the asker has the model and this island the collection, it gives passages, and never a document.

The asker's identity is the envelope's, checked against live membership when its first bytes come.
"""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import trio

from node.beside import beside
from node.local_answers import PeerAnswers
from node.ports import Call, PeerStream
from node.receipts import Receipts, ServedReceipt
from node.sealed import SealedStream, sealed
from protocol.answers import AnswerEvent, Finished
from protocol.envelope import ISLAND_ENTROPY_BYTES, Accepted, Cancelled, Ended, IslandEnvelope, Opened
from protocol.errors import BackendError, EnvelopeError, IslandRunError, LinkError, PeerError
from protocol.handshake import Keyring
from protocol.inference import AnswerWriter, Ask, Failed, encode_answer
from protocol.keys import IslandId, island_id
from protocol.members import Member
from protocol.passages import PassagesAsk, read_asked, told
from protocol.terms import Now

HELLO_S = 10.0  # from the opening of a stream to its whole request
PASSAGES_S = (
    10.0  # for an asker to take all passages, none of which waits for a model; specs/06-inference.md, section 5
)
STALLED_S = 600.0  # an asker's client may pause; a slot is not held for ever
RECEIPT_ID_BYTES = 16
RUNNING_MAX = 16  # requests of peers at once; the rest is refused before anything is opened

log = logging.getLogger("islandrun.serving")


class Serving:
    """Takes the streams of peers. One a node."""

    def __init__(
        self,
        keyring: Callable[[], Keyring],
        member: Callable[[IslandId], Member | None],
        answers: PeerAnswers,
        clock: Callable[[], Now],
        receipts: Receipts | None = None,
    ) -> None:
        """`receipts`: where it is kept what was served to whom; None: nowhere."""
        self._keyring = keyring
        self._member = member
        self._answers = answers
        self._clock = clock
        self._receipts = receipts
        self._slots = trio.CapacityLimiter(RUNNING_MAX)
        self.served = 0
        self.refused = 0

    async def serve(self, stream: PeerStream) -> None:
        """One stream to its end. Never raises for a peer's fault: that is counted, and the stream reset."""
        try:
            self._slots.acquire_nowait()
        except trio.WouldBlock:
            self.refused += 1
            await stream.reset()
            return
        try:
            await self._serve(stream)
        except (PeerError, LinkError) as error:
            self.refused += 1
            log.warning("peer_request_refused", extra={"peer": stream.peer, "why": str(error)})
        except IslandRunError as error:  # a fault of this node ends one request of a peer, not the node
            self.refused += 1
            log.error("peer_request_failed", extra={"peer": stream.peer, "error": type(error).__name__})
        finally:
            self._slots.release()

    async def _serve(self, stream: PeerStream) -> None:
        envelope = IslandEnvelope(self._keyring(), stream.peer, os.urandom(ISLAND_ENTROPY_BYTES))
        async with sealed(stream, envelope, self._clock) as channel:
            with trio.move_on_after(HELLO_S) as hello:
                ask = await _ask(channel)
            if hello.cancelled_caught:
                raise EnvelopeError("request", f"not whole in {HELLO_S:g} s")
            asker = self._member(stream.peer)
            if asker is None:
                raise EnvelopeError("request", "the asker is no live member any more")
            self.served += 1
            whole = False
            with self._receipt(asker, ask) as receipt, trio.CancelScope() as wanted:
                async with beside(lambda: _watch(channel, wanted)):
                    if isinstance(ask, PassagesAsk):
                        whole = await self._passages(channel, asker, ask, receipt)
                    else:
                        whole = await self._answer(channel, asker, ask, receipt)
            if whole:
                await channel.finish()

    def _receipt(self, asker: Member, ask: Ask | PassagesAsk) -> AbstractContextManager[ServedReceipt | None]:
        """Under an id of its own: the asker's is the asker's, who may use it twice."""
        if self._receipts is None:
            return nullcontext()
        me = self._member(island_id(self._keyring().public))
        asked = f"passages@{ask.collection.hex()}" if isinstance(ask, PassagesAsk) else ask.model
        return self._receipts.served(os.urandom(RECEIPT_ID_BYTES).hex(), me.name if me else "", asker.island, asked)

    async def _answer(self, channel: SealedStream, asker: Member, ask: Ask, receipt: ServedReceipt | None) -> bool:
        """Whether the last frame was said."""
        writer = AnswerWriter()

        async def emit(event: AnswerEvent) -> None:
            if receipt is not None:
                receipt.event(event, self._clock())
            with trio.move_on_after(STALLED_S) as patience:
                await channel.send(writer.event(event), final=writer.done)
            if patience.cancelled_caught:
                raise EnvelopeError("credit", f"the asker took nothing for {STALLED_S:g} s")

        call = Call(ask.request_id, ask.model, ask.chat, ask.max_output_tokens, ask.collection)
        await channel.send(writer.started(ask.model))
        try:
            await self._answers.answer(call, asker, emit)
        except BackendError as error:
            if receipt is not None:
                receipt.refused = error
            if not writer.done:
                await channel.send(writer.failed(error), final=True)
        return writer.done

    async def _passages(
        self, channel: SealedStream, asker: Member, ask: PassagesAsk, receipt: ServedReceipt | None
    ) -> bool:
        """Whether the last frame was said. A refusal is one frame, and the same for whatever reason."""
        try:
            label, passages = await self._answers.passages(ask, asker)
            frames = told(label, passages)
        except BackendError as error:
            if receipt is not None:
                receipt.refused = error
            frames = (encode_answer(Failed.of(error)),)
        with trio.move_on_after(PASSAGES_S) as patience:
            for frame in frames:
                await channel.send(frame, final=frame is frames[-1])
        if patience.cancelled_caught:
            raise EnvelopeError("credit", f"the asker did not take the passages within {PASSAGES_S:g} s")
        if receipt is not None and receipt.refused is None:
            receipt.event(Finished("passages", 0, 0), self._clock())
        return True


async def _ask(channel: SealedStream) -> Ask | PassagesAsk:
    """The request. Raises PeerError or LinkError."""
    request_id = b""
    while True:
        event = await channel.receive()
        match event:
            case Accepted():
                request_id = event.request_id
            case Opened(frame):
                ask = read_asked(frame, request_id)
                channel.consumed(event)
                return ask
            case _:
                raise EnvelopeError("request", "ended before it was whole")


async def _watch(channel: SealedStream, scope: trio.CancelScope) -> None:
    """Stops everything behind a request that its asker cancelled, or whose stream is lost."""
    try:
        while True:
            match await channel.receive():
                case Cancelled():
                    break
                case Ended():
                    await channel.over()
                    await trio.sleep_forever()
                case _:
                    raise EnvelopeError("request", "more than one")
    except (PeerError, LinkError) as error:
        log.info("peer_request_ended", extra={"why": str(error)})
    scope.cancel()
