"""Results of the management port as JSON: tiers and sensitivities by name, bytes in hex, dataclasses as objects."""

import dataclasses
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from protocol.terms import Sensitivity, Tier


def json_form(value: object) -> Any:
    """`value` as JSON can carry it. A kind that is not foreseen is a mistake of ours: TypeError."""
    match value:
        case Tier() | Sensitivity():
            return value.label
        case Enum():
            return json_form(value.value)
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.hex()
        case Mapping():
            return {str(json_form(name)): json_form(member) for name, member in value.items()}
        case Sequence() | set() | frozenset():
            return [json_form(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_form(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"no JSON form for {type(value).__name__}")
