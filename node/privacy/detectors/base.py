"""What a detector is, and the text that it reads."""

import re
from bisect import bisect_left
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
_DIGIT = re.compile(r"\d")
_ASCII_WORDS = {code: " " for code in range(128) if not chr(code).isalnum()}
_NOT_DIGITS = {code: None for code in range(128) if not chr(code).isdigit()}


@dataclass(frozen=True, slots=True)
class Word:
    """Where a word stands."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Words that speak for the number beside them, in lower case. Each is one of a kind: compared by identity."""

    terms: tuple[str, ...]


class Text:
    """A text in normal form, with what several detectors need of it, made once."""

    _WORD = re.compile(r"[^\W_]+")
    # The first character comes before what must not stand before it: so the search skips to the digits.
    _NUMBER = re.compile(
        rf"[+(\d](?<![{LATIN}.].)(?:(?<=\d)|(?<=[+])[(]?\d|(?<=[(])\d)(?:(?:[ .\-/()\u2013]{{0,2}}| - )\d)+(?![{LATIN}])"
    )

    def __init__(self, normal: str) -> None:
        self.normal = normal
        self._places: dict[Context, list[int]] = {}

    @cached_property
    def lower(self) -> str:
        """In lower case, each character where it stands in `normal`."""
        lower = self.normal.lower()
        if len(lower) == len(self.normal):
            return lower
        return "".join(c.lower() if len(c.lower()) == 1 else c for c in self.normal)

    @cached_property
    def has_digit(self) -> bool:
        return _DIGIT.search(self.normal) is not None

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Its words, in lower case. Detectors start from the few that matter to them."""
        if self.lower.isascii():
            return frozenset(self.lower.translate(_ASCII_WORDS).split())
        return frozenset(self._WORD.findall(self.lower))

    def at_words(self, triggers: frozenset[str]) -> Iterator[Word]:
        """Every place of the words `triggers`."""
        for trigger in triggers & self.vocabulary:
            yield from self.at_word(trigger)

    def at_word(self, trigger: str) -> Iterator[Word]:
        """Every place of a word of the vocabulary."""
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
        return tuple(
            candidate
            for number in self.numbers
            if len(number.digits) >= CANDIDATE_DIGITS_MIN
            for candidate in number.candidates()
            if candidate.digits.count(candidate.digits[0]) < len(candidate.digits)
        )

    def has_any(self, hints: Iterable[str]) -> bool:
        lower = self.lower
        for hint in hints:  # noqa: SIM110 - `any` with a generator takes twice as long, and this runs for every rule
            if hint in lower:
                return True
        return False

    def places(self, words: Context) -> list[int]:
        """Where the words of a context begin, in order. Looked up once a text."""
        known = self._places.get(words)
        if known is None:
            known = self._places[words] = sorted(
                at for term in words.terms if term in self.lower for at in self._whole(term)
            )
        return known

    def _whole(self, term: str) -> Iterator[int]:
        at = self.lower.find(term)
        while at >= 0:
            end = at + len(term)
            if term[0] > "\u2e7f" or not (
                self.lower[at - 1 : at].isalpha() or (term[-1].isalpha() and self.lower[end : end + 1].isalpha())
            ):
                yield at
            at = self.lower.find(term, end)

    def near(self, words: Context, start: int, end: int) -> bool:
        """Whether a word of the context stands close to the span, on either side."""
        return self.before(words, start) or self.after(words, end)

    def before(self, words: Context, start: int) -> bool:
        places = self.places(words)
        return bool(places) and bisect_left(places, start - CONTEXT_BEFORE) < bisect_left(places, start)

    def after(self, words: Context, end: int) -> bool:
        places = self.places(words)
        return bool(places) and bisect_left(places, end) < bisect_left(places, end + CONTEXT_AFTER)


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
        return cls(match.start(), match.end(), text, digits_of(text))

    def candidates(self) -> "Iterator[Number]":
        yield self
        if " " not in self.text:
            return
        groups = [match.span() for match in _GROUP.finditer(self.text)]
        before = [0]  # how many digits stand before each group
        for start, end in groups:
            before.append(before[-1] + sum(map(str.isdecimal, self.text[start:end])))
        for count in range(min(GROUPS_MAX, len(groups) - 1), 0, -1):
            for first in range(len(groups) - count + 1):
                one, last = before[first], before[first + count]
                if CANDIDATE_DIGITS_MIN <= last - one <= CANDIDATE_DIGITS_MAX:
                    start, end = groups[first][0], groups[first + count - 1][1]
                    yield Number(self.start + start, self.start + end, self.text[start:end], self.digits[one:last])


def digits_of(text: str) -> str:
    """The digits of any script, as ASCII."""
    if text.isascii():
        return text.translate(_NOT_DIGITS)
    return "".join(str(int(c)) for c in text if c.isdecimal())


Find = Callable[[Text], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Detector:
    """A rule: what it finds, and how. `find` reads the whole text, in time linear in its length."""

    name: str
    types: frozenset[FindingType]
    find: Find


def context(terms_text: str) -> Context:
    """Any of the blank-separated terms ("_" stands for a blank, a hyphen or nothing), as whole words, in any case."""
    terms: list[str] = []
    for term in terms_text.lower().split():
        terms += [term.replace("_", joint) for joint in (" ", "-", "_", "")] if "_" in term else [term]
    return Context(tuple(terms))


def pattern_detector(
    name: str,
    type_: FindingType,
    pattern: re.Pattern[str],
    *,
    score: float,
    hints: Collection[str] = (),
    digits: bool = False,
    near: frozenset[str] = frozenset(),
    where: re.Pattern[str] | None = None,
    group: int = 0,
    accept: Callable[[str], bool] = lambda _: True,
) -> Detector:
    """A rule that is one pattern. `hints`: lower-case strings of which a text must hold one; `digits`: and a digit;
    `near`: and one of these words; `where`: and this, which is quick to look for; `accept`: the checksum."""

    def find(text: Text) -> Iterator[Finding]:
        if (digits and not text.has_digit) or (near and near.isdisjoint(text.vocabulary)):
            return
        if (hints and not text.has_any(hints)) or (where is not None and not where.search(text.normal)):
            return
        for match in pattern.finditer(text.normal):
            if match.group(group) and accept(match.group(group)):
                yield Finding(*match.span(group), type_, score, name)

    return Detector(name, frozenset({type_}), find)
