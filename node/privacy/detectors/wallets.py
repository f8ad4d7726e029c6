"""Wallets of cryptocurrencies: by their checksum where the address has one, else by its shape or a word beside it."""

import hashlib
import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, context
from node.privacy.findings import Finding, FindingType

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_BASE58)}
# XRP's alphabet has the same letters in another order.
_OF_XRP = str.maketrans("rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz", _BASE58)
ADDRESS_BYTES, CHECKSUM_BYTES = 25, 4  # version and hash, and the first bytes of their double SHA-256
RUN_MIN = 26
_RUN = re.compile(r"(?<![\w/+=-])[1-9A-HJ-NP-Za-km-z]{26,44}(?![\w/+=-])")
_ETHEREUM = re.compile(r"(?<!\w)0x[0-9a-fA-F]{40}(?!\w)")
# Bech32 (BIP 173): what the chain is called, 1, and the characters that its alphabet has.
_BECH32 = re.compile(
    r"(?<!\w)(?:bc|tb|ltc|bnb|cosmos|osmo|juno|terra|inj|addr|stake|zs|erd)1[02-9ac-hj-np-z]{38,108}(?!\w)"
)
_MONERO = re.compile(r"(?<!\w)[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}(?!\w)")
SOLANA_CHARACTERS_MIN = 32
_SOLANA = context("solana sol phantom wallet spl lamports")
_W = FindingType.WALLET


def _is_base58check(text: str) -> bool:
    number = 0
    for character in text:
        number = number * 58 + _VALUES[character]
    if number.bit_length() > ADDRESS_BYTES * 8:
        return False
    data = number.to_bytes(ADDRESS_BYTES, "big")
    body, checksum = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:CHECKSUM_BYTES] == checksum


def _is_wallet(run: str, *, solana: bool) -> bool:
    if _is_base58check(run) or (run[0] == "r" and _is_base58check(run.translate(_OF_XRP))):
        return True
    has_both = any(c.isdigit() for c in run) and any(c.isupper() for c in run) and any(c.islower() for c in run)
    return solana and has_both and len(run) >= SOLANA_CHARACTERS_MIN


def _find(text: Text) -> Iterator[Finding]:
    for pattern in (_ETHEREUM, _BECH32, _MONERO):
        for match in pattern.finditer(text.normal):
            yield Finding(*match.span(), _W, 0.95, "wallets")
    for match in _RUN.finditer(text.normal):
        if _is_wallet(match.group(), solana=text.near(_SOLANA, *match.span())):
            yield Finding(*match.span(), _W, 0.9, "wallets")


DETECTORS = (Detector("wallets", frozenset({_W}), _find, (Evidence(digits=1, run=RUN_MIN),)),)
