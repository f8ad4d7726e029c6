"""What reading a document gives: its parts, line by line, each line with the place that an answer can cite."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

Line = tuple[int, str, str]
"""Its number among the units of its part, from 1; the heading above it ("" for none); its text."""


class Unit(StrEnum):
    """What the numbers of a part count."""

    LINE = "line"
    PARAGRAPH = "paragraph"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of one document that is numbered on its own. Read once: `lines` may be a generator."""

    lines: Iterable[Line]
    unit: Unit = Unit.LINE
    within: str = ""  # such as `message 3, part 2`; "" where the part is the whole document


class Unread(StrEnum):
    """Why a document is not in the index, in words for its owner. No text of the document is ever among them."""

    EMPTY = "empty"
    TOO_LONG = "too long"
    UNREADABLE = "cannot be opened"
    NOT_TEXT = "not text"
    NO_TEXT = "holds no text: pictures of pages are not read"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged, or not what its name says"
    TOO_DEEP = "nested too deeply"
    TOO_MUCH_TEXT = "holds more text than is read of one file"
    TOO_MUCH_MEMORY = "takes too much memory to read"
    TOO_SLOW = "takes too long to read"
    CRASHED = "crashes its reader"
    OTHER_FORMAT = "of a format that is not read"
