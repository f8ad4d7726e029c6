"""Derives price_quantiles.py from the price table of BerriAI/litellm 1.75.8, August 2025 (MIT; see LICENSE-litellm).

`python sim/data/derive_prices.py model_prices_2025-08.json > sim/data/price_quantiles.py`
"""

import json
import sys
from pathlib import Path

import numpy as np

STEPS = 10
NANO_USD_PER_MILLION = 10**15  # what one USD for one token is


def rendered(table: Path) -> str:
    prices = [
        (entry["input_cost_per_token"], entry["output_cost_per_token"], entry["max_input_tokens"])
        for entry in json.loads(table.read_text()).values()
        if entry.get("input_cost_per_token") and entry.get("output_cost_per_token") and entry.get("max_input_tokens")
    ]
    columns = np.array(prices).T
    written = [
        '"""Quantiles 0, 10, … 100 percent of the prices of hosted models. Written by derive_prices.py.',
        "",
        "Nano-USD per million tokens, and tokens; each column by itself. Source: BerriAI/litellm 1.75.8, August",
        "2025, MIT, see LICENSE-litellm. Changed: quantiles alone are kept.",
        '"""',
        "",
    ]
    factors = (NANO_USD_PER_MILLION, NANO_USD_PER_MILLION, 1)
    names = ("INPUT_NANO_USD", "OUTPUT_NANO_USD", "CONTEXT_TOKENS")
    for name, factor, values in zip(names, factors, columns, strict=True):
        points = np.rint(np.quantile(values, np.linspace(0, 1, STEPS + 1)) * factor)
        written += [f"{name} = (", *(f"    {int(point):_}," for point in points), ")"]
    return "\n".join(written) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered(Path(sys.argv[1])))
