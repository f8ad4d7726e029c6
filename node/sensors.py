"""What this device can tell of itself without privileges: battery, charger, metered link, owner at work, heat.

What a system does not tell is taken for harmless: these states only steer away from a device of the owner's own.
Battery and charger are read at once; the rest asks programs of the system, so it is asked for in the background.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import psutil
import trio

ASK_S = 2.0
ACTIVE_WITHIN_S = 300.0  # since the last key or movement, where a system counts them
HOT_C = 95.0  # of a sensor that names no limit of its own
OUTPUT_BYTES_MAX = 1024 * 1024

NETWORK_METERED = (
    *("busctl", "--system", "get-property", "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"),
    *("org.freedesktop.NetworkManager", "Metered"),
)
LOGIN_IDLE = (
    *("busctl", "--system", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1"),
    *("org.freedesktop.login1.Manager", "IdleHint"),
)
MAC_INPUT = ("ioreg", "-c", "IOHIDSystem", "-d", "4")
MAC_THERMAL = ("pmset", "-g", "therm")

Ask = Callable[[Sequence[str]], str]
"""A program's output; empty where it is not there, fails or takes too long."""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """As columns of the table of offers. `battery` is a percentage, None where there is none."""

    battery: float | None = None
    charging: bool = False
    metered: bool = False
    owner_active: bool = False
    hot: bool = False


class Sensors:
    """One a node. `refresh` now and then; `state` at any time."""

    def __init__(self, ask: Ask | None = None, system: str = sys.platform) -> None:
        self._ask = ask or _ask
        self._mac = system == "darwin"
        self._asked = DeviceState()

    @property
    def state(self) -> DeviceState:
        percent, charging = _battery()
        asked = self._asked
        return DeviceState(percent, charging, asked.metered, asked.owner_active, asked.hot)

    async def refresh(self) -> None:
        """Takes a few seconds at most, in a thread."""
        self._asked = await trio.to_thread.run_sync(  # type: ignore[call-arg]  # as in node/store/database.py
            self._look, abandon_on_cancel=True
        )

    def _look(self) -> DeviceState:
        if self._mac:
            return DeviceState(
                owner_active=mac_owner_is_active(self._ask(MAC_INPUT)), hot=mac_is_slowed(self._ask(MAC_THERMAL))
            )
        return DeviceState(
            metered=is_metered(self._ask(NETWORK_METERED)),
            owner_active=owner_is_active(self._ask(LOGIN_IDLE)),
            hot=is_hot(_temperatures()),
        )


def battery() -> float | None:
    """Percent, None on mains or where there is none."""
    percent, charging = _battery()
    return None if charging else percent


def is_metered(told: str) -> bool:
    """NetworkManager's word: 1 yes, 3 it guesses so (NMMetered)."""
    return told.split() in (["u", "1"], ["u", "3"])


def owner_is_active(told: str) -> bool:
    """logind's word: someone is logged in whose session is not idle."""
    return told.split() == ["b", "false"]


def mac_owner_is_active(told: str) -> bool:
    """By the nanoseconds since the last key or movement."""
    for line in told.splitlines():
        _, separator, value = line.partition('"HIDIdleTime" =')
        if separator and value.strip().isascii() and value.strip().isdigit():
            return int(value) < ACTIVE_WITHIN_S * 1e9
    return False


def mac_is_slowed(told: str) -> bool:
    """By the limit that the system sets itself for heat, in percent."""
    for line in told.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "CPU_Speed_Limit" and value.strip().isascii() and value.strip().isdigit():
            return int(value) < 100
    return False


def is_hot(temperatures: Mapping[str, Sequence[Any]]) -> bool:
    """Whether any of psutil's sensors is at the limit that it names for itself, or at a general one."""
    return any(
        sensor.current >= (sensor.high if sensor.high and sensor.high > 0 else HOT_C)
        for sensors in temperatures.values()
        for sensor in sensors
    )


def _battery() -> tuple[float | None, bool]:
    state = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return (None, False) if state is None else (float(state.percent), bool(state.power_plugged))


def _temperatures() -> Mapping[str, Sequence[Any]]:
    if not hasattr(psutil, "sensors_temperatures"):
        return MappingProxyType({})
    try:
        found: Mapping[str, Sequence[Any]] = psutil.sensors_temperatures()
    except OSError:
        return MappingProxyType({})
    return found


def _ask(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_S, check=False, start_new_session=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[:OUTPUT_BYTES_MAX].decode("utf-8", "replace") if done.returncode == 0 else ""
