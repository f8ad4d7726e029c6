"""Enrolment: a code is used once and bound to its window; three tries, two minutes; nothing is told without it."""

import pytest

from protocol.encoding import decode, encode
from protocol.enrolment import (
    CROCKFORD,
    TRIES_MAX,
    WINDOW_MS,
    Code,
    make_code,
    parse_code,
    window_number,
)
from protocol.errors import EnrolmentError, MisuseError, RecordError, Reply
from protocol.keys import SigningKey
from tests.attested import later
from tests.unit.enrolments import (
    CODE,
    DEVICE,
    SEALING,
    WINDOW_HOST,
    details,
    joiner,
    visit,
    window,
)

WRONG = make_code(WINDOW_HOST, b"wrong")


def refuses(field, call, *arguments):
    with pytest.raises(EnrolmentError) as caught:
        call(*arguments)
    assert caught.value.field == field
    assert caught.value.reply is not Reply.RESET_STREAM


def test_a_device_with_the_code_gets_the_log_and_the_window_learns_its_keys():
    opened, device = window(), joiner()
    visiting, told = details(opened, device)
    assert (told.island, told.public, told.sealing, told.name) == (DEVICE.island, DEVICE.public, SEALING, "laptop")
    welcome = device.on_welcome(visiting.welcome(b"genesis", (b"one", b"two")))
    assert (welcome.genesis, welcome.entries) == (b"genesis", (b"one", b"two"))


def test_a_wrong_code_is_refused_before_anything_is_told():
    opened = window()
    refuses("code", details, opened, joiner(WRONG))
    assert opened.tries_left == TRIES_MAX - 1


def test_three_tries_end_the_window():
    opened = window()
    for _ in range(TRIES_MAX):
        refuses("code", details, opened, joiner(WRONG))
    assert not opened.is_open(later())
    refuses("window", visit, opened)


def test_tries_at_once_count_as_tries_one_after_the_other():
    opened = window()
    visits = [visit(opened, seed=seed) for seed in range(TRIES_MAX)]
    refuses("window", visit, opened)
    assert len(visits) == TRIES_MAX


def test_two_minutes_end_the_window():
    opened = window()
    assert opened.is_open(later(ms=WINDOW_MS - 1))
    refuses("window", lambda: visit(opened, now=later(ms=WINDOW_MS)))


def test_a_visit_that_outlasts_the_window_is_too_late():
    opened, device = window(), joiner()
    visiting = visit(opened)
    said = device.on_reply(visiting.on_hello(device.hello()))
    refuses("details", visiting.on_details, said, later(ms=WINDOW_MS))


def test_a_code_is_used_once():
    opened = window()
    details(opened, joiner())
    assert opened.used
    refuses("window", visit, opened)


def test_of_two_devices_with_the_code_at_once_one_is_admitted():
    opened, first, second = window(), joiner(seed=3), joiner(seed=4)
    one, other = visit(opened, seed=5), visit(opened, seed=6)
    said = [device.on_reply(end.on_hello(device.hello())) for device, end in ((first, one), (second, other))]
    one.on_details(said[0], later())
    refuses("window", other.on_details, said[1], later())


def test_a_code_is_bound_to_its_window():
    """A middle-man with a host of its own passes the frames on: both ends see other hosts, and no key agrees."""
    middle = SigningKey(b"m" * 32).island
    refuses("code", details, window(), joiner(window=middle))
    refuses("code", details, window(), joiner(), middle)


def test_a_device_proves_that_it_has_the_key_that_it_names():
    opened, device = window(), joiner()
    device._key = type("Claims", (), {"public": DEVICE.public, "sign": SigningKey(b"x" * 32).sign})()
    refuses("details.proof", details, opened, device)
    assert not opened.used


def test_a_window_without_the_code_cannot_welcome():
    """Somebody else's window with the same number learns nothing, and its own log is not taken."""
    device = joiner()
    impostor = visit(window(WRONG))
    said = device.on_reply(impostor.on_hello(device.hello()))
    refuses("code", impostor.on_details, said, later())
    refuses("code", device.on_welcome, encode({"t": "welcome", "sealed": bytes(64)}))


def test_frames_out_of_turn_are_refused():
    refuses("details", visit(window()).on_details, encode({"t": "details", "sealed": b""}), later())
    refuses("welcome", joiner().on_welcome, encode({"t": "welcome", "sealed": b""}))
    device, visiting = joiner(), visit(window())
    reply = visiting.on_hello(device.hello())
    device.on_reply(reply)
    refuses("spake", device.on_reply, reply)


def test_nobody_is_welcomed_who_has_not_shown_the_code_and_nobody_twice():
    with pytest.raises(MisuseError):
        visit(window()).welcome(b"", ())
    visiting, _ = details(window(), joiner())
    visiting.welcome(b"genesis", ())
    with pytest.raises(MisuseError):
        visiting.welcome(b"genesis", ())


@pytest.mark.parametrize(
    "message",
    [
        bytes(33),
        b"A" + bytes(32),
        b"A" + b"\x02" + bytes(31),
        b"A" + b"\xff" * 32,
        b"B" + b"\x01" + bytes(31),
        b"S" * 33,
    ],
    ids=lambda message: message[:3].hex(),
)
def test_a_message_that_is_no_point_of_the_group_is_the_peers_fault(message):
    refuses("spake", visit(window()).on_hello, encode({"t": "hello", "spake": message}))
    refuses("spake", joiner().on_reply, encode({"t": "reply", "spake": message}))


def test_a_reflected_message_is_refused():
    device = joiner()
    refuses("spake", device.on_reply, encode({"t": "reply", "spake": decode(device.hello())["spake"]}))


@pytest.mark.parametrize("frame", [b"", b"rubbish", encode({"t": "hello"}), encode({"t": "x", "spake": bytes(33)})])
def test_a_malformed_hello_is_the_peers_fault(frame):
    with pytest.raises(EnrolmentError):
        visit(window()).on_hello(frame)


def test_a_name_that_no_island_may_have_is_refused_at_both_ends():
    with pytest.raises(RecordError):
        joiner(name="a/b")
    device = joiner()
    device._name = "a/b"
    refuses("details.name", details, window(), device)


@pytest.mark.parametrize(
    "change", [str.lower, lambda text: text.replace("-", ""), lambda text: f" {text.replace('-', ' ')} "]
)
def test_a_code_is_read_as_people_type_it(change):
    assert parse_code(change(CODE.text)) == CODE


def test_letters_that_look_like_digits_are_forgiven():
    assert parse_code("O1-I0L0-UUUU") == Code(1, "1010VVVV")


@pytest.mark.parametrize("text", ["", "12", "12-ABCD", "12-ABCD-EFGHJ", "1A-ABCD-EFGH", "12-ABCD-EFG!", "١٢-ABCD-EFGH"])
def test_a_text_that_is_no_code_is_refused(text):
    with pytest.raises(EnrolmentError) as caught:
        parse_code(text)
    assert caught.value.field == "code"


def test_a_code_names_its_window_and_holds_forty_bits():
    code = make_code(WINDOW_HOST, b"\xff" * 5)
    assert code == Code(window_number(WINDOW_HOST), "ZZZZZZZZ")
    assert make_code(WINDOW_HOST, bytes(5)).secret == "00000000"
    assert len({make_code(WINDOW_HOST, bytes([0, 0, 0, 0, value])).secret for value in range(32)}) == 32
    assert len(CROCKFORD) == 32
    with pytest.raises(RecordError):
        make_code(WINDOW_HOST, b"1234")


def test_nothing_of_the_code_is_seen_in_a_repr():
    assert CODE.secret not in repr(CODE)
    assert CODE.secret not in repr(window())
