"""Further occurrences of values that are known: a name learnt late masks the earlier messages too.

Time is linear in the text: values are looked up at each word, by their first word.
"""

import re
from collections.abc import Iterator

from node.privacy.findings import NAMES, FindingType
from node.privacy.gazetteer import is_word
from node.privacy.languages import is_unspaced
from node.privacy.vault import Vault
from node.privacy.wordlist import words

_WORD = re.compile(r"[^\W_]+")
NAME_CHARACTERS_MIN = 3  # a shorter piece of a name is masked only where a detector finds it
VALUE_CHARACTERS_MIN = 4  # the same for other values: "12" of an age is everywhere
_DOUBTFUL = frozenset({FindingType.NAME, FindingType.ORGANISATION, FindingType.PLACE, FindingType.GROUP})
_NOT_ALONE = words("the and for von van der den del della das dos mrs miss prof herr frau señor señora monsieur madame")


class KnownValues:
    """The values whose further occurrences are masked."""

    def __init__(self) -> None:
        self._by_word: dict[str, list[tuple[str, int, FindingType]]] = {}  # first word → value, its offset there, type
        self._anywhere: dict[str, FindingType] = {}
        self._known: set[tuple[str, FindingType]] = set()

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
        self._index(value, type_)
        if type_ is FindingType.PERSON:
            for match in _WORD.finditer(value):
                word = match.group()
                if len(word) >= least and word[0].isupper() and word.lower() not in _NOT_ALONE:
                    self._index(word, FindingType.GIVEN_NAME)

    def _index(self, value: str, type_: FindingType) -> None:
        first = _WORD.search(value)
        if first is not None:
            places = self._by_word.setdefault(first.group().casefold(), [])
            if all(value != known for known, _, _ in places):
                places.append((value, first.start(), type_))
                places.sort(key=lambda place: -len(place[0]))

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
                if start >= 0 and _is_same(text[start:end], value, type_) and _stands_alone(text, start, end):
                    yield start, end, type_
                    break


def _is_same(found: str, value: str, type_: FindingType) -> bool:
    if found == value:
        return True
    if found.casefold() != value.casefold():
        return False
    if type_ in _DOUBTFUL:  # "the Health and Safety Committee" is not every committee
        return found[:1].isupper() and not is_word(value.casefold())
    # "Will" the person is not "will" the verb, but may be "WILL"
    return type_ not in NAMES or " " in value or found[:1].isupper()


def _stands_alone(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    after = text[end] if end < len(text) else " "
    return not (before.isalnum() and text[start].isalnum()) and not (after.isalnum() and text[end - 1].isalnum())
