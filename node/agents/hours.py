"""Hours of the week in which a rule lets an offer answer. Source: specs/09-decision.md, "Hours"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
SPANS_MAX = 32
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DAY = f"(?:{'|'.join(DAYS)})"
_RANGE = f"{_DAY}(?:-{_DAY})?"
_SPAN = re.compile(
    rf"(?:(?P<days>{_RANGE}(?:,{_RANGE})*) )?"
    r"(?P<begin>(?:[01][0-9]|2[0-3]):[0-5][0-9])-(?P<end>(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the owner's week, local time. No spans: never."""

    spans: tuple[tuple[int, int], ...]  # minutes from Monday 00:00: from the first, before the second
    text: str  # as it was written

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """`Mon-Fri 08:00-18:00`, `Sat,Sun 10:00-24:00`, `22:00-06:00` (every night). Raises ValueError."""
        if len(texts) > SPANS_MAX:
            raise ValueError(f"at most {SPANS_MAX} spans")
        return cls(tuple(sorted(span for text in texts for span in _spans(text))), ", ".join(texts))

    def hold(self, minute: int | None) -> bool:
        """Whether this minute of the week is one of them; a time that is not known is none."""
        return minute is not None and any(begin <= minute < end for begin, end in self.spans)

    def meet(self, other: "Hours") -> bool:
        """Whether any minute is one of both."""
        return any(max(a, c) < min(b, d) for a, b in self.spans for c, d in other.spans)


def minute_of_week(text: str) -> int:
    """Of `Mon 09:30`. Raises ValueError."""
    day, _, time = text.partition(" ")
    found = _SPAN.fullmatch(f"{text}-24:00")
    if found is None or day not in DAYS:
        raise ValueError(f'{text!r}: expected a day and a time such as "Mon 09:30"')
    return DAYS.index(day) * DAY_MINUTES + _minutes(time)


def _spans(text: str) -> list[tuple[int, int]]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r}: expected hours such as "Mon-Fri 08:00-18:00"')
    begin, end = _minutes(found["begin"]), _minutes(found["end"])
    if begin == end:
        raise ValueError(f"{text!r}: begins when it ends; the whole day is 00:00-24:00")
    spans = []
    for day in _days(found["days"] or "Mon-Sun"):
        first = day * DAY_MINUTES + begin
        last = first + (end - begin) % DAY_MINUTES if end != DAY_MINUTES else (day + 1) * DAY_MINUTES
        spans.append((first, min(last, WEEK_MINUTES)))
        if last > WEEK_MINUTES:
            spans.append((0, last - WEEK_MINUTES))
    return spans


def _days(text: str) -> list[int]:
    """`Sat-Mon` goes over the end of the week."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found += [day for place in range((end - begin) % 7 + 1) if (day := (begin + place) % 7) not in found]
    return found


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
