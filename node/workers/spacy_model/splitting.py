"""How one run of characters without blanks is split: exceptions first, then signs before, behind and within.

Source: spaCy 3.8, spacy/tokenizer.pyx, `_split_affixes` and `_attach_tokens`. The patterns are the package's own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from protocol.errors import DetectorError

ORTH, NORM = 65, 67  # keys of the exceptions' attributes
# The patterns of affixes look at so many characters at most, those around them included; only dots run on. Searched
# there alone, a run of signs takes time in proportion to its length, not to its square.
AFFIX_REACH = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """A token of a run: how it is spelt, and what an exception says that it stands for."""

    spelling: str
    norm: str | None = None


class Splitter:
    """The package's rules."""

    def __init__(self, rules: Mapping[str, Any]) -> None:
        try:
            self._prefix = re.compile(rules["prefix_search"]).match  # every alternative is anchored
            self._suffix = re.compile(rules["suffix_search"]).search
            self._infixes = re.compile(rules["infix_finditer"]).finditer
            self._url = re.compile(rules["url_match"]).match
            self.exceptions = {
                str(spelling): tuple(Piece(str(part[ORTH]), part.get(NORM)) for part in parts)
                for spelling, parts in rules["exceptions"].items()
            }
            known = rules["token_match"] is None and rules["faster_heuristics"] is True
        except (KeyError, TypeError, AttributeError, re.error) as error:
            raise DetectorError(f"the spaCy model's tokenizer is not as expected: {error}") from None
        if not known or any("".join(p.spelling for p in parts) != s for s, parts in self.exceptions.items()):
            raise DetectorError("the spaCy model's tokenizer has rules that are not known here")
        self._exception_characters_max = max(map(len, self.exceptions))

    def split(self, run: str, *, exceptions: bool = True) -> list[Piece]:
        """`exceptions` says whether they count: they do not where they themselves are split."""
        if run.isascii() and run.isalpha():  # no affix is made of letters alone
            return list((self.exceptions.get(run) if exceptions else None) or (Piece(run),))
        if exceptions and self._is_exception(run, 0, len(run)):
            return list(self.exceptions[run])
        before: list[Piece] = []
        behind: list[Piece] = []
        start, end = self._without_affixes(run, before, behind, exceptions)
        inner = self._inner(run[start:end], exceptions) if start < end else []
        return [*before, *inner, *reversed(behind)]

    def has_affix(self, run: str) -> bool:
        if run.isascii() and run.isalpha():
            return False
        return bool(self._prefix(run) or self._suffix(run) or next(self._infixes(run), None))

    def _without_affixes(self, run: str, before: list[Piece], behind: list[Piece], exceptions: bool) -> tuple[int, int]:
        start, end = 0, len(run)
        while start < end:
            if exceptions and self._is_exception(run, start, end):
                break
            prefix = self._prefix_length(run, start, end)
            if prefix and exceptions and self._is_exception(run, start + prefix, end):
                before.append(Piece(run[start : start + prefix]))
                start += prefix
                break
            suffix = self._suffix_length(run, start + prefix, end)
            if suffix and exceptions and self._is_exception(run, start, end - suffix):
                behind.append(Piece(run[end - suffix : end]))
                end -= suffix
                break
            if not prefix and not suffix:
                break
            if prefix:
                before.append(Piece(run[start : start + prefix]))
            if suffix:
                behind.append(Piece(run[end - suffix : end]))
            start, end = start + prefix, end - suffix
        return start, end

    def _is_exception(self, run: str, start: int, end: int) -> bool:
        return 0 < end - start <= self._exception_characters_max and run[start:end] in self.exceptions

    def _prefix_length(self, run: str, start: int, end: int) -> int:
        found = self._prefix(run[start : min(end, start + AFFIX_REACH)])
        if found is None:
            return 0
        if found.end() == AFFIX_REACH:  # dots that run on
            found = self._prefix(run[start:end])
        return found.end() if found else 0

    def _suffix_length(self, run: str, start: int, end: int) -> int:
        at = max(start, end - AFFIX_REACH)
        if at > start and run[at:end].strip(".") == "":
            at = max(start, len(run[start:end].rstrip(".")) + start - AFFIX_REACH)
        # What lies before `start` has been taken off: a pattern must not look at it.
        context = max(start, at - AFFIX_REACH)
        found = self._suffix(run[context:end], at - context)
        return found.end() - found.start() if found else 0

    def _inner(self, string: str, exceptions: bool) -> Sequence[Piece]:
        if exceptions and self._is_exception(string, 0, len(string)):
            return self.exceptions[string]
        if "." in string and self._url(string):  # an address has a dot, whatever else it has
            return (Piece(string),)
        return self._between_infixes(string)

    def _between_infixes(self, string: str) -> Sequence[Piece]:
        pieces: list[Piece] = []
        start = 0
        for match in self._infixes(string):
            first, last = match.span()
            if first == 0:
                continue
            if first != start:
                pieces.append(Piece(string[start:first]))
            if first != last:
                pieces.append(Piece(string[first:last]))
            start = last
        if start < len(string):
            pieces.append(Piece(string[start:]))
        return pieces
