import pytest

from node.backends.http_client import Endpoint, error_code, status_failure
from protocol.errors import BackendFailure, ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/v1", "file:///etc/passwd", "unix:///run/x.sock", "host:80/v1", "//host/v1", "", "http://", "https:///v1",
        "http://user:pass@host/v1", "http://:pass@host", "https://host/v1?key=SECRET", "https://host/v1#x",
        "http://host:99999/v1", "http://host:x/v1", "http://ho st/v1", "http://host/\r\nx: y", "http://[::1",
    ],
)  # fmt: skip
def test_url_that_is_not_plain_http_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Endpoint.parse(url)
    assert "SECRET" not in str(raised.value)
    assert "pass" not in str(raised.value).replace("password", "")


@pytest.mark.parametrize("key", ["", "a b", "a\r\nx: y", "ké", "x" * 4097])
def test_key_that_would_break_a_header_is_refused_without_being_quoted(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Endpoint.parse("https://host/v1", key)
    assert not key or key not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:80", True),
        ("http://localhost:11434/v1", True),
        ("http://localhost.example.org", False),
        ("http://0.0.0.0", False),
        ("http://10.0.0.1", False),
        ("http://127.0.0.1.example.org", False),
    ],
)
def test_only_a_loopback_address_or_localhost_is_loopback(url: str, loopback: bool) -> None:
    assert Endpoint.parse(url).loopback is loopback


def test_endpoint_has_no_slash_at_its_end_and_hides_its_key() -> None:
    endpoint = Endpoint.parse("https://host/v1/", "k1")
    assert endpoint.url == "https://host/v1"
    assert "k1" not in repr(endpoint)


def test_only_4xx_other_than_408_is_definite() -> None:
    definite = {status for status in range(100, 600) if status_failure(status, "").failure is BackendFailure.REFUSED}
    assert definite == set(range(400, 500)) - {408}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error":{"code":"insufficient_quota","type":"x"}}', "insufficient_quota"),
        (b'{"error":{"code":null,"type":"overloaded_error"}}', "overloaded_error"),
        (b'{"error":{"code":400,"type":"exceed_context_size_error"}}', "exceed_context_size_error"),
        (b'{"error":{"code":"my_secret_words"}}', ""),
        (b'{"error":"rate_limit_exceeded"}', ""),
        (b"[", ""),
        (b"\xff", ""),
    ],
)
def test_only_known_error_codes_are_passed_on(body: bytes, code: str) -> None:
    assert error_code(body) == code
