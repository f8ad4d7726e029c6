"""A decision on a table that somebody wrote down: JSON in, JSON out. Source: specs/09-decision.md, "Explaining"."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from node.agents.explain_schema import SCHEMA
from node.agents.policy_file import parse_policy, parse_usd
from node.agents.request import ModelSelector, RequestFacts
from node.agents.router import Decision, decide
from node.agents.schema import check
from node.agents.table import Offer, OfferTable
from node.agents.tier import distance, effective_tier
from node.ports import Origin
from protocol.chat import ChatRequest
from protocol.errors import ConfigError, RecordError, RequestError
from protocol.members import CLOCK_SKEW_S
from protocol.terms import NanoUsd, Now, Sensitivity, Tier

ASSESSED = ("sensitivity", "sensitivity_after", "names_known")
OF_THE_BODY = (*ASSESSED, "model", "prompt_tokens", "max_output_tokens", "answers", "needs_tools")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a chat body, by whoever can read text."""

    sensitivity: Sensitivity
    sensitivity_after: Sensitivity | None
    names_known: bool
    prompt_tokens: int
    max_output_tokens: int  # of each answer
    answers: int = 1


Read = Callable[[ChatRequest, Mapping[str, Any]], Reading]
"""Of a body, by what `request.privacy` says: [privacy] of config.toml, checked by the reader. May raise ConfigError."""


def explain(islands: object, request: object, read: Read | None = None) -> dict[str, Any]:
    """The decision's report. Raises RequestError that names the member at fault.

    `read` assesses the chat body under `request`; without it only a stated sensitivity is taken.
    """
    check({"islands": islands, "request": request}, SCHEMA, "input")
    assert isinstance(islands, Mapping)
    assert isinstance(request, Mapping)
    now = Now(request["clock"]["mono_ms"], request["clock"]["wall_s"])
    try:
        policy = parse_policy(request.get("policy", "balanced"), "request.policy")
        facts = _facts(request, {row["island"] for row in islands["offers"]}, read)
        rows = [_offer(row, islands["asker"], now, f"islands.offers[{i}]") for i, row in enumerate(islands["offers"])]
        table = OfferTable.of(rows)
    except ConfigError as error:
        raise RequestError("input", str(error)) from None
    except RecordError as error:
        raise RequestError(f"islands.{error.field}", error.problem) from None
    return report(decide(facts, table, policy, now))


def report(decision: Decision) -> dict[str, Any]:
    """The contract's object, of any decision: what `explain` prints and `/api/explain` answers."""
    best = decision.plan[0] if decision.plan else None
    sanitize = {choice.offer.name: choice.sanitize for choice in decision.plan}
    return {
        "decision": "route" if best else "refuse",
        "offer": best.offer.name if best else None,
        "plan": [choice.offer.name for choice in decision.plan],
        "sanitize": bool(best and best.sanitize),
        "sensitivity": decision.sensitivity.label,
        "sensitivity_after": None if decision.after is None else decision.after.label,
        "offers": [
            {
                "name": offer.name,
                "tier": offer.tier.label,
                "embeds": offer.embeds,
                "feasible": bool(decision.feasible[row]),
                "sanitize": sanitize.get(offer.name, False),
                "reasons": [
                    {"agent": reason.agent, "code": reason.code, "detail": reason.detail}
                    for reason in decision.reasons(row)
                ],
                "costs": decision.costs(row),
            }
            for row, offer in enumerate(decision.table.offers)
        ],
    }


def _facts(request: Mapping[str, Any], islands: Collection[str], read: Read | None) -> RequestFacts:
    collection = request.get("collection") or {"id": None, "label": None}
    found, model, needs_tools = _reading(request, read)
    cost = request.get("max_cost_usd")
    return RequestFacts(
        sensitivity=found.sensitivity,
        sensitivity_after=found.sensitivity_after,
        names_known=found.names_known,
        selector=ModelSelector.parse(model, islands),
        prompt_tokens=found.prompt_tokens,
        max_output_tokens=found.max_output_tokens,
        answers=found.answers,
        collection_beside=request.get("collection_beside", False),
        collection=None if collection["id"] is None else _octets(collection["id"], "request.collection.id"),
        label=None if collection["label"] is None else Sensitivity.parse(collection["label"]),
        carried=request.get("carried", False),
        needs_tools=needs_tools,
        max_tier=Tier.parse(request.get("max_tier", "cloud")),
        max_cost=None if cost is None else parse_usd(cost, "request.max_cost_usd"),
        unpaid_only=request.get("unpaid_only", False),
        excluded=frozenset(request.get("excluded", ())),
        seed=_octets(request.get("seed", ""), "request.seed"),
        need=request.get("need", 1.0),
        previous_island=request.get("previous_island", ""),
        previous_model=request.get("previous_model", ""),
        previous_tokens=request.get("previous_tokens", 0),
        local_minute=request.get("local_minute"),
        embeds=request.get("embeds", False),
        longest_input_tokens=request.get("longest_input_tokens", 0),
    )


def _reading(request: Mapping[str, Any], read: Read | None) -> tuple[Reading, str, bool]:
    if "request" not in request:
        if "privacy" in request:
            raise RequestError("request.privacy", "says how request.request is assessed, and there is none")
        if "sensitivity" not in request:
            raise RequestError("request.sensitivity", "missing, and there is no request.request to assess")
        after = request.get("sensitivity_after")
        stated = Reading(
            sensitivity=Sensitivity.parse(request["sensitivity"]),
            sensitivity_after=None if after is None else Sensitivity.parse(after),
            names_known=request.get("names_known", True),
            prompt_tokens=request.get("prompt_tokens", 0),
            max_output_tokens=request.get("max_output_tokens", 0),
            answers=request.get("answers", 1),
        )
        return stated, request.get("model", "auto"), request.get("needs_tools", False)
    for name in OF_THE_BODY:
        if name in request:
            raise RequestError(f"request.{name}", "is read from request.request; give one of the two")
    if read is None:
        raise RequestError("request.request", "nothing here can assess it; state request.sensitivity instead")
    body = ChatRequest.parse(request["request"])
    return read(body, request.get("privacy", {})), body.model, body.has_tools


def _offer(row: Mapping[str, Any], asker: Mapping[str, str], now: Now, where: str) -> Offer:
    certificate, statement = row.get("certificate"), row.get("statement")
    person = certificate["person"] if certificate else None
    origin = Origin(row.get("origin", "remote"))
    ceiling = Tier.parse(certificate.get("ceiling", "personal")) if certificate else Tier.CLOUD
    configured = row.get("configured_tier")
    tier = effective_tier(
        person=None if row.get("provider", False) else person,
        asker=asker["person"],
        ceiling=ceiling,
        origin=origin,
        configured=None if configured is None else Tier.parse(configured),
        asker_ceiling=Tier.parse(asker.get("ceiling", "personal")),
    )
    here, own = row["island"] == asker["island"], person == asker["person"]
    provider, remaining = row.get("provider", False), row.get("paid_remaining_usd")
    return Offer(
        island=row["island"],
        island_id=row.get("island_id", row["island"]),
        model=row["model"],
        backend=row.get("backend", ""),
        tier=tier,
        own=own,
        origin=origin,
        distance=distance(tier, here=here, own=own),
        context_tokens=row["context_tokens"],
        tools=row.get("tools", False),
        slots=row.get("slots", 1),
        free=row.get("free", 1),
        queue=row.get("queue", 0),
        ttft_s=_estimate(row["ttft_s"]),
        prefill_tokens_per_s=_estimate(row.get("prefill_tokens_per_s", inf)),
        tokens_per_s=_estimate(row["tokens_per_s"]),
        input_price=_price(row["input_usd"], f"{where}.input_usd"),
        output_price=_price(row["output_usd"], f"{where}.output_usd"),
        member_live=provider or _is_live(certificate, now),
        fresh=provider or here or _is_fresh(statement, now),
        alive=row["alive"],
        doubt=_estimate(row.get("doubt", 0)),
        failure_rate=_estimate(row.get("failure_rate", 0)),
        authentic=row.get("authentic", True),
        probation=row.get("probation", False),
        jurisdiction=row.get("jurisdiction", ""),
        collections=frozenset(_octets(held, f"{where}.collections") for held in row.get("collections", ())),
        battery=row.get("battery"),
        charging=row.get("charging", False),
        metered=row.get("metered", False),
        owner_active=row.get("owner_active", False),
        hot=row.get("hot", False),
        provider=row["island"] if provider else "",
        retention_days=row.get("retention_days"),
        trains=row.get("trains"),
        paid_remaining=None if remaining is None else parse_usd(remaining, f"{where}.paid_remaining_usd"),
        quality=_estimate(row.get("quality", 0.5)),
        energy_j_per_token=_estimate(row.get("energy_j_per_token", 0)),
        embeds=row.get("embeds", False),
    )


def _is_live(certificate: Mapping[str, Any] | None, now: Now) -> bool:
    if certificate is None or certificate.get("revoked", False):
        return False
    return bool(
        certificate.get("not_before_s", 0) <= now.wall_s + CLOCK_SKEW_S and now.wall_s < certificate["expires_s"]
    )


def _is_fresh(statement: Mapping[str, int] | None, now: Now) -> bool:
    return statement is not None and 0 <= now.mono_ms - statement["received_ms"] < statement["lifetime_ms"]


def _estimate(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _price(value: str | None, where: str) -> NanoUsd | None:
    return None if value is None else parse_usd(value, where)


def _octets(text: str, where: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise RequestError(where, "expected hexadecimal digits") from None
