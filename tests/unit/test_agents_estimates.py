"""What an offer has shown itself to be: pessimistic where unknown, bounded whatever it says, forgotten with time."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.estimates import (
    FAILURE_MAX,
    FAILURE_PRIOR,
    HALF_LIFE_S,
    PREFILL_TOKENS_PER_S_MAX,
    PREFILL_TOKENS_PER_S_MIN,
    PREFILL_TOKENS_PER_S_PRIOR,
    TOKENS_PER_S_MAX,
    TOKENS_PER_S_MIN,
    TOKENS_PER_S_PRIOR,
    TTFT_S_MAX,
    TTFT_S_PRIOR,
    Claim,
    Estimate,
    Expected,
    Seen,
)

anything = st.floats() | st.sampled_from([0.0, -1.0, math.inf, math.nan, 1e308])
counts = st.integers(-5, 2**40)
sights = st.builds(Seen, counts, anything, counts, anything)
claims = st.builds(Claim, *[st.none() | anything] * 3)
sound = st.builds(Seen, st.integers(0, 30_000), st.floats(0.01, 60), st.integers(0, 2_000), st.floats(0.01, 200))


def answered(*, fixed_s: float = 0.4, prefill: float = 1_500.0, rate: float = 50.0, times: int = 40) -> Estimate:
    """By a model that is exactly so quick, to prompts of all sizes, one each ten seconds."""
    estimate = Estimate()
    for number in range(times):
        prompt = 37 * number * number % 9_000
        estimate = estimate.observe(Seen(prompt, fixed_s + prompt / prefill, 101, 100 / rate), 10.0 * number)
    return estimate


def seconds(expected: Expected, prompt: int = 1_000, tokens: int = 256) -> float:
    mean = expected.ttft_s + prompt / expected.prefill_tokens_per_s + tokens / expected.tokens_per_s
    return mean * (1 + expected.doubt)


def test_an_offer_that_nobody_tried_is_taken_for_slow_and_doubted() -> None:
    assert Estimate().expected(0.0) == (
        pytest.approx(TTFT_S_PRIOR),
        pytest.approx(PREFILL_TOKENS_PER_S_PRIOR),
        pytest.approx(TOKENS_PER_S_PRIOR),
        1.0,
        FAILURE_PRIOR,
    )


def test_a_claim_that_nobody_measured_is_doubted_wholly() -> None:
    claim = Claim(0.5, 80.0, 2_000.0)
    expected = Estimate().expected(0.0, claim)
    assert (expected.ttft_s, expected.tokens_per_s, expected.prefill_tokens_per_s) == pytest.approx(tuple(claim))
    assert expected.doubt == 1.0


@pytest.mark.parametrize(
    ("fixed_s", "prefill", "rate"), [(0.4, 1_500.0, 50.0), (3.0, 120.0, 4.0), (0.05, 20_000.0, 300.0)]
)
def test_fixed_part_reading_and_writing_are_told_apart(fixed_s: float, prefill: float, rate: float) -> None:
    expected = answered(fixed_s=fixed_s, prefill=prefill, rate=rate).expected(400.0)
    for prompt in (0, 500, 8_000):
        first_s = expected.ttft_s + prompt / expected.prefill_tokens_per_s
        true_s = fixed_s + prompt / prefill
        assert 0.9 * true_s - 0.05 <= first_s <= 1.1 * true_s + 0.15  # rather too slow
    assert 100 / expected.tokens_per_s == pytest.approx(100 / rate, rel=0.1, abs=0.1)
    assert expected.doubt < 0.2


def test_the_worse_of_claim_and_measurement_counts() -> None:
    seen, now_s = answered(), 400.0
    measured = seen.expected(now_s)
    boast, modesty = Claim(0.001, 10_000.0, 900_000.0), Claim(9.0, 2.0, 20.0)
    assert seconds(seen.expected(now_s, boast)) == pytest.approx(seconds(measured), rel=0.1)
    believed = seen.expected(now_s, modesty)
    assert (believed.ttft_s, believed.tokens_per_s, believed.prefill_tokens_per_s) == (9.0, 2.0, 20.0)


def test_a_device_that_slows_down_is_followed_within_a_few_dozen_answers() -> None:
    estimate = answered()
    for number in range(40):
        estimate = estimate.observe(Seen(1_000, 6.0, 101, 20.0), 400.0 + number)
    expected = estimate.expected(440.0)
    assert expected.ttft_s + 1_000 / expected.prefill_tokens_per_s == pytest.approx(6.0, rel=0.3)
    assert expected.tokens_per_s < 9.0


def test_one_answer_that_hung_does_not_end_an_offers_good_name() -> None:
    before = answered()
    after = before.observe(Seen(1_000, 3_000.0, 101, 2.0), 400.0)
    assert seconds(after.expected(400.0)) < 2 * seconds(before.expected(400.0))


def test_failures_raise_the_rate_and_answers_lower_it() -> None:
    rates = [estimate.expected(0.0).failure_rate for estimate in (failing(n) for n in range(6))]
    assert all(one < other for one, other in pairwise(rates))
    assert failing(3).observe(Seen(10, 0.1, 10, 0.1), 0.0).expected(0.0).failure_rate < rates[3]
    assert failing(1_000).expected(0.0).failure_rate <= FAILURE_MAX < 1


def failing(times: int) -> Estimate:
    estimate = Estimate()
    for _ in range(times):
        estimate = estimate.failed(0.0)
    return estimate


@settings(max_examples=200, deadline=None)
@given(st.lists(sights | st.none(), max_size=12), st.lists(anything, min_size=13, max_size=13), claims)
def test_whatever_is_told_every_number_can_be_reckoned_with(
    seen: list[Seen | None], moments: list[float], claim: Claim
) -> None:
    estimate = Estimate()
    for one, at_s in zip(seen, moments, strict=False):
        estimate = estimate.failed(at_s) if one is None else estimate.observe(one, at_s)
    now_s = moments[-1] if math.isfinite(moments[-1]) else 0.0
    expected = estimate.expected(now_s, claim)
    assert 0 <= expected.ttft_s <= TTFT_S_MAX
    assert PREFILL_TOKENS_PER_S_MIN <= expected.prefill_tokens_per_s <= PREFILL_TOKENS_PER_S_MAX * 1.000001
    assert TOKENS_PER_S_MIN <= expected.tokens_per_s <= TOKENS_PER_S_MAX * 1.000001
    assert 0 <= expected.doubt <= 1
    assert 0 < expected.failure_rate <= FAILURE_MAX


@settings(max_examples=100, deadline=None)
@given(
    st.lists(sound, min_size=1, max_size=12), claims, st.floats(0, 100 * HALF_LIFE_S), st.floats(0, 100 * HALF_LIFE_S)
)
def test_doubt_only_grows_with_age(seen: list[Seen], claim: Claim, one: float, other: float) -> None:
    estimate = Estimate()
    for number, sight in enumerate(seen):
        estimate = estimate.observe(sight, float(number))
    sooner, later = sorted((one, other))
    began = float(len(seen))
    assert estimate.expected(began + sooner, claim).doubt <= estimate.expected(began + later, claim).doubt + 1e-12


@settings(max_examples=50, deadline=None)
@given(st.lists(sound, max_size=12), claims)
def test_what_nobody_used_for_long_is_as_unknown_as_at_first(seen: list[Seen], claim: Claim) -> None:
    estimate = Estimate()
    for number, sight in enumerate(seen):
        estimate = estimate.observe(sight, float(number)).failed(float(number))
    assert estimate.expected(60 * HALF_LIFE_S, claim) == pytest.approx(Estimate().expected(0.0, claim), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(sound, max_size=12), sound.filter(lambda seen: seen.seconds_per_token is not None), st.floats(1.0, 3.0))
def test_a_slower_answer_never_makes_an_offer_look_quicker(before: list[Seen], seen: Seen, factor: float) -> None:
    estimate = Estimate()
    for number, sight in enumerate(before):
        estimate = estimate.observe(sight, float(number))
    slower = seen._replace(ttft_s=seen.ttft_s * factor, seconds=seen.seconds * factor)
    quick, slow = (estimate.observe(one, 12.0).expected(12.0) for one in (seen, slower))
    first = [one.ttft_s + seen.prompt_tokens / one.prefill_tokens_per_s for one in (quick, slow)]
    assert first[0] <= first[1] * (1 + 1e-6) + 1e-6
    assert quick.tokens_per_s >= slow.tokens_per_s * (1 - 1e-9)


@settings(max_examples=100, deadline=None)
@given(claims, claims)
def test_a_claim_never_makes_a_measured_offer_quicker_than_it_says(claim: Claim, other: Claim) -> None:
    expected, possible = answered(times=8).expected(80.0, claim), claim.possible
    assert possible.ttft_s is None or expected.ttft_s >= possible.ttft_s
    assert possible.tokens_per_s is None or expected.tokens_per_s <= possible.tokens_per_s
    reading = possible.prefill_tokens_per_s
    assert reading is None or expected.prefill_tokens_per_s <= reading


@settings(max_examples=100, deadline=None)
@given(st.lists(sound, max_size=6), sights.filter(lambda seen: not seen.possible))
def test_what_cannot_be_changes_nothing(seen: list[Seen], impossible: Seen) -> None:
    estimate = Estimate()
    for number, sight in enumerate(seen):
        estimate = estimate.observe(sight, float(number))
    assert estimate.observe(impossible, 6.0) == estimate


@pytest.mark.parametrize(
    ("tokens", "took"), [(0, 1.0), (3, 1.0), (10, 0.0), (10, -1.0), (10, math.nan), (10**9, 0.001)]
)
def test_an_answer_too_short_or_too_quick_to_time_says_nothing_of_the_rate(tokens: int, took: float) -> None:
    expected = Estimate().observe(Seen(100, 1.0, tokens, took), 0.0).expected(0.0)
    assert expected.tokens_per_s == pytest.approx(TOKENS_PER_S_PRIOR)
    assert expected.ttft_s < TTFT_S_PRIOR
