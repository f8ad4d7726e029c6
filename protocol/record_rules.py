"""The checks that records share; every complaint is a RecordError that names the dotted field."""

import unicodedata
from typing import Final

from protocol.encoding import INTEGER_MAX, Fields
from protocol.errors import RecordError
from protocol.keys import KEY_BYTES, IslandId, PublicKey, island_id, public_key

TEXT_CHARS_MAX: Final = 64
_NAME_REFUSED: Final = frozenset("/@~")  # ISLAND/MODEL and auto@COLLECTION are model names; ~ tells equal names apart
_CONTROLS: Final = (  # inclusive; spelled out, since the general categories differ between Unicode versions
    (0x0000, 0x001F),
    (0x007F, 0x009F),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFF),
)


def check_within(field: str, value: int, least: int, most: int = INTEGER_MAX) -> None:
    if type(value) is not int or not least <= value <= most:
        raise RecordError(field, f"expected {least} to {most}")


def check_octets(field: str, value: bytes, length: int) -> None:
    if type(value) is not bytes or len(value) != length:
        raise RecordError(field, f"expected {length} bytes")


def check_island(field: str, island: IslandId) -> None:
    try:
        public_key(island)
    except RecordError as error:
        raise RecordError(field, error.problem) from error


def check_text(field: str, text: str, least: int) -> None:
    """`least` to 64 characters in normal form C, none of which hides, reorders or ends a line."""
    if not least <= len(text) <= TEXT_CHARS_MAX:
        raise RecordError(field, f"expected {least} to {TEXT_CHARS_MAX} characters")
    if text.isascii():
        if text and not text.isprintable():
            raise RecordError(field, "a control character")
    else:
        if any(first <= ord(char) <= last for char in text for first, last in _CONTROLS):
            raise RecordError(field, "a control character")
        if not unicodedata.is_normalized("NFC", text):
            raise RecordError(field, "expected Unicode normal form C")
    if text.strip() != text:
        raise RecordError(field, "white space at an end")


def check_name(field: str, name: str) -> None:
    """A text that can stand in ISLAND/MODEL."""
    check_text(field, name, 1)
    if not _NAME_REFUSED.isdisjoint(name):
        raise RecordError(field, "none of / @ ~ may be in a name")


def take_island(fields: Fields, name: str) -> IslandId:
    """On the wire an island is its 32 bytes of public key."""
    return island_id(PublicKey(fields.octets(name, KEY_BYTES)))
