"""JSON as far as this project reads it: UTF-8, no member twice, no NaN or infinity, bounded size, depth and count.

Whoever reads the same bytes after us (a detector, a peer, a cloud) must see what was assessed here, so every form that
two parsers read differently is refused.
"""

import json
import math
from typing import Any, NoReturn

from protocol.errors import RequestError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

JSON_BYTES_MAX = 8 * 1024 * 1024  # design, section 4: the HTTP edge reads no larger body
JSON_DEPTH_MAX = 64
JSON_VALUES_MAX = 200_000  # bounds the time of every later walk: about 0.1 s


def parse_json(
    data: bytes, *, where: str = "body", bytes_max: int = JSON_BYTES_MAX, values_max: int = JSON_VALUES_MAX
) -> Json:
    """The value in `data`. Raises RequestError on `where`; its message never holds text of the data."""
    if len(data) > bytes_max:
        raise RequestError(where, f"{len(data)} bytes, at most {bytes_max} are read")
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_members,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_finite_integer,
        )
    except RecursionError:
        raise RequestError(where, f"nested deeper than {JSON_DEPTH_MAX}") from None
    except UnicodeDecodeError:
        raise RequestError(where, "not UTF-8") from None
    except json.JSONDecodeError as error:
        raise RequestError(where, f"not JSON: {error.msg} at character {error.pos}") from None
    except _NotStrict as error:
        raise RequestError(where, str(error)) from None
    except ValueError:
        raise RequestError(where, "a number with too many digits") from None
    _check_bounds(value, where, values_max)
    return value


def dump_json(value: object) -> bytes:
    """The one form in which values are written here: compact UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8")


class _NotStrict(Exception):
    pass


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("an object has the same member twice")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise _NotStrict(f"{name} is not a JSON number")


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise _NotStrict("a number is beyond what a double holds")
    return number


def _finite_integer(literal: str) -> int:
    number = int(literal)
    try:
        float(number)
    except OverflowError:
        raise _NotStrict("a number is beyond what a double holds") from None
    return number


def _check_bounds(value: Json, where: str, values_max: int) -> None:
    level: list[Json] = [value]
    seen = 0
    for _ in range(JSON_DEPTH_MAX + 1):
        below: list[Json] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, where)
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, dict):
                for key in item:
                    _check_text(key, where)
                below.extend(item.values())
        seen += len(level)
        if seen > values_max:
            raise RequestError(where, f"more than {values_max} values")
        if not below:
            return
        level = below
    raise RequestError(where, f"nested deeper than {JSON_DEPTH_MAX}")


def _check_text(text: str, where: str) -> None:
    if text.isascii():
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise RequestError(where, "a text holds half of a surrogate pair") from None
