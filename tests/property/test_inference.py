from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.answers import Delta, Finished
from protocol.encoding import encode
from protocol.errors import BackendFailure, PeerError
from protocol.inference import AnswerReader, Ask, Failed, Started, decode_answer, encode_answer

COUNTS = st.integers(0, 1_000_000_000)
WORDS = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
FRAMES = st.one_of(
    st.builds(Started, TEXT),
    st.builds(Delta, TEXT, st.sampled_from([b"", b"{}", b'{"tool_calls":[]}']), st.integers(0, 7)),
    st.builds(Finished, WORDS, COUNTS, COUNTS, COUNTS),
    st.builds(Failed, st.sampled_from(BackendFailure), WORDS, TEXT.filter(str.isprintable)),
)
WIRE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["t", "id", "model", "chat", "collection", "max_output_tokens", "content", "extra", "index", "reason", "detail"]
)


@given(frame=FRAMES)
@settings(max_examples=200, deadline=None)
def test_every_answer_frame_comes_back_as_it_was(frame):
    assert decode_answer(encode_answer(frame)) == frame


@given(
    data=st.binary(max_size=100)
    | st.dictionaries(NAMES, WIRE | st.sampled_from(["ask", "delta", "started", "finished", "failed"])).map(encode)
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_a_frame_or_the_peers_fault(data):
    with suppress(PeerError):
        decode_answer(data)
    with suppress(PeerError):
        Ask.from_bytes(data, bytes(16))


@given(frames=st.lists(FRAMES, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_reader_that_ends_well_saw_exactly_one_end(frames):
    reader, seen = AnswerReader(), []
    for frame in frames:
        with suppress(PeerError):
            seen.append(reader.on(encode_answer(frame)))
    try:
        reader.end()
    except PeerError:
        assert not any(isinstance(frame, Finished | Failed) for frame in seen)
    else:
        assert sum(isinstance(frame, Finished | Failed) for frame in seen) == 1
        assert isinstance(seen[-1], Finished | Failed)
        assert isinstance(seen[0], Started | Failed)
