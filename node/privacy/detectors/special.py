"""Health, belief, sexuality, crime, childhood, money and contracts: as a subject in general, or somebody's.

A word of the lexicon is a *topic*. It becomes somebody's when its sentence, or the one beside it, speaks of a person: the
writer, a relation, a patient. A name anywhere in the request does the same, in `sensitivity`.
"""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from node.privacy.detectors.base import Detector, Text
from node.privacy.detectors.lexicon import LEXICON
from node.privacy.findings import OF_SOMEBODY, Finding, FindingType

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
    r"patient)\sof\s(?:mine|ours)|patient:|\d{1,3}[ -]?(?:years?|yrs?|y)[ -]?(?:old|o)\b|\d{1,3}\s?yo|ich|mir|mich|mein\w{0,2}|ihm|sein\w{0,2}|ihre[nrsm]?|"
    r"je|j['’]ai|mon|ma|mes|elle|yo|mis?|tengo|estoy|ella|io|mi[oa]|ho|ik|mijn|hij|zijn|eu|meu|minha|ela|tenho|я|мой|моя|我|我的|他|她|私|僕|彼|彼女)(?![^\W_])"
    r"|我|私の|彼女",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|Rs\.?)\s?\d+(?:[.,']\d+)*\s?(?:k|K|m|million|bn)?(?!\w)|"
    r"(?<![\w.,])\d+(?:[.,']\d+)*\s?(?:k|K|thousand|million)?\s?(?:[$€£¥₹元円]|USD|EUR|GBP|CHF|dollars|euros?|pounds|kr|zł|yuan)(?!\w)|"
    r"(?<![\w.,/-])\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{2})?(?![\w])"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    first: str  # its first word, or the beginning of it
    pattern: re.Pattern[str]  # of the whole term, in lower case
    type: FindingType
    whole: bool  # its first word stands in the text as it is: no stem


def _entries() -> dict[str, tuple[_Entry, ...]]:
    index: dict[str, list[_Entry]] = {}
    for type_, terms in LEXICON.items():
        for term in sorted(terms):
            words = term.rstrip("*").split("_")
            ending = r"[^\W_]*" if term.endswith("*") else ""
            pattern = re.compile(r"[\s_-]{1,3}".join(map(re.escape, words)) + ending + r"(?![^\W_])")
            index.setdefault(words[0][:STEM_KEY], []).append(
                _Entry(words[0], pattern, type_, not (ending and len(words) == 1))
            )
    return {key: tuple(entries) for key, entries in index.items()}


_INDEX = _entries()


def _topics(text: Text) -> Iterator[tuple[int, int, FindingType]]:
    for word in text.vocabulary:
        if word[:STEM_KEY] not in _INDEX:
            continue
        for entry in _INDEX[word[:STEM_KEY]]:
            if not word.startswith(entry.first) or (entry.whole and word != entry.first):
                continue
            for place in text.at_word(word):
                match = entry.pattern.match(text.lower, place.start)
                if match:
                    yield *match.span(), entry.type


class _Sentences:
    """Where sentences end, and which of them speak of somebody."""

    def __init__(self, text: Text) -> None:
        self._normal = text.normal
        self._ends = [match.end() for match in _SENTENCE_END.finditer(text.normal)] + [len(text.normal)]
        self._somebody: dict[int, bool] = {}

    def of(self, position: int) -> int:
        return bisect.bisect_right(self._ends, position)

    def speaks_of_somebody(self, position: int) -> bool:
        here = min(self.of(position), len(self._ends) - 1)
        first, last = max(0, here - SENTENCES_BESIDE), min(len(self._ends) - 1, here + SENTENCES_BESIDE)
        return any(self._has_somebody(sentence) for sentence in range(first, last + 1))

    def _has_somebody(self, sentence: int) -> bool:
        if sentence not in self._somebody:
            start = self._ends[sentence - 1] if sentence else 0
            asked = ASKING.sub(" ", self._normal[start : self._ends[sentence]])
            self._somebody[sentence] = _SOMEBODY.search(asked) is not None
        return self._somebody[sentence]


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
        for match in _AMOUNT.finditer(text.normal):
            if sentences.of(match.start()) in money:
                somebody = sentences.speaks_of_somebody(match.start())
                yield Finding(
                    *match.span(), FindingType.AMOUNT if somebody else FindingType.MONEY_TOPIC, 0.8, "special"
                )


DETECTORS = (Detector("special", frozenset(OF_SOMEBODY) | frozenset(OF_SOMEBODY.values()), _find),)
