import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.sse import EVENT_BYTES_MAX, EventReader, ServerEvent
from protocol.errors import BackendError, BackendFailure


def read(*pieces: bytes) -> list[ServerEvent]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\n\n", [("message", "a")]),
        (b"data:a\r\n\r\ndata: b\r\n\r\n", [("message", "a"), ("message", "b")]),
        (b"data: a\r\rdata: b\r\r.", [("message", "a"), ("message", "b")]),
        (b"event: ping\ndata: {}\n\n", [("ping", "{}")]),
        (b"data: a\ndata: b\n\n", [("message", "a\nb")]),
        (b": a comment\n\ndata: a\n\n", [("message", "a")]),
        (b"id: 3\nretry: 9\ndata\n\n", [("message", "")]),
        (b"event: lost\n\ndata: a\n\n", [("message", "a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
        (b"data:  two spaces\n\n", [("message", " two spaces")]),
    ],
)
def test_events_are_read_as_the_standard_says(data: bytes, events: list[tuple[str, str]]) -> None:
    assert [(event.name, event.data) for event in read(data)] == events


def test_an_event_without_its_empty_line_is_never_given() -> None:
    assert read(b"data: whole\n\ndata: cut\n") == [ServerEvent("message", "whole")]


@pytest.mark.parametrize(
    "data",
    [b"data: \xff\n\n", b"data: " + b"x" * EVENT_BYTES_MAX, b"data: x\n" + (b"data: " + b"y" * 1000 + b"\n") * 1100],
)
def test_what_is_not_utf8_or_too_large_breaks_the_stream(data: bytes) -> None:
    with pytest.raises(BackendError) as raised:
        read(data)
    assert raised.value.failure is BackendFailure.AMBIGUOUS
    assert raised.value.code == "broken_stream"


lines = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.lists(lines, max_size=5), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_events_do_not_depend_on_how_the_bytes_are_cut(texts: list[str], end: str, data: st.DataObject) -> None:
    stream = "".join(f"data: {text}{end}{end}" for text in texts).encode() + b":"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    bounds = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(bounds)]
    assert [event.data for event in read(*pieces)] == texts
