"""specs/vectors/inference.json: frames of ask and answer, each whole and with one fault, and orders of frames."""

from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.encoding import Wire, decode, encode
from protocol.errors import BackendFailure
from protocol.inference import Ask, Failed, Started, encode_answer

REQUEST_ID = bytes(range(16))
CHAT = ChatRequest.parse({"model": "auto", "messages": [{"role": "user", "content": "hello"}]})
ASK = Ask(REQUEST_ID, "smollm2", CHAT, 128, b"c" * 16).to_bytes()
STARTED, FINISHED = encode_answer(Started("smollm2")), encode_answer(Finished("stop", 3, 2, 1))
DELTA = encode_answer(Delta("hé", b'{"refusal":"no"}', 1))
FAILED = encode_answer(Failed(BackendFailure.REFUSED, "no_slot", "all busy"))

ASK_FAULTS: list[tuple[dict[str, Wire], str, str]] = [
    ({"t": "delta"}, "ask.t", "an island does not take answers"),
    ({"id": bytes(16)}, "ask.id", "the envelope's id"),
    ({"model": "x" * 1025}, "ask.model", "a bound"),
    ({"max_output_tokens": 0}, "ask.max_output_tokens", "something is to be answered"),
    ({"max_output_tokens": None}, "ask.max_output_tokens", "the work is bounded before it is asked for"),
    ({"collection": bytes(15)}, "ask.collection", "an id has 16 bytes"),
    ({"chat": b'{"model":"m","messages":[]}'}, "ask.chat.messages", "the chat request is checked at both ends"),
    ({"chat": b'{"model":"m","messages":[{}],"n":1' + b"0" * 400 + b"}"}, "ask.chat.body", "JavaScript reads infinity"),
    ({"chat": b'{"model":"m","model":"n"}'}, "ask.chat.body", "a member twice is read differently by two parsers"),
    ({"more": 1}, "ask.more", "what is not known cannot be judged"),
]
ANSWER_FAULTS: list[tuple[bytes, dict[str, Wire], str, str]] = [
    (STARTED, {"t": "begun"}, "answer.t", "unknown"),
    (STARTED, {"more": 1}, "answer.more", "what is not known cannot be judged"),
    (DELTA, {"index": 8}, "answer.index", "eight choices at most"),
    (DELTA, {"extra": b"[]"}, "answer.extra", "a JSON object"),
    (DELTA, {"extra": b'{"a":1,"a":2}'}, "answer.extra", "a member twice"),
    (DELTA, {"content": b"x"}, "answer.content", "text"),
    (FINISHED, {"completion": -1}, "answer.completion", "tokens are counted"),
    (FINISHED, {"reason": "Stop it"}, "answer.reason", "a word"),
    (FAILED, {"failure": "maybe"}, "answer.failure", "the money rule hangs on it"),
    (FAILED, {"detail": "a\u202eb"}, "answer.detail", "reordered text is read as another"),
    (FAILED, {"detail": "two\nlines"}, "answer.detail", "it goes into logs"),
    (FAILED, {"code": ""}, "answer.code", "a word"),
]
ORDERS: list[tuple[list[bytes], int | None, str]] = [
    ([STARTED, DELTA, DELTA, FINISHED], None, "a whole answer"),
    ([STARTED, FINISHED], None, "an empty answer is whole"),
    ([FAILED], None, "refused before it began"),
    ([STARTED, DELTA, FAILED], None, "failed on the way, and said so"),
    ([], 0, "cut"),
    ([STARTED], 1, "cut"),
    ([STARTED, DELTA], 2, "cut: never passed off as a whole answer"),
    ([DELTA], 0, "not started"),
    ([FINISHED], 0, "not started"),
    ([STARTED, STARTED], 1, "started twice"),
    ([STARTED, FINISHED, DELTA], 2, "more after the end"),
    ([STARTED, FINISHED, FINISHED], 2, "two ends"),
    ([FAILED, FINISHED], 1, "two ends"),
]


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/06-inference.md",
        "about": "Frames are hex. A refused frame is refused at `field`. `orders`: the frames as the asker reads them, "
        "then the envelope's end; `refused_at` is the place of the one that is refused (the end comes last), or null.",
        "request_id": REQUEST_ID.hex(),
        "asks": [
            {
                "valid": True,
                "data": ASK.hex(),
                "chat": CHAT.to_json().decode(),
                "model": "smollm2",
                "collection": "63" * 16,
            },
            *(
                {"valid": False, "data": changed(ASK, change).hex(), "field": field, "why": why}
                for change, field, why in ASK_FAULTS
            ),
        ],
        "answers": [
            *({"valid": True, "data": frame.hex()} for frame in (STARTED, DELTA, FINISHED, FAILED)),
            *(
                {"valid": False, "data": changed(frame, change).hex(), "field": field, "why": why}
                for frame, change, field, why in ANSWER_FAULTS
            ),
        ],
        "orders": [
            {"frames": [frame.hex() for frame in frames], "refused_at": place, "why": why}
            for frames, place, why in ORDERS
        ],
    }


def changed(frame: bytes, change: dict[str, Wire]) -> bytes:
    members = decode(frame)
    assert isinstance(members, dict)
    return encode({**members, **change})
