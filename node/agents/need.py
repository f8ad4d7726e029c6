"""The quality that a request needs, estimated here from its shape. Source: specs/09-decision.md, "The need"."""

import re
from dataclasses import dataclass
from string import ascii_letters

BASE = 0.2
LENGTH, LENGTH_TOKENS = 0.2, 4_000
TURNS, TURNS_FULL = 0.1, 10
CODE = 0.2
TOOLS = 0.2
SCHEMA = 0.1
LANGUAGE, LANGUAGE_PART = 0.1, 0.1

_ASCII_LETTERS = ascii_letters.encode()
_FENCES = ("```", "~~~")
_ENDS = (";", "{", "}")
_BEGINS = re.compile(r"(?:def|class|import|from|function|SELECT|#include)\b")
CODE_LINES = 3  # of one text: fewer are prose with a semicolon at the end of a line


@dataclass(frozen=True, slots=True)
class Shape:
    """What is seen of a request without understanding it."""

    prompt_tokens: int
    turns: int  # messages of the user
    code: bool
    tools: bool
    schema: bool  # the answer must be JSON
    foreign_part: float  # of letters, those beyond ASCII: 0 to 1


def need(shape: Shape) -> float:
    """0 to 1: a sum of parts, each from something that small models are known to be worse at."""
    total = BASE
    total += LENGTH * min(shape.prompt_tokens / LENGTH_TOKENS, 1.0)
    total += TURNS * min(max(shape.turns - 1, 0) / TURNS_FULL, 1.0)
    total += CODE * shape.code
    total += TOOLS * shape.tools
    total += SCHEMA * shape.schema
    total += LANGUAGE * (shape.foreign_part > LANGUAGE_PART)
    return min(total, 1.0)


def holds_code(text: str) -> bool:
    """A fenced block, or several lines that end as statements do or begin as definitions do."""
    lines = [line.strip() for line in text.split("\n")]
    if any(line.startswith(_FENCES) for line in lines):
        return True
    return sum(line.endswith(_ENDS) or _BEGINS.match(line) is not None for line in lines) >= CODE_LINES


def foreign_part(text: str) -> float:
    """Of ASCII's letters and all characters beyond it, which part the latter are; 0 where there are none."""
    if text.isascii():
        return 0.0
    ascii_part = text.encode("ascii", "ignore")
    near = len(ascii_part) - len(ascii_part.translate(None, _ASCII_LETTERS))
    foreign = len(text) - len(ascii_part)
    return foreign / (near + foreign) if foreign else 0.0
