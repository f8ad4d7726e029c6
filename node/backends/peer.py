"""Another island's models: the request goes to it sealed, its answer comes back sealed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import trio

from node.agents.estimates import Estimate
from node.backends.measured import Measured
from node.ports import BackendModel, Call, Emit, PeerStream
from node.sealed import SealedStream, sealed
from node.store.files import Entropy
from protocol.answers import AnswerEvent, Finished
from protocol.envelope import ASKER_ENTROPY_BYTES, AskerEnvelope, Ended, Opened
from protocol.errors import BackendError, BackendFailure, EnvelopeError, LinkError, PeerError
from protocol.inference import AnswerReader, Ask, Failed, Started
from protocol.keys import IslandId, PublicKey, SealingKey, SealingPair
from protocol.passages import PassagesAsk, PassagesReader, QuotedPassage
from protocol.terms import Now, Sensitivity

OPEN_S = 5.0  # to open a stream on a connection that is there
SILENCE_S = 120.0  # between two frames of one answer, as for the embedded model
PASSAGES_S = 10.0  # for all passages of one question: specs/06-inference.md, section 5
CANCEL_S = 0.5  # to tell the island; resetting the stream says it too

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Recipient:
    """The keys that a request to an island is sealed for: its certificate's, and its statement's prekey."""

    island: IslandId
    public: PublicKey
    sealing: SealingKey
    prekey: SealingKey


class PeerBackend:
    """One island, asked through the mesh. `recipient` is None as soon as it is no live member any more."""

    def __init__(
        self,
        name: str,
        own_public: PublicKey,
        own_static: SealingPair,
        recipient: Callable[[], Recipient | None],
        open_stream: Callable[[IslandId], Awaitable[PeerStream]],
        clock: Callable[[], Now],
        entropy: Entropy,
    ) -> None:
        self.name = name
        self._own_public = own_public
        self._own_static = own_static
        self._recipient = recipient
        self._open_stream = open_stream
        self._clock = clock
        self._entropy = entropy
        self._measured = Measured()
        self._under_way: list[tuple[str, int]] = []  # the models asked, and when

    async def models(self) -> Sequence[BackendModel]:
        """What an island serves is in its statement, not asked here."""
        return ()

    def measured(self, model: str) -> Estimate:
        """As seen from here, the network included."""
        return self._measured.of(model)

    def asked_since(self, model: str, mono_ms: int) -> int:
        """How many requests are under way from here that began at that moment or later."""
        return sum(name == model and began_ms >= mono_ms for name, began_ms in self._under_way)

    async def answer(self, call: Call, emit: Emit) -> None:
        """As every Backend. Cancelled: the island is told, and the stream is reset."""
        if call.embed is not None:
            raise BackendError(BackendFailure.REFUSED, "no_embeddings", "no frame asks an island for vectors")
        with self._measured.timed(call) as stopwatch:

            async def timed(event: AnswerEvent) -> None:
                stopwatch.token()
                if isinstance(event, Finished):
                    self._measured.whole(call.model, stopwatch, event)
                await emit(event)

            asked = (call.model, self._clock().mono_ms)
            self._under_way.append(asked)
            try:
                await self._ask(call, timed)
            finally:
                self._under_way.remove(asked)

    async def passages(
        self, request_id: bytes, collection: bytes, question: str, most: int
    ) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
        """The best passages of a collection that the island holds, and the label they have there now.

        Raises BackendError. `request_id` must be fresh: an island takes none twice.
        """
        ask = PassagesAsk(request_id, collection, question, most)
        with trio.move_on_after(PASSAGES_S):
            return await self._exchange(request_id, ask.to_bytes(), lambda channel: _passages(channel, most))
        raise BackendError(BackendFailure.AMBIGUOUS, "silent", f"it did not give all passages in {PASSAGES_S:g} s")

    async def _ask(self, call: Call, emit: Emit) -> None:
        ask = Ask(call.request_id, call.model, call.request, call.max_output_tokens, call.collection)
        await self._exchange(call.request_id, ask.to_bytes(), lambda channel: _relay(channel, emit))

    async def _exchange(self, request_id: bytes, ask: bytes, read: Callable[[SealedStream], Awaitable[_T]]) -> _T:
        recipient = self._recipient()
        if recipient is None:
            raise BackendError(BackendFailure.NOT_CONNECTED, "no_live_member", "it is no live member now")
        envelope = self._envelope(request_id, recipient)
        stream = await self._connect(recipient.island)
        try:
            async with sealed(stream, envelope, self._clock) as channel:
                try:
                    channel.send_raw(envelope.hello())
                    await channel.send(ask)
                    return await read(channel)
                except trio.Cancelled:
                    await _cancel(channel)
                    raise
        except LinkError as error:
            raise BackendError(BackendFailure.AMBIGUOUS, "stream_lost", str(error)) from error
        except PeerError as error:
            raise BackendError(
                BackendFailure.AMBIGUOUS, "peer_fault", f"it broke the protocol at {error.field}"
            ) from error

    def _envelope(self, request_id: bytes, recipient: Recipient) -> AskerEnvelope:
        try:
            return AskerEnvelope(
                request_id=request_id,
                own_public=self._own_public,
                own_static=self._own_static,
                recipient=recipient.public,
                recipient_sealing=recipient.sealing,
                prekey=recipient.prekey,
                entropy=self._entropy(ASKER_ENTROPY_BYTES),
                now=self._clock(),
            )
        except EnvelopeError as error:
            raise BackendError(BackendFailure.NOT_CONNECTED, "unusable_key", f"it states {error.problem}") from error

    async def _connect(self, island: IslandId) -> PeerStream:
        try:
            with trio.fail_after(OPEN_S):
                return await self._open_stream(island)
        except trio.TooSlowError:
            raise BackendError(BackendFailure.NOT_CONNECTED, "unreachable", f"no stream in {OPEN_S:g} s") from None
        except LinkError as error:
            raise BackendError(BackendFailure.NOT_CONNECTED, "unreachable", str(error)) from error


async def _relay(channel: SealedStream, emit: Emit) -> None:
    """Until the island has finished and the envelope is whole. Raises BackendError, PeerError, LinkError."""
    reader = AnswerReader()
    while True:
        with trio.move_on_after(SILENCE_S) as silence:
            event = await channel.receive()
        if silence.cancelled_caught:
            raise BackendError(BackendFailure.AMBIGUOUS, "silent", f"the island gave nothing for {SILENCE_S:g} s")
        match event:
            case Opened(frame):
                match reader.on(frame):
                    case Failed() as failed:
                        raise failed.error()
                    case Started():
                        pass
                    case answer:
                        await emit(answer)
                channel.consumed(event)
            case Ended():
                reader.end()
                return
            case _:
                raise EnvelopeError("answer", "not what an island may say")


async def _passages(channel: SealedStream, most: int) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
    """All that were announced. Raises BackendError, PeerError, LinkError."""
    reader = PassagesReader(most)
    while True:
        event = await channel.receive()
        match event:
            case Opened(frame):
                failed = reader.on(frame)
                if failed is not None:
                    raise failed.error()
                channel.consumed(event)
            case Ended():
                return reader.end()
            case _:
                raise EnvelopeError("answer", "not what an island may say")


async def _cancel(channel: SealedStream) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CANCEL_S):
        try:
            await channel.cancel()
        except LinkError:
            await trio.lowlevel.checkpoint()  # it is gone: the reset that follows is all that can be said
