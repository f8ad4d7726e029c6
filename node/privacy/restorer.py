"""Brings the values back into an answer, as it streams.

Only tokens that *this* request sent come back, each as it was written, in one pass: what was put in is not read again.
Nothing comes back inside link and image targets, bare URLs and HTML (positions.py), where it would travel on by itself,
whatever a model made of the token (tokens.py). Secrets never come back from a model. Only an unfinished token is held
back.
"""

from collections.abc import Mapping
from enum import Enum, auto

from node.privacy.findings import FindingType
from node.privacy.json_text import escaped, is_string_content
from node.privacy.positions import END, JsonInText, JsonPositions, Positions
from node.privacy.tokens import Found, Reading, SentTokens, is_word_character
from node.privacy.vault import Vault
from protocol.placeholders import Placeholder, find


class Mode(Enum):
    """What the answer's text is."""

    TEXT = auto()  # prose, Markdown, code
    JSON = auto()  # a tool call's arguments, or an answer asked for in JSON: values are put as parts of JSON strings


class Restorer:
    """One answer (one choice of it). `feed` gives what may be shown so far; `finish` the rest."""

    def __init__(self, vault: Vault, mode: Mode = Mode.TEXT, *, urls: bool = True) -> None:
        """`urls`: whether URLs come back; not where a program would follow them."""
        self._entries = {entry.placeholder.token()[1:-1]: entry for entry in vault}
        self._tokens = SentTokens(self._entries, json=mode is Mode.JSON)
        self._mode = mode
        self._urls = urls
        self._held = ""
        self._position: Positions | JsonPositions = Positions() if mode is Mode.TEXT else JsonPositions()
        self._json = JsonInText()
        self._after_value = False

    @property
    def withheld(self) -> str:
        """What came and was not shown yet: the beginning of a token."""
        return self._held

    def feed(self, text: str) -> str:
        return self._run(self._held + text, last=False)

    def finish(self) -> str:
        """No more comes; what was held back is no token."""
        return self._run(self._held, last=True)

    def _run(self, text: str, *, last: bool) -> str:
        out: list[str] = []
        at = 0
        seen = text + END if last else text  # nothing goes on after the end
        while at < len(text):
            after_word = not self._after_value and is_word_character(self._position.last)
            found = self._tokens.at(seen, at, after_word=after_word)
            if found is Reading.UNFINISHED:
                break
            if isinstance(found, Found):
                if found.end == len(seen) and self._position.depends_on_following:
                    break
                out.append(self._restored(found, text[at : found.end], seen[found.end : found.end + 1]))
                at = found.end
            else:
                out.append(text[at])
                self._follow(text[at])
                at += 1
        self._held = text[at:]
        return "".join(out)

    def _restored(self, found: Found, written: str, following: str) -> str:
        entry = self._entries[found.name]
        if not self._may_come_back(entry.type, following):
            for character in written:
                self._follow(character)
            return written
        shown = f"{found.before}{self._spelled(entry.value)}{found.after}"
        self._position.follow_value()
        self._json.follow_value()
        self._after_value = True
        return shown

    def _may_come_back(self, type_: FindingType, following: str) -> bool:
        if type_ is FindingType.SECRET or (type_ is FindingType.URL and not self._urls):
            return False
        return self._position.is_open_before(following)

    def _spelled(self, value: str) -> str:
        """As it must be written where it will stand."""
        if self._mode is Mode.JSON:
            return escaped(value)
        return escaped(value) if self._json.in_string and not is_string_content(value) else value

    def _follow(self, character: str) -> None:
        self._position.follow(character)
        if self._mode is Mode.TEXT:
            self._json.follow(character)
        self._after_value = False


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
