"""Further occurrences of values that are known: a name learnt late masks the earlier messages too.

Time is linear in the text: values are looked up at each word, by their first word.
"""

import re
from collections.abc import Iterator

from node.privacy.findings import NAMES, FindingType
from node.privacy.gazetteer import is_word
from node.privacy.languages import is_unspaced
from node.privacy.plural import is_plural, singular
from node.privacy.vault import Vault
from node.privacy.wordlist import words

_WORD = re.compile(r"[^\W_]+")
NAME_CHARACTERS_MIN = 3  # a shorter piece of a name is masked only where a detector finds it
VALUE_CHARACTERS_MIN = 4  # the same for other values: "12" of an age is everywhere
GENITIVE_CHARACTERS_MIN = 4  # of a name that may have an s behind it: "Jos" is nobody's
BEFORE_CHARACTERS = 4  # that tell whether a sentence begins
INITIALS_CHARACTERS = 9  # "A. B. C. "
_INITIALS = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.[ \u00a0]?){1,3}\Z")
_FULL_NAMES = frozenset({FindingType.PERSON, FindingType.PEOPLE})
_DOUBTFUL = frozenset({FindingType.NAME, FindingType.ORGANISATION, FindingType.PLACE, FindingType.GROUP})
_NOT_ALONE = words("the and for von van der den del della das dos mrs miss prof herr frau señor señora monsieur madame")


class KnownValues:
    """The values whose further occurrences are masked."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[tuple[str, int, FindingType]]] = {}  # first word → value, its offset there, type
        self._anywhere: dict[str, FindingType] = {}
        self._known: set[tuple[str, FindingType]] = set()
        self._with_s: set[str] = set()  # what was made of a name, and seen nowhere yet
        self._initials: dict[str, set[str]] = {}  # word of a name → those of its other words

    @classmethod
    def of(cls, vault: Vault) -> "KnownValues":
        known = cls()
        for entry in vault:
            if entry.type is not FindingType.LITERAL:
                known.add(entry.type, entry.value)
        return known

    def add(self, type_: FindingType, value: str) -> None:
        """Remembers the value; of a name also its single words, where they stand with a capital."""
        if (value, type_) in self._known:
            return
        self._known.add((value, type_))
        least = NAME_CHARACTERS_MIN if type_ in NAMES else VALUE_CHARACTERS_MIN
        if is_unspaced(value):
            if len(value) > 1:
                self._anywhere[value] = type_
            return
        if len(value) < least:
            return
        if type_ is FindingType.SECRET:
            self._anywhere[value] = type_
            return
        self._with_s.discard(value)
        self._index(value, type_)
        if type_ in _FULL_NAMES:
            words_of_it = [match.group() for match in _WORD.finditer(value)]
            for word in words_of_it:
                if len(word) >= least and word[0].isupper() and word.lower() not in _NOT_ALONE:
                    self._index_name(singular(word) if type_ is FindingType.PEOPLE else word)
                    self._initials.setdefault(word, set()).update(other[0] for other in words_of_it if other != word)

    def _index_name(self, word: str) -> None:
        """A single word of a name; also with the s of a genitive or of a family."""
        self._with_s.discard(word)
        self._index(word, FindingType.GIVEN_NAME)
        if len(word) >= GENITIVE_CHARACTERS_MIN and self._index(f"{word}s", FindingType.GIVEN_NAME):
            self._with_s.add(f"{word}s")

    def _index(self, value: str, type_: FindingType) -> bool:
        """Whether it was not there yet."""
        first = _WORD.search(value)
        if first is None:
            return False
        places = self._by_word.setdefault(first.group().casefold(), [])
        if any(value == known for known, _, _ in places):
            return False
        places.append((value, first.start(), type_))
        places.sort(key=lambda place: -len(place[0]))
        return True

    def find(self, text: str) -> Iterator[tuple[int, int, FindingType]]:
        """Occurrences, which may overlap each other."""
        for value, type_ in self._anywhere.items():
            at = text.find(value)
            while at >= 0:
                yield at, at + len(value), type_
                at = text.find(value, at + len(value))
        if not self._by_word:
            return
        for match in _WORD.finditer(text):
            for value, offset, type_ in self._by_word.get(match.group().casefold(), ()):
                start = match.start() - offset
                end = start + len(value)
                if start < 0:
                    continue
                if value in self._with_s and not (is_plural(text, start, end) or _is_within_sentence(text, start)):
                    continue  # "Marks are due", though Mark is known
                if _is_same(text[start:end], value, type_) and _stands_alone(text, start, end):
                    yield self._with_initials(text, start, value), end, type_
                    break

    def _with_initials(self, text: str, start: int, value: str) -> int:
        """Where "A. Byron" begins, of whom the whole name is known."""
        before = _INITIALS.search(text, max(0, start - INITIALS_CHARACTERS), start)
        if before is None or not set(before.group()) & self._initials.get(value, set()):
            return start
        return before.start()


def _is_same(found: str, value: str, type_: FindingType) -> bool:
    if found == value:
        return True
    if found.casefold() != value.casefold():
        return False
    if type_ in _DOUBTFUL:  # "the Health and Safety Committee" is not every committee
        return found[:1].isupper() and not is_word(value.casefold())
    # "Will" the person is not "will" the verb, but may be "WILL". No table tells "byron" from the verb of "sue him", so
    # what is in small letters alone is left to the detectors.
    return type_ not in NAMES or " " in value or found[:1].isupper()


def _is_within_sentence(text: str, start: int) -> bool:
    """Where a capital is a name's, and not the sentence's."""
    before = text[max(0, start - BEFORE_CHARACTERS) : start].rstrip(" \t")
    return bool(before) and (before[-1].isalnum() or before[-1] in ",;'’)")


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return not (before.isalnum() and text[start].isalnum()) and not (after.isalnum() and text[end - 1].isalnum())
