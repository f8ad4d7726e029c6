"""Payment cards: Luhn (ISO/IEC 7812-1) and the issuers' ranges."""

import re
from collections.abc import Iterator

from stdnum import luhn

from node.privacy.detectors.base import LATIN, Detector, Evidence, Text, digits_of
from node.privacy.findings import Finding, FindingType

# First digits and lengths: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro.
_ISSUERS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|(?:5[1-5]\d{2}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d{12}|3[47]\d{13}"
    r"|3(?:0[0-59]|[689]\d)\d{11,16}|(?:6011|65\d\d|64[4-9]\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}|62\d{14,17}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[123])\d{8,15}"
)
_RUN = re.compile(rf"\d(?<![{LATIN}.].)(?:[ .\-\n>/_|]{{0,4}}\d){{12,18}}(?![{LATIN}])")
_TRACK = re.compile(r"%B\d{12,19}\^[^^\n]{2,26}\^\d{4,}[^?\n]{0,40}\??")


_EXPIRY = re.compile(
    r"(?P<expiry>(?<![\d/.-])(?:(?:0?[1-9]|1[0-2])\s?[/.|\-]\s?(?:20[2-5]\d|[2-5]\d)|20[2-5]\d\s?[/.|\-]\s?(?:0[1-9]|1[0-2])))(?![\w/-]|\.\d)"
)
_CODE = re.compile(r"\s?[/|,;:\s]\s?(?P<code>\d{3,4})(?![\w%€$£]|[.,/:-]\d)")
_LABELLED_CODE = re.compile(
    r"(?<![^\W_])(?:cvv2?|cvc2?|csc|cid|security code|card code|code de sécurité|cryptogramme|prüfziffer|prüfnummer|kartenprüfnummer|sicherheitscode|código de seguridad|"
    r"codice di sicurezza|código de segurança|beveiligingscode|kod zabezpieczający|güvenlik kodu)[\s:=]{0,3}(?:is|ist|est|es|è|:)?[\s]{0,2}(?P<code>\d{3,4})(?!\w)|"
    r"(?<![\w.,/-])(?P<back>\d{3,4}),?\s(?:is\s)?(?:on the (?:back|reverse)|auf der rückseite|hinten drauf|au dos|en el reverso|por detrás|sul retro|op de achterkant|no verso)(?![^\W_])",
    re.IGNORECASE,
)
_LABELLED_EXPIRY = re.compile(
    r"(?<![^\W_])(?:exp(?:iry|ires?|iration|\.)?(?: date)?|valid (?:thru|through|until|to|till)|good (?:thru|until)|gültig bis|ablauf(?:datum)?|expire(?: le)?|valable jusqu['’]au|"
    r"caduca(?: el)?|caducidad|vence|válida hasta|scad(?:e|enza|\.)?|geldig tot|verloopt|validade|válido até|ważna do|son kullanma|有効期限|有效期)[\s:=至]{0,4}"
    rf"{_EXPIRY.pattern}",
    re.IGNORECASE,
)
DETAILS_CHARACTERS = 64  # after a card's number, in which its month and its code may follow


def is_card(digits: str) -> bool:
    return has_issuer(digits) and bool(luhn.is_valid(digits))


def has_issuer(digits: str) -> bool:
    """Whether they begin as some issuer's cards do, and are as many."""
    return _ISSUERS.fullmatch(digits) is not None


def _find(text: Text) -> Iterator[Finding]:
    if "%B" in text.normal:
        for match in _TRACK.finditer(text.normal):
            yield Finding(*match.span(), FindingType.CARD, 0.99, "cards")
    ends = []
    for match in text.at_digits(_RUN):
        end = _card_end(match.group())
        if end:
            ends.append(match.start() + end)
            yield Finding(match.start(), match.start() + end, FindingType.CARD, 0.97, "cards")
    if not ends:
        return
    for end in ends:
        yield from _beside(text, end)
    for pattern in (_LABELLED_EXPIRY, _LABELLED_CODE):
        for match in pattern.finditer(text.normal):
            group = match.lastgroup or 0
            yield Finding(*match.span(group), FindingType.CARD, 0.85, "cards")


def _card_end(run: str) -> int:
    """How many characters of a run of digits are a card's number: its month may follow. 0 where none are."""
    for end in range(len(run), 12, -1):
        if (end == len(run) or not run[end].isdigit()) and run[end - 1].isdigit() and is_card(digits_of(run[:end])):
            return end
    return 0


def _beside(text: Text, end: int) -> Iterator[Finding]:
    """The month until which the card beside it is good, and the code that follows that."""
    expiry = _EXPIRY.search(text.normal, end, end + DETAILS_CHARACTERS)
    if expiry is None or "\n\n" in text.normal[end : expiry.start()]:
        return
    between = text.normal[end : expiry.start()]
    if any(c.isalpha() for c in between) and not _LABELLED_EXPIRY.search(text.normal, end, expiry.end()):
        return
    yield Finding(*expiry.span("expiry"), FindingType.CARD, 0.85, "cards")
    if code := _CODE.match(text.normal, expiry.end()):
        yield Finding(*code.span("code"), FindingType.CARD, 0.85, "cards")


DETECTORS = (Detector("cards", frozenset({FindingType.CARD}), _find, (Evidence(digits=12),)),)
