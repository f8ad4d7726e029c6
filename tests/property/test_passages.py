"""Passages over the wire: whatever a holder's documents are called, and whatever bytes a peer sends."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import encode
from protocol.errors import PeerError
from protocol.passages import (
    PASSAGES_MAX,
    Found,
    PassagesReader,
    QuotedPassage,
    decode_found,
    encode_found,
    read_asked,
    told,
)
from protocol.terms import Sensitivity

ANY_TEXT = st.text(max_size=60) | st.text(min_size=1, max_size=3).map(lambda text: text * 3_000)
PASSAGES = st.builds(QuotedPassage.fit, ANY_TEXT, ANY_TEXT, ANY_TEXT)
NAMES = st.sampled_from(["t", "id", "collection", "question", "most", "label", "passages", "file", "place", "text"])
VALUES = st.none() | st.integers(-1, 20) | st.text(max_size=5) | st.binary(min_size=16, max_size=16)
KINDS = st.sampled_from(["passages", "ask", "found", "passage", "failed", "public"])


@given(passages=st.lists(PASSAGES, max_size=PASSAGES_MAX), label=st.sampled_from(Sensitivity))
@settings(max_examples=100, deadline=None)
def test_passages_of_any_documents_come_back_as_they_were(passages: list[QuotedPassage], label: Sensitivity) -> None:
    reader = PassagesReader(PASSAGES_MAX)
    for frame in told(label, tuple(passages)):
        assert reader.on(frame) is None
    assert reader.end() == (label, tuple(passages))


@given(data=st.binary(max_size=100) | st.dictionaries(NAMES, VALUES | KINDS).map(lambda frame: encode({**frame})))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_a_frame_or_the_peers_fault(data: bytes) -> None:
    with suppress(PeerError):
        decode_found(data)
    with suppress(PeerError):
        read_asked(data, bytes(16))


@given(
    frames=st.lists(PASSAGES | st.builds(Found, st.sampled_from(Sensitivity), st.integers(0, 4)), max_size=6),
    most=st.integers(1, 4),
)
@settings(max_examples=200, deadline=None)
def test_a_reader_gives_no_more_than_was_asked_for_and_all_that_was_announced(
    frames: list[Found | QuotedPassage], most: int
) -> None:
    reader = PassagesReader(most)
    announced = None
    for frame in frames:
        with suppress(PeerError):
            reader.on(encode_found(frame))
            if isinstance(frame, Found):
                announced = frame
    with suppress(PeerError):
        label, passages = reader.end()
        assert announced == Found(label, len(passages))
        assert len(passages) <= most
