"""Street addresses by the shape that a country gives them; what a name model finds is added by `names`."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, pattern_detector
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_UP = r"[A-ZÀ-ÖØ-ÞŠŽ]"
_NAME = rf"{_UP}[\w'’-]{{1,30}}"
_STREETS = (
    r"Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Boulevard|Blvd|Way|Terrace|Ter|Close|Crescent|Cres|"
    r"Square|Sq|Highway|Hwy|Parkway|Pkwy|Circle|Cir|Alley|Row|Walk|Gardens|Grove|Mews|Yard|Trail|Route|Quay|Hill|Rise"
)
_UNIT = r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.?\s?[\w-]{1,8})?"
_POSTCODE_UK = r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}"
_ENGLISH = re.compile(
    rf"\d(?<![\w.$€£].)\d{{0,4}}[A-Za-z]?,?\s(?:[NSEW]\.?\s)?(?:{_NAME}\s){{1,4}}(?:{_STREETS})\b\.?{_UNIT}"
    rf"(?:,\s?{_NAME}(?:\s{_NAME}){{0,2}})?(?:,?\s(?:[A-Z]{{2}}\s\d{{5}}(?:-\d{{4}})?|{_POSTCODE_UK}))?"
)
_CITY = rf"(?:,?\s(?:[A-Z]{{1,2}}-)?\d{{4,5}}(?:\s[A-Z]{{2}})?\s{_NAME}(?:[\s-]{_NAME}){{0,2}})?"
# A street's name comes before its number, and is looked for from there.
_GERMANIC_ENDS = (
    "straße", "strasse", "str.", "weg", "allee", "platz", "gasse", "ring", "damm", "ufer", "straat", "laan", "plein",
    "gracht", "kade", "dijk", "gatan", "vägen", "vej", "Straße", "Strasse", "Str.", "Weg", "Allee", "Platz", "Gasse",
    "Ring", "Damm",
)  # fmt: skip
_GERMANIC_STREET = re.compile(
    rf"(?<!\w)(?:{_UP}[\w-]{{2,40}}(?:straße|strasse|str\.|weg|allee|platz|gasse|ring|damm|ufer|straat|laan|plein|gracht|kade|dijk|gatan|vägen|vej)"
    rf"|{_NAME}\s(?:Straße|Strasse|Str\.|Weg|Allee|Platz|Gasse|Ring|Damm))\s\Z"
)
GERMANIC_CHARACTERS = 52  # of the street's name
_GERMANIC_NUMBER = re.compile(rf"\d{{1,4}}\s?(?:-?[A-Za-zIV]{{1,3}})?(?![\w]){_CITY}")
_TO = rf"(?:{_CITY}|,?\s\d{{5}}\s{_NAME}(?:[\s-]{_NAME}){{0,3}}(?:\sCedex(?:\s\d\d)?)?)"
_FRENCH = re.compile(
    r"\d(?<!\w.)(?:\d{0,3}(?:\s?(?:bis|ter|quater))?,?\s(?:rue|avenue|boulevard|impasse|allée|chemin|place|quai|route|sentier|cours|square)\s"
    rf"(?:(?:de|du|des|de la|de l'|d'|la|le|les)\s?)?{_NAME}(?:[\s-]{_NAME}){{0,3}}(?:,\s(?:Bât|Apt|Esc)\.?\s\w{{1,3}})?){_TO}",
    re.IGNORECASE,
)
_SOUTHERN = re.compile(
    r"(?:c/|calle|avda\.|av\.|avenida|paseo|plaza|carrera|rua|travessa|via|viale|corso|piazza|vicolo)\s"
    rf"(?:(?:de|del|de la|da|do|dos|di|della|dei)\s)?{_NAME}(?:\s{_NAME}){{0,3}},?\s(?:n\.?º?\s)?\d{{1,5}}(?:,\s\d{{1,2}}\.?º\s?\w{{0,5}}\.?)?{_TO}",
    re.IGNORECASE,
)
_UK = re.compile(r"[A-Z](?<!\w.)[A-Z]?\d[A-Z\d]?\s\d[A-Z]{2}(?!\w)")
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BOX = re.compile(r"(?<!\w)(?:P\.?\s?O\.?\s?Box|Postfach)\s\d{1,7}(?:,?\s[A-Z]{2}\s\d{5})?", re.IGNORECASE)
_A = FindingType.ADDRESS

# Of licence texts, of heads of government and of stories: everybody's to know.
_PUBLIC = re.compile(
    r"(?:51 Franklin|59 Temple|675 Mass|1600 Pennsylvania|1[01] Downing|444 Castro|171 Second|221[Bb] Baker|4 Privet|742 Evergreen|12 Grimmauld|1600 Amphitheatre|"
    r"350 Fifth|1 Infinite|3 Abbey|32 Windsor|42 Wallaby|1313 Mockingbird|112 Ocean Avenue|124 Conch)\b"
)


def _is_private(address: str) -> bool:
    return _PUBLIC.match(address) is None


def _find_germanic(text: Text) -> Iterator[Finding]:
    for at, _ in text.digit_runs:
        if not text.normal.endswith(_GERMANIC_ENDS, max(0, at - GERMANIC_CHARACTERS), max(0, at - 1)):
            continue
        before = _GERMANIC_STREET.search(text.normal[max(0, at - GERMANIC_CHARACTERS) : at])
        number = _GERMANIC_NUMBER.match(text.normal, at)
        if before and number:
            yield Finding(at - len(before.group()), number.end(), _A, 0.85, "street_germanic")


def _find_postcodes(text: Text) -> Iterator[Finding]:
    for at, end in text.digit_runs:
        if end - at > 2 or text.normal[at - 1 : at] not in _CAPITALS:
            continue
        start = at - 2 if text.normal[at - 2 : at - 1] in _CAPITALS else at - 1
        if match := _UK.match(text.normal, max(0, start)):
            yield Finding(*match.span(), _A, 0.7, "postcode_uk")


_SOUTHERN_WORDS = words("c calle avda av avenida paseo plaza carrera rua travessa via viale corso piazza vicolo")


def _find_southern(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_SOUTHERN_WORDS):
        if street := _SOUTHERN.match(text.normal, word.start):
            yield Finding(*street.span(), _A, 0.85, "street_southern")


DETECTORS: tuple[Detector, ...] = (
    pattern_detector(
        "street_english",
        _A,
        _ENGLISH,
        Evidence(frozenset(_STREETS.lower().split("|")), digits=1),
        score=0.85,
        at_digits=True,
        accept=_is_private,
    ),
    Detector("street_germanic", frozenset({_A}), _find_germanic, (Evidence(digits=1),)),
    pattern_detector(
        "street_french",
        _A,
        _FRENCH,
        Evidence(words("rue avenue boulevard impasse allée chemin place quai route sentier cours square"), digits=1),
        score=0.85,
        at_digits=True,
    ),
    Detector("street_southern", frozenset({_A}), _find_southern, (Evidence(_SOUTHERN_WORDS, digits=1),)),
    Detector("postcode_uk", frozenset({_A}), _find_postcodes, (Evidence(digits=2),)),
    pattern_detector("post_box", _A, _BOX, Evidence(words("box pobox obox postfach"), digits=1), score=0.85),
)
