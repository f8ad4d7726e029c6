"""HTML as lines of text with the heading above them, in time that grows with the length alone.

The standard library's parser takes 14 s for 40 KB of `<a ` (Python 3.11): anybody's saved page could stop the node.
This one only looks for what it needs: where tags begin and end, and which of them break a line, head a section or hide
text.
"""

import html
import re
from collections.abc import Iterator

_BLOCK_NAMES = """
    address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr
    li main nav ol option p pre section table tbody td tfoot th thead title tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_HIDDEN = {
    name: re.compile(f"</{name}(?=[\\s/>])", re.IGNORECASE)
    for name in ("script", "style", "template", "noscript", "svg")
}
_MARKUP = re.compile(r"<(?:!--|[a-zA-Z/!?])")
_NAME = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]{0,15})")


class _Reader:
    """Gathers words until something breaks the line."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words: list[str] = []
        self._heading = ""
        self._in_heading = False
        self._line, self._counted, self._start = 1, 0, 1
        self._lines: list[tuple[int, str, str]] = []

    def read(self) -> Iterator[tuple[int, str, str]]:
        text, position = self._text, 0
        while (found := _MARKUP.search(text, position)) is not None:
            self._data(position, found.start())
            position = self._skip(found)
            yield from self._lines
            self._lines.clear()
        self._data(position, len(text))
        self._flush()
        yield from self._lines

    def _skip(self, found: re.Match[str]) -> int:
        """Where the text goes on after the markup that begins here. What never ends hides the rest, as in a browser."""
        text = self._text
        if found[0] == "<!--":
            return _after(text, "-->", found.end())
        end = _after(text, ">", found.end())
        name = _NAME.match(text, found.start())
        if name is None:
            return end
        tag, closing = name[1].lower(), text[found.start() + 1] == "/"
        if tag in _HIDDEN and not closing and text[end - 2 : end] != "/>":
            close = _HIDDEN[tag].search(text, end)
            return len(text) if close is None else _after(text, ">", close.end())
        if tag in _HEADINGS:
            self._head(closing)
        if tag in _BLOCKS:
            self._flush()
        return end

    def _head(self, closing: bool) -> None:
        if closing and self._in_heading:
            self._heading = self._gathered()
        elif not closing:
            self._flush()
        self._in_heading = not closing

    def _data(self, start: int, end: int) -> None:
        piece = self._text[start:end]
        if not piece or piece.isspace():
            if piece and self._words:
                self._words.append(" ")
            return
        if not self._words:
            self._line += self._text.count("\n", self._counted, start)
            self._counted = start
            lead = len(piece) - len(piece.lstrip())
            self._start = self._line + piece.count("\n", 0, lead)
        self._words.append(html.unescape(piece))

    def _gathered(self) -> str:
        return " ".join("".join(self._words).split())

    def _flush(self) -> None:
        text = self._gathered()
        self._words.clear()
        if text:
            self._lines.append((self._start, self._heading, text))


def html_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Lines as `extraction.Line`: the number is the line of the source where the text begins."""
    return _Reader(text).read()


def _after(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)
