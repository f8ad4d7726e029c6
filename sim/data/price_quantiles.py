"""Quantiles 0, 10, … 100 percent of the prices of hosted models. Written by derive_prices.py.

Nano-USD per million tokens, and tokens; each column by itself. Source: BerriAI/litellm 1.75.8, August
2025, MIT, see LICENSE-litellm. Changed: quantiles alone are kept.
"""

INPUT_NANO_USD = (
    40_000_000,
    100_000_000,
    180_000_000,
    300_000_000,
    600_000_000,
    1_000_000_000,
    2_000_000_000,
    2_500_000_000,
    3_000_000_000,
    8_000_000_000,
    75_000_000_000,
)
OUTPUT_NANO_USD = (
    37_500_000,
    280_000_000,
    500_000_000,
    880_000_000,
    1_500_000_000,
    3_000_000_000,
    6_000_000_000,
    10_000_000_000,
    15_000_000_000,
    28_000_000_000,
    150_000_000_000,
)
CONTEXT_TOKENS = (
    4_096,
    8_192,
    32_000,
    65_536,
    128_000,
    128_000,
    131_072,
    131_072,
    200_000,
    1_047_576,
    2_097_152,
)
