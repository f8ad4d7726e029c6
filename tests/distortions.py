"""What models are seen to do to a token, and what must be shown for it: for the tests and the benchmark."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distortion:
    """`write` makes of a token's name (such as PERSON_1) what the answer says; `show` what its value becomes."""

    name: str
    write: Callable[[str], str]
    show: Callable[[str], str]


def _as_it_is(value: str) -> str:
    return value


def _around(before: str, after: str) -> Callable[[str], str]:
    return lambda text: f"{before}{text}{after}"


def _in_brackets(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda name: f"[{change(name)}]"


def _titled(name: str) -> str:
    type_, _, number = name.partition("_")
    return f"{type_.title()}_{number}"


def _marked(before: str, after: str) -> list[Distortion]:
    """Around the brackets, and inside them: the marks stay."""
    return [
        Distortion(f"{before} around", _around(f"{before}[", f"]{after}"), _around(before, after)),
        Distortion(f"{before} inside", _around(f"[{before}", f"{after}]"), _around(before, after)),
    ]


DISTORTIONS = (
    Distortion("exact", _around("[", "]"), _as_it_is),
    Distortion("without brackets", _as_it_is, _as_it_is),
    Distortion("small letters", _in_brackets(str.lower), _as_it_is),
    Distortion("title", _in_brackets(_titled), _as_it_is),
    Distortion("a blank", _in_brackets(lambda name: name.replace("_", " ")), _as_it_is),
    Distortion("a hyphen", _in_brackets(lambda name: name.replace("_", "-")), _as_it_is),
    Distortion("escaped brackets", _around("\\[", "\\]"), _as_it_is),
    Distortion("escaped low line", _in_brackets(lambda name: name.replace("_", "\\_")), _as_it_is),
    Distortion("full width", _around("［", "］"), _as_it_is),
    Distortion("lenticular", _around("【", "】"), _as_it_is),
    Distortion("quoted", _around('"[', ']"'), _around('"', '"')),
    Distortion("quoted in German", _around("„[", "]“"), _around("„", "“")),
    Distortion("quoted inside", _around('["', '"]'), _around('["', '"]')),
    Distortion("possessive", _around("[", "]'s"), _around("", "'s")),
    Distortion("possessive inside", _around("[", "’s]"), _around("", "’s")),
    Distortion("plural or genitive", _around("[", "]s"), _around("", "s")),
    Distortion("genitive inside", _around("[", "s]"), _around("", "s")),
    Distortion("suffix", _around("[", "]'nin"), _around("", "'nin")),
    *_marked("**", "**"),
    *_marked("*", "*"),
    *_marked("_", "_"),
    *_marked("***", "***"),
    *_marked("`", "`"),
)
NEEDS_NO_NEIGHBOUR = frozenset({"without brackets"})
"""Those that are read as a longer word where a letter, a digit or a low line stands beside them."""
