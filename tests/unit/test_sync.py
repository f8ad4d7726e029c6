import pytest

from protocol.encoding import decode, encode
from protocol.errors import MisuseError, PeerError
from protocol.questions import (
    CollectionName,
    CollectionsAnswer,
    CollectionsQuestion,
    LoadAnswer,
    LoadQuestion,
    ModelLoad,
    decode_answer,
    decode_question,
    encode_answer,
    encode_question,
)
from protocol.records import GRANTS_MAX, OFFERS_MAX, RECORD_BYTES_MAX
from protocol.sync import (
    CONTENT_BYTES_MAX,
    HEADS_MAX,
    RECORDS_MAX,
    STATES_MAX,
    SYNC_FRAME_BYTES_MAX,
    Ack,
    Answer,
    LogDigest,
    Ping,
    PingRequest,
    Question,
    Records,
    StateDigest,
    Summary,
    decode_frame,
    decode_gossip,
    encode_frame,
    log_digest_frame,
    record_frames,
    state_digest_frames,
)
from protocol.terms import Sensitivity
from tests.attested import signing_key

IDS = [signing_key(number + 1).island for number in range(600)]
HUGE = 2**53 - 1
FRAMES = [
    Summary(b"h" * 32),
    LogDigest({IDS[0]: (3, b"x" * 32)}, True),
    StateDigest({IDS[1]: (1, 2)}, b"a", b"b", True),
    Records((b"one", b"two")),
    Ping(7),
    PingRequest(8, IDS[2]),
    Ack(9),
    Question(1, b"q"),
    Answer(1, b"a"),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_frame_comes_back_as_it_was(frame):
    assert decode_frame(encode_frame(frame)) == frame


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_a_frame_with_a_member_more_or_less_is_refused(frame):
    members = decode(encode_frame(frame))
    for changed in ({**members, "zz": 1}, {name: members[name] for name in list(members)[1:]}):
        with pytest.raises(PeerError):
            decode_frame(encode(changed))


@pytest.mark.parametrize("data", [b"", b"\x80", encode({"t": "unknown"}), encode({"t": 1}), bytes(20_000)])
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(PeerError):
        decode_frame(data)


def test_gossip_carries_records_alone():
    assert decode_gossip(encode_frame(FRAMES[3])) == FRAMES[3]
    for frame in FRAMES:
        if not isinstance(frame, Records):
            with pytest.raises(PeerError):
                decode_gossip(encode_frame(frame))


def test_records_are_packed_in_order_and_within_the_bound():
    raws = [bytes([number % 251]) * (1 + number * 37 % RECORD_BYTES_MAX) for number in range(300)]
    frames = record_frames(raws)
    assert all(len(frame) <= SYNC_FRAME_BYTES_MAX for frame in frames)
    assert [raw for frame in frames for raw in decode_frame(frame).raws] == raws
    assert len(record_frames([bytes(RECORD_BYTES_MAX)] * 3)) == 1
    assert [len(decode_frame(frame).raws) for frame in record_frames([b"x"] * (RECORDS_MAX + 1))] == [RECORDS_MAX, 1]
    assert record_frames([]) == []


def test_digests_cover_every_key_once_and_stay_within_the_bound():
    states = dict.fromkeys(IDS, (HUGE, HUGE))
    frames = state_digest_frames(states, reply=True)
    digests = [decode_frame(frame) for frame in frames]
    assert all(len(frame) <= SYNC_FRAME_BYTES_MAX for frame in frames)
    assert len(frames) == -(-len(IDS) // STATES_MAX)
    assert {island: order for digest in digests for island, order in digest.states.items()} == states
    for island in [*IDS, signing_key(9_999).island]:
        (covering,) = [digest for digest in digests if digest.covers(island)]
        assert island not in states or island in covering.states
    (empty,) = map(decode_frame, state_digest_frames({}, reply=False))
    assert all(map(empty.covers, IDS))


def test_a_log_digest_of_too_many_signers_still_fits():
    frame = log_digest_frame(dict.fromkeys(IDS, (HUGE, b"h" * 32)), reply=False)
    assert len(frame) <= SYNC_FRAME_BYTES_MAX
    assert len(decode_frame(frame).heads) == HEADS_MAX


def test_equal_knowledge_has_equal_summaries_in_whatever_order():
    heads, states = {IDS[0]: (1, b"x" * 32), IDS[1]: (2, b"y" * 32)}, {IDS[0]: (1, 1), IDS[1]: (2, 2)}
    same = Summary.of(dict(reversed(heads.items())), dict(reversed(states.items())))
    assert same == Summary.of(heads, states)
    assert same != Summary.of(heads, {**states, IDS[0]: (1, 2)})
    assert same != Summary.of({IDS[0]: (1, b"x" * 32)}, states)


LOADS = LoadAnswer((ModelLoad("smollm2", 1, 0),))
NAMES = CollectionsAnswer((CollectionName(b"c" * 16, "cases", Sensitivity.CONFIDENTIAL, b"d" * 32),))


def test_questions_and_answers_come_back_as_they_were():
    for question in (LoadQuestion(), CollectionsQuestion()):
        assert decode_question(encode_question(question)) == question
    for answer in (LOADS, NAMES, LoadAnswer(()), CollectionsAnswer(())):
        assert decode_answer(encode_answer(answer)) == answer


def test_the_largest_answers_fit():
    loads = LoadAnswer(tuple(ModelLoad("m" * 128, 1_000_000, 1_000_000) for _ in range(OFFERS_MAX)))
    one = CollectionName(b"c" * 16, "n" * 64, Sensitivity.CONFIDENTIAL, b"d" * 32)
    for answer in (loads, CollectionsAnswer((one,) * GRANTS_MAX)):
        frame = encode_frame(Answer(1, encode_answer(answer)))
        assert len(frame) <= SYNC_FRAME_BYTES_MAX
        assert decode_answer(decode_frame(frame).content) == answer


@pytest.mark.parametrize(
    ("answer", "change"),
    [
        (LOADS, {"t": "weather"}),
        (LOADS, {"models": [["m", -1, 0]]}),
        (LOADS, {"models": [["m", 1]]}),
        (LOADS, {"models": [["m" * 129, 1, 0]]}),
        (LOADS, {"models": 1}),
        (NAMES, {"collections": [[b"c" * 15, "n", "public", b"d" * 32]]}),
        (NAMES, {"collections": [[b"c" * 16, "n", "secret", b"d" * 32]]}),
        (NAMES, {"more": 1}),
    ],
)
def test_a_malformed_answer_is_the_peers_fault(answer, change):
    with pytest.raises(PeerError):
        decode_answer(encode({**decode(encode_answer(answer)), **change}))
    with pytest.raises(PeerError):
        decode_question(encode({**decode(encode_answer(answer)), **change}))


def test_a_question_over_its_bound_is_our_own_mistake():
    with pytest.raises(MisuseError):
        encode_frame(Question(1, bytes(CONTENT_BYTES_MAX + 1)))
