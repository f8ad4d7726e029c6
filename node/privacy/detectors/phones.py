"""Telephone numbers: international ones anywhere, national ones by their shape or beside a word such as "call"."""

import re
from collections.abc import Iterator

import phonenumbers

from node.privacy.detectors.base import COUNTED, Detector, Evidence, Number, Text, context
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

DIGITS_MIN, DIGITS_MAX = 7, 15  # ITU-T E.164
_CONTEXT = context(
    "phone telephone tel mobile cell cellphone call ring dial fax sms text whatsapp number_is reach_me contact "
    "telefon handy mobil rufnummer anrufen durchwahl téléphone appeler appelez portable teléfono móvil llamar "
    "telefono cellulare chiamare telefoon bellen mobiel telefone celular ligar numer zadzwoń komórka "
    "电话 手机 電話 携帯 전화 هاتف الرقم رقم رقمي телефон"
)
_NORTH_AMERICAN = re.compile(r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}")
_RUSSIAN = re.compile(r"8[ -]?\(\d{3,5}\)[ -]?\d{1,3}-?\d\d-?\d\d")
_TRUNK = re.compile(r"\(?0\d{1,5}\)?(?:[ /-]{1,3}\d{2,8}){1,4}")  # 020 7946 0677, 030/23125-417
_EXTENSION = re.compile(r"[ ,]{0,2}(?:x|ext\.?|extension|app\.?|poste|int\.?) ?\d{1,6}(?!\w)", re.IGNORECASE)
_EXTENSION_WORDS = words("durchwahl nebenstelle extension ext dw poste interno anexo toestel wewn dahili")
_LONE_EXTENSION = re.compile(r"[^\W_]+\.?\s?[:.]?\s?[-–]?(?P<number>\d{2,5})(?![\w.])")
# Dates, an American ZIP code, years from and to.
_NO_PHONE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{5}-\d{4}|(?:1[5-9]|20)\d\d ?[-–/] ?(?:1[5-9]|20)\d\d")


def _is_phone(number: Number, text: Text) -> float:
    """The score; 0 where it is none."""
    if not DIGITS_MIN <= len(number.digits) <= DIGITS_MAX or _NO_PHONE.fullmatch(number.text):
        return 0.0
    if number.text.count("00") > 2:
        return 0.0  # bytes
    if number.text.startswith("+"):
        return 0.95 if _is_international(number.digits) else 0.0
    if _NORTH_AMERICAN.fullmatch(number.text) or _RUSSIAN.fullmatch(number.text):
        return 0.85
    if text.near(_CONTEXT, number.start, number.end):
        return 0.0 if COUNTED.match(text.normal, number.end) else 0.9
    if number.digits.startswith("00") and len(number.digits) > 10 and _is_international(number.digits[2:]):
        return 0.7
    return 0.7 if _TRUNK.fullmatch(number.text) and len(number.digits) >= 9 else 0.0


def _is_international(digits: str) -> bool:
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse("+" + digits)))
    except phonenumbers.NumberParseException:
        return False


def _find(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_EXTENSION_WORDS):
        lone = _LONE_EXTENSION.match(text.normal, word.start)
        if lone:
            yield Finding(*lone.span("number"), FindingType.PHONE, 0.7, "phones")
    taken = -1
    for number in text.number_candidates:
        score = _is_phone(number, text) if number.start >= taken else 0.0
        if score:
            taken = number.end
            extension = _EXTENSION.match(text.normal, number.end)
            end = extension.end() if extension else number.end
            yield Finding(number.start, end, FindingType.PHONE, score, "phones")


DETECTORS = (
    Detector(
        "phones",
        frozenset({FindingType.PHONE}),
        _find,
        (Evidence(digits=DIGITS_MIN), Evidence(_EXTENSION_WORDS, digits=2)),
    ),
)
