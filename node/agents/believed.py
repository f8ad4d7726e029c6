"""A row of the table from what a member states and what this node measured. The node and the simulator share it."""

from node.agents.estimates import Claim, Estimate
from node.agents.quality import prior
from node.agents.table import Offer
from node.agents.tier import distance, effective_tier
from node.ports import Origin
from protocol.members import Member
from protocol.records import CapabilityStatement, ModelOffer
from protocol.terms import NanoUsd


def claim_of(stated: ModelOffer) -> Claim:
    """What a member says of its model: 0 says nothing."""
    return Claim(ttft_s=stated.ttft_ms / 1_000 or None, tokens_per_s=float(stated.tokens_per_s) or None)


def offer_of_member(
    holder: Member,
    asker: Member,
    statement: CapabilityStatement,
    stated: ModelOffer,
    *,
    free: int,
    queue: int,
    seen: Estimate,
    now_s: float,
    alive: bool,
    metered: bool = False,
    collections: frozenset[bytes] = frozenset(),
) -> Offer:
    """An offer of a live member whose statement is believed now; the caller asks membership and registry for both.

    `seen`: what the asker measured, on the clock of `now_s`; the worse of claim and measurement counts. `metered`: the
    asker's own link.
    """
    own, origin = holder.person == asker.person, Origin(stated.origin.value)
    tier = effective_tier(
        person=holder.person,
        asker=asker.person,
        ceiling=holder.ceiling,
        asker_ceiling=asker.ceiling,
        origin=origin,
    )
    return Offer(
        island=holder.name,
        island_id=holder.island,
        model=stated.model,
        backend="peer",
        tier=tier,
        own=own,
        origin=origin,
        distance=distance(tier, here=False, own=own),
        context_tokens=stated.context_tokens,
        tools=stated.tools,
        slots=stated.slots,
        free=free,
        queue=queue,
        input_price=NanoUsd(0),
        output_price=NanoUsd(0),
        member_live=True,
        fresh=True,
        alive=alive,
        metered=metered,
        jurisdiction=holder.jurisdiction,
        collections=collections,
        quality=prior(stated.model),
        battery=None if statement.battery is None else float(statement.battery),
        **seen.expected(now_s, claim_of(stated))._asdict(),
    )
