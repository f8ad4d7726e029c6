"""Typed reading of one table: each getter takes a key out or names the line that is wrong."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, TypeVar

from node.configuration.lines import Path
from node.configuration.source import Source, listed, near_miss
from protocol.errors import ConfigError
from protocol.terms import NANO_USD_PER_USD, NanoUsd

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

USD_MAX = 1_000_000
TEXT_CHARACTERS_MAX = 2_048


class Section:
    """One table. `end` refuses the keys that nobody asked for."""

    def __init__(self, source: Source, path: Path, table: Mapping[str, Any]) -> None:
        self.source = source
        self.path = path
        self._table = table
        self._known: set[str] = set()

    def get(self, key: str) -> Any:
        """The raw value, None when the key is not there."""
        self._known.add(key)
        return self._table.get(key)

    def has(self, key: str) -> bool:
        return key in self._table

    def keys(self) -> tuple[str, ...]:
        """For a table whose keys the owner chooses."""
        return tuple(self._table)

    def error(self, key: str, expected: str) -> ConfigError:
        return self.source.error((*self.path, key), self._table.get(key), expected)

    def missing(self, key: str, expected: str) -> ConfigError:
        return self.source.problem(self.path, f"{key} is missing: expected {expected}")

    def text(self, key: str, expected: str, default: str | None = None) -> str:
        """A text that is not empty; without a default, it must be there."""
        value = self.get(key)
        if value is None:
            if default is None:
                raise self.missing(key, expected)
            return default
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARACTERS_MAX:
            raise self.error(key, expected)
        return value

    def optional_text(self, key: str, expected: str) -> str | None:
        return self.text(key, expected) if self.has(key) else self.get(key)

    def parsed(self, key: str, parse: Callable[[str], T], expected: str) -> T | None:
        """A text put through `parse`, whose ValueError means that it is wrong."""
        text = self.optional_text(key, expected)
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError:
            raise self.error(key, expected) from None

    def texts(self, key: str, expected: str) -> tuple[str, ...] | None:
        """A list of texts, none of them empty or twice there."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(key, expected)
        if len(set(value)) != len(value):
            raise self.error(key, f"{expected}, each of them once")
        return tuple(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "true or false")
        return value

    def integer(self, key: str, default: int | None, least: int, most: int) -> int:
        value = self.get(key)
        expected = f"a whole number from {least} to {most}"
        if value is None:
            if default is None:
                raise self.missing(key, expected)
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(key, expected)
        return value

    def share(self, key: str, default: float) -> float:
        """A number from 0 to 1; `nan` is none."""
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise self.error(key, "a number from 0 to 1")
        return float(value)

    def choice(self, key: str, choices: type[E], default: E | None = None) -> E:
        """One of an enum's values, by its value or, for levels, by its label."""
        labels = {str(getattr(member, "label", member.value)): member for member in choices}
        expected = listed(labels)
        value = self.get(key)
        if value is None:
            if default is None:
                raise self.missing(key, expected)
            return default
        if not isinstance(value, str) or value not in labels:
            raise self.error(key, expected)
        return labels[value]

    def usd(self, key: str) -> NanoUsd | None:
        """Money: a quoted decimal, since a TOML float is not exact."""
        value = self.get(key)
        if value is None:
            return None
        expected = f'US dollars as a quoted decimal, such as "1.25", from 0 to {USD_MAX}, at most 9 decimals'
        amount = _decimal(value) if isinstance(value, str) else None
        nano = None if amount is None else amount * NANO_USD_PER_USD
        if amount is None or nano is None or not 0 <= amount <= USD_MAX or nano != nano.to_integral_value():
            raise self.error(key, expected)
        return NanoUsd(int(nano))

    def section(self, key: str) -> "Section":
        """A table inside this one; empty when it is not there."""
        value = self.get(key)
        if value is not None and not isinstance(value, dict):
            raise self.error(key, f"a table: [{key}]")
        return Section(self.source, (*self.path, key), value or {})

    def sections(self, key: str) -> tuple["Section", ...]:
        """An array of tables inside this one."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"tables: [[{key}]]")
        return tuple(Section(self.source, (*self.path, key, index), item) for index, item in enumerate(value))

    def end(self) -> None:
        """Raises ConfigError for the first key that was not asked for."""
        for key in self._table:
            if key not in self._known:
                raise self.source.problem(
                    (*self.path, key),
                    f"{key}: unknown key{near_miss(key, self._known)}: expected {listed(sorted(self._known))}",
                )


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
