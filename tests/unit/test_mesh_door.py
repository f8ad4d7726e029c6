"""Strangers are held to a rate and a number before Noise."""

import pytest

from node.mesh import door
from node.mesh.door import Door, neighbourhood


def test_an_address_may_knock_in_a_burst_and_then_at_its_rate() -> None:
    guard = Door()
    burst = 0
    while guard.knock("192.0.2.1", 0):
        guard.leave("192.0.2.1")
        burst += 1
    assert burst == door.KNOCKS_BURST
    assert not guard.knock("192.0.2.1", 499)
    assert guard.knock("192.0.2.1", 500)


def test_many_addresses_together_are_held_to_a_rate_of_their_own() -> None:
    guard = Door()
    admitted = 0
    for index in range(500):
        host = f"10.0.{index // 250}.{index % 250}"
        if guard.knock(host, 0):
            guard.leave(host)
            admitted += 1
    assert admitted == door.ALL_KNOCKS_BURST


def test_a_flood_from_elsewhere_does_not_keep_a_member_out() -> None:
    guard = Door()
    guard.befriend("192.0.2.9")
    for index in range(500):
        guard.knock(f"10.0.{index // 250}.{index % 250}", 0)
    assert not guard.knock("203.0.113.1", 0)
    assert guard.knock("192.0.2.9", 0)


def test_few_strangers_are_inside_at_once() -> None:
    guard = Door()
    for index in range(door.STRANGERS_MAX):
        assert guard.knock(f"192.0.2.{index}", 0)
    assert not guard.knock("198.51.100.1", 60_000)
    guard.leave("192.0.2.0")
    assert guard.knock("198.51.100.1", 60_000)


def test_one_address_never_takes_every_place() -> None:
    guard = Door()
    for _ in range(door.STRANGERS_PER_ADDRESS_MAX):
        assert guard.knock("192.0.2.1", 0)
    assert not guard.knock("192.0.2.1", 0)
    assert guard.knock("192.0.2.2", 0)


def test_memory_of_addresses_is_bounded() -> None:
    guard = Door()
    for index in range(3 * door.ADDRESSES_MAX):
        guard.knock(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}", index * 1_000)
        guard.leave(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}")
        guard.befriend(f"10.{index >> 16}.{index >> 8 & 255}.{index & 255}")
    assert len(guard._budgets) <= door.ADDRESSES_MAX
    assert len(guard._friends) <= door.FRIENDS_MAX


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_an_ipv6_attacker_owns_a_64_and_counts_as_one(host: str, place: str) -> None:
    assert neighbourhood(host) == place
