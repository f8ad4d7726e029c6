"""Health, belief, sexuality, crime, childhood, money and contracts: as a subject in general, or somebody's.

A word of the lexicon is a *topic*. It becomes somebody's when its sentence, or the one beside it, speaks of a person: the
writer, a relation, a patient. A name anywhere in the request does the same, in `sensitivity`.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.detectors.lexicon import LEXICON
from node.privacy.findings import OF_SOMEBODY, Finding, FindingType
from node.privacy.wordlist import words

STEM_KEY = 4  # stems are looked up by their first characters
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
# Who may be meant whatever is asked. The words that set blanks between them are looked up, the others searched.
_SOMEBODY = words(
    "im mine myself he she his her hers him himself herself ich mir mich mein meine meinem meinen meiner meines ihm sein seine "
    "seinem seinen seiner seines ihre ihren ihrem ihrer ihres je mon ma mes elle yo mi mis tengo estoy ella io mia mio ho ik "
    "mijn hij zijn eu meu minha ela tenho я мой моя 我的 他 她 私 僕 彼"
)
_SOMEBODY_UNSPACED = ("我", "私の", "彼女")
_FIRST_PERSON = re.compile(r"(?<![^\W_])(?:I(?!\.\s?e\b)|my|j['’]ai)(?![^\W_])", re.IGNORECASE)
_FIRST_PERSON_WORDS = words("i my j")
_RELATED = re.compile(
    rf"(?<![^\W_])(?:our\s(?:\w+\s)?(?:{_RELATION})|(?:the|this|that|one\sof\s(?:my|our))\s(?:\w+\s)?(?:{_RELATION}|defendant|plaintiff|"
    r"accused|deceased|victim|claimant|applicant|neighbou?r)|an?\s(?:\w+\s)?(?:friend|colleague|coworker|neighbou?r|relative|client|patient)"
    r"\sof\s(?:mine|ours)|patient:)(?![^\W_])",
    re.IGNORECASE,
)
_RELATED_WORDS = words(
    "mother father mom mum dad parent parents wife husband spouse partner boyfriend girlfriend fiance fiancee fiancé fiancée "
    "son daughter child children kid kids baby twins brother sister sibling uncle aunt cousin nephew niece grandmother "
    "grandfather grandma grandpa grandson granddaughter friend colleague coworker worker boss manager employee neighbor "
    "neighbour roommate flatmate landlord tenant client patient student pupil ex defendant plaintiff accused deceased "
    "victim claimant applicant relative"
)
_AGED = re.compile(r"\d(?<![^\W_].)\d{0,2}(?:[ -]?(?:years?|yrs?|y)[ -]?(?:old|o)\b|\s?yo(?![^\W_]))", re.IGNORECASE)
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


def _topics(text: Text) -> list[tuple[int, int, FindingType]]:
    """In their order."""
    found = [(word, entry) for word in text.vocabulary & _WHOLE_WORDS for entry in _WHOLE[word]]
    for word in text.vocabulary:
        if word[:STEM_KEY] in _STEMS:
            found += [(word, entry) for entry in _STEMS[word[:STEM_KEY]] if word.startswith(entry.stem)]
    if not found:
        return []
    return sorted(
        (*match.span(), entry.type)
        for word, entry in found
        for place in text.at_word(word)
        if (match := entry.pattern.match(text.lower, place.start))
    )


class _Sentences:
    """Where sentences end, and which of them speak of somebody."""

    def __init__(self, text: Text) -> None:
        self._text = text
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
            start, end = self._ends[sentence - 1] if sentence else 0, self._ends[sentence]
            said, words_ = self._text.normal[start:end], self._text.spaced[start + 1 : end + 1].split()
            self._somebody[sentence] = _names_somebody(said, words_) or (
                self._text.other_script and any(mark in said for mark in _SOMEBODY_UNSPACED)
            )
        return self._somebody[sentence]


def _names_somebody(said: str, words_: Sequence[str]) -> bool:
    if not _SOMEBODY.isdisjoint(words_):
        return True
    if not _FIRST_PERSON_WORDS.isdisjoint(words_) and _FIRST_PERSON.search(ASKING.sub(" ", said)):
        return True
    if not _RELATED_WORDS.isdisjoint(words_) and _RELATED.search(ASKING.sub(" ", said)):
        return True
    return _AGED.search(said) is not None


def _find(text: Text) -> Iterator[Finding]:
    topics = _topics(text)
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
    for at, _ in text.digit_runs:
        if at >= done and sentences.of(at) in money:
            match = _AMOUNT.search(text.normal, max(done, at - CURRENCY_CHARACTERS), at + AMOUNT_CHARACTERS_MAX)
            if match and match.start() <= at:
                done = match.end()
                yield match.span()


DETECTORS = (Detector("special", frozenset(OF_SOMEBODY) | frozenset(OF_SOMEBODY.values()), _find, (Evidence(),)),)
