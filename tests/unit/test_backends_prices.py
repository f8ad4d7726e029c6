import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.prices import parse_usd
from protocol.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0.15", 150_000_000),
        ("0", 0),
        ("0.00", 0),
        ("2.5", 2_500_000_000),
        ("0.000000001", 1),
        ("0.100000000000", 100_000_000),
        ("1000000", 10**15),
    ],
)
def test_price_is_nano_usd_to_the_last_digit(text: str, nano: int) -> None:
    assert parse_usd(text) == nano


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "1e3",
        "NaN",
        "inf",
        ".5",
        "1.",
        " 1",
        "1 ",
        "1,5",
        "0x1",
        "1_000",
        "٣",
        "0.0000000001",
        "1000000.1",
    ],
)
def test_what_is_not_a_plain_price_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_usd(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**15))
def test_every_nano_usd_survives_being_written_out(nano: int) -> None:
    assert parse_usd(f"{nano // 10**9}.{nano % 10**9:09d}") == nano
