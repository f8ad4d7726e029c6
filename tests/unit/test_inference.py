import pytest

from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.encoding import decode, encode
from protocol.errors import BackendError, BackendFailure, MisuseError, PeerError
from protocol.inference import (
    DETAIL_BYTES_MAX,
    AnswerReader,
    AnswerWriter,
    Ask,
    Failed,
    Started,
    decode_answer,
    encode_answer,
)

REQUEST_ID = bytes(range(16))
CHAT = ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
ASK = Ask(REQUEST_ID, "smollm2", CHAT, 128, b"c" * 16)
ANSWERS = [
    Started("smollm2"),
    Delta("hi", b'{"refusal":"no"}', 1),
    Delta(""),
    Finished("stop", 3, 2, 1),
    Failed(BackendFailure.REFUSED, "no_slot", "all busy"),
]


def test_an_ask_comes_back_as_it_was():
    again = Ask.from_bytes(ASK.to_bytes(), REQUEST_ID)
    assert again.chat.to_json() == CHAT.to_json()
    assert (again.model, again.max_output_tokens, again.collection) == ("smollm2", 128, b"c" * 16)
    assert Ask.from_bytes(Ask(REQUEST_ID, "m", CHAT, 1).to_bytes(), REQUEST_ID).collection is None


@pytest.mark.parametrize("frame", ANSWERS, ids=repr)
def test_an_answer_frame_comes_back_as_it_was(frame):
    assert decode_answer(encode_answer(frame)) == frame


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"t": "started"}, "ask.t"),
        ({"id": b"x" * 16}, "ask.id"),
        ({"id": b"x"}, "ask.id"),
        ({"model": "x" * 1025}, "ask.model"),
        ({"max_output_tokens": 0}, "ask.max_output_tokens"),
        ({"max_output_tokens": None}, "ask.max_output_tokens"),
        ({"collection": b""}, "ask.collection"),
        ({"chat": b"{}"}, "ask.chat.model"),
        ({"chat": "{}"}, "ask.chat"),
        ({"more": 1}, "ask.more"),
    ],
)
def test_a_malformed_ask_is_the_peers_fault_and_names_the_field(change, field):
    data = encode({**decode(ASK.to_bytes()), **change})
    with pytest.raises(PeerError) as caught:
        Ask.from_bytes(data, REQUEST_ID)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("frame", "change", "field"),
    [
        (ANSWERS[0], {"t": "begun"}, "answer.t"),
        (ANSWERS[0], {"more": 1}, "answer.more"),
        (ANSWERS[1], {"index": 8}, "answer.index"),
        (ANSWERS[1], {"index": -1}, "answer.index"),
        (ANSWERS[1], {"extra": b"[]"}, "answer.extra"),
        (ANSWERS[1], {"extra": b'{"a":NaN}'}, "answer.extra"),
        (ANSWERS[1], {"content": b"x"}, "answer.content"),
        (ANSWERS[3], {"completion": -1}, "answer.completion"),
        (ANSWERS[3], {"reason": "Stop it"}, "answer.reason"),
        (ANSWERS[4], {"failure": "maybe"}, "answer.failure"),
        (ANSWERS[4], {"detail": "two\nlines"}, "answer.detail"),
        (ANSWERS[4], {"detail": "x" * (DETAIL_BYTES_MAX + 1)}, "answer.detail"),
        (ANSWERS[4], {"code": ""}, "answer.code"),
    ],
)
def test_a_malformed_answer_frame_is_the_peers_fault_and_names_the_field(frame, change, field):
    with pytest.raises(PeerError) as caught:
        decode_answer(encode({**decode(encode_answer(frame)), **change}))
    assert caught.value.field == field


def test_the_reader_takes_frames_in_their_order_only():
    started, delta, _, finished, failed = map(encode_answer, ANSWERS)
    orders = {(): {started, failed}, (started,): {delta, finished, failed}, (started, delta): {delta, finished, failed}}
    orders |= {(started, finished): set(), (started, failed): set(), (failed,): set()}
    for before, allowed in orders.items():
        for frame in (started, delta, finished, failed):
            reader = AnswerReader()
            for earlier in before:
                reader.on(earlier)
            if frame in allowed:
                reader.on(frame)
            else:
                with pytest.raises(PeerError):
                    reader.on(frame)


def test_a_refused_frame_leaves_the_reader_as_it_was():
    reader = AnswerReader()
    with pytest.raises(PeerError):
        reader.on(encode_answer(Delta("early")))
    assert reader.on(encode_answer(Started("m"))) == Started("m")


def test_an_end_without_finished_or_failed_is_a_cut():
    reader = AnswerReader()
    for frame in [None, Started("m"), Delta("x")]:
        if frame:
            reader.on(encode_answer(frame))
        with pytest.raises(PeerError, match="cut"):
            reader.end()
    reader.on(encode_answer(Finished("stop", 1, 1)))
    reader.end()


def test_the_writer_keeps_the_same_order():
    writer = AnswerWriter()
    with pytest.raises(MisuseError):
        writer.event(Delta("early"))
    assert decode_answer(writer.started("m")) == Started("m")
    assert not writer.done
    error = BackendError(BackendFailure.AMBIGUOUS, "gone", "ä" * DETAIL_BYTES_MAX)
    frame = decode_answer(writer.failed(error))
    assert isinstance(frame, Failed)
    assert frame.error().failure is BackendFailure.AMBIGUOUS
    assert writer.done
    with pytest.raises(MisuseError):
        writer.event(Finished("stop", 1, 1))


def test_an_error_whose_detail_or_code_would_be_refused_is_made_fit():
    writer = AnswerWriter()
    frame = decode_answer(writer.failed(BackendError(BackendFailure.REFUSED, "HTTP 500!", "line one\nline two\0")))
    assert frame == Failed(BackendFailure.REFUSED, "http_500_", "line one line two ")
