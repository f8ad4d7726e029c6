"""What one island's core asks another's over sync, apart from inference. Source: specs/07-dissemination.md, section 6.

Load is asked, not gossiped: an answer is good for LOAD_GOOD_MS. The collections that an asker may use are told to it
alone; statements and certificates name none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from protocol.encoding import DIGEST_BYTES, Fields, Limits, Wire, decode, encode
from protocol.frames import KIND, entries, peers_fault
from protocol.records import GRANT_BYTES, GRANTS_MAX, OFFERS_MAX
from protocol.shares import DAY_MAX, PROVIDER_BYTES_MAX, SHARE_BYTES_MAX
from protocol.sync import CONTENT_BYTES_MAX
from protocol.terms import NanoUsd, Sensitivity

LOAD_GOOD_MS: Final = 5_000
MODEL_BYTES_MAX: Final = 128
NAME_BYTES_MAX: Final = 64
PERSON_BYTES_MAX: Final = 256
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
class GrantQuestion:
    """From a holder to a signer: let the islands of this person ask my collection, by its id."""

    collection: bytes
    person: str


@dataclass(frozen=True, slots=True)
class LeaseQuestion:
    """To the holder of the cap: lease me more of it. `known`: what I know to be granted for this purse."""

    provider: str
    day: int
    known: NanoUsd
    need: NanoUsd  # whole or not at all
    wish: NanoUsd


@dataclass(frozen=True, slots=True)
class RecallQuestion:
    """From the holder of the cap: give back what you do not need of what I leased to you for this purse."""

    provider: str
    day: int


@dataclass(frozen=True, slots=True)
class ReturnQuestion:
    """To the holder of the cap, unasked: this comes back."""

    returned: bytes  # a signed return


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


@dataclass(frozen=True, slots=True)
class GrantAnswer:
    """How many islands got a new certificate; None: the signer did not do it."""

    islands: int | None


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    lease: bytes | None  # signed; None: nothing was ever granted for this purse, or the asked does not hold the cap


@dataclass(frozen=True, slots=True)
class RecallAnswer:
    returned: bytes | None  # signed; None: nothing was ever held


@dataclass(frozen=True, slots=True)
class ReturnAnswer:
    """How much the holder has noted as come back for that purse."""

    noted: NanoUsd


QuestionContent: TypeAlias = (
    LoadQuestion | CollectionsQuestion | GrantQuestion | LeaseQuestion | RecallQuestion | ReturnQuestion
)
AnswerContent: TypeAlias = LoadAnswer | CollectionsAnswer | GrantAnswer | LeaseAnswer | RecallAnswer | ReturnAnswer


def encode_question(question: QuestionContent) -> bytes:
    match question:
        case LoadQuestion():
            return encode({KIND: "load"})
        case CollectionsQuestion():
            return encode({KIND: "collections"})
        case GrantQuestion(collection, person):
            return encode({KIND: "grant", "collection": collection, "person": person})
        case LeaseQuestion(provider, day, known, need, wish):
            amounts: dict[str, Wire] = {"known": known, "need": need, "wish": wish}
            return encode({KIND: "lease", "day": day, "provider": provider, **amounts})
        case RecallQuestion(provider, day):
            return encode({KIND: "recall", "day": day, "provider": provider})
        case ReturnQuestion(returned):
            return encode({KIND: "return", "returned": returned})


def decode_question(data: bytes) -> QuestionContent:
    """Raises PeerError."""
    with peers_fault("question"):
        fields = Fields(decode(data, _LIMITS), "question")
        question = fields.choice(KIND, _QUESTIONS)(fields)
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
        case GrantAnswer(islands):
            return encode({KIND: "grant", "islands": islands})
        case LeaseAnswer(lease):
            return encode({KIND: "lease", "lease": lease})
        case RecallAnswer(returned):
            return encode({KIND: "recall", "returned": returned})
        case ReturnAnswer(noted):
            return encode({KIND: "return", "noted": noted})


def decode_answer(data: bytes) -> AnswerContent:
    """Raises PeerError."""
    with peers_fault("answer"):
        fields = Fields(decode(data, _LIMITS), "answer")
        kind = fields.choice(KIND, _ANSWERS)
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


def _grant_question(fields: Fields) -> QuestionContent:
    return GrantQuestion(fields.octets("collection", GRANT_BYTES), fields.text("person", PERSON_BYTES_MAX))


def _grant_answer(fields: Fields) -> AnswerContent:
    return GrantAnswer(fields.integer_or_nil("islands", 0, _COUNT_MAX))


def _lease_question(fields: Fields) -> QuestionContent:
    return LeaseQuestion(
        fields.text("provider", PROVIDER_BYTES_MAX),
        fields.integer("day", 0, DAY_MAX),
        NanoUsd(fields.integer("known", 0)),
        NanoUsd(fields.integer("need", 0)),
        NanoUsd(fields.integer("wish", 0)),
    )


def _recall_question(fields: Fields) -> QuestionContent:
    return RecallQuestion(fields.text("provider", PROVIDER_BYTES_MAX), fields.integer("day", 0, DAY_MAX))


_QUESTIONS: Final[Mapping[str, Callable[[Fields], QuestionContent]]] = {
    "load": lambda _fields: LoadQuestion(),
    "collections": lambda _fields: CollectionsQuestion(),
    "grant": _grant_question,
    "lease": _lease_question,
    "recall": _recall_question,
    "return": lambda fields: ReturnQuestion(fields.blob("returned", SHARE_BYTES_MAX)),
}
_ANSWERS: Final[Mapping[str, Callable[[Fields], AnswerContent]]] = {
    "load": _load_answer,
    "collections": _collections_answer,
    "grant": _grant_answer,
    "lease": lambda fields: LeaseAnswer(fields.blob_or_nil("lease", SHARE_BYTES_MAX)),
    "recall": lambda fields: RecallAnswer(fields.blob_or_nil("returned", SHARE_BYTES_MAX)),
    "return": lambda fields: ReturnAnswer(NanoUsd(fields.integer("noted", 0))),
}
