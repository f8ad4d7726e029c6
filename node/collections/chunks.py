"""Passages of about a kibibyte, cut where the text pauses, each with its place in the file."""

from collections.abc import Iterable, Iterator

from node.collections.parts import Line, Part, Unit

PASSAGE_CHARACTERS_MAX = 1_024
PASSAGE_CHARACTERS_ENOUGH = 640  # from here on, an empty line ends a passage
HEADING_CHARACTERS_MAX = 80
WITHIN_CHARACTERS_MAX = 120
PLACE_CHARACTERS_MAX = 256
assert PASSAGE_CHARACTERS_ENOUGH < PASSAGE_CHARACTERS_MAX
assert HEADING_CHARACTERS_MAX + WITHIN_CHARACTERS_MAX + len(f", paragraphs {2**31}-{2**31}, ") <= PLACE_CHARACTERS_MAX

Chunk = tuple[str, str]
"""The place, and the text."""


def chunks(parts: Iterable[Part]) -> Iterator[Chunk]:
    """Cuts parts into passages; no text is lost but white space at the edges. A heading or a page begins a new one."""
    for part in parts:
        yield from _cut(part)


def _cut(part: Part) -> Iterator[Chunk]:
    held: list[Line] = []
    size = 0
    apart = part.unit is Unit.PAGE  # a page is found again by its number alone
    for line in part.lines:
        number, heading, text = line
        if held and (
            size + len(text) > PASSAGE_CHARACTERS_MAX
            or heading != held[0][1]
            or (apart and number != held[0][0])
            or (size >= PASSAGE_CHARACTERS_ENOUGH and not text.strip())
        ):
            yield from _passage(part, held)
            held, size = [], 0
        if len(text) <= PASSAGE_CHARACTERS_MAX:
            held.append(line)
            size += len(text) + 1
        else:
            for piece in _pieces(text):
                yield from _passage(part, [(number, heading, piece)])
    yield from _passage(part, held)


def _passage(part: Part, held: list[Line]) -> Iterator[Chunk]:
    text = "\n".join([text for _, _, text in held]).strip("\n")
    if not text or text.isspace():
        return
    first, last, heading = held[0][0], held[-1][0], held[0][1]
    numbers = f"{part.unit} {first}" if first == last else f"{part.unit}s {first}-{last}"
    if not (part.within or heading):
        yield numbers, text
        return
    named = (_tidy(part.within, WITHIN_CHARACTERS_MAX), numbers, _tidy(heading, HEADING_CHARACTERS_MAX))
    yield ", ".join(filter(None, named)), text


def _tidy(name: str, characters_max: int) -> str:
    """Headings and subjects are a document's own words: on one line, without what a terminal would obey."""
    shown = "".join(mark if mark.isprintable() else " " for mark in name[: 4 * characters_max])
    return " ".join(shown.split())[:characters_max]


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
