"""The second way to a collection: where no offer on its holder may answer, passages of it go into the request.

Compute goes to data wherever it can (node/judgement.py decides that first). A document never leaves its holder;
passages do, to whom the holder answers: this node adds them to the request, and judges it all again at their label.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import trio

from node.agents.policy import Policy
from node.agents.request import ModelSelector, RequestFacts, Selection
from node.agents.router import Decision, decide
from node.agents.table import TOKENS_MAX, Offer, OfferTable
from node.agents.tier import distance, effective_tier
from node.api.ports import Order
from node.collections.augment import Quotation, augment, question
from node.collections.holder import PASSAGES_DEFAULT, Collections
from node.collections.terms import CollectionId
from node.directory import KnownCollection
from node.facts import Asked
from node.ports import Origin
from protocol.errors import BackendError, BackendFailure, OfferRefusal, Refusal, RefusedError, StateError
from protocol.members import Member
from protocol.passages import QuotedPassage
from protocol.terms import NanoUsd, Now, Sensitivity

WHAT = "passages"  # stands where an offer has its model
ADDED_TOKENS = 16  # around the passages in the message that they go into
Given = tuple[Sensitivity, Sequence[Quotation]]
Ask = Callable[[bytes, str], Awaitable[Given]]
"""A fresh request id, and the question. Raises BackendError."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is asked for passages. `reads`: the island as a reader of the question, judged as one; None: this one."""

    island: str
    label: Sensitivity  # as far as this node was told
    ask: Ask
    reads: Offer | None = None

    @property
    def name(self) -> str:
        return f"{self.island}/{WHAT}"


def held_here(known: KnownCollection, island: str, collections: Collections) -> Holder:
    """For a collection of this node's own, which needs no grant."""

    async def ask(request_id: bytes, asked: str) -> Given:
        try:
            found = await trio.to_thread.run_sync(lambda: collections.search(CollectionId(known.id), asked))
        except StateError as error:
            raise BackendError(BackendFailure.REFUSED, "unknown_collection", str(error)) from error
        return known.label, found

    return Holder(island, known.label, ask)


def held_by(
    known: KnownCollection,
    holder: Member,
    asker: Member,
    passages: Callable[[bytes, bytes, str, int], Awaitable[tuple[Sensitivity, tuple[QuotedPassage, ...]]]],
    *,
    fresh: bool,
    alive: bool,
    metered: bool,
) -> Holder:
    """For a collection of a peer's: it reads the question, and no model does. `metered`: this node's own link."""
    tier = effective_tier(
        person=holder.person,
        asker=asker.person,
        ceiling=holder.ceiling,
        asker_ceiling=asker.ceiling,
        origin=Origin.EMBEDDED,
    )
    own = holder.person == asker.person
    reads = Offer(
        island=holder.name,
        island_id=holder.island,
        model=WHAT,
        backend="peer",
        tier=tier,
        own=own,
        origin=Origin.EMBEDDED,
        distance=distance(tier, here=False, own=own),
        context_tokens=TOKENS_MAX,
        tools=True,
        slots=1,
        free=1,
        queue=0,
        ttft_s=0.0,
        prefill_tokens_per_s=inf,
        tokens_per_s=inf,
        input_price=NanoUsd(0),
        output_price=NanoUsd(0),
        member_live=True,
        fresh=fresh,
        alive=alive,
        doubt=0.0,
        jurisdiction=holder.jurisdiction,
        metered=metered,
    )

    async def ask(request_id: bytes, asked: str) -> Given:
        return await passages(request_id, known.id, asked, PASSAGES_DEFAULT)

    return Holder(holder.name, known.label, ask, reads)


def reading(facts: RequestFacts, reads: Offer, policy: Policy, now: Now) -> Decision:
    """Whether the holder may read the question: as sensitive as all of the request, and of no use once sanitised.

    Source: specs/09-decision.md, "Data stays". No model reads it, so lists of models say nothing of it.
    """
    asked = replace(
        facts,
        selector=ModelSelector(Selection.AUTO),
        sensitivity_after=None,
        prompt_tokens=0,
        max_output_tokens=0,
        collection_beside=False,
        collection=None,
        label=None,
        carried=False,
        max_cost=None,
        unpaid_only=False,
        excluded=frozenset(),
    )
    return decide(asked, OfferTable.of([reads]), replace(policy, models_for=()), now)


async def carrying(order: Order, asked: Asked, holder: Holder, best: Offer, request_id: bytes) -> Order:
    """The order with passages in its request, as many as `best` surely has room for, and at their label.

    Raises RefusedError where the holder gives none: it then names the holder, and nobody else was told anything.
    """
    label, passages = holder.label, ()  # type: Sensitivity, Sequence[Quotation]
    words = question(order.request)
    if words:
        try:
            label, passages = await holder.ask(request_id, words)
        except BackendError as error:
            raise _not_given(holder, error) from error
    room = min(best.context_tokens // 2, best.context_tokens - asked.prompt_tokens - asked.output_tokens - ADDED_TOKENS)
    request = augment(order.request, passages, max(0, room))
    if not asked.selector.names_model:
        request = request.with_body(model=Selection.AUTO.value)  # whoever answers is not told what it is called
    at_least = max(order.at_least, holder.label, label)
    return replace(order, request=request, collection=asked.collection_name, at_least=at_least)


def _not_given(holder: Holder, error: BackendError) -> RefusedError:
    tier = "" if holder.reads is None else holder.reads.tier.label
    why = Refusal("dispatch", error.code, f"it gave no passages: {error.failure}")
    return RefusedError(
        "no_eligible_island",
        f"the collection cannot be asked: {holder.island} gave no passages of it ({error.code})",
        reachable=error.failure is BackendFailure.REFUSED,
        offers=(OfferRefusal(holder.name, tier, (why,)),),
    )


def way(asked: Asked, at_holder: Decision, holder: Holder | None, refused: Sequence[OfferRefusal]) -> Mapping[str, Any]:
    """For `explain`: which way a request to a collection goes, and why. `at_holder`: the decision of the first way."""
    told = {"id": None if asked.collection is None else asked.collection.hex()}
    told["label"] = None if asked.label is None else asked.label.label
    if asked.collection is None:
        return {**told, "way": None, "why": ["no such collection is granted to this person"]}
    if at_holder.plan:
        return {
            **told,
            "way": "holder",
            "why": ["an offer on the island that holds it may answer: compute goes to data"],
        }
    rows = [row for row, offer in enumerate(at_holder.table.rows) if asked.collection in offer.collections]
    why = [
        f"{at_holder.table.rows[row].name}: {reason.detail}" for row in rows for reason in at_holder.reasons(row)
    ] or ["the island that holds it offers no model now"]
    why += [f"{one.offer}: {reason.detail}" for one in refused for reason in one.reasons]
    return {**told, "way": None if holder is None else WHAT, "from": holder and holder.name, "why": why}
