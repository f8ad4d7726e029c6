"""HTML as lines of text with the heading above them."""

from collections.abc import Iterator
from html.parser import HTMLParser

_BLOCK_NAMES = """
    address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr
    li main nav ol option p pre section table tbody td tfoot th thead title tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNREAD = frozenset({"script", "style", "template", "noscript", "svg"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[tuple[int, str, str]] = []
        self._words: list[str] = []
        self._start = 1
        self._heading = ""
        self._in_heading = False
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNREAD:
            self._unread += 1
        if tag in _BLOCKS:
            self.flush()
        self._in_heading = self._in_heading or tag in _HEADINGS

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(0, self._unread - 1)
        if tag in _HEADINGS and self._in_heading:
            self._heading = " ".join(" ".join(self._words).split())
            self._in_heading = False
        if tag in _BLOCKS:
            self.flush()

    def handle_data(self, data: str) -> None:
        if self._unread or not data.strip():
            return
        if not self._words:
            self._start = self.getpos()[0]
        self._words.append(data)

    def flush(self) -> None:
        text = " ".join(" ".join(self._words).split())
        self._words.clear()
        if text:
            self.lines.append((self._start, self._heading, text))


def html_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Lines as `extraction.Line`: the number is the line of the source where the text begins."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.flush()
    return iter(reader.lines)
