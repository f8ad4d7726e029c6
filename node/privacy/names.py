"""What the name models' spans mean: two models are united, each trusted where it has been seen to be right.

spaCy's small model knows organisations, places and persons, and misfires on words with capitals; the Rampart model
knows names, addresses and numbers, with a precision of 0.97, and no organisations.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from node.privacy.findings import Finding, FindingType
from node.privacy.languages import Guess

T = FindingType
SPACY, RAMPART = "spacy", "rampart"
WEAK = 0.4  # the score of what only `strict` takes out


@dataclass(frozen=True, slots=True)
class ModelSpan:
    """One entity as a model gave it, in characters of the text."""

    start: int
    end: int
    label: str
    score: float
    model: str  # SPACY | RAMPART


@dataclass(frozen=True, slots=True)
class Reading:
    """What the models made of one text: entities, and guesses about the language of its segments."""

    spans: tuple[ModelSpan, ...]
    guesses: tuple[Guess, ...]


_SPACY_TYPES = {
    "ORG": T.ORGANISATION,
    "GPE": T.PLACE,
    "LOC": T.PLACE,
    "FAC": T.PLACE,
    "DATE": T.DATE,
    "NORP": T.GROUP,
}
_RAMPART_TYPES = {
    "EMAIL": T.EMAIL,
    "PHONE": T.PHONE,
    "TAX_ID": T.NATIONAL_ID,
    "GOVERNMENT_ID": T.NATIONAL_ID,
    "PASSPORT": T.NATIONAL_ID,
    "DRIVERS_LICENSE": T.NATIONAL_ID,
    "BANK_ACCOUNT": T.ACCOUNT,
    "ROUTING_NUMBER": T.ACCOUNT,
    "URL": T.URL,
}
_DIGITS_MIN = {T.PHONE: 7, T.NATIONAL_ID: 5, T.ACCOUNT: 6, T.EMAIL: 0, T.URL: 0}
_NAME_LABELS = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET_LABELS = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "ZIP_CODE"})
_TOWN_LABELS = frozenset({"CITY", "STATE"})
_ACRONYM = re.compile(r"[A-Z0-9&/-]{1,6}s?")
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_PERSON_TRIM = re.compile(r"(?:['’]s)?[\s.,;:!?)\]\"']*\Z")


def unite(text: str, spans: Sequence[ModelSpan]) -> tuple[Finding, ...]:
    """The findings of a text in normal form; overlapping ones are left to the reader to merge."""
    rampart = sorted((s for s in spans if s.model == RAMPART), key=lambda s: s.start)
    spacy = [s for s in spans if s.model == SPACY]
    names = [s for s in rampart if s.label in _NAME_LABELS]
    return (
        *_persons(text, names, [s for s in spacy if s.label == "PERSON"]),
        *_addresses(text, [s for s in rampart if s.label in _STREET_LABELS | _TOWN_LABELS]),
        *_numbers(text, rampart),
        *(
            Finding(s.start, s.end, _SPACY_TYPES[s.label], _weight(text, s), SPACY)
            for s in spacy
            if s.label in _SPACY_TYPES
        ),
    )


def _weight(text: str, span: ModelSpan) -> float:
    """An abbreviation alone is jargon more often than it is a firm's name; two words that begin like names are."""
    return WEAK if _ACRONYM.fullmatch(text, span.start, span.end) else span.score


def _persons(text: str, names: Sequence[ModelSpan], spacy: Sequence[ModelSpan]) -> Iterator[Finding]:
    groups = [(group[0].start, _end(group), min(s.score for s in group)) for group in _runs(text, names, r"[ \t]*")]
    for start, end, score in groups:
        yield from _person(text, start, end, score, RAMPART)
    for span in spacy:
        agreed = any(start < span.end and span.start < end for start, end, _ in groups)
        # a single capitalised word that only spaCy takes for a person is a product or a place as often as not
        if agreed or len(_capitalised(text[span.start : span.end])) > 1:
            yield from _person(text, span.start, span.end, span.score, SPACY)


def _person(text: str, start: int, end: int, score: float, model: str) -> Iterator[Finding]:
    start, end = _whole_words(text, start, end)
    end -= len(_PERSON_TRIM.search(text[start:end]).group())  # type: ignore[union-attr]  # it matches the empty string
    if end <= start or not any(c.isalpha() for c in text[start:end]):
        return
    full = len(_WORD.findall(text[start:end])) > 1
    yield Finding(start, end, T.PERSON if full else T.GIVEN_NAME, score, model)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Models cut words into pieces; half a name left in the clear is a name."""
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _capitalised(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word[0].isupper()]


def _addresses(text: str, pieces: Sequence[ModelSpan]) -> Iterator[Finding]:
    for group in _runs(text, pieces, r"[ \t]*[,;]?[ \t]*\n?[ \t]*"):
        start, end = _whole_words(text, group[0].start, _end(group))
        is_street = any(s.label in _STREET_LABELS for s in group)
        yield Finding(start, end, T.ADDRESS if is_street else T.PLACE, min(s.score for s in group), RAMPART)


def _numbers(text: str, spans: Sequence[ModelSpan]) -> Iterator[Finding]:
    typed = [s for s in spans if s.label in _RAMPART_TYPES]
    for group in _runs(text, typed, r"[ \t.-]?"):
        type_ = _RAMPART_TYPES[group[0].label]
        start, end = _whole_words(text, group[0].start, _end(group))
        if sum(c.isdigit() for c in text[start:end]) >= _DIGITS_MIN[type_]:
            yield Finding(start, end, type_, min(s.score for s in group), RAMPART)


def _runs(text: str, spans: Iterable[ModelSpan], gap: str) -> Iterator[list[ModelSpan]]:
    """Neighbours with no more than `gap` between them, together. `spans` are in the order of their starts."""
    between = re.compile(gap)
    group: list[ModelSpan] = []
    for span in spans:
        if group and span.start > _end(group) and not between.fullmatch(text, _end(group), span.start):
            yield group
            group = []
        group.append(span)
    if group:
        yield group


def _end(group: Sequence[ModelSpan]) -> int:
    return max(span.end for span in group)
