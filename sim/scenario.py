"""What is simulated, as a scenario file says it. Source: specs/10-simulator.md, "Scenarios"."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from node.agents.policy import Policy
from node.agents.policy_file import parse_policy, parse_usd
from protocol.errors import ConfigError
from protocol.terms import NanoUsd, Sensitivity

T = TypeVar("T")

VERSION = 1
ISLANDS_MAX = 100_000
DURATION_S_MAX = 30 * 86_400
OWN = "own"  # a person of the island's own; two such islands in a row share one


@dataclass(frozen=True, slots=True)
class ModelClass:
    """A model on a device: what it states of itself, and here also what is true."""

    name: str
    slots: int
    context_tokens: int
    ttft_ms: int
    prompt_tokens_per_s: int
    tokens_per_s: int
    quality: float


@dataclass(frozen=True, slots=True)
class DeviceClass:
    person: str
    site: str
    bits_per_s: int
    roams: bool
    loss: float
    models: tuple[ModelClass, ...]


@dataclass(frozen=True, slots=True)
class Provider:
    """A cloud that every island holds a key for; it never queues."""

    name: str
    site: str
    bits_per_s: int
    model: ModelClass
    input_price: NanoUsd
    output_price: NanoUsd


@dataclass(frozen=True, slots=True)
class RequestKind:
    """`units`: how many private things a request of this kind truly holds."""

    weight: float
    sensitivity: Sensitivity
    after: Sensitivity | None
    units: int


@dataclass(frozen=True, slots=True)
class Workload:
    period_s: float
    max_output_tokens: int
    miss_rate: float
    kinds: tuple[RequestKind, ...]


@dataclass(frozen=True, slots=True)
class Crash:
    """An island stops at once and says nothing more."""

    island: int
    at_s: float


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    question: str
    islands: int
    duration_s: int
    policy: Policy
    sessions_max: int
    pattern: tuple[str, ...]
    classes: Mapping[str, DeviceClass]
    provider: Provider | None
    workload: Workload
    crashes: tuple[Crash, ...]


def names() -> tuple[str, ...]:
    """The built-in scenarios."""
    files = resources.files("sim.scenarios").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def source(name: str) -> str:
    """A built-in scenario as it is written. Raises ConfigError."""
    if name not in names():
        raise ConfigError(f"scenario {name!r}: expected {', '.join(names())}")
    return resources.files("sim.scenarios").joinpath(f"{name}.toml").read_text("utf-8")


def load(name: str) -> Scenario:
    return parse(source(name))


def load_file(path: str) -> Scenario:
    """Raises ConfigError."""
    try:
        return parse(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(text: str) -> Scenario:
    """Raises ConfigError that names the key and what is right."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"scenario: {error}") from None
    top = _Table(values, "scenario")
    if top.whole("version", VERSION, VERSION) != VERSION:
        raise ConfigError(f"scenario.version: expected {VERSION}")
    classes = {name: _device(_Table(value, f"classes.{name}")) for name, value in top.table("classes").values.items()}
    pattern = tuple(top.rows("pattern", str))
    for name in pattern:
        if name not in classes:
            raise ConfigError(f"scenario.pattern: {name!r}: expected {', '.join(classes)}")
    if not pattern:
        raise ConfigError("scenario.pattern: expected the name of a class at least")
    provider = _provider(top.table("provider")) if "provider" in values else None
    found = Scenario(
        name=top.text("name"),
        question=top.text("question"),
        islands=top.whole("islands", 1, ISLANDS_MAX),
        duration_s=top.whole("duration_s", 1, DURATION_S_MAX),
        policy=parse_policy(top.take("policy", "balanced"), "scenario.policy"),
        sessions_max=top.whole("sessions_max", 1, ISLANDS_MAX),
        pattern=pattern,
        classes=classes,
        provider=provider,
        workload=_workload(top.table("workload")),
        crashes=tuple(_crash(_Table(value, "crashes")) for value in top.tables("crashes")),
    )
    top.end()
    return found


def parse_duration(text: str) -> int:
    """Seconds in `90`, `90s`, `10m` or `2h`. Raises ConfigError."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smh]?)", text)
    seconds = int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3_600}[found[2]] if found else 0
    if not 0 < seconds <= DURATION_S_MAX:
        raise ConfigError(f"duration {text!r}: expected such as 90s, 10m or 2h")
    return seconds


def _device(table: "_Table") -> DeviceClass:
    found = DeviceClass(
        person=table.text("person"),
        site=table.text("site"),
        bits_per_s=table.whole("bits_per_s", 1, 10**12),
        roams=table.flag("roams"),
        loss=table.number("loss", 0, 0.9, 0.0),
        models=tuple(_model(_Table(value, f"{table.where}.models")) for value in table.tables("models")),
    )
    table.end()
    return found


def _model(table: "_Table") -> ModelClass:
    found = ModelClass(
        name=table.text("name"),
        slots=table.whole("slots", 1, 4_096),
        context_tokens=table.whole("context_tokens", 1, 10**8),
        ttft_ms=table.whole("ttft_ms", 0, 3_600_000),
        prompt_tokens_per_s=table.whole("prompt_tokens_per_s", 1, 10**6),
        tokens_per_s=table.whole("tokens_per_s", 1, 10**6),
        quality=table.number("quality", 0, 1, 0.5),
    )
    table.end()
    return found


def _provider(table: "_Table") -> Provider:
    found = Provider(
        name=table.text("name"),
        site=table.text("site"),
        bits_per_s=table.whole("bits_per_s", 1, 10**12),
        model=ModelClass(
            name=table.text("model"),
            slots=4_096,
            context_tokens=table.whole("context_tokens", 1, 10**8),
            ttft_ms=table.whole("ttft_ms", 0, 3_600_000),
            prompt_tokens_per_s=table.whole("prompt_tokens_per_s", 1, 10**6),
            tokens_per_s=table.whole("tokens_per_s", 1, 10**6),
            quality=table.number("quality", 0, 1, 0.5),
        ),
        input_price=parse_usd(table.take("input_usd"), "scenario.provider.input_usd"),
        output_price=parse_usd(table.take("output_usd"), "scenario.provider.output_usd"),
    )
    table.end()
    return found


def _workload(table: "_Table") -> Workload:
    found = Workload(
        period_s=table.number("period_s", 0.001, 10**6),
        max_output_tokens=table.whole("max_output_tokens", 1, 10**6),
        miss_rate=table.number("miss_rate", 0, 1),
        kinds=tuple(_kind(_Table(value, f"{table.where}.kinds")) for value in table.tables("kinds")),
    )
    if not sum(kind.weight for kind in found.kinds):
        raise ConfigError("scenario.workload.kinds: expected a weight above 0")
    table.end()
    return found


def _kind(table: "_Table") -> RequestKind:
    after = table.take("after")
    found = RequestKind(
        weight=table.number("weight", 0, 10**6),
        sensitivity=_level(table.take("sensitivity"), table.where),
        after=None if after == "none" else _level(after, table.where),
        units=table.whole("units", 0, 1_000),
    )
    table.end()
    return found


def _crash(table: "_Table") -> Crash:
    found = Crash(island=table.whole("island", 0, ISLANDS_MAX), at_s=table.number("at_s", 0, DURATION_S_MAX))
    table.end()
    return found


def _level(value: object, where: str) -> Sensitivity:
    try:
        return Sensitivity.parse(str(value))
    except ValueError as error:
        raise ConfigError(f"scenario.{where}: {error}") from None


_MISSING: Any = object()


class _Table:
    """Typed members of a table; what nobody took is unknown."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, Mapping):
            raise ConfigError(f"scenario.{where}: expected a table")
        self.values = values
        self.where = where
        self._left = set(values)

    def take(self, key: str, default: Any = _MISSING) -> Any:
        self._left.discard(key)
        value = self.values.get(key, default)
        if value is _MISSING:
            raise ConfigError(f"scenario.{self.where}.{key}: missing")
        return value

    def table(self, key: str) -> "_Table":
        return _Table(self.take(key), key)

    def rows(self, key: str, kind: type[T], default: Any = _MISSING) -> list[T]:
        value = self.take(key, default)
        if not isinstance(value, list) or not all(type(item) is kind for item in value):
            raise ConfigError(f"scenario.{self.where}.{key}: expected a list")
        return value

    def tables(self, key: str) -> list[dict[str, Any]]:
        """Empty where there is none."""
        return self.rows(key, dict, [])

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value:
            raise ConfigError(f"scenario.{self.where}.{key}: expected a text")
        return value

    def whole(self, key: str, least: int, most: int) -> int:
        value = self.take(key)
        if type(value) is not int or not least <= value <= most:
            raise ConfigError(f"scenario.{self.where}.{key}: expected a whole number from {least} to {most}")
        return value

    def number(self, key: str, least: float, most: float, default: Any = _MISSING) -> float:
        value = self.take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ConfigError(f"scenario.{self.where}.{key}: expected a number from {least} to {most}")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.take(key, False)
        if not isinstance(value, bool):
            raise ConfigError(f"scenario.{self.where}.{key}: expected true or false")
        return value

    def end(self) -> None:
        if self._left:
            raise ConfigError(f"scenario.{self.where}.{min(self._left)}: unknown")
