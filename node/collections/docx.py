"""DOCX as paragraphs with their headings: a zip of XML, read as a stream and no further than some bounds.

Office's own files have no document type, so one that has is refused before an entity of it means anything.
"""

import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO
from xml.parsers import expat

from node.collections.parts import Line, Part, Unit, Unread
from protocol.errors import DocumentError

XML_BYTES_MAX = 64 * 1024 * 1024  # of all members, unpacked
DEPTH_MAX = 256
_BLOCK_BYTES = 64 * 1024
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main "
_STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main "  # the same names, in files saved as "strict"
_SKIPPED = frozenset({"delText", "instrText", "Fallback"})  # deleted, a field's code, and a second copy for old readers
_GAPS = {"tab": "\t", "br": " ", "cr": " ", "noBreakHyphen": "-"}
_HEADING = re.compile(r"(?:heading|title|subtitle)\b.*", re.IGNORECASE)
_MEMBERS = re.compile(r"word/(document|footnotes|endnotes|comments|header|footer)(\d*)\.xml")
_OLE = b"\xd0\xcf\x11\xe0"  # what Word makes of a file with a password


def docx_parts(file: BinaryIO, within: str = "") -> Iterator[Part]:
    """The text itself first, then notes, comments, headers and footers. Raises DocumentError."""
    if file.read(len(_OLE)) == _OLE:
        raise DocumentError(Unread.ENCRYPTED)
    file.seek(0)
    left = [XML_BYTES_MAX]
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if "word/document.xml" not in names:
            raise DocumentError(Unread.DAMAGED)
        headings = _headings(archive, left) if "word/styles.xml" in names else frozenset()
        found = sorted((match for name in names if (match := _MEMBERS.fullmatch(name))), key=_order)
        for match in found:
            place = match[1] + match[2] if match[1] != "document" else ""
            reader = _Paragraphs(headings)
            lines = _read(archive, match[0], reader, left)
            yield Part(lines, Unit.PARAGRAPH, ", ".join(filter(None, (within, place))))


def _order(match: re.Match[str]) -> tuple[bool, str]:
    return match[1] != "document", match[0]


class _Handler:
    """What a stream of XML becomes. `name` is without its namespace where that is Word's, else with it."""

    lines: list[Line]

    def start(self, name: str, attributes: dict[str, str]) -> None: ...

    def end(self, name: str) -> None: ...

    def text(self, data: str) -> None: ...


class _Styles(_Handler):
    """Which styles are headings. Their ids are in the language of whoever wrote the file, their names are not."""

    def __init__(self) -> None:
        self.lines = []
        self.headings: set[str] = set()
        self._id = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style":
            self._id = attributes.get("styleId", "")
        elif name == "name" and _HEADING.fullmatch(attributes.get("val", "")):
            self.headings.add(self._id)


class _Paragraphs(_Handler):
    """Paragraphs are numbered as a reader counts them: those that show text."""

    def __init__(self, headings: frozenset[str]) -> None:
        self.lines = []
        self._headings = headings
        self._heading = ""
        self._number = 0
        self._open: list[tuple[list[str], list[str]]] = []  # a text box is a paragraph inside a paragraph
        self._skipping = 0
        self._in_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name in _SKIPPED:
            self._skipping += 1
        elif name == "p":
            self._open.append(([], []))
        elif name == "t":
            self._in_text = True
        elif self._open and not self._skipping:
            if name == "pStyle":
                self._open[-1][1].append(attributes.get("val", ""))
            elif name in _GAPS:
                self._open[-1][0].append(_GAPS[name])

    def end(self, name: str) -> None:
        if name in _SKIPPED:
            self._skipping -= 1
        elif name == "t":
            self._in_text = False
        elif name == "p" and self._open:
            words, styles = self._open.pop()
            self._line("".join(words), styles)

    def text(self, data: str) -> None:
        if self._in_text and self._open and not self._skipping:
            self._open[-1][0].append(data)

    def _line(self, text: str, styles: list[str]) -> None:
        if text.strip():
            self._number += 1
            if any(style in self._headings or _HEADING.fullmatch(style) for style in styles):
                self._heading = text
            self.lines.append((self._number, self._heading, text))


def _headings(archive: zipfile.ZipFile, left: list[int]) -> frozenset[str]:
    styles = _Styles()
    for _ in _read(archive, "word/styles.xml", styles, left):
        pass
    return frozenset(styles.headings)


def _read(archive: zipfile.ZipFile, name: str, handler: _Handler, left: list[int]) -> Iterator[Line]:
    """The lines as they are found; `left` is what may still be unpacked. Raises DocumentError."""
    parser = _parser(handler)
    try:
        with archive.open(name) as member:
            while block := member.read(_BLOCK_BYTES):
                left[0] -= len(block)
                if left[0] < 0:
                    raise DocumentError(Unread.TOO_MUCH_TEXT)
                parser.Parse(block)
                yield from handler.lines
                handler.lines.clear()
            parser.Parse(b"", True)
    except RuntimeError as error:  # so zipfile says that a member has a password
        raise DocumentError(Unread.ENCRYPTED) from error
    yield from handler.lines


def _parser(handler: _Handler) -> expat.XMLParserType:
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH_MAX:
            raise DocumentError(Unread.TOO_DEEP)
        handler.start(_short(name), {_short(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(_short(name))

    def refuse(*_: object) -> None:
        raise DocumentError(Unread.DAMAGED)

    made = expat.ParserCreate(namespace_separator=" ")
    made.buffer_text = True
    made.StartElementHandler, made.EndElementHandler, made.CharacterDataHandler = start, end, handler.text
    made.StartDoctypeDeclHandler = made.EntityDeclHandler = refuse
    return made


def _short(name: str) -> str:
    for space in (_WORD, _STRICT):
        if name.startswith(space):
            return name[len(space) :]
    return "Fallback" if name.endswith("/markup-compatibility/2006 Fallback") else name
