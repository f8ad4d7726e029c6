import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.openai_answer import AnswerReader
from protocol.answers import Delta, Finished
from protocol.errors import BackendError, BackendFailure


def chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def read(*chunks: Any) -> tuple[list[Delta], AnswerReader]:
    reader = AnswerReader(100)
    return [delta for one in chunks for delta in reader.feed(one)], reader


def test_deltas_and_usage_of_a_whole_answer() -> None:
    deltas, reader = read(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        {
            "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}},
        },
    )
    assert deltas == [Delta("Hel"), Delta("lo")]
    assert reader.finish() == Finished("stop", 9, 2, 4)


def test_tool_calls_and_other_members_ride_in_extra() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    deltas, _ = read(chunk({"content": None, "tool_calls": [call], "reasoning_content": "hm", "refusal": None}))
    assert deltas[0].content == ""
    assert json.loads(deltas[0].extra) == {"tool_calls": [call], "reasoning_content": "hm"}


def test_whole_answer_of_a_server_that_does_not_stream() -> None:
    reader = AnswerReader(10)
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    deltas = reader.feed_whole(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "Hi", "tool_calls": [call]},
                    "finish_reason": "stop",
                }
            ]
        }
    )
    assert deltas[0].content == "Hi"
    assert json.loads(deltas[0].extra) == {"tool_calls": [{"index": 0, **call}]}
    assert reader.finish().reason == "stop"


def test_every_choice_that_was_begun_must_end() -> None:
    _, reader = read(chunk({"content": "a"}, "stop", 0), chunk({"content": "b"}, None, 1))
    with pytest.raises(BackendError) as raised:
        reader.finish()
    assert (raised.value.failure, raised.value.code) == (BackendFailure.AMBIGUOUS, "cut")


def test_an_answer_without_any_choice_is_cut() -> None:
    _, reader = read({"choices": []})
    with pytest.raises(BackendError, match="cut"):
        reader.finish()


def test_missing_usage_is_rather_over_than_understated() -> None:
    _, reader = read(chunk({"content": "x" * 400}), chunk({}, "stop"))
    whole = reader.finish()
    assert whole.prompt_tokens == 50  # of a request of 100 bytes
    assert whole.completion_tokens == 200


@pytest.mark.parametrize("usage", [-1, True, 1.5, "7", None, 2**60])
def test_nonsense_in_usage_counts_as_missing(usage: Any) -> None:
    _, reader = read(chunk({"content": "ab"}, "stop"), {"usage": {"prompt_tokens": usage, "completion_tokens": usage}})
    assert (reader.finish().prompt_tokens, reader.finish().completion_tokens) == (50, 1)


def test_an_error_inside_the_stream_is_a_failure_without_its_message() -> None:
    with pytest.raises(BackendError) as raised:
        read({"error": {"message": "you said SECRET", "code": 500}})
    assert raised.value.code == "provider_error"
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        "nonsense SECRET",
        "[1]",
        '{"choices": 1}',
        '{"choices": [1]}',
        '{"choices": [{"index": -1, "delta": {}}]}',
        '{"choices": [{"index": true, "delta": {}}]}',
        '{"choices": [{"index": 0, "delta": 5}]}',
        '{"choices": [{"index": 0, "delta": {"content": 5}}]}',
        '{"choices": [{"index": 0, "delta": {}, "finish_reason": 5}]}',
        '{"choices": [], "choices": []}',
        '{"choices": NaN}',
        "[" * 5000,
    ],
)
def test_what_is_not_of_the_format_breaks_the_stream(data: str) -> None:
    with pytest.raises(BackendError) as raised:
        AnswerReader(1).feed_text(data)
    assert raised.value.failure is BackendFailure.AMBIGUOUS
    assert "SECRET" not in str(raised.value)


def test_done_ends_the_reading() -> None:
    reader = AnswerReader(1)
    assert reader.feed_text("[DONE]") == []
    assert reader.done
    assert reader.feed_text("anything") == []


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "index", "content", "error", "usage", "finish_reason"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(json_values, max_size=4))
def test_any_json_is_an_answer_or_a_backend_error(chunks: list[Any]) -> None:
    reader = AnswerReader(10)
    try:
        for one in chunks:
            reader.feed(one)
        reader.finish()
    except BackendError as error:
        assert error.failure is BackendFailure.AMBIGUOUS
