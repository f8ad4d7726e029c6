"""Dates as they are written, read as days, months or years: for telling equal ones and their order.

Only what says its year with four digits is read, and nothing is guessed: 03/04/2026 has two readings, and a text that
says more than one date, or something beside it, has none.
"""

import re
from dataclasses import dataclass
from enum import Enum
from itertools import product

from node.privacy.wordlist import words

_MONTHS = tuple(
    words(names)
    for names in (
        "jan january januar januari janvier enero ene gennaio gen janeiro stycznia styczeń ocak января январь",
        "feb february februar februari février févr febrero febbraio fevereiro lutego luty şubat февраля февраль",
        "mar march märz mrz maart mrt mars marzo março marca marzec mart марта март",
        "apr april avril abril abr aprile kwietnia kwiecień nisan апреля апрель",
        "may mai mei mayo maggio mag maio maja maj mayıs мая май",
        "jun june juni juin junio giugno giu junho czerwca czerwiec haziran июня июнь",
        "jul july juli juillet juil julio luglio lug julho lipca lipiec temmuz июля июль",
        "aug august augustus août agosto ago sierpnia sierpień ağustos августа август",
        "sep sept september septembre septiembre settembre set setembro września wrzesień eylül сентября сентябрь",
        "oct october oktober okt octobre octubre ottobre ott outubro października październik ekim октября октябрь",
        "nov november novembre noviembre novembro listopada listopad kasım ноября ноябрь",
        "dec december dezember dez décembre déc diciembre dic dicembre dezembro grudnia grudzień aralık декабря "
        "декабрь",
    )
)
_MONTH_OF = {name: number for number, names in enumerate(_MONTHS, 1) for name in names}
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What may stand in a date beside its numbers and its month.
_BESIDE = words(
    "st nd rd th er the of de del do le il el den der on am um in year "
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun "
    "montag dienstag mittwoch donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche "
    "lunes martes miércoles jueves viernes sábado domingo"
)
_YEAR_FIRST = re.compile(r"(\d{4})\s?[-/.年년]\s?(\d{1,2})(?:\s?[-/.月월]\s?(\d{1,2})\s?[日일號号]?|\s?[月월])")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_PIECE = re.compile(r"\d+|[^\W\d_]+|[^\s,.ºª]")

_Moment = tuple[int, int, int]  # year, month, day


class Order(Enum):
    """What the first number of 03/04/2026 is."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From `first` to `last`, both within it: a day, a month or a year."""

    first: _Moment
    last: _Moment

    def is_before(self, other: "Period") -> bool:
        return self.last < other.first


def period(date: str, order: Order) -> Period | None:
    """None where it is not read, or where it cannot be in this order."""
    text = " ".join(date.split()).lower()
    if match := _YEAR_FIRST.fullmatch(text):
        return _period(int(match[1]), int(match[2]), int(match[3]) if match[3] else None)
    if match := _YEAR_LAST.fullmatch(text):
        day, month = int(match[1]), int(match[3])
        if order is Order.MONTH_FIRST and match[2] != ".":
            day, month = month, day
        return _period(int(match[4]), month, day)
    return _in_words(text)


def day(date: str) -> Period | None:
    """The one day that it can be, whatever the order. None where it is none, or one of two."""
    readings = {found for order in Order if (found := period(date, order)) is not None}
    if len(readings) != 1:
        return None
    (found,) = readings
    return found if found.first == found.last else None


def _in_words(text: str) -> Period | None:
    year = month = number = None
    for piece in _PIECE.findall(text):
        if piece in _MONTH_OF and month is None:
            month = _MONTH_OF[piece]
        elif piece.isdecimal() and len(piece) == 4 and year is None:
            year = int(piece)
        elif piece.isdecimal() and len(piece) <= 2 and number is None:
            number = int(piece)
        elif piece not in _BESIDE:
            return None
    return None if year is None or (number is not None and month is None) else _period(year, month, number)


def _period(year: int, month: int | None, day_: int | None) -> Period | None:
    if month is None:
        return Period((year, 1, 1), (year, 12, 31))
    if not 1 <= month <= 12:
        return None
    if day_ is None:
        return Period((year, month, 1), (year, month, 31))
    return Period((year, month, day_), (year, month, day_)) if 1 <= day_ <= _DAYS[month - 1] else None


def in_order(dates: dict[str, str]) -> list[list[str]]:
    """Of `dates` (name → as written) those that can be compared, from the earliest; equal ones together, in the order
    of `dates`. What is vaguer than another and has it within, is left out; so is what depends on the order of day and
    month, unless only one order is possible for them all, or both say the same.
    """
    readings = [_readings(dates, order) for order in Order]
    possible = [found for found in readings if len(found) == max(map(len, readings))]
    common = [name for name in dates if all(name in found for found in possible)]
    kept: list[str] = []
    for name in sorted(common, key=lambda name: _is_vague(possible[0][name])):  # days first: they all compare
        if all(_relation(found, name, other) is not None for other, found in product(kept, possible)):
            kept.append(name)
    kept = [name for name in kept if _agrees(name, kept, possible)]
    groups: list[list[str]] = []
    for name in sorted(kept, key=lambda name: (possible[0][name], common.index(name))):
        if groups and possible[0][groups[-1][0]] == possible[0][name]:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def _readings(dates: dict[str, str], order: Order) -> dict[str, Period]:
    return {name: found for name, date in dates.items() if (found := period(date, order)) is not None}


def _is_vague(found: Period) -> bool:
    return found.first != found.last


def _relation(found: dict[str, Period], one: str, other: str) -> int | None:
    """-1 before, 0 equal, 1 after; None where one lies within the other."""
    a, b = found[one], found[other]
    if a == b:
        return 0
    if a.is_before(b):
        return -1
    return 1 if b.is_before(a) else None


def _agrees(name: str, others: list[str], possible: list[dict[str, Period]]) -> bool:
    """Whether its place among the others is the same in every possible order."""
    return all(len({_relation(found, name, other) for found in possible}) == 1 for other in others)
