"""The cost agent: what it would cost at most, against what may be spent. Source: specs/09-decision.md, "Cost"."""

import numpy as np

from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import Ints, OfferTable
from node.agents.verdict import Objective, Rule, Verdict
from protocol.terms import NANO_USD_PER_USD, TOKENS_PER_PRICE, NanoUsd, Now, cost_nano_usd

AGENT = "cost"
UNKNOWN_PRICE = NanoUsd(
    100 * NANO_USD_PER_USD
)  # per million tokens; dearer than nearly all that is sold, as doubt should be


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: expected nano-USD. The constraints take the dearest case, in integers."""
    most = price_of(table, facts.prompt_tokens, facts.answers * facts.max_output_tokens)
    written = facts.answers * facts.output_tokens_expected
    expected = price_of(table, facts.prompt_tokens, written).astype(np.float64)
    doubtful = cost_nano_usd(facts.prompt_tokens + written, UNKNOWN_PRICE)
    rules = []
    if facts.unpaid_only:
        rules.append(
            Rule("paid_after_ambiguity", ~table.paid, lambda row: "a paid attempt may have run: only unpaid may follow")
        )
    caps = [cap for cap in (policy.remaining, facts.max_cost) if cap is not None]
    if caps:
        cap = min(caps)
        rules += [
            Rule("price_unknown", table.price_known, lambda row: "no known price, and a cap is set"),
            Rule(
                "over_cap",
                ~table.price_known | (most <= cap),
                lambda row: f"up to {int(most[row])} nano-USD, {cap} may be spent",
            ),
        ]
    return Verdict.of(AGENT, Objective.COST, rules, np.where(table.price_known, expected, float(doubtful)))


def price_of(table: OfferTable, prompt_tokens: int, output_tokens: int) -> Ints:
    """Nano-USD, each part rounded up, exactly `protocol.terms.cost_nano_usd`. 0 where the price is unknown."""
    return _ceiling(table.input_price, prompt_tokens) + _ceiling(table.output_price, output_tokens)


def _ceiling(prices: Ints, tokens: int) -> Ints:
    # In two parts, since price times tokens may leave 64 bits and these do not.
    whole, rest = np.divmod(prices, TOKENS_PER_PRICE)
    product: Ints = whole * tokens + -(-(rest * tokens) // TOKENS_PER_PRICE)
    return product
