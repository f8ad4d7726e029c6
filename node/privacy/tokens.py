"""What this node makes of the grammar of placeholders (protocol/placeholders.py).

The types that it gives out, and what a model may make of a token and still have it brought back: another case inside
the brackets; bold, italics or code inside them; brackets or the low line escaped; a blank or a hyphen for the low line;
full-width brackets; a possessive or a plural's s before the closing one. Without brackets only the exact name counts,
never "person 1". ASCII quotation marks inside brackets are none of these: `["PERSON_1"]` is a list in most languages of
programs, and its bare name comes back anyway.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from node.privacy.findings import TRAITS
from protocol.placeholders import NUMBER, SPELLING, TOKEN_CHARS_MAX, Placeholder

TYPES = frozenset(trait.token for trait in TRAITS.values() if trait.token)

_CLOSING: Final = {"[": "]", "［": "］", "【": "】"}
_MARKS: Final = "*_`~"
_MARKS_MAX: Final = 3  # bold and italics at once
_SEPARATORS: Final = "_＿ \u00a0-"
_APOSTROPHES: Final = "'’"
_ENDING_LETTERS_MAX: Final = 4  # after an apostrophe: "'s", and "'nin" in Turkish
_ESCAPES_MAX: Final = (
    2 * 6
)  # an escape has at most two characters; brackets, marks and low lines of a type of four parts
WITHHELD_CHARACTERS_MAX: Final = TOKEN_CHARS_MAX + 2 * _MARKS_MAX + 1 + _ENDING_LETTERS_MAX + _ESCAPES_MAX


class Reading(Enum):
    """What stands at a place, where it is no token that was sent."""

    NONE = "none"
    UNFINISHED = "unfinished"  # the text ends, and what follows may complete one


@dataclass(frozen=True, slots=True)
class Found:
    """A token that was sent, in some form. `before` and `after` are marks and endings that stay with the value."""

    name: str  # such as PERSON_1B
    end: int
    before: str = ""
    after: str = ""


class SentTokens:
    """The tokens of one request, found again in an answer. Time is linear in the answer's length."""

    def __init__(self, names: Iterable[str], *, json: bool = False) -> None:
        """`json`: the answer is JSON, where a backslash is written twice."""
        self._names = frozenset(names)
        self._prefixes = frozenset(name[:length] for name in self._names for length in range(len(name) + 1))
        self._first = frozenset(name[0] for name in self._names)
        self._escape = "\\\\" if json else "\\"

    def at(self, text: str, start: int, *, after_word: bool) -> Found | Reading:
        """`after_word`: a letter, a digit or a low line stands before, so that no bare name begins here."""
        character = text[start]
        try:
            if self._names and (character in _CLOSING or character == "\\"):
                return self._bracketed(text, start) or Reading.NONE
            if character in self._first and not after_word:
                return self._bare(text, start) or Reading.NONE
        except IndexError:
            return Reading.UNFINISHED
        return Reading.NONE

    def _bare(self, text: str, start: int) -> Found | None:
        at = start
        while text[start : at + 1] in self._prefixes:
            at += 1
            if at == len(text):
                raise IndexError
        if is_word_character(text[at]) or text[start:at] not in self._names:
            return None
        return Found(text[start:at], at)

    def _bracketed(self, text: str, start: int) -> Found | None:
        at = self._skip(text, start, self._escape)
        escape = text[start:at]
        closing = _CLOSING.get(text[at])
        if closing is None:
            return None
        begun = at + 1
        at = inner = _after_marks(text, begun)
        name = ""
        while step := self._step(text, at, name):
            name, at = step
        if name not in self._names:
            return None
        ended = at
        at = _after_ending(text, at, in_capitals=text[inner:at].isupper())
        at = _after_marks(text, at)
        after = text[ended:at]
        for expected in escape + closing:
            if text[at] != expected:
                return None
            at += 1
        return Found(name, at, text[begun:inner], after)

    def _step(self, text: str, at: int, name: str) -> tuple[str, int] | None:
        """One character of the name more, and where it ends; None where it does not go on as one that was sent."""
        after_escape = self._skip(text, at, self._escape) if text[at] == "\\" else at
        character = text[after_escape]
        if character in _SEPARATORS and (after_escape == at or character == "_"):
            character = "_"
        elif after_escape != at or not (character.isascii() and character.isalnum()):
            return None
        grown = name + character.upper()
        return (grown, after_escape + 1) if grown in self._prefixes else None

    @staticmethod
    def _skip(text: str, at: int, expected: str) -> int:
        """After `expected` where it stands at `at`, otherwise `at`. Raises IndexError where the text ends within it."""
        end = at
        for character in expected:
            if text[end] != character:
                return at
            end += 1
        return end


def _after_marks(text: str, at: int) -> int:
    end = at
    while end - at < _MARKS_MAX and text[end] in _MARKS:
        end += 1
    return end


def _after_ending(text: str, at: int, *, in_capitals: bool) -> int:
    """After "'s" or the like; a bare s counts where it cannot be the letter of another spelling."""
    if text[at] in _APOSTROPHES:
        end = at + 1
        while end - at <= _ENDING_LETTERS_MAX and text[end].isalpha():
            end += 1
        return end
    return at + 1 if in_capitals and text[at] == "s" else at


def is_word_character(character: str) -> bool:
    """Of a bare name's own kind. In scripts without blanks a name may stand beside any letter."""
    return character == "_" or (character.isascii() and character.isalnum())


_TYPE = "|".join(sorted(TYPES))
_MARKED = rf"(?:[{_MARKS}]{{0,{_MARKS_MAX}}})"
_NO_WORD_BEFORE = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"  # the escapes are those of JSON
# What `SentTokens` would take for a token, were it sent, beyond the exact token.
_LOOKALIKES = (
    re.compile(rf"{_NO_WORD_BEFORE}(?P<type>{_TYPE})_(?P<number>{NUMBER}){SPELLING}?(?![A-Za-z0-9_])"),
    re.compile(
        rf"(?<=[{re.escape(''.join(_CLOSING))}]){_MARKED}(?P<type>{_TYPE})(?:\\{{0,2}}[{_SEPARATORS}])"
        rf"(?P<number>{NUMBER}){SPELLING}?(?:[{_APOSTROPHES}][^\s\d]{{0,{_ENDING_LETTERS_MAX}}}|s)?"
        rf"(?={_MARKED}\\{{0,2}}[{re.escape(''.join(_CLOSING.values()))}])",
        re.IGNORECASE | re.ASCII,  # other alphabets have letters that fold to ours
    ),
)


def lookalikes(text: str) -> list[tuple[int, int, Placeholder]]:
    """Where the text itself holds something that could be taken for a token of ours, brackets left aside."""
    return [
        (match.start("type"), match.end(), Placeholder(match["type"].upper(), int(match["number"])))
        for pattern in _LOOKALIKES
        for match in pattern.finditer(text)
    ]
