"""What a collection is, to those who hold it and to those who may ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NewType

from protocol.terms import Sensitivity

CollectionId = NewType("CollectionId", bytes)
"""16 random bytes. Certificates name a collection by it alone."""

COLLECTION_ID_BYTES = 16


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
class Indexed:
    """What bringing a collection up to date did."""

    notice: Notice
    read: int  # files new or changed
    unchanged: int
    removed: int
    skipped: Mapping[str, int]
    bytes_read: int
