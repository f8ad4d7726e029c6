"""PDF as lines of text with their pages. Only for a process that may be killed: hostile files take time and memory."""

from collections.abc import Iterator
from typing import BinaryIO

from pypdf import PdfReader
from pypdf.errors import FileNotDecryptedError

from node.collections.parts import Line, Part, Unit, Unread
from protocol.errors import DocumentError


def pdf_parts(file: BinaryIO, within: str = "") -> Iterator[Part]:
    """Raises DocumentError where only a password opens it; pypdf's errors, MemoryError and RecursionError pass."""
    reader = PdfReader(file)
    if reader.is_encrypted and not reader.decrypt(""):  # many are encrypted with no password, to forbid printing alone
        raise DocumentError(Unread.ENCRYPTED)
    yield Part(_lines(reader), Unit.PAGE, within)


def _lines(reader: PdfReader) -> Iterator[Line]:
    try:
        for number, page in enumerate(reader.pages, 1):
            for line in page.extract_text().splitlines():
                yield number, "", line
    except FileNotDecryptedError:
        raise DocumentError(Unread.ENCRYPTED) from None
