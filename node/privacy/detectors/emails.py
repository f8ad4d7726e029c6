"""E-mail addresses, also written out ("ada at example dot org")."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Text
from node.privacy.findings import Finding, FindingType

_PLAIN = re.compile(r"(?<![\w.+-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_AT = r"\s{0,2}(?:\[\s?(?:at|@)\s?\]|\(\s?(?:at|@)\s?\)|\{\s?(?:at|@)\s?\}|\s(?:at|arobase|arroba|chiocciola)\s)\s{0,2}"
_DOT = r"\s{0,2}(?:\[\s?(?:dot|\.)\s?\]|\(\s?(?:dot|\.)\s?\)|\s(?:dot|point|punto|punkt|ponto)\s|\.)\s{0,2}"
_JOIN = r"(?:[.+_-]|\s(?:dot|point|punto|punkt|ponto|tiret|dash|underscore|minus|bindestrich)\s)"
_WRITTEN = re.compile(
    rf"(?<![\w.+-])[^\W_]{{1,40}}(?:{_JOIN}[^\W_]{{1,40}}){{0,4}}{_AT}[\w-]{{1,40}}(?:{_DOT}[\w-]{{1,40}}){{0,3}}{_DOT}[a-z]{{2,12}}(?!\w)",
    re.IGNORECASE,
)
_WRITTEN_HINTS = ("[at", "(at", "{at", "[ at", "( at", "[@", "(@", " at ", "arobase", "arroba", "chiocciola")
_WRITTEN_DOT = re.compile(r"\b(?:dot|point|punto|punkt|ponto)\b|\[at\]|\(at\)|[\[({]\s?@", re.IGNORECASE)


def _find(text: Text) -> Iterator[Finding]:
    if "@" in text.normal:
        for match in _PLAIN.finditer(text.normal):
            yield Finding(*match.span(), FindingType.EMAIL, 0.99, "emails")
    if text.has_any(_WRITTEN_HINTS) and _WRITTEN_DOT.search(text.normal):
        for match in _WRITTEN.finditer(text.normal):
            # "meet me at acme.com" is no address: one of the two joints must be written out beyond a plain "at"
            if _WRITTEN_DOT.search(match.group()):
                yield Finding(*match.span(), FindingType.EMAIL, 0.85, "emails")


DETECTORS = (Detector("emails", frozenset({FindingType.EMAIL}), _find),)
