"""From a client's headers to an Order. What tightens policy is never guessed: what is not understood is refused."""

import re

from node.api.exchange import Exchange
from node.api.own_members import taken_out
from node.api.ports import Order, Route
from protocol.chat import ChatRequest
from protocol.errors import RequestError
from protocol.terms import NANO_USD_PER_USD, NanoUsd, Tier

PREFIX = "x-islandrun-"
CONVERSATION = PREFIX + "conversation"
KNOWN = (*(PREFIX + name for name in ("max-tier", "max-cost", "policy")), CONVERSATION)

_USD = re.compile(r"(\d{1,6})(?:\.(\d{1,9}))?")
_POLICY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_CONVERSATION = re.compile(r"[\x21-\x7e]{1,64}")
_IDEMPOTENCY = re.compile(r"[\x21-\x7e]{1,255}")


def order_of(exchange: Exchange, request: ChatRequest) -> Order:
    """Raises RequestError naming the header, or the member of ours, at fault."""
    request, collection = taken_out(request)
    for raw, _ in exchange.headers:
        name = raw.decode("latin-1")
        if name.startswith(PREFIX) and name not in KNOWN:
            raise RequestError(PREFIX + "*", f"an unknown header; expected {', '.join(KNOWN)}")
    return Order(
        request=request,
        key_name=exchange.key_name,
        max_tier=_max_tier(exchange.header(PREFIX + "max-tier")),
        max_cost=_max_cost(exchange.header(PREFIX + "max-cost")),
        policy=_matching(exchange, PREFIX + "policy", _POLICY, "the name of a policy"),
        conversation=_matching(exchange, CONVERSATION, _CONVERSATION, "1 to 64 visible ASCII characters"),
        idempotency_key=_matching(exchange, "idempotency-key", _IDEMPOTENCY, "1 to 255 visible ASCII characters"),
        collection=collection,
    )


def route_headers(route: Route) -> tuple[tuple[str, str], ...]:
    """The headers that tell who answered."""
    return (
        ("x-islandrun-island", route.island),
        ("x-islandrun-tier", route.tier.label),
        ("x-islandrun-sanitized", "true" if route.sanitized else "false"),
        ("x-islandrun-sensitivity", route.sensitivity.label),
        ("x-islandrun-decision", route.decision_id),
        ("x-islandrun-cost", usd_text(route.cost_nano_usd)),
    )


def usd_text(nano_usd: int) -> str:
    """USD as a decimal, exact: 1_500_000 is `0.0015`."""
    whole, fraction = divmod(nano_usd, NANO_USD_PER_USD)
    return f"{whole}.{fraction:09d}".rstrip("0").rstrip(".")


def _max_tier(text: str | None) -> Tier | None:
    if text is None:
        return None
    try:
        return Tier.parse(text)
    except ValueError:
        raise RequestError(PREFIX + "max-tier", "expected personal, edge or cloud") from None


def _max_cost(text: str | None) -> NanoUsd | None:
    if text is None:
        return None
    match = _USD.fullmatch(text)
    if match is None:
        raise RequestError(PREFIX + "max-cost", "expected USD as a decimal, such as 0.002")
    return NanoUsd(int(match[1]) * NANO_USD_PER_USD + int((match[2] or "").ljust(9, "0")))


def _matching(exchange: Exchange, name: str, pattern: re.Pattern[str], expected: str) -> str | None:
    text = exchange.header(name)
    if text is not None and pattern.fullmatch(text) is None:
        raise RequestError(name, f"expected {expected}")
    return text
