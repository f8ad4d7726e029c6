"""What an owner says is his: project names, lists of clients, patterns such as "MRN [0-9]{8}". Always taken out.

Terms are found as whole words, in any case, with whatever blanks, hyphens or low lines between their words. Every step
is bounded, so that whoever runs them can stop between two; what was not read to its end is restricted.
"""

import bisect
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from node.privacy.detectors.base import Text
from node.privacy.findings import TRAITS, Finding, FindingType, Masking
from node.privacy.languages import is_unspaced
from node.privacy.normal_form import normalise
from node.privacy.own_pattern import WIDTH_MAX, bounded
from protocol.terms import Sensitivity

TERMS_MAX = 10_000
TERM_CHARACTERS_MAX = 128
PATTERNS_MAX = 64
WINDOW_CHARACTERS = 1_024  # in which a match may begin; one step of one pattern is one window
TYPES = tuple(
    type_ for type_, trait in TRAITS.items() if trait.masking is Masking.ALWAYS and type_ is not FindingType.LITERAL
)
"""What an owner may call his own."""

_GAP = re.compile(r"[\s_\-\u2010-\u2015]+")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class OwnTerm:
    """`level`: the least that a text with it is."""

    text: str
    type: FindingType = FindingType.TERM
    level: Sensitivity = Sensitivity.INTERNAL

    def __post_init__(self) -> None:
        if not 0 < len(self.text) <= TERM_CHARACTERS_MAX or not _WORD.search(_squeezed(self.text)):
            raise ValueError(f"a term of letters or digits, of at most {TERM_CHARACTERS_MAX} characters")
        if self.type not in TYPES:
            raise ValueError("a type that is always taken out")


@dataclass(frozen=True, slots=True)
class OwnPattern:
    """Raises PatternRefused for a pattern that is not bounded."""

    text: str
    type: FindingType = FindingType.TERM
    level: Sensitivity = Sensitivity.INTERNAL
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError("a type that is always taken out")
        object.__setattr__(self, "compiled", bounded(self.text))


@dataclass(frozen=True, slots=True)
class Own:
    """All that an owner named. `digest` tells one set from another, where findings are remembered."""

    terms: tuple[OwnTerm, ...] = ()
    patterns: tuple[OwnPattern, ...] = ()
    digest: bytes = field(init=False, repr=False, compare=False)
    _by_word: dict[str, list[tuple[str, int, OwnTerm]]] = field(init=False, repr=False, compare=False)
    _anywhere: dict[str, OwnTerm] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.terms) > TERMS_MAX or len(self.patterns) > PATTERNS_MAX:
            raise ValueError(f"at most {TERMS_MAX} terms and {PATTERNS_MAX} patterns")
        hashed = hashlib.blake2b(digest_size=32)
        by_word: dict[str, list[tuple[str, int, OwnTerm]]] = {}
        anywhere: dict[str, OwnTerm] = {}
        for term in self.terms:
            key = _squeezed(term.text)
            first = _WORD.search(key)
            assert first is not None, "a term has a word"
            if is_unspaced(key):
                anywhere[key] = term
            else:
                by_word.setdefault(first.group(), []).append((key, first.start(), term))
        for places in by_word.values():
            places.sort(key=lambda place: -len(place[0]))
        everything: tuple[OwnTerm | OwnPattern, ...] = (*self.terms, *self.patterns)
        for one in everything:
            hashed.update(repr((type(one).__name__, one.text, one.type.value, int(one.level))).encode())
        for name, value in (("digest", hashed.digest()), ("_by_word", by_word), ("_anywhere", anywhere)):
            object.__setattr__(self, name, value)

    def __bool__(self) -> bool:
        return bool(self.terms or self.patterns)

    def steps(self, normal: str) -> Iterator[list[Finding]]:
        """What is found in a text in normal form, step by bounded step."""
        if self.terms:
            yield list(self._find_terms(normal))
        for pattern in self.patterns:
            yield from _windows(pattern, normal)

    def _find_terms(self, normal: str) -> Iterator[Finding]:
        text = _Squeezed(Text(normal).lower)
        for key, term in self._anywhere.items():
            at = text.text.find(key)
            while at >= 0:
                yield text.finding(at, at + len(key), term)
                at = text.text.find(key, at + len(key))
        for word in _WORD.finditer(text.text) if self._by_word else ():
            for key, offset, term in self._by_word.get(word.group(), ()):
                start = word.start() - offset
                if start >= 0 and text.text.startswith(key, start) and text.stands_alone(start, start + len(key)):
                    yield text.finding(start, start + len(key), term)
                    break


NOTHING_OWN = Own()


class _Squeezed:
    """A text in which each run of blanks, hyphens and low lines is one blank, and where its characters stood."""

    def __init__(self, lower: str) -> None:
        self._cuts, self._shifts = [0], [0]
        pieces, at, shift = [], 0, 0
        for gap in _GAP.finditer(lower):
            pieces += [lower[at : gap.start()], " "]
            at = gap.end()
            if gap.end() - gap.start() > 1:
                shift += gap.end() - gap.start() - 1
                self._cuts.append(gap.end() - shift)
                self._shifts.append(shift)
        self.text = "".join(pieces) + lower[at:]

    def finding(self, start: int, end: int, term: OwnTerm) -> Finding:
        first, last = self._original(start), self._original(end - 1) + 1
        return Finding(first, last, term.type, 1.0, "own_terms", term.level)

    def stands_alone(self, start: int, end: int) -> bool:
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        return not (before.isalnum() and self.text[start].isalnum()) and not (
            after.isalnum() and self.text[end - 1].isalnum()
        )

    def _original(self, at: int) -> int:
        return at + self._shifts[bisect.bisect_right(self._cuts, at) - 1]


def _squeezed(term: str) -> str:
    return _GAP.sub(" ", Text(normalise(term).text).lower).strip()


def _windows(pattern: OwnPattern, normal: str) -> Iterator[list[Finding]]:
    at = 0
    while at < len(normal):
        end = min(at + WINDOW_CHARACTERS, len(normal))
        found = []
        while at < end:
            match = pattern.compiled.search(normal, at, min(end + 2 * WIDTH_MAX, len(normal)))
            if match is None or match.start() >= end:
                break
            found.append(Finding(*match.span(), pattern.type, 1.0, "own_patterns", pattern.level))
            at = match.end()
        at = max(at, end)
        yield found
