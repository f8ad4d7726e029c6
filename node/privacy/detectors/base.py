"""What a detector is, and the text that it reads."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from node.privacy.findings import Finding, FindingType

CONTEXT_BEFORE = 48  # characters in which a word such as "SSN" speaks for the number that follows
CONTEXT_AFTER = 24
GROUPS_MAX = 6  # an identity number is written in at most so many groups
CANDIDATE_DIGITS_MIN, CANDIDATE_DIGITS_MAX = 7, 19
LATIN = r"0-9A-Za-z_À-ɏ"  # what a number is told apart from; other scripts set no blank between word and number
_GROUP = re.compile(r"[^ ]+")


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word stands."""

    start: int
    end: int


class Text:
    """A text in normal form, with what several detectors need of it, made once."""

    _WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
    _NUMBER = re.compile(rf"(?<![{LATIN}.])\+?[(]?\d(?:[ .\-/()\u2013\u2011]{{0,2}}\d)+(?![{LATIN}])")

    def __init__(self, normal: str) -> None:
        self.normal = normal

    @cached_property
    def lower(self) -> str:
        """In lower case, each character where it stands in `normal`."""
        lower = self.normal.lower()
        if len(lower) == len(self.normal):
            return lower
        return "".join(c.lower() if len(c.lower()) == 1 else c for c in self.normal)

    @cached_property
    def has_digit(self) -> bool:
        return re.search(r"\d", self.normal) is not None

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Its words, in lower case. Detectors start from the few that matter to them."""
        return frozenset(self._WORD.findall(self.lower))

    def at_words(self, triggers: frozenset[str]) -> Iterator[Word]:
        """Every place of the words `triggers`."""
        for trigger in triggers & self.vocabulary:
            at = self.lower.find(trigger)
            while at >= 0:
                end = at + len(trigger)
                if not self.lower[at - 1 : at].isalnum() and not self.lower[end : end + 1].isalnum():
                    yield Word(at, end)
                at = self.lower.find(trigger, end)

    @cached_property
    def numbers(self) -> tuple["Number", ...]:
        """Runs of at least two digits with separators between them, such as card and telephone numbers."""
        return tuple(Number.of(m) for m in self._NUMBER.finditer(self.normal)) if self.has_digit else ()

    @cached_property
    def number_candidates(self) -> tuple["Number", ...]:
        """`numbers`, and where blanks part a run also each few neighbouring groups of it, the longest first. One
        digit repeated is nobody's number."""
        return tuple(c for number in self.numbers for c in number.candidates() if len(set(c.digits)) > 1)

    def has_any(self, hints: Iterable[str]) -> bool:
        return any(hint in self.lower for hint in hints)

    def near(self, pattern: re.Pattern[str], start: int, end: int) -> bool:
        """Whether `pattern` occurs close to the span, on either side."""
        if pattern.search(self.normal, max(0, start - CONTEXT_BEFORE), start):
            return True
        return pattern.search(self.normal, end, end + CONTEXT_AFTER) is not None

    def before(self, pattern: re.Pattern[str], start: int) -> bool:
        return pattern.search(self.normal, max(0, start - CONTEXT_BEFORE), start) is not None


@dataclass(frozen=True, slots=True)
class Number:
    """A run of digits as written, and its digits alone (ASCII)."""

    start: int
    end: int
    text: str
    digits: str

    @classmethod
    def of(cls, match: re.Match[str]) -> "Number":
        text = match.group()
        digits = "".join(str(int(c)) for c in text if c.isdecimal())
        return cls(match.start(), match.end(), text, digits)

    def candidates(self) -> "Iterator[Number]":
        yield self
        groups = list(_GROUP.finditer(self.text))
        for count in range(min(GROUPS_MAX, len(groups) - 1), 0, -1):
            for first in range(len(groups) - count + 1):
                start, end = groups[first].start(), groups[first + count - 1].end()
                piece = self.text[start:end]
                digits = "".join(str(int(c)) for c in piece if c.isdecimal())
                if CANDIDATE_DIGITS_MIN <= len(digits) <= CANDIDATE_DIGITS_MAX:
                    yield Number(self.start + start, self.start + end, piece, digits)


Find = Callable[[Text], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Detector:
    """A rule: what it finds, and how. `find` reads the whole text, in time linear in its length."""

    name: str
    types: frozenset[FindingType]
    find: Find


def context(terms_text: str) -> re.Pattern[str]:
    """A pattern for any of the blank-separated terms ("_" stands for a blank), as whole words, in any case."""
    terms = "|".join(re.escape(word).replace("_", r"[ _-]?") for word in terms_text.split())
    return re.compile(rf"(?<![^\W\d_])(?:{terms})(?![^\W\d_])", re.IGNORECASE)


def pattern_detector(
    name: str,
    type_: FindingType,
    pattern: re.Pattern[str],
    *,
    score: float,
    hints: Collection[str] = (),
    group: int = 0,
    accept: Callable[[str], bool] = lambda _: True,
) -> Detector:
    """A rule that is one pattern. `hints`: lower-case strings of which a text must hold one; `accept`: the checksum."""

    def find(text: Text) -> Iterator[Finding]:
        if hints and not text.has_any(hints):
            return
        for match in pattern.finditer(text.normal):
            if match.group(group) and accept(match.group(group)):
                yield Finding(*match.span(group), type_, score, name)

    return Detector(name, frozenset({type_}), find)
