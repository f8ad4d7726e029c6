"""The cost agent: what it would cost at most, against what may be spent. Source: specs/09-decision.md, "Cost"."""

import numpy as np

from node.agents.columns import Floats, Ints, Mask
from node.agents.policy import Policy
from node.agents.request import RequestFacts
from node.agents.table import UNCAPPED, OfferTable
from node.agents.verdict import Code, Objective, Rule, Verdict
from protocol.terms import NANO_USD_PER_USD, TOKENS_PER_PRICE, NanoUsd, Now, cost_nano_usd

AGENT = "cost"
UNKNOWN_PRICE = NanoUsd(
    100 * NANO_USD_PER_USD
)  # per million tokens; dearer than nearly all that is sold, as doubt should be
EXACT_BELOW = 2**63
J_PER_KWH = 3_600_000.0


def judge(facts: RequestFacts, table: OfferTable, policy: Policy, now: Now) -> Verdict:
    """Cost: expected nano-USD. The constraints take the dearest case, in integers."""
    rules, capped = _caps(facts, table, policy)
    if facts.unpaid_only:
        unpaid = ~table.paid
        rules.append(
            Rule(Code.PAID_AFTER_AMBIGUITY, unpaid, lambda row: "a paid attempt may have run: only unpaid may follow")
        )
        capped = None if capped is None else capped & unpaid
    return Verdict.of(AGENT, Objective.COST, rules, _expected(facts, table, policy), capped=capped)


def _expected(facts: RequestFacts, table: OfferTable, policy: Policy) -> Floats:
    written = facts.answers * facts.output_tokens_expected
    expected = price_of(table, facts.prompt_tokens, written).astype(np.float64)
    doubtful = float(cost_nano_usd(facts.prompt_tokens + written, UNKNOWN_PRICE))
    expected = np.where(table.price_known, expected, doubtful)
    if policy.energy_price:
        with np.errstate(invalid="ignore", over="ignore"):
            joules = table.energy_j_per_token * facts.output_tokens_expected
            expected = expected + np.where(table.own, joules * float(policy.energy_price) / J_PER_KWH, 0.0)
    return expected


def _caps(facts: RequestFacts, table: OfferTable, policy: Policy) -> tuple[list[Rule], Mask | None]:
    """The rules, and whom nothing of them refuses but what the owner's caps leave."""
    remaining = UNCAPPED if policy.remaining is None else policy.remaining
    client = UNCAPPED if facts.max_cost is None else facts.max_cost
    owner = np.minimum(table.paid_remaining, remaining)
    limit = np.minimum(owner, client)
    under = limit < UNCAPPED
    if not under.any():
        return [], None
    most, known = price_of(table, facts.prompt_tokens, facts.answers * facts.max_output_tokens), table.price_known

    def over(row: int) -> str:
        return f"up to {int(most[row])} nano-USD, {_whose(table, row, remaining, client)} {int(limit[row])}"

    rules = [
        Rule(Code.PRICE_UNKNOWN, known | ~under, lambda row: "no known price, and a cap is set"),
        Rule(Code.OVER_CAP, ~known | (most <= limit), over),
    ]
    short = known & (most > owner)
    away = [row for row in np.flatnonzero(short).tolist() if table.rows[row].share_away]
    if away:
        in_reach = np.ones(len(table), dtype=np.bool_)
        in_reach[away] = False
        rules.append(Rule(Code.SHARE_OUT_OF_REACH, in_reach, lambda row: "the holder of the cap cannot be reached"))
    return rules, short & (most <= client)


def _whose(table: OfferTable, row: int, remaining: int, client: int) -> str:
    of_provider = int(table.paid_remaining[row])
    if client <= min(of_provider, remaining):
        return "the request allows"
    return "the caps leave" if remaining <= of_provider else f"the caps of {table.rows[row].provider} leave"


def price_of(table: OfferTable, prompt_tokens: int, output_tokens: int) -> Ints:
    """Nano-USD, each part rounded up, exactly `protocol.terms.cost_nano_usd`. 0 where the price is unknown."""
    most = table.price_most
    return _ceiling(table.input_price, prompt_tokens, most) + _ceiling(table.output_price, output_tokens, most)


def _ceiling(prices: Ints, tokens: int, most: int) -> Ints:
    """`most`: no price is higher."""
    if most * tokens < EXACT_BELOW:
        found: Ints = -(prices * -tokens // TOKENS_PER_PRICE)
        return found
    # In two parts, since price times tokens may leave 64 bits and these do not.
    whole, rest = np.divmod(prices, TOKENS_PER_PRICE)
    product: Ints = whole * tokens - (rest * -tokens // TOKENS_PER_PRICE)
    return product
