"""E-mail addresses, also written out ("ada at example dot org")."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_PLAIN = re.compile(
    r"(?<![\w.+-])(?:\{[\w.+%, -]{3,80}\}|\"[^\"\n@]{1,64}\"|[\w+%][\w.+%'-]{0,63})@(?P<host>(?:[\w-]{1,63}\.){1,8}(?P<top>[^\W\d_]{2,24}))(?![\w-])"
)
_WORD_AT = r"at|arobase|arroba|chiocciola|apenstaartje|klammeraffe|małpa|kuyruklu\s?a|et|ät|собака"
_WORD_DOT = r"dot|point|punto|punkt|punt|ponto|kropka|nokta|точка"
# Begins with one of few characters, so that the search skips to them.
_AT = (
    rf"[\[({{<\s_-](?:(?<=[\[({{<])(?:\s?(?:{_WORD_AT}|@)\s?[\])}}>]|a[\])}}](?=\w))|(?<=\s)(?:{_WORD_AT}|@)(?=\s)|"
    r"(?<=[_-])(?:at|AT)[_-])|艾特|アット(?:マーク)?"
)
_DOT = rf"\s{{0,2}}(?:[\[({{<]\s?(?:{_WORD_DOT}|\.)\s?[\])}}>]|\s(?:{_WORD_DOT})\s|[_-](?:dot|DOT)[_-]|(?<=\s)\.\s|(?<!\s)\.(?=\S)|点|ドット)\s{{0,2}}"
_JOIN = (
    rf"(?:[.+_-]|\s?[\[(]\s?(?:{_WORD_DOT})\s?[\])]\s?|ドット|点|"
    rf"\s(?:{_WORD_DOT}|tiret(?:\sdu\sbas)?|dash|underscore|hyphen|minus|bindestrich|unterstrich|guion(?:\sbajo)?|guión(?:\sbajo)?|trattino|streepje|"
    r"hífen|traço|myślnik|podkreślnik|tire|alt\sçizgi)\s)"
)
_BRACKETED = re.compile(r"[\[({<]\s?[^\W\d_@]|[\[({<]\s?@")
_AT_UNSPACED = re.compile("艾特|アット")
_AT_WORDS = words(_WORD_AT.replace("|", " ").replace(r"\s?a", " kuyruklua"))
_JOINT = re.compile(_AT, re.IGNORECASE)
_WRITTEN_BEFORE = re.compile(rf"(?<![\w.+-])[^\W_]{{1,40}}(?:{_JOIN}[^\W_]{{1,40}}){{0,4}}\s{{0,2}}\Z", re.IGNORECASE)
BEFORE_CHARACTERS = 120
_WRITTEN_AFTER = re.compile(
    rf"\s{{0,2}}[^\W_]{{1,40}}(?:{_JOIN}[^\W_]{{1,40}}){{0,3}}{_DOT}[a-z]{{2,12}}(?![^\W_])",
    re.IGNORECASE,
)
# These stand for "@" and nothing else.
_AT_ALONE = words("arobase arroba chiocciola apenstaartje klammeraffe małpa")
_WRITTEN_DOT = re.compile(
    rf"(?<![^\W_])(?:{_WORD_DOT})(?![^\W_])|[\[({{<]\s?(?:at|@|a|et)\s?[\])}}>]|[_-]at[_-]|\s@\s|艾特|アット|ドット|arobase|arroba|"
    r"chiocciola|apenstaartje|klammeraffe|małpa",
    re.IGNORECASE,
)
# "a d a @ e x a m p l e . o r g", and an address written backwards.
_SPACED = re.compile(r"(?<![^\W_])(?:[\w.-]\s){2,40}@(?:\s[\w-]){2,40}\s\.(?:\s[a-z]){2,6}(?![\w])", re.IGNORECASE)
_BACKWARDS = re.compile(
    r"(?<![\w.@-])(?:moc|gro|ten|ude|vog|ed|rf|se|ti|ln|lp|rb|tp|rt|pj|nc|oi|ku\.oc|elpmaxe)\.[\w.-]{2,60}@[\w.+-]{1,64}(?![\w@]|\.\w)"
)
# Put together in code: "ada" + "@" + "example.org", ["ada", "example.org"].join("@").
_PUT_TOGETHER = re.compile(
    r"(?P<q1>[\"'`])(?P<one>[\w.+-]{1,64})(?P=q1)\s{0,2}[+.,&~]{1,2}\s{0,2}(?:(?P<q2>[\"'`])@(?P=q2)|&#64;|String\.fromCharCode\(64\)|chr\(64\))\s{0,2}[+.,&~]{1,2}\s{0,2}(?P<q3>[\"'`])(?P<end>(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?P=q3)|"
    r"(?P<q4>[\"'`])(?P<first>[\w.+-]{1,64})(?P=q4)\s?,\s?(?P<q5>[\"'`])(?P<last>(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?P=q5)\s?[\])]\s?\.join\((?P<q6>[\"'`])@(?P=q6)\)"
)
# Nobody's: what stands for an address in examples, and mailboxes of machines.
_RESERVED = re.compile(
    r"(?:.*\.)?(?:example(?:\.(?:com|org|net))?|test|invalid|localhost|(?:your|my)?(?:company|domain|site)\.com)"
)
_NOBODYS = words(
    "user username you your name yourname your.name your.email youremail email mail someone somebody anyone test tester foo "
    "bar baz info admin hello contact support sales noreply example first.last firstname.lastname name.surname"
)
_TOPS = words(
    "com org net edu gov io me app dev ai co eu us biz info online email test invalid example de fr es it nl pl pt br tr jp cn uk ch at be se no dk fi ru"
)
_LAST_WORD = re.compile(r"[^\W_]+\Z")
_PLAIN_AT = re.compile(r"(?<![\[({<])\s(?:at|et|ät|@)\s(?![\])}>])", re.IGNORECASE)
_MACHINES = words("git hg svn noreply no-reply donotreply do-not-reply mailer-daemon postmaster")
_FILES = words("png jpg jpeg gif svg webp js mjs ts tsx jsx css json html md py txt zip gz tgz ico map woff")


def _is_harmless(address: re.Match[str]) -> bool:
    local = address.group().partition("@")[0].lower()
    host = address.group("host").lower()
    if local in _MACHINES or address.group("top").lower() in _FILES:
        return True
    return local in _NOBODYS and _RESERVED.fullmatch(host) is not None


def _find(text: Text) -> Iterator[Finding]:
    for match in _PLAIN.finditer(text.normal):
        if not _is_harmless(match):
            yield Finding(*match.span(), FindingType.EMAIL, 0.99, "emails")
    for match in _PUT_TOGETHER.finditer(text.normal):
        one, end = ("one", "end") if match.group("one") else ("first", "last")
        yield Finding(match.start(one), match.end(end), FindingType.EMAIL, 0.85, "emails")
    for pattern in (_SPACED, _BACKWARDS):
        for match in pattern.finditer(text.normal):
            yield Finding(*match.span(), FindingType.EMAIL, 0.85, "emails")


def _joint_starts(text: Text) -> set[int]:
    """Where what stands for "@" may begin: before its word, at its bracket, or at it."""
    starts = {match.start() for match in _BRACKETED.finditer(text.normal)} if text.has_any("[({<") else set()
    starts |= {word.start - 1 for word in text.at_words(_AT_WORDS) if word.start}
    at = text.normal.find("@")
    while at >= 0:
        starts.add(max(0, at - 1))
        at = text.normal.find("@", at + 1)
    if not text.is_ascii:
        starts |= {match.start() for match in _AT_UNSPACED.finditer(text.normal)}
    return starts


def _find_written(of: Text) -> Iterator[Finding]:
    """From each "at" on, which is rare, to both sides."""
    text, done = of.normal, 0
    for start in sorted(_joint_starts(of)):
        joint = _JOINT.match(text, start)
        after = _WRITTEN_AFTER.match(text, joint.end()) if joint else None
        if joint is None or after is None:
            continue
        head = text[max(done, joint.start() - BEFORE_CHARACTERS) : joint.start()]
        if after.group().split()[0].isdecimal():  # "at 5 dot com": a time
            continue
        before = _WRITTEN_BEFORE.search(head)
        if before is None:
            continue
        start, end = joint.start() - len(before.group()), after.end()
        written = text[start:end]
        # "meet me at acme.com" is no address: one of the two joints must be written out beyond a plain "at"
        top = _LAST_WORD.search(written).group().lower()  # type: ignore[union-attr]  # it ends in one
        if _WRITTEN_DOT.search(written) and (top in _TOPS or not _PLAIN_AT.search(written)):
            done = end
            yield Finding(start, end, FindingType.EMAIL, 0.85, "emails_written")


_TYPES = frozenset({FindingType.EMAIL})
DETECTORS = (
    Detector("emails", _TYPES, _find, (Evidence(holds=("@",)),)),
    Detector(
        "emails_written",
        _TYPES,
        _find_written,
        (
            Evidence(frozenset(_WORD_DOT.split("|")) | _AT_ALONE),
            *(Evidence(words("at et ät a klammeraffe"), holds=(bracket,)) for bracket in "[({<"),
            Evidence(words("at"), holds=("-at-",)),
            Evidence(words("at"), holds=("_at_",)),
            Evidence(holds=("@",)),
            *each(("艾特", "アット", "ドット"), other_script=True),
        ),
    ),
)
