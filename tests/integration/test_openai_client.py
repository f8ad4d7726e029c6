"""The real `openai` client against the edge: it must see what happened, and never a part as the whole."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import openai
import pytest
import trio

from node.api.ports import Order, Sink
from protocol.answers import Delta
from protocol.errors import BackendError, BackendFailure, CutAnswerError, RefusedError
from tests.api_edge import INFERENCE_KEY, ROUTE, Edge, Script, edge, hello
from tests.unit.test_api_chat import CALLS, REFUSED, failing, playing

T = TypeVar("T")

MESSAGES: Any = [{"role": "user", "content": "hi"}]


class Client:
    """The synchronous client, in a thread: what most programs use."""

    def __init__(self, at: Edge, key: str) -> None:
        self.at = at
        self._openai = openai.OpenAI(base_url=f"http://127.0.0.1:{at.port}/v1", api_key=key, max_retries=2, timeout=10)

    async def do(self, call: Callable[[openai.OpenAI], T]) -> T:
        return await trio.to_thread.run_sync(lambda: call(self._openai))

    def close(self) -> None:
        self._openai.close()


@asynccontextmanager
async def client(script: Script = hello, key: str = INFERENCE_KEY) -> AsyncIterator[Client]:
    async with edge(script) as at:
        one = Client(at, key)
        try:
            yield one
        finally:
            one.close()


def chat(api: openai.OpenAI) -> Any:
    return api.chat.completions.create(model="auto", messages=MESSAGES)


def streamed(api: openai.OpenAI) -> list[Any]:
    options: Any = {"include_usage": True}
    return list(api.chat.completions.create(model="auto", messages=MESSAGES, stream=True, stream_options=options))


async def test_client_lists_and_gets_models() -> None:
    async with client() as one:
        listed = await one.do(lambda api: [model.id for model in api.models.list()])
        assert listed == ["auto", "home/smollm2"]
        assert (await one.do(lambda api: api.models.retrieve("home/smollm2"))).owned_by == "home"


async def test_client_chats() -> None:
    async with client() as one:
        answer = await one.do(chat)
        assert answer.choices[0].message.content == "Hello, Ada"
        assert answer.usage.total_tokens == 10


async def test_client_streams_a_chat() -> None:
    async with client() as one:
        *pieces, last = await one.do(streamed)
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == "Hello, Ada"
        assert pieces[-1].choices[0].finish_reason == "stop"
        assert last.usage.total_tokens == 10


async def test_client_accumulates_tool_calls_of_a_stream() -> None:
    def accumulate(api: openai.OpenAI) -> Any:
        with api.chat.completions.stream(model="auto", messages=MESSAGES) as stream:
            return stream.get_final_completion()

    async with client(playing(*CALLS)) as one:
        calls = (await one.do(accumulate)).choices[0].message.tool_calls
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            ("c1", "look", '{"a":1}'),
            ("c2", "go", "{}"),
        ]


async def test_client_sees_the_headers_that_tell_who_answered() -> None:
    async with client() as one:
        raw = await one.do(lambda api: api.chat.completions.with_raw_response.create(model="auto", messages=MESSAGES))
        assert raw.headers["x-islandrun-tier"] == "edge"


async def test_client_completes_a_prompt() -> None:
    async with client() as one:
        answer = await one.do(lambda api: api.completions.create(model="auto", prompt="hi"))
        assert answer.choices[0].text == "Hello, Ada"


async def test_client_with_a_wrong_key_gets_an_authentication_error() -> None:
    async with client(key="wrong") as one:
        with pytest.raises(openai.AuthenticationError):
            await one.do(chat)
        with pytest.raises(openai.AuthenticationError):
            await one.do(lambda api: list(api.models.list()))


async def test_client_gets_bad_request_with_the_member_named() -> None:
    async with client() as one:
        with pytest.raises(openai.BadRequestError) as caught:
            await one.do(lambda api: api.chat.completions.create(model="auto", messages=[]))
        assert caught.value.param == "messages"


async def test_client_gets_not_found_for_an_unknown_model() -> None:
    missing = RefusedError("model_not_found", "no island offers this model", reachable=True, status=404)
    async with client(failing(missing)) as one:
        with pytest.raises(openai.NotFoundError) as caught:
            await one.do(chat)
        assert caught.value.code == "model_not_found"


async def test_client_gets_permission_denied_with_the_reasons_and_does_not_ask_again() -> None:
    async with client(failing(REFUSED)) as one:
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await one.do(chat)
        body: Any = caught.value.body
        assert body["islandrun"][0]["reasons"][0]["code"] == "clearance_below_sensitivity"
        assert len(one.at.execution.orders) == 1


async def test_client_does_not_repeat_what_may_have_been_paid() -> None:
    async with client(failing(BackendError(BackendFailure.AMBIGUOUS, "time_out", "no answer"))) as one:
        with pytest.raises(openai.InternalServerError):
            await one.do(chat)
        assert len(one.at.execution.orders) == 1


CUT = playing(Delta("Hel"), error=CutAnswerError("peer_gone", "the island went away", should_retry=False))


async def test_client_raises_in_the_middle_of_a_cut_stream() -> None:
    received: list[Any] = []

    def read(api: openai.OpenAI) -> None:
        for piece in api.chat.completions.create(model="auto", messages=MESSAGES, stream=True):
            received.append(piece.choices[0].delta.content)

    async with client(CUT) as one:
        with pytest.raises(openai.APIError):
            await one.do(read)
    assert received == ["", "Hel"]


async def test_client_raises_for_a_cut_answer_that_was_not_streamed() -> None:
    async with client(CUT) as one:
        with pytest.raises(openai.InternalServerError):
            await one.do(chat)
        assert len(one.at.execution.orders) == 1


async def test_async_client_that_breaks_off_its_stream_cancels_the_answer() -> None:
    cancelled = trio.Event()

    async def endless(order: Order, sink: Sink) -> None:
        try:
            await sink.started(ROUTE)
            await sink.event(Delta("a"))
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with edge(endless) as at:
        base = f"http://127.0.0.1:{at.port}/v1"
        async with openai.AsyncOpenAI(base_url=base, api_key=INFERENCE_KEY) as api:
            stream = await api.chat.completions.create(model="auto", messages=MESSAGES, stream=True)
            await anext(stream)
            await stream.close()
            with trio.fail_after(1):
                await cancelled.wait()
