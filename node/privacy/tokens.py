"""What this node makes of the grammar of placeholders (protocol/placeholders.py).

The types that it gives out, and what a model may make of a token and still have it brought back.
"""

import re

from node.privacy.findings import TRAITS
from protocol.placeholders import Placeholder

TYPES = frozenset(trait.token for trait in TRAITS.values() if trait.token)

_TYPE = "|".join(sorted(TYPES))
_SPELLING = r"(?:[B-Z]|[A-Z]{2})?"
# What the restorer would take for a token, were it sent, beyond the exact token: with marks or blanks or in another
# case inside the brackets, or without brackets in capitals.
_LOOKALIKES = (
    re.compile(rf"(?<![A-Za-z0-9])(?P<type>{_TYPE})_(?P<number>[1-9]\d{{0,5}}){_SPELLING}(?![A-Za-z0-9_])"),
    re.compile(
        rf"(?<=\[)[*`]{{0,3}}(?P<type>{_TYPE})[_ -](?P<number>[1-9]\d{{0,5}}){_SPELLING}(?=[*`]{{0,3}}\\?\])",
        re.IGNORECASE,
    ),
)


def lookalikes(text: str) -> list[tuple[int, int, Placeholder]]:
    """Where the text itself holds something that could be taken for a token of ours, brackets left aside."""
    return [
        (match.start("type"), match.end(), Placeholder(match["type"].upper(), int(match["number"])))
        for pattern in _LOOKALIKES
        for match in pattern.finditer(text)
    ]
