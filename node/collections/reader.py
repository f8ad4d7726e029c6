"""The core's end of the process that reads PDF, DOCX and e-mail (node/workers/documents.py). Blocks: for a thread.

Everything is hostile: the document, and the process once it has read one. It gets one open file at a time and nothing
else, is bounded by itself in memory and processor time and from here in time and in what it says, and is killed when it
oversteps. Whatever happens, one document is unread and the next one is read, if need be by a new process.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from node.collections.chunks import PASSAGE_CHARACTERS_MAX, PLACE_CHARACTERS_MAX, Chunk
from node.collections.extraction import Format
from node.collections.parts import Unread
from node.link import Frame, FrameReader, encode_frame
from protocol.errors import DocumentError, LinkError

MEMORY_BYTES_MAX = 768 * 1024 * 1024  # address space; Python and its libraries take about 100 MiB of it
CPU_S_MAX = 60  # of one document
READ_S_MAX = 300.0  # of one document by the clock, where others use the processor too
TEXT_CHARACTERS_MAX = 16 * 1024 * 1024
TICK_S = 0.25  # how often whoever waits is asked whether to go on
_RECEIVE_BYTES = 64 * 1024
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")  # no key of ours is among them
_FATAL = frozenset({Unread.TOO_MUCH_MEMORY, Unread.TOO_SLOW, Unread.CRASHED})  # the process does not outlive these

Tick = Callable[[], None]
"""Called while a document is read; may raise, which ends the reading."""


class DocumentReader:
    """Starts the process with the first document that needs it. Used by one thread; ended by leaving the block."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def __enter__(self) -> "DocumentReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def passages(self, form: Format, descriptor: int, tick: Tick) -> list[Chunk]:
        """The passages of the open file. Raises DocumentError with the reason, and whatever `tick` raises.

        What fails for want of memory, or with a crash, is tried again by a new process: the old one may have been full
        of what it read before.
        """
        used = self._link is not None
        found, why = self._read(form, descriptor, tick)
        if used and why in (Unread.TOO_MUCH_MEMORY, Unread.CRASHED):
            found, why = self._read(form, descriptor, tick)
        if why is not None:
            raise DocumentError(why)
        return found

    def _read(self, form: Format, descriptor: int, tick: Tick) -> tuple[list[Chunk], Unread | None]:
        os.lseek(descriptor, 0, os.SEEK_SET)
        link = self._started()
        try:
            socket.send_fds(link, [encode_frame("read", {"format": form})], [descriptor])
            found, why = _receive(link, tick)
        except (LinkError, OSError):
            found, why = [], self._death()
        except BaseException:
            self._end()
            raise
        if why in _FATAL:
            self._end()
        return found, why

    def _started(self) -> socket.socket:
        if self._link is not None:
            return self._link
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "node.workers.documents", str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a traceback would quote the document
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
                start_new_session=True,
            )
        self._link = ours
        return ours

    def _death(self) -> Unread:
        """Why the process is gone, or is to go now."""
        process = self._process
        if process is None:
            return Unread.CRASHED
        try:
            status = process.wait(TICK_S)
        except subprocess.TimeoutExpired:
            return Unread.CRASHED  # it said what it may not
        return Unread.TOO_SLOW if status in (-signal.SIGXCPU, -signal.SIGKILL) else Unread.CRASHED

    def _end(self) -> None:
        process, link = self._process, self._link
        self._process = self._link = None
        if link is not None:
            link.close()
        if process is not None:
            process.kill()
            process.wait()


def _receive(link: socket.socket, tick: Tick) -> tuple[list[Chunk], Unread | None]:
    """What the process says of one document. Raises LinkError for nonsense or its end, and what `tick` raises."""
    reader, found, characters = FrameReader(), list[Chunk](), 0
    deadline = time.monotonic() + READ_S_MAX
    link.settimeout(TICK_S)
    while time.monotonic() < deadline:
        tick()
        try:
            data = link.recv(_RECEIVE_BYTES)
        except TimeoutError:
            continue
        if not data:
            raise LinkError("the reader is gone")
        for frame in reader.feed(data):
            if frame.kind == "done":
                return found, None
            if frame.kind == "unread":
                return [], _reason(frame)
            for place, text in _chunks(frame):
                characters += len(text)
                found.append((place, text))
            if characters > TEXT_CHARACTERS_MAX:
                raise LinkError("more text than was agreed")
    return [], Unread.TOO_SLOW


def _reason(frame: Frame) -> Unread:
    try:
        return Unread(frame.text("why"))
    except ValueError:
        raise LinkError("a reason nobody knows") from None


def _chunks(frame: Frame) -> Iterator[Chunk]:
    places, texts = frame.items("places"), frame.items("texts")
    if frame.kind != "passages" or len(places) != len(texts):
        raise LinkError("not passages")
    for place, text in zip(places, texts, strict=True):
        if not (isinstance(place, str) and isinstance(text, str)):
            raise LinkError("not a passage")
        if len(place) > PLACE_CHARACTERS_MAX or len(text) > PASSAGE_CHARACTERS_MAX + 1 or not text.strip():
            raise LinkError("a passage beyond its bounds")
        yield place, text
