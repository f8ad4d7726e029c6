"""The privacy agent: clearance of the tier against what the text is. Source: specs/09-decision.md, "Privacy"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import OfferTable
from node.agents.verdict import Objective, Rule, Verdict
from protocol.terms import Now, Sensitivity, Tier

AGENT = "privacy"


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: exposure, the tier's rank times the level of the text as the offer would see it."""
    level, after = facts.level, facts.level_after
    as_is = np.array([_takes(row.as_is, level) for row in policy.clearance])
    cleaned = np.array([_takes(row.sanitised, after) for row in policy.clearance])
    for_all = np.array([_takes(row.as_is, Sensitivity.RESTRICTED) for row in policy.clearance])
    sanitize = ~as_is[table.tier]
    seen = np.where(sanitize, level if after is None else after, level)

    def too_sensitive(row: int) -> str:
        tier = Tier(int(table.tier[row]))
        takes = policy.clearance[tier]
        remains = "cannot be sanitised" if after is None else f"{after.label} once sanitised"
        return (
            f"the text is {level.label}, {remains}; {tier.label} takes {_name(takes.as_is)} as it is"
            f" and {_name(takes.sanitised)} sanitised"
        )

    def unread(row: int) -> str:
        return f"names were not looked for, and {Tier(int(table.tier[row])).label} is not cleared for everything"

    rules = [Rule("clearance_below_sensitivity", (as_is | cleaned)[table.tier], too_sensitive)]
    if not facts.names_known:
        rules.append(Rule("names_unread", for_all[table.tier], unread))
    return Verdict.of(AGENT, Objective.EXPOSURE, rules, (table.tier * seen).astype(np.float64), sanitize)


def _takes(most: Sensitivity | None, level: Sensitivity | None) -> bool:
    return most is not None and level is not None and level <= most


def _name(level: Sensitivity | None) -> str:
    return "nothing" if level is None else f"up to {level.label}"
