"""The input of `islandrun explain --offline`, as JSON Schema 2020-12. Source: specs/09-decision.md, "Explaining"."""

from typing import Any

from node.agents.hours import WEEK_MINUTES
from node.agents.policy import EXPLORE_MAX, HYSTERESIS_MAX, AtCap, Use
from node.agents.request import SEED_BYTES_MAX, SELECTOR_CHARACTERS_MAX
from node.agents.table import ANSWERS_MAX, COUNT_MAX, RETENTION_DAYS_MAX, TOKENS_MAX
from node.ports import Origin
from protocol.terms import Sensitivity, Tier

OFFERS_MAX = 4_096
NAME_CHARACTERS_MAX = 256
EXCLUDED_MAX = 4_096
MOMENT_MAX = 2**53 - 1

LEVELS = [level.label for level in Sensitivity]
TIERS = [tier.label for tier in Tier]


def _object(properties: dict[str, Any], required: tuple[str, ...] = (), *, nullable: bool = False) -> dict[str, Any]:
    return {
        "type": ["object", "null"] if nullable else "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _text(description: str, most: int = NAME_CHARACTERS_MAX, least: int = 0) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most, "description": description}


def _whole(description: str, most: int, default: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": most, "description": description}
    return found if default is None else {**found, "default": default}


def _flag(description: str, default: bool) -> dict[str, Any]:
    return {"type": "boolean", "description": description, "default": default}


def _estimate(description: str) -> dict[str, Any]:
    return {"type": ["number", "null"], "description": f"{description}; null: not known, so the offer is refused"}


def _usd(description: str) -> dict[str, Any]:
    return {"type": ["string", "null"], "maxLength": 32, "description": description}


CERTIFICATE = _object(
    {
        "person": _text("whose island it is", least=1),
        "ceiling": {"type": "string", "enum": TIERS[:2], "default": "personal"},
        "not_before_s": _whole("Unix seconds", MOMENT_MAX, 0),
        "expires_s": _whole("Unix seconds; invalid from then on", MOMENT_MAX),
        "revoked": _flag("a revocation names its key", False),
    },
    ("person", "expires_s"),
    nullable=True,
)
STATEMENT = _object(
    {
        "received_ms": _whole("when it came first, on the clock's mono_ms", MOMENT_MAX),
        "lifetime_ms": _whole("from then on", 900_000),
    },
    ("received_ms", "lifetime_ms"),
    nullable=True,
)
OFFER = _object(
    {
        "island": _text("its name in the archipelago, or the provider's", least=1),
        "island_id": _text("peer id; the name where there is none"),
        "model": _text("the model's name", least=1),
        "backend": _text("what serves it"),
        "provider": _flag("a cloud provider that this node's configuration names: no certificate, no statement", False),
        "certificate": CERTIFICATE,
        "statement": STATEMENT,
        "origin": {"type": "string", "enum": [origin.value for origin in Origin], "default": "remote"},
        "configured_tier": {"type": ["string", "null"], "enum": [*TIERS, None], "default": None},
        "alive": {"type": "boolean", "description": "the failure detector's opinion"},
        "context_tokens": _whole("prompt and answer together", TOKENS_MAX),
        "tools": _flag("takes tool definitions", False),
        "embeds": _flag("an embedding model: it gives vectors, and no answers", False),
        "slots": _whole("requests at once", COUNT_MAX, 1),
        "free": _whole("slots free now", COUNT_MAX, 1),
        "queue": _whole("requests waiting", COUNT_MAX, 0),
        "ttft_s": _estimate("expected seconds to the first token, without waiting"),
        "prefill_tokens_per_s": _estimate("how fast it reads a prompt, absent: in no time"),
        "tokens_per_s": _estimate("expected speed of the answer"),
        "doubt": {
            **_estimate("how far from expected the seconds may be, 0 to 1"),
            "default": 0,
        },
        "failure_rate": {**_estimate("part of the attempts lately that failed, 0 to below 1"), "default": 0},
        "authentic": _flag("no authenticity failure and no failed canary within 24 hours", True),
        "probation": _flag("others observed faults", False),
        "input_usd": _usd("per million tokens, as a decimal text; null: not known"),
        "output_usd": _usd("per million tokens, as a decimal text; null: not known"),
        "jurisdiction": _text("under which law it is; empty: not known"),
        "collections": {"type": "array", "items": _text("an id, 32 hexadecimal digits", 32, 32), "maxItems": 64},
        "battery": {"type": ["number", "null"], "description": "percent; null: on mains", "default": None},
        "charging": _flag("the battery is being charged", False),
        "metered": _flag("a link on the way is paid for by volume", False),
        "owner_active": _flag("somebody is working at the device", False),
        "hot": _flag("it slows down for heat", False),
        "retention_days": _whole("how long it keeps what it is sent; null: not known", RETENTION_DAYS_MAX)
        | {"type": ["integer", "null"], "default": None},
        "trains": {"type": ["boolean", "null"], "description": "whether it trains on it", "default": None},
        "paid_remaining_usd": _usd("what the caps leave for this provider; null: it has no cap of its own"),
        "quality": {"type": ["number", "null"], "description": "prior, 0 to 1", "default": 0.5},
        "energy_j_per_token": {"type": ["number", "null"], "description": "joules", "default": 0},
    },
    ("island", "model", "alive", "context_tokens", "ttft_s", "tokens_per_s", "input_usd", "output_usd"),
)
ISLANDS = _object(
    {
        "asker": _object(
            {
                "island": _text("the island that asks", least=1),
                "person": _text("whose it is", least=1),
                "ceiling": {"type": "string", "enum": TIERS[:2], "default": "personal"},
            },
            ("island", "person"),
        ),
        "offers": {"type": "array", "items": OFFER, "maxItems": OFFERS_MAX},
    },
    ("asker", "offers"),
)
POLICY = {
    "type": ["string", "object"],
    "description": "a preset's name, or [policy] of config.toml as an object",
    "properties": {
        "preset": {"type": "string"},
        "clearance": {"type": "object"},
        "weights": {"type": "object"},
        "ranges": {"type": "object"},
        "max_tier": {"type": "string", "enum": TIERS},
        "jurisdictions": {"type": "array", "items": {"type": "string"}},
        "battery_floor": {"type": "number", "minimum": 0, "maximum": 100},
        "remaining_usd": {"type": ["string", "integer"]},
        **{name: {"type": "object"} for name in ("islands", "providers", "models", "models_for")},
        "retention_days_max": {"type": "integer", "minimum": 0, "maximum": RETENTION_DAYS_MAX},
        "no_training": {"type": "boolean"},
        **{name: {"type": "string", "enum": [use.label for use in Use]} for name in ("metered", "owner_active", "hot")},
        "at_cap": {"type": "string", "enum": [each.value for each in AtCap]},
        "energy_usd_per_kwh": {"type": ["string", "integer"]},
        "hysteresis": {"type": "integer", "minimum": 0, "maximum": HYSTERESIS_MAX},
        "explore": {"type": "integer", "minimum": 0, "maximum": EXPLORE_MAX},
    },
    "additionalProperties": False,
}
_KIND = {
    "type": _text("what it is, such as PERSON or NATIONAL_ID; TERM unless said otherwise", 32, 1),
    "sensitivity": {"type": "string", "enum": LEVELS, "description": "the least that a text with it is"},
}
PRIVACY = _object(
    {
        "level": {
            "type": ["string", "object"],
            "description": "balanced or strict, or one for each tier",
            "properties": {tier: {"type": "string", "enum": ["balanced", "strict"]} for tier in TIERS[1:]},
            "additionalProperties": False,
        },
        "languages": {"type": "array", "items": _text("ISO 639-1", 8, 2), "maxItems": 256},
        "special_after": {"type": "string", "enum": ["restricted", "confidential"]},
        "terms": {
            "type": "array",
            "items": _object(
                {"words": {"type": "array", "items": _text("a term", 128, 1), "maxItems": 10_000}, **_KIND}, ("words",)
            ),
            "maxItems": 256,
        },
        "patterns": {
            "type": "array",
            "items": _object({"pattern": _text("a bounded regular expression", 512, 1), **_KIND}, ("pattern",)),
            "maxItems": 64,
        },
    }
)
REQUEST = _object(
    {
        "request": {"type": "object", "description": "a chat completion's body; its sensitivity is assessed"},
        "sensitivity": {"type": "string", "enum": LEVELS, "description": "instead of `request`"},
        "sensitivity_after": {"type": ["string", "null"], "enum": [*LEVELS, None], "default": None},
        "names_known": _flag("the name models have read the text", True),
        "model": _text("auto, auto@COLLECTION, MODEL or ISLAND/MODEL", SELECTOR_CHARACTERS_MAX, 1),
        "prompt_tokens": _whole("", TOKENS_MAX, 0),
        "max_output_tokens": _whole("", TOKENS_MAX, 0),
        "answers": {"type": "integer", "minimum": 1, "maximum": ANSWERS_MAX, "default": 1},
        "needs_tools": _flag("", False),
        "collection": _object(
            {
                "id": {"type": ["string", "null"], "minLength": 32, "maxLength": 32},
                "label": {"type": ["string", "null"], "enum": [*LEVELS, None]},
            },
            ("id", "label"),
            nullable=True,
        ),
        "collection_beside": _flag("it is named beside the model, whatever that is", False),
        "carried": _flag("passages of that collection are in the request", False),
        "max_tier": {"type": "string", "enum": TIERS, "default": "cloud"},
        "max_cost_usd": _usd("for the whole answer; null: no bound"),
        "unpaid_only": _flag("a paid attempt may have run", False),
        "excluded": {"type": "array", "items": _text("ISLAND/MODEL", 513), "maxItems": EXCLUDED_MAX},
        "embeds": _flag("vectors are asked for, and no answer", False),
        "longest_input_tokens": _whole("of the texts that vectors are asked for", TOKENS_MAX, 0),
        "need": {"type": "number", "minimum": 0, "maximum": 1, "description": "quality it needs", "default": 1},
        "previous_island": _text("who answered this conversation last: an island's id, a provider's name"),
        "previous_model": _text("with which model; empty: not known"),
        "previous_tokens": _whole("so many of the prompt's first tokens it has read before", TOKENS_MAX, 0),
        "local_minute": _whole("of the owner's week, from Monday 00:00; null: not known", WEEK_MINUTES - 1)
        | {"type": ["integer", "null"], "default": None},
        "policy": POLICY,
        "privacy": {
            **PRIVACY,
            "description": "[privacy] of config.toml, by which `request` is assessed; no configuration is read",
        },
        "clock": _object(
            {"mono_ms": _whole("monotonic milliseconds", MOMENT_MAX), "wall_s": _whole("Unix seconds", MOMENT_MAX)},
            ("mono_ms", "wall_s"),
        ),
        "seed": _text("hexadecimal", 2 * SEED_BYTES_MAX),
    },
    ("clock",),
)
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "islandrun explain --offline: ISLANDS.json as `islands`, standard input as `request`",
    **_object({"islands": ISLANDS, "request": REQUEST}, ("islands", "request")),
}
