"""The form in which detectors read a text: NFKC, without characters that nobody sees; spans map back to it."""

import re
import unicodedata
from array import array
from dataclasses import dataclass

# Soft hyphen, Arabic marks, zero-width, bidi, invisible operators, byte order mark, variation selectors, tags.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_HAS_UNSEEN = re.compile(f"[{_UNSEEN}]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_UNSEEN_RUN = re.compile(f"[{_UNSEEN}]+")
# A character with the marks that follow it: NFKC composes only inside one of these.
_CLUSTER = re.compile(r"[\x00-\x7f]+(?=[\x00-\x7f]|\Z)|[^\x00-\x7f]|[\x00-\x7f]")


@dataclass(frozen=True, slots=True)
class NormalForm:
    """`text` is what detectors read. Made by `normalise`."""

    text: str
    _starts: "array[int] | None" = None  # of each character of `text`, where its source starts; None: the same text
    _ends: "array[int] | None" = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that `text[start:end]`, not empty, came from."""
        if self._starts is None or self._ends is None:
            return start, end
        return self._starts[start], self._ends[end - 1]


def normalise(original: str) -> NormalForm:
    """Half a surrogate pair, which is no character, is read as U+FFFD."""
    if original.isascii():
        return NormalForm(original)
    original = _HALF_PAIR.sub("\ufffd", original)
    if not _HAS_UNSEEN.search(original) and unicodedata.is_normalized("NFKC", original):
        return NormalForm(original)
    pieces: list[str] = []
    starts, ends = array("I"), array("I")
    for start, end in _clusters(original):
        source = original[start:end]
        piece = unicodedata.normalize("NFKC", _UNSEEN_RUN.sub("", source))
        if source.isascii():
            pieces.append(piece)
            starts.extend(range(start, end))
            ends.extend(range(start + 1, end + 1))
            continue
        pieces.append(piece)
        starts.extend([start] * len(piece))
        ends.extend([end] * len(piece))
    return NormalForm("".join(pieces), starts, ends)


def _clusters(text: str) -> list[tuple[int, int]]:
    """Runs of ASCII, and single other characters with the marks and unseen characters that belong to them."""
    spans: list[tuple[int, int]] = []
    for match in _CLUSTER.finditer(text):
        start, end = match.span()
        if spans and _joins(text[start]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _joins(character: str) -> bool:
    """Whether it may compose with what stands before it (marks, the vowels and finals of Hangul), or is not seen."""
    return character > "\x7f" and (
        unicodedata.combining(character) != 0
        or "\u1161" <= character <= "\u11ff"
        or _HAS_UNSEEN.match(character) is not None
    )
