"""The layers that both pipes share: tables of vectors, maxout with layer norm, a window of three tokens.

Source: thinc 8.3, thinc/layers (hashembed, maxout, layernorm, expand_window, residual, with_array), and spaCy 3.8,
spacy/ml/models/tok2vec.py. A maxout's pieces lie side by side here, so that numpy takes their maximum row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.workers.spacy_model.hashing import Ids, rows
from node.workers.spacy_model.tokenizer import Ints
from node.workers.spacy_model.weights import Floats, Node, Weights
from protocol.errors import DetectorError

WIDTH = 96
PIECES = 3
DEPTH = 4
WINDOW = 3
PAD = 4  # empty rows between texts: what the deepest layer can see
EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class _Maxout:
    """The best of three linear maps, then layer norm."""

    weight: Floats  # [inputs, PIECES * WIDTH]
    bias: Floats
    gain: Floats
    offset: Floats

    @classmethod
    def of(cls, maxout: Node, norm: Node, inputs: int) -> "_Maxout":
        weight = maxout.param("W", WIDTH, PIECES, inputs).transpose(2, 1, 0).reshape(inputs, PIECES * WIDTH)
        bias = maxout.param("b", WIDTH, PIECES).T.reshape(-1)
        return cls(np.ascontiguousarray(weight), bias, norm.param("G", WIDTH), norm.param("b", WIDTH))

    def __call__(self, x: Floats) -> Floats:
        y: Floats = x @ self.weight
        y += self.bias
        best: Floats = np.maximum(y[:, :WIDTH], y[:, WIDTH : 2 * WIDTH])
        np.maximum(best, y[:, 2 * WIDTH :], out=best)
        best -= best.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", best, best)[:, None] / np.float32(WIDTH) + np.float32(EPSILON)
        best *= variance**-0.5
        best *= self.gain
        best += self.offset
        return best


@dataclass(frozen=True, slots=True)
class _Table:
    """Vectors for the numbers of one feature: each number has four rows, which are added."""

    vectors: Floats
    seed: int

    def __call__(self, ids: Ids) -> Floats:
        unique, inverse = np.unique(ids, return_inverse=True)
        at = rows(unique, self.seed, len(self.vectors))
        total = self.vectors[at[:, 0]]
        for column in range(1, at.shape[1]):
            total += self.vectors[at[:, column]]
        return total[inverse]


@dataclass(frozen=True, slots=True)
class Encoder:
    """Vectors of tokens in their context."""

    _tables: Sequence[_Table]
    _mix: _Maxout
    _layers: Sequence[_Maxout]

    @classmethod
    def of(cls, weights: Weights, columns: Sequence[str]) -> "Encoder":
        (extract,) = weights.of("extract_features", 1)
        if extract.attrs.get("columns") != list(columns):
            raise DetectorError("the spaCy model reads other features than are known here")
        tables = [_table(node) for node in weights.of("hashembed", len(columns))]
        maxouts, norms = weights.of("maxout", 1 + DEPTH), weights.of("layernorm", 1 + DEPTH)
        mix = _Maxout.of(maxouts[0], norms[0], len(columns) * WIDTH)
        layers = [_Maxout.of(m, n, WINDOW * WIDTH) for m, n in zip(maxouts[1:], norms[1:], strict=True)]
        return cls(tables, mix, layers)

    def embed(self, features: Ids) -> Floats:
        """Of each word by itself: float[n, WIDTH]. Texts repeat their words, so that this is done once a word."""
        parts = [table(np.ascontiguousarray(features[:, i])) for i, table in enumerate(self._tables)]
        return self._mix(np.concatenate(parts, axis=1))

    def encode(self, words: Floats, texts: Sequence[Ints]) -> Floats:
        """Of each token of each text, which are numbers of words: float[tokens of all texts, WIDTH]."""
        lengths = [len(text) for text in texts]
        padded = np.zeros((2 + PAD + sum(lengths) + PAD * len(texts), WIDTH), dtype=np.float32)
        inner, at = np.zeros(len(padded), dtype=bool), 1 + PAD
        for text in texts:
            padded[at : at + len(text)] = words[text]
            inner[at : at + len(text)] = True
            at += len(text) + PAD
        window = np.lib.stride_tricks.sliding_window_view(padded.reshape(-1), WINDOW * WIDTH)[::WIDTH]
        seen = np.empty(window.shape, dtype=np.float32)
        for layer in self._layers:
            seen[:] = window  # BLAS takes no rows that overlap
            padded[1:-1] += layer(seen)
        return padded[inner]


def _table(node: Node) -> _Table:
    vectors, seed = node.params.get("E"), node.attrs.get("seed")
    if vectors is None or vectors.ndim != 2 or vectors.shape[1] != WIDTH or not isinstance(seed, int):
        raise DetectorError("the spaCy model has a table of another width")
    return _Table(vectors, seed)
