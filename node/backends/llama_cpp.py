"""The embedded model, from the core's side: one worker process (node/workers/llama.py), its slots and its queue."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from node.agents.estimates import Estimate
from node.backends.measured import Load, Measured, Stopwatch
from node.link import Frame, Link
from node.ports import BackendModel, Call, Emit, Origin
from node.workers.llama_limits import CREDIT_DELTAS
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.errors import BackendError, BackendFailure, LinkError
from protocol.terms import NanoUsd

LOAD_S = 120.0  # from the worker's start to its first frame; SmolLM2 needs 1 s, a model of 8 GB on a slow disk 60
SILENCE_S = 120.0  # between two frames of one answer: the longest prompt takes 15 s here
QUEUE_MAX = 64
CREDIT_BATCH = CREDIT_DELTAS // 4
UNPAID = NanoUsd(0)

log = logging.getLogger("islandrun.llama")

_Outcome = AnswerEvent | BackendError


@dataclass(slots=True)
class _Job:
    """One request in the worker. It holds its slot until the worker says that it has ended."""

    send: trio.MemorySendChannel[_Outcome]
    stopwatch: Stopwatch


@dataclass(slots=True)
class _Worker:
    """What is true for one life of the worker."""

    link: Link
    model: BackendModel
    free: trio.Semaphore
    jobs: dict[int, _Job] = field(default_factory=dict)


class EmbeddedLlama:
    """A Backend for the worker whose link `serve` was given last. Requests beyond its slots wait here, in order."""

    def __init__(self, name: str = "embedded", *, embeds: bool = False) -> None:
        """`embeds`: its worker is that of node/workers/embedding.py."""
        self.name = name
        self._embeds = embeds
        self._worker: _Worker | None = None
        self._measured = Measured()
        self._queued = 0
        self._next_id = 0
        self._ready = trio.Event()

    async def serve(self, link: Link) -> None:
        """For the link's whole life. Raises LinkError at its end; whatever was waiting for an answer fails then."""
        with trio.move_on_after(LOAD_S) as loading:
            ready = await link.receive()
        if loading.cancelled_caught:
            raise LinkError(f"no model was loaded within {LOAD_S:g} s")
        if ready.kind == "unusable":
            raise LinkError(ready.text("why"))
        worker = _Worker(link, _model(ready, embeds=self._embeds), trio.Semaphore(ready.number("slots")))
        self._worker = worker
        self._ready.set()
        log.info("model_ready", extra={"model": worker.model.name, "slots": worker.model.slots})
        try:
            while True:
                self._on_frame(worker, await link.receive())
        finally:
            self._worker = None
            self._ready = trio.Event()
            for job_id in list(worker.jobs):
                _end(worker, job_id, _gone("the model's process ended"))

    async def ready(self) -> None:
        """Returns when a model is loaded."""
        await self._ready.wait()

    async def models(self) -> Sequence[BackendModel]:
        return (self._worker.model,) if self._worker else ()

    def load(self) -> Load:
        worker = self._worker
        if worker is None:
            return Load(0, 0, self._queued)
        return Load(worker.model.slots, len(worker.jobs), self._queued)

    def measured(self, model: str) -> Estimate:
        return self._measured.of(model)

    async def answer(self, call: Call, emit: Emit) -> None:
        """Emits the answer, or raises BackendError. Cancelled: the worker is told; its slot is free when it says so."""
        worker = self._worker
        if worker is None:
            raise _not_connected("the embedded model is not there")
        if call.model != worker.model.name:
            raise BackendError(BackendFailure.REFUSED, "unknown_model", "the embedded model has another name", 404)
        if self._embeds is (call.embed is None):
            raise BackendError(
                BackendFailure.REFUSED, "other_kind", "it embeds, or it answers: not what was asked", 400
            )
        await self._slot(worker)
        with self._measured.timed(call) as stopwatch:
            await self._run(worker, call, stopwatch, emit)

    async def _run(self, worker: _Worker, call: Call, stopwatch: Stopwatch, emit: Emit) -> None:
        """In a slot that was taken for it."""
        self._next_id += 1
        job_id = self._next_id
        send, receive = trio.open_memory_channel[_Outcome](CREDIT_DELTAS + 2)
        worker.jobs[job_id] = _Job(send, stopwatch)
        with receive:
            try:
                with trio.CancelScope(shield=True):  # a job that is in the books is in the worker
                    await worker.link.send(
                        "request", id=job_id, body=call.request.to_json(), max_tokens=call.max_output_tokens
                    )
            except LinkError as error:
                _end(worker, job_id, None)
                raise _not_connected(str(error)) from error
            try:
                await _relay(worker, job_id, receive, emit)
            except BaseException:
                await _cancel(worker, job_id)
                raise

    async def _slot(self, worker: _Worker) -> None:
        """A slot of the worker. Raises BackendError where too many wait, or when the worker went away meanwhile."""
        with suppress(trio.WouldBlock):
            worker.free.acquire_nowait()
            return
        if self._queued >= QUEUE_MAX:
            raise BackendError(BackendFailure.REFUSED, "queue_full", f"{QUEUE_MAX} requests wait already", 429)
        self._queued += 1
        try:
            await worker.free.acquire()
        finally:
            self._queued -= 1
        if self._worker is not worker:
            worker.free.release()  # to the next in the queue, who finds the same
            raise _not_connected("the model's process ended")

    def _on_frame(self, worker: _Worker, frame: Frame) -> None:
        job_id = frame.number("id")
        job = worker.jobs.get(job_id)
        if job is None:
            raise LinkError(f"{frame.kind} for no request")
        match frame.kind:
            case "started":
                pass
            case "delta":
                job.stopwatch.token()
                _hand_on(job, Delta(frame.text("content"), frame.data("extra")))
            case "finished":
                whole = _finished(frame)
                name = worker.model.name
                self._measured.whole(name, job.stopwatch, whole)
                _end(worker, job_id, whole)
            case "failed":
                _end(worker, job_id, _failure(frame))
            case "cancelled":
                _end(worker, job_id, _gone("the request was cancelled"))
            case _:
                raise LinkError(f"unknown frame {frame.kind!r}")


async def _relay(worker: _Worker, job_id: int, receive: trio.MemoryReceiveChannel[_Outcome], emit: Emit) -> None:
    taken = 0
    while True:
        with trio.move_on_after(SILENCE_S) as silence:
            try:
                event = await receive.receive()
            except trio.EndOfChannel:
                raise _gone("the model's process ended") from None
        if silence.cancelled_caught:
            raise BackendError(BackendFailure.AMBIGUOUS, "silent", f"the model gave nothing for {SILENCE_S:g} s")
        if isinstance(event, BackendError):
            raise event
        await emit(event)
        if isinstance(event, Finished):
            return
        taken += 1
        if taken == CREDIT_BATCH:
            taken = 0
            await _tell(worker, "credit", id=job_id, deltas=CREDIT_BATCH)


async def _cancel(worker: _Worker, job_id: int) -> None:
    """The slot is given back by the frame that answers this."""
    if job_id in worker.jobs:
        with trio.CancelScope(shield=True):
            await _tell(worker, "cancel", id=job_id)


async def _tell(worker: _Worker, kind: str, **fields: object) -> None:
    """A link that is gone is noticed by `serve`, which ends every job."""
    try:
        await worker.link.send(kind, **fields)
    except LinkError:
        await trio.lowlevel.checkpoint()


def _end(worker: _Worker, job_id: int, outcome: _Outcome | None) -> None:
    """Frees the slot. Where the outcome does not fit any more, the closed channel tells the same."""
    job = worker.jobs.pop(job_id, None)
    if job is None:
        return
    with job.send, suppress(trio.WouldBlock, trio.BrokenResourceError):
        if outcome is not None:
            job.send.send_nowait(outcome)
    worker.free.release()


def _hand_on(job: _Job, delta: Delta) -> None:
    with suppress(trio.BrokenResourceError):  # nobody waits for it any more: it was cancelled, its end is on its way
        try:
            job.send.send_nowait(delta)
        except trio.WouldBlock:
            raise LinkError("the worker sent more than its credit") from None


def _model(ready: Frame, *, embeds: bool) -> BackendModel:
    slots, context = ready.number("slots"), ready.number("context_tokens")
    if ready.kind != "ready" or slots < 1 or context < 1:
        raise LinkError("the worker is not ready")
    name = ready.text("model")
    return BackendModel(name, Origin.EMBEDDED, context, UNPAID, UNPAID, slots, tools=not embeds, embeds=embeds)


def _finished(frame: Frame) -> Finished:
    return Finished(
        frame.text("reason"),
        frame.number("prompt_tokens"),
        frame.number("completion_tokens"),
        frame.number("cached_tokens"),
    )


def _failure(frame: Frame) -> BackendError:
    status = frame.number("status")
    failure = BackendFailure.REFUSED if 400 <= status < 500 else BackendFailure.AMBIGUOUS
    return BackendError(
        failure,
        frame.text("code"),
        "the embedded model refused" if status < 500 else "the embedded model failed",
        status,
    )


def _gone(detail: str) -> BackendError:
    return BackendError(BackendFailure.AMBIGUOUS, "worker_gone", detail)


def _not_connected(detail: str) -> BackendError:
    return BackendError(BackendFailure.NOT_CONNECTED, "worker_gone", detail)
