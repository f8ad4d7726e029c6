"""What only `strict` takes out: every word that is somebody's or something's name, whoever it is, and links.

The tagger of spaCy's model says which words are proper nouns in English; in other languages written in Latin letters a
capital inside a sentence says it (in German it says nothing). All of it is doubtful, so nothing counts for sensitivity.
"""

import re
from collections.abc import Iterator, Sequence

from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import is_family, is_given, is_place, is_word
from node.privacy.wordlist import words

SCORE = 0.4  # below what `balanced` heeds
_UPPER = r"[A-ZÀ-ÖØ-ÞĀ-ŽŞĞİŁŚŻŹĆŃ]"
_SMALL = r"(?:of|de|del|della|di|da|do|dos|du|la|le|van|von|der|den|y|e|zu|af|av|bin|al|el)"
_GAP = re.compile(r"[ \t]?(?:[-.'’&/]|\bof\b|\bof the\b)?[ \t]?")
_INSIDE = re.compile(
    rf"(?<=[\w,;:)»\"”] )(?<![.!?] ){_UPPER}[\w'’-]{{1,40}}(?:[ -](?:{_SMALL} )?{_UPPER}[\w'’-]{{1,40}}){{0,8}}"
    rf"|(?<!\w){_UPPER}[\w'’-]{{1,40}}(?: (?:{_SMALL} )?{_UPPER}[\w'’-]{{1,40}}){{1,8}}"
)
_LINK = re.compile(
    r"(?<![\w@])(?:(?:https?|ftp|wss?)://[^\s<>\"'`“”]{1,2000}|www\.[^\s<>\"'`“”]{1,2000}"
    r"|(?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.){1,6}(?:com|org|net|edu|gov|io|ai|co|app|dev|info|biz|me|tv|xyz|ru|cn|de|fr|es|it|nl|"
    r"uk|us|eu|in|br|jp|kr|pl|tr|se|no|dk|fi|ch|at|be|cz|ca|au|nz|za|mx|ar|ua|ir|id|vn|shop|site|online|store|tech|cloud)"
    r"(?:/[^\s<>\"'`“”]{0,2000})?|(?:com|org|net|io|ru|de|app|dev|edu|gov)(?:\.[a-z]\w*){2,8})(?![\w@])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<![\w./\\$#@-])(?:[A-Z][a-z]+[A-Z][a-z]{2,}\w*|[a-z]{2,}[A-Z][a-z]{2,})(?![\w(./\\=:-])")
_CODE_NUMBER = re.compile(r"(?<![\w.#/-])[A-Z]{1,4}-?\d{6,14}(?![\w./-])")
# Before it a sentence runs: a word in lower case, and perhaps an article.
_RUNNING = re.compile(r"(?<![\w.])[a-z][a-z'’]{1,40},? (?:[\"'“‘(\[])?(?:[Tt]he |an? )?\Z|[a-z] \(\Z")
_SMALL_WORDS = words("of the and for in at by to on with a an von van der de del la du")
NAME_WORDS_MAX = 7
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BLANK = re.compile(r"[ \t\n]")
_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,200}`", re.DOTALL)
# A stretch without blanks that no prose has, and how many marks of code near it say the same.
_CODE_WORD = re.compile(
    r"::|->|=>|[={}\\|;_]|\w[<>\[(]|<[/\w]|\)\.|^[$#.]|^\W*0x|\w\.\w+\.\w|\d\w{9}|\d[a-f]\d", re.ASCII
)
_CODE_MARK = re.compile(r"::|->|=>|[={};]|\w[<>]|<[/\w]|\w[\[(]\w*[\])]|\)\.|//")
_QUOTES = frozenset("'\"“‘")
CODE_REACH = 60  # characters on either side
CODE_MARKS_MIN = 4
COMPANY_SCORE = 0.7
_COMPANY = re.compile(
    rf"(?<![\w&])(?:{_UPPER}[\w&'’-]{{0,40}},? (?:(?:&|and|und|y|et|of) )?){{1,5}}(?:Inc|Incorporated|Ltd|Limited|LLC|LLP|PLC|Corp|Corporation|GmbH|AG|KG|"
    r"KGaA|OHG|UG|SARL|SAS|S\.A\.|S\.L\.|S\.r\.l\.|S\.p\.A\.|B\.?V|N\.V|Oy|AB|A/S|Sp\. z o\.o|Pty|Kft|s\.r\.o)(?![\w-])\.?"
)
_CALLED = re.compile(
    r"(?<![\w'])(?:(?:company|firm|startup|brand|website|agency|restaurant|shop|store|app|game|band|manager of|employed by|work(?:ing|s|ed)? (?:at|for)|tester at|"
    r"engineer at|developer at)(?: called| named)?|called|named|[Ii](?: am|['’]?m)(?= [A-Z]|(?= \w+ an? ))) [\"'“‘]?(?P<name>(?!for\b|from\b)[^\W\d_]{3,})"
)
_QUOTED_WORD = re.compile(r"(?<![\w=(\[:,])[\"'“‘«](?P<name>[^\W\d_]{4,})[\"'”’»](?![\w)\]:])")
_SMALL_LETTERS = re.compile(r"(?<![\w./@-])[a-z]{4,}(?![\w./@-])")
_CAPITAL_RUN = re.compile(rf"(?<!\w){_UPPER}[\w'’-]{{1,40}}(?: {_UPPER}[\w'’-]{{1,40}}){{0,3}}")
_FORCES_POST = re.compile(r"(?:(?:Unit|PSC|CMR) \d{4},? Box \d{2,5}\s+)?[AFD]PO,? A[AEP],? \d{5}")
_FIRM = re.compile(
    rf"(?<!\w){_UPPER}[\w'’-]{{1,40}}, (?:{_UPPER}[\w'’-]{{1,40}}, )?{_UPPER}[\w'’-]{{1,40}}(?:,? and |,? & ){_UPPER}[\w'’-]{{1,40}}(?! and)"
)
_AGE = re.compile(
    r"(?<![\w.,$€£-])(?:(?P<a>\d{1,3})(?:[ -](?:years?|yrs?)[ -]olds?|[ ]?(?:y/?o|yo))\b|(?:aged|turn(?:s|ed|ing)?|age(?: of|:)?) ?(?P<b>\d{1,3}))(?![\w%]|[.,]\d)",
    re.IGNORECASE,
)
_TIME = re.compile(r"(?<=\d\d-\d\d)[T ]\d\d:\d\d(?::\d\d)?(?!\w)")
_NO_NAMES = words(
    "I Monday Mondays Tuesday Tuesdays Wednesday Wednesdays Thursday Thursdays Friday Fridays Saturday "
    "Saturdays Sunday Sundays January February March April May June July August September October November "
    "December Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun Internet OK AM PM TV "
    "PC AI API URL PDF CV FAQ HTML CSS JSON SQL XML CSV USD EUR GBP GMT UTC ID Mr Mrs Ms Dr Prof Sir Madam Dear "
    "Hello Hi Hey Thanks Please Yes No Note PS"
)


def proper_nouns(text: str, tagged: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    """`tagged`: where the tagger sees proper nouns, in order."""
    fenced = _covered(text, _FENCED)
    group: list[tuple[int, int]] = []
    for start, end in tagged:
        if any(fenced[start:end]) or not _is_prose(text, start, end) or text[start:end] in _NO_NAMES:
            continue
        if group and not _GAP.fullmatch(text, group[-1][1], start):
            yield from _group(text, group)
            group = []
        group.append((start, end))
    if group:
        yield from _group(text, group)


def is_code(text: str, start: int, end: int) -> bool:
    """Whether the stretch stands in program text."""
    first, last = max(0, start - CODE_REACH), min(len(text), end + CODE_REACH)
    before = _BLANK.split(text[first:start])[-1]
    after = _BLANK.split(text[end:last])[0]
    if _CODE_WORD.search(before + text[start:end] + after):
        return True
    return len(_CODE_MARK.findall(text, max(0, start - CODE_REACH), end + CODE_REACH)) >= CODE_MARKS_MIN


def is_identifier(text: str, start: int, end: int) -> bool:
    """Whether a program's own name stands there: in program text, and neither what people are called nor quoted."""
    if not is_code(text, start, end):
        return False
    found = _WORD.findall(text, start, end)
    if any(is_given(word.title()) or is_family(word.title()) for word in found):
        return False
    return text[start - 1 : start] not in _QUOTES or not found or not found[0][0].isupper()


def _is_prose(text: str, start: int, end: int) -> bool:
    return any(c.isalpha() for c in text[start:end]) and not is_identifier(text, start, end)


def _group(text: str, group: Sequence[tuple[int, int]]) -> Iterator[Finding]:
    found = [match.group() for start, end in group for match in _WORD.finditer(text, start, end)]
    if found and not is_heading(text, group[0][0], found):
        yield Finding(group[0][0], group[-1][1], FindingType.NAME, SCORE, "proper")


def is_heading(text: str, start: int, found: Sequence[str]) -> bool:
    """Plain words that have their capitals for the place where they stand, not for what they name.

    `found`: the words that stand from `start` on. Inside a sentence a few with capitals are a name: "the World Bank".
    """
    if not all(is_plain(word) or word in _SMALL_WORDS for word in found):
        return False
    if any(word.isupper() and len(word) > 1 for word in found) and not all(word.isupper() for word in found):
        return False  # "US Army"
    return len(found) > NAME_WORDS_MAX or not _RUNNING.search(text, max(0, start - 24), start)


def is_plain(word: str) -> bool:
    """An English word, which may have a capital for its place in the text, such as a heading."""
    return is_word(word.lower()) and not is_given(word) and not is_family(word)


def capitals(text: str) -> Iterator[Finding]:
    """Of a text that no model reads, in a language that gives only names a capital."""
    fenced = _covered(text, _FENCED)
    for match in _INSIDE.finditer(text):
        if not any(fenced[match.start() : match.end()]) and match.group() not in _NO_NAMES:
            yield Finding(*match.span(), FindingType.NAME, SCORE, "capitals")


def links(text: str) -> Iterator[Finding]:
    """Addresses of pages and hosts, names written in one word of two, and numbers with letters before them."""
    for match in _LINK.finditer(text):
        end = match.start() + len(match.group().rstrip(".,;:!?)]}"))
        yield Finding(match.start(), end, FindingType.URL, SCORE, "links")
    fenced = _covered(text, _FENCED)
    for pattern in (_CAMEL, _CODE_NUMBER):
        for match in pattern.finditer(text):
            if any(fenced[match.start() : match.end()]) or (pattern is _CAMEL and is_code(text, *match.span())):
                continue
            yield Finding(*match.span(), FindingType.NAME, SCORE, "links")


def places(text: str) -> Iterator[Finding]:
    """Places that are in every atlas, wherever they stand; forces' post offices; and partners who are a firm."""
    for match in _CAPITAL_RUN.finditer(text):
        if is_place(match.group()) and not is_identifier(text, *match.span()):
            yield Finding(*match.span(), FindingType.NAME, SCORE, "places")
    for pattern in (_FORCES_POST, _FIRM):
        for match in pattern.finditer(text):
            yield Finding(*match.span(), FindingType.NAME, SCORE, "places")


def said_so(text: str) -> Iterator[Finding]:
    """What its neighbours call a name: a firm's form, "the company x", quotation marks; and places in small letters."""
    for match in _COMPANY.finditer(text):
        yield Finding(*match.span(), FindingType.ORGANISATION, COMPANY_SCORE, "said_so")
    for pattern in (_CALLED, _QUOTED_WORD):
        for match in pattern.finditer(text):
            if not is_word(match["name"].lower()) and not is_identifier(text, *match.span("name")):
                yield Finding(*match.span("name"), FindingType.NAME, SCORE, "said_so")
    for match in _SMALL_LETTERS.finditer(text):
        if is_place(match.group().title()) and not is_word(match.group()):
            yield Finding(*match.span(), FindingType.NAME, SCORE, "said_so")


def times(text: str) -> Iterator[Finding]:
    """Ages, and the time of day of a date."""
    for match in _AGE.finditer(text):
        yield Finding(*match.span("a" if match["a"] else "b"), FindingType.AGE, SCORE, "times")
    for match in _TIME.finditer(text):
        yield Finding(*match.span(), FindingType.DATE, SCORE, "times")


def _covered(text: str, pattern: re.Pattern[str]) -> bytearray:
    covered = bytearray(len(text))
    for match in pattern.finditer(text):
        covered[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    return covered
