"""Which files are read, and how. What decodes as text is text: plain, Markdown, HTML, source.

Text is cut here, by code of ours whose time grows with the length alone. Formats that a library takes apart are read in
a process of their own (reader.py).
"""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import PurePosixPath

from node.collections.html import html_lines
from node.collections.parts import Line, Part, Unread

TEXT_BYTES_MAX = 16 * 1024 * 1024
PARSED_BYTES_MAX = 64 * 1024 * 1024  # of a document with a format: pictures and attachments are most of it
_LEGACY_SUFFIXES = ".txt .text .csv .tsv .log .tex .html .htm .xhtml .md .markdown"
_LEGACY = frozenset(_LEGACY_SUFFIXES.split())  # may be older than UTF-8
HEADING_LINE_CHARACTERS_MAX = 512  # longer lines are no headings, and the pattern below is slow on long lines
_HEADING = re.compile(r" {0,3}#{1,6}\s+(.+?)\s*#*$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Format(StrEnum):
    """How a document's bytes become text."""

    TEXT = "text"
    PDF = "pdf"
    DOCX = "docx"
    MESSAGE = "message"  # one e-mail
    MAILBOX = "mailbox"  # many


_PARSED = {".pdf": Format.PDF, ".docx": Format.DOCX, ".eml": Format.MESSAGE, ".mbox": Format.MAILBOX}
_OTHERS = frozenset([".doc", ".odt", ".rtf", ".xlsx", ".xls", ".ods", ".pptx", ".ppt", ".odp", ".epub", ".msg", ".pst"])


def suffix_of(path: str) -> str:
    return PurePosixPath(path).suffix.lower()


def format_of(path: str) -> Format:
    return _PARSED.get(suffix_of(path), Format.TEXT)


def bytes_max(path: str) -> int:
    return TEXT_BYTES_MAX if format_of(path) is Format.TEXT else PARSED_BYTES_MAX


def unread_reason(path: str, size: int) -> Unread | None:
    """Why a file need not even be opened; None when it is to be read."""
    if suffix_of(path) in _OTHERS:
        return Unread.OTHER_FORMAT
    if size > bytes_max(path):
        return Unread.TOO_LONG
    return Unread.EMPTY if size == 0 else None


def text_of(path: str, data: bytes) -> str | None:
    """The file's characters, None when it is not text."""
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        return None
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        # Every byte means something in Windows' Western code page, so it is tried only where the name says text.
        return data.decode("cp1252", "replace") if suffix_of(path) in _LEGACY else None


def part_of(path: str, text: str, within: str = "") -> Part:
    """The readable lines of a text, in order."""
    return Part(_LINES.get(suffix_of(path), _plain)(text), within=within)


def _plain(text: str) -> Iterator[Line]:
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


_LINES: Mapping[str, Callable[[str], Iterator[Line]]] = {
    **dict.fromkeys((".html", ".htm", ".xhtml"), html_lines),
    **dict.fromkeys((".md", ".markdown"), _markdown),
}
