"""How good a model's answers are likely to be, by its name: a prior, for where its owner says nothing. Pure.

The prior is the part of MMLU's questions (5-shot, four choices: 25 % by chance) that a model answers beyond chance, as
its makers published it: arXiv 2307.09288 (Llama 2), 2407.21783 (Llama 3), 2412.15115 (Qwen2.5), 2310.06825 and
2401.04088 (Mistral, Mixtral), 2408.00118 (Gemma 2), 2404.14219 (Phi-3), 2502.02737 (SmolLM2), 2412.19437 (DeepSeek-V3),
the model cards of Llama 3.2, Claude 3 and 3.5, GPT-4o and Gemini 1.5. What is newer counts as the newest of its family
here, which is rather too low. A name is a claim that anybody can make, so it decides on quality alone.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import log

UNKNOWN = 0.5  # neither family nor size can be told from the name
LEAST = 0.02  # what can talk at all
CHANCE = 25.0

Points = Sequence[tuple[float, float]]
"""Parameters in 10⁹, and percent of MMLU; ascending."""

# Families whose names have no sizes in them. The first that matches counts.
_NAMED: tuple[tuple[str, float], ...] = (
    (r"gpt-?4o-mini|gpt-?(?:4\.1|5(?:\.\d)?)-(?:mini|nano)", 82.0),
    (r"gpt-?4o|gpt-?4\.1|gpt-?5|\bo[134]\b", 88.7),
    (r"gpt-?4", 86.4),
    (r"gpt-?3\.5", 70.0),
    (r"claude.*haiku", 75.2),
    (r"claude.*opus", 86.8),
    (r"claude", 88.7),
    (r"gemini.*flash", 78.9),
    (r"gemini", 85.9),
    (r"deepseek-(?:v3|chat|reasoner)", 87.1),
    (r"mixtral-?8x22b", 77.8),
    (r"mixtral", 70.6),
    (r"phi-?3.*medium", 78.0),
    (r"phi-?3", 68.8),
)

_SIZED: tuple[tuple[str, Points], ...] = (
    (r"qwen-?(?:2\.5|3)", ((0.5, 47.5), (1.5, 60.9), (3, 65.6), (7, 74.2), (14, 79.7), (32, 83.3), (72, 86.1))),
    (r"llama-?3", ((1, 32.2), (3, 58.0), (8, 66.6), (70, 79.5), (405, 85.2))),
    (r"gemma-?[23]", ((2, 51.3), (9, 71.3), (27, 75.2))),
    (r"mistral", ((7, 62.1),)),
    (r"smollm-?[23]", ((0.135, CHANCE), (1.7, 49.2))),
    (r"llama-?2", ((7, 45.7), (13, 53.8), (70, 69.7))),
)

_ANY_FAMILY: Points = ((0.5, CHANCE), (7, 45.7), (13, 53.8), (70, 69.7), (405, 85.2))
"""Those of Llama 2, and the largest Llama 3: rather too low for what is newer."""

_MIXTURE = re.compile(r"(?<![\d.])(\d{1,3})x(\d{1,3}(?:\.\d{1,2})?)b(?![a-z0-9])")
_SIZE = re.compile(r"(?<![\d.])(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])")


def prior(model: str) -> float:
    """0 to 1; of any text, since a name is somebody else's."""
    name = model.lower().replace("_", "-").replace(" ", "-")
    size = parameters(name)
    for pattern, percent in _NAMED:
        if re.search(pattern, name):
            return _beyond_chance(percent)
    if size is None:
        return UNKNOWN
    points = next((points for pattern, points in _SIZED if re.search(pattern, name)), _ANY_FAMILY)
    return _beyond_chance(_between(points, size))


def parameters(name: str) -> float | None:
    """In 10⁹, as the name has them; a mixture counts in full. None where it has none, or 0."""
    mixture = _MIXTURE.search(name.lower())
    if mixture is not None:
        return float(mixture[1]) * float(mixture[2]) or None
    found = _SIZE.search(name.lower())
    if found is None:
        return None
    return float(found[1]) / (1 if found[2] == "b" else 1_000) or None


def _between(points: Points, size: float) -> float:
    """On the line between two neighbours, over the logarithm of the size; beyond the ends, the end."""
    if size <= points[0][0]:
        return points[0][1]
    for (lower, percent), (upper, better) in pairwise(points):
        if size <= upper:
            return percent + (better - percent) * log(size / lower) / log(upper / lower)
    return points[-1][1]


def _beyond_chance(percent: float) -> float:
    return max(LEAST, (percent - CHANCE) / (100.0 - CHANCE))
