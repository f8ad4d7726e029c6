"""Which stretches of a text the slow model reads: those in which something could be a name or a number.

A word that stands for a name is read where it first stands; later occurrences are masked without being read again.
"""

import re
from collections.abc import Iterator

from node.privacy.gazetteer import is_family, is_given, is_word

WHOLE_CHARACTERS_MAX = 240  # a shorter text is read whole: its few words explain each other
READS_OF_A_WORD = 1
ACRONYM_CHARACTERS_MAX = 5
_SENTENCE_END = re.compile(r"(?<=[.!?。！？])[\"'”’)]*\s+|\n+")
_GRAMMAR = re.compile(r"(?:['’](?:s|ll|re|ve|d|m)|n['’]t)\Z")  # what may hang on any word
_CAMEL = re.compile(r"[^\W\d_A-Z]{2}[A-Z]")  # what programs call their own; "McConnan" and "DeShawn" are people
_PART = re.compile(r"[A-Z][^\W\d_A-Z]+")
_EVIDENCE = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|@|\d{5,}|(?<!\d)\d{2,4}[ -]\d{2,4}[ -]\d{2,}")


def stretches(text: str, reach: int) -> Iterator[tuple[int, int]]:
    """In order, neighbours joined up to `reach` characters."""
    if len(text) <= WHOLE_CHARACTERS_MAX:
        yield 0, len(text)
        return
    first = last = -1
    for start, end in _worth_reading(text):
        if first >= 0 and start == last and end - first <= reach:
            last = end
            continue
        if first >= 0:
            yield first, last
        first, last = start, end
    if first >= 0:
        yield first, last


def _worth_reading(text: str) -> Iterator[tuple[int, int]]:
    seen: dict[str, int] = {}
    start = 0
    for end in [match.end() for match in _SENTENCE_END.finditer(text)] + [len(text)]:
        if end > start and _is_new(text[start:end], seen):
            yield start, end
        start = end


def _is_new(sentence: str, seen: dict[str, int]) -> bool:
    new = False
    told: set[str] = set()
    for match in _EVIDENCE.finditer(sentence):
        word = _GRAMMAR.sub("", match.group()) or match.group()
        if not word[0].isalpha():
            new = True
        elif _may_be_name(word) and word not in told:
            told.add(word)
            seen[word] = seen.get(word, 0) + 1
            new = new or seen[word] <= READS_OF_A_WORD
    return new


def _may_be_name(word: str) -> bool:
    lower = word.lower()
    if _CAMEL.search(word):
        return any(is_given(part) or is_family(part) for part in _PART.findall(word))
    if word[0].isupper():
        if len(word) <= ACRONYM_CHARACTERS_MAX and word.isupper():
            return False
        return is_given(word) or is_family(word) or not is_word(lower)
    return is_given(word.title()) and not is_word(lower)
