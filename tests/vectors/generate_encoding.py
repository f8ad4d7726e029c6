"""specs/vectors/encoding.json: bytes that are the one encoding of a value, and bytes that are not."""

from protocol.encoding import DEFAULT, INTEGER_MAX, encode

VALID = {
    "nil": None,
    "true": True,
    "false": False,
    "zero": 0,
    "largest one-byte integer": 127,
    "smallest two-byte integer": 128,
    "smallest three-byte integer": 256,
    "smallest five-byte integer": 65_536,
    "smallest nine-byte integer": 2**32,
    "largest integer": INTEGER_MAX,
    "one-byte negative integer": -32,
    "two-byte negative integer": -33,
    "smallest integer": -INTEGER_MAX,
    "empty text": "",
    "text beyond ASCII": "Büro 🏝",
    "text of 32 bytes": "a" * 32,
    "empty bytes": b"",
    "bytes": b"\x00\xff",
    "256 bytes": bytes(256),
    "list": [1, [2, []], {}],
    "list of 16": [0] * 16,
    "map in byte order of its keys": {"": 1, "A": 2, "a": 3, "aa": 4, "b": 5},
    "depth at its bound": [[[[[[[[]]]]]]]],
}

INVALID = [
    ("no bytes", "one value", "nothing is not nil", ""),
    ("two values", "one value", "what follows a value was not judged", "c0c0"),
    ("list cut short", "one value", "a cut message is not a shorter one", "9201"),
    ("text cut short", "one value", "a cut message is not a shorter one", "a261"),
    ("reserved byte", "types", "c1 has no meaning in msgpack", "c1"),
    ("float", "types", "an integer as float has two encodings", "cb3ff0000000000000"),
    ("short float", "types", "an integer as float has two encodings", "ca3f800000"),
    ("not a number", "types", "NaN compares as nothing does", "cb7ff8000000000000"),
    ("extension", "types", "extensions are read differently everywhere", "d40100"),
    ("timestamp", "types", "extensions are read differently everywhere", "d6ff00000000"),
    ("integer 1 in two bytes", "shortest form", "one value has one encoding", "cc01"),
    ("integer 1 as signed", "shortest form", "one value has one encoding", "d001"),
    ("integer 255 in three bytes", "shortest form", "one value has one encoding", "cd00ff"),
    ("integer -1 in two bytes", "shortest form", "one value has one encoding", "d0ff"),
    ("text length in a longer form", "shortest form", "one value has one encoding", "d90161"),
    ("bytes length in a longer form", "shortest form", "one value has one encoding", "c5000161"),
    ("list length in a longer form", "shortest form", "one value has one encoding", "dc000101"),
    ("map length in a longer form", "shortest form", "one value has one encoding", "de0001a16101"),
    ("integer 2^53", "range", "JavaScript rounds it", "cf0020000000000000"),
    ("integer -2^53", "range", "JavaScript rounds it", "d3ffe0000000000000"),
    ("integer 2^64 - 1", "range", "JavaScript rounds it", "cfffffffffffffffff"),
    ("integer key", "keys", "keys are text", "810101"),
    ("bytes key", "keys", "keys are text", "81c4016101"),
    ("nil key", "keys", "keys are text", "81c001"),
    ("key beyond ASCII", "keys", "languages sort other characters differently", "81a2c3a901"),
    ("keys out of order", "key order", "one value has one encoding", "82a16201a16102"),
    ("longer key before its beginning", "key order", "one value has one encoding", "82a2616101a16102"),
    ("key twice, equal values", "key order", "readers take the first or the last", "82a16101a16101"),
    ("key twice, other values", "key order", "readers take the first or the last", "82a16101a16102"),
    ("text that is not UTF-8", "UTF-8", "bytes that are no text are shown differently", "a1ff"),
    ("overlong UTF-8", "UTF-8", "two encodings of one character", "a2c0af"),
    ("surrogate in UTF-8", "UTF-8", "no character", "a3eda080"),
    ("depth over its bound", "limits", "readers recurse", "91" * (DEFAULT.depth_max + 1) + "c0"),
    ("depth far over its bound", "limits", "readers recurse", "91" * 2_000 + "c0"),
    ("items over their bound", "limits", "memory", "dc" + f"{DEFAULT.items_max:04x}" + "c0" * DEFAULT.items_max),
    ("list that claims 2^32 - 1 items", "limits", "memory", "ddffffffff"),
    ("map that claims 2^32 - 1 pairs", "limits", "memory", "dfffffffff"),
    ("bytes that claim 2^32 - 1", "limits", "memory", "c6ffffffff"),
    ("one byte over the size", "limits", "memory", encode(bytes(DEFAULT.bytes_max - 2)).hex()),
]


def vectors() -> dict[str, object]:
    return {
        "spec": "specs/01-encoding.md",
        "about": "`data` is hex. A valid case decodes to `value`, and `value` encodes to `data`; others are refused. "
        'In `value`, bytes are {"bytes": hex} and maps {"map": [[key, value], …]}.',
        "limits": {"bytes_max": DEFAULT.bytes_max, "depth_max": DEFAULT.depth_max, "items_max": DEFAULT.items_max},
        "cases": [
            *(
                {"name": name, "valid": True, "data": encode(value).hex(), "value": plain(value)}
                for name, value in VALID.items()
            ),
            *(
                {"name": name, "valid": False, "rule": rule, "why": why, "data": data}
                for name, rule, why, data in INVALID
            ),
        ],
    }


def plain(value):
    """A wire value as JSON."""
    match value:
        case bytes():
            return {"bytes": value.hex()}
        case list():
            return [plain(item) for item in value]
        case dict():
            return {"map": [[key, plain(item)] for key, item in value.items()]}
    return value
