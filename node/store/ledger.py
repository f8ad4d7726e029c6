"""Receipts: what was decided and done for each request, and what it cost. Never what was said.

Each receipt's hash covers the one before it, and the head is kept apart, so that `verify` finds a row that was changed,
removed or cut off the end. This guards against accidents and quiet edits, not against somebody who rewrites the
whole file.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from node.store.records import fact, set_fact
from protocol.errors import OfferRefusal, Refusal, StateError
from protocol.terms import NanoUsd, Sensitivity, Tier

MODEL_ASKED_CHARACTERS_MAX = 200  # a client's own text: long enough for a name, too short for a prompt
DETAIL_CHARACTERS_MAX = 300
REFUSALS_MAX = 64
_DOMAIN = b"islandrun/receipt/1\0"
_START = bytes(32)


class Outcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # nobody may or can answer
    CUT = "cut"  # it ended after its first token
    CANCELLED = "cancelled"  # the client went away
    AMBIGUOUS = "ambiguous"  # a paid offer may have answered and may bill it


class Usage(StrEnum):
    """Where the tokens of a receipt are from."""

    REPORTED = "reported"  # by who answered
    ESTIMATED = "estimated"  # it reported none, or nonsense: worked out from bytes, rather too many
    BOUNDED = "bounded"  # it reported more than can have been: the most that can


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request. Holds no text of prompt or answer; times are integers: its bytes never depend on rounding."""

    id: str  # the request's id, hexadecimal
    at_wall_s: int
    key_name: str  # which API key asked; "" for a peer's request
    asker: str  # the island that asked; "" for this one
    model_asked: str
    island: str  # who answered; "" when nobody did
    offer: str  # ISLAND/MODEL
    tier: Tier | None
    sensitivity: Sensitivity
    sensitivity_after: Sensitivity
    sanitized: bool
    prompt_tokens: int
    completion_tokens: int
    ttft_ms: int | None  # None: no token came
    total_ms: int
    cost: NanoUsd
    outcome: Outcome
    refusals: tuple[OfferRefusal, ...] = ()
    plan: tuple[str, ...] = ()  # ISLAND/MODEL, best first
    cached_tokens: int = 0  # of the prompt's, those that who answered had read before
    usage: Usage = Usage.REPORTED

    def to_json(self) -> dict[str, Any]:
        """As `ledger show --json` and `/api/ledger` give it."""
        return {
            "id": self.id,
            "at": self.at_wall_s,
            "key": self.key_name,
            "asker": self.asker,
            "model": self.model_asked[:MODEL_ASKED_CHARACTERS_MAX],
            "island": self.island,
            "offer": self.offer,
            "tier": None if self.tier is None else self.tier.label,
            "sensitivity": self.sensitivity.label,
            "sensitivity_after": self.sensitivity_after.label,
            "sanitized": self.sanitized,
            "prompt_tokens": self.prompt_tokens,
            "cached_tokens": self.cached_tokens,
            "completion_tokens": self.completion_tokens,
            "usage": self.usage.value,
            "ttft_ms": self.ttft_ms,
            "total_ms": self.total_ms,
            "cost_nano_usd": self.cost,
            "outcome": self.outcome.value,
            "refusals": [_refusal_json(refusal) for refusal in self.refusals[:REFUSALS_MAX]],
            "plan": list(self.plan[:REFUSALS_MAX]),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Receipt":
        return cls(
            id=body["id"],
            at_wall_s=body["at"],
            key_name=body["key"],
            asker=body["asker"],
            model_asked=body["model"],
            island=body["island"],
            offer=body["offer"],
            tier=None if body["tier"] is None else Tier.parse(body["tier"]),
            sensitivity=Sensitivity.parse(body["sensitivity"]),
            sensitivity_after=Sensitivity.parse(body["sensitivity_after"]),
            sanitized=body["sanitized"],
            prompt_tokens=body["prompt_tokens"],
            completion_tokens=body["completion_tokens"],
            ttft_ms=body["ttft_ms"],
            total_ms=body["total_ms"],
            cost=NanoUsd(body["cost_nano_usd"]),
            outcome=Outcome(body["outcome"]),
            refusals=tuple(_refusal(refusal) for refusal in body["refusals"]),
            plan=tuple(body["plan"]),
            cached_tokens=body.get("cached_tokens", 0),  # receipts of older versions have neither
            usage=Usage(body.get("usage", Usage.REPORTED)),
        )


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `problem` is None when every receipt and the head fit together."""

    receipts: int
    head: str  # hexadecimal: noted elsewhere, it proves later that nothing before it was changed
    problem: str | None


def append(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """Adds a receipt to the chain. The same id twice is a mistake of ours: StateError."""
    body = _canonical(receipt)
    count, head = _head(connection)
    following = _link(head, body)
    try:
        connection.execute(
            "INSERT INTO receipts (position, id, at_wall_s, body, hash) VALUES (?, ?, ?, ?, ?)",
            (count + 1, receipt.id, receipt.at_wall_s, body, following),
        )
    except sqlite3.IntegrityError as error:
        raise StateError(f"receipt {receipt.id}: {error}") from error
    set_fact(connection, "ledger_head", (count + 1).to_bytes(8, "big") + following)


def show(connection: sqlite3.Connection, receipt_id: str) -> Receipt | None:
    """One receipt by id or by the unambiguous beginning of one."""
    rows = connection.execute(
        "SELECT body FROM receipts WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", (receipt_id, receipt_id + "g")
    ).fetchall()
    exact = connection.execute("SELECT body FROM receipts WHERE id = ?", (receipt_id,)).fetchone()
    if exact is not None:
        return _read(exact[0])
    return _read(rows[0][0]) if len(rows) == 1 and receipt_id else None


def latest(connection: sqlite3.Connection, limit: int, before: int | None = None) -> tuple[Receipt, ...]:
    """The newest receipts, newest first; `before` (Unix seconds) pages back."""
    bound = before if before is not None else 2**62
    rows = connection.execute(
        "SELECT body FROM receipts WHERE at_wall_s < ? ORDER BY position DESC LIMIT ?", (bound, limit)
    )
    return tuple(_read(row[0]) for row in rows)


def export(connection: sqlite3.Connection) -> Iterator[str]:
    """Every receipt, oldest first, as JSON lines with its hash."""
    for body, link in connection.execute("SELECT body, hash FROM receipts ORDER BY position"):
        yield json.dumps({**json.loads(body), "hash": bytes(link).hex()}, ensure_ascii=False)


def verify(connection: sqlite3.Connection) -> Verification:
    """Recomputes the chain from its beginning."""
    head, count = _START, 0
    rows = connection.execute("SELECT position, id, at_wall_s, body, hash FROM receipts ORDER BY position")
    for position, receipt_id, at_wall_s, body, link in rows:
        count += 1
        head = _link(head, body)
        if position != count:
            return Verification(count - 1, head.hex(), f"receipt {count} is missing")
        if head != bytes(link):
            return Verification(count - 1, head.hex(), f"receipt {count} or one before it was changed")
        receipt = _read(body)
        if (receipt.id, receipt.at_wall_s) != (receipt_id, at_wall_s):
            return Verification(count - 1, head.hex(), f"receipt {count} is filed under another id or time")
    kept_count, kept_head = _head(connection)
    if (kept_count, kept_head) != (count, head):
        return Verification(count, head.hex(), f"{kept_count} receipts were written, {count} are there")
    return Verification(count, head.hex(), None)


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    value = fact(connection, "ledger_head")
    return (0, _START) if value is None else (int.from_bytes(value[:8], "big"), value[8:])


def _link(previous: bytes, body: str) -> bytes:
    return hashlib.blake2b(_DOMAIN + previous + body.encode("utf-8"), digest_size=32).digest()


def _canonical(receipt: Receipt) -> str:
    return json.dumps(receipt.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _read(body: str) -> Receipt:
    try:
        return Receipt.from_json(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(f"a receipt is damaged: `islandrun ledger verify` says which ({error})") from error


def _refusal_json(refusal: OfferRefusal) -> dict[str, Any]:
    reasons = [
        {"agent": reason.agent, "code": reason.code, "detail": reason.detail[:DETAIL_CHARACTERS_MAX]}
        for reason in refusal.reasons
    ]
    return {"offer": refusal.offer, "tier": refusal.tier, "reasons": reasons}


def _refusal(body: dict[str, Any]) -> OfferRefusal:
    reasons = tuple(Refusal(reason["agent"], reason["code"], reason["detail"]) for reason in body["reasons"])
    return OfferRefusal(body["offer"], body["tier"], reasons)
