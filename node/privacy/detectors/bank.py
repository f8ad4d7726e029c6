"""Bank accounts: IBAN (ISO 13616), numbers beside a label."""

import re
from collections.abc import Iterator

from stdnum import iban

from node.privacy.detectors.base import LATIN, Detector, Evidence, Text, context, digits_of, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_IBAN_START = re.compile(rf"\d(?<=[A-Za-z]{{2}}.)(?<![{LATIN}]...)\d")
_IBAN = re.compile(rf"[A-Za-z]{{2}}\d{{2}}(?:[ \-]?[A-Za-z0-9]){{11,30}}(?![{LATIN}])")
IBAN_CHARACTERS_MIN = 15
_LABELS = words(
    "account acct accounts checking savings kto blz clabe hesap konta ifsc konto kontonummer kontonr compte cuenta conto rekening rekeningnummer conta routing sort "
    "sortcode aba bsb"
)
_LABELLED = re.compile(
    r"[^\W_]+(?:[ _-]code)?(?:[ _-]?(?:number|no|nr|num|numéro|número|nummer|番号))?[.:#= ]{0,4}(?:is |ist |est |es |è )?"
    r"(?P<number>\d(?:[ -]?\d){5,17})(?!\w)",
    re.IGNORECASE,
)
# A routing number beside an account's: "123456780 / 000123456789", "12-34-56 12345678".
_PAIR = re.compile(rf"\d(?<![{LATIN}.].)\d{{8}}(?P<between>\s?[/|,:;-]\s?|\s+)\d{{6,17}}(?![{LATIN}])")
_SORT_CODE = re.compile(
    rf"\d(?<![{LATIN}.].)\d-\d\d-\d\d[ ,;/|]{{1,3}}(?:(?:and |to )?(?:a/?c|[Aa]cc(?:ount|t)?)\.?(?: (?:no\.?|number|num|#))?[ :]{{1,2}})?\d{{4}}[ ]?\d{{4}}(?![{LATIN}])"
)
_MONEY = context(
    "wire transfer bank credit_union routing aba ach deposit account acct pay dues checking savings iban swift bic überweisen "
    "überweisung konto virement compte transferir transferencia cuenta bonifico conto overmaken rekening przelew konto"
)
_UNSPACED = re.compile(
    r"(?:口座番号|账号|帐号|卡号|账户|계좌번호|رقم الحساب)[:： はは是为]{0,3}(?P<number>\d(?:[ -]?\d){5,19})"
)
_UNSPACED_LABELS = words("口座番号 账号 帐号 卡号 账户 계좌번호 رقم")
_SWIFT_LABELS = frozenset({"swift", "bic"})
_SWIFT = re.compile(
    r"(?:swift|bic)(?:[ /-]?(?:bic|code))?[ :=#]{1,3}(?:is )?(?P<number>[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?)(?!\w)",
    re.IGNORECASE,
)


# "card ending in 4417", "cuenta que termina en 4417".
_ENDING = re.compile(
    r"[^\W_]+[ ](?:[^\W\d_]{1,12}[ ]){0,2}?(?:ending|ends|endend|endet|finissant|terminant|termina|terminada|terminado|finisce|eindigend|eindigt|final|kończąc\w{1,3}|biten)[ ]"
    r"(?:się[ ])?(?:(?:in|with|on|auf|mit|par|en|con|op|met|em|com|na)[ ])?(?P<number>\d{3,4})(?![\w.,]\d|\w)",
    re.IGNORECASE,
)
_ENDING_WORDS = words(
    "card cards acct account visa mastercard amex debit checking savings karte konto iban carte compte tarjeta cuenta carta conto kaart rekening cartão conta karta kart hesap number"
)


def _find_endings(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_ENDING_WORDS):
        if match := _ENDING.match(text.normal, word.start):
            yield Finding(*match.span("number"), FindingType.REFERENCE, 0.75, "endings")


def _find_ibans(text: Text) -> Iterator[Finding]:
    done = 0
    for at, _ in text.digit_runs:
        if at < max(2, done) or not text.lower[at - 2 : at].isalpha() or not _IBAN_START.match(text.normal, at):
            continue
        match = _IBAN.match(text.normal, at - 2)
        end = _iban_end(match.group()) if match else 0
        if match and end:
            done = match.start() + end
            yield Finding(match.start(), match.start() + end, FindingType.ACCOUNT, 0.99, "iban")


def _iban_end(run: str) -> int:
    """How many characters of `run` are an IBAN; words may follow it without a mark between. 0 where none are."""
    for end in range(len(run), IBAN_CHARACTERS_MIN - 1, -1):
        if (end == len(run) or run[end] in " -") and iban.is_valid(run[:end], check_country=False):
            return end
    return 0


def _find_labelled(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_LABELS):
        match = _LABELLED.match(text.normal, word.start)
        if match:
            yield Finding(*match.span("number"), FindingType.ACCOUNT, 0.8, "accounts")
    for word in text.at_words(_SWIFT_LABELS):
        if match := _SWIFT.match(text.normal, word.start):
            yield Finding(*match.span("number"), FindingType.ACCOUNT, 0.8, "accounts")
    if not text.is_ascii:
        for match in _UNSPACED.finditer(text.normal):
            yield Finding(*match.span("number"), FindingType.ACCOUNT, 0.8, "accounts")


def _is_routing_number(digits: str) -> bool:
    """The checksum of the American Bankers Association."""
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (3, 7, 1) * 3, strict=True))
    return weighted % 10 == 0 and digits[:2] <= "32"


def _find_pairs(text: Text) -> Iterator[Finding]:
    for match in text.at_digits(_PAIR):
        if _is_routing_number(digits_of(match.group()[:9])) and text.near(_MONEY, *match.span()):
            yield Finding(match.start(), match.start() + 9, FindingType.ACCOUNT, 0.85, "routing")
            yield Finding(match.end("between"), match.end(), FindingType.ACCOUNT, 0.85, "routing")
    for match in text.at_digits(_SORT_CODE, then="-"):
        yield Finding(*match.span(), FindingType.ACCOUNT, 0.85, "routing")


DETECTORS = (
    Detector("iban", frozenset({FindingType.ACCOUNT}), _find_ibans, (Evidence(digits=2),)),
    Detector(
        "accounts",
        frozenset({FindingType.ACCOUNT}),
        _find_labelled,
        (Evidence(_LABELS, digits=6), Evidence(_SWIFT_LABELS), *each(_UNSPACED_LABELS, digits=6, other_script=True)),
    ),
    Detector("endings", frozenset({FindingType.REFERENCE}), _find_endings, (Evidence(_ENDING_WORDS, digits=3),)),
    Detector("routing", frozenset({FindingType.ACCOUNT}), _find_pairs, (Evidence(digits=14),)),
)
