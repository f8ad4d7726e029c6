"""Regular expressions of the owner: only those that cannot run away.

Python's `re` backtracks, and nothing stops it once it runs. So a pattern is taken apart before it is used: every
repetition has an upper bound, and the number of ways in which it can be tried at one place has one too.
"""

import re
from collections.abc import Iterable
from re import _constants, _parser  # type: ignore[attr-defined]  # how `re` itself reads a pattern; no public way exists
from typing import Any

WAYS_MAX = 4_096  # in which a pattern can be tried at one place; some 40 µs at worst
WIDTH_MAX = 512  # characters of a match
PATTERN_CHARACTERS_MAX = 512

_ONE_CHARACTER = frozenset({_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN})
_REPEATS = frozenset({_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT})
_ASSERTIONS = frozenset({_constants.ASSERT, _constants.ASSERT_NOT})


class PatternRefused(ValueError):
    """What is wrong with a pattern, in words."""


def bounded(text: str) -> re.Pattern[str]:
    """The pattern, ready for use. Raises PatternRefused."""
    if len(text) > PATTERN_CHARACTERS_MAX:
        raise PatternRefused(f"at most {PATTERN_CHARACTERS_MAX} characters")
    try:
        parsed = _parser.parse(text)
        least, most = parsed.getwidth()
        ways = _ways(parsed)
        compiled = re.compile(text)
    except PatternRefused:
        raise
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternRefused(f"not a regular expression: {error}") from None
    if ways > WAYS_MAX:
        raise PatternRefused(f"it can be tried in more than {WAYS_MAX} ways at one place: repeat less, in fewer places")
    if least == 0:
        raise PatternRefused("it matches nothing at all too: at least one character must be there")
    if most > WIDTH_MAX:
        raise PatternRefused(f"a match may be longer than {WIDTH_MAX} characters")
    return compiled


def _ways(items: Iterable[tuple[Any, Any]]) -> int:
    """An upper bound of the paths through these in sequence; above WAYS_MAX it is not counted on."""
    ways = 1
    for operator, argument in items:
        ways = min(ways * _ways_of(operator, argument), WAYS_MAX + 1)
    return ways


def _ways_of(operator: Any, argument: Any) -> int:
    if operator in _ONE_CHARACTER or operator is _constants.AT:
        return 1
    if operator in _REPEATS:
        return _ways_repeated(*argument)
    if operator is _constants.BRANCH:
        return sum(_ways(branch) for branch in argument[1])
    if operator is _constants.SUBPATTERN:
        return _ways(argument[3])
    if operator is _constants.ATOMIC_GROUP:
        return _ways(argument)
    if operator in _ASSERTIONS:
        return _ways(argument[1])
    raise PatternRefused("what matches depends on an earlier match (such as \\1)")


def _ways_repeated(least: int, most: int, inner: Iterable[tuple[Any, Any]]) -> int:
    if most is _constants.MAXREPEAT:
        raise PatternRefused("a repetition without an end: write {0,64} for *, {1,64} for +")
    if most > WIDTH_MAX:
        raise PatternRefused(f"a repetition of more than {WIDTH_MAX} times")
    once, ways, power = _ways(inner), 0, 1
    for count in range(most + 1):
        ways = min(ways + (power if count >= least else 0), WAYS_MAX + 1)
        power = min(power * once, WAYS_MAX + 1)
    return ways
