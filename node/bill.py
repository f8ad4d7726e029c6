"""The money of one paid attempt: reserved before it, and then exactly one of settled, released, in doubt."""

from collections.abc import Callable

from node.agents.table import Offer
from node.store.budget import Reservation
from node.store.money import Money
from protocol.answers import Finished
from protocol.terms import NanoUsd, Now, cost_nano_usd


class Bill:
    """Of an attempt whose reservation is on disk. `booked` is what it has come to."""

    def __init__(
        self, money: Money, reservation: Reservation, offer: Offer, prompt_tokens: int, clock: Callable[[], Now]
    ) -> None:
        self._money = money
        self._reservation = reservation
        self._offer = offer
        self._prompt_tokens = prompt_tokens
        self._clock = clock
        self._open = True
        self.booked = NanoUsd(0)

    async def finished(self, finished: Finished) -> None:
        """The whole answer came; the client may hear of its end when this returns."""
        await self._settle(self._cost(finished.prompt_tokens, finished.completion_tokens))

    async def cancelled(self, written_tokens: int) -> None:
        """The client went away: what was read and written until then is booked."""
        if self._open:
            await self._settle(self._cost(self._prompt_tokens, written_tokens))

    async def failed(self, *, ambiguous: bool) -> None:
        """No whole answer came. Nothing happens where one did."""
        if not self._open:
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

    def _cost(self, prompt_tokens: int, completion_tokens: int) -> NanoUsd:
        prompt = cost_nano_usd(prompt_tokens, self._offer.input_price or NanoUsd(0))
        return NanoUsd(prompt + cost_nano_usd(completion_tokens, self._offer.output_price or NanoUsd(0)))
