"""A row of the table from what a member states and what this node measured. The node and the simulator share it."""

from math import inf

from node.agents.table import Offer
from node.agents.tier import distance, effective_tier
from node.ports import Origin
from protocol.members import Member
from protocol.records import CapabilityStatement, ModelOffer
from protocol.terms import NanoUsd

TOKENS_PER_S_MIN = 0.1  # what a statement that claims no speed is taken at


def offer_of_member(
    holder: Member,
    asker: Member,
    statement: CapabilityStatement,
    stated: ModelOffer,
    *,
    free: int,
    queue: int,
    measured: tuple[float, float] | None,
    alive: bool,
    collections: frozenset[bytes] = frozenset(),
) -> Offer:
    """An offer of a live member whose statement is believed now; the caller asks membership and registry for both.

    `measured`: seconds to the first token and tokens a second, as seen from here; the worse of claim
    and measurement counts.
    """
    own, origin = holder.person == asker.person, Origin(stated.origin.value)
    tier = effective_tier(
        person=holder.person,
        asker=asker.person,
        ceiling=holder.ceiling,
        asker_ceiling=asker.ceiling,
        origin=origin,
    )
    ttft_s, tokens_per_s = stated.ttft_ms / 1_000, max(float(stated.tokens_per_s), TOKENS_PER_S_MIN)
    if measured is not None:
        ttft_s, tokens_per_s = max(ttft_s, measured[0]), min(tokens_per_s, measured[1])
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
        ttft_s=ttft_s,
        prefill_tokens_per_s=inf,  # the first token's time has it in it
        tokens_per_s=tokens_per_s,
        input_price=NanoUsd(0),
        output_price=NanoUsd(0),
        member_live=True,
        fresh=True,
        alive=alive,
        jurisdiction=holder.jurisdiction,
        collections=collections,
        battery=None if statement.battery is None else float(statement.battery),
    )
