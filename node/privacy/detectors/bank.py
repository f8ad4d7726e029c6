"""Bank accounts: IBAN (ISO 13616), numbers beside a label, wallets of cryptocurrencies."""

import re
from collections.abc import Iterator

from stdnum import bitcoin, iban

from node.privacy.detectors.base import LATIN, Detector, Text, pattern_detector
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_IBAN = re.compile(rf"(?<![{LATIN}])[A-Za-z]{{2}}\d{{2}}(?:[ \-]?[A-Za-z0-9]){{11,30}}(?![{LATIN}])")
IBAN_CHARACTERS_MIN = 15
_LABELS = words(
    "account acct accounts konto kontonummer kontonr compte cuenta conto rekening rekeningnummer conta routing sort "
    "sortcode aba bsb"
)
_LABELLED = re.compile(
    r"[^\W_]+(?:[ _-]code)?(?:[ _-]?(?:number|no|nr|num|numéro|número|nummer|番号))?[.:#= ]{0,4}(?:is |ist |est |es |è )?"
    r"(?P<number>\d(?:[ -]?\d){5,17})(?!\w)",
    re.IGNORECASE,
)
_ETHEREUM = re.compile(r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)")
_BITCOIN = re.compile(r"(?<!\w)(?:[13][1-9A-HJ-NP-Za-km-z]{25,34}|bc1[0-9ac-hj-np-z]{11,71})(?!\w)")


def _find_ibans(text: Text) -> Iterator[Finding]:
    if not text.has_digit:
        return
    for match in _IBAN.finditer(text.normal):
        end = _iban_end(match.group())
        if end:
            yield Finding(match.start(), match.start() + end, FindingType.ACCOUNT, 0.99, "iban")


def _iban_end(run: str) -> int:
    """How many characters of `run` are an IBAN; words may follow it without a mark between. 0 where none are."""
    for end in range(len(run), IBAN_CHARACTERS_MIN - 1, -1):
        if (end == len(run) or run[end] in " -") and iban.is_valid(run[:end], check_country=False):
            return end
    return 0


def _find_labelled(text: Text) -> Iterator[Finding]:
    if not text.has_digit:
        return
    for word in text.at_words(_LABELS):
        match = _LABELLED.match(text.normal, word.start)
        if match:
            yield Finding(*match.span("number"), FindingType.ACCOUNT, 0.8, "accounts")


DETECTORS = (
    Detector("iban", frozenset({FindingType.ACCOUNT}), _find_ibans),
    Detector("accounts", frozenset({FindingType.ACCOUNT}), _find_labelled),
    pattern_detector("ethereum", FindingType.WALLET, _ETHEREUM, score=0.95, hints=("0x",)),
    pattern_detector("bitcoin", FindingType.WALLET, _BITCOIN, score=0.9, accept=bitcoin.is_valid),
)
