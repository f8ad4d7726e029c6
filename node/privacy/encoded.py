"""Runs in base64, base32 or hexadecimal inside a text: where they stand, and what they say where that is plain text."""

import binascii
import re
from base64 import b32decode, b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass

RUN_CHARACTERS_MIN = 16
SAID_BYTES_MIN = 8  # so many bytes that are plain text by accident are rarer than one in ten thousand runs

_WORD = "A-Za-z0-9+/_-"
# A run begins where a word could and takes all that it can, so that time is linear in the text.
_RUN = re.compile(
    rf"(?:[{_WORD}]{{27,}}+(?:\r?\n[{_WORD}]{{27,}}+)*+(?:\r?\n[{_WORD}]++)?+|[{_WORD}]{{16,26}}+)={{0,2}}+"
)
_START = re.compile(rf"[{_WORD}]{{16,}}+")
_HEX = re.compile(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_BASE32 = re.compile(r"[A-Z2-7]+")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\u024f\u0370-\u07ff\u0e00-\u0eff\u2010-\u2044\u3000-\u9fff\uac00-\ud7af]+")
_URL_SAFE = str.maketrans("-_", "+/")
_LINE_ENDS = re.compile(r"[\r\n=]")


@dataclass(frozen=True, slots=True)
class Run:
    """Characters without a blank that no word has so many of."""

    start: int
    end: int
    letters: str  # without the ends of lines and what fills up at its end


def encoded_runs(text: str) -> Iterator[Run]:
    """Everything that is long enough to say something in an encoding; words of code and of paths among it."""
    words = text.split()
    if max(map(len, words), default=0) < RUN_CHARACTERS_MIN:
        return
    after_word = done = 0
    for word in words:
        if len(word) < RUN_CHARACTERS_MIN:
            continue
        at = text.index(word, after_word)
        after_word = at + len(word)
        while start := _START.search(text, max(at, done), after_word):
            match = _RUN.match(text, start.start())
            if match is None:
                break
            yield Run(*match.span(), _LINE_ENDS.sub("", match.group()))
            done = match.end()


def said(letters: str) -> str | None:
    """What a run says; None where it is no plain text in any of the encodings."""
    if letters.isdigit():
        return None
    for decoded in _decoded(letters):
        plain = _plain(decoded)
        if plain is not None:
            return plain
    return None


def _decoded(letters: str) -> Iterator[bytes]:
    if is_hexadecimal(letters):
        yield bytes.fromhex(letters)
    if _BASE32.fullmatch(letters):
        yield _or_nothing(lambda: b32decode(letters + "=" * (-len(letters) % 8)))
    yield _or_nothing(lambda: b64decode(letters.translate(_URL_SAFE) + "=" * (-len(letters) % 4)))


def is_hexadecimal(letters: str) -> bool:
    return _HEX.fullmatch(letters) is not None


def _or_nothing(decode: Callable[[], bytes]) -> bytes:
    try:
        return decode()
    except binascii.Error:
        return b""


def _plain(data: bytes) -> str | None:
    if len(data) < SAID_BYTES_MIN:
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _PLAIN.fullmatch(text) else None
