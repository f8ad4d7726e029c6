"""The map from token to value, of one conversation. It never leaves this node and is never logged.

One value has one number; another spelling of it (case, first name after the full name, another format of a telephone
number) has the same number and a letter, so that what comes back is what was written. Numbers are given by first
appearance, so that equal histories number equally.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from node.privacy.findings import FindingType
from node.privacy.wordlist import words
from protocol.errors import PlaceholderError
from protocol.placeholders import NUMBER_MAX, SPELLING_MAX, Placeholder

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_TITLES = words(
    "mr mrs ms miss mx dr prof professor sir dame rev herr herrn frau monsieur madame mme mlle señor señora sr sra "
    "signor signora dott mw mevr dhr pan pani"
)
PHONE_DIGITS = 9  # the last ones tell a number in all its formats, with country code and without


@dataclass(frozen=True, slots=True, repr=False)
class Entry:
    """What one token stands for. Its representation hides the value."""

    placeholder: Placeholder
    value: str
    type: FindingType

    def __repr__(self) -> str:
        return f"Entry({self.placeholder})"


class Vault:
    """Filled by the sanitiser, read by the restorer."""

    def __init__(self) -> None:
        self._entries: dict[Placeholder, Entry] = {}
        self._by_value: dict[tuple[str, str], Placeholder] = {}  # (token type, value as written)
        self._numbers: dict[tuple[str, str], int] = {}  # (token type, identity)
        self._spellings: dict[tuple[str, int], int] = {}
        self._last: dict[str, int] = {}
        self._reserved: set[tuple[str, int]] = set()
        self._people: dict[int, set[str]] = {}  # number → words of the person's names
        self._by_name: dict[str, set[int]] = {}  # such a word → the numbers of those who bear it

    @classmethod
    def continued(cls, entries: Iterable[Entry]) -> "Vault":
        """A vault of these entries, in the order in which they were numbered: it numbers on behind them.

        Raises PlaceholderError where two of them have one token.
        """
        vault = cls()
        for entry in entries:
            vault._take(entry)
        return vault

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """In the order of first appearance."""
        return iter(self._entries.values())

    def __repr__(self) -> str:
        return f"Vault({len(self)} values)"

    def get(self, placeholder: Placeholder) -> Entry | None:
        return self._entries.get(placeholder)

    def reserve(self, placeholder: Placeholder) -> bool:
        """Keeps a lookalike's number from being given out. False when it was given out already."""
        if (placeholder.type, placeholder.number) in self._spellings:
            return False
        self._reserved.add((placeholder.type, placeholder.number))
        return True

    def put(self, type_: FindingType, value: str) -> Placeholder:
        """The token of `value`. Raises PlaceholderError when the conversation has run out of numbers."""
        token_type = type_.trait.token
        known = self._by_value.get((token_type, value))
        if known is not None:
            return known
        number = self._number(token_type, value)
        spelling = self._spellings.get((token_type, number), -1) + 1
        if spelling > SPELLING_MAX:
            number, spelling = self._new_number(token_type), 0
        self._spellings[token_type, number] = spelling
        placeholder = Placeholder(token_type, number, spelling)
        self._entries[placeholder] = Entry(placeholder, value, type_)
        self._by_value[token_type, value] = placeholder
        return placeholder

    def _take(self, entry: Entry) -> None:
        """Everything as `put` left it when it gave this token out."""
        placeholder, value = entry.placeholder, entry.value
        token_type, number = placeholder.type, placeholder.number
        if placeholder in self._entries:
            raise PlaceholderError("a token given out twice")
        self._entries[placeholder] = entry
        self._by_value.setdefault((token_type, value), placeholder)
        self._spellings[token_type, number] = max(self._spellings.get((token_type, number), 0), placeholder.spelling)
        self._last[token_type] = max(self._last.get(token_type, 0), number)
        if token_type == "PERSON":
            self._name(number, _name_words(value))
        else:
            self._numbers.setdefault((token_type, _IDENTITIES.get(token_type, _as_written)(value)), number)

    def _number(self, token_type: str, value: str) -> int:
        if token_type == "PERSON":
            return self._person(value)
        identity = (token_type, _IDENTITIES.get(token_type, _as_written)(value))
        number = self._numbers.get(identity)
        if number is None:
            number = self._numbers[identity] = self._new_number(token_type)
        return number

    def _person(self, value: str) -> int:
        """The number of the one person whose names these may be; a new one where there is none, or more than one."""
        words = _name_words(value)
        sharing = {number for word in words for number in self._by_name.get(word, ())}
        alike = [n for n in sharing if words <= self._people[n] or self._people[n] <= words]
        exactly = [n for n in alike if self._people[n] == words]
        number = (exactly or alike)[0] if len(alike) == 1 or exactly else self._new_number("PERSON")
        self._name(number, words)
        return number

    def _name(self, number: int, words: set[str]) -> None:
        self._people.setdefault(number, set()).update(words)
        for word in words:
            self._by_name.setdefault(word, set()).add(number)

    def _new_number(self, token_type: str) -> int:
        number = self._last.get(token_type, 0) + 1
        while (token_type, number) in self._reserved:
            number += 1
        if number > NUMBER_MAX:
            raise PlaceholderError(f"more than {NUMBER_MAX} values of one type")
        self._last[token_type] = number
        return number


def _name_words(value: str) -> set[str]:
    return {word for word in (m.group().casefold() for m in _WORD.finditer(value)) if word not in _TITLES}


def _as_written(value: str) -> str:
    return " ".join(value.split()).casefold()


def _digits(value: str) -> str:
    return "".join(c for c in value if c.isdigit())


def _letters_and_digits(value: str) -> str:
    return "".join(c for c in value if c.isalnum()).upper()


def _exact(value: str) -> str:
    return value


_IDENTITIES: dict[str, Callable[[str], str]] = {
    "PHONE": lambda value: _digits(value)[-PHONE_DIGITS:],
    "CARD": _letters_and_digits,
    "ACCOUNT": _letters_and_digits,
    "ID": _letters_and_digits,
    "MAC": _letters_and_digits,
    "SECRET": _exact,
    "WALLET": _exact,
    "LITERAL": _exact,
    "URL": _exact,
}
