"""The quality that a request needs, and the quality that a model is likely to have: tables by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.need import Shape, foreign_part, holds_code, need
from node.agents.quality import LEAST, UNKNOWN, parameters, prior
from node.shape import shape_of
from protocol.chat import ChatRequest

PLAIN = Shape(0, 1, code=False, tools=False, schema=False, foreign_part=0.0)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (PLAIN, 0.2),
        (Shape(2_000, 1, code=False, tools=False, schema=False, foreign_part=0.0), 0.3),
        (Shape(400_000, 1, code=False, tools=False, schema=False, foreign_part=0.0), 0.4),
        (Shape(0, 6, code=False, tools=False, schema=False, foreign_part=0.0), 0.25),
        (Shape(0, 1, code=True, tools=False, schema=False, foreign_part=0.0), 0.4),
        (Shape(0, 1, code=False, tools=True, schema=False, foreign_part=0.0), 0.4),
        (Shape(0, 1, code=False, tools=False, schema=True, foreign_part=0.0), 0.3),
        (Shape(0, 1, code=False, tools=False, schema=False, foreign_part=0.11), 0.3),
        (Shape(0, 1, code=False, tools=False, schema=False, foreign_part=0.1), 0.2),
        (Shape(9_000, 40, code=True, tools=True, schema=True, foreign_part=1.0), 1.0),
    ],
)
def test_need_is_the_sum_of_the_table_in_the_specification(shape: Shape, expected: float) -> None:
    assert need(shape) == pytest.approx(expected)


shapes = st.builds(
    Shape,
    prompt_tokens=st.integers(0, 2**27 - 1),
    turns=st.integers(0, 10_000),
    code=st.booleans(),
    tools=st.booleans(),
    schema=st.booleans(),
    foreign_part=st.floats(0, 1),
)


@given(shape=shapes)
@settings(deadline=None)
def test_need_is_between_0_and_1_and_no_sign_more_lowers_it(shape: Shape) -> None:
    assert need(PLAIN) <= need(shape) <= 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Why does this fail?\n```python\nprint(1)\n```", True),
        ("int main() {\n  return 0;\n}", True),
        ("def double(x):\nimport os\nfrom os import path\n    return 2 * x", True),
        ("We met in May; it rained.\nThen we left;\nit was late.", False),
        ("What is a lighthouse?", False),
        ("from here on\nit is prose", False),
        ("", False),
    ],
)
def test_code_is_seen_by_its_fences_and_lines(text: str, code: bool) -> None:
    assert holds_code(text) is code


@pytest.mark.parametrize(
    ("text", "part"), [("", 0.0), ("12 + 3!", 0.0), ("abcd", 0.0), ("größ", 0.5), ("маяк", 1.0), ("灯塔 12", 1.0)]
)
def test_foreign_letters_are_a_part_of_all_letters(text: str, part: float) -> None:
    assert foreign_part(text) == part


@given(text=st.text(max_size=200))
@settings(deadline=None)
def test_any_text_can_be_looked_at(text: str) -> None:
    assert 0 <= foreign_part(text) <= 1
    holds_code(text)


def test_code_is_sought_in_time_that_grows_with_the_text_alone() -> None:
    for text in ("x" * 200_000, " " * 200_000, "def " * 50_000, "\n".join(["def x"] * 20_000), "```"[:2] * 100_000):
        holds_code(text)


def test_the_shape_of_a_request_is_seen_in_all_of_it() -> None:
    body = {
        "model": "auto",
        "messages": [
            {"role": "system", "content": "Answer."},
            {"role": "user", "content": "Hallo"},
            {"role": "assistant", "content": "```\nx\n```"},
            {"role": "user", "content": [{"type": "text", "text": "Что такое маяк?"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "look"}}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}},
    }
    shape = shape_of(ChatRequest.parse(body), 120)
    assert (shape.prompt_tokens, shape.turns, shape.code, shape.tools, shape.schema) == (120, 2, True, True, True)
    assert 0.1 < shape.foreign_part < 1


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("qwen2.5:7b", 7),
        ("hf.co/bartowski/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M", 0.5),
        ("SmolLM2-135M-Instruct", 0.135),
        ("mixtral-8x7b", 56),
        ("Llama-3.1-405B", 405),
        ("gpt-4o", None),
        ("model-0b", None),
        ("embedded", None),
        ("", None),
    ],
)
def test_parameters_are_read_from_the_name(name: str, size: float | None) -> None:
    assert parameters(name) == size


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("gpt-4o", 88.7),
        ("gpt-5-mini", 82.0),
        ("gpt-4o-mini-2024-07-18", 82.0),
        ("claude-3-haiku-20240307", 75.2),
        ("qwen2.5:7b", 74.2),
        ("Qwen2.5-72B-Instruct", 86.1),
        ("Meta-Llama-3.1-8B-Instruct", 66.6),
        ("llama3:70b", 79.5),
        ("Llama-2-7b-chat", 45.7),
        ("an-unknown-model-13b", 53.8),
        ("Mixtral-8x7B-Instruct", 70.6),
    ],
)
def test_prior_is_what_was_published_beyond_chance(name: str, percent: float) -> None:
    assert prior(name) == pytest.approx((percent - 25) / 75)


def test_prior_grows_with_the_size_and_knows_no_more_than_the_name() -> None:
    grown = [prior(f"qwen2.5:{size}b") for size in (0.1, 0.5, 1, 3, 7, 10, 14, 50, 72, 500)]
    assert grown == sorted(grown)
    assert prior("SmolLM2-135M-Instruct") == LEAST
    assert prior("something") == UNKNOWN


@given(name=st.text(max_size=256))
@settings(deadline=None)
def test_prior_of_any_name_is_a_quality(name: str) -> None:
    assert LEAST <= prior(name) <= 1
