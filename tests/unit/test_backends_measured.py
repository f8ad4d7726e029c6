import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.measured import TOKENS_PER_S_PRIOR, TTFT_S_PRIOR, Measured, Stopwatch


def test_a_model_that_never_answered_is_taken_for_slow() -> None:
    assert Measured() == Measured(TTFT_S_PRIOR, TOKENS_PER_S_PRIOR, 0)


def test_observations_move_the_mean_towards_what_was_seen() -> None:
    once = Measured().observe(0.1, 101, 2.0)
    assert once.observations == 1
    assert once.ttft_s == pytest.approx(TTFT_S_PRIOR + 0.3 * (0.1 - TTFT_S_PRIOR))
    assert once.tokens_per_s == pytest.approx(TOKENS_PER_S_PRIOR + 0.3 * (50 - TOKENS_PER_S_PRIOR))
    many = once
    for _ in range(30):
        many = many.observe(0.1, 101, 2.0)
    assert many.ttft_s == pytest.approx(0.1, abs=0.01)
    assert many.tokens_per_s == pytest.approx(50, abs=0.1)


@pytest.mark.parametrize(("tokens", "seconds"), [(0, 1.0), (3, 1.0), (10, 0.0), (10, -1.0), (10, math.nan)])
def test_an_answer_too_short_to_time_says_nothing_of_the_rate(tokens: int, seconds: float) -> None:
    assert Measured().observe(1.0, tokens, seconds).tokens_per_s == TOKENS_PER_S_PRIOR


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.integers(-5, 10_000), st.floats()), max_size=8))
def test_measured_numbers_are_always_finite_and_positive(observations: list[tuple[float, int, float]]) -> None:
    measured = Measured()
    for observation in observations:
        measured = measured.observe(*observation)
    assert math.isfinite(measured.ttft_s) and measured.ttft_s >= 0
    assert math.isfinite(measured.tokens_per_s) and measured.tokens_per_s > 0


def test_stopwatch_takes_the_time_to_the_first_token_from_its_making() -> None:
    now = 10.0
    watch = Stopwatch(lambda: now)
    now = 10.5
    watch.token()
    now = 11.5
    watch.token()
    seen = watch.observe(Measured(), 11)
    assert seen == Measured().observe(0.5, 11, 1.0)
    assert Stopwatch(lambda: now).observe(Measured(), 5) == Measured()
