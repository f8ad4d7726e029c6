"""The form in which detectors read a text; spans map back to the original.

NFKC, without characters that nobody sees; entities, escapes and percent signs decoded where they stand; letters of
other scripts that pass for Latin ones read as Latin; what runs in base64 or hexadecimal say, added at the end.
"""

import html
import re
import unicodedata
from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from node.privacy.encoded import encoded_runs, said

PASSES_MAX = 3  # of decoding what decoding has brought forth; `opaque` sees what is encoded more often
DEPTH_MAX = 2  # of runs inside runs
APART = "\n\n\n\n\n\n"  # between the text and what its runs say: no rule reads across

# Soft hyphen, Arabic marks, zero-width, bidi, invisible operators, byte order mark, variation selectors, tags.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_HAS_UNSEEN = re.compile(f"[{_UNSEEN}]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_UNSEEN_RUN = re.compile(f"[{_UNSEEN}]+")
# Marks that pass for those of an identifier. NFKC would make a blank and an accent of the first.
_MARKS = {0x2017: "_", 0x2010: "-", 0x2011: "-", 0x2212: "-", 0x2024: ".", 0xFE58: "-", 0xFE63: "-"}
_HAS_MARKS = re.compile("[" + "".join(map(chr, _MARKS)) + "]")
_ODD = re.compile(f"[{_UNSEEN}\ud800-\udfff{''.join(map(chr, _MARKS))}]")
# With the character before, which a mark may compose with: NFKC changes nothing across its borders.
_NOT_ASCII = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# A path of Windows comes first and stays: its "\n" ends no line.
_ESCAPE = re.compile(
    r"(?P<path>(?<![^\W_])[A-Za-z]:\\[^\s\"'<>|]*|(?<!\S)\\\\(?!\\*u[0-9A-Fa-f]{4})[^\s\"'<>|]*)"
    # JSON in a string of JSON has two backslashes, and more the deeper it stands.
    r"|(?:\\{1,8}u[0-9A-Fa-f]{4})+|\\U[0-9A-Fa-f]{8}|\\u\{[0-9A-Fa-f]{1,6}\}"
    r"|(?:\\x[0-9A-Fa-f]{2})+|\\[nrt]"
)
_UNIT = re.compile(r"u([0-9A-Fa-f]{4})")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_QUERY = re.compile(r"[?&][\w.%-]{1,40}=(?P<value>[^&\s#\"'<>@]{1,500}+)(?!@)")
_BETWEEN_SCRIPTS = re.compile("[\u0370-\u058f](?:[A-Za-z]|(?<=[A-Za-z].))")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN_LETTER = re.compile("[A-Za-z\u00c0-\u024f]")
_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХҮԌԛԝаеѕіјорсухһԁɡԍΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινρυкмтгпօսոհ",
    "ABESIJKMHOPCTYXYGqwaesijopcyxhdggABEZHIKMNOPTYXoaivpukmtrnounh",
)


@dataclass(frozen=True, slots=True)
class NormalForm:
    """`text` is what detectors read. Made by `normalise`."""

    text: str
    _starts: "array[int] | None" = None  # of each character of `text`, where its source starts; None: the same text
    _ends: "array[int] | None" = None
    unread: tuple[str, ...] = ()  # runs whose letters say nothing that could be added to `text`

    @property
    def is_original(self) -> bool:
        """Whether every character stands where it stood."""
        return self._starts is None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that `text[start:end]`, not empty, came from."""
        if self._starts is None or self._ends is None:
            return start, end
        return min(self._starts[start], self._starts[end - 1]), max(self._ends[start], self._ends[end - 1])

    def sources(self) -> "tuple[array[int], array[int]]":
        if self._starts is None or self._ends is None:
            return array("I", range(len(self.text))), array("I", range(1, len(self.text) + 1))
        return self._starts[:], self._ends[:]


def normalise(original: str) -> NormalForm:
    """Half a surrogate pair, which is no character, is read as U+FFFD."""
    return _with_runs(_decoded(_composed(original)), DEPTH_MAX)


def _composed(original: str) -> NormalForm:
    """NFKC, without what nobody sees."""
    if original.isascii() or (not _ODD.search(original) and unicodedata.is_normalized("NFKC", original)):
        return NormalForm(original)
    original = _HALF_PAIR.sub("\ufffd", original)
    if _HAS_MARKS.search(original):
        original = original.translate(_MARKS)
    if not _HAS_UNSEEN.search(original) and unicodedata.is_normalized("NFKC", original):
        return NormalForm(original)
    pieces: list[str] = []
    starts, ends = array("I"), array("I")
    at = 0
    for run in _NOT_ASCII.finditer(original):
        if not _HAS_UNSEEN.search(run.group()) and unicodedata.is_normalized("NFKC", run.group()):
            continue
        _keep(original, at, run.start(), pieces, starts, ends)
        for start, end in _clusters(run.group(), run.start()):
            piece = _seen(original[start:end])
            pieces.append(piece)
            starts.extend([start] * len(piece))
            ends.extend([end] * len(piece))
        at = run.end()
    _keep(original, at, len(original), pieces, starts, ends)
    return NormalForm("".join(pieces), starts, ends)


def _keep(text: str, start: int, end: int, pieces: list[str], starts: "array[int]", ends: "array[int]") -> None:
    pieces.append(text[start:end])
    starts.extend(range(start, end))
    ends.extend(range(start + 1, end + 1))


def _seen(text: str) -> str:
    return unicodedata.normalize("NFKC", _UNSEEN_RUN.sub("", text))


def _clusters(run: str, at: int) -> list[tuple[int, int]]:
    """Each character of a run with the marks and unseen characters that belong to it. The run begins at `at`."""
    spans: list[tuple[int, int]] = []
    for place, character in enumerate(run, at):
        if spans and _joins(character):
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
    return spans


def _joins(character: str) -> bool:
    """Whether it may compose with what stands before it (marks, the vowels and finals of Hangul), or is not seen."""
    return character > "\x7f" and (
        unicodedata.combining(character) != 0
        or "\u1161" <= character <= "\u11ff"
        or _HAS_UNSEEN.match(character) is not None
    )


def _decoded(form: NormalForm) -> NormalForm:
    for _ in range(PASSES_MAX):
        before = form
        if "&" in form.text:
            form = _rewritten(form, _ENTITY, lambda match: html.unescape(match.group()))
        if "\\" in form.text:
            form = _rewritten(form, _ESCAPE, _unescaped)
        if "%" in form.text:
            form = _rewritten(form, _PERCENT, _unquoted)
        if form is before:
            break
    if "=" in form.text and "+" in form.text:
        text = _QUERY.sub(_with_blanks, form.text)
        form = form if text == form.text else NormalForm(text, *form.sources())
    if not form.text.isascii() and _BETWEEN_SCRIPTS.search(form.text):
        form = NormalForm(_LETTERS.sub(_in_latin, form.text), *form.sources())
    return form


def _rewritten(form: NormalForm, pattern: re.Pattern[str], say: Callable[[re.Match[str]], str | None]) -> NormalForm:
    """The text with what `say` makes of each match (None: nothing), every character of it mapped to the whole match."""
    pieces: list[str] = []
    starts, ends = array("I"), array("I")
    from_starts, from_ends = array("I"), array("I")
    at = 0
    for match in pattern.finditer(form.text):
        piece = say(match)
        if piece is None or piece == match.group():
            continue
        if not pieces:
            from_starts, from_ends = form.sources()
        piece = _seen(_HALF_PAIR.sub("\ufffd", piece))
        first, last = form.original(*match.span())
        pieces += (form.text[at : match.start()], piece)
        starts += from_starts[at : match.start()] + array("I", [first] * len(piece))
        ends += from_ends[at : match.start()] + array("I", [last] * len(piece))
        at = match.end()
    if not pieces:
        return form
    return NormalForm("".join(pieces) + form.text[at:], starts + from_starts[at:], ends + from_ends[at:])


def _unescaped(match: re.Match[str]) -> str | None:
    escape = match.group()
    if match.group("path"):
        return None
    if escape.startswith("\\x"):
        return _as_text(bytes.fromhex(escape.replace("\\x", "")))
    if escape[1] in "nrt":
        return "\t" if escape[1] == "t" else "\n"
    if escape.startswith(("\\u{", "\\U")):
        number = int(escape.strip("\\uU{}"), 16)
        return chr(number) if number <= 0x10FFFF else None
    units = b"".join(bytes.fromhex(unit) for unit in _UNIT.findall(escape))
    return units.decode("utf-16-be", "replace")


def _unquoted(match: re.Match[str]) -> str | None:
    return _as_text(unquote_to_bytes(match.group()))


def _as_text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _with_blanks(match: re.Match[str]) -> str:
    value = match.group("value")
    return match.group()[: -len(value)] + value[0] + value[1:].replace("+", " ")


def _in_latin(match: re.Match[str]) -> str:
    """The word in Latin letters, where it has some and its others only look like them."""
    word = match.group()
    if word.isascii() or not _LATIN_LETTER.search(word):
        return word
    latin = word.translate(_LOOKALIKES)
    return latin if all(_LATIN_LETTER.match(c) for c in latin) else word


def _with_runs(form: NormalForm, depth: int) -> NormalForm:
    """What the runs say is added at the end: a label still stands before its run, and names are read as names."""
    runs = [(run, said(run.letters) if depth else None) for run in encoded_runs(form.text)]
    if not runs:
        return form
    unread = [run.letters for run, plain in runs if plain is None]
    text = form.text
    if len(unread) == len(runs):
        return replace(form, unread=tuple(unread))
    starts, ends = form.sources()
    for run, plain in runs:
        if plain is None:
            continue
        inner = _with_runs(_decoded(_composed(plain)), depth - 1)
        first, last = form.original(run.start, run.end)
        unread += inner.unread
        text += APART + inner.text
        starts.extend([first] * (len(APART) + len(inner.text)))
        ends.extend([last] * (len(APART) + len(inner.text)))
    return NormalForm(text, starts, ends, tuple(unread))
