"""The tier of an offer for one asker, and how far its data travels. Source: specs/09-decision.md, "The tier"."""

from enum import IntEnum

from node.ports import Origin
from protocol.terms import Tier


class Distance(IntEnum):
    """Where the data goes when an offer is taken; ties go to the least."""

    HERE = 0
    OWN = 1
    EDGE = 2
    CLOUD = 3


def effective_tier(
    *,
    person: str | None,
    asker: str,
    ceiling: Tier,
    origin: Origin,
    configured: Tier | None = None,
    asker_ceiling: Tier = Tier.PERSONAL,
) -> Tier:
    """How far an offer is trusted by `asker`.

    `person` and `ceiling` are the holder's certificate's; `person` is None for a provider, which no certificate names.
    A device that its own certificate keeps at a distance is near to nobody (`asker_ceiling`), as
    `protocol.members.tier_for` has it for the holder.
    `configured` is what this node's configuration says of a `configured` offer: it never brings an offer nearer than
    its holder is. Nothing that an island says of itself is an argument.
    """
    if origin is Origin.REMOTE or person is None:
        return Tier.CLOUD
    base = max(Tier.PERSONAL if person == asker else Tier.EDGE, ceiling, asker_ceiling)
    if origin is Origin.CONFIGURED:
        return max(base, Tier.CLOUD if configured is None else configured)
    return base


def distance(tier: Tier, *, here: bool, own: bool) -> Distance:
    """`here`: this node itself answers; `own`: an island of the asker's person does."""
    if tier is Tier.CLOUD:
        return Distance.CLOUD
    if here:
        return Distance.HERE
    return Distance.OWN if own else Distance.EDGE
