"""What the agents are told of an order: facts and no text. Pure."""

from dataclasses import dataclass

import numpy as np

from node.affinity import NOBODY, Previous
from node.agents.request import OUTPUT_TOKENS_EXPECTED, ModelSelector, RequestFacts
from node.agents.router import Choice, Decision
from node.agents.table import Offer
from node.api.ports import Order
from node.detection import Assessed
from node.lengths import TOKENS_PER_MESSAGE
from node.lengths import about_tokens as about_tokens
from node.lengths import prompt_tokens as prompt_tokens
from protocol.chat import ChatRequest
from protocol.terms import NanoUsd, Sensitivity, Tier, cost_nano_usd

OUTPUT_TOKENS_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What stays the same of an order, however often it is judged."""

    order: Order
    request_id: bytes
    selector: ModelSelector
    collection_name: str | None  # as the client calls it; None: none is named
    prompt_tokens: int
    output_tokens: int
    longest_text_tokens: int
    collection: bytes | None  # the id of the one that is named, where it is known
    label: Sensitivity | None
    carried: bool = False  # passages of it are in the order's request
    previous: Previous = NOBODY
    need: float = 1.0
    local_minute: int | None = None  # of the owner's week

    @property
    def at_least(self) -> Sensitivity:
        """What the text is for where it came from, whatever is found in it. An unknown label is the highest."""
        if self.collection_name is None:
            return self.order.at_least
        return max(self.order.at_least, Sensitivity.RESTRICTED if self.label is None else self.label)

    @property
    def output_tokens_expected(self) -> int:
        return min(self.output_tokens, OUTPUT_TOKENS_EXPECTED)

    def unread_tokens(self, offer: Offer) -> int:
        """Of the prompt, what that offer has to read."""
        read = self.previous.tokens if self.previous.answers(offer) else 0
        return self.prompt_tokens - min(read, self.prompt_tokens)

    def facts(
        self, assessed: Assessed, *, names_known: bool, excluded: frozenset[str], unpaid_only: bool
    ) -> RequestFacts:
        """`names_known`: the assessment may be relied on for offers that are not cleared for everything."""
        order = self.order
        return RequestFacts(
            sensitivity=max(assessed.sensitivity, order.at_least),
            sensitivity_after=max(assessed.after, order.at_least),
            selector=self.selector,
            prompt_tokens=self.prompt_tokens,
            max_output_tokens=self.output_tokens,
            answers=order.request.choices,
            names_known=names_known,
            collection_beside=self.collection_name is not None,
            collection=self.collection,
            label=self.label,
            carried=self.carried,
            needs_tools=order.request.has_tools,
            max_tier=Tier.CLOUD if order.max_tier is None else order.max_tier,
            max_cost=order.max_cost,
            unpaid_only=unpaid_only,
            excluded=excluded,
            seed=self.request_id,
            previous_island=self.previous.island,
            previous_model=self.previous.model,
            previous_tokens=self.previous.tokens,
            need=self.need,
            local_minute=self.local_minute,
            embeds=order.embed is not None,
            longest_input_tokens=self.longest_text_tokens,
        )


def longest_text_tokens(request: ChatRequest) -> int:
    """Of its texts, each by itself; rather too many."""
    return max((about_tokens(part.text) for part in request.texts()), default=0) + TOKENS_PER_MESSAGE


def wants_json(request: ChatRequest) -> bool:
    """Whether the answer is to be one JSON value (`response_format`)."""
    wanted = request.body.get("response_format") or {}
    return wanted.get("type") in ("json_object", "json_schema")


def output_tokens(request: ChatRequest, default: int) -> int:
    """The bound of each answer: no request is sent without one."""
    asked = request.max_output_tokens if request.max_output_tokens is not None else default
    return max(1, min(asked, OUTPUT_TOKENS_MAX))


def prompt_tokens_sent(asked: Asked, sent: ChatRequest) -> int:
    """As for the request that was judged, or more: tokens may be longer than their values, and a legend is added."""
    return asked.prompt_tokens if sent is asked.order.request else max(asked.prompt_tokens, prompt_tokens(sent))


def lacking(asked: Asked, decision: Decision) -> dict[str, NanoUsd]:
    """What the caps and leases would have to leave, by provider, for the cheapest offer that they alone refuse."""
    if all(verdict.capped is None for verdict in decision.verdicts):
        return {}
    rows = np.ones(len(decision.table), dtype=np.bool_)
    for verdict in decision.verdicts:
        rows &= verdict.feasible if verdict.capped is None else verdict.capped
    needs: dict[str, NanoUsd] = {}
    for row in np.flatnonzero(rows).tolist():
        offer = decision.table.rows[row]
        if offer.name not in decision.excluded:
            # Placeholders are longer than what they stand for, mostly: the half of the prompt again.
            need = worst_cost(asked, Choice(offer, sanitize=False), asked.prompt_tokens * 3 // 2)
            needs[offer.provider] = min(need, needs.get(offer.provider, need))
    return needs


def worst_cost(asked: Asked, choice: Choice, prompt: int) -> NanoUsd:
    """What is reserved before a paid dispatch of so many tokens; 0 where the price is unknown, which no cap lets
    through."""
    offer = choice.offer
    answers = asked.output_tokens * asked.order.request.choices
    input_cost = cost_nano_usd(prompt, offer.input_price or NanoUsd(0))
    return NanoUsd(input_cost + cost_nano_usd(answers, offer.output_price or NanoUsd(0)))
