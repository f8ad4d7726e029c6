"""Whether a GGUF file's vectors tell meaning: 20 pairs that say one thing in other words. Not a quality benchmark.

`python -m tests.benchmarks.bench_embeddings [MODEL.gguf] [mean|cls|last]`, the embedded chat model unless one is named.
For each first sentence the nearest of all 20 second ones should be its own. Prints one JSON object.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from node.vectors import packed, unpacked
from node.workers.embedding import open_embedding
from node.workers.llama import packaged_model

PAIRS = (
    ("How do I reset my password?", "I forgot my login and need a new secret word."),
    ("The train to Berlin leaves at noon.", "At twelve o'clock there is a rail departure for the German capital."),
    ("Bees make honey from nectar.", "Insects turn the sweet juice of flowers into a golden syrup."),
    ("The doctor prescribed antibiotics.", "She was given medicine against a bacterial infection."),
    ("Interest rates went up again.", "Borrowing money has become more expensive."),
    ("My laptop does not start.", "The computer will not boot when I press the button."),
    ("He scored twice in the final.", "The striker's two goals decided the last match."),
    ("Bake the bread for forty minutes.", "Leave the loaf in the oven until it is brown."),
    ("The bridge is closed for repairs.", "You cannot cross the river there while they fix it."),
    ("It will rain all weekend.", "Expect wet weather on Saturday and Sunday."),
    ("Sort the list in descending order.", "Arrange the items from the largest to the smallest."),
    ("The lease ends in March.", "Our rental contract runs out this spring."),
    (
        "She plays the violin in an orchestra.",
        "He is no musician; she performs with a string instrument in an ensemble.",
    ),
    ("The volcano erupted last night.", "Lava flowed down the mountain after dark."),
    ("Our cat sleeps on the sofa.", "The pet dozes on the couch."),
    ("The court found him guilty.", "A judge convicted the accused."),
    ("Mars has two moons.", "Phobos and Deimos circle the red planet."),
    ("The shop refunds unused tickets.", "You get your money back for passes that you did not use."),
    ("Vaccines protect children from measles.", "Shots keep kids safe against a contagious disease."),
    ("The factory cut two hundred jobs.", "Many workers at the plant were dismissed."),
)
CONTEXT_TOKENS = 256

Embed = Callable[[str], Sequence[float]]


def main(arguments: Sequence[str]) -> None:
    model = Path(arguments[0]) if arguments else packaged_model()
    pooling = arguments[1] if len(arguments) > 1 else None if arguments else "last"
    server = open_embedding(model, pooling, CONTEXT_TOKENS, threads=1)

    def embed(text: str) -> Sequence[float]:
        answer = server.handle_embeddings({"input": text, "encoding_format": "base64"})
        return unpacked(packed(answer["data"][0]["embedding"]))

    sys.stdout.write(json.dumps({"model": model.stem, "pooling": pooling, **scored(embed)}) + "\n")


def scored(embed: Embed) -> dict[str, float]:
    """Of how many pairs the nearest is the right one, the mean reciprocal rank, and the cosines within and across."""
    firsts, seconds = ([_unit(embed(pair[side])) for pair in PAIRS] for side in (0, 1))
    cosines = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in seconds] for one in firsts]
    ranks = [1 + sum(each > row[own] for each in row) for own, row in enumerate(cosines)]
    across = [each for own, row in enumerate(cosines) for other, each in enumerate(row) if other != own]
    return {
        "pairs": len(PAIRS),
        "nearest_right": ranks.count(1),
        "mean_reciprocal_rank": round(fmean(1 / rank for rank in ranks), 3),
        "cosine_of_pairs": round(fmean(row[own] for own, row in enumerate(cosines)), 3),
        "cosine_of_others": round(fmean(across), 3),
    }


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.hypot(*vector) or 1.0
    return [value / length for value in vector]


if __name__ == "__main__":
    main(sys.argv[1:])
