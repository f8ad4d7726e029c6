"""What a detector is, and the text that it reads."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from node.privacy.findings import Finding, FindingType

CONTEXT_BEFORE = 48  # characters in which a word such as "SSN" speaks for the number that follows
CONTEXT_AFTER = 24
GROUPS_MAX = 6  # an identity number is written in at most so many groups
CANDIDATE_DIGITS_MIN, CANDIDATE_DIGITS_MAX = 7, 19
LATIN = r"0-9A-Za-z_À-ɏ"  # what a number is told apart from; other scripts set no blank between word and number
_GROUP = re.compile(r"[^ ]+")
_DIGIT = re.compile(r"\d")
_DIGITS = re.compile(r"\d+")
_OTHER_SCRIPT = re.compile("[\u0370-\u1dff\u2c00-\U0010ffff]")
_NO_WORD = re.compile(r"[\W_]")
# What a number counts that stands before it: nobody's number.
COUNTED = re.compile(
    r"\s?(?:[kmgt]i?b|bytes?|bits?|lines?|rows?|characters?|chars|words?|tokens?|people|users?|items?|times|points?|pixels?|steps?|miles?|km|kg|"
    r"euros?|dollars?|pounds?|votes?|records?|requests?|zeichen|zeilen|octets?|lignes?|líneas|bytes)(?![^\W_])|\.[a-z]{2,4}(?![\w.])",
    re.IGNORECASE,
)
MARKS_MAX = 64  # kinds of marks that are taken out of a text one after the other
_ASCII_WORDS = {code: " " for code in range(128) if not chr(code).isalnum()}
DIGITS = "0123456789"
_NOT_DIGITS = {code: None for code in range(128) if not chr(code).isdigit()}


class Word(NamedTuple):
    """Where a word stands."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """Words that speak for the number beside them, in lower case. Each is one of a kind: compared by identity."""

    terms: tuple[str, ...]


class Text:
    """A text in normal form, with what several detectors need of it, made once."""

    # The first character comes before what must not stand before it: so the search skips to the digits.
    _NUMBER = re.compile(
        rf"[+(\d](?<![{LATIN}.].)(?:(?<=\d)|(?<=[+])[(]?\d|(?<=[(])\d)(?:(?:[ .\-/()\u2013]{{0,2}}| - )\d)+(?![{LATIN}])"
    )

    def __init__(self, normal: str) -> None:
        self.normal = normal
        self.is_ascii = normal.isascii()
        self.lower = _lower(normal)  # each character where it stands in `normal`
        # The same with a blank for what is of no word, and one more at either end: " word " finds whole words.
        self.spaced = _spaced(self.lower)
        self.vocabulary = frozenset(self.spaced.split())  # its words; detectors start from the few that matter to them
        self.longest = max(map(len, normal.split()), default=0)  # of the runs without a blank, in characters
        self.digit_count = sum(map(normal.count, DIGITS)) if self.is_ascii else len(_DIGIT.findall(normal))
        # Where digits stand beside each other: what begins with a number begins there.
        self.digit_runs = [match.span() for match in _DIGITS.finditer(normal)] if self.digit_count else []
        self.other_script = not self.is_ascii and _OTHER_SCRIPT.search(normal) is not None
        self._places: dict[Context, list[int]] = {}

    def at_digits(self, pattern: re.Pattern[str], *, then: str = "") -> Iterator[re.Match[str]]:
        """Matches of a pattern that begins with digits, none within another. `then`: what may follow the first digits."""
        done = 0
        for start, end in self.digit_runs:
            if start < done or (then and self.normal[end : end + 1] not in then):
                continue
            if match := pattern.match(self.normal, start):
                done = match.end()
                yield match

    def at_words(self, triggers: frozenset[str]) -> Iterator[Word]:
        """Every place of the words `triggers`."""
        for trigger in triggers & self.vocabulary:
            yield from self.at_word(trigger)

    def at_word(self, trigger: str) -> Iterator[Word]:
        """Every place of a word of the vocabulary."""
        spaced, alone, length = self.spaced, f" {trigger} ", len(trigger)
        at = spaced.find(alone)
        while at >= 0:
            yield Word(at, at + length)
            at = spaced.find(alone, at + length + 1)

    @cached_property
    def number_candidates(self) -> list["Number"]:
        """Runs of digits with separators between them, such as card and telephone numbers, and where blanks part a run
        also each few neighbouring groups of it, the longest first. One digit repeated is nobody's number."""
        return [
            candidate
            for match in self._NUMBER.finditer(self.normal)
            if len((number := Number.of(match)).digits) >= CANDIDATE_DIGITS_MIN
            for candidate in number.candidates()
            if candidate.digits.count(candidate.digits[0]) < len(candidate.digits)
        ]

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


def _lower(normal: str) -> str:
    lower = normal.lower()
    if len(lower) == len(normal):
        return lower
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in normal)


def _spaced(lower: str) -> str:
    if lower.isascii():
        return f" {lower.translate(_ASCII_WORDS)} "
    marks = [c for c in set(lower) if not c.isalnum()]
    if len(marks) > MARKS_MAX:
        return f" {_NO_WORD.sub(' ', lower)} "
    for mark in marks:
        lower = lower.replace(mark, " ")
    return f" {lower} "


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
class Evidence:
    """What a text must hold, all of it, for a rule to find anything there. A rule is not run on other texts, so
    what is said here must follow from what it looks for; a property test holds every rule to it."""

    words: frozenset[str] = frozenset()  # one of these, in lower case
    holds: tuple[str, ...] = ()  # each of these, in lower case
    digits: int = 0  # at least so many
    run: int = 0  # a run of at least so many characters without a blank
    other_script: bool = False  # a letter of another script than Latin


@dataclass(frozen=True, slots=True)
class Detector:
    """A rule: what it finds, how, and what it finds nothing without: one of `evidence`. `find` reads the whole text, in
    time linear in its length."""

    name: str
    types: frozenset[FindingType]
    find: Find
    evidence: tuple[Evidence, ...]


def each(holds: Iterable[str], *, digits: int = 0, run: int = 0, other_script: bool = False) -> tuple[Evidence, ...]:
    """Evidence where any of these strings stands."""
    return tuple(Evidence(holds=(piece,), digits=digits, run=run, other_script=other_script) for piece in holds)


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
    *evidence: Evidence,
    score: float,
    at_digits: bool = False,
    accept: Callable[[str], bool] = lambda _: True,
) -> Detector:
    """A rule that is one pattern. `at_digits`: it begins with a digit; `accept`: the checksum."""

    def find(text: Text) -> Iterator[Finding]:
        for match in text.at_digits(pattern) if at_digits else pattern.finditer(text.normal):
            if accept(match.group()):
                yield Finding(*match.span(), type_, score, name)

    return Detector(name, frozenset({type_}), find, evidence)
