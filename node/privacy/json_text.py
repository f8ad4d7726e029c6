"""JSON inside a text, such as a tool call's arguments: read without its escapes, changed so that it stays JSON."""

import bisect
import json
import re
from collections.abc import Iterator

from protocol.chat import Path, TextPart

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|.)", re.DOTALL)


def holds_json(path: Path, text: str) -> bool:
    """Whether the text at `path` is a tool call's arguments in JSON."""
    if not path or path[-1] != "arguments" or not text.lstrip().startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def readable(part: TextPart) -> str:
    """The text that detectors read, and whose characters findings count: JSON with no escapes but those it needs."""
    if not holds_json(part.path, part.text):
        return part.text
    return _TOKEN.sub(lambda match: _unescaped(match.group()), part.text)


def _unescaped(token: str) -> str:
    if not token.startswith('"') or "\\" not in token:
        return token
    plain = json.dumps(json.loads(token, strict=False), ensure_ascii=False)
    return token if any("\ud800" <= c <= "\udfff" for c in plain) else plain


class JsonShape:
    """Where the strings and the numbers of a JSON text stand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spans = [match.span() for match in _TOKEN.finditer(text)]
        self._starts = [start for start, _ in self._spans]

    def pieces(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """The parts of a span that may be replaced: what of it is inside strings, and whole numbers (True)."""
        for index in range(max(0, bisect.bisect_right(self._starts, start) - 1), len(self._spans)):
            token_start, token_end = self._spans[index]
            if token_start >= end:
                return
            if token_end <= start:
                continue
            if self._text[token_start] != '"':
                yield token_start, token_end, True
                continue
            inner = self._around_escapes(token_start + 1, token_end - 1, start, end)
            if inner[0] < inner[1]:
                yield *inner, False

    def _around_escapes(self, first: int, last: int, start: int, end: int) -> tuple[int, int]:
        """The span within the string from `first` to `last`, made wider where it would cut an escape in two."""
        start, end = max(start, first), min(end, last)
        for escape in _ESCAPE.finditer(self._text, first, last):
            if escape.start() < start < escape.end():
                start = escape.start()
            if escape.start() < end < escape.end():
                end = escape.end()
        return start, end


def value_of(text: str) -> str:
    """What a piece inside a JSON string says."""
    return str(json.loads(f'"{text}"', strict=False))


def escaped(value: str) -> str:
    """`value` as it stands inside a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def is_string_content(text: str) -> bool:
    """Whether `text` may stand in a JSON string as it is: it was perhaps taken out of one."""
    try:
        json.loads(f'"{text}"')
    except ValueError:
        return False
    return True
