"""Named entities: the moves of a transition parser, chosen greedily.

A token begins an entity (B), is inside (I) or last in one (L), is one by itself (U) or none (O). Outside of an entity
the choice hangs on the token alone, inside on it, on the one before and on the entity's first. So the choices outside
are made for all tokens at once, then entities are followed from every token that would begin one, all in step.

Source: spaCy 3.8, spacy/pipeline/_parser_internals/ner.pyx and _state.pxd, spacy/ml/parser_model.pyx and
_precomputable_affine.py. What only training, sentences or entities set beforehand need is left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.workers.spacy_model.tokenizer import Ints
from node.workers.spacy_model.weights import Floats, Weights
from protocol.errors import DetectorError

HIDDEN = 64
PIECES = 2
FEATURES = 3  # the token, the entity's first token, the token before
IN_STEP_MAX = 24  # an entity that is longer is followed by itself, if it is reached at all
_BEGIN, _IN, _LAST, _UNIT, _OUT = range(1, 6)
_OPEN = -1  # an entity that was not followed to its end

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entity:
    """Tokens `first` to before `last` of one text."""

    first: int
    last: int
    label: str


@dataclass(frozen=True, slots=True)
class Moves:
    """What can be done, in the order of the scores."""

    labels: Sequence[str]
    kinds: Ints
    inside: Mapping[int, tuple[int, int]]  # for each B the I and the L of its label

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Moves":
        try:
            by_kind = {int(kind): dict(labels) for kind, labels in json.loads(data["moves"]).items()}
            # The most frequent first, as spaCy puts them.
            moves = [
                (kind, label)
                for kind in sorted(by_kind)
                for _, label in sorted(((count, label) for label, count in by_kind[kind].items()), reverse=True)
            ]
            inside = {
                index: (moves.index((_IN, label)), moves.index((_LAST, label)))
                for index, (kind, label) in enumerate(moves)
                if kind == _BEGIN
            }
            rare = any(count <= 0 for labels in by_kind.values() for count in labels.values())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DetectorError(f"the spaCy model's moves are not as expected: {type(error).__name__}") from None
        if rare or (_OUT, "") not in moves:
            raise DetectorError("the spaCy model has moves that are not known here")
        return cls([label for _, label in moves], np.array([kind for kind, _ in moves]), inside)


class EntityParser:
    """From vectors of tokens in their context to entities."""

    def __init__(self, weights: Weights, moves: Moves, width: int) -> None:
        # thinc walks them in this order: what scores the moves, and what narrows the vectors.
        score, narrow = weights.of("linear", 2)
        (lower,) = weights.of("precomputable_affine", 1)
        count = len(moves.labels)
        self._moves = moves
        self._narrow = np.ascontiguousarray(narrow.param("W", HIDDEN, width).T), narrow.param("b", HIDDEN)
        weight = lower.param("W", FEATURES, HIDDEN, PIECES, HIDDEN).transpose(3, 0, 2, 1)
        self._lower = np.ascontiguousarray(weight.reshape(HIDDEN, FEATURES * PIECES * HIDDEN))
        self._bias = lower.param("b", HIDDEN, PIECES).T.reshape(-1)
        self._none = lower.param("pad", 1, FEATURES, HIDDEN, PIECES)[0].transpose(0, 2, 1).reshape(FEATURES, -1)
        self._score = np.ascontiguousarray(score.param("W", count, HIDDEN).T), score.param("b", count)
        self._inside = np.zeros((2, count), dtype=np.int64)
        for begin, pair in moves.inside.items():
            self._inside[:, begin] = pair
        bad_outside = ~np.isin(moves.kinds, (_BEGIN, _UNIT, _OUT)) | np.array(
            [kind != _OUT and not label for kind, label in zip(moves.kinds, moves.labels, strict=True)]
        )
        self._never = np.where(bad_outside, -np.inf, 0).astype(np.float32)

    def parse(self, vectors: Floats, blank: Flags, lengths: Sequence[int]) -> list[list[Entity]]:
        """`vectors` and `blank` of all tokens of all texts; `lengths` in tokens. Entities by text."""
        known = self._known(vectors)
        last = np.zeros(len(vectors), dtype=bool)
        ends = np.cumsum(np.array(lengths, dtype=np.int64))
        last[ends[np.array(lengths) > 0] - 1] = True
        choice = self._outside(known, blank, last)
        begins = np.flatnonzero(self._moves.kinds[choice] == _BEGIN)
        closed = np.full(len(vectors), _OPEN, dtype=np.int64)
        self._follow(known, last, begins, choice, closed)
        result, start = [], 0
        for end in ends.tolist():
            result.append(list(self._entities(known, last, choice, closed, start, end)))
            start = end
        return result

    def _known(self, vectors: Floats) -> Floats:
        """What each token adds to a state in each of its three roles: float[n, FEATURES, PIECES * HIDDEN]."""
        narrow: Floats = vectors @ self._narrow[0]
        narrow += self._narrow[1]
        known: Floats = narrow @ self._lower
        return known.reshape(-1, FEATURES, PIECES * HIDDEN)

    def _scores(self, states: Floats) -> Floats:
        states += self._bias
        scores: Floats = np.maximum(states[:, :HIDDEN], states[:, HIDDEN:]) @ self._score[0]
        scores += self._score[1]
        return scores

    def _outside(self, known: Floats, blank: Flags, last: Flags) -> Ints:
        """The move at each token, were no entity open there."""
        scores = self._scores(known[:, 0] + self._none[1] + self._none[2]) + self._never
        kinds = self._moves.kinds
        scores[np.ix_(blank, (kinds == _BEGIN) | (kinds == _UNIT))] = -np.inf
        scores[np.ix_(last, kinds == _BEGIN)] = -np.inf  # nothing would be left to end it
        choice: Ints = scores.argmax(axis=1)
        return choice

    def _follow(self, known: Floats, last: Flags, begins: Ints, choice: Ints, closed: Ints) -> None:
        """The last token of the entity that each of `begins` begins, where it is near."""
        first, here, begun = begins, begins + 1, choice[begins]
        for _ in range(IN_STEP_MAX):
            if not len(first):
                return
            ends = self._ends(known, last, first, here, begun)
            closed[first[ends]] = here[ends]
            first, here, begun = first[~ends], here[~ends] + 1, begun[~ends]

    def _ends(self, known: Floats, last: Flags, first: Ints, here: Ints, begun: Ints) -> Flags:
        """Whether the entity that began at `first` ends with the token `here`; else it goes on."""
        scores = self._scores(known[here, 0] + known[first, 1] + known[here - 1, 2])
        row = np.arange(len(here))
        within, ending = self._inside[0, begun], self._inside[1, begun]
        result: Flags = last[here] | (scores[row, ending] > scores[row, within])
        return result

    def _entities(
        self, known: Floats, last: Flags, choice: Ints, closed: Ints, start: int, end: int
    ) -> Iterator[Entity]:
        kinds = self._moves.kinds[choice[start:end]]
        free = start
        for at in (np.flatnonzero(kinds != _OUT) + start).tolist():
            if at < free:
                continue
            begun = int(choice[at])
            final = int(closed[at]) if self._moves.kinds[begun] == _BEGIN else at
            if final == _OPEN:
                final = self._far(known, last, np.array([at]), begun)
            free = final + 1
            yield Entity(at - start, free - start, self._moves.labels[begun])

    def _far(self, known: Floats, last: Flags, first: Ints, begun: int) -> int:
        here = first + 1 + IN_STEP_MAX
        while not self._ends(known, last, first, here, np.array([begun]))[0]:
            here = here + 1
        return int(here[0])
