"""Names that those beside them give away: joined by "and" to somebody's, in a list of persons, as a family, in a log of a
chat; and a family's name alone of which something is told."""

import re
from collections.abc import Iterator, Sequence

from node.privacy.findings import NAMES, Finding, FindingType
from node.privacy.gazetteer import is_family, is_famous, is_given, is_known, is_place, is_software, is_word
from node.privacy.wordlist import words

SCORE = 0.65
ITEMS_MIN = 2  # of a list of persons, and lines of a chat: one alone is something else
_UP = r"[A-ZÀ-ÖØ-ÞŠŽ]"
_ONE = rf"{_UP}[a-zß-öø-ÿ'’-]{{2,30}}"
_AND = r"(?:,? (?:and|or|&) |, )"
_RIGHT = re.compile(rf"{_AND}(?P<name>{_ONE} {_ONE}|{_ONE}|[a-zß-öø-ÿ]{{3,20}})(?![\w'’-]*[\w@/=(])")
_LEFT = re.compile(rf"(?<![\w.@/'’-])(?P<name>{_ONE} {_ONE}|{_ONE}|[a-zß-öø-ÿ]{{3,20}}) (?:and|&) \Z")
REACH = 64
_INVERTED = re.compile(rf"(?<![\w,])(?P<last>{_UP}[\w'’-]{{1,30}}), (?P<first>{_UP}[\w'’-]{{1,30}})(?=[;.\n]|\Z)")
_FAMILY = re.compile(
    rf"(?<!\w)(?:(?:[Ww]ith|[Ii]nvited?|[Vv]isit(?:ed|ing)?|[Tt]hank|[Aa]sk(?:ed)?|[Tt]ell|[Tt]old|[Mm]et|[Mm]eet) the (?P<some>{_UP}[a-z'’-]{{2,30}}s)(?!\w)"
    rf"|[Tt]he (?P<named>{_UP}[a-z'’-]{{2,30}}s)(?=,? {_ONE} and {_ONE}))"
)
_TOLD = re.compile(
    rf"(?:^|(?<=[.!?\n] )|(?<=\n))(?P<name>{_UP}[a-z]{{3,30}}) (?:has|hasn['’]t|had|hadn['’]t|is|isn['’]t|was|wasn['’]t|did|didn['’]t|doesn['’]t|"
    r"won['’]t|still|never|always|keeps|called|sent|wrote|needs|paid|left|missed)(?= )"
)
# What only people do, whatever their name.
_DOES = re.compile(
    rf"(?:^|(?<=[.!?\n] )|(?<=\n))(?P<name>{_UP}[a-z]{{3,30}}) (?:has|had|hasn['’]t|hadn['’]t)(?: not| still not| never| just| already)? "
    r"(?:paid|called|replied|answered|signed|arrived|resigned|complained|apologi[sz]ed|phoned|quit|left early)(?!\w)"
)
_CHAT = re.compile(
    r"(?m)^[ \t>]*\[?\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?: ?[AaPp][Mm])?\]?[ \t]{0,3}(?:- )?(?P<name>[^\W\d_][\w.'’|-]{1,24}):[ \t]+(?=\S)"
)
_NOBODY = words(
    "bot system admin server error warn warning info debug notice trace fatal critical kernel sshd cron daemon service "
    "worker main client user assistant note update query request response worker-1 worker-2"
)


def in_company(text: str, found: Sequence[Finding]) -> Iterator[Finding]:
    """`found`: what is known of a text in English so far."""
    for finding in found:
        if finding.type in NAMES and finding.score >= SCORE:
            yield from _joined(text, finding)
    yield from _listed(text)
    for match in _FAMILY.finditer(text):
        group = "some" if match["some"] else "named"
        if _is_family_plural(match[group]):
            yield _given(*match.span(group))
    for match in _TOLD.finditer(text):
        if is_family(match["name"]) and not _is_of_the_world(match["name"]):
            yield _given(*match.span("name"))
    for match in _DOES.finditer(text):
        if not _is_of_the_world(match["name"]) and not is_software(match["name"]):
            yield _given(*match.span("name"))


def chatting(text: str) -> Iterator[Finding]:
    """Who speaks in a log that tells the time."""
    lines = [match for match in _CHAT.finditer(text) if _may_chat(match["name"])]
    if len(lines) >= ITEMS_MIN:
        for match in lines:
            yield _given(*match.span("name"))


def _joined(text: str, finding: Finding) -> Iterator[Finding]:
    for match in (
        _RIGHT.match(text, finding.end),
        _LEFT.search(text[max(0, finding.start - REACH) : finding.start]),
    ):
        if match is None:
            continue
        full_beside = finding.type is FindingType.PERSON and " " in text[finding.start : finding.end]
        if not _may_join(match["name"]) and not (full_beside and _is_word_name(match["name"])):
            continue
        start = match.start("name") + (max(0, finding.start - REACH) if match.re is _LEFT else 0)
        end = start + len(match["name"])
        full = " " in match["name"]
        yield Finding(start, end, FindingType.PERSON if full else FindingType.GIVEN_NAME, SCORE, "company")


def _may_join(name: str) -> bool:
    if _is_of_the_world(name) or any(is_software(word) for word in name.split()):
        return False
    if name.islower():
        return is_given(name.title()) and not is_word(name) and not _is_of_the_world(name.title())
    if " " in name:
        first, last = name.split()
        return is_given(first) or (is_family(last) and not is_word(first.lower()))
    return is_given(name) or (is_family(name) and not is_word(name.lower()))


def _is_word_name(name: str) -> bool:
    """Two words that people are called too, beside somebody's whole name: "Sunny Day and Miles Long"."""
    first, _, last = name.partition(" ")
    return is_family(last) and first.istitle() and not is_known(name) and not is_place(name)


def _listed(text: str) -> Iterator[Finding]:
    """ "Holm, Brigitta; Roy, Anselm" """
    items = list(_INVERTED.finditer(text))
    known = [item for item in items if is_given(item["first"])]
    if len(items) >= ITEMS_MIN and ";" in text and known and not any(is_place(item["last"]) for item in items):
        for item in items:
            if not is_word(item["last"].lower()) or is_given(item["first"]):
                yield Finding(*item.span(), FindingType.PERSON, SCORE, "company")


def _is_family_plural(name: str) -> bool:
    singular = name.removesuffix("es") if is_family(name.removesuffix("es")) else name.removesuffix("s")
    return not is_word(singular.lower()) and not _is_of_the_world(name) and not _is_of_the_world(singular)


def _is_of_the_world(name: str) -> bool:
    return is_famous(name) or is_known(name) or is_place(name) or is_word(name.lower())


def _may_chat(name: str) -> bool:
    if name.lower() in _NOBODY or is_software(name):
        return False
    return is_given(name.title()) or not is_word(name.lower())


def _given(start: int, end: int) -> Finding:
    return Finding(start, end, FindingType.GIVEN_NAME, SCORE, "company")
