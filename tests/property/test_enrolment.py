from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.encoding import encode
from protocol.enrolment import make_code, parse_code
from protocol.errors import EnrolmentError
from protocol.hints import HINT_BYTES, hint
from tests.attested import NOW, signing_key
from tests.unit.enrolments import WINDOW_HOST, joiner, visit, window

MESSAGES = st.binary(min_size=32, max_size=32).map(lambda point: b"A" + point) | st.binary(min_size=33, max_size=33)


@given(entropy=st.binary(min_size=5, max_size=5), lower=st.booleans(), gap=st.sampled_from(["-", " ", ""]))
@settings(max_examples=100, deadline=None)
def test_every_code_is_read_back(entropy, lower, gap):
    code = make_code(WINDOW_HOST, entropy)
    text = code.text.replace("-", gap)
    assert parse_code(text.lower() if lower else text) == code


@given(text=st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_code_or_an_enrolment_error(text):
    with suppress(EnrolmentError):
        code = parse_code(text)
        assert parse_code(code.text) == code


@given(message=MESSAGES, sealed=st.binary(max_size=80), rubbish=st.binary(max_size=60))
@settings(max_examples=40, deadline=None)
def test_a_stranger_can_say_whatever_it_likes_and_only_loses_its_try(message, sealed, rubbish):
    visiting = visit(window())
    for frame in (rubbish, encode({"t": "hello", "spake": message})):
        with suppress(EnrolmentError):
            visiting.on_hello(frame)
    for frame in (rubbish, encode({"t": "details", "sealed": sealed})):
        with suppress(EnrolmentError):
            visiting.on_details(frame, NOW)
            raise AssertionError("admitted")
    device = joiner()
    for frame in (rubbish, encode({"t": "reply", "spake": b"B" + message[1:]})):
        with suppress(EnrolmentError):
            device.on_reply(frame)
    with suppress(EnrolmentError):
        device.on_welcome(encode({"t": "welcome", "sealed": sealed}))
        raise AssertionError("welcomed")


@given(salt=st.binary(min_size=16, max_size=16), other=st.binary(min_size=16, max_size=16))
@settings(max_examples=100, deadline=None)
def test_a_hint_tells_islands_apart_and_two_starts_of_one_are_not_alike(salt, other):
    archipelago, stranger = b"a" * 32, b"b" * 32
    one, two = signing_key(1).island, signing_key(2).island
    said = hint(salt, archipelago, one)
    assert len(said) == HINT_BYTES
    assert said == hint(salt, archipelago, one)
    assert said != hint(salt, archipelago, two)
    assert said != hint(salt, stranger, one)
    assert salt == other or said != hint(other, archipelago, one)
