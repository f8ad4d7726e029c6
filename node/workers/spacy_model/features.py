"""What the model knows of a word by itself: six numbers. Source: spaCy 3.8, spacy/lang/lex_attrs.py."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from node.workers.spacy_model.hashing import Ids, string_id
from node.workers.spacy_model.reserved import SIGN_NORMS
from node.workers.spacy_model.splitting import Piece
from protocol.errors import DetectorError

COLUMNS = ("NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE")
LONG_CHARACTERS = 100  # the shape of longer words is one and the same
RUN_MAX = 4  # of the same kind of character in a shape


class Norms:
    """What words stand for: the package's table, spaCy's for signs, else the word in lower case."""

    def __init__(self, lookups: Mapping[str, Any]) -> None:
        table = lookups.get("lexeme_norm")
        if not isinstance(table, dict):
            raise DetectorError("the spaCy model holds no norms")
        self._table: dict[int, str] = table

    def of(self, piece: Piece, number: Callable[[str], int]) -> str:
        if piece.norm is not None:
            return piece.norm
        norm = self._table.get(number(piece.spelling)) or SIGN_NORMS.get(piece.spelling)
        return piece.spelling.lower() if norm is None else norm


def features(pieces: Sequence[Piece], norms: Norms) -> Ids:
    """uint64[2n, 6], in the order of COLUMNS: the n words, each without and with a blank that follows."""
    number = cache(string_id)
    table = np.zeros((len(pieces), 2, len(COLUMNS)), dtype=np.uint64)
    if pieces:
        words = [piece.spelling for piece in pieces]
        table[:, :, 0] = _ids([number(norms.of(piece, number)) for piece in pieces])
        table[:, :, 1] = _ids([number(word[0]) for word in words])
        table[:, :, 2] = _ids([number(word[-3:]) for word in words])
        table[:, :, 3] = _ids([number(shape(word)) for word in words])
        table[:, 1, 4] = 1
        table[:, :, 5] = _ids([word.isspace() for word in words])
    return table.reshape(-1, len(COLUMNS))


def shape(word: str) -> str:
    """X for a capital, x for another letter, d for a digit, any other character for itself."""
    if len(word) >= LONG_CHARACTERS:
        return "LONG"
    kinds = "".join(map(_kind, word))
    result, last, length = [], "", 0
    for kind in kinds:
        length = length + 1 if kind == last else 1
        last = kind
        if length <= RUN_MAX:
            result.append(kind)
    return "".join(result)


def _kind(character: str) -> str:
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return "d" if character.isdigit() else character


def _ids(numbers: Sequence[int]) -> Ids:
    return np.array(numbers, dtype=np.uint64)[:, None]
