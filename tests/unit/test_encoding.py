"""specs/01-encoding.md, sections 1 to 3."""

import msgpack
import pytest

from protocol.encoding import (
    DEFAULT,
    DEPTH_CEILING,
    INTEGER_MAX,
    Fields,
    Limits,
    decode,
    digest,
    encode,
    signing_bytes,
)
from protocol.errors import EncodingError, RecordError

VALUES = [None, True, False, 0, 127, 128, -32, -33, INTEGER_MAX, -INTEGER_MAX, "", "é", b"", b"\xff", [], {}]


@pytest.mark.parametrize("value", [*VALUES, VALUES, {"a": VALUES, "b": {"": [None]}}])
def test_decode_is_the_inverse_of_encode(value):
    assert decode(encode(value)) == value
    assert type(decode(encode(value))) is type(value)


def test_keys_are_sorted_whatever_order_they_came_in():
    assert encode({"b": 1, "a": 2, "B": 3}) == encode({"B": 3, "a": 2, "b": 1}) == bytes.fromhex("83a14203a16102a16201")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91",  # cut
        b"\xc0\xc0",  # something after the value
        b"\xc1",
        b"\xcc\x01",  # one, in a longer form
        b"\xd0\x01",
        b"\xcf" + (1 << 53).to_bytes(8, "big"),
        b"\xd3" + (-(1 << 53)).to_bytes(8, "big", signed=True),
        b"\xca\x00\x00\x00\x00",  # float
        b"\xcb" + b"\x7f\xf8" + bytes(6),
        b"\xd4\x01\x00",  # ext
        b"\xd6\xff\x00\x00\x00\x00",  # timestamp
        b"\x82\xa1\x61\x01\xa1\x61\x02",  # a key twice
        b"\x82\xa1\x62\x01\xa1\x61\x02",  # keys out of order
        b"\x81\x01\x01",  # integer key
        b"\x81\xc4\x01\x61\x01",  # bytes key
        b"\x81\xa2\xc3\xa9\x01",  # key beyond ASCII
        b"\x81\x90\x01",  # list key
        b"\xd9\x01\x61",  # text, longer length form
        b"\xc5\x00\x01\x61",
        b"\xdc\x00\x00",
        b"\xde\x00\x00",
        b"\xa2\xed\xa0",  # not UTF-8
        b"\xa3\xed\xa0\x80",  # a surrogate
        b"\xdf\xff\xff\xff\xff",  # claims four thousand million pairs
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 9 + b"\xc0",
        b"\x91" * 1025 + b"\xc0",
        b"\x81\xa0" * 3000 + b"\xc0",
    ],
)
def test_every_other_form_is_refused(data):
    with pytest.raises(EncodingError):
        decode(data)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        INTEGER_MAX + 1,
        -INTEGER_MAX - 1,
        (1,),
        {1: 2},
        {"é": 1},
        {b"a": 1},
        "\ud800",
        {1, 2},
        [object()],
    ],
)
def test_encode_refuses_what_has_no_canonical_form(value):
    with pytest.raises(EncodingError):
        encode(value)


def test_depth_is_allowed_to_its_bound_and_no_further():
    def nested(depth):
        value = None
        for _ in range(depth):
            value = [value]
        return value

    assert decode(encode(nested(DEFAULT.depth_max))) == nested(DEFAULT.depth_max)
    with pytest.raises(EncodingError, match="deep"):
        decode(encode(nested(DEFAULT.depth_max + 1)))
    encode(nested(DEPTH_CEILING))
    with pytest.raises(EncodingError, match="deep"):
        encode(nested(DEPTH_CEILING + 1))
    with pytest.raises(EncodingError):
        Limits(bytes_max=1, depth_max=DEPTH_CEILING + 1, items_max=1)


def test_items_are_allowed_to_their_bound_and_no_further():
    assert decode(encode([0] * (DEFAULT.items_max - 1)))
    with pytest.raises(EncodingError):
        decode(encode([0] * DEFAULT.items_max))
    half = [{"k": 0}] * ((DEFAULT.items_max - 1) // 3 + 1)  # a map, a key and a value each
    with pytest.raises(EncodingError, match="items"):
        decode(encode(half))


def test_bytes_are_allowed_to_their_bound_and_no_further():
    assert decode(encode(bytes(DEFAULT.bytes_max - 3)))
    with pytest.raises(EncodingError, match="bytes"):
        decode(encode(bytes(DEFAULT.bytes_max - 2)))


def test_decoding_uses_the_packer_that_the_canonical_form_was_checked_against():
    assert msgpack.packb({"a": [1, "b", b"c", None, True]}) == encode({"a": [1, "b", b"c", None, True]})


def test_signing_bytes_tell_domain_and_length():
    assert signing_bytes("certificate", b"ab") == b"islandrun/certificate/1\0" + bytes(7) + b"\x02ab"
    assert len(digest(b"")) == 32


def test_fields_name_what_is_wrong():
    def refused(members, read):
        with pytest.raises(RecordError) as caught:
            read(Fields(members, "thing"))
        return caught.value.field

    assert refused([], lambda fields: fields) == "thing"
    assert refused({}, lambda fields: fields.integer("a", 0, 1)) == "thing.a"
    assert refused({"a": True}, lambda fields: fields.integer("a", 0, 1)) == "thing.a"
    assert refused({"a": 2}, lambda fields: fields.integer("a", 0, 1)) == "thing.a"
    assert refused({"a": 1}, lambda fields: fields.boolean("a")) == "thing.a"
    assert refused({"a": "éé"}, lambda fields: fields.text("a", 3)) == "thing.a"
    assert refused({"a": b"1"}, lambda fields: fields.octets("a", 2)) == "thing.a"
    assert refused({"a": b"123"}, lambda fields: fields.blob("a", 2)) == "thing.a"
    assert refused({"a": "x"}, lambda fields: fields.choice("a", {"y": 1})) == "thing.a"
    assert refused({"a": [1, 2]}, lambda fields: fields.items("a", 1)) == "thing.a"
    assert refused({"a": [b"1"]}, lambda fields: fields.octets_list("a", 2, 1)) == "thing.a[0]"
    assert refused({"a": [1]}, lambda fields: fields.nested_list("a", 1)) == "thing.a[0]"
    assert refused({"a": {"b": 1}}, lambda fields: fields.nested("a").text("b", 1)) == "thing.a.b"
    assert refused({"a": 1, "b": 2}, lambda fields: fields.end()) == "thing.a"
    assert refused({}, lambda fields: fields.integer_or_nil("a", 0, 1)) == "thing.a"  # nil is said, never left out


def test_fields_give_what_is_there():
    fields = Fields({"a": 1, "b": None, "c": "é", "d": b"12", "e": [b"1"], "f": {"g": True}}, "thing")
    assert fields.integer("a", 1, 1) == 1
    assert fields.integer_or_nil("b", 0, 1) is None
    assert fields.text("c", 2) == "é"
    assert fields.octets("d", 2) == b"12"
    assert fields.octets_list("e", 1, 1) == (b"1",)
    assert fields.nested("f").boolean("g")
    fields.end()
