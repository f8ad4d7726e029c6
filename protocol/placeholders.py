"""The grammar of typed placeholders: `[PERSON_1]` stands for a value that must not be seen.

`[TYPE_N]`, or `[TYPE_NS]` for another spelling of the same value. Each part of TYPE begins with a letter, so that the
last underscore always begins N. N counts from 1 without leading zeros. S is B to Z, then AA to ZZ; at first, nothing.

Text that looks like a token before anything is masked is masked itself, as a value of the reserved type LITERAL. After
that every token in the text is one of ours, and putting the values back gives the text byte for byte: there is no
second syntax of escapes that a model could garble. Source: specs/08-placeholders.md.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Self

from protocol.errors import PlaceholderError

TYPE_CHARS_MAX: Final = 32
NUMBER_MAX: Final = 999_999
SPELLING_MAX: Final = 26 + 26 * 26 - 1  # ZZ
TOKEN_CHARS_MAX: Final = TYPE_CHARS_MAX + 6 + 2 + 3  # number, spelling, brackets and underscore: what a restorer holds
LITERAL: Final = "LITERAL"
assert len(str(NUMBER_MAX)) == 6

# The grammar's parts, for whoever reads what only resembles a token.
TYPE: Final = r"[A-Z][A-Z0-9]*(?:_[A-Z][A-Z0-9]*)*"
NUMBER: Final = r"[1-9][0-9]{0,5}"
SPELLING: Final = r"(?:[B-Z]|[A-Z][A-Z])"
_TYPE_ONLY: Final = re.compile(TYPE)
# The look ahead bounds what one bracket can cost, so that a hostile text is scanned in linear time.
_TOKEN: Final = re.compile(rf"\[(?=[A-Z0-9_]{{3,{TOKEN_CHARS_MAX - 2}}}\])({TYPE})_({NUMBER})({SPELLING})?\]")


@dataclass(frozen=True, slots=True, order=True)
class Placeholder:
    """What one token names. `spelling` 0 is the value as it was first seen."""

    type: str
    number: int
    spelling: int = 0

    def __post_init__(self) -> None:
        if len(self.type) > TYPE_CHARS_MAX or not _TYPE_ONLY.fullmatch(self.type):
            raise PlaceholderError(f"type: expected parts of A-Z and 0-9, at most {TYPE_CHARS_MAX} characters")
        if not 1 <= self.number <= NUMBER_MAX:
            raise PlaceholderError(f"number: expected 1 to {NUMBER_MAX}")
        if not 0 <= self.spelling <= SPELLING_MAX:
            raise PlaceholderError(f"spelling: expected 0 to {SPELLING_MAX}")

    def token(self) -> str:
        return f"[{self.type}_{self.number}{_letters(self.spelling)}]"

    @classmethod
    def parse(cls, token: str) -> Self:
        """The placeholder that `token` is exactly. Raises PlaceholderError, which does not repeat the text."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise PlaceholderError("expected [TYPE_N]")
        return cls(match[1], int(match[2]), _spelling(match[3]))


def parse(token: str) -> Placeholder:
    """See `Placeholder.parse`."""
    return Placeholder.parse(token)


def find(text: str) -> Iterator[tuple[int, int, Placeholder]]:
    """Every token of `text`, in order, with where it starts and ends."""
    for match in _TOKEN.finditer(text):
        if len(match[1]) <= TYPE_CHARS_MAX:
            yield match.start(), match.end(), Placeholder(match[1], int(match[2]), _spelling(match[3]))


def escape(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` with each lookalike as a LITERAL, numbered by first appearance, and what the literals stand for."""
    numbers: dict[str, int] = {}
    parts, done = [], 0
    for start, end, _ in find(text):
        number = numbers.setdefault(text[start:end], len(numbers) + 1)
        parts += [text[done:start], Placeholder(LITERAL, number).token()]
        done = end
    return "".join([*parts, text[done:]]), tuple(numbers)


def unescape(text: str, literals: Sequence[str]) -> str:
    """The inverse of `escape`, in one pass: what is put back is not looked at again."""
    parts, done = [], 0
    for start, end, placeholder in find(text):
        if placeholder.type == LITERAL and placeholder.spelling == 0 and placeholder.number <= len(literals):
            parts += [text[done:start], literals[placeholder.number - 1]]
            done = end
    return "".join([*parts, text[done:]])


def _letters(spelling: int) -> str:
    """0 is nothing, 1 is B, 25 is Z, 26 is AA: `A` alone is never written."""
    if spelling < 26:
        return chr(ord("A") + spelling) if spelling else ""
    return chr(ord("A") + spelling // 26 - 1) + chr(ord("A") + spelling % 26)


def _spelling(letters: str | None) -> int:
    if not letters:
        return 0
    values = [ord(letter) - ord("A") for letter in letters]
    return values[0] if len(values) == 1 else (values[0] + 1) * 26 + values[1]
