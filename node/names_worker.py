"""The port to the name models, and the core's end of the link to the worker that runs them (node/workers/names.py)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import trio

from node.link import Frame, Link
from node.privacy.languages import Guess
from node.privacy.names import ModelSpan, Reading
from protocol.errors import DetectorError, LinkError

CHUNK_CHARACTERS = 8 * 1024  # at the worker at once for one request: about a second of its time


@dataclass(frozen=True, slots=True)
class NamesText:
    """What the name models get: a text in normal form, and the pieces of it whose language is to be guessed."""

    text: str
    segments: tuple[str, ...]


class NamesPort(Protocol):
    """The name models, wherever they run."""

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        """One reading a text. Raises DetectorError when the models are missing, crash or answer nonsense."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of one text, short enough that others get their turn."""

    index: int  # of the text
    at: int  # where in it
    text: str
    segments: tuple[str, ...]


def _pieces(index: int, text: NamesText) -> Iterator[_Piece]:
    """Cut where a line or a word ends, so that no name is cut in two."""
    at, segments = 0, text.segments
    while at < len(text.text):
        end = at + CHUNK_CHARACTERS
        if end < len(text.text):
            for gap in ("\n", " "):
                cut = text.text.rfind(gap, at + CHUNK_CHARACTERS // 2, end)
                if cut > 0:
                    end = cut + 1
                    break
        yield _Piece(index, at, text.text[at:end], segments)
        at, segments = end, ()


def _chunks(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    chunk: list[_Piece] = []
    size = 0
    for piece in pieces:
        if chunk and size + len(piece.text) > CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
        chunk.append(piece)
        size += len(piece.text)
    if chunk:
        yield chunk


class NamesWorker:
    """The name models in the worker process. One link after another serves it; without one it refuses at once.

    Requests take turns: each has at most one frame of some KiB at the worker, so that a long text does not make a short
    one miss its deadline.
    """

    def __init__(self) -> None:
        self._link: Link | None = None
        self._ready = trio.Event()
        self._waiting: dict[int, _Waiting] = {}
        self._next = 0

    @property
    def is_ready(self) -> bool:
        """Whether a worker has loaded its models and can be asked."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Until a worker has loaded its models."""
        await self._ready.wait()

    async def serve(self, link: Link) -> None:
        """One worker's life. Ends with LinkError when it is gone; what waited for it is refused then."""
        self._link = link
        try:
            while True:
                self._receive(await link.receive())
        finally:
            self._link = None
            if self._ready.is_set():
                self._ready = trio.Event()
            waiting, self._waiting = self._waiting, {}
            for one in waiting.values():
                one.settle(DetectorError("the names worker ended"))

    async def find(self, texts: Sequence[NamesText]) -> Sequence[Reading]:
        """Raises DetectorError when there is no worker, or it ends, or cannot read the texts. Cancelled: the answer to
        what was asked already is dropped when it comes."""
        pieces = [piece for index, text in enumerate(texts) for piece in _pieces(index, text)]
        found: list[list[ModelSpan]] = [[] for _ in texts]
        guesses: list[list[Guess]] = [[] for _ in texts]
        for chunk in _chunks(pieces):
            for piece, reading in zip(chunk, await self._ask(chunk), strict=True):
                guesses[piece.index] += reading.guesses
                found[piece.index] += [
                    replace(s, start=s.start + piece.at, end=s.end + piece.at) for s in reading.spans
                ]
        return [Reading(tuple(spans), tuple(g)) for spans, g in zip(found, guesses, strict=True)]

    async def _ask(self, pieces: Sequence[_Piece]) -> tuple[Reading, ...]:
        link = self._link
        if link is None:
            raise DetectorError("the names worker is not running")
        number, self._next = self._next, self._next + 1
        waiting = self._waiting[number] = _Waiting(len(pieces))
        try:
            texts, segments = [piece.text for piece in pieces], [list(piece.segments) for piece in pieces]
            await link.send("find", id=number, texts=texts, segments=segments)
            return await waiting.outcome()
        except LinkError as error:
            raise DetectorError(f"the names worker is gone: {error}") from None
        finally:
            self._waiting.pop(number, None)

    def _receive(self, frame: Frame) -> None:
        if frame.kind == "ready":
            self._ready.set()
            return
        waiting = self._waiting.get(frame.number("id"))
        if waiting is None:
            return
        if frame.kind == "found":
            waiting.settle(_readings(frame, waiting.count))
        else:
            waiting.settle(DetectorError(f"the name models failed: {frame.text('why')}"))


class _Waiting:
    """One frame at the worker, and its answer."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._settled = trio.Event()
        self._outcome: tuple[Reading, ...] | DetectorError = DetectorError("not answered")

    def settle(self, outcome: "tuple[Reading, ...] | DetectorError") -> None:
        self._outcome = outcome
        self._settled.set()

    async def outcome(self) -> tuple[Reading, ...]:
        await self._settled.wait()
        if isinstance(self._outcome, DetectorError):
            raise self._outcome
        return self._outcome


def _readings(frame: Frame, count: int) -> tuple[Reading, ...] | DetectorError:
    try:
        readings = tuple(_reading(item) for item in frame.items("readings"))
    except (TypeError, ValueError, LookupError, LinkError):
        return DetectorError("the names worker answered nonsense")
    return readings if len(readings) == count else DetectorError("the names worker left texts out")


def _reading(item: Any) -> Reading:
    spans = tuple(
        ModelSpan(int(start), int(end), str(label), float(score), str(model))
        for start, end, label, score, model in item["spans"]
    )
    return Reading(spans, tuple(Guess(str(language), float(sure)) for language, sure in item["guesses"]))
