"""One document of a folder: its digest, and its passages or why there are none."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.collections.chunks import Chunk, chunks
from node.collections.extraction import Format, bytes_max, format_of, part_of, text_of, unread_reason
from node.collections.folder import Entry, open_document
from node.collections.parts import Unread
from node.collections.reader import DocumentReader, Tick
from protocol.errors import DocumentError

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """What reading gave. `found` is None where the document is the one that was known."""

    digest: bytes
    found: Sequence[Chunk] | Unread | None
    bytes_read: int


def read_document(root: Path, entry: Entry, known: bytes | None, reader: DocumentReader, tick: Tick) -> Document:
    """`known`: the digest of what is in the index. Raises what `tick` raises, and nothing for a document's fault."""
    state = hashlib.blake2b(digest_size=32)
    name = entry.path.encode("utf-8")
    state.update(len(name).to_bytes(8, "big") + name)
    why = unread_reason(entry.path, entry.size)
    if why is not None:
        return Document(state.digest(), why, 0)
    descriptor = open_document(root, entry.path)
    if descriptor is None:
        return Document(state.digest(), Unread.UNREADABLE, 0)
    try:
        return _read(entry.path, descriptor, known, state, reader, tick)
    except OSError:
        return Document(state.digest(), Unread.UNREADABLE, 0)
    finally:
        os.close(descriptor)


def _read(
    path: str, descriptor: int, known: bytes | None, state: hashlib.blake2b, reader: DocumentReader, tick: Tick
) -> Document:
    form, size, held = format_of(path), 0, bytearray()
    while block := os.read(descriptor, _BLOCK_BYTES):
        size += len(block)
        if size > bytes_max(path):  # it has grown since it was listed
            return Document(state.digest(), Unread.TOO_LONG, size)
        state.update(block)
        if form is Format.TEXT:
            held += block
    digest = state.digest()
    if digest == known:
        return Document(digest, None, size)
    if form is Format.TEXT:
        return Document(digest, _passages(path, bytes(held)), size)
    try:
        return Document(digest, reader.passages(form, descriptor, tick), size)
    except DocumentError as error:
        return Document(digest, Unread(error.why), size)


def _passages(path: str, data: bytes) -> Sequence[Chunk] | Unread:
    text = text_of(path, data)
    if text is None:
        return Unread.NOT_TEXT
    return list(chunks([part_of(path, text)]))
