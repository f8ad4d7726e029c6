"""Reads one document after another, in a process that may be killed: PDF, DOCX and e-mail come from anybody.

`python -m node.workers.documents FD` speaks node/link.py frames over the inherited socket. `read` {format} comes with
the open file (a descriptor and no path) and is answered with `passages` {places, texts} as often as needed, then `done`
{} or `unread` {why}. `why` is a word of ours (collections/parts.py), never one of the document's. Out of memory, the
process ends: it could not read the next one.
"""

import logging
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import BinaryIO

from node.collections.chunks import Chunk, chunks
from node.collections.docx import docx_parts
from node.collections.extraction import Format
from node.collections.mail import mailbox_parts, message_parts
from node.collections.parts import Part, Unread
from node.collections.pdf import pdf_parts
from node.collections.reader import CPU_S_MAX, MEMORY_BYTES_MAX, TEXT_CHARACTERS_MAX
from node.link import FrameReader, encode_frame
from protocol.errors import DocumentError, LinkError

FRAME_CHARACTERS = 256 * 1024
FILES_OPEN_MAX = 32
_REQUEST_BYTES = 4_096

_PARTS: Mapping[str, Callable[[BinaryIO], Iterator[Part]]] = {
    Format.PDF: pdf_parts,
    Format.DOCX: docx_parts,
    Format.MESSAGE: message_parts,
    Format.MAILBOX: mailbox_parts,
}


def main() -> None:
    logging.disable(logging.CRITICAL)  # what parsers log quotes the document
    link = socket.socket(fileno=int(sys.argv[1]))
    link.setblocking(True)
    _confine()
    while (wanted := _receive(link)) is not None:
        form, descriptor = wanted
        with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor
            why = _answer(link, form, file)
        link.sendall(encode_frame("done", {}) if why is None else encode_frame("unread", {"why": why}))
        if why is Unread.TOO_MUCH_MEMORY:
            return


def _confine() -> None:
    """No memory beyond the bound, no core dump, no file written."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_OPEN_MAX, FILES_OPEN_MAX))
    with suppress(ValueError, OSError):  # macOS has no such limit; there the bounds of text and time must do
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


def _give_time() -> None:
    """The system ends this process when the document has used its time; waiting for the core costs none."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + CPU_S_MAX, hard))


def _receive(link: socket.socket) -> tuple[str, int] | None:
    """The next request; None when the core is gone."""
    data, descriptors, _, _ = socket.recv_fds(link, _REQUEST_BYTES, 1)
    if not data or not descriptors:
        return None
    (frame,) = FrameReader().feed(data)
    return frame.text("format"), descriptors[0]


def _answer(link: socket.socket, form: str, file: BinaryIO) -> Unread | None:
    """Sends the passages; why that did not go to the end, where it did not."""
    _give_time()
    try:
        _send(link, chunks(_PARTS[form](file)))
    except DocumentError as error:
        return Unread(error.why)
    except MemoryError:
        return Unread.TOO_MUCH_MEMORY
    except RecursionError:
        return Unread.TOO_DEEP
    except (LinkError, BrokenPipeError, ConnectionError):
        os._exit(0)  # the core is gone
    except Exception:  # noqa: BLE001 -- whatever a parser raises, this document is damaged, and its owner is told
        return Unread.DAMAGED
    return None


def _send(link: socket.socket, found: Iterator[Chunk]) -> None:
    places: list[str] = []
    texts: list[str] = []
    total = sent = 0
    for place, cut in found:
        text = _sound(cut)
        if text.isspace():
            continue
        total += len(text)
        if total > TEXT_CHARACTERS_MAX:
            raise DocumentError(Unread.TOO_MUCH_TEXT)
        places.append(_sound(place))
        texts.append(text)
        if total - sent >= FRAME_CHARACTERS:
            link.sendall(encode_frame("passages", {"places": places, "texts": texts}))
            places, texts, sent = [], [], total
    if not total:
        raise DocumentError(Unread.NO_TEXT)
    link.sendall(encode_frame("passages", {"places": places, "texts": texts}))


def _sound(text: str) -> str:
    """Fonts and encodings give halves of characters, and zeros, which no text holds."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")


if __name__ == "__main__":
    main()
