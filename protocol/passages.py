"""The frames that ask the holder of a collection for passages of it, inside an envelope, and its answer.

Source: specs/06-inference.md, section 5. Asker to island: one PassagesAsk. Island to asker: Found, then as many
passages as it says; or Failed alone. The envelope's final chunk goes with the last of them.
"""

from dataclasses import dataclass
from typing import Final, Self

from protocol.encoding import Fields, Limits, Wire, decode, encode
from protocol.errors import MisuseError, PeerError, RecordError, Reply
from protocol.frames import KIND, peers_fault
from protocol.handshake import REQUEST_ID_BYTES
from protocol.inference import ASK_LIMITS, HIDDEN, Ask, Failed, decode_answer
from protocol.records import GRANT_BYTES
from protocol.terms import Sensitivity

QUESTION_BYTES_MAX: Final = 16_384  # four thousand characters of any script
PASSAGES_MAX: Final = 16
PASSAGE_BYTES_MAX: Final = 8_192  # a holder cuts documents at about a kibibyte
LINE_BYTES_MAX: Final = 1_024  # of a file's name, and of a place in it
FRAME_BYTES_MAX: Final = 16_384

_ANSWER_LIMITS: Final = Limits(bytes_max=FRAME_BYTES_MAX, depth_max=1, items_max=32)
_LABELS: Final = {level.label: level for level in Sensitivity}
_KINDS: Final = {kind: kind for kind in ("found", "passage", "failed")}
assert PASSAGE_BYTES_MAX + 2 * LINE_BYTES_MAX + 512 < FRAME_BYTES_MAX, "the largest passage must fit"


@dataclass(frozen=True, slots=True, repr=False)
class PassagesAsk:
    """What is asked: the best passages of one collection for a question. Grants and tier are the island's business."""

    request_id: bytes
    collection: bytes
    question: str
    most: int = PASSAGES_MAX

    def to_bytes(self) -> bytes:
        return encode(
            {
                KIND: "passages",
                "collection": self.collection,
                "id": self.request_id,
                "most": self.most,
                "question": self.question,
            }
        )

    @classmethod
    def read(cls, fields: Fields, request_id: bytes) -> Self:
        """Of a frame whose kind is read. Raises PeerError; `request_id` is the envelope's, and the frame must agree."""
        with peers_fault("ask"):
            if fields.octets("id", REQUEST_ID_BYTES) != request_id:
                raise RecordError("ask.id", "not the envelope's")
            collection = fields.octets("collection", GRANT_BYTES)
            question = fields.text("question", QUESTION_BYTES_MAX)
            most = fields.integer("most", 1, PASSAGES_MAX)
            fields.end()
            if not question:
                raise RecordError("ask.question", "expected a text")
            return cls(request_id, collection, question, most)


def read_asked(data: bytes, request_id: bytes) -> Ask | PassagesAsk:
    """Whichever of the two an asker says. Raises PeerError."""
    with peers_fault("ask"):
        fields = Fields(decode(data, ASK_LIMITS), "ask")
        if fields.choice(KIND, {"ask": False, "passages": True}):
            return PassagesAsk.read(fields, request_id)
        return Ask.read(fields, request_id)


@dataclass(frozen=True, slots=True)
class Found:
    """What the passages are labelled, and how many come."""

    label: Sensitivity
    passages: int


@dataclass(frozen=True, slots=True, repr=False)
class QuotedPassage:
    """A piece of one document, with what an answer cites: the file, and the place in it. Each one printable line."""

    file: str
    place: str
    text: str

    @classmethod
    def fit(cls, file: str, place: str, text: str) -> Self:
        """Made fit for the wire, whatever the documents are called."""
        return cls(_line(file), _line(place), _cut(text, PASSAGE_BYTES_MAX))


PassagesFrame = Found | QuotedPassage | Failed


def encode_found(frame: Found | QuotedPassage) -> bytes:
    members: dict[str, Wire]
    match frame:
        case Found(label, passages):
            members = {KIND: "found", "label": label.label, "passages": passages}
        case QuotedPassage(file, place, text):
            members = {KIND: "passage", "file": file, "place": place, "text": text}
    return encode(members)


def decode_found(data: bytes) -> PassagesFrame:
    """Raises PeerError for whatever a holder may not say."""
    with peers_fault("passages"):
        fields = Fields(decode(data, _ANSWER_LIMITS), "passages")
        match fields.choice(KIND, _KINDS):
            case "found":
                found = Found(fields.choice("label", _LABELS), fields.integer("passages", 0, PASSAGES_MAX))
                fields.end()
                return found
            case "passage":
                text = fields.text("text", PASSAGE_BYTES_MAX)
                passage = QuotedPassage(_line_of(fields, "file"), _line_of(fields, "place"), text)
                fields.end()
                return passage
    failed = decode_answer(data)
    assert isinstance(failed, Failed)  # its kind was read above
    return failed


class PassagesReader:
    """The asker's view of one answer. Refused frames leave it as it was."""

    __slots__ = ("_label", "_left", "_most", "_passages")

    def __init__(self, most: int) -> None:
        """`most`: as many as were asked for."""
        self._most = most
        self._label: Sensitivity | None = None
        self._left = 0
        self._passages: list[QuotedPassage] = []

    def on(self, data: bytes) -> Failed | None:
        """The holder's refusal, where that is what it says. Raises PeerError for what it may not say now."""
        frame = decode_found(data)
        match frame:
            case Found(label, passages) if self._label is None and passages <= self._most:
                self._label, self._left = label, passages
            case QuotedPassage() if self._left > 0:
                self._left -= 1
                self._passages.append(frame)
            case Failed() if self._label is None:
                self._label = Sensitivity.RESTRICTED  # nothing follows, and nothing was found
                return frame
            case _:
                raise PeerError("passages.t", "not its turn, or more than were asked for", Reply.RESET_STREAM)
        return None

    def end(self) -> tuple[Sensitivity, tuple[QuotedPassage, ...]]:
        """The envelope ended. Raises PeerError when not all that was announced came."""
        if self._label is None or self._left:
            raise PeerError("passages.end", "the answer was cut", Reply.RESET_STREAM)
        return self._label, tuple(self._passages)


def told(label: Sensitivity, passages: tuple[QuotedPassage, ...]) -> tuple[bytes, ...]:
    """The island's side: its frames, the last of which is the envelope's final one."""
    if len(passages) > PASSAGES_MAX:
        raise MisuseError(f"{len(passages)} passages")
    return (encode_found(Found(label, len(passages))), *map(encode_found, passages))


def _line(text: str) -> str:
    return _cut(HIDDEN.sub(" ", text), LINE_BYTES_MAX)


def _cut(text: str, bytes_max: int) -> str:
    return text.encode("utf-8", "replace")[:bytes_max].decode("utf-8", "ignore")


def _line_of(fields: Fields, name: str) -> str:
    line = fields.text(name, LINE_BYTES_MAX)
    if HIDDEN.search(line):
        raise RecordError(fields.path(name), "expected one printable line")
    return line
