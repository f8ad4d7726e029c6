"""The real `openai` client speaks the Responses API to a real pipeline on a real store; scripted models answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
import trio
from openai.types.responses import Response
from pydantic import BaseModel

from node.api.ports import Order, Sink
from node.ports import Call, Emit
from protocol.answers import Delta, Finished
from protocol.errors import BackendFailure, StateError
from protocol.strict_json import dump_json
from tests.api_edge import INFERENCE_KEY, OWNER_KEY, edge
from tests.pipelines import CLOUD, OWN, KnownNames, Node, Script, a_store, echoes, fails, open_node, says

T = TypeVar("T")

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"of": {"type": "string"}}},
    "strict": False,
}
SECRET = "sk-proj-Zt4Kq9vWm2Xc7Rb1Ny8Hd5Lf3Gj6Ps0A"
UNKNOWN = "resp_00000000000000000000000000000000"


class Client:
    """The synchronous client, in a thread: what most programs use."""

    def __init__(self, port: int, node: Node) -> None:
        self.node = node
        self._base = f"http://127.0.0.1:{port}/v1"

    async def do(self, call: Callable[[openai.OpenAI], T], key: str = INFERENCE_KEY) -> T:
        def run() -> T:
            with openai.OpenAI(base_url=self._base, api_key=key, max_retries=0, timeout=10) as api:
                return call(api)

        return await trio.to_thread.run_sync(run)

    async def create(self, input: Any, key: str = INFERENCE_KEY, **members: Any) -> Response:
        return await self.do(lambda api: api.responses.create(model="auto", input=input, **members), key)

    async def events(self, input: Any, **members: Any) -> list[Any]:
        return await self.do(lambda api: list(api.responses.create(model="auto", input=input, stream=True, **members)))

    @property
    def read(self) -> list[dict[str, Any]]:
        """The messages that the last asked model was sent."""
        return list(self.node.offers.rows[0][1].calls[-1].request.body["messages"])


@asynccontextmanager
async def client(tmp_path: Path, script: Script = echoes, offer: Any = CLOUD) -> AsyncIterator[Client]:
    with a_store(tmp_path) as store:
        node = await open_node(store, (offer, script), names=KnownNames())

        async def run(order: Order, sink: Sink) -> None:
            await node.pipeline.run(order, sink)

        async with edge(run, stored=node.pipeline.lasting) as at:
            yield Client(at.port, node)


def calls(*pieces: dict[str, Any], reason: str = "tool_calls") -> Script:
    async def script(_call: Call, emit: Emit) -> None:
        for piece in pieces:
            await emit(Delta("", dump_json({"tool_calls": [piece]})))
        await emit(Finished(reason, 5, 4))

    return script


async def test_a_text_is_answered(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        answer = await one.create("Hello there.", metadata={"of": "the tests"}, temperature=0.5, max_output_tokens=64)
        assert answer.output_text == "Hello there."
        assert (answer.object, answer.status, answer.error) == ("response", "completed", None)
        assert (answer.metadata, answer.temperature, answer.max_output_tokens) == ({"of": "the tests"}, 0.5, 64)
        assert answer.usage is not None
        assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (10, 2, 12)
        body = one.node.offers.rows[0][1].calls[-1].request.body
        assert "metadata" not in body
        assert body["temperature"] == 0.5


async def test_items_and_instructions_become_one_chat(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        await one.create(
            [
                {"role": "developer", "content": "Be brief."},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]},
                {
                    "type": "message",
                    "id": "msg_1",
                    "status": "completed",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
                },
                {"type": "reasoning", "id": "rs_1", "summary": []},
                {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
                {"type": "function_call", "call_id": "c2", "name": "weather", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "rain"},
                {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "sun"}]},
                {"role": "user", "content": "And now?"},
            ],
            instructions="Answer in English.",
            tools=[WEATHER],
            tool_choice={"type": "function", "name": "weather"},
        )
        assert [(m["role"], m["content"], len(m.get("tool_calls", ()))) for m in one.read] == [
            ("system", "Answer in English.", 0),
            ("developer", "Be brief.", 0),
            ("user", "Hello.", 0),
            ("assistant", "Let me see.", 2),
            ("tool", "rain", 0),
            ("tool", "sun", 0),
            ("user", "And now?", 0),
        ]
        body = one.node.offers.rows[0][1].calls[-1].request.body
        assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
        assert body["tools"][0]["function"]["name"] == "weather"


async def test_a_stream_has_the_events_of_openai_in_their_order(tmp_path: Path) -> None:
    async with client(tmp_path, says("Hel", "lo")) as one:
        events = await one.events("Hi.")
        assert [event.type for event in events] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        assert [event.sequence_number for event in events] == list(range(10))
        assert [event.delta for event in events[4:6]] == ["Hel", "lo"]
        assert events[6].text == events[8].item.content[0].text == events[-1].response.output_text == "Hello"
        assert events[0].response.status == "in_progress"
        assert {event.item_id for event in events[3:8]} == {events[2].item.id}
        stored = await one.do(lambda api: api.responses.retrieve(events[-1].response.id))
        assert stored == events[-1].response


async def test_the_clients_own_accumulator_makes_the_same_response(tmp_path: Path) -> None:
    def accumulate(api: openai.OpenAI) -> tuple[Response, list[str]]:
        with api.responses.stream(model="auto", input="Ada Lovelace asks.") as stream:
            types = [event.type for event in stream]
            return stream.get_final_response(), types

    async with client(tmp_path) as one:
        answer, types = await one.do(accumulate)
        assert answer.output_text == "Ada Lovelace asks."
        assert types[-1] == "response.completed"
        assert "Lovelace" not in one.node.offers.rows[0][1].read


async def test_tools_are_called_whole_and_in_a_stream_also_where_calls_are_interleaved(tmp_path: Path) -> None:
    pieces = (
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"of":'}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '"[PERSON_1]"}'}},
        {"index": 1, "function": {"arguments": "{}"}},
    )
    async with client(tmp_path, calls(*pieces)) as one:
        asked: Any = {"input": "Weather at Ada Lovelace?", "tools": [WEATHER]}
        for output in ((await one.create(**asked)).output, (await one.events(**asked))[-1].response.output):
            assert [(item.type, item.call_id, item.name, item.arguments, item.status) for item in output] == [
                ("function_call", "c1", "weather", '{"of":"Ada Lovelace"}', "completed"),
                ("function_call", "c2", "weather", "{}", "completed"),
            ]
        events = await one.events(**asked)
        first = [event for event in events if getattr(event, "output_index", None) == 0]
        assert [event.type.removeprefix("response.") for event in first] == [
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
        ]
        assert "".join(event.delta for event in first[1:3]) == first[3].arguments == '{"of":"Ada Lovelace"}'


async def test_a_tools_result_is_answered_after_the_stored_call(tmp_path: Path) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    async with client(tmp_path, calls(call)) as one:
        first = await one.create("Weather?", tools=[WEATHER], instructions="Use tools.")
        result = {"type": "function_call_output", "call_id": "c1", "output": "rain"}
        await one.create([result], previous_response_id=first.id, tools=[WEATHER])
        assert [(m["role"], m["content"]) for m in one.read] == [
            ("user", "Weather?"),
            ("assistant", None),
            ("tool", "rain"),
        ], "instructions hold for their own request alone"
        assert one.read[1]["tool_calls"][0]["id"] == one.read[2]["tool_call_id"] == "c1"


async def test_a_refusal_and_thoughts_are_items_of_their_own_kind(tmp_path: Path) -> None:
    async def script(_call: Call, emit: Emit) -> None:
        await emit(Delta("", b'{"reasoning_content":"Hm."}'))
        await emit(Delta("No: "))
        await emit(Delta("", b'{"refusal":"I will not."}'))
        await emit(Finished("stop", 5, 4))

    async with client(tmp_path, script) as one:
        events = await one.events("Do it.")
        thought, message = events[-1].response.output
        assert (thought.type, thought.content[0].text) == ("reasoning", "Hm.")
        assert [part.type for part in message.content] == ["output_text", "refusal"]
        assert message.content[1].refusal == "I will not."
        kinds = [event.type for event in events]
        assert kinds.index("response.reasoning_text.done") < kinds.index("response.output_text.delta")
        assert "response.refusal.delta" in kinds and "response.refusal.done" in kinds
        await one.create("Please.", previous_response_id=events[-1].response.id)
        assert one.read[1] == {"role": "assistant", "content": "No: ", "refusal": "I will not."}


async def test_an_answer_in_json_is_asked_for_and_parsed(tmp_path: Path) -> None:
    class Place(BaseModel):
        name: str

    async with client(tmp_path, says('{"name": ', '"sea"}')) as one:
        answer = await one.do(lambda api: api.responses.parse(model="auto", input="Where?", text_format=Place))
        assert answer.output_parsed == Place(name="sea")
        wanted = one.node.offers.rows[0][1].calls[-1].request.body["response_format"]
        assert (wanted["type"], wanted["json_schema"]["name"]) == ("json_schema", "Place")


@pytest.mark.parametrize(("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_was_cut_short_is_incomplete_and_says_why(tmp_path: Path, reason: str, told: str) -> None:
    async def script(_call: Call, emit: Emit) -> None:
        await emit(Delta("Once upon"))
        await emit(Finished(reason, 5, 4))

    async with client(tmp_path, script) as one:
        answer = await one.create("Tell me.")
        assert (answer.status, answer.output_text) == ("incomplete", "Once upon")
        assert answer.incomplete_details is not None
        assert answer.incomplete_details.reason == told
        assert (await one.events("Tell me."))[-1].type == "response.incomplete"


async def test_a_conversation_goes_on_by_the_previous_response(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        first = await one.create("Ada Lovelace is my friend.")
        second = await one.create("What is her name?", previous_response_id=first.id)
        assert second.previous_response_id == first.id
        assert [m["content"] for m in one.read] == [
            "[PERSON_1] is my friend.",
            "[PERSON_1] is my friend.",
            "What is her name?",
        ]
        other = await one.create("And Grace Hopper?", previous_response_id=first.id)
        third = await one.create("Who was [PERSON_2]?", previous_response_id=second.id)
        assert other.output_text == "And Grace Hopper?"
        assert third.output_text == "Who was [PERSON_2]?", "of another branch, and this one never sent it"


async def test_a_response_is_retrieved_and_deleted_by_the_key_that_made_it_alone(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        made = await one.create("Hello.")
        assert await one.do(lambda api: api.responses.retrieve(made.id)) == made
        for call in (
            lambda api: api.responses.retrieve(made.id),
            lambda api: api.responses.delete(made.id),
        ):
            with pytest.raises(openai.NotFoundError) as missing:
                await one.do(call, OWNER_KEY)
            assert missing.value.code == "response_not_found"
        with pytest.raises(openai.BadRequestError) as refused:
            await one.create("Go on.", OWNER_KEY, previous_response_id=made.id)
        assert refused.value.param == "previous_response_id"
        await one.do(lambda api: api.responses.delete(made.id))
        with pytest.raises(openai.NotFoundError):
            await one.do(lambda api: api.responses.retrieve(made.id))
        with pytest.raises(openai.BadRequestError):
            await one.create("Go on.", previous_response_id=made.id)


async def test_what_is_not_to_be_stored_is_not(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        first = await one.create("Ada Lovelace, hello.")
        made = await one.create("Hello.", store=False, previous_response_id=first.id)
        assert made.store is False  # type: ignore[attr-defined]
        with pytest.raises(openai.NotFoundError):
            await one.do(lambda api: api.responses.retrieve(made.id))
        assert len(await one.node.pipeline.lasting.kept()) == 1


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": [{"type": "web_search_call", "id": "ws_1", "status": "completed"}]}, "input[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": []}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_sound"}]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c"}]}, "input[0].output"),
        ({"instructions": 7}, "instructions"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [WEATHER, {"type": "function"}]}, "tools[1].name"),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": []}, "top_p"),
        ({"metadata": {"a": 7}}, "metadata"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"store": "no"}, "store"),
        ({"previous_response_id": "../other"}, "previous_response_id"),
        ({"previous_response_id": UNKNOWN}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"truncation": "auto"}, "truncation"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, "include"),
        ({"reasoning": {"depth": 3}}, "reasoning"),
        ({"extra_body": {"surprise": 1}}, "body"),
    ],
)
async def test_what_cannot_be_carried_is_refused_by_its_name(tmp_path: Path, members: Any, param: str) -> None:
    async with client(tmp_path) as one:
        with pytest.raises(openai.BadRequestError) as refused:
            await one.create(**{"input": "Hello.", **members})
        assert refused.value.param == param
        assert one.node.offers.rows[0][1].calls == []


async def test_an_image_that_nobody_can_read_goes_to_no_cloud(tmp_path: Path) -> None:
    image: Any = {"type": "input_image", "image_url": "data:image/png;base64,aaaa", "detail": "auto"}
    async with client(tmp_path) as one:
        with pytest.raises(openai.PermissionDeniedError) as refused:
            await one.create([{"role": "user", "content": [image]}])
        assert refused.value.code == "no_eligible_island"


async def test_a_wrong_key_a_secret_and_an_unknown_model_are_refused_as_everywhere(tmp_path: Path) -> None:
    async with client(tmp_path) as one:
        with pytest.raises(openai.AuthenticationError):
            await one.create("Hello.", "wrong")
        for asked in (one.create, one.events):
            with pytest.raises(openai.PermissionDeniedError) as refused:
                await asked(f"My key is {SECRET}.")
            body: Any = refused.value.body
            assert body["islandrun"][0]["reasons"][0]["code"] == "clearance_below_sensitivity"
            assert SECRET not in refused.value.response.text
        assert await one.node.pipeline.lasting.kept() == ()


async def test_an_answer_that_breaks_off_fails_in_the_stream_and_is_not_stored(tmp_path: Path) -> None:
    async with client(tmp_path, fails(BackendFailure.AMBIGUOUS, after=2)) as one:
        events = await one.events("Hello.")
        assert events[-1].type == "response.failed"
        failed = events[-1].response
        assert (failed.status, failed.output) == ("failed", [])
        assert failed.error.message
        with pytest.raises(openai.InternalServerError):
            await one.create("Hello again.")
        assert await one.node.pipeline.lasting.kept() == ()
        with pytest.raises(openai.NotFoundError):
            await one.do(lambda api: api.responses.retrieve(failed.id))


async def test_where_it_cannot_be_stored_the_answer_is_not_told_as_whole_nor_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_arguments: object) -> None:
        raise StateError("the state on disk: full")

    async with client(tmp_path) as one:
        monkeypatch.setattr(one.node.pipeline.lasting._conversations, "keep", full)
        events = await one.events("Hello.")
        assert (events[-1].type, events[-1].response.error.code) == ("response.failed", "conversation_not_kept")
        with pytest.raises(openai.APIStatusError) as caught:
            await one.create("Hello again.")
        assert caught.value.status_code == 502
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert (await one.create("Hello once more.", store=False)).output_text == "Hello once more."


async def test_the_header_names_a_conversation_that_responses_stay_in(tmp_path: Path) -> None:
    async with client(tmp_path, echoes, OWN) as one:
        diary, other = ({"x-islandrun-conversation": name} for name in ("diary", "letters"))
        first = await one.create("Hello.", extra_headers=diary)
        second = await one.create("Go on.", previous_response_id=first.id)
        await one.create("Go on.", previous_response_id=second.id, extra_headers=diary)
        with pytest.raises(openai.BadRequestError) as refused:
            await one.create("Go on.", previous_response_id=second.id, extra_headers=other)
        assert refused.value.param == "x-islandrun-conversation"
