"""What a collection is, to those who hold it and to those who may ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from protocol.terms import Sensitivity

CollectionId = NewType("CollectionId", bytes)
"""16 random bytes. Certificates name a collection by it alone."""

COLLECTION_ID_BYTES = 16
NOT_READ_NAMED_MAX = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person who may ask a collection is told of it."""

    id: CollectionId
    name: str
    label: Sensitivity
    digest: bytes  # changes when a document does; tells nothing of any


@dataclass(frozen=True, slots=True)
class Held:
    """What the holder's owner sees of a collection."""

    notice: Notice
    root: str  # the folder it was made from
    files: int
    passages: int
    skipped: Mapping[str, int]  # why files were not read, and how many


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one document, for an answer to cite."""

    file: str  # below the collection's folder, with slashes
    place: str  # such as `lines 10-24, Payment`
    text: str
    score: float  # BM25, higher is better; comparable within one search only


@dataclass(frozen=True, slots=True)
class Grant:
    """What must go into a new certificate of each of the person's islands: only that gives the right to ask."""

    person: str
    collection: CollectionId


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far the reading of a folder is. The totals are of its beginning: a folder may grow meanwhile."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class NotRead:
    """A document, or a folder, that is not in the index, and why."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """What bringing a collection up to date did."""

    notice: Notice
    read: int  # files new or changed
    unchanged: int
    removed: int
    skipped: Mapping[str, int]  # why files are not in the index, and how many
    not_read: tuple[NotRead, ...]  # the first NOT_READ_NAMED_MAX of them, by name
    bytes_read: int
