"""Numbers of things, which are nobody's: of books, articles, parts, versions, digests. Other finders ask before they
take a number for somebody's."""

import re

_LABELLED = re.compile(
    r"(?<![^\W_])(?:isbn(?:-1[03])?|issn|ean|upc|gtin|asin|doi|arxiv|sku|cas|rfc|cve|din|iso|iec|part|parts|model|article|artikel|catalog(?:ue)?|"
    r"version|firmware|build|revision|commit|chapter|section|equation|figure|teile?|pièce|pieza|modelo?|modell)"
    r"[ .:#-]{0,2}(?:(?:numbers?|nos?|nr|num|id|code|nummern?|número)\.?(?![^\W_]))?[ .:#]{0,2}(?:(?:is|are|was|were|reads?|ist|sind|es|son|est|sont)\s)?[ \"'(]{0,2}\Z",
    re.IGNORECASE,
)
_AND = re.compile(r"[\w./-]{3,24}(?:,| and| or| und| y| et| e| o)?[ ]\Z")
_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}")
_WHOLE_BEFORE = re.compile(r"[\w.-]{0,40}\Z")
_WHOLE_AFTER = re.compile(r"[\w.-]{0,40}")
BEFORE_CHARACTERS = 48


def is_of_a_thing(text: str, start: int, end: int) -> bool:
    """Whether the number there belongs to a thing, told by the label before it (or before the one that it follows),
    or by the whole that it is a part of."""
    head = text[max(0, start - 40) : start]
    before = _WHOLE_BEFORE.search(head)
    start -= len(before.group()) if before else 0
    after = _WHOLE_AFTER.match(text, end)
    end = after.end() if after else end
    if _UUID.fullmatch(text, start, end):
        return True
    label = text[max(0, start - BEFORE_CHARACTERS) : start]
    for _ in range(3):
        if _LABELLED.search(label):
            return True
        listed = _AND.search(label)
        if listed is None:
            return False
        label = label[: listed.start()]
    return False
