"""Backends time their answers, and hold against a model only what is its fault."""

import pytest
import trio

from node.agents.estimates import Estimate, Seen
from node.backends.measured import SILENT_S, Measured, Stopwatch
from node.lengths import prompt_tokens
from node.ports import Call
from protocol.answers import Finished
from protocol.errors import BackendError, BackendFailure
from tests.unit.privacy_texts import chat

CALL = Call(b"r" * 16, "m", chat("hello"), 64)


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        return self.now


def test_stopwatch_takes_the_time_to_the_first_token_from_its_making() -> None:
    clock = Clock()
    watch = Stopwatch(clock, prompt=400, tokens_max=64)
    assert watch.seen(Finished("stop", 300, 5)) is None
    clock.now = 10.5
    watch.token()
    clock.now = 11.5
    watch.token()
    assert watch.seen(Finished("stop", 300, 11)) == Seen(400, 0.5, 11, 1.0)


@pytest.mark.parametrize(
    ("finished", "read", "written"),
    [
        (Finished("stop", 300, 11, cached_tokens=225), 100, 11),
        (Finished("stop", 300, 11, cached_tokens=10**9), 0, 11),
        (Finished("stop", 0, 11, cached_tokens=5), 400, 11),
        (Finished("stop", 300, 65), 400, 0),
    ],
)
def test_what_a_cache_held_was_not_read_and_more_tokens_than_asked_for_say_nothing(
    finished: Finished, read: int, written: int
) -> None:
    watch = Stopwatch(Clock(), prompt=400, tokens_max=64)
    watch.token()
    seen = watch.seen(finished)
    assert seen is not None
    assert (seen.prompt_tokens, seen.tokens) == (read, written)


def test_a_whole_answer_is_learnt_from() -> None:
    clock = Clock()
    measured = Measured(clock)
    with measured.timed(CALL) as watch:
        clock.now = 11.0
        watch.token()
        clock.now = 12.0
        measured.whole("m", watch, Finished("stop", 9, 11))
    expected = Estimate().observe(Seen(prompt_tokens(CALL.request), 1.0, 11, 1.0), 12.0)
    assert (measured.of("m"), measured.of("other")) == (expected, Estimate())


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (BackendError(BackendFailure.AMBIGUOUS, "cut", ""), True),
        (BackendError(BackendFailure.NOT_CONNECTED, "unreachable", ""), True),
        (BackendError(BackendFailure.REFUSED, "busy", "", 429), True),
        (BackendError(BackendFailure.REFUSED, "bad_request", "", 400), False),
        (BackendError(BackendFailure.REFUSED, "other_kind", ""), False),
    ],
)
def test_only_what_is_the_models_fault_counts_against_it(error: BackendError, counts: bool) -> None:
    measured = Measured(Clock())
    with pytest.raises(BackendError), measured.timed(CALL):
        raise error
    assert measured.of("m") == (Estimate().failed(10.0) if counts else Estimate())


@pytest.mark.parametrize(
    ("waited_s", "spoke", "counts"), [(SILENT_S, False, True), (1.0, False, False), (SILENT_S, True, False)]
)
async def test_who_is_given_up_in_silence_has_failed(
    waited_s: float, spoke: bool, counts: bool, autojump_clock: trio.testing.MockClock
) -> None:
    measured = Measured()
    with trio.move_on_after(waited_s + 0.001), measured.timed(CALL) as watch:
        if spoke:
            watch.token()
        await trio.sleep_forever()
    assert bool(measured.of("m").failures) is counts
