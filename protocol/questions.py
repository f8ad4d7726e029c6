"""What one island's core asks another's over sync, apart from inference. Source: specs/07-dissemination.md, section 6.

Load is asked, not gossiped: an answer is good for LOAD_GOOD_MS. The collections that an asker may use are told to it
alone; statements and certificates name none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol.encoding import DIGEST_BYTES, Fields, Limits, Wire, decode, encode
from protocol.frames import KIND, entries, peers_fault
from protocol.records import GRANT_BYTES, GRANTS_MAX, OFFERS_MAX
from protocol.sync import CONTENT_BYTES_MAX
from protocol.terms import Sensitivity

LOAD_GOOD_MS: Final = 5_000
MODEL_BYTES_MAX: Final = 128
NAME_BYTES_MAX: Final = 64
_COUNT_MAX: Final = 1_000_000
_LIMITS: Final = Limits(bytes_max=CONTENT_BYTES_MAX, depth_max=3, items_max=512)
_LABELS: Final = {level.label: level for level in Sensitivity}
assert OFFERS_MAX * (MODEL_BYTES_MAX + 13) + 64 <= CONTENT_BYTES_MAX
assert GRANTS_MAX * (GRANT_BYTES + NAME_BYTES_MAX + DIGEST_BYTES + 24) + 64 <= CONTENT_BYTES_MAX


@dataclass(frozen=True, slots=True)
class LoadQuestion:
    """How busy are you?"""


@dataclass(frozen=True, slots=True)
class CollectionsQuestion:
    """Which of your collections may I ask?"""


@dataclass(frozen=True, slots=True)
class ModelLoad:
    model: str
    free_slots: int
    queued: int


@dataclass(frozen=True, slots=True)
class LoadAnswer:
    """Of each model offered to peers, when it was asked."""

    models: tuple[ModelLoad, ...]


@dataclass(frozen=True, slots=True)
class CollectionName:
    id: bytes  # as in the asker's certificate
    name: str
    label: Sensitivity
    digest: bytes  # of what it holds; changes when that does


@dataclass(frozen=True, slots=True)
class CollectionsAnswer:
    """Only what the asker's certificate grants."""

    collections: tuple[CollectionName, ...]


QuestionContent: TypeAlias = LoadQuestion | CollectionsQuestion
AnswerContent: TypeAlias = LoadAnswer | CollectionsAnswer


_QUESTIONS: Final[Mapping[str, QuestionContent]] = {"load": LoadQuestion(), "collections": CollectionsQuestion()}


def encode_question(question: QuestionContent) -> bytes:
    return encode({KIND: "load" if isinstance(question, LoadQuestion) else "collections"})


def decode_question(data: bytes) -> QuestionContent:
    """Raises PeerError."""
    with peers_fault("question"):
        fields = Fields(decode(data, _LIMITS), "question")
        question = fields.choice(KIND, _QUESTIONS)
        fields.end()
        return question


def encode_answer(answer: AnswerContent) -> bytes:
    match answer:
        case LoadAnswer(models):
            loads: list[Wire] = [[load.model, load.free_slots, load.queued] for load in models]
            return encode({KIND: "load", "models": loads})
        case CollectionsAnswer(collections):
            names: list[Wire] = [[one.id, one.name, one.label.label, one.digest] for one in collections]
            return encode({KIND: "collections", "collections": names})


def decode_answer(data: bytes) -> AnswerContent:
    """Raises PeerError."""
    with peers_fault("answer"):
        fields = Fields(decode(data, _LIMITS), "answer")
        kind = fields.choice(KIND, {"load": _load_answer, "collections": _collections_answer})
        answer = kind(fields)
        fields.end()
        return answer


def _load_answer(fields: Fields) -> AnswerContent:
    return LoadAnswer(
        tuple(
            ModelLoad(
                entry.text("0", MODEL_BYTES_MAX), entry.integer("1", 0, _COUNT_MAX), entry.integer("2", 0, _COUNT_MAX)
            )
            for entry in entries(fields, "models", OFFERS_MAX, 3)
        )
    )


def _collections_answer(fields: Fields) -> AnswerContent:
    return CollectionsAnswer(
        tuple(
            CollectionName(
                entry.octets("0", GRANT_BYTES),
                entry.text("1", NAME_BYTES_MAX),
                entry.choice("2", _LABELS),
                entry.octets("3", DIGEST_BYTES),
            )
            for entry in entries(fields, "collections", GRANTS_MAX, 4)
        )
    )
