"""Where in a TOML text each key stands: tomllib tells values, not lines.

Only used on text that tomllib has accepted, so it looks for the beginnings of lines and trusts the rest.
"""

import re
import tomllib
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Names of tables and keys, and positions in arrays of tables: ("providers", 0, "models", 2, "name")."""

_HEADER = re.compile(r"\s*(\[\[?)(?P<name>[^\[\]]+)\]")
_KEY = re.compile(
    r"""\s*(?P<name>(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*'""")
_INLINE_KEY = re.compile(r"""[{,]\s*([A-Za-z0-9_-]+|"[^"\n]*")\s*=""")


class Lines:
    """The line, from 1, of every key and table."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._texts = text.splitlines()
        for path, number in _keys(self._texts):
            self._lines.setdefault(path, number)

    def of(self, path: Path) -> int:
        """The line of a key; where it is inside a value, that of the nearest key around it; 1 for the file."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1

    def exact(self, path: Path) -> int | None:
        """The line of this very key; None where it is not there."""
        return self._lines.get(path)


def syntax_error_line(error: tomllib.TOMLDecodeError) -> tuple[int, str]:
    """The line and the complaint of tomllib's message."""
    found = re.search(r"(?P<what>.*) \(at (?:line (?P<line>\d+), column \d+|end of document)\)", str(error))
    if found is None:
        return 1, str(error)
    return int(found["line"] or 0), found["what"]


def _keys(texts: list[str]) -> Iterator[tuple[Path, int]]:
    table: Path = ()
    last: Path = ()
    counts: dict[Path, int] = {}
    for number, text, starts_statement in _statements(texts):
        if not starts_statement:
            for name in _INLINE_KEY.findall(text):
                yield (*last, name.strip('"')), number
            continue
        header, key = _HEADER.match(text), _KEY.match(text)
        if header is not None:
            names = path_of(header["name"])
            table = _resolve(names[:-1], counts) + names[-1:]
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                yield table, number
                table = (*table, counts[table])
            else:
                table = _resolve(names, counts)
            yield table, number
        elif key is not None:
            last = table + path_of(key["name"])
            yield last, number
            for name in _INLINE_KEY.findall(text):
                yield (*last, name.strip('"')), number


def _statements(texts: list[str]) -> Iterator[tuple[int, str, bool]]:
    """Each line, without comments, and whether a statement begins on it: not inside a long string or an array."""
    quote, depth = "", 0
    for number, text in enumerate(texts, 1):
        starts = not quote and depth == 0
        plain, quote, opened = _scan(text, quote)
        depth = max(0, depth + (0 if starts and _HEADER.match(text) else opened))
        yield number, text if starts else plain, starts


_SCAN = re.compile(r"""\"\"\"|'''|"(?:\\.|[^"\\])*"|'[^']*'|\#.*|[\[\]{}]""")


def _scan(text: str, quote: str) -> tuple[str, str, int]:
    """Walks one line: what is outside long strings, the long string open at its end, brackets opened less closed."""
    plain, position, opened = "", 0, 0
    while position < len(text):
        if quote:
            end = text.find(quote, position)
            if end < 0:
                return plain, quote, opened
            position, quote = end + 3, ""
            continue
        found = _SCAN.search(text, position)
        if found is None:
            return plain + text[position:], "", opened
        plain += text[position : found.start()]
        position = found.end()
        token = found[0]
        if token in ('"""', "'''"):
            quote = token
        elif token.startswith("#"):
            return plain, "", opened
        else:
            plain += token
            opened += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token, 0)
    return plain, quote, opened


def path_of(name: str) -> Path:
    """Of a key as TOML writes it: `policy.models."llama-3.1*".as_is`."""
    return tuple(part.strip("\"'") for part in _PART.findall(name))


def _resolve(names: Path, counts: dict[Path, int]) -> Path:
    """Names as paths: a name of an array of tables means its last element."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path
