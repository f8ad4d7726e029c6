"""What every backend behind HTTP shares: where a server is, one bounded exchange, and what its failure means for money.

| what happened                                              | BackendFailure  |
| ---------------------------------------------------------- | --------------- |
| no connection, no certificate that holds                    | not_connected   |
| 4xx other than 408                                          | refused         |
| 408, 3xx, 5xx, a time-out, a cut, anything not of its form  | ambiguous       |
"""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

import httpx
import trio

from node.backends.openai_answer import broken
from protocol.errors import BackendError, BackendFailure, ConfigError, RequestError
from protocol.strict_json import parse_json

CONNECT_S = 10.0
WRITE_S = 30.0
SILENCE_S = 120.0  # a provider may think for so long before its first token; between two tokens none does
KEEP_ALIVE_S = 4.0  # shorter than servers keep an idle connection: a request on one that just closed is ambiguous
CONNECTIONS_MAX = 64
ANSWER_BYTES_MAX = 32 * 1024 * 1024
ERROR_BYTES_MAX = 64 * 1024
KEY_CHARACTERS_MAX = 4096

# Codes and types of errors that are passed on. Messages never are: they may quote the prompt.
_KNOWN_CODES = frozenset(
    {
        "authentication_error", "billing_error", "content_filter", "content_policy_violation", "insufficient_quota",
        "context_length_exceeded", "exceed_context_size_error", "invalid_api_key", "invalid_request_error",
        "model_not_found", "not_found_error", "overloaded_error", "permission_error", "rate_limit_error",
        "rate_limit_exceeded", "request_too_large", "unsupported_parameter",
    }
)  # fmt: skip
_OVERFLOWS = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_CODE_OF_STATUS = {401: "unauthorized", 403: "forbidden", 404: "not_found", 413: "too_large", 429: "rate_limited"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API begins, such as `https://api.openai.com/v1`, and the key that opens it."""

    url: str  # without a slash at its end
    key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str, key: str | None = None) -> Self:
        """Raises ConfigError; it names neither the key nor a password in the URL."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ConfigError("url: not a URL") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ConfigError(f"url: scheme {parts.scheme[:16]!r}: expected http://HOST… or https://HOST…")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("url: has a user or a password in it; give the key as api_key_env or api_key_file")
        if parts.query or parts.fragment or any(ord(c) <= 32 or ord(c) == 127 for c in url):
            raise ConfigError("url: expected no query, fragment or white space")
        if key is not None and not (0 < len(key) <= KEY_CHARACTERS_MAX and all(32 < ord(c) < 127 for c in key)):
            raise ConfigError("api key: expected printable ASCII without spaces")
        return cls(url.rstrip("/"), key)

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def loopback(self) -> bool:
        """By its address, or as `localhost` (RFC 6761); another name may mean anything tomorrow."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


@cache
def _certificates() -> ssl.SSLContext:
    """Loading them costs 50 ms; clients share them."""
    return httpx.create_ssl_context(trust_env=False)


def open_client() -> httpx.AsyncClient:
    """Certificates are verified, redirects not followed, and no proxy or key is taken from the environment."""
    return httpx.AsyncClient(
        verify=_certificates(),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(connect=CONNECT_S, pool=CONNECT_S, write=WRITE_S, read=SILENCE_S),
        limits=httpx.Limits(max_connections=CONNECTIONS_MAX, keepalive_expiry=KEEP_ALIVE_S),
        headers={"accept-encoding": "identity", "user-agent": "islandrun"},
    )


@asynccontextmanager
async def exchange(
    client: httpx.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> AsyncIterator[httpx.Response]:
    """One request and its 200 response, the body still to be read inside. Raises BackendError; cancelled: closes the
    connection at once."""
    try:
        async with client.stream(method, url, headers=dict(headers), content=body) as response:
            if response.status_code != 200:
                raise await _status_failure(response)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise broken("a content encoding that was not asked for")
            yield response
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
        raise BackendError(BackendFailure.NOT_CONNECTED, "not_connected", type(error).__name__) from None
    except httpx.TimeoutException as error:
        raise BackendError(BackendFailure.AMBIGUOUS, "timeout", type(error).__name__) from None
    except httpx.HTTPError as error:
        raise BackendError(BackendFailure.AMBIGUOUS, "cut", type(error).__name__) from None


async def consume(
    response: httpx.Response, take: Callable[[bytes], Awaitable[None]], bytes_max: int = ANSWER_BYTES_MAX
) -> None:
    """Hands on the body as it comes. Raises BackendError (ambiguous, `broken_stream`) past the bound, and what `take`
    raises."""
    total = 0
    body = response.aiter_raw()
    try:
        async for piece in body:
            total += len(piece)
            if total > bytes_max:
                raise broken(f"an answer of more than {bytes_max} bytes")
            await take(piece)
    except BaseException:
        await _unwind(body)
        raise


async def _unwind(body: AsyncIterator[bytes]) -> None:
    """httpx reads through five nested generators and closes only the outermost. Cancelled in the innermost, all end."""
    with trio.CancelScope(shield=True) as scope, suppress(httpx.HTTPError):
        scope.cancel()
        async for _ in body:
            pass


async def read_whole(response: httpx.Response, bytes_max: int = ANSWER_BYTES_MAX) -> bytes:
    """The whole body. Raises BackendError (ambiguous, `broken_stream`) past the bound."""
    body = bytearray()

    async def take(piece: bytes) -> None:
        body.extend(piece)

    await consume(response, take, bytes_max)
    return bytes(body)


def is_json(response: httpx.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower() == "application/json"


async def _status_failure(response: httpx.Response) -> BackendError:
    status = response.status_code
    try:
        code = error_code(await read_whole(response, ERROR_BYTES_MAX))
    except (BackendError, httpx.HTTPError):
        code = ""  # the status has said it already
    return status_failure(status, code)


def status_failure(status: int, code: str) -> BackendError:
    """What an answer that is not 200 means; `code` is one that `error_code` let through."""
    definite = 400 <= status < 500 and status != 408
    ours = (
        "context_overflow" if code in _OVERFLOWS else _CODE_OF_STATUS.get(status, "refused" if definite else "server")
    )
    failure = BackendFailure.REFUSED if definite else BackendFailure.AMBIGUOUS
    return BackendError(failure, ours, f"HTTP {status} {code}".rstrip(), status)


def error_code(body: bytes) -> str:
    """The known code, else the known type, of an OpenAI or Anthropic error body; "" where there is none."""
    try:
        document = parse_json(body)
    except RequestError:
        return ""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return ""
    for name in ("code", "type"):
        value = error.get(name)
        if isinstance(value, str) and value in _KNOWN_CODES:
            return value
    return ""
