"""The model as a whole: texts in, named entities and proper nouns out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from node.workers.spacy_model.features import COLUMNS, Norms, features
from node.workers.spacy_model.layers import WIDTH, Encoder
from node.workers.spacy_model.ner import EntityParser, Flags, Moves
from node.workers.spacy_model.splitting import Splitter
from node.workers.spacy_model.tokenizer import Ints, Tokenizer, Tokens, Words
from node.workers.spacy_model.weights import Floats, read_msgpack, read_weights
from protocol.errors import DetectorError

FORMAT = "3.8.0"  # of the package that was compared with spaCy
ENTITY_COLUMNS = COLUMNS[:4]  # the entities' pipe knows no blanks
TOKENS_TOGETHER = 1_024  # of short texts, in one run: what numpy works on stays in the processor's cache
_PROPER = ("NNP", "NNPS")


@dataclass(frozen=True, slots=True)
class Found:
    """A stretch of a text, in characters."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Document:
    """What the model says of one text."""

    entities: Sequence[Found]
    proper_nouns: Sequence[Found]  # token by token, labelled with their tag


class SpacyModel:
    """Reads the package's folder. Raises DetectorError where something is missing or not as expected."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer(Splitter(read_msgpack(folder / "tokenizer")))
        self._norms = Norms(read_msgpack(folder / "vocab" / "lookups.bin"))
        ner = read_weights(folder / "ner" / "model")
        self._entity_encoder = Encoder.of(ner, ENTITY_COLUMNS)
        self._parser = EntityParser(ner, Moves.of(read_msgpack(folder / "ner" / "moves")), WIDTH)
        self._tag_encoder = Encoder.of(read_weights(folder / "tok2vec" / "model"), COLUMNS)
        (softmax,) = read_weights(folder / "tagger" / "model").of("softmax", 1)
        self._tags = _tags(folder / "tagger" / "cfg")
        count = len(self._tags)
        self._tag_weight = np.ascontiguousarray(softmax.param("W", count, WIDTH).T)
        self._tag_bias = softmax.param("b", count)
        self._is_proper = np.array([tag in _PROPER for tag in self._tags])

    def read(self, texts: Sequence[str]) -> list[Document]:
        words = self._tokenizer.words()
        read = self._tokenizer.tokenize(texts, words)
        known = self._known(read, words)
        return [document for together in _together(read) for document in self._documents(together, known)]

    def _known(self, read: Sequence[Tokens], words: Words) -> "_Known":
        table = features(words.pieces, self._norms)
        used = np.zeros(len(table), dtype=bool)
        for tokens in read:
            used[tokens.numbers] = True
        return _Known(
            for_entities=self._entity_encoder.embed(table[::2, : len(ENTITY_COLUMNS)]),
            for_tags=self._tag_encoder.embed(table[used]),
            place=np.cumsum(used) - 1,
            blank=table[:, COLUMNS.index("IS_SPACE")].astype(bool),
        )

    def _documents(self, read: Sequence[Tokens], known: "_Known") -> Iterator[Document]:
        lengths = [len(tokens.numbers) for tokens in read]
        numbers = [tokens.numbers for tokens in read]
        blank = known.blank[np.concatenate(numbers)]
        vectors = self._entity_encoder.encode(known.for_entities, [each >> 1 for each in numbers])
        entities = self._parser.parse(vectors, blank, lengths)
        tags = self._tagged(self._tag_encoder.encode(known.for_tags, [known.place[each] for each in numbers]))
        at = 0
        for tokens, found in zip(read, entities, strict=True):
            starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
            of_text = tags[at : at + len(starts)]
            at += len(starts)
            yield Document(
                [Found(starts[entity.first], ends[entity.last - 1], entity.label) for entity in found],
                [Found(starts[i], ends[i], self._tags[of_text[i]]) for i in np.flatnonzero(self._is_proper[of_text])],
            )

    def _tagged(self, vectors: Floats) -> Ints:
        scores = vectors @ self._tag_weight
        scores += self._tag_bias
        tags: Ints = scores.argmax(axis=1)
        return tags


@dataclass(frozen=True, slots=True)
class _Known:
    """What one call's words mean by themselves."""

    for_entities: Floats  # by word
    for_tags: Floats  # by `place`
    place: Ints  # of a token's number
    blank: Flags  # by a token's number


def _together(read: Sequence[Tokens]) -> Iterator[list[Tokens]]:
    """Texts in their order, some tokens at once."""
    group: list[Tokens] = []
    size = 0
    for tokens in read:
        if group and size + len(tokens.numbers) > TOKENS_TOGETHER:
            yield group
            group, size = [], 0
        group.append(tokens)
        size += len(tokens.numbers)
    if group:
        yield group


def _tags(file: Path) -> list[str]:
    try:
        labels = json.loads(file.read_bytes())["labels"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DetectorError(f"{file} names no tags: {type(error).__name__}") from None
    return [str(label) for label in labels]
