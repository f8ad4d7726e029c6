"""The embedded model itself: a real worker process with the real llama.cpp and the real weights."""

import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import anyio.from_thread
import psutil
import pytest
import trio

from node.backends.llama_cpp import EmbeddedLlama
from node.link import Link
from node.ports import Call
from node.workers.llama_limits import CONTEXT_TOKENS, MODEL_NAME, SLOTS
from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendError, BackendFailure, LinkError

pytestmark = pytest.mark.model

LONG_PROMPT = "word and sea " * 1000  # 3,000 tokens, 10 s to read; below the context


class Model:
    """One worker, and the trio thread in which its link is served."""

    def __init__(self, portal: anyio.from_thread.BlockingPortal, output: BinaryIO) -> None:
        self.backend = EmbeddedLlama()
        self.ended = trio.Event()
        self._portal = portal
        self._ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "node.workers.llama", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        return self._portal.call(function)

    async def open(self) -> None:
        self.link = Link(trio.SocketStream(trio.socket.from_stdlib_socket(self._ours)))

    async def serve(self) -> None:
        try:
            await self.backend.serve(self.link)
        except LinkError:
            self.ended.set()

    async def ready(self) -> None:
        with trio.fail_after(60):
            await self.backend.ready()

    async def ask(self, text: str, tokens: int = 8, **members: Any) -> list[AnswerEvent]:
        events: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            events.append(event)

        await self.ask_into(emit, text, tokens, **members)
        return events

    async def ask_into(self, emit: Any, text: str, tokens: int, **members: Any) -> None:
        body = {
            "model": "auto",
            "messages": [{"role": "user", "content": text}],
            "seed": 1,
            "temperature": 0,
            **members,
        }
        with trio.fail_after(60):
            await self.backend.answer(Call(b"r" * 16, MODEL_NAME, ChatRequest.parse(body), tokens), emit)

    async def slot_is_free(self) -> float:
        """Seconds until no slot is busy."""
        began = trio.current_time()
        with trio.fail_after(5):
            while True:
                if not self.backend.load().busy:
                    return trio.current_time() - began
                await trio.sleep(0.005)


@contextmanager
def started(output: Path) -> Iterator[Model]:
    with output.open("wb") as file, anyio.from_thread.start_blocking_portal("trio") as portal:
        model = Model(portal, file)
        portal.call(model.open)
        serving = portal.start_task_soon(model.serve)
        portal.call(model.ready)
        yield model
        portal.call(model.link.aclose)
        assert model.process.wait(3) in (0, -9)
        serving.result(5)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("llama") / "output"


@pytest.fixture(scope="module")
def model(output: Path) -> Iterator[Model]:
    with started(output) as running:
        yield running


def text_of(events: list[AnswerEvent]) -> str:
    return "".join(event.content for event in events if isinstance(event, Delta))


def test_embedded_model_streams_an_answer_and_counts_its_tokens(model: Model) -> None:
    events = model.run(lambda: model.ask("Say hello."))
    assert len(events) > 2
    assert text_of(events)
    assert events[-1] == Finished("length", 33, 8, events[-1].cached_tokens)
    (offered,) = model.run(model.backend.models)
    assert (offered.name, offered.context_tokens, offered.slots) == (MODEL_NAME, CONTEXT_TOKENS, SLOTS)
    assert model.backend.measured(MODEL_NAME).observations >= 1


def test_prompt_over_the_context_is_a_definite_refusal(model: Model) -> None:
    with pytest.raises(BackendError) as raised:
        model.run(lambda: model.ask("word and sea " * 3000))
    assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "context_overflow")


def test_what_llama_cpp_does_not_understand_is_a_refusal(model: Model) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "CANARY"}}}
    with pytest.raises(BackendError) as raised:
        model.run(lambda: model.ask("Hi", response_format=schema))
    assert (raised.value.failure, raised.value.code) == (BackendFailure.REFUSED, "invalid_request")
    assert "CANARY" not in str(raised.value)


def test_cancelled_decoding_frees_its_slot_within_a_second(model: Model) -> None:
    async def body() -> float:
        with trio.CancelScope() as scope:

            async def emit(event: AnswerEvent) -> None:
                scope.cancel()

            await model.ask_into(emit, "Tell a very long story.", 2000)
        return await model.slot_is_free()

    assert model.run(body) < 1


def test_cancelled_reading_of_a_long_prompt_frees_its_slot_within_a_second(model: Model) -> None:
    async def body() -> float:
        with trio.move_on_after(0.3) as scope:
            await model.ask(LONG_PROMPT)
        assert scope.cancelled_caught
        return await model.slot_is_free()

    assert model.run(body) < 1


def test_more_requests_than_slots_are_all_answered(model: Model) -> None:
    async def body() -> list[int]:
        answers: list[list[AnswerEvent]] = []

        async def ask(number: int) -> None:
            answers.append(await model.ask(f"Count from {number}.", 4))

        async with trio.open_nursery() as nursery:
            for number in range(SLOTS + 1):
                nursery.start_soon(ask, number)
        return [len(events) for events in answers]

    assert all(events >= 2 for events in model.run(body))
    assert model.backend.load() == (SLOTS, 0, 0)


def test_reader_that_pauses_loses_nothing(model: Model) -> None:
    async def body() -> tuple[list[AnswerEvent], list[AnswerEvent]]:
        slow: list[AnswerEvent] = []

        async def emit(event: AnswerEvent) -> None:
            if len(slow) == 1:
                await trio.sleep(0.5)  # the whole answer is decoded meanwhile
            slow.append(event)

        await model.ask_into(emit, "Name a colour.", 12, cache_prompt=False)
        return slow, await model.ask("Name a colour.", 12, cache_prompt=False)

    slow, quick = model.run(body)
    assert text_of(slow) == text_of(quick)


def test_prompt_of_an_uncached_request_leaves_no_trace_in_the_count(model: Model) -> None:
    async def body() -> list[AnswerEvent]:
        await model.ask("A very particular prompt.", 2, cache_prompt=False)
        return await model.ask("A very particular prompt.", 2, cache_prompt=False)

    finished = model.run(body)[-1]
    assert finished.cached_tokens == 0


def test_nobody_can_connect_to_the_worker(model: Model) -> None:
    connections = psutil.Process(model.process.pid).net_connections("all")
    assert not [one for one in connections if one.family.name in ("AF_INET", "AF_INET6")]
    paths = [one.laddr for one in connections if one.status == "NONE" and isinstance(one.laddr, str) and one.laddr]
    assert not [path for path in paths if Path(path).exists()]


def test_worker_writes_nothing_about_its_requests(model: Model, output: Path) -> None:
    with pytest.raises(BackendError):
        model.run(lambda: model.ask("CANARY " * 4000))
    model.run(lambda: model.ask("CANARY", 2))
    assert output.read_bytes() == b""


def test_killed_worker_cuts_its_answer_and_says_so(tmp_path: Path) -> None:
    with started(tmp_path / "output") as doomed:

        async def emit(event: AnswerEvent) -> None:
            doomed.process.kill()

        with pytest.raises(BackendError) as raised:
            doomed.run(lambda: doomed.ask_into(emit, "Tell a very long story.", 2000))
        assert (raised.value.failure, raised.value.code) == (BackendFailure.AMBIGUOUS, "worker_gone")
