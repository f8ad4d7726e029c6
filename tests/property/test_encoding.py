"""Whatever bytes come, decode gives a value whose encoding they are, or raises EncodingError. specs/01-encoding.md."""

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import DEFAULT, INTEGER_MAX, decode, encode
from protocol.errors import EncodingError, RecordError
from protocol.records import RECORD_BYTES_MAX, open_record, read_record
from tests.attested import Log, genesis, observation, signing_key, statement

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner, max_size=8), max_leaves=30
)
LOOSE = st.recursive(
    SCALARS | st.floats() | st.integers(-(2**63), 2**64 - 1),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(KEYS | st.integers(0, 9) | st.binary(max_size=3), inner, max_size=8)
    ),
    max_leaves=30,
)
ADA, BOB = signing_key(1), signing_key(2)
RAWS = [
    genesis(ADA, BOB).raw,
    Log(ADA, bytes(32)).certificate(BOB, grants=(bytes(16),)).raw,
    Log(ADA, bytes(32)).revocation(BOB.island).raw,
    statement(ADA).raw,
    observation(ADA, BOB.island).raw,
]


def refuses_or_is_canonical(data):
    try:
        value = decode(data)
    except EncodingError:
        return
    assert encode(value) == data


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_a_value_comes_back_from_its_encoding(value):
    data = encode(value)
    try:
        assert decode(data) == value
    except EncodingError:
        assert len(data) > DEFAULT.bytes_max or msgpack.unpackb(data) == value  # beyond a limit, never malformed


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_or_canonical(data):
    refuses_or_is_canonical(data)


@settings(max_examples=150, deadline=None)
@given(LOOSE)
def test_what_other_packers_write_is_refused_or_canonical(value):
    refuses_or_is_canonical(msgpack.packb(value))


@settings(max_examples=150, deadline=None)
@given(VALUES, st.data())
def test_changed_encodings_are_refused_or_canonical(value, data):
    changed = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    refuses_or_is_canonical(bytes(changed))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(RAWS), st.data())
def test_changed_records_are_refused_with_an_error_of_ours(raw, data):
    changed = bytearray(raw)
    place = data.draw(st.integers(0, len(changed) - 1))
    match data.draw(st.sampled_from(["flip", "cut", "insert", "repeat"])):
        case "flip":
            changed[place] ^= data.draw(st.integers(1, 255))
        case "cut":
            del changed[place:]
        case "insert":
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=4))
        case "repeat":
            changed += changed[place:]
    if bytes(changed) == raw:
        return
    try:
        open_record(bytes(changed))
    except (EncodingError, RecordError):
        return
    raise AssertionError("a changed record was taken")


@settings(max_examples=80, deadline=None)
@given(VALUES)
def test_any_value_in_place_of_a_record_is_refused(value):
    try:
        read_record(encode(value)[: RECORD_BYTES_MAX + 1])
    except (EncodingError, RecordError):
        return
    raise AssertionError("a random value was taken for a record")
