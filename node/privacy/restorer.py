"""Brings the values back into an answer, as it streams.

Only tokens that *this* request sent come back, each as it was written, in one pass: what was put in is not read again.
Nothing comes back inside link and image targets, bare URLs and HTML tags, where it would travel on by itself. Secrets
never come back from a model. Only an unfinished token is held back.
"""

import json
import re
from collections.abc import Mapping
from enum import Enum, auto

from node.privacy.findings import FindingType
from node.privacy.vault import Entry, Vault
from protocol.placeholders import TOKEN_CHARS_MAX, Placeholder, find


class Mode(Enum):
    """What the answer's text is."""

    TEXT = auto()  # prose, Markdown, code
    JSON = auto()  # a tool call's arguments, or an answer asked for in JSON: values are put as parts of JSON strings


class _Place(Enum):
    OPEN = auto()
    TARGET = auto()  # of a link or an image: from "](" to its ")"
    DEFINITION = auto()  # a reference definition's target: "[x]: …" to the end of its line
    TAG = auto()
    URL = auto()


_BRACKETED = re.compile(
    r"(?P<escape>\\)?\[(?P<open>[*`]{0,3})(?P<inner>[A-Za-z]{2,12}[_ -]\d{1,6}[A-Za-z]{0,2})(?P<close>[*`]{0,3})"
    r"(?(escape)\\)\]"
)
_BARE = re.compile(r"[A-Z]{2,12}_\d{1,6}[A-Z]{0,2}(?![A-Za-z0-9_])")

_WORD_CHARACTER = re.compile(r"[A-Za-z0-9_]")


class Restorer:
    """One answer (one choice of it). `feed` gives what may be shown so far; `finish` the rest."""

    def __init__(self, vault: Vault, mode: Mode = Mode.TEXT, *, urls: bool = False) -> None:
        """`urls`: whether URLs come back into JSON, where a program may follow them."""
        self._urls = urls
        self._values = {entry.placeholder.token()[1:-1]: entry for entry in vault}
        self._prefixes = {name[:length] for name in self._values for length in range(len(name) + 1)}
        self._mode = mode
        self._held = ""
        self._place = _Place.OPEN
        self._depth = 0
        self._before = "\n"  # the last characters of the answer as the model wrote it
        self._line_is_reference = False
        self._line_is_blank = True
        self._in_string = False
        self._escaped = False

    def feed(self, text: str) -> str:
        return self._run(self._held + text, last=False)

    def finish(self) -> str:
        """No more comes; what was held back is no token."""
        return self._run(self._held, last=True)

    def _run(self, text: str, *, last: bool) -> str:
        out: list[str] = []
        at = 0
        while at < len(text):
            token = self._token_at(text, at, last=last) if self._may_begin(text[at]) else None
            if token == "":
                break
            if token is None:
                out.append(text[at])
                self._pass(text[at])
                at += 1
                continue
            out.append(self._restored(token))
            for character in token:
                self._pass(character)
            at += len(token)
        self._held = text[at:]
        return "".join(out)

    def _may_begin(self, character: str) -> bool:
        if character == "[" or (character == "\\" and self._mode is Mode.TEXT):
            return bool(self._values)
        return character in self._prefixes and not _WORD_CHARACTER.match(self._before[-1])

    def _token_at(self, text: str, at: int, *, last: bool) -> str | None:
        """The token that begins here; "" while that cannot be told yet; None where none does."""
        bracketed = _BRACKETED.match(text, at)
        if bracketed:
            return bracketed.group() if self._entry(bracketed["inner"]) else None
        bare = _BARE.match(text, at)
        if bare and bare.group() in self._values and (last or bare.end() < len(text)):
            return bare.group()
        if not last and self._could_grow(text[at : at + TOKEN_CHARS_MAX]):
            return ""
        return None

    def _could_grow(self, tail: str) -> bool:
        """Whether `tail`, the end of what came, may be the beginning of a token that was sent."""
        if len(tail) >= TOKEN_CHARS_MAX:
            return False
        if tail[0] not in "[\\":
            return tail in self._prefixes
        match = re.fullmatch(r"\\?(?:\[[*`]{0,3}(?P<inner>[A-Za-z0-9_ -]*)(?P<close>[*`]{0,3}\\?)?)?", tail)
        if match is None:
            return False
        inner = re.sub("[ -]", "_", match["inner"] or "").upper()
        return inner in self._values if match["close"] else inner in self._prefixes

    def _entry(self, inner: str) -> Entry | None:
        return self._values.get(re.sub("[ -]", "_", inner).upper())

    def _restored(self, token: str) -> str:
        match = _BRACKETED.fullmatch(token)
        entry = self._entry(match["inner"] if match else token)
        if entry is None or entry.type is FindingType.SECRET or self._place is not _Place.OPEN:
            return token
        marks = (match["open"], match["close"]) if match else ("", "")
        if self._mode is Mode.TEXT:
            return f"{marks[0]}{entry.value}{marks[1]}"
        if not self._in_string or (entry.type is FindingType.URL and not self._urls):
            return token
        return json.dumps(entry.value, ensure_ascii=False)[1:-1]

    def _pass(self, character: str) -> None:
        """Follows where in the answer the next character stands."""
        if self._mode is Mode.JSON:
            self._follow_string(character)
        elif self._place is _Place.OPEN:
            self._enter(character)
        else:
            self._leave(character)
        if self._mode is Mode.JSON and self._place is _Place.OPEN and (self._before + character).endswith("://"):
            self._place = _Place.URL
        self._before = (self._before + character)[-3:]

    def _follow_string(self, character: str) -> None:
        if self._place is _Place.URL and (character.isspace() or character == '"'):
            self._place = _Place.OPEN
        if self._escaped:
            self._escaped = False
        elif character == "\\" and self._in_string:
            self._escaped = True
        elif character == '"':
            self._in_string = not self._in_string

    def _enter(self, character: str) -> None:
        before = self._before[-1]
        if before == "\n":
            self._line_is_blank, self._line_is_reference = True, False
        if self._line_is_blank and character not in " \t>":
            self._line_is_blank, self._line_is_reference = False, character == "["
        if character == "(" and before == "]":
            self._place, self._depth = _Place.TARGET, 1
        elif character == ":" and before == "]" and self._line_is_reference:
            self._place, self._line_is_blank = _Place.DEFINITION, True
        elif (character == "/" and self._before.endswith(":/")) or (character == "." and self._before.endswith("www")):
            self._place = _Place.URL
        elif before == "<" and (character.isalpha() or character in "/!?"):
            self._place = _Place.TAG

    def _leave(self, character: str) -> None:
        match self._place:
            case _Place.TARGET:
                self._leave_target(character)
            case _Place.DEFINITION:
                if character == "\n" and not self._line_is_blank:
                    self._place = _Place.OPEN
                self._line_is_blank = self._line_is_blank and character.isspace()
            case _Place.TAG if character == ">" or (character == "\n" and self._before[-1] == "\n"):
                self._place = _Place.OPEN
            case _Place.URL if character.isspace() or character in "<>\"'`":
                self._place = _Place.OPEN
                if character == "<":
                    self._enter(character)
            case _:
                pass

    def _leave_target(self, character: str) -> None:
        before = self._before[-1]
        if character == "<" and before in "( \t\n":
            self._place = _Place.TAG  # a target in angle brackets, which may hold a ")"
        elif character == "(":
            self._depth += 1
        elif character == ")" and before != "\\":
            self._depth -= 1
        if self._depth == 0 or (character == "\n" and before == "\n"):
            self._place = _Place.OPEN


def restore_exactly(text: str, vault: Vault) -> str:
    """The inverse of sanitising, for text that came from no model: every token comes back, wherever it stands."""
    return restore_values(text, {entry.placeholder: entry.value for entry in vault})


def restore_values(text: str, values: Mapping[Placeholder, str]) -> str:
    """As `restore_exactly`, from a vault that was kept."""
    out, at = [], 0
    for start, end, placeholder in find(text):
        value = values.get(placeholder)
        if value is not None:
            out += [text[at:start], value]
            at = end
    return "".join(out) + text[at:]
