"""Passages of about a kibibyte, cut where the text pauses, each with its place in the file."""

from collections.abc import Iterable, Iterator

from node.collections.extraction import Line

PASSAGE_CHARACTERS_MAX = 1_024
PASSAGE_CHARACTERS_ENOUGH = 640  # from here on, an empty line ends a passage
HEADING_CHARACTERS_MAX = 80
assert PASSAGE_CHARACTERS_ENOUGH < PASSAGE_CHARACTERS_MAX

Chunk = tuple[str, str]
"""The place, and the text."""


def chunks(lines: Iterable[Line]) -> Iterator[Chunk]:
    """Cuts lines into passages; no text is lost but white space at the edges. A heading begins a new one."""
    held: list[str] = []
    size, first, last, heading = 0, 1, 1, ""
    for number, above, text in lines:
        full = size + len(text) > PASSAGE_CHARACTERS_MAX
        if held and (full or above != heading or (size >= PASSAGE_CHARACTERS_ENOUGH and not text.strip())):
            yield from _passage(held, first, last, heading)
            held, size = [], 0
        if not held:
            first, heading = number, above
        last = number
        if len(text) <= PASSAGE_CHARACTERS_MAX:
            held.append(text)
            size += len(text) + 1
        else:
            for piece in _pieces(text):
                yield from _passage([piece], number, number, above)
    yield from _passage(held, first, last, heading)


def _passage(held: list[str], first: int, last: int, heading: str) -> Iterator[Chunk]:
    text = "\n".join(held).strip("\n")
    if text.strip():
        place = f"line {first}" if first == last else f"lines {first}-{last}"
        yield (f"{place}, {heading[:HEADING_CHARACTERS_MAX]}" if heading else place), text


def _pieces(text: str) -> Iterator[str]:
    """A line too long for one passage, cut at white space where there is some in its second half."""
    start = 0
    while start < len(text):
        end = min(start + PASSAGE_CHARACTERS_MAX, len(text))
        if end < len(text):
            pause = text.rfind(" ", start + PASSAGE_CHARACTERS_MAX // 2, end)
            end = pause + 1 if pause >= 0 else end
        yield text[start:end]
        start = end
