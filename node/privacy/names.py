"""What the name models' spans mean: two models are united, each trusted where it has been seen to be right.

spaCy's small model knows organisations, places and persons, and misfires on words with capitals; the Rampart model
knows names, addresses and numbers, with a precision of 0.97, and no organisations.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from node.privacy.bearing import bears_a_name
from node.privacy.company import chatting, in_company
from node.privacy.detectors.things import is_of_a_thing
from node.privacy.findings import NAMES, OF_NOBODY, Finding, FindingType
from node.privacy.gazetteer import is_family, is_given, is_place, is_software
from node.privacy.languages import CAPITAL_NOUNS, LATIN_LANGUAGES, Guess, is_unspaced
from node.privacy.named import named
from node.privacy.proper import (
    capitals,
    is_heading,
    is_identifier,
    is_plain,
    links,
    places,
    proper_nouns,
    said_so,
    times,
)
from node.privacy.public import PublicMatter, Standing
from node.privacy.stated import stated
from node.privacy.wordlist import words

T = FindingType
SPACY, RAMPART = "spacy", "rampart"
PROPER_NOUN = "PROPN"  # the label of a run of words that spaCy's tagger takes for proper nouns
NUMBER_CHARACTERS_MIN = 4
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
    "PRODUCT": T.NAME,
    "EVENT": T.NAME,
    "WORK_OF_ART": T.NAME,
    "LAW": T.NAME,
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
_NUMBERS = frozenset({T.NATIONAL_ID, T.ACCOUNT, T.PHONE})
NUMBER_CHARACTERS_MAX = (
    26  # longer ones are digests; the longest account number, written in groups, is a rule's to find
)
DISTINCT_MIN = 3  # characters in a number that is somebody's
_NAME_LABELS = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET_LABELS = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "ZIP_CODE"})
_TOWN_LABELS = frozenset({"CITY", "STATE"})
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SMALL_WORD = re.compile(r"(?<![\w'’-])[a-zß-öø-ÿ]{2,}(?![\w'’-])")
_PARTICLES = words(
    "van von de der den del della da dos di du la le bin ibn al el ter ten zu zur y e of the bint do das lo st"
)
_BARE = re.compile(r"[^\W_]+")
_PERSON_TRIM = re.compile(r"(?:['’]s)?[\s.,;:!?)\]\"']*\Z")
_LOWER_START = re.compile(r"(?:[^\W\d_]\w*\s+)*?(?=[A-ZÀ-ÖØ-ÞŠŽ])")
_UPPER = r"[A-ZÀ-ÖØ-ÞŠŽ]"
# What a name of an organisation or a place looks like, the small words of "Bank of the West" included.
_NAME_SHAPE = re.compile(
    rf"(?:[Tt]he )?{_UPPER}[\w.&'’-]*"
    rf"(?:,? (?:(?:of|the|and|for|de|del|la|du|in|at|&|von|van|der) )*{_UPPER}[\w.&'’-]*)*"
)
_PLACES = frozenset({"GPE", "LOC", "FAC"})
# A date says when it is, not only how long or how often.
_SAYS_WHEN = re.compile(
    r"\d{1,2}\D+\d{2}|(?<!\d)(?:19|20)\d\d(?!\d)|\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)days?|may"
    r"|(?:jan|feb|mar|apr|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6})\b",
    re.IGNORECASE,
)
_ADDRESS_GAP = (
    r"(?:[ \t]*(?:[,;]?[ \t]*\n?[ \t>?#]*|,?\s?(?:Apt|Apartment|Suite|Unit|Flat|Box)\.?\s\w{1,5}[\s,>?#]*)){1,2}"
)
_UNIT = re.compile(r"(?:[\s,>?#]{1,6}(?:Apt|Apartment|Suite|Unit|Flat|Box)\.?\s\w{1,5}(?!\w)){1,2}")
_ACRONYM = re.compile(r"[A-Z0-9&/-]{1,6}s?")
_CAMEL = re.compile(r"\w*[a-z][A-Z]\w*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:\n]\s*|[\"“(]\s*)\Z")
# A word with a capital where a sentence would not give it one: some name, in English.
_CAPITALS = re.compile(rf"(?<=[a-z,;] )(?:{_UPPER}[a-z'’-]+|[A-Z]{{2,6}})(?: {_UPPER}[\w'’-]+)*(?![\w(])")
_IMPERATIVES = words(
    "Add Ask Book Call Check Compare Congratulate Contact Create Dear Describe Draft Email Explain Find Fix "
    "Follow Give Greet Help Hello Hey Hi Introduce Invite Is Let List Mail Make Meet Mention Message Notify "
    "Phone Please Recommend Remind Reply Rewrite Say Schedule Send Show Suggest Summarise Summarize Tell Text "
    "My Our Your His Her Their Thank Thanks Translate Was Welcome Who Whose Will Wish Write"
)
# After one of these a single word with a capital is somebody.
_ADDRESSING = re.compile(
    r"(?:ask|asked|call|called|congratulate|dear|email|greet|hello|hey|hi|invite|mail|meet|met|message|named|phone|remind|said|"
    r"tell|thank|told|welcome|wish) \Z",
    re.IGNORECASE,
)
_NO_NAMES = words(
    "I I'm I've I'll I'd Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May "
    "June July August September October November December English God Internet OK AM PM TV PC AI API URL PDF CV FAQ "
    "HTML CSS JSON SQL USD EUR"
)


def unite(text: str, spans: Sequence[ModelSpan], *, language: str | None = None) -> tuple[Finding, ...]:
    """The findings of a text in normal form; overlapping ones are left to the reader to merge.

    `language`: one that the models do not read. Where it has Latin letters they take ordinary words for organisations;
    what stands in Latin letters beside another script is read as English.
    """
    rampart = sorted((s for s in spans if s.model == RAMPART), key=lambda s: s.start)
    spacy = sorted((s for s in spans if s.model == SPACY), key=lambda s: s.start)
    covered = language is None or language not in LATIN_LANGUAGES
    entities = [s for s in spacy if s.label != PROPER_NOUN]
    names = [s for s in rampart if s.label in _NAME_LABELS]
    found = [
        *_persons(
            text,
            names,
            [s for s in entities if s.label == "PERSON"],
            [s for s in entities if covered and s.label in ("NORP", "LANGUAGE")],
            covered=covered,
        ),
        *_addresses(text, [s for s in rampart if s.label in _STREET_LABELS | _TOWN_LABELS]),
        *_numbers(text, rampart),
        *links(text),
        *places(text),
        *said_so(text),
        *times(text),
    ]
    others = _others(text, entities)
    if covered:
        found += others
        found += proper_nouns(text, [(s.start, s.end) for s in spacy if s.label == PROPER_NOUN])
    else:
        found += [replace(finding, score=min(finding.score, WEAK)) for finding in others]
        found += capitals(text) if language not in CAPITAL_NOUNS else ()
    found += named(text, language=None if covered else language)
    found += chatting(text)
    found += stated(text)
    if covered:
        found += list(in_company(text, found))
    matter = PublicMatter(text)
    found = [*without_public(text, _without_repeats(text, found), matter)]
    if matter.tie is not None:
        found.append(Finding(*matter.tie, T.TIE, 1.0, "ties"))
    return tuple(found)


def _without_repeats(text: str, found: Sequence[Finding]) -> list[Finding]:
    """What is doubtful adds nothing where something surer stands."""
    taken = bytearray(len(text))
    for finding in found:
        if finding.score > WEAK:
            taken[finding.start : finding.end] = b"\1" * (finding.end - finding.start)
    return [f for f in dict.fromkeys(found) if f.score > WEAK or not all(taken[f.start : f.end])]


def without_public(text: str, found: Sequence[Finding], matter: PublicMatter | None = None) -> tuple[Finding, ...]:
    """A person's name that is public knowledge counts for nothing; whether it is may depend on the whole request."""
    if not any(finding.type in NAMES for finding in found):
        return tuple(found)
    matter = matter or PublicMatter(text)
    return tuple(_judged(finding, matter) if finding.type in NAMES else finding for finding in found)


def _judged(finding: Finding, matter: PublicMatter) -> Finding:
    match matter.standing(finding.start, finding.end):
        case Standing.PRIVATE:
            return finding
        case Standing.UNTIED:
            return replace(finding, type=OF_NOBODY[finding.type])
        case Standing.PUBLIC:
            return replace(finding, type=T.NAME, score=WEAK)


def _others(text: str, spacy: Sequence[ModelSpan]) -> Iterator[Finding]:
    for span in spacy:
        type_ = _SPACY_TYPES.get(span.label)
        if type_ is None or is_identifier(text, span.start, span.end):
            continue
        if type_ is T.GROUP or (type_ is T.DATE and _SAYS_WHEN.search(text, span.start, span.end)):
            yield Finding(span.start, span.end, type_, span.score, SPACY)
        elif _NAME_SHAPE.fullmatch(text, span.start, span.end) and not _is_heading(text, span):
            yield Finding(span.start, span.end, type_, WEAK if _is_doubtful(text, span) else span.score, SPACY)


def _is_heading(text: str, span: ModelSpan) -> bool:
    start = span.start + len("the ") if text[span.start : span.start + 4].lower() == "the " else span.start
    return span.label not in _PLACES and is_heading(text, start, _WORD.findall(text, start, span.end))


def _is_doubtful(text: str, span: ModelSpan) -> bool:
    """An abbreviation alone is jargon, and the first word of a sentence has its capital anyway, more often than not."""
    if _ACRONYM.fullmatch(text, span.start, span.end) or _CAMEL.fullmatch(text, span.start, span.end):
        return True
    is_single = " " not in text[span.start : span.end]
    return is_single and _SENTENCE_START.search(text, max(0, span.start - 4), span.start) is not None


def _covers(others: Sequence[ModelSpan], group: Sequence[ModelSpan]) -> bool:
    return any(other.start <= group[0].start and _end(group) <= other.end for other in others)


def _persons(
    text: str, names: Sequence[ModelSpan], spacy: Sequence[ModelSpan], peoples: Sequence[ModelSpan], *, covered: bool
) -> Iterator[Finding]:
    """`peoples`: what spaCy takes for a nation or a language; the other model calls a German "German"."""
    runs = [group for group in _runs(text, names, r"[ \t]*") if not _covers(peoples, group)]
    groups = [(group[0].start, _end(group), min(s.score for s in group)) for group in runs]
    for start, end, score in groups:
        if is_unspaced(text[start:end]):  # it reads no such script: what it finds there is chance
            continue
        start = _after_verb(text, start, end)
        if start >= end:
            continue
        if _is_abbreviation(text[start:end]):
            yield Finding(start, end, T.NAME, WEAK, RAMPART)
        elif not _is_common(text[start:end]) and not is_identifier(text, start, end):
            yield from _person(text, start, end, score, RAMPART)
    for span in spacy:
        agreed = any(start < span.end and span.start < end for start, end, _ in groups)
        begin = _begin(text, span)
        if is_identifier(text, begin, span.end):
            continue
        # a single capitalised word that only spaCy takes for a person is a product or a place as often as not
        single = len(_capitalised(text[begin : span.end])) < 2
        counts = covered or _is_called(text[begin : span.end])
        if single and not _ADDRESSING.search(text, max(0, begin - 14), begin):
            counts = False
        if agreed or (counts and "_" not in text[begin : span.end]):
            for start, end in _cut(text, begin, span.end):
                yield from _person(text, start, end, span.score, SPACY)
        elif _NAME_SHAPE.fullmatch(text, begin, span.end):
            yield Finding(begin, span.end, T.NAME, WEAK, SPACY)


def _is_called(found: str) -> bool:
    """Whether people are called so."""
    return any(is_given(word) or is_family(word) for word in _WORD.findall(found))


def _is_abbreviation(found: str) -> bool:
    return found.isupper() and found.isalpha() and found.isascii() and not _is_called(found.title())


def _is_common(found: str) -> bool:
    """A word in lower case that is no name: the model takes a piece of a rare one for a name now and then."""
    if is_software(found):
        return found.islower()
    return found.islower() and all(is_plain(word) and not is_given(word.title()) for word in _WORD.findall(found))


def _begin(text: str, span: ModelSpan) -> int:
    """Where the name begins: spaCy takes in the small words before it, and "Tell" of "Tell Ada"."""
    lower = _LOWER_START.match(text, span.start, span.end)
    begin = lower.end() if lower else span.start
    first = _WORD.match(text, begin, span.end)
    if first and first.group() in _IMPERATIVES and first.end() < span.end:
        return first.end() + 1
    return _after_verb(text, begin, span.end)


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A span cut at the ordinary words in it: the pieces in which people's names stand, or all of it where none are."""
    between = [match.span() for match in _SMALL_WORD.finditer(text, start, end) if match.group() not in _PARTICLES]
    if not between:
        return [(start, end)]
    edges = [start, *(edge for cut in between for edge in cut), end]
    pieces = [(one, other) for one, other in zip(edges[::2], edges[1::2], strict=True) if one < other]
    called = [piece for piece in pieces if _is_called(text[slice(*piece)])]
    return [_stripped(text, *piece) for piece in called] or [(start, end)]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    found = text[start:end]
    return start + len(found) - len(found.lstrip()), end - (len(found) - len(found.rstrip()))


def _after_verb(text: str, start: int, end: int) -> int:
    """Where the name begins after a plain word with the capital of its sentence: "Derive" of "Derive Ohm's law"."""
    first = _WORD.match(text, start, end)
    if first is None or not is_plain(first.group()) or not _SENTENCE_START.search(text, max(0, start - 4), start):
        return start
    second = _WORD.match(text, first.end() + 1)
    if second is None or not bears_a_name(text, second.start(), _BARE.match(text, second.start()).end()):  # type: ignore[union-attr]  # it matches what `second` does
        return start
    return second.start()


def _person(text: str, start: int, end: int, score: float, model: str) -> Iterator[Finding]:
    start, end = _whole_words(text, start, end)
    end -= len(_PERSON_TRIM.search(text[start:end]).group())  # type: ignore[union-attr]  # it matches the empty string
    if end <= start or not any(c.isalpha() for c in text[start:end]):
        return
    full = len(_WORD.findall(text[start:end])) > 1
    yield Finding(start, end, T.PERSON if full else T.GIVEN_NAME, score, model)


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Models cut words into pieces; half a name left in the clear is a name."""
    while start > 0 and _joins(text[start - 1]) and _joins(text[start]):
        start -= 1
    while end < len(text) and _joins(text[end - 1]) and _joins(text[end]):
        end += 1
    return start, end


def _joins(character: str) -> bool:
    return character.isalnum() and not is_unspaced(character)


def _capitalised(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word[0].isupper()]


def _addresses(text: str, pieces: Sequence[ModelSpan]) -> Iterator[Finding]:
    for group in _runs(text, pieces, _ADDRESS_GAP):
        start, end = _whole_words(text, group[0].start, _end(group))
        unit = _UNIT.match(text, end)
        end = unit.end() if unit else end
        labels = {s.label for s in group}
        score = min(s.score for s in group)
        if is_unspaced(text[start:end]):
            continue
        if "STREET_NAME" in labels or ("BUILDING_NUMBER" in labels and len(labels) > 1):
            yield Finding(start, end, T.ADDRESS, score, RAMPART)
        elif labels & _TOWN_LABELS:
            type_ = T.ADDRESS if "ZIP_CODE" in labels else T.PLACE
            doubtful = type_ is T.PLACE and text[start:end].islower() and not is_place(text[start:end].title())
            yield Finding(start, end, type_, WEAK if doubtful else score, RAMPART)
        elif end - start >= NUMBER_CHARACTERS_MIN:  # a number alone: a house's, a post code, or a port
            yield Finding(start, end, T.PLACE, WEAK, RAMPART)


def _numbers(text: str, spans: Sequence[ModelSpan]) -> Iterator[Finding]:
    typed = [s for s in spans if s.label in _RAMPART_TYPES]
    for group in _runs(text, typed, r"[ \t.-]?"):
        type_ = _RAMPART_TYPES[group[0].label]
        start, end = _whole_words(text, group[0].start, _end(group))
        if type_ in _NUMBERS and (end - start > NUMBER_CHARACTERS_MAX or len(set(text[start:end])) < DISTINCT_MIN):
            continue
        if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdigit():  # the rest of a version
            continue
        if type_ in _NUMBERS and is_of_a_thing(text, start, end):
            continue
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
