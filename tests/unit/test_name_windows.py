"""What the slow model is given to read, and that reading together changes nothing."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from node.workers import rampart
from node.workers.rampart import BATCH_TOKENS_MAX, Rampart, _batches, _Window
from node.workers.reading_plan import WHOLE_CHARACTERS_MAX, stretches

PLAIN = "the kettle boiled over while nobody watched it. " * 6
assert len(PLAIN) > WHOLE_CHARACTERS_MAX


@cache
def model() -> Rampart:
    return Rampart()


def read(sentence: str) -> bool:
    return bool(list(stretches(f"{PLAIN}{sentence} {PLAIN}", 480)))


def test_word_is_no_name_for_what_hangs_on_it() -> None:
    for sentence in ("It’s over.", "I’ll come.", "Everyone's there.", "Don’t do that."):
        assert not read(sentence)
    assert read("Zorbina's there.")


def test_name_with_an_ending_is_not_read_again() -> None:
    first = "Then Zorbina came. "
    ((start, end),) = stretches(PLAIN + first + PLAIN + "Then Zorbina's cat came. " + PLAIN, 480)
    assert (start, end) == (len(PLAIN), len(PLAIN) + len(first))


def test_what_programs_call_their_own_is_not_read_unless_somebody_is_in_it() -> None:
    assert not read("call RenderThread and getElement here.")
    for name in ("McConnan", "DeShawn", "JonathanSmith", "mailToHannah"):
        assert read(f"ask {name} here.")


@given(st.lists(st.integers(0, rampart.WINDOW_TOKENS_MAX - 2), max_size=40))
def test_batches_hold_every_window_once_and_little_padding(lengths: list[int]) -> None:
    windows = [_Window("", [(i, 0)], [0] * length, []) for i, length in enumerate(sorted(lengths))]
    batches = list(_batches(windows))
    assert [window for batch in batches for window in batch] == windows
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(window.ids) + 2 for window in batch) <= BATCH_TOKENS_MAX
    assert len(batches) >= min(len(windows), rampart.RUNS_MAX)


def test_piece_that_several_texts_hold_is_read_once_and_found_in_each() -> None:
    letter = "My name is Hannah McConnan, I live at 12 Quarry Lane, Dunmore."
    quoted = f"{PLAIN}\n{letter}\n{PLAIN}"
    texts = [letter, quoted, "Ask Tobias Wrenfield.", quoted + letter]
    assert len(list(model()._windows([letter, letter, "Ask Tobias Wrenfield."]))) == 2
    together = model().find(texts)
    assert [{(t[s.start : s.end], s.label) for s in spans} for t, spans in zip(texts, together, strict=True)] == [
        {(text[s.start : s.end], s.label) for s in model().find([text])[0]} for text in texts
    ]
    for text, spans in zip(texts, together, strict=True):
        assert any(text[s.start : s.end] == "McConnan" for s in spans) is ("McConnan" in text)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_texts_are_read_and_spans_are_of_them(texts: list[str]) -> None:
    for text, spans in zip(texts, model().find(texts), strict=True):
        assert all(0 <= span.start < span.end <= len(text) for span in spans)
