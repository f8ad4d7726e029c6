"""Bounds, hours and patterns of a policy: what they mean, and which key is wrong."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.agents.hours import WEEK_MINUTES, Hours, minute_of_week
from node.agents.policy import AtCap, Bound, ModelsFor, Policy, Use
from node.agents.policy_file import parse_policy
from node.agents.privacy import is_cleared_for_everything
from node.agents.router import decide
from node.agents.standing import KEPT, matches, standing
from node.agents.table import OfferTable
from protocol.errors import ConfigError, MisuseError, RecordError
from protocol.terms import NanoUsd, Sensitivity, Tier
from tests.offers import NOW, facts, offer, paid

PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED = Sensitivity


@pytest.mark.parametrize(
    ("texts", "within", "without"),
    [
        (["Mon-Fri 08:00-18:00"], ["Mon 08:00", "Fri 17:59"], ["Mon 07:59", "Mon 18:00", "Sat 12:00"]),
        (["22:00-06:00"], ["Mon 22:00", "Tue 05:59", "Mon 00:00"], ["Mon 06:00", "Sun 21:59"]),
        (["Sun 22:00-06:00"], ["Sun 22:00", "Mon 05:59"], ["Mon 06:00", "Sun 05:00"]),
        (["Sat-Mon 10:00-24:00"], ["Sun 23:59", "Mon 10:00"], ["Tue 10:00", "Sun 09:59"]),
        (["Tue,Thu-Fri 00:00-24:00"], ["Tue 00:00", "Fri 23:59"], ["Wed 12:00", "Sat 00:00"]),
        (["Mon 08:00-09:00", "Wed 08:00-09:00"], ["Wed 08:30"], ["Tue 08:30"]),
        ([], [], ["Mon 00:00"]),
    ],
)
def test_hours_hold_from_their_first_minute_to_before_their_last(
    texts: list[str], within: list[str], without: list[str]
) -> None:
    hours = Hours.parse(texts)
    assert all(hours.hold(minute_of_week(moment)) for moment in within)
    assert not any(hours.hold(minute_of_week(moment)) for moment in without)
    assert not hours.hold(None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon",
        "8:00-9:00",
        "24:00-08:00",
        "08:00-24:01",
        "08:60-09:00",
        "08:00-08:00",
        "mon 08:00-09:00",
        "Mon- 08:00-09:00",
        "Mon,,Tue 08:00-09:00",
        "Mon  08:00-09:00",
        "08:00-09:00\n",
        "٠٨:00-09:00",
    ],
)
def test_what_is_no_span_of_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected hours|begins when it ends"):
        Hours.parse([text])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, WEEK_MINUTES - 1), st.integers(0, 23), st.integers(0, 23))
def test_hours_and_the_rest_of_the_day_are_the_week_without_a_gap(minute: int, one: int, other: int) -> None:
    if one == other:
        return
    first, rest = (Hours.parse([f"{a:02}:00-{b:02}:00"]) for a, b in ((one, other), (other, one)))
    assert first.hold(minute) is not rest.hold(minute)
    assert not first.meet(rest)


@pytest.mark.parametrize(
    ("pattern", "name", "same"),
    [
        ("llama-*", "llama-3.1", True),
        ("llama-*", "llama-", True),
        ("llama-*", "my-llama-3", False),
        ("LLAMA-*", "Llama-3", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "aXbYbZc", True),
        ("a*b*c", "acb", False),
        ("*b*", "abc", True),
        ("a.c", "abc", False),
        ("[a]", "a", False),
        ("É", "é", False),
    ],
)
def test_a_star_stands_for_anything_and_the_rest_for_itself(pattern: str, name: str, same: bool) -> None:
    assert matches(pattern, name) is same


def test_a_bound_only_tightens_whatever_it_says() -> None:
    table = OfferTable.of([offer("home"), offer("office", tier=Tier.EDGE), paid("cloud", provider="cloud")])
    wide = Bound("*", RESTRICTED, RESTRICTED)
    assert standing(table, Policy(models=(wide,))).as_is.tolist() == standing(table, Policy()).as_is.tolist()
    tight = replace(Policy(), islands=(Bound("home", INTERNAL),), providers=(Bound("cloud", None, PUBLIC),))
    found = standing(table, tight)
    assert dict(zip([row.island for row in table.rows], found.as_is.tolist(), strict=True)) == {
        "home": INTERNAL,
        "office": CONFIDENTIAL,
        "cloud": -1,
    }
    assert found.sanitised.tolist() == [PUBLIC, -1, CONFIDENTIAL]
    assert not is_cleared_for_everything(table, offer("home"), tight)
    assert is_cleared_for_everything(table, offer("home"), Policy())
    assert not is_cleared_for_everything(table, offer("nowhere"), Policy())


def test_the_refusal_names_the_key_that_lowered_the_clearance() -> None:
    table = OfferTable.of([offer("home")])
    policy = Policy(islands=(Bound("home", PUBLIC, None),), models_for=(ModelsFor(CONFIDENTIAL, ("other",)),))
    (refusal,) = decide(facts(RESTRICTED), table, policy, NOW).refusals
    (reason,) = refusal.reasons
    assert "policy.islands.home and models_for.confidential" in reason.detail
    policy = Policy(models=(Bound("s*", allow=False),))
    assert "policy.models.s* does not allow" in decide(facts(), table, policy, NOW).refusals[0].reasons[0].detail


def test_what_a_policy_says_of_a_table_is_worked_out_once_and_kept_for_few_policies() -> None:
    table = OfferTable.of([offer("home")])
    policy = Policy(models=(Bound("small", INTERNAL),))
    first = standing(table, policy)
    assert standing(table.refreshed(free=[0]), replace(policy, remaining=NanoUsd(5))) is first
    assert standing(table, Policy(models=(Bound("small", INTERNAL),))) is first
    assert standing(table, Policy(models=(Bound("small", PUBLIC),))) is not first
    for number in range(2 * KEPT):
        standing(table, Policy(retention_days_max=number))
    assert len(table.index.standings) == KEPT


def test_a_refreshed_table_shows_its_offers_as_they_stand_now() -> None:
    table = OfferTable.of([offer("a"), offer("b")])
    later = table.refreshed(free=[0, 1], alive=[False, True]).refreshed(free=[2, 0])
    assert [(row.free, row.alive) for row in later.offers] == [(2, False), (0, True)]
    assert later.offer(0) == later.offers[0]
    assert [choice.offer.island for choice in decide(facts(), later, Policy(), NOW).plan] == ["b"]
    with pytest.raises(MisuseError, match="tier"):
        table.refreshed(tier=[0, 0])
    with pytest.raises(MisuseError, match="2 values"):
        table.refreshed(free=[1])
    with pytest.raises(RecordError, match="queue"):
        table.refreshed(queue=[0, -1])


def test_every_new_member_is_read_from_a_file() -> None:
    policy = parse_policy(
        {
            "islands": {"office": {"as_is": "internal", "sanitised": "none", "hours": ["Mon-Fri 08:00-18:00"]}},
            "providers": {"openai": {"allow": False}},
            "models": {"llama-3.1*": {"sanitised": "public"}},
            "models_for": {"restricted": ["llama*"], "confidential": ["llama*", "qwen*"]},
            "retention_days_max": 30,
            "no_training": True,
            "metered": "forbid",
            "owner_active": "avoid",
            "hot": "allow",
            "at_cap": "refuse",
            "energy_usd_per_kwh": "0.30",
            "hysteresis": 100,
            "explore": 0,
        }
    )
    hours = Hours.parse(["Mon-Fri 08:00-18:00"])
    assert policy.islands == (Bound("office", INTERNAL, None, hours=hours),)
    assert policy.providers == (Bound("openai", allow=False),)
    assert policy.models == (Bound("llama-3.1*", sanitised=PUBLIC),)
    assert [entry.level for entry in policy.models_for] == [CONFIDENTIAL, RESTRICTED]
    assert (policy.retention_days_max, policy.no_training, policy.energy_price) == (30, True, 300_000_000)
    assert (policy.metered, policy.owner_active, policy.hot) == (Use.FORBID, Use.AVOID, Use.ALLOW)
    assert (policy.at_cap, policy.hysteresis, policy.explore) == (AtCap.REFUSE, 100, 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"islands": {"a": {"asis": "public"}}}, "policy.islands.a.asis: unknown; expected as_is, sanitised, allow"),
        ({"models": {"a.b": {"allow": 1}}}, 'policy.models."a.b".allow = 1: expected true or false'),
        ({"models": {"": {}}}, 'policy.models."": expected a name of 1 to 256'),
        ({"providers": []}, "policy.providers: expected a table"),
        ({"islands": {"a": {"hours": ["noon"]}}}, "policy.islands.a.hours: 'noon': expected hours"),
        ({"models_for": {"secret": []}}, "policy.models_for.secret: unknown; expected public"),
        ({"models_for": {"public": "*"}}, "policy.models_for.public: expected a list"),
        ({"retention_days_max": 1.5}, "policy.retention_days_max = 1.5: expected a whole number"),
        ({"no_training": "yes"}, "policy.no_training = 'yes': expected true or false"),
        ({"hot": "never"}, "policy.hot = 'never': expected allow, avoid, forbid"),
        ({"at_cap": "stop"}, "policy.at_cap = 'stop': expected local, refuse"),
        ({"explore": 1_001}, "policy.explore = 1001: expected a whole number from 0 to 1000"),
    ],
)
def test_mistake_in_a_bound_names_the_key_and_what_is_right(value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_policy(value)
    assert str(caught.value).startswith(message)
