"""Derives trace_quantiles.py from the Azure LLM inference traces 2023 (CC-BY-4.0; see LICENSE-azure) and Mooncake's
conversation trace (Apache-2.0; see LICENSE-mooncake).

`python sim/data/derive_traces.py FOLDER > sim/data/trace_quantiles.py`, where FOLDER holds the files as published.
"""

import csv
import json
import sys
from datetime import datetime
from pathlib import Path

import numpy as np

STEPS = 20
AZURE = {"CONV": "AzureLLMInferenceTrace_conv.csv", "CODE": "AzureLLMInferenceTrace_code.csv"}
MOONCAKE = "mooncake_conversation.jsonl"


def azure(path: Path) -> tuple[list[float], list[int], list[int]]:
    """Seconds, tokens of prompts, tokens of answers; in the order of arrival."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    moments = [datetime.fromisoformat(row["TIMESTAMP"][:26]).timestamp() for row in rows]
    return moments, [int(row["ContextTokens"]) for row in rows], [int(row["GeneratedTokens"]) for row in rows]


def mooncake(path: Path) -> tuple[list[float], list[int], list[int]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return (
        [row["timestamp"] / 1_000 for row in rows],
        [row["input_length"] for row in rows],
        [row["output_length"] for row in rows],
    )


def rendered(folder: Path) -> str:
    written = [
        '"""Quantiles 0, 5, … 100 percent of what is asked of chat services. Written by derive_traces.py.',
        "",
        "Sources: Azure LLM inference traces 2023, conversation and code, CC-BY-4.0 (Patel et al., Splitwise, ISCA",
        "2024); Mooncake conversation trace, Apache-2.0 (Qin et al., FAST 2025). Changed: quantiles alone are kept.",
        '"""',
        "",
    ]
    traces = {name: azure(folder / file) for name, file in AZURE.items()} | {"MOONCAKE": mooncake(folder / MOONCAKE)}
    for name, (moments, prompts, answers) in traces.items():
        gaps_us = np.diff(np.sort(np.array(moments))) * 1_000_000
        for column, values in (("GAP_US", gaps_us), ("PROMPT_TOKENS", prompts), ("ANSWER_TOKENS", answers)):
            points = np.rint(np.quantile(np.array(values), np.linspace(0, 1, STEPS + 1)))
            written += [f"{name}_{column} = (", *(f"    {int(point):_}," for point in points), ")"]
    return "\n".join(written) + "\n"


if __name__ == "__main__":
    sys.stdout.write(rendered(Path(sys.argv[1])))
