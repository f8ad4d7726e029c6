"""Canonical msgpack: one value has one encoding, and anything else is refused.

Source: specs/01-encoding.md. The names below follow its headings.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar, cast

import msgpack

from protocol.errors import EncodingError, RecordError

Wire: TypeAlias = "bool | int | str | bytes | list[Wire] | dict[str, Wire] | None"
"""What can be on the wire. No floats: a price or a duration is an integer in a small unit."""

INTEGER_MAX: Final = 2**53 - 1  # what a JavaScript number holds exactly
DIGEST_BYTES: Final = 32
DEPTH_CEILING: Final = 64  # no Limits may ask for more: the walk below recurses

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one decoded value. Depth counts containers inside one another; items counts every value and key."""

    bytes_max: int
    depth_max: int
    items_max: int

    def __post_init__(self) -> None:
        if not 0 <= self.depth_max <= DEPTH_CEILING:
            raise EncodingError(f"depth_max {self.depth_max}: expected 0 to {DEPTH_CEILING}")


DEFAULT: Final = Limits(bytes_max=16_384, depth_max=8, items_max=2_048)


def encode(value: Wire) -> bytes:
    """The canonical bytes of `value`. Raises EncodingError for what has no canonical form."""
    try:
        return cast(bytes, msgpack.packb(_ordered(value, DEPTH_CEILING), use_bin_type=True))
    except (ValueError, OverflowError) as error:  # a lone surrogate; longer than 2^32 - 1
        raise EncodingError(f"no encoding: {type(error).__name__}") from error


def decode(data: bytes, limits: Limits = DEFAULT) -> Wire:
    """The value of `data`, whose encoding is exactly `data`. Raises EncodingError, and nothing else, for any bytes."""
    size = len(data)
    if size > limits.bytes_max:
        raise EncodingError(f"{size} bytes: at most {limits.bytes_max}")
    try:
        value = msgpack.unpackb(
            data,
            raw=False,
            strict_map_key=True,
            max_str_len=size,
            max_bin_len=size,
            max_array_len=min(size, limits.items_max),
            max_map_len=min(size, limits.items_max),
            max_ext_len=0,
        )
    except (ValueError, TypeError, msgpack.exceptions.UnpackException) as error:
        raise EncodingError(f"malformed: {type(error).__name__}") from error
    if _count(value, limits.depth_max) > limits.items_max:
        raise EncodingError(f"more than {limits.items_max} items")
    # The walk has shown every key in order, so packing it as it stands gives the canonical bytes: a longer form of a
    # length or of an integer, and a key that came twice, all show as a difference.
    if msgpack.packb(value, use_bin_type=True) != data:
        raise EncodingError("not the canonical form")
    return cast(Wire, value)


def signing_bytes(domain: str, body: bytes) -> bytes:
    """What is signed for `body`: nothing signed in one domain can be taken for something of another."""
    return b"islandrun/" + domain.encode("ascii") + b"/1\0" + len(body).to_bytes(8, "big") + body


def digest(data: bytes) -> bytes:
    """BLAKE2b with 32 bytes of output, no key, no salt, no personal string."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _ordered(value: Any, depth_left: int) -> Wire:
    """`value` with the keys of its maps in byte order, after checking every type and range."""
    kind = type(value)
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise EncodingError("integer beyond 2^53 - 1")
        return cast(int, value)
    if kind in _SCALARS:
        return cast(Wire, value)
    if depth_left == 0:
        raise EncodingError("too deep")
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                raise EncodingError("a key that is not ASCII text")
        return {key: _ordered(value[key], depth_left - 1) for key in sorted(value)}
    if kind is list:
        return [_ordered(item, depth_left - 1) for item in value]
    raise EncodingError(f"{kind.__name__} has no encoding")


def _count(value: Any, depth_left: int) -> int:
    """How many values and keys `value` holds; refuses what the format does not allow."""
    kind = type(value)
    if kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            raise EncodingError("integer beyond 2^53 - 1")
        return 1
    if kind in _SCALARS:
        return 1
    if depth_left == 0:
        raise EncodingError("too deep")
    if kind is dict:
        return _count_map(value, depth_left - 1)
    if kind is list:
        total = 1
        for item in value:
            total += 1 if type(item) in _SCALARS else _count(item, depth_left - 1)
        return total
    raise EncodingError(f"{kind.__name__} is not allowed")


def _count_map(value: dict[Any, Any], depth_left: int) -> int:
    total = 1 + len(value)
    previous = ""
    for key, item in value.items():
        if type(key) is not str or not key.isascii():
            raise EncodingError("a key that is not ASCII text")
        if key < previous:
            raise EncodingError("keys out of order")
        previous = key
        total += 1 if type(item) in _SCALARS else _count(item, depth_left)
    return total


_SCALARS: Final = frozenset({type(None), bool, str, bytes})


class Fields:
    """A decoded map read member by member; every complaint is a RecordError that names the dotted field.

    Every member of a map is present, in every encoding: what does not apply is nil. `end` refuses members that nobody
    asked for, so that no two implementations can read one record differently.
    """

    __slots__ = ("_left", "where")

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, Mapping):
            raise RecordError(where, "expected a map")
        self.where = where
        self._left: dict[str, object] = dict(value)

    def take(self, name: str) -> object:
        """The member as it is; it counts as read."""
        try:
            return self._left.pop(name)
        except KeyError:
            raise RecordError(self.path(name), "missing") from None

    def path(self, name: str) -> str:
        return f"{self.where}.{name}"

    def integer(self, name: str, least: int = -INTEGER_MAX, most: int = INTEGER_MAX) -> int:
        value = self._typed(name, int, "an integer")
        if not least <= value <= most:
            raise RecordError(self.path(name), f"expected {least} to {most}")
        return value

    def integer_or_nil(self, name: str, least: int = -INTEGER_MAX, most: int = INTEGER_MAX) -> int | None:
        return None if self._is_nil(name) else self.integer(name, least, most)

    def boolean(self, name: str) -> bool:
        return self._typed(name, bool, "true or false")

    def text(self, name: str, bytes_max: int) -> str:
        value = self._typed(name, str, "text")
        if len(value.encode()) > bytes_max:
            raise RecordError(self.path(name), f"expected at most {bytes_max} bytes of UTF-8")
        return value

    def text_or_nil(self, name: str, bytes_max: int) -> str | None:
        return None if self._is_nil(name) else self.text(name, bytes_max)

    def choice(self, name: str, choices: Mapping[str, _Item]) -> _Item:
        value = self._typed(name, str, "text")
        if value not in choices:
            raise RecordError(self.path(name), f"expected {', '.join(choices)}")
        return choices[value]

    def octets(self, name: str, length: int) -> bytes:
        """Exactly `length` bytes."""
        value = self._typed(name, bytes, "bytes")
        if len(value) != length:
            raise RecordError(self.path(name), f"expected {length} bytes")
        return value

    def octets_or_nil(self, name: str, length: int) -> bytes | None:
        return None if self._is_nil(name) else self.octets(name, length)

    def blob(self, name: str, bytes_max: int) -> bytes:
        """At most `bytes_max` bytes."""
        value = self._typed(name, bytes, "bytes")
        if len(value) > bytes_max:
            raise RecordError(self.path(name), f"expected at most {bytes_max} bytes")
        return value

    def blob_or_nil(self, name: str, bytes_max: int) -> bytes | None:
        return None if self._is_nil(name) else self.blob(name, bytes_max)

    def items(self, name: str, items_max: int) -> list[object]:
        value = self._typed(name, list, "a list")
        if len(value) > items_max:
            raise RecordError(self.path(name), f"expected at most {items_max} items")
        return value

    def octets_list(self, name: str, length: int, items_max: int) -> tuple[bytes, ...]:
        values = self.items(name, items_max)
        for index, value in enumerate(values):
            if type(value) is not bytes or len(value) != length:
                raise RecordError(f"{self.path(name)}[{index}]", f"expected {length} bytes")
        return cast(tuple[bytes, ...], tuple(values))

    def nested(self, name: str) -> "Fields":
        return Fields(self.take(name), self.path(name))

    def nested_list(self, name: str, items_max: int) -> tuple["Fields", ...]:
        values = self.items(name, items_max)
        return tuple(Fields(value, f"{self.path(name)}[{index}]") for index, value in enumerate(values))

    def end(self) -> None:
        """Refuses every member that was not read."""
        if self._left:
            raise RecordError(self.path(min(self._left)), "unknown member")

    def _is_nil(self, name: str) -> bool:
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return True
        return False

    def _typed(self, name: str, kind: type[_Item], expected: str) -> _Item:
        value = self.take(name)
        if type(value) is not kind:
            raise RecordError(self.path(name), f"expected {expected}")
        return value
