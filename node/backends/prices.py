"""Prices as people write them ("0.15" USD per million tokens) to nano-USD, exactly."""

import re
from decimal import Decimal

from protocol.errors import ConfigError
from protocol.terms import NANO_USD_PER_USD, NanoUsd

USD_MAX = 1_000_000
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?", re.ASCII)


def parse_usd(text: str) -> NanoUsd:
    """Raises ConfigError for signs, exponents, fractions of a nano-USD, and more than USD_MAX."""
    if not _DECIMAL.fullmatch(text):
        raise ConfigError(f'price "{text[:32]}": expected USD as a decimal number in quotes, such as "0.15"')
    nano = Decimal(text) * NANO_USD_PER_USD
    if nano != int(nano):
        raise ConfigError(f'price "{text}": finer than a nano-USD (at most 9 decimals)')
    if nano > USD_MAX * NANO_USD_PER_USD:
        raise ConfigError(f'price "{text}": at most {USD_MAX} USD')
    return NanoUsd(int(nano))
