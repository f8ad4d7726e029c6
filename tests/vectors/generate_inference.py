"""specs/vectors/inference.json: frames of ask and answer, each whole and with one fault, and orders of frames."""

from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.encoding import Wire, decode, encode
from protocol.errors import BackendFailure
from protocol.inference import Ask, Failed, Started, encode_answer
from protocol.passages import Found, PassagesAsk, QuotedPassage, encode_found
from protocol.terms import Sensitivity

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
PASSAGES_ASK = PassagesAsk(REQUEST_ID, b"c" * 16, "Who pays the rent?", 3).to_bytes()
PASSAGES_ASK_FAULTS: list[tuple[dict[str, Wire], str, str]] = [
    ({"id": bytes(16)}, "ask.id", "the envelope's id"),
    ({"collection": None}, "ask.collection", "passages are of a collection"),
    ({"collection": bytes(15)}, "ask.collection", "an id has 16 bytes"),
    ({"question": ""}, "ask.question", "something is asked"),
    ({"question": "x" * 16_385}, "ask.question", "a bound"),
    ({"most": 0}, "ask.most", "something is to be found"),
    ({"most": 17}, "ask.most", "a bound"),
    ({"chat": b"{}"}, "ask.chat", "what is not known cannot be judged"),
]
FOUND = encode_found(Found(Sensitivity.CONFIDENTIAL, 2))
NONE_FOUND = encode_found(Found(Sensitivity.PUBLIC, 0))
PASSAGE = encode_found(QuotedPassage("leases/2024.txt", "lines 10-24, Rent", "The quokka pays.\nMonthly."))
FOUND_FAULTS: list[tuple[bytes, dict[str, Wire], str, str]] = [
    (FOUND, {"t": "finished"}, "passages.t", "an answer's frame"),
    (FOUND, {"label": "secret"}, "passages.label", "a label"),
    (FOUND, {"passages": 17}, "passages.passages", "a bound"),
    (FOUND, {"name": "leases"}, "passages.name", "what is not known cannot be judged"),
    (PASSAGE, {"file": "x" * 1_025}, "passages.file", "a bound"),
    (PASSAGE, {"file": "a\nb"}, "passages.file", "a name that writes lines of its own into a prompt"),
    (PASSAGE, {"place": "line\u202e 1"}, "passages.place", "reordered text is read as another"),
    (PASSAGE, {"text": "x" * 8_193}, "passages.text", "a bound"),
    (PASSAGE, {"text": b"x"}, "passages.text", "text"),
]
FOUND_ORDERS: list[tuple[list[bytes], int | None, str]] = [
    ([FOUND, PASSAGE, PASSAGE], None, "as many as were announced"),
    ([NONE_FOUND], None, "nothing fits the question"),
    ([FAILED], None, "refused"),
    ([], 0, "cut"),
    ([FOUND], 1, "cut"),
    ([FOUND, PASSAGE], 2, "cut: one of two"),
    ([PASSAGE], 0, "not announced"),
    ([FOUND, PASSAGE, PASSAGE, PASSAGE], 3, "more than announced"),
    ([FOUND, FOUND], 1, "announced twice"),
    ([FOUND, FAILED], 1, "refused after it was found"),
    ([encode_found(Found(Sensitivity.PUBLIC, 4))], 0, "more than were asked for"),
    ([FAILED, FAILED], 1, "refused twice"),
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
        "passages_asks": [
            {
                "valid": True,
                "data": PASSAGES_ASK.hex(),
                "question": "Who pays the rent?",
                "collection": "63" * 16,
                "most": 3,
            },
            *(
                {"valid": False, "data": changed(PASSAGES_ASK, change).hex(), "field": field, "why": why}
                for change, field, why in PASSAGES_ASK_FAULTS
            ),
        ],
        "passages": [
            *({"valid": True, "data": frame.hex()} for frame in (FOUND, NONE_FOUND, PASSAGE)),
            *(
                {"valid": False, "data": changed(frame, change).hex(), "field": field, "why": why}
                for frame, change, field, why in FOUND_FAULTS
            ),
        ],
        "passages_orders": [
            {"most": 3, "frames": [frame.hex() for frame in frames], "refused_at": place, "why": why}
            for frames, place, why in FOUND_ORDERS
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
