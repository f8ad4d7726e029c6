"""Which values are the same thing, written in another way: they share one number.

Never guessed: a name that two people bear is neither's and gets a number of its own, for giving it to one of them would
tell the model what the text does not say.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Protocol

from node.privacy.gazetteer import is_family, is_given
from node.privacy.moments import day
from node.privacy.plural import CONJUNCTIONS, singular
from node.privacy.wordlist import words

_WORD = re.compile(r"[^\W_]+(?:['’ʼ][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’ʼ]s\Z")
_FEMININE = words("mrs ms miss dame frau madame mme mlle señora sra srta signora mevr pani senhora")
_MASCULINE = words("mr sir herr herrn monsieur señor sr signor dhr pan senhor")
_TITLES = _FEMININE | _MASCULINE | words("mx dr prof professor rev dott mw")
GENITIVE_CHARACTERS_MIN = 4  # of a name before its s: "Ada Byrons Haus" in German, but not "Jos" of "Jo"
COUNTRY_CODE_DIGITS_MAX = 3
NATIONAL_DIGITS_MIN = 7  # fewer are too few to tell a number by
LONG_DIGITS_MIN = 9  # where neither form says that it has the country's code


class Identities(Protocol):
    """The values of one type of token, by their numbers."""

    def find(self, value: str) -> int | None:
        """The number that `value` shares; None where it needs one of its own."""
        ...

    def learn(self, number: int, value: str) -> None: ...


def identities(token_type: str) -> Identities:
    """An empty one, for tokens of that type."""
    if token_type == "PERSON":
        return _People()
    if token_type == "PHONE":
        return _Phones()
    return _Keyed(_KEYS.get(token_type, _as_written))


class _Keyed:
    """Values that are equal once they are written alike."""

    def __init__(self, key: Callable[[str], str]) -> None:
        self._key = key
        self._numbers: dict[str, int] = {}

    def find(self, value: str) -> int | None:
        return self._numbers.get(self._key(value))

    def learn(self, number: int, value: str) -> None:
        self._numbers.setdefault(self._key(value), number)


class _People:
    """Names. One is another's where all of its words are words or initials of the other, and no title contradicts."""

    def __init__(self) -> None:
        self._names: dict[int, frozenset[str]] = {}
        self._titles: dict[int, frozenset[str]] = {}  # feminine or masculine ones that were written
        self._by_word: dict[str, set[int]] = {}

    def find(self, value: str) -> int | None:
        written, title = _words_of_name(value), _gendered(value)
        alike = [number for number, name in self._near(written).items() if self._fits(number, title)]
        exactly = [number for number in alike if self._names[number] == self._as_known(written, number)]
        if exactly:
            return exactly[0]
        return alike[0] if len(alike) == 1 else None

    def learn(self, number: int, value: str) -> None:
        written = self._as_known(_words_of_name(value), number)
        known = self._names.get(number, frozenset()) | written
        initials = {word for word in known if any(_is_initial(word, other) for other in known)}
        self._names[number] = known - initials or known
        self._titles[number] = self._titles.get(number, frozenset()) | _gendered(value)
        for word in self._names[number]:
            self._by_word.setdefault(word, set()).add(number)

    def _near(self, written: frozenset[str]) -> dict[int, frozenset[str]]:
        """Those who share a whole word with it, and whose name it may be."""
        sharing = {n for word in written for form in (word, _without_s(word)) for n in self._by_word.get(form, ())}
        return {
            number: name
            for number in sorted(sharing)
            if (name := self._names[number])
            and (_covers(name, self._as_known(written, number)) or _covers(self._as_known(written, number), name))
        }

    def _fits(self, number: int, title: frozenset[str]) -> bool:
        """Mr and Mrs Byron are two."""
        return len(self._titles[number] | title) < 2

    def _as_known(self, written: frozenset[str], number: int) -> frozenset[str]:
        """Without the s of a genitive, where the word without it is in the name."""
        name = self._names.get(number, frozenset())
        return frozenset(stem if word not in name and (stem := _without_s(word)) in name else word for word in written)


class _Phones:
    """Telephone numbers, with the country's code and without."""

    def __init__(self) -> None:
        self._by_end: dict[str, list[tuple[str, bool, int]]] = {}  # last digits → digits, whether with code, number

    def find(self, value: str) -> int | None:
        digits, has_code = _national(value)
        same = {
            number
            for other, other_has_code, number in self._by_end.get(digits[-NATIONAL_DIGITS_MIN:], ())
            if _is_same_phone(
                digits, other, least=NATIONAL_DIGITS_MIN if has_code or other_has_code else LONG_DIGITS_MIN
            )
        }
        return same.pop() if len(same) == 1 else None

    def learn(self, number: int, value: str) -> None:
        digits, has_code = _national(value)
        known = self._by_end.setdefault(digits[-NATIONAL_DIGITS_MIN:], [])
        if all(other != digits for other, _, _ in known):
            known.append((digits, has_code, number))


def _words_of_name(value: str) -> frozenset[str]:
    found = {_folded(match.group()) for match in _WORD.finditer(value)}
    return frozenset(word for word in found if word and word not in _TITLES) or frozenset(found)


def _folded(word: str) -> str:
    """Without accents, apostrophes and a possessive: "O’Neil's" is "oneil"."""
    plain = unicodedata.normalize("NFKD", _POSSESSIVE.sub("", word).casefold())
    return "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’ʼ")


def _gendered(value: str) -> frozenset[str]:
    found = {match.group().casefold() for match in _WORD.finditer(value)}
    return frozenset(
        name for name, titles in (("feminine", _FEMININE), ("masculine", _MASCULINE)) if not found.isdisjoint(titles)
    )


def _without_s(word: str) -> str:
    """The name that has a genitive's s at its end: "byron" for "byrons"; "williams" is a name itself."""
    if (
        not word.endswith("s")
        or len(word) <= GENITIVE_CHARACTERS_MIN
        or is_family(word.title())
        or is_given(word.title())
    ):
        return word
    return word[:-1]


def _covers(longer: frozenset[str], shorter: frozenset[str]) -> bool:
    """Whether each word of `shorter` is one of `longer`, or an initial of another one; one at least is a whole word."""
    rest = longer - shorter
    missing = shorter - longer
    if len(missing) == len(shorter):
        return False
    taken: set[str] = set()
    for word in sorted(missing):
        match = next((other for other in sorted(rest - taken) if _is_initial(word, other)), None)
        if match is None:
            return False
        taken.add(match)
    return True


def _is_initial(word: str, name: str) -> bool:
    return len(word) == 1 and len(name) > 1 and name.startswith(word)


def _national(value: str) -> tuple[str, bool]:
    """The digits without what is dialled before them at home, and whether they begin with a country's code."""
    plain = value.replace("(0)", "")
    digits = _digits(plain)
    if plain.lstrip(" (").startswith("+"):
        return digits, True
    if digits.startswith("00"):
        return digits[2:], True
    return digits.lstrip("0"), False


def _is_same_phone(one: str, other: str, *, least: int) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if shorter == longer:
        return True
    return len(shorter) >= least and longer.endswith(shorter) and len(longer) - len(shorter) <= COUNTRY_CODE_DIGITS_MAX


def _as_written(value: str) -> str:
    return " ".join(value.split()).casefold()


def _digits(value: str) -> str:
    return "".join(c for c in value if c.isdigit())


def _letters_and_digits(value: str) -> str:
    return "".join(c for c in value if c.isalnum()).upper()


def _exact(value: str) -> str:
    return value


_AT = re.compile(r"\s*(?:[\[({<]\s*(?:at|ät|@)\s*[\])}>]|\sat\s|@)\s*", re.IGNORECASE)
_DOT = re.compile(r"\s*(?:[\[({<]\s*(?:dot|punkt|\.)\s*[\])}>]|\sdot\s|\.)\s*", re.IGNORECASE)


def _email(value: str) -> str:
    """Also where it is written out."""
    return _DOT.sub(".", _AT.sub("@", value)).removeprefix("mailto:").casefold()


def _date(value: str) -> str:
    found = day(value)
    return _as_written(value) if found is None else "{:04}-{:02}-{:02}".format(*found.first)


def _group(value: str) -> str:
    """A family by its name; several people in whatever order they are named."""
    found = {_folded(singular(match.group().title())) for match in _WORD.finditer(value)}
    return " ".join(sorted(found - CONJUNCTIONS))


def _handle(value: str) -> str:
    return value.lstrip("@").casefold()


_KEYS: dict[str, Callable[[str], str]] = {
    "EMAIL": _email,
    "DATE": _date,
    "PEOPLE": _group,
    "HANDLE": _handle,
    "CARD": _letters_and_digits,
    "ACCOUNT": _letters_and_digits,
    "ID": _letters_and_digits,
    "MAC": _letters_and_digits,
    "SECRET": _exact,
    "WALLET": _exact,
    "LITERAL": _exact,
    "URL": _exact,
}
