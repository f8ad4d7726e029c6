"""Numbers that only the label beside them explains: passports, licences, tax, medical records, policies, files."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_NUMBER_WORD = r"(?:[ _-]?(?:number|numbers|no|nr|num|id|#|№|numéro|número|numero|nummer|code))?"
_JOIN = r"(?:[ \t]?[.:=#№][ \t]?|[ \t]|[ \t](?:is|was|ist|est|es|è|:)[ \t]){0,3}[\"'(]?"
_VALUE = r"(?P<value>(?=[\w./-]{0,12}\d)[A-Za-z0-9]{1,24}(?:[ ./-](?=[A-Za-z]{0,12}\d)[A-Za-z0-9]{1,24}){0,5})(?![\w])"

_LABELS: dict[FindingType, str] = {
    FindingType.NATIONAL_ID: (
        r"passport|passeport|reisepass|pasaporte|passaporto|paspoort|driver'?s?[ -]licen[cs]e|driving licen[cs]e|"
        r"führerschein|permis de conduire|patente di guida|tax[ -]?(?:payer)?[ -]?id|tax file|steuernummer|steuer-id|tin|"
        r"itin|ein|national id|identity card|personalausweis|id card|visa|green card|alien registration|social security|"
        r"social insurance|ssn|sozialversicherungsnummer|rentenversicherungsnummer"
    ),
    FindingType.MEDICAL_ID: (
        r"mrn|medical record|patient(?:[ -]?id|[ -]number|[ -]no)|nhs|medicare|medicaid|member[ -]?id|"
        r"health (?:card|insurance|plan)|insurance(?: policy)?|policy|póliza|versicherten|versichertennummer|krankenkasse|"
        r"hospital (?:number|no)|chart (?:number|no)|health plan beneficiary|npi|dea"
    ),
    FindingType.REFERENCE: (
        r"customer|client|case|docket|file|employee|staff|student|matriculation|personalnummer|kundennummer|aktenzeichen|az|"
        r"vertragsnummer|registration|booking|order|invoice|ticket|serial|vin|licen[cs]e plate|kennzeichen|badge|brokerage|"
        r"loyalty|membership|tracking"
    ),
}
_PATTERNS = {
    type_: re.compile(rf"(?<![^\W_])(?:{labels}){_NUMBER_WORD}{_JOIN}{_VALUE}", re.IGNORECASE)
    for type_, labels in _LABELS.items()
}
# The first word of each label above: only there is the pattern tried.
_TRIGGERS = {
    FindingType.NATIONAL_ID: words(
        "passport passeport reisepass pasaporte passaporto paspoort driver drivers driver's driving führerschein "
        "permis patente tax taxpayer steuernummer steuer tin itin ein national identity personalausweis id visa green "
        "alien social ssn sozialversicherungsnummer rentenversicherungsnummer"
    ),
    FindingType.MEDICAL_ID: words(
        "mrn medical patient patientid nhs medicare medicaid member memberid health insurance policy póliza "
        "versicherten versichertennummer krankenkasse hospital chart npi dea"
    ),
    FindingType.REFERENCE: words(
        "customer client case docket file employee staff student matriculation personalnummer kundennummer "
        "aktenzeichen az vertragsnummer registration booking order invoice ticket serial vin license licence "
        "kennzeichen badge brokerage loyalty membership tracking"
    ),
}
assert _TRIGGERS.keys() == _LABELS.keys()
VALUE_CHARACTERS_MIN = 5  # these words stand before short plain numbers too often: "case 3", "order 66"
VALUE_DIGITS_MIN = 3
_YEAR_OR_AMOUNT = re.compile(r"(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|(?:19|20)\d\d-\d\d-\d\d")


def _find(text: Text) -> Iterator[Finding]:
    if not text.has_digit:
        return
    for type_, pattern in _PATTERNS.items():
        for word in text.at_words(_TRIGGERS[type_]):
            match = pattern.match(text.normal, word.start)
            value = match.group("value") if match else ""
            if match and _tells(value):
                yield Finding(*match.span("value"), type_, 0.8, "labelled")


def _tells(value: str) -> bool:
    digits = sum(c.isdigit() for c in value)
    return len(value) >= VALUE_CHARACTERS_MIN and digits >= VALUE_DIGITS_MIN and not _YEAR_OR_AMOUNT.fullmatch(value)


DETECTORS = (Detector("labelled", frozenset(_LABELS), _find),)
