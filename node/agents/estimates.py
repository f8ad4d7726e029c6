"""How quick an offer has shown itself, and how far that can be relied on: online estimates, one for each offer.

The seconds to the first token are a fixed part and the reading of the prompt: a weighted least-squares line through
what was seen, in two unknowns, that forgets. Every number begins at a prior which is worse than what it likely turns
out to be, and goes back to it with age. Pure: the node and the simulator keep the same estimates.
"""

from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import NamedTuple

TTFT_S_PRIOR = 5.0  # worse than what the slowest local model here needs: a model earns its place by answering
TOKENS_PER_S_PRIOR = 5.0
PREFILL_TOKENS_PER_S_PRIOR = 100.0
KEEP = 0.95  # of what was known, at each new answer: about the last 20 count; lowered, drift is followed sooner
HALF_LIFE_S = 6 * 3_600.0  # of everything that was measured: what nobody used since yesterday is nearly unknown
PRIOR_ANSWERS = 0.02  # how many answers the prior of the means weighs as much as: little, since doubt says the rest
DOUBT_ANSWERS = 1.0  # the same, of the doubt
FIRST_ERROR = 0.5  # of the first answer, which nothing was expected of
FAILURE_PRIOR = 0.05  # of attempts
FAILURE_PRIOR_ATTEMPTS = 4.0
FAILURE_MAX = 0.95
MIDDLING_PROMPT_TOKENS = 1_000.0  # about where reading begins to count for more than the fixed part

TTFT_S_MAX = 3_600.0
TOKENS_PER_S_MAX = 20_000.0  # a whole answer in one piece says nothing of the rate
TOKENS_PER_S_MIN = 0.01
PREFILL_TOKENS_PER_S_MAX = 1_000_000.0
PREFILL_TOKENS_PER_S_MIN = 1.0
TOKENS_MIN = 4  # fewer say nothing of the rate
PROMPT_TOKENS_MAX = 2**27 - 1
SECONDS_MAX = 86_400.0
OUTLIER = 4.0  # an answer counts as at most so many times as slow as expected: the next one may count for more
ERROR_S_MIN = 0.05  # shorter times are not told apart


class Claim(NamedTuple):
    """What an offer says of itself, or the owner of it. None: nothing; what cannot be counts as nothing."""

    ttft_s: float | None = None
    tokens_per_s: float | None = None
    prefill_tokens_per_s: float | None = None

    @property
    def possible(self) -> "Claim":
        return Claim(
            _between(self.ttft_s, 0.0, TTFT_S_MAX),
            _between(self.tokens_per_s, TOKENS_PER_S_MIN, TOKENS_PER_S_MAX),
            _between(self.prefill_tokens_per_s, PREFILL_TOKENS_PER_S_MIN, PREFILL_TOKENS_PER_S_MAX),
        )


NO_CLAIM = Claim()


class Seen(NamedTuple):
    """One whole answer, as timed by the asker."""

    prompt_tokens: int  # those that had to be read: without what a cache held
    ttft_s: float  # from sending to the first token
    tokens: int  # of the answer
    seconds: float  # from its first token to its last

    @property
    def possible(self) -> bool:
        """Whether this can have happened at all."""
        return (
            isfinite(self.ttft_s)
            and 0 <= self.ttft_s <= TTFT_S_MAX
            and 0 <= self.prompt_tokens <= PROMPT_TOKENS_MAX
            and self.tokens >= 0
        )

    @property
    def seconds_per_token(self) -> float | None:
        """None where the answer says nothing of the rate."""
        if self.tokens < TOKENS_MIN or not isfinite(self.seconds) or not 0 < self.seconds <= SECONDS_MAX:
            return None
        per_token = self.seconds / (self.tokens - 1)
        return min(per_token, 1 / TOKENS_PER_S_MIN) if per_token >= 1 / TOKENS_PER_S_MAX else None


class Expected(NamedTuple):
    """What to reckon with now: columns of the table of offers (specs/09-decision.md)."""

    ttft_s: float
    prefill_tokens_per_s: float
    tokens_per_s: float
    doubt: float
    failure_rate: float


class _Line(NamedTuple):
    """Weighted sums of a line's least squares: y = fixed + slope * x, x in tokens, y in seconds."""

    weight: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    y: float = 0.0
    xy: float = 0.0

    def times(self, factor: float) -> "_Line":
        return _Line(*(factor * value for value in self))

    def plus(self, weight: float, x: float, y: float) -> "_Line":
        return _Line(
            self.weight + weight,
            self.x + weight * x,
            self.xx + weight * x * x,
            self.y + weight * y,
            self.xy + weight * x * y,
        )

    def solved(self) -> tuple[float, float]:
        """The fixed part and the slope of the least squares, neither below 0. The sums must tell both apart."""
        determinant = self.weight * self.xx - self.x * self.x
        fixed = (self.xx * self.y - self.x * self.xy) / determinant
        slope = (self.weight * self.xy - self.x * self.y) / determinant
        if fixed < 0:
            return 0.0, max(0.0, self.xy / self.xx)
        if slope < 0:
            return max(0.0, self.y / self.weight), 0.0
        return fixed, slope


NOTHING = _Line()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was seen of one offer, forgotten bit by bit. Times are seconds of any clock that never goes back.

    A new one knows nothing.
    """

    observations: int = 0  # answers that counted
    at_s: float = 0.0  # when the newest came
    line: _Line = NOTHING
    rate_weight: float = 0.0
    rate_sum: float = 0.0  # of seconds per token
    weight: float = 0.0  # of the answers that the doubt knows of
    errors: float = 0.0  # their squared relative errors, each at most 1
    attempts: float = 0.0
    failures: float = 0.0

    def observe(self, seen: Seen, at_s: float) -> "Estimate":
        """After one whole answer. What cannot be is left out."""
        if not seen.possible or not isfinite(at_s):
            return self
        expected = self.expected(at_s)
        aged = self._aged(at_s, KEEP)
        ttft_s = min(seen.ttft_s, OUTLIER * max(_first_s(seen, expected), ERROR_S_MIN))
        per_token = seen.seconds_per_token
        if per_token is not None:
            per_token = min(per_token, OUTLIER / expected.tokens_per_s)
        error = _relative_error(seen, ttft_s, per_token, expected) if self.observations else FIRST_ERROR
        # Errors grow with the prompt: what is told of a long one is told less exactly.
        scale = 1.0 + seen.prompt_tokens / MIDDLING_PROMPT_TOKENS
        return replace(
            aged,
            observations=self.observations + 1,
            line=aged.line.plus(1 / (scale * scale), float(seen.prompt_tokens), ttft_s),
            rate_weight=aged.rate_weight + (per_token is not None),
            rate_sum=aged.rate_sum + (per_token or 0.0),
            weight=aged.weight + 1,
            errors=aged.errors + min(error * error, 1.0),
            attempts=aged.attempts + 1,
        )

    def failed(self, at_s: float) -> "Estimate":
        """After an attempt that failed by the offer's own fault."""
        if not isfinite(at_s):
            return self
        aged = self._aged(at_s, KEEP)
        return replace(aged, attempts=aged.attempts + 1, failures=aged.failures + 1)

    def expected(self, now_s: float, claim: Claim = NO_CLAIM) -> Expected:
        """At that moment; no better than the claim says. Never NaN; every speed is above 0."""
        known, claimed = self._aged(now_s, 1.0), claim.possible
        fixed, slope = known._line_with(claimed).solved()
        slowest = 1 / TOKENS_PER_S_PRIOR if claimed.tokens_per_s is None else 1 / claimed.tokens_per_s
        rate = (known.rate_sum + PRIOR_ANSWERS * slowest) / (known.rate_weight + PRIOR_ANSWERS)
        prefill = 1 / max(slope, 1 / PREFILL_TOKENS_PER_S_MAX)
        return Expected(
            ttft_s=min(max(fixed, claimed.ttft_s or 0.0), TTFT_S_MAX),
            prefill_tokens_per_s=_slower(prefill, claimed.prefill_tokens_per_s, PREFILL_TOKENS_PER_S_MIN),
            tokens_per_s=_slower(1 / rate, claimed.tokens_per_s, TOKENS_PER_S_MIN),
            doubt=known._doubt(),
            failure_rate=known._failure_rate(),
        )

    def _aged(self, now_s: float, keep: float) -> "Estimate":
        """Half of it is left after a half-life. A clock that went back ages nothing."""
        if not self.attempts:
            return replace(self, at_s=now_s)
        part = keep * 0.5 ** (max(0.0, now_s - self.at_s) / HALF_LIFE_S)
        return Estimate(
            observations=self.observations,
            at_s=max(now_s, self.at_s),
            line=self.line.times(part),
            rate_weight=self.rate_weight * part,
            rate_sum=self.rate_sum * part,
            weight=self.weight * part,
            errors=self.errors * part,
            attempts=self.attempts * part,
            failures=self.failures * part,
        )

    def _line_with(self, claimed: Claim) -> _Line:
        """With the prior's two parts, each by itself, as heavy as a few answers."""
        ttft_s = TTFT_S_PRIOR if claimed.ttft_s is None else claimed.ttft_s
        prefill = claimed.prefill_tokens_per_s
        slope = 1 / (PREFILL_TOKENS_PER_S_PRIOR if prefill is None else prefill)
        line, xx = self.line, PRIOR_ANSWERS * MIDDLING_PROMPT_TOKENS * MIDDLING_PROMPT_TOKENS
        return line._replace(
            weight=line.weight + PRIOR_ANSWERS,
            xx=line.xx + xx,
            y=line.y + PRIOR_ANSWERS * ttft_s,
            xy=line.xy + xx * slope,
        )

    def _doubt(self) -> float:
        """1 where nothing was seen; else as the errors are, and the fewer the answers, the more."""
        known = self.weight + DOUBT_ANSWERS
        return min(1.0, sqrt((self.errors + DOUBT_ANSWERS) / known) / sqrt(known / DOUBT_ANSWERS))

    def _failure_rate(self) -> float:
        prior = FAILURE_PRIOR * FAILURE_PRIOR_ATTEMPTS
        return min(FAILURE_MAX, (self.failures + prior) / (self.attempts + FAILURE_PRIOR_ATTEMPTS))


def _between(value: float | None, least: float, most: float) -> float | None:
    return value if value is not None and least <= value <= most else None


def _slower(speed: float, claimed: float | None, least: float) -> float:
    return max(least, speed if claimed is None else min(speed, claimed))


def _first_s(seen: Seen, expected: Expected) -> float:
    return expected.ttft_s + seen.prompt_tokens / expected.prefill_tokens_per_s


def _relative_error(seen: Seen, ttft_s: float, per_token: float | None, expected: Expected) -> float:
    """Of the whole answer's seconds against those expected, in parts of them."""
    writing_s = 0.0 if per_token is None else seen.tokens / expected.tokens_per_s
    written_s = 0.0 if per_token is None else seen.tokens * per_token
    expected_s = _first_s(seen, expected) + writing_s
    return abs(ttft_s + written_s - expected_s) / max(expected_s, ERROR_S_MIN)
