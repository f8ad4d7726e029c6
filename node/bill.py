"""The money of one paid attempt: reserved before it, and then exactly one of settled, released, in doubt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from node.agents.table import Offer
from node.store.budget import Reservation
from node.store.ledger import Usage
from node.store.money import Money
from protocol.answers import Finished
from protocol.chat import ChatRequest
from protocol.terms import NanoUsd, Now, cost_nano_usd

ADDED_TOKENS_MAX = 4_096  # what providers put around a prompt by themselves: templates, how to call tools


@dataclass(frozen=True, slots=True)
class Possible:
    """The most tokens that a request can have cost, whatever the provider says."""

    prompt: int
    completion: int

    @classmethod
    def of(cls, sent: ChatRequest, offer: Offer, output_tokens: int) -> Self:
        """A token has at least one byte. An answer ends at its limit; where that was ignored, with the context."""
        longest = max(output_tokens, offer.context_tokens)
        return cls(len(sent.to_json()) + ADDED_TOKENS_MAX, longest * sent.choices)

    def bound(self, finished: Finished) -> Finished:
        prompt = min(finished.prompt_tokens, self.prompt)
        return replace(
            finished,
            prompt_tokens=prompt,
            completion_tokens=min(finished.completion_tokens, self.completion),
            cached_tokens=min(finished.cached_tokens, prompt),
        )


class Bill:
    """Of an attempt whose reservation is on disk. `booked` is what it has come to, `counted` for which tokens."""

    def __init__(
        self,
        money: Money,
        reservation: Reservation,
        offer: Offer,
        prompt_tokens: int,
        possible: Possible,
        clock: Callable[[], Now],
    ) -> None:
        self._money = money
        self._reservation = reservation
        self._offer = offer
        self._prompt_tokens = prompt_tokens
        self._possible = possible
        self._clock = clock
        self._open = True
        self.booked = NanoUsd(0)
        self.counted: Finished | None = None
        self.usage = Usage.REPORTED

    async def finished(self, finished: Finished) -> None:
        """The whole answer came; the client may hear of its end when this returns."""
        self.counted = self._possible.bound(finished)
        if self.counted != finished:
            self.usage = Usage.BOUNDED
        elif finished.estimated:
            self.usage = Usage.ESTIMATED
        await self._settle(cost_of(self._offer, self.counted))

    async def cancelled(self, written_tokens: int) -> None:
        """The client went away: what was read and written until then is booked."""
        if self._open:
            self.usage = Usage.ESTIMATED
            await self._settle(cost_of(self._offer, Finished("", self._prompt_tokens, written_tokens)))
        self._money.told(self._reservation)

    async def failed(self, *, ambiguous: bool) -> None:
        """No whole answer came. Where one did, its end has been told by now."""
        if not self._open:
            self._money.told(self._reservation)
            return
        self._open = False
        if ambiguous:
            self.booked = self._reservation.amount
            await self._money.doubt(self._reservation, self._clock())
        else:
            await self._money.release(self._reservation, self._clock())

    async def _settle(self, amount: NanoUsd) -> None:
        self._open = False
        self.booked = amount
        await self._money.settle(self._reservation, amount, self._clock())


def cost_of(offer: Offer, counted: Finished) -> NanoUsd:
    """Each part rounded up. Prompt tokens from the provider's cache have their own price where its table has one."""
    input_price, output_price = offer.input_price or NanoUsd(0), offer.output_price or NanoUsd(0)
    cached_price = input_price if offer.cached_input_price is None else offer.cached_input_price
    prompt = cost_nano_usd(counted.prompt_tokens - counted.cached_tokens, input_price)
    cached = cost_nano_usd(counted.cached_tokens, cached_price)
    return NanoUsd(prompt + cached + cost_nano_usd(counted.completion_tokens, output_price))
