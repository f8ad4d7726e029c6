"""Texts as tokens. A token is a number: twice that of its word, and one more where a blank follows it.

Source: spaCy 3.8, spacy/tokenizer.pyx, `_tokenize_affixes` and `_apply_special_cases`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from node.workers.spacy_model.splitting import Piece, Splitter

Ints = NDArray[np.int64]

_RUN = re.compile(r"\S+ ?|\s+")  # with the one blank that only parts


@dataclass(frozen=True, slots=True)
class Tokens:
    """Those of one text."""

    numbers: Ints  # twice the word's, plus one where a blank follows
    starts: Ints  # in characters of the text
    ends: Ints


@dataclass(slots=True)
class _Branch:
    """A node in the tree of exceptions that other rules would split: below it what may follow."""

    below: dict[str, "_Branch"] = field(default_factory=dict)
    ends: bool = False  # whether an exception ends here


class Words(dict[str, Sequence[int]]):
    """The words of one call, each spelling with its norm once, and how its runs were split. Dies with the call."""

    def __init__(self, splitter: Splitter) -> None:
        super().__init__()
        self._splitter = splitter
        self._numbers: dict[Piece, int] = {}
        self.pieces: list[Piece] = []

    def __missing__(self, run: str) -> Sequence[int]:
        spaced = run[-1] == " " and not run[0].isspace()
        tokens = [2 * self.number(piece) for piece in self._splitter.split(run[:-1] if spaced else run)]
        tokens[-1] += spaced
        self[run] = tokens
        return tokens

    def number(self, piece: Piece) -> int:
        number = self._numbers.setdefault(piece, len(self.pieces))
        if number == len(self.pieces):
            self.pieces.append(piece)
        return number


class Tokenizer:
    """Raises nothing: any text has tokens."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._root = _Branch()
        for spelling in splitter.exceptions:
            if " " in spelling or splitter.has_affix(spelling):
                self._add(spelling)

    def words(self) -> Words:
        return Words(self._splitter)

    def tokenize(self, texts: Sequence[str], words: Words) -> list[Tokens]:
        read = [list(chain.from_iterable(map(words.__getitem__, _RUN.findall(text)))) for text in texts]
        leads = np.array([piece.spelling in self._root.below for piece in words.pieces], dtype=bool)
        lengths = np.array([len(piece.spelling) for piece in words.pieces], dtype=np.int64)
        result = []
        for text, tokens in zip(texts, read, strict=True):
            numbers = np.array(tokens, dtype=np.int64)
            if leads[numbers >> 1].any():
                starts = _starts(numbers, lengths)
                spans = self._exceptions(text, tokens, starts.tolist(), leads, words)
                if spans:
                    numbers = np.array(_joined(tokens, spans), dtype=np.int64)
                    lengths = np.array([len(piece.spelling) for piece in words.pieces], dtype=np.int64)
                    leads = np.pad(leads, (0, len(lengths) - len(leads)))  # those new words are looked up no more
            starts = _starts(numbers, lengths)
            result.append(Tokens(numbers, starts, starts + lengths[numbers >> 1]))
        return result

    def _add(self, spelling: str) -> None:
        branch = self._root
        for match in _RUN.finditer(spelling):
            run = match.group()
            for piece in self._splitter.split(run.rstrip(" ") or run, exceptions=False):
                branch = branch.below.setdefault(piece.spelling, _Branch())
        branch.ends = True

    def _exceptions(
        self, text: str, tokens: Sequence[int], starts: Sequence[int], leads: NDArray[np.bool_], words: Words
    ) -> Mapping[int, tuple[int, list[int]]]:
        """By first token: the token after the last, and the tokens that stand there instead."""
        spans: dict[int, tuple[int, list[int]]] = {}
        spellings = [words.pieces[token >> 1].spelling for token in tokens]
        found = [span for at in np.flatnonzero(leads[np.array(tokens) >> 1]) for span in self._from(int(at), spellings)]
        seen: set[int] = set()
        for first, last in sorted(found, key=lambda span: (span[0] - span[1], span[0])):  # the longest, then the first
            if first not in seen and last - 1 not in seen:
                end = starts[last - 1] + len(spellings[last - 1])
                pieces = self._splitter.exceptions.get(text[starts[first] : end])
                if pieces is not None:
                    new = [2 * words.number(piece) for piece in pieces]
                    new[-1] += tokens[last - 1] & 1
                    spans[first] = last, new
            seen.update(range(first, last))
        return spans

    def _from(self, at: int, spellings: Sequence[str]) -> Iterator[tuple[int, int]]:
        branch: _Branch | None = self._root
        for index in range(at, len(spellings)):
            branch = branch.below.get(spellings[index]) if branch else None
            if branch is None:
                return
            if branch.ends:
                yield at, index + 1


def _joined(tokens: Sequence[int], spans: Mapping[int, tuple[int, list[int]]]) -> list[int]:
    result: list[int] = []
    at = 0
    while at < len(tokens):
        if at in spans:
            at, new = spans[at]
            result += new
        else:
            result.append(tokens[at])
            at += 1
    return result


def _starts(numbers: Ints, lengths: Ints) -> Ints:
    steps = lengths[numbers >> 1] + (numbers & 1)
    starts: Ints = np.cumsum(steps) - steps
    return starts
