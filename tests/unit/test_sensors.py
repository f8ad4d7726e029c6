"""What a device tells of itself; what it does not tell is taken for harmless."""

from collections.abc import Sequence
from types import SimpleNamespace

import psutil
import pytest

from node import sensors
from node.sensors import DeviceState, Sensors, is_hot, is_metered, mac_is_slowed, mac_owner_is_active, owner_is_active


@pytest.mark.parametrize(
    ("told", "found"), [("u 1\n", True), ("u 3\n", True), ("u 2\n", False), ("u 4", False), ("u 0", False), ("", False)]
)
def test_a_link_is_metered_where_network_manager_says_or_guesses_so(told: str, found: bool) -> None:
    assert is_metered(told) is found


@pytest.mark.parametrize(("told", "found"), [("b false\n", True), ("b true\n", False), ("", False), ("no such", False)])
def test_the_owner_is_active_where_a_session_is_not_idle(told: str, found: bool) -> None:
    assert owner_is_active(told) is found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ('  | |   "HIDIdleTime" = 1203456\n', True),
        ('  | |   "HIDIdleTime" = 900000000000\n', False),
        ('"HIDIdleTime" = soon', False),
        ("", False),
    ],
)
def test_on_a_mac_the_owner_is_active_within_minutes_of_a_key(told: str, found: bool) -> None:
    assert mac_owner_is_active(told) is found


@pytest.mark.parametrize(
    ("told", "found"), [("CPU_Speed_Limit \t= 62\n", True), ("CPU_Speed_Limit = 100", False), ("Note: none", False)]
)
def test_a_mac_is_hot_where_it_limits_its_speed(told: str, found: bool) -> None:
    assert mac_is_slowed(told) is found


@pytest.mark.parametrize(
    ("current", "high", "found"), [(99.0, 100.0, False), (100.0, 100.0, True), (96.0, None, True), (50.0, 0.0, False)]
)
def test_a_device_is_hot_at_a_sensors_own_limit_or_a_general_one(
    current: float, high: float | None, found: bool
) -> None:
    assert is_hot({"cpu": [SimpleNamespace(current=current, high=high)]}) is found


async def test_a_system_that_tells_nothing_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "_temperatures", dict)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    one = Sensors(ask=lambda command: "")
    await one.refresh()
    assert one.state == DeviceState()


async def test_battery_and_charger_are_as_of_now_and_the_rest_as_last_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(command: Sequence[str]) -> str:
        return "u 1" if command is sensors.NETWORK_METERED else "b false"

    monkeypatch.setattr(sensors, "_temperatures", dict)
    one = Sensors(ask=ask, system="linux")
    await one.refresh()
    for plugged in (True, False):
        state = SimpleNamespace(percent=40, power_plugged=plugged)
        monkeypatch.setattr(psutil, "sensors_battery", lambda state=state: state, raising=False)
        assert one.state == DeviceState(40.0, plugged, metered=True, owner_active=True)
        assert sensors.battery() == (None if plugged else 40.0)


def test_a_program_that_is_not_there_says_nothing() -> None:
    assert sensors._ask(["/nonexistent/program"]) == ""
