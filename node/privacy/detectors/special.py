"""Health, belief, sexuality, crime, childhood, money and contracts: as a subject in general, or somebody's.

A word of the lexicon is a *topic*. It becomes somebody's when its sentence, or the one beside it, speaks of a person: the
writer, a relation, a patient. A name anywhere in the request does the same, in `sensitivity`.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.detectors.lexicon import LEXICON
from node.privacy.findings import OF_SOMEBODY, Finding, FindingType
from node.privacy.wordlist import words

STEM_KEY = 3  # stems are looked up by their first characters
SENTENCES_BESIDE = 1
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)|[。！？\n]")

# "Explain diabetes to me" speaks of nobody: these are taken away before a first person is looked for.
ASKING = re.compile(
    r"(?:tell|explain(?:\sto)?|help|give|show|teach|let|send|write|remind|for|to|with)\s(?:me|us)\b|"
    r"\bI(?:'m|\sam)\s(?:writing|studying|reading|learning|curious|wondering|preparing|working on|looking for|researching|making)\b|"
    r"\bI(?:'d|\swould)?\s(?:want|need|like|have|wish|am trying|try)\sto\s(?:know|understand|learn|write|explain|compare|describe|make|create|find)\b|"
    r"\b(?:my|our)\s(?:\w+\s)?(?:essay|homework|class|teacher|presentation|paper|project|question|code|thesis|students?|exam|blog|book|novel|story|"
    r"article|app|team|understanding|prompt|course|script|report|website|assignment|research|readers|audience)\b|"
    r"\b(?:can|could|may|should|how (?:do|can|should|would)|where can|what should)\sI\s(?:write|explain|say|describe|spell|translate|use|cite|format|find)\b",
    re.IGNORECASE,
)
_RELATION = (
    r"mother|father|mom|mum|dad|parents?|wife|husband|spouse|partner|boyfriend|girlfriend|fianc[eé]e?|son|daughter|child|children|kids?|baby|twins|"
    r"brother|sister|sibling|uncle|aunt|cousin|nephew|niece|grandmother|grandfather|grandma|grandpa|grandson|granddaughter|friend|"
    r"colleague|coworker|co-worker|boss|manager|employee|neighbou?r|roommate|flatmate|landlord|tenant|client|patient|student|pupil|ex"
)
_SOMEBODY = re.compile(
    r"(?<![^\W_])(?:I|I'm|I’m|I've|I’ve|im|my|mine|myself|he|she|his|her|hers|him|himself|herself|our\s(?:\w+\s)?(?:"
    + _RELATION
    + r")|(?:the|this|that|one\sof\s(?:my|our))\s(?:\w+\s)?(?:"
    + _RELATION
    + r"|defendant|plaintiff|accused|deceased|victim|claimant|applicant|neighbou?r)|an?\s(?:\w+\s)?(?:friend|colleague|coworker|neighbou?r|relative|client|"
    r"patient)\sof\s(?:mine|ours)|patient:|\d{1,3}[ -]?(?:years?|yrs?|y)[ -]?(?:old|o)\b|\d{1,3}\s?yo|ich|mir|mich|meine?[mnrs]?|ihm|seine?[mnrs]?|ihre[nrsm]?|"
    r"je|j['’]ai|mon|ma|mes|elle|yo|mis?|tengo|estoy|ella|io|mi[oa]|ho|ik|mijn|hij|zijn|eu|meu|minha|ela|tenho|я|мой|моя|我|我的|他|她|私|僕|彼|彼女)(?![^\W_])"
    r"|我|私の|彼女",
    re.IGNORECASE,
)
# Each of these is enough: nothing of `ASKING` takes it away.
_SOMEBODY_ALONE = words(
    "im mine myself he she his her hers him himself herself ich mir mich mein meine meinem meinen meiner meines ihm sein seine "
    "seinem seinen seiner seines ihre ihren ihrem ihrer ihres je mon ma mes elle yo mi mis tengo estoy ella io mia mio ho ik "
    "mijn hij zijn eu meu minha ela tenho"
)
# Without one of these, digits and letters beyond ASCII the pattern above finds nothing.
_SOMEBODY_WORDS = _SOMEBODY_ALONE | words(
    "i my mother father mom mum dad parent parents wife husband spouse partner boyfriend girlfriend fiance fiancee son "
    "daughter child children kid kids baby twins brother sister sibling uncle aunt cousin nephew niece grandmother "
    "grandfather grandma grandpa grandson granddaughter friend colleague coworker co boss manager employee neighbor "
    "neighbour roommate flatmate landlord tenant client patient student pupil ex defendant plaintiff accused deceased "
    "victim claimant applicant relative j"
)
_DIGIT = re.compile(r"\d")
CURRENCY_CHARACTERS = 4  # before the first digit: "Rs. "
AMOUNT_CHARACTERS_MAX = 60
_AMOUNT = re.compile(
    r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|Rs\.?)\s?\d+(?:[.,']\d+)*\s?(?:k|K|m|million|bn)?(?!\w)|"
    r"(?<![\w.,])\d+(?:[.,']\d+)*\s?(?:k|K|thousand|million)?\s?(?:[$€£¥₹元円]|USD|EUR|GBP|CHF|dollars|euros?|pounds|kr|zł|yuan)(?!\w)|"
    r"(?<![\w.,/-])\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{2})?(?![\w])"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    stem: str  # the beginning of its first word, where that is inflected; else ""
    pattern: re.Pattern[str]  # of the whole term, in lower case
    type: FindingType


def _entries() -> tuple[dict[str, tuple[_Entry, ...]], dict[str, tuple[_Entry, ...]]]:
    """By their first word where it stands in texts as it is, and by the first characters of those that are inflected."""
    whole: dict[str, list[_Entry]] = {}
    stems: dict[str, list[_Entry]] = {}
    for type_, terms in LEXICON.items():
        for term in sorted(terms):
            parts = term.rstrip("*").split("_")
            ending = r"[^\W_]*" if term.endswith("*") else ""
            pattern = re.compile(r"[\s_-]{1,3}".join(map(re.escape, parts)) + ending + r"(?![^\W_])")
            if ending and len(parts) == 1:
                stems.setdefault(term[:STEM_KEY], []).append(_Entry(parts[0], pattern, type_))
            else:
                whole.setdefault(parts[0], []).append(_Entry("", pattern, type_))
    return {key: tuple(of) for key, of in whole.items()}, {key: tuple(of) for key, of in stems.items()}


_WHOLE, _STEMS = _entries()
_WHOLE_WORDS = frozenset(_WHOLE)
assert all(len(entry.stem) >= STEM_KEY for entries in _STEMS.values() for entry in entries)


def _topics(text: Text) -> Iterator[tuple[int, int, FindingType]]:
    found = [(word, entry) for word in text.vocabulary & _WHOLE_WORDS for entry in _WHOLE[word]]
    for word in text.vocabulary:
        if word[:STEM_KEY] in _STEMS:
            found += [(word, entry) for entry in _STEMS[word[:STEM_KEY]] if word.startswith(entry.stem)]
    for word, entry in found:
        for place in text.at_word(word):
            match = entry.pattern.match(text.lower, place.start)
            if match:
                yield *match.span(), entry.type


class _Sentences:
    """Where sentences end, and which of them speak of somebody."""

    def __init__(self, text: Text) -> None:
        self._normal = text.normal
        self._spaced = text.spaced
        self._any = not text.is_ascii or text.digit_count > 0 or not text.vocabulary.isdisjoint(_SOMEBODY_WORDS)
        self._ends = [match.end() for match in _SENTENCE_END.finditer(text.normal)] + [len(text.normal)]
        self._somebody: dict[int, bool] = {}

    def of(self, position: int) -> int:
        return bisect.bisect_right(self._ends, position)

    def speaks_of_somebody(self, position: int) -> bool:
        here = min(self.of(position), len(self._ends) - 1)
        first, last = max(0, here - SENTENCES_BESIDE), min(len(self._ends) - 1, here + SENTENCES_BESIDE)
        return any(self._has_somebody(sentence) for sentence in range(first, last + 1))

    def _has_somebody(self, sentence: int) -> bool:
        if not self._any:
            return False
        if sentence not in self._somebody:
            start = self._ends[sentence - 1] if sentence else 0
            self._somebody[sentence] = self._speaks(start, self._ends[sentence])
        return self._somebody[sentence]

    def _speaks(self, start: int, end: int) -> bool:
        said = self._normal[start:end]
        spoken = self._spaced[start + 1 : end + 1].split()
        if not _SOMEBODY_ALONE.isdisjoint(spoken):
            return True
        if said.isascii() and _SOMEBODY_WORDS.isdisjoint(spoken) and not _DIGIT.search(said):
            return False
        return _SOMEBODY.search(ASKING.sub(" ", said)) is not None


def _find(text: Text) -> Iterator[Finding]:
    topics = sorted(_topics(text))
    if not topics:
        return
    sentences = _Sentences(text)
    money = set()
    for start, end, type_ in topics:
        if type_ is FindingType.MONEY_TOPIC:
            money.add(sentences.of(start))
            continue
        if sentences.speaks_of_somebody(start):
            type_ = OF_SOMEBODY[type_]
        yield Finding(start, end, type_, 0.8, "special")
    if money:
        for start, end in _amounts(text, sentences, money):
            somebody = sentences.speaks_of_somebody(start)
            yield Finding(start, end, FindingType.AMOUNT if somebody else FindingType.MONEY_TOPIC, 0.8, "special")


def _amounts(text: Text, sentences: _Sentences, money: set[int]) -> Iterator[tuple[int, int]]:
    """Sums in the sentences `money`."""
    done = 0
    for at in text.digit_starts:
        if at >= done and sentences.of(at) in money:
            match = _AMOUNT.search(text.normal, max(done, at - CURRENCY_CHARACTERS), at + AMOUNT_CHARACTERS_MAX)
            if match and match.start() <= at:
                done = match.end()
                yield match.span()


DETECTORS = (Detector("special", frozenset(OF_SOMEBODY) | frozenset(OF_SOMEBODY.values()), _find, (Evidence(),)),)
