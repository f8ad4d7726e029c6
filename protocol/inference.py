"""The frames of one request inside an envelope, and the order in which they may come.

Source: specs/06-inference.md. Asker to island: one Ask. Island to asker: Started, any number of Delta, then exactly one
Finished or Failed; the envelope's final chunk goes with that last frame. Cancelling is the envelope's own business.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Self

from protocol.answers import AnswerEvent, Delta, Finished
from protocol.chat import CHOICES_MAX, MODEL_CHARACTERS_MAX, ChatRequest
from protocol.encoding import Fields, Limits, Wire, decode, encode
from protocol.envelope import ANSWER_FRAME_BYTES_MAX, ASK_FRAME_BYTES_MAX
from protocol.errors import (
    BackendError,
    BackendFailure,
    MisuseError,
    PeerError,
    RecordError,
    Reply,
    RequestError,
)
from protocol.frames import KIND, peers_fault
from protocol.handshake import REQUEST_ID_BYTES
from protocol.records import GRANT_BYTES
from protocol.strict_json import JSON_BYTES_MAX, parse_json

OUTPUT_TOKENS_MAX: Final = 1_000_000  # no model writes more in one answer
TOKENS_MAX: Final = 1_000_000_000
CODE_BYTES_MAX: Final = 64
DETAIL_BYTES_MAX: Final = 512
MODEL_BYTES_MAX: Final = 4 * MODEL_CHARACTERS_MAX
REASON_BYTES_MAX: Final = 32

ASK_LIMITS: Final = Limits(bytes_max=ASK_FRAME_BYTES_MAX, depth_max=1, items_max=32)
_ANSWER_LIMITS: Final = Limits(bytes_max=ANSWER_FRAME_BYTES_MAX, depth_max=1, items_max=32)
_WORD: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
# Spelled out, since which characters are printable differs between Unicode versions.
HIDDEN: Final = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]")
_NOT_WORD: Final = re.compile(r"[^a-z0-9_]", re.ASCII)
_FAILURES: Final = {failure.value: failure for failure in BackendFailure}
assert JSON_BYTES_MAX + MODEL_BYTES_MAX + 512 < ASK_FRAME_BYTES_MAX, "the largest request must fit"


@dataclass(frozen=True, slots=True, repr=False)
class Ask:
    """What is asked: a chat request for one model, and, where data is asked, for one collection held there."""

    request_id: bytes
    model: str
    chat: ChatRequest
    max_output_tokens: int
    collection: bytes | None = None

    def to_bytes(self) -> bytes:
        return encode(
            {
                KIND: "ask",
                "chat": self.chat.to_json(),
                "collection": self.collection,
                "id": self.request_id,
                "max_output_tokens": self.max_output_tokens,
                "model": self.model,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, request_id: bytes) -> Self:
        """Raises PeerError; `request_id` is the envelope's, and the frame must agree."""
        with peers_fault("ask"):
            fields = Fields(decode(data, ASK_LIMITS), "ask")
            _kind(fields, {"ask"})
            return cls.read(fields, request_id)

    @classmethod
    def read(cls, fields: Fields, request_id: bytes) -> Self:
        """As `from_bytes`, of a frame that is decoded and whose kind is read."""
        with peers_fault("ask"):
            if fields.octets("id", REQUEST_ID_BYTES) != request_id:
                raise RecordError("ask.id", "not the envelope's")
            model = fields.text("model", MODEL_BYTES_MAX)
            tokens = fields.integer("max_output_tokens", 1, OUTPUT_TOKENS_MAX)
            collection = fields.octets_or_nil("collection", GRANT_BYTES)
            chat = fields.blob("chat", JSON_BYTES_MAX)
            fields.end()
        try:
            return cls(request_id, model, ChatRequest.parse(chat), tokens, collection)
        except RequestError as error:
            raise PeerError(f"ask.chat.{error.field}", error.problem, Reply.RESET_STREAM) from None


@dataclass(frozen=True, slots=True)
class Started:
    """The island has a slot and begins; `model` is what really answers."""

    model: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No whole answer will come. `code` is a word for programs; `detail`, for people, holds no text of the request."""

    failure: BackendFailure
    code: str
    detail: str

    @classmethod
    def of(cls, error: BackendError) -> Self:
        """Made fit for the wire: a word, and one printable line."""
        code = _NOT_WORD.sub("_", error.code.lower())[:CODE_BYTES_MAX]
        line = HIDDEN.sub(" ", error.detail)
        detail = line.encode()[:DETAIL_BYTES_MAX].decode("utf-8", "ignore")
        return cls(error.failure, code if _WORD.fullmatch(code) else "failed", detail)

    def error(self) -> BackendError:
        return BackendError(self.failure, self.code, self.detail)


AnswerFrame = Started | Delta | Finished | Failed


def encode_answer(frame: AnswerFrame) -> bytes:
    members: dict[str, Wire]
    match frame:
        case Started(model):
            members = {KIND: "started", "model": model}
        case Delta(content, extra, index):
            members = {KIND: "delta", "content": content, "extra": extra, "index": index}
        case Finished(reason, prompt, completion, cached):
            members = {KIND: "finished", "cached": cached, "completion": completion, "prompt": prompt, "reason": reason}
        case Failed(failure, code, detail):
            members = {KIND: "failed", "code": code, "detail": detail, "failure": failure.value}
    return encode(members)


def decode_answer(data: bytes) -> AnswerFrame:
    """Raises PeerError for whatever an island may not say."""
    with peers_fault("answer"):
        fields = Fields(decode(data, _ANSWER_LIMITS), "answer")
        frame = _READERS[_kind(fields, _READERS)](fields)
        fields.end()
        return frame


class _Step(Enum):
    WAITING = auto()  # for Started
    ANSWERING = auto()
    DONE = auto()  # Finished or Failed was said


_NEXT: Final = {
    (_Step.WAITING, Started): _Step.ANSWERING,
    (_Step.WAITING, Failed): _Step.DONE,  # refused before it began
    (_Step.ANSWERING, Delta): _Step.ANSWERING,
    (_Step.ANSWERING, Finished): _Step.DONE,
    (_Step.ANSWERING, Failed): _Step.DONE,
}


class AnswerReader:
    """The asker's view of one answer. Refused frames leave it as it was."""

    __slots__ = ("_step",)

    def __init__(self) -> None:
        self._step = _Step.WAITING

    def on(self, data: bytes) -> AnswerFrame:
        """Raises PeerError for a malformed frame, or one whose turn it is not."""
        frame = decode_answer(data)
        step = _NEXT.get((self._step, type(frame)))
        if step is None:
            name = type(frame).__name__.lower()
            raise PeerError(f"answer.{name}", f"not while {self._step.name.lower()}", Reply.RESET_STREAM)
        self._step = step
        return frame

    def end(self) -> None:
        """The envelope ended. Raises PeerError when neither Finished nor Failed came before: the answer is cut."""
        if self._step is not _Step.DONE:
            raise PeerError("answer.end", "the answer was cut", Reply.RESET_STREAM)


class AnswerWriter:
    """The island's side: the same order, where breaking it is our own bug. `done` frames go out as the final ones."""

    __slots__ = ("_step",)

    def __init__(self) -> None:
        self._step = _Step.WAITING

    @property
    def done(self) -> bool:
        return self._step is _Step.DONE

    def started(self, model: str) -> bytes:
        return self._say(Started(model))

    def event(self, event: AnswerEvent) -> bytes:
        return self._say(event)

    def failed(self, error: BackendError) -> bytes:
        return self._say(Failed.of(error))

    def _say(self, frame: AnswerFrame) -> bytes:
        step = _NEXT.get((self._step, type(frame)))
        if step is None:
            raise MisuseError(f"{type(frame).__name__} while {self._step.name}")
        data = encode_answer(frame)
        self._step = step
        return data


def _started(fields: Fields) -> Started:
    return Started(fields.text("model", MODEL_BYTES_MAX))


def _delta(fields: Fields) -> Delta:
    content = fields.text("content", ANSWER_FRAME_BYTES_MAX)
    extra = fields.blob("extra", ANSWER_FRAME_BYTES_MAX)
    index = fields.integer("index", 0, CHOICES_MAX - 1)
    if extra:
        try:
            known = isinstance(parse_json(extra), dict)
        except RequestError as error:
            raise RecordError("answer.extra", error.problem) from None
        if not known:
            raise RecordError("answer.extra", "expected a JSON object")
    return Delta(content, extra, index)


def _finished(fields: Fields) -> Finished:
    return Finished(
        reason=_word(fields, "reason", REASON_BYTES_MAX),
        prompt_tokens=fields.integer("prompt", 0, TOKENS_MAX),
        completion_tokens=fields.integer("completion", 0, TOKENS_MAX),
        cached_tokens=fields.integer("cached", 0, TOKENS_MAX),
    )


def _failed(fields: Fields) -> Failed:
    failure = fields.choice("failure", _FAILURES)
    code = _word(fields, "code", CODE_BYTES_MAX)
    detail = fields.text("detail", DETAIL_BYTES_MAX)
    if HIDDEN.search(detail):
        raise RecordError("answer.detail", "expected one printable line")
    return Failed(failure, code, detail)


_READERS: Final[Mapping[str, Callable[[Fields], AnswerFrame]]] = {
    "started": _started,
    "delta": _delta,
    "finished": _finished,
    "failed": _failed,
}


def _word(fields: Fields, name: str, bytes_max: int) -> str:
    word = fields.text(name, bytes_max)
    if not _WORD.fullmatch(word):
        raise RecordError(fields.path(name), "expected a word of a-z, 0-9 and _")
    return word


def _kind(fields: Fields, kinds: Iterable[str]) -> str:
    return fields.choice(KIND, {kind: kind for kind in kinds})
