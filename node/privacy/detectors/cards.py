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


def is_card(digits: str) -> bool:
    return _ISSUERS.fullmatch(digits) is not None and bool(luhn.is_valid(digits))


def _find(text: Text) -> Iterator[Finding]:
    if "%B" in text.normal:
        for match in _TRACK.finditer(text.normal):
            yield Finding(*match.span(), FindingType.CARD, 0.99, "cards")
    for match in text.at_digits(_RUN):
        if is_card(digits_of(match.group())):
            yield Finding(*match.span(), FindingType.CARD, 0.97, "cards")


DETECTORS = (Detector("cards", frozenset({FindingType.CARD}), _find, (Evidence(digits=12),)),)
