"""What every verb prints alike: its parser, JSON, tables. Text that came from elsewhere cannot drive the terminal."""

import argparse
import json
from collections.abc import Sequence
from typing import Any


def parser(verb: str, help_text: str, *, json_flag: bool = True) -> argparse.ArgumentParser:
    """The parser of a verb. Listing verbs take `--json`."""
    made = argparse.ArgumentParser(prog=f"islandrun {verb}", description=help_text)
    if json_flag:
        add_json_flag(made)
    return made


def add_json_flag(made: argparse.ArgumentParser) -> None:
    made.add_argument("--json", action="store_true", help="print JSON")


def show_json(value: Any) -> None:
    """One JSON value, on many lines."""
    print(json.dumps(value, ensure_ascii=False, indent=1), flush=True)


def show_json_line(value: Any) -> None:
    """One JSON value of several that follow one another, at once."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Left-aligned columns, as wide as they need."""
    cells = [[shown(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def shown(value: object) -> str:
    """A value of a JSON answer as a person reads it, on one line."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(shown(item) for item in value)
        case dict():
            return " ".join(f"{name} {shown(item)}" for name, item in value.items()) or "-"
    return harmless(str(value), keep="")


def harmless(text: str, keep: str = "\n\t") -> str:
    """Names and answers come from other machines and from models: no control character of theirs reaches a terminal."""
    return "".join(c if c.isprintable() or c in keep else "\N{REPLACEMENT CHARACTER}" for c in text)


def ago(seconds: float | None) -> str:
    match seconds:
        case None:
            return "never"
        case _ if seconds < 120:
            return f"{seconds:.0f} s ago"
        case _ if seconds < 7_200:
            return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3_600:.0f} h ago"
