"""Derives length_quantiles.py from the Azure LLM inference trace 2023, conversation (CC-BY-4.0; see LICENSE-azure).

`python sim/data/derive_lengths.py AzureLLMInferenceTrace_conv.csv > sim/data/length_quantiles.py`
"""

import csv
import sys
from pathlib import Path

import numpy as np

STEPS = 20
COLUMNS = {"PROMPT_TOKENS": "ContextTokens", "ANSWER_TOKENS": "GeneratedTokens"}


def rendered(trace: Path) -> str:
    with trace.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    written = [
        '"""Quantiles 0, 5, … 100 percent of the tokens of a chat service. Written by derive_lengths.py.',
        "",
        "Source: Azure LLM inference trace 2023, conversation, CC-BY-4.0. Changed: quantiles alone are kept",
        '(Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting", ISCA 2024).',
        '"""',
        "",
    ]
    for name, column in COLUMNS.items():
        values = np.array([int(row[column]) for row in rows])
        points = np.rint(np.quantile(values, np.linspace(0, 1, STEPS + 1)))
        written += [f"{name} = (", *(f"    {int(point):_}," for point in points), ")"]
    return "\n".join(written) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered(Path(sys.argv[1])))
