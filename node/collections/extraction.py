"""Text out of files: plain text, Markdown, HTML, source. What decodes as text is text; the rest is skipped."""

import codecs
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from node.collections.html import html_lines

Line = tuple[int, str, str]
"""The line's number in its file from 1, the heading above it ("" for none), and its text."""

FILE_BYTES_MAX = 16 * 1024 * 1024
_NOT_YET = {
    ".pdf": "PDF",
    ".docx": "DOCX",
    ".doc": "Word",
    ".odt": "ODT",
    ".rtf": "RTF",
    ".xlsx": "XLSX",
    ".pptx": "PPTX",
    ".epub": "EPUB",
    ".eml": "e-mail",
    ".mbox": "e-mail",
    ".msg": "e-mail",
}
_HTML = frozenset({".html", ".htm", ".xhtml"})
_MARKDOWN = frozenset({".md", ".markdown"})
_LEGACY = _HTML | _MARKDOWN | {".txt", ".text", ".csv", ".tsv", ".log", ".tex"}  # may be older than UTF-8
HEADING_LINE_CHARACTERS_MAX = 512  # longer lines are no headings, and the pattern below is slow on long lines
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.+?)\s*#*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def skip_reason(path: str, size: int) -> str | None:
    """Why a file need not even be opened; None when it is to be read."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _NOT_YET:
        return f"{_NOT_YET[suffix]} is not read yet"
    if size > FILE_BYTES_MAX:
        return f"longer than {FILE_BYTES_MAX // (1024 * 1024)} MiB"
    return "empty" if size == 0 else None


def text_of(path: str, data: bytes) -> str | None:
    """The file's characters, None when it is not text."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        return None
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # Every byte means something in Windows' Western code page, so it is tried only where the name says text.
        return data.decode("cp1252", "replace") if PurePosixPath(path).suffix.lower() in _LEGACY else None


def lines_of(path: str, text: str) -> Iterator[Line]:
    """The readable lines of a document, in order."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _HTML:
        return html_lines(text)
    if suffix in _MARKDOWN:
        return _markdown(text)
    return ((number, "", line) for number, line in enumerate(text.splitlines(), 1))


def _markdown(text: str) -> Iterator[Line]:
    heading, fence = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _FENCE.match(line)
        if mark is not None and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence and len(line) <= HEADING_LINE_CHARACTERS_MAX and (found := _HEADING.match(line)) is not None:
            heading = found[1]
        yield number, heading, line
