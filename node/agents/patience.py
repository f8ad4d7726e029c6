"""How long an unpaid offer may be silent before another is asked beside it. Source: specs/09-decision.md, "Hedging"."""

from math import ceil, isfinite

from node.agents.table import Offer

PATIENCE_S_MIN = 2.0  # below it, what a network or a busy slot does by chance would be taken for slowness
PATIENCE_S_MAX = 60.0  # the first token's own deadline comes then
TIMES_EXPECTED = 2.0


def patience_ms(offer: Offer, prompt_tokens: int, output_tokens: int) -> int | None:
    """Twice the seconds to the first token at the bad end of the doubt. None: nobody is asked beside it.

    `prompt_tokens`: those it has to read; `output_tokens`: those expected of an answer, for which others wait.
    """
    try:
        reading_s = offer.ttft_s + prompt_tokens / offer.prefill_tokens_per_s
        whole_s = reading_s + output_tokens / offer.tokens_per_s
    except ZeroDivisionError:
        return None
    waiting = 0.0 if offer.free > 0 else (offer.queue + 1) / max(offer.slots, 1)
    expected_s = (reading_s + whole_s * waiting) * (1.0 + (1.0 if offer.probation else offer.doubt))
    if not isfinite(expected_s) or expected_s < 0 or TIMES_EXPECTED * expected_s >= PATIENCE_S_MAX:
        return None
    return ceil(max(PATIENCE_S_MIN, TIMES_EXPECTED * expected_s) * 1_000)
