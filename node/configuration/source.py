"""A configuration file's text and the errors that point into it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from node.configuration.lines import Lines, Path
from protocol.errors import ConfigError

VALUE_CHARACTERS_MAX = 80


@dataclass(frozen=True, slots=True)
class Source:
    """One file, as read."""

    file: str
    lines: Lines

    def error(self, path: Path, value: object, expected: str) -> ConfigError:
        """`config.toml:12: tier = "persnal": expected personal, edge or cloud`."""
        return ConfigError(f"{self.file}:{self.lines.of(path)}: {key_of(path)} = {shown(value)}: expected {expected}")

    def problem(self, path: Path, problem: str) -> ConfigError:
        """`config.toml:12: problem`."""
        return ConfigError(f"{self.file}:{self.lines.of(path)}: {problem}")


def key_of(path: Path) -> str:
    names = [step for step in path if isinstance(step, str)]
    return names[-1] if names else "the file"


def shown(value: object) -> str:
    """A value as TOML writes it, shortened."""
    if isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    elif isinstance(value, dict):
        text = "{…}"
    elif isinstance(value, list):
        text = "[" + ", ".join(shown(item) for item in value) + "]"
    else:
        text = str(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "…"


def listed(words: Iterable[Any]) -> str:
    """`personal, edge or cloud`."""
    *first, last = [str(word) for word in words]
    return f"{', '.join(first)} or {last}" if first else last


def near_miss(word: str, known: Iterable[str]) -> str:
    """What a mistyped key was likely meant to be: ` (did you mean url?)`, or nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""
