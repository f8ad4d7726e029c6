"""A policy read from a mapping, as TOML or JSON gives it. Source: specs/09-decision.md, "The policy in a file"."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from math import isfinite
from types import MappingProxyType
from typing import Any, TypeVar

from node.agents.hours import Hours
from node.agents.policy import (
    EXPLORE_MAX,
    HYSTERESIS_MAX,
    PRESETS,
    RANGE_MIN,
    AtCap,
    Bound,
    Clearance,
    ModelsFor,
    Policy,
    Use,
)
from node.agents.table import RETENTION_DAYS_MAX
from protocol.errors import ConfigError
from protocol.terms import NANO_USD_PER_USD, NanoUsd, Sensitivity, Tier

T = TypeVar("T")

NUMBER_MAX = 1e12
USD_MAX = 10**9
BARE = re.compile("[A-Za-z0-9_-]+")
TEXTS_MAX = 64  # jurisdictions, patterns of a level
BOUNDS_MAX = 256  # islands, providers, patterns of models
NAME_CHARACTERS_MAX = 256
USES: Mapping[str, Use] = MappingProxyType({use.label: use for use in Use})

WEIGHT_KEYS: Mapping[str, str] = MappingProxyType(
    {key: key for key in ("latency", "cost", "quality", "exposure", "energy")}
)
RANGE_KEYS: Mapping[str, str] = MappingProxyType(
    {"latency_s": "latency", "cost_usd": "cost", "quality": "quality", "exposure": "exposure", "energy_j": "energy"}
)


def parse_policy(value: object, where: str = "policy") -> Policy:
    """A name of a preset, or a mapping that starts from one. Raises ConfigError: the key, and what would be right."""
    if isinstance(value, str):
        return _preset(value, where)
    mapping = _mapping(value, where)
    readers: dict[str, Callable[[Policy, object, str], Policy]] = {
        "preset": lambda policy, _value, _key: policy,
        "clearance": _with_clearance,
        "weights": _with_weights,
        "ranges": _with_ranges,
        "max_tier": lambda policy, v, key: replace(policy, max_tier=_level(v, key, Tier.parse)),
        "jurisdictions": lambda policy, v, key: replace(policy, jurisdictions=frozenset(_texts(v, key))),
        "battery_floor": lambda policy, v, key: replace(policy, battery_floor=_number(v, key, 0, 100)),
        "remaining_usd": lambda policy, v, key: replace(policy, remaining=parse_usd(v, key)),
        "islands": lambda policy, v, key: replace(policy, islands=_bounds(v, key)),
        "providers": lambda policy, v, key: replace(policy, providers=_bounds(v, key)),
        "models": lambda policy, v, key: replace(policy, models=_bounds(v, key)),
        "models_for": lambda policy, v, key: replace(policy, models_for=_models_for(v, key)),
        "retention_days_max": lambda policy, v, key: replace(
            policy, retention_days_max=_whole(v, key, RETENTION_DAYS_MAX)
        ),
        "no_training": lambda policy, v, key: replace(policy, no_training=_flag(v, key)),
        "metered": lambda policy, v, key: replace(policy, metered=_one_of(v, USES, key)),
        "owner_active": lambda policy, v, key: replace(policy, owner_active=_one_of(v, USES, key)),
        "hot": lambda policy, v, key: replace(policy, hot=_one_of(v, USES, key)),
        "at_cap": lambda policy, v, key: replace(policy, at_cap=_one_of(v, {each.value: each for each in AtCap}, key)),
        "energy_usd_per_kwh": lambda policy, v, key: replace(policy, energy_price=parse_usd(v, key)),
        "hysteresis": lambda policy, v, key: replace(policy, hysteresis=_whole(v, key, HYSTERESIS_MAX)),
        "explore": lambda policy, v, key: replace(policy, explore=_whole(v, key, EXPLORE_MAX)),
    }
    policy = _preset(mapping.get("preset", "balanced"), f"{where}.preset")
    for key, member in mapping.items():
        policy = _known(key, readers, where)(policy, member, f"{where}.{key}")
    return policy


def parse_usd(value: object, where: str) -> NanoUsd:
    """USD as a decimal text, or a whole number. No float: 0.1 of one is not a tenth. Raises ConfigError."""
    right = f'expected USD as text, such as "0.50", at most {USD_MAX}, and no finer than a nano-USD'
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError(f"{where} = {value!r}: {right}", key=where)
    try:
        nano = Decimal(value) * NANO_USD_PER_USD
        whole = int(nano) if nano.is_finite() and 0 <= nano <= USD_MAX * NANO_USD_PER_USD else -1
    except (InvalidOperation, ValueError):
        raise ConfigError(f"{where} = {value!r}: {right}", key=where) from None
    if whole < 0 or whole != nano:
        raise ConfigError(f"{where} = {value!r}: {right}", key=where)
    return NanoUsd(whole)


def _preset(value: object, where: str) -> Policy:
    if not isinstance(value, str) or value not in PRESETS:
        raise ConfigError(f"{where} = {value!r}: expected {', '.join(PRESETS)}", key=where)
    return PRESETS[value]


def _with_clearance(policy: Policy, value: object, where: str) -> Policy:
    rows = list(policy.clearance)
    tiers = {tier.label: tier for tier in Tier}
    for key, row in _mapping(value, where).items():
        tier = _known(key, tiers, where)
        rows[tier] = _clearance(rows[tier], row, f"{where}.{key}")
    return replace(policy, clearance=(rows[0], rows[1], rows[2]))


def _clearance(clearance: Clearance, value: object, where: str) -> Clearance:
    for key, member in _mapping(value, where).items():
        if key not in ("as_is", "sanitised"):
            raise ConfigError(f"{where}.{key}: unknown; expected as_is or sanitised", key=f"{where}.{key}")
        level = _cell(member, f"{where}.{key}")
        clearance = replace(clearance, as_is=level) if key == "as_is" else replace(clearance, sanitised=level)
    return clearance


def _cell(value: object, where: str) -> Sensitivity | None:
    return None if value == "none" else _level(value, where, Sensitivity.parse, "none, ")


def _bounds(value: object, where: str) -> tuple[Bound, ...]:
    """In the order of their names, so that two files that say the same are equal."""
    found = _mapping(value, where)
    if len(found) > BOUNDS_MAX:
        raise ConfigError(f"{where}: expected at most {BOUNDS_MAX} names", key=where)
    return tuple(_bound(name, found[name], f"{where}.{_key(name)}") for name in sorted(found))


def _key(name: str) -> str:
    """As TOML writes it."""
    return name if BARE.fullmatch(name) else f'"{name}"'


def _bound(name: str, value: object, where: str) -> Bound:
    _name(name, where)
    readers: dict[str, Callable[[Bound, object, str], Bound]] = {
        "as_is": lambda bound, v, key: replace(bound, as_is=_cell(v, key)),
        "sanitised": lambda bound, v, key: replace(bound, sanitised=_cell(v, key)),
        "allow": lambda bound, v, key: replace(bound, allow=_flag(v, key)),
        "hours": lambda bound, v, key: replace(bound, hours=_hours(v, key)),
    }
    bound = Bound(name)
    for key, member in _mapping(value, where).items():
        bound = _known(key, readers, where)(bound, member, f"{where}.{key}")
    return bound


def _hours(value: object, where: str) -> Hours:
    try:
        return Hours.parse(_texts(value, where))
    except ValueError as error:
        raise ConfigError(f"{where}: {error}", key=where) from None


def _models_for(value: object, where: str) -> tuple[ModelsFor, ...]:
    found = _mapping(value, where)
    levels = {level.label: level for level in Sensitivity}
    rows = [ModelsFor(_known(key, levels, where), _texts(found[key], f"{where}.{key}")) for key in found]
    for row in rows:
        for pattern in row.patterns:
            _name(pattern, f"{where}.{row.level.label}")
    return tuple(sorted(rows, key=lambda row: row.level))


def _name(name: object, where: str) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARACTERS_MAX:
        raise ConfigError(f"{where}: expected a name of 1 to {NAME_CHARACTERS_MAX} characters", key=where)


def _with_weights(policy: Policy, value: object, where: str) -> Policy:
    weights: dict[str, float] = {}
    for key, member in _mapping(value, where).items():
        weights[_known(key, WEIGHT_KEYS, where)] = _number(member, f"{where}.{key}", 0, NUMBER_MAX)
    return replace(policy, weights=replace(policy.weights, **weights))


def _with_ranges(policy: Policy, value: object, where: str) -> Policy:
    ranges: dict[str, float] = {}
    for key, member in _mapping(value, where).items():
        field, place = _known(key, RANGE_KEYS, where), f"{where}.{key}"
        if field == "cost":
            ranges[field] = max(float(parse_usd(member, place)), 1.0)
        else:
            ranges[field] = _number(member, place, RANGE_MIN, NUMBER_MAX)
    return replace(policy, ranges=replace(policy.ranges, **ranges))


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected a table, not {type(value).__name__}", key=where)
    return value


def _known(key: str, known: Mapping[str, T], where: str) -> T:
    if key not in known:
        raise ConfigError(f"{where}.{key}: unknown; expected {', '.join(known)}", key=f"{where}.{key}")
    return known[key]


def _level(value: object, where: str, parse: Callable[[str], T], besides: str = "") -> T:
    try:
        return parse(value if isinstance(value, str) else repr(value))
    except ValueError as error:
        raise ConfigError(f"{where} = {str(error).replace('expected ', 'expected ' + besides)}", key=where) from None


def _number(value: object, where: str, least: float, most: float) -> float:
    right = f"{where} = {value!r}: expected a number from {least:g} to {most:g}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(right, key=where)
    if not isfinite(value) or not least <= value <= most:
        raise ConfigError(right, key=where)
    return float(value)


def _whole(value: object, where: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ConfigError(f"{where} = {value!r}: expected a whole number from 0 to {most}", key=where)
    return value


def _flag(value: object, where: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{where} = {value!r}: expected true or false", key=where)
    return value


def _one_of(value: object, known: Mapping[str, T], where: str) -> T:
    if not isinstance(value, str) or value not in known:
        raise ConfigError(f"{where} = {value!r}: expected {', '.join(known)}", key=where)
    return known[value]


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or len(value) > TEXTS_MAX:
        raise ConfigError(f"{where}: expected a list of at most {TEXTS_MAX} texts", key=where)
    if not all(isinstance(text, str) and text for text in value):
        raise ConfigError(f"{where}: expected texts that are not empty", key=where)
    return tuple(value)
