"""Where in an answer a value may stand: nowhere that would carry it on by itself.

Followed character by character, as CommonMark and GitHub's extensions read Markdown with HTML in it, and rather too
cautious than too bold: a link that no reader would make of it may keep its token, a target never gets a value.
"""

from enum import Enum, auto

TAIL_CHARACTERS = 8  # as long as the longest mark that is looked for: "mailto:", "<!--"
_NEUTRAL = "x"  # what a value counts as: a letter, whatever it holds
_URL_STARTS = ("://", "www.", "mailto:", "xmpp:")
_BLANK = " \t\n\r\f\v"  # GitHub's autolinks go on over every other blank
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
COMMENT_END_DASHES = 2
END = "\0"  # what follows the last character
_AFTER_ANGLE = f" \t\n>,;{END}"  # after "<" and a value: nothing that makes another address of it
_UNICODE_ESCAPE_CHARACTERS = 5  # after the backslash of \u0041


class Positions:
    """Prose, Markdown and code."""

    def __init__(self) -> None:
        self.last = "\n"  # the last character
        self._links = _Links()
        # To CommonMark an empty line ends what no quotation mark ended, to a browser it does not.
        self._html, self._page = _Html(empty_line_ends_quotes=True), _Html(empty_line_ends_quotes=False)

    @property
    def is_open(self) -> bool:
        """Whether a value may stand next."""
        return self._links.is_open and self._html.is_open and self._page.is_open

    def is_open_before(self, following: str) -> bool:
        """The same, where that depends on what comes behind the value: "<[EMAIL_1]>" is no more than the address, and
        "<[PERSON_1]@example.org>" a link to somebody else."""
        return self.is_open and not (self.depends_on_following and following not in _AFTER_ANGLE)

    @property
    def depends_on_following(self) -> bool:
        return self.last == "<"

    def follow_value(self) -> None:
        """A value was put here."""
        self.follow(_NEUTRAL)

    def follow(self, character: str) -> None:
        was_quoted = self._html.is_quoted
        self._links.follow(character)
        self._html.follow(character)
        self._page.follow(character)
        if was_quoted and not self._html.is_quoted:
            self._links.end_url()  # it was an attribute's, and ends with it
        self.last = character


class _Lines:
    """What stands behind the next character."""

    def __init__(self) -> None:
        self._last = "\n"
        self._tail = "\n"
        self._is_escaped = False  # whether a backslash takes the next character's meaning away
        self._line_is_blank = True
        self._solid = ""  # the last character that is no blank

    def _remember(self, character: str) -> None:
        if character == "\n":
            self._line_is_blank = True
        elif not character.isspace():
            self._line_is_blank = False
            self._solid = character
        self._is_escaped = character == "\\" and not self._is_escaped
        self._tail = (self._tail + character.lower())[-TAIL_CHARACTERS:]
        self._last = character

    def _ends_paragraph(self, character: str) -> bool:
        return character == "\n" and self._line_is_blank


class _Link(Enum):
    NONE = auto()
    TARGET = auto()  # of a link or an image: from "](" to its ")"
    ANGLE = auto()  # the same in angle brackets
    DEFINITION = auto()  # a reference definition's target: after "]:", to the blank behind it
    URL = auto()  # a bare one


class _Links(_Lines):
    """Links and images, however they are written."""

    def __init__(self) -> None:
        super().__init__()
        self._place = _Link.NONE
        self._after_angle = _Link.NONE
        self._depth = 0  # of parentheses in a target
        self._begun = False  # a definition's target

    @property
    def is_open(self) -> bool:
        return self._place is _Link.NONE

    def follow(self, character: str) -> None:
        match self._place:
            case _Link.NONE:
                self._enter(character)
            case _Link.URL:
                if character in _BLANK or character in "<`":
                    self._place = _Link.NONE
                self._enter_target(character)
            case _Link.TARGET:
                self._in_target(character)
            case _Link.ANGLE:
                if self._last == "]" and character == "(":  # of an image around what only looks like this target
                    self._place, self._depth = _Link.TARGET, 1
                elif character == ">" and not self._is_escaped:
                    self._place = self._after_angle
            case _Link.DEFINITION:
                self._in_definition(character)
                self._enter_target(character)
        if self._ends_paragraph(character):
            self._place = _Link.NONE
        self._remember(character)

    def end_url(self) -> None:
        if self._place is _Link.URL:
            self._place = _Link.NONE

    def _enter(self, character: str) -> None:
        self._enter_target(character)
        if self._place is _Link.NONE and (self._tail + character.lower()).endswith(_URL_STARTS):
            self._place = _Link.URL

    def _enter_target(self, character: str) -> None:
        if self._last != "]":
            return
        if character == "(":
            self._place, self._depth = _Link.TARGET, 1
        elif character == ":":
            self._place, self._begun = _Link.DEFINITION, False

    def _in_target(self, character: str) -> None:
        if self._is_escaped:
            return
        if character == "<" and self._last in "( \t\n":
            self._place, self._after_angle = _Link.ANGLE, _Link.TARGET
        elif character == "(":
            self._depth += 1
        elif character == ")":
            self._depth -= 1
            if self._depth == 0:
                self._place = _Link.NONE

    def _in_definition(self, character: str) -> None:
        if character == "<" and not self._begun:
            self._place, self._after_angle = _Link.ANGLE, _Link.NONE
        elif character.isspace() or (character == ">" and not self._begun):  # of a quotation that goes on
            if self._begun:
                self._place = _Link.NONE
        else:
            self._begun = True


class _Mark(Enum):
    NONE = auto()
    TAG = auto()
    COMMENT = auto()
    RUN = auto()  # in angle brackets without a blank, so perhaps an address that is a link


class _Html(_Lines):
    """Tags with their attributes, comments, and links in angle brackets."""

    def __init__(self, *, empty_line_ends_quotes: bool) -> None:
        super().__init__()
        self._empty_line_ends_quotes = empty_line_ends_quotes
        self._place = _Mark.NONE
        self._quote = ""  # around an attribute's value
        self._dashes = 0  # that may end a comment

    @property
    def is_open(self) -> bool:
        return self._place is _Mark.NONE

    @property
    def is_quoted(self) -> bool:
        return self._place is _Mark.TAG and self._quote != ""

    def follow(self, character: str) -> None:
        match self._place:
            case _Mark.NONE:
                self._enter(character)
            case _Mark.RUN:
                if character.isspace() or character in "<>":
                    self._place = _Mark.NONE
            case _Mark.TAG:
                self._in_tag(character)
            case _Mark.COMMENT:
                if character == ">" and self._dashes >= COMMENT_END_DASHES:
                    self._place = _Mark.NONE
                self._dashes = self._dashes + 1 if character == "-" else 0
        self._remember(character)

    def _enter(self, character: str) -> None:
        if self._last != "<" or character.isspace() or character in "<>":
            return
        is_tag = character.isalpha() or character in "/!?"
        self._place, self._quote = _Mark.TAG if is_tag else _Mark.RUN, ""

    def _in_tag(self, character: str) -> None:
        if self._ends_paragraph(character) and (self._empty_line_ends_quotes or not self._quote):
            self._place, self._quote = _Mark.NONE, ""
        elif self._quote:
            self._quote = "" if character == self._quote else self._quote
        elif character in "\"'" and self._solid == "=":
            self._quote = character
        elif character == "-" and self._tail.endswith("<!-"):
            self._place, self._dashes = _Mark.COMMENT, 0
        elif character == ">":
            self._place = _Mark.NONE


class JsonPositions:
    """JSON: a value may stand in a string alone, and there where it may in what the string says."""

    def __init__(self) -> None:
        self.in_string = False
        self.last = "\n"
        self._inner = Positions()
        self._escape: str | None = None  # what came of one, after its backslash

    @property
    def is_open(self) -> bool:
        return self.in_string and self._escape is None and self._inner.is_open

    def is_open_before(self, following: str) -> bool:
        """A string that ends, or goes on with an escape, ends an address too."""
        return self.is_open and (following in '"\\' or self._inner.is_open_before(following))

    @property
    def depends_on_following(self) -> bool:
        return self.in_string and self._inner.depends_on_following

    def follow_value(self) -> None:
        self._say(_NEUTRAL)

    def follow(self, character: str) -> None:
        if not self.in_string:
            self.last = character
            if character == '"':
                self.in_string, self._inner = True, Positions()
        elif self._escape is not None:
            self._escape += character
            if self._escape[0] != "u" or len(self._escape) == _UNICODE_ESCAPE_CHARACTERS:
                self._say(_unescaped(self._escape))
                self._escape = None
        elif character == "\\":
            self._escape = ""
        elif character == '"':
            self.in_string, self.last = False, character
        else:
            self._say(character)

    def _say(self, character: str) -> None:
        self._inner.follow(character)
        self.last = character


class JsonInText:
    """Where an answer that nobody asked for in JSON is JSON all the same: from its first character on, or in a fenced
    block that says so. There a value is written as a part of a string."""

    def __init__(self) -> None:
        self._json: JsonPositions | None = None
        self._line = ""
        self._is_fenced = False
        self._opening: str | None = ""  # what came so far of the answer, while that may begin JSON

    @property
    def in_string(self) -> bool:
        return self._json is not None and self._json.in_string

    def follow_value(self) -> None:
        self.follow(_NEUTRAL)

    def follow(self, character: str) -> None:
        if self._opening is not None:
            self._open(character)
        if self._json is not None:
            self._json.follow(character)
        if character != "\n":
            if len(self._line) < FENCE_CHARACTERS:
                self._line += character
            return
        if self.in_string:
            self._json = None  # no string of JSON goes on over the end of its line
        self._end_line(self._line.strip())
        self._line = ""

    def _open(self, character: str) -> None:
        """ "[PERSON_1] said" is prose, and so is "[1] says"."""
        if character.isspace():
            return
        opening = (self._opening or "") + character
        if opening in ("{", "["):
            self._opening = opening
            return
        self._opening = None
        if opening.startswith("{") or opening in ('["', "[{", "[["):
            self._json = JsonPositions()

    def _end_line(self, line: str) -> None:
        if not line.startswith(_FENCES):
            return
        language = line.strip("`~ ").lower().split(" ")[0]
        self._json = JsonPositions() if not self._is_fenced and language in _JSON_LANGUAGES else None
        self._is_fenced = not self._is_fenced


FENCE_CHARACTERS = 32  # of a line that may open a block: "```json"
_FENCES = ("```", "~~~")
_JSON_LANGUAGES = frozenset({"json", "json5", "jsonc", "jsonl", "ndjson"})


def _unescaped(escape: str) -> str:
    if escape[0] != "u":
        return _ESCAPES.get(escape, escape)
    try:
        return chr(int(escape[1:], 16))
    except ValueError:
        return _NEUTRAL
