"""The privacy agent: clearance of the offer against what the text is. Source: specs/09-decision.md, "Privacy"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.standing import NOTHING, standing
from node.agents.table import Offer, OfferTable
from node.agents.verdict import Code, Objective, Rule, Verdict
from protocol.terms import Now, Sensitivity

AGENT = "privacy"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: exposure, the tier's rank times the level of the text as the offer would see it."""
    level, after = facts.level, facts.level_after
    stands = standing(table, policy)
    as_is = stands.as_is >= level
    taken = as_is if after is None else as_is | (stands.sanitised >= after)
    seen = level if after is None else np.where(as_is, int(level), int(after))

    def too_sensitive(row: int) -> str:
        remains = "cannot be sanitised" if after is None else f"{after.label} once sanitised"
        lowered = stands.lowered_by(row)
        return (
            f"the text is {level.label}, {remains}; {table.rows[row].tier.label} takes {_name(stands.as_is[row])} as it"
            f" is and {_name(stands.sanitised[row])} sanitised"
            + (f", by policy.{' and '.join(lowered)}" if lowered else "")
        )

    def unread(row: int) -> str:
        return f"names were not looked for, and {table.rows[row].tier.label} is not cleared for everything"

    rules = [Rule(Code.CLEARANCE_BELOW_SENSITIVITY, taken, too_sensitive)]
    if not facts.names_known:
        rules.append(Rule(Code.NAMES_UNREAD, stands.as_is >= Sensitivity.RESTRICTED, unread))
    return Verdict.of(AGENT, Objective.EXPOSURE, rules, (table.tier * seen).astype(np.float64), sanitize=~as_is)


def is_cleared_for_everything(table: OfferTable, offer: Offer, policy: Policy) -> bool:
    """Whether this offer of the table takes any text as it is: then nobody needs to have read it for names."""
    row = table.index.named(offer.name)
    return row is not None and bool(standing(table, policy).as_is[row] >= Sensitivity.RESTRICTED)


def _name(level: int) -> str:
    return "nothing" if level == NOTHING else f"up to {Sensitivity(int(level)).label}"
