"""Reads JSON against the part of JSON Schema 2020-12 that is published here: one truth for document and program."""

from collections.abc import Mapping
from typing import Any

from protocol.errors import RequestError

Schema = Mapping[str, Any]

NUMBER_MAX = 1e300  # a whole number beyond it is no float; NaN and infinity are within no bound
KEYWORDS = frozenset(
    {"type", "enum", "properties", "required", "additionalProperties", "items", "maxItems"}
    | {"minimum", "maximum", "minLength", "maxLength", "description", "default", "$schema", "title"}
)


def check(value: object, schema: Schema, where: str) -> None:
    """Raises RequestError that names the member and what would be right. Unknown members are refused."""
    assert schema.keys() <= KEYWORDS, schema.keys() - KEYWORDS
    kinds = schema.get("type", ())
    kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    if kinds and not any(_is(value, kind) for kind in kinds):
        raise RequestError(where, f"expected {' or '.join(kinds)}")
    if "enum" in schema and value not in schema["enum"]:
        raise RequestError(where, f"expected one of {', '.join(str(choice) for choice in schema['enum'])}")
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        _check_bounds(value, schema, where)
    elif isinstance(value, str):
        _check_length(len(value), schema.get("minLength", 0), schema.get("maxLength"), where, "characters")
    elif isinstance(value, list):
        _check_length(len(value), 0, schema.get("maxItems"), where, "items")
        for place, item in enumerate(value):
            check(item, schema["items"], f"{where}[{place}]")
    elif isinstance(value, dict):
        _check_members(value, schema, where)


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float) and -NUMBER_MAX <= value <= NUMBER_MAX
    types: dict[str, type] = {"null": type(None), "string": str, "array": list, "object": dict}
    return kind in types and isinstance(value, types[kind])


def _check_bounds(value: float, schema: Schema, where: str) -> None:
    if value < schema.get("minimum", value):
        raise RequestError(where, f"expected at least {schema['minimum']}")
    if value > schema.get("maximum", value):
        raise RequestError(where, f"expected at most {schema['maximum']}")


def _check_length(length: int, least: int, most: int | None, where: str, what: str) -> None:
    if length < least or (most is not None and length > most):
        raise RequestError(where, f"expected {least} to {most} {what}")


def _check_members(value: Mapping[str, object], schema: Schema, where: str) -> None:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            raise RequestError(f"{where}.{name}", "missing")
    for name, member in value.items():
        if name in properties:
            check(member, properties[name], f"{where}.{name}")
        elif schema.get("additionalProperties", True) is False:
            raise RequestError(f"{where}.{name}", f"unknown; expected {', '.join(properties)}")
