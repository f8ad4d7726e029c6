"""A policy in a file: what it says, and which key is wrong."""

import pytest

from node.agents.policy import PRESETS, Clearance, Policy
from node.agents.policy_file import parse_policy, parse_usd
from protocol.errors import ConfigError
from protocol.terms import Sensitivity, Tier


def test_empty_policy_is_the_balanced_preset() -> None:
    assert parse_policy({}) == Policy() == PRESETS["balanced"]


def test_policy_names_a_preset_and_changes_it() -> None:
    policy = parse_policy(
        {
            "clearance": {"cloud": {"as_is": "none"}, "edge": {"sanitised": "internal"}},
            "weights": {"latency": 3},
            "ranges": {"cost_usd": "0.25", "latency_s": 5},
            "max_tier": "edge",
            "jurisdictions": ["DE", "FR"],
            "battery_floor": 35,
            "remaining_usd": "1.50",
            "preset": "fast",
        }
    )
    assert policy.clearance[Tier.CLOUD] == Clearance(None, Sensitivity.INTERNAL)
    assert policy.clearance[Tier.EDGE] == Clearance(Sensitivity.CONFIDENTIAL, Sensitivity.INTERNAL)
    assert (policy.weights.latency, policy.weights.cost) == (3.0, PRESETS["fast"].weights.cost)
    assert (policy.ranges.cost, policy.ranges.latency) == (250_000_000.0, 5.0)
    assert policy.max_tier is Tier.EDGE
    assert policy.jurisdictions == frozenset({"DE", "FR"})
    assert (policy.battery_floor, policy.remaining) == (35.0, 1_500_000_000)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("privat", "policy = 'privat': expected private, balanced"),
        ({"preset": 3}, "policy.preset = 3: expected private"),
        ({"wieghts": {}}, "policy.wieghts: unknown; expected preset, clearance"),
        ({"max_tier": "personnal"}, "policy.max_tier = 'personnal': expected personal, edge, cloud"),
        ({"max_tier": None}, "policy.max_tier = 'None': expected personal"),
        (
            {"clearance": {"cloud": {"as_is": "privat"}}},
            "policy.clearance.cloud.as_is = 'privat': expected none, public",
        ),
        ({"clearance": {"clouds": {}}}, "policy.clearance.clouds: unknown; expected personal"),
        (
            {"clearance": {"cloud": {"asis": "none"}}},
            "policy.clearance.cloud.asis: unknown; expected as_is or sanitised",
        ),
        ({"clearance": []}, "policy.clearance: expected a table, not list"),
        ({"weights": {"latency": -1}}, "policy.weights.latency = -1: expected a number from 0"),
        ({"weights": {"latency": float("nan")}}, "policy.weights.latency = nan: expected a number"),
        ({"weights": {"latency": True}}, "policy.weights.latency = True: expected a number"),
        ({"ranges": {"latency": 3}}, "policy.ranges.latency: unknown; expected latency_s"),
        ({"ranges": {"energy_j": 0}}, "policy.ranges.energy_j = 0: expected a number from 1e-09"),
        ({"ranges": {"cost_usd": 0.1}}, "policy.ranges.cost_usd = 0.1: expected USD as text"),
        ({"jurisdictions": "DE"}, "policy.jurisdictions: expected a list"),
        ({"jurisdictions": [""]}, "policy.jurisdictions: expected texts that are not empty"),
        ({"battery_floor": 101}, "policy.battery_floor = 101: expected a number from 0 to 100"),
    ],
)
def test_mistake_in_a_policy_names_the_key_and_what_is_right(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(value)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "nano"),
    [("0", 0), ("1", 10**9), (2, 2 * 10**9), ("0.000000001", 1), ("1e-3", 10**6), ("1000000000", 10**18)],
)
def test_usd_is_exact(text: object, nano: int) -> None:
    assert parse_usd(text, "usd") == nano


@pytest.mark.parametrize("value", ["", "x", "-1", "0.0000000001", "1e30", "NaN", "Infinity", 0.5, True, None])
def test_money_that_is_no_exact_amount_is_refused(value: object) -> None:
    with pytest.raises(ConfigError, match="expected USD as text"):
        parse_usd(value, "usd")
