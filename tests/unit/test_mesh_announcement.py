"""What is said and heard over mDNS. Whoever is on the network may have said it."""

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.mesh.announcement import ENDPOINTS_MAX, NAME_CHARS, Announcement, PairingWindow, Rumour
from node.mesh.endpoint import Endpoint
from protocol.errors import PeerError
from protocol.keys import SigningKey

NAME = "a1" * (NAME_CHARS // 2)
NEAR = [Endpoint("192.0.2.7", 4754)]
WINDOW = PairingWindow(SigningKey(bytes(32)).island, 4321)


def wire(announcement: Announcement, **changes: str | None) -> dict[bytes, bytes | None]:
    said = {**announcement.txt(), **changes}
    return {key.encode(): None if value is None else value.encode() for key, value in said.items()}


@pytest.mark.parametrize("pairing", [None, WINDOW])
@pytest.mark.parametrize(("salt", "hint"), [(b"", b""), (b"s" * 16, b"h" * 16)])
def test_what_a_node_says_is_what_another_hears(salt: bytes, hint: bytes, pairing: PairingWindow | None) -> None:
    said = Announcement(NAME, 4754, salt, hint, pairing)
    assert Rumour.parse(NAME, wire(said), NEAR) == Rumour(NAME, tuple(NEAR), salt if hint else b"", hint, pairing)


def test_nothing_but_the_random_name_the_hint_and_the_window_is_said() -> None:
    said = Announcement(NAME, 4754, b"s" * 16, b"h" * 16, WINDOW)
    assert set(said.txt()) == {"v", "n", "h", "s", "pair", "pp"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"v": "2"}, "announcement.v"),
        ({"v": None}, "announcement.v"),
        ({"n": "b" * NAME_CHARS}, "announcement.n"),
        ({"h": "0g"}, "announcement.h"),
        ({"h": "ABCD"}, "announcement.h"),
        ({"h": "abc"}, "announcement.h"),
        ({"h": "ab" * 33}, "announcement.h"),
        ({"s": "ab"}, "announcement.s"),
        ({"s": None}, "announcement.s"),
        ({"pp": None}, "announcement.pp"),
        ({"pp": "0"}, "announcement.pp"),
        ({"pp": "65536"}, "announcement.pp"),
        ({"pp": "-1"}, "announcement.pp"),
        ({"pair": None}, "announcement.pp"),
        ({"pair": "12D3KooW"}, "announcement.pair"),
    ],
)
def test_a_malformed_member_is_refused_by_name(changes: Mapping[str, str | None], field: str) -> None:
    said = Announcement(NAME, 4754, b"s" * 16, b"h" * 16, WINDOW)
    with pytest.raises(PeerError) as caught:
        Rumour.parse(NAME, wire(said, **changes), NEAR)
    assert caught.value.field == field


@pytest.mark.parametrize("endpoint", [Endpoint("0.0.0.0", 1), Endpoint("224.0.0.251", 1), Endpoint("192.0.2.1", 0)])
def test_an_address_that_means_no_single_node_is_not_dialled(endpoint: Endpoint) -> None:
    with pytest.raises(PeerError):
        Rumour.parse(NAME, wire(Announcement(NAME, 1)), [endpoint])


def test_endpoints_are_bounded() -> None:
    many = [Endpoint(f"192.0.2.{index}", 1) for index in range(1, 100)]
    assert len(Rumour.parse(NAME, wire(Announcement(NAME, 1)), many).endpoints) == ENDPOINTS_MAX


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30),
    st.dictionaries(
        st.sampled_from([b"v", b"n", b"h", b"s", b"pair", b"pp", b"\xff"]) | st.binary(max_size=4),
        st.none() | st.binary(max_size=200),
        max_size=8,
    ),
)
def test_hostile_text_records_raise_peer_error_or_nothing(name: str, txt: Mapping[bytes, bytes | None]) -> None:
    with contextlib.suppress(PeerError):
        Rumour.parse(name, txt, NEAR)


@pytest.mark.parametrize(
    "text", ["192.0.2.7:4754", "[2001:db8::1]:4754", "[fe80::1%eth0]:1", "0.0.0.0:0", "[::]:65535"]
)
def test_an_endpoint_is_read_as_it_is_written(text: str) -> None:
    assert str(Endpoint.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "192.0.2.7", "localhost:1", "::1:1", "192.0.2.7:65536", "192.0.2.7:x", "[::1]", "1.2.3.4:١"]
)
def test_an_endpoint_is_never_a_name_or_a_guess(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Endpoint.parse(text)
