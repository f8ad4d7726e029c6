"""What becomes of each request, written to the ledger when it ends, however it ends. No text of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from node.agents.router import Choice, Decision
from node.api.ports import Order
from node.store import ledger
from node.store.database import Store
from node.store.ledger import Outcome, Receipt
from protocol.answers import Finished
from protocol.errors import CutAnswerError, OfferRefusal, RefusedError, RequestError
from protocol.terms import NanoUsd, Now, Sensitivity, Tier


class OpenReceipt:
    """A receipt that is being filled in while its request runs."""

    def __init__(self, order: Order, request_id: bytes, began: Now) -> None:
        self.order = order
        self.request_id = request_id
        self.began = began
        self.decision: Decision | None = None
        self.choice: Choice | None = None
        self.first_token_ms: int | None = None
        self.finished: Finished | None = None
        self.cost = NanoUsd(0)
        self.ambiguous = False

    def note(self, choice: Choice, first_token_ms: int | None, finished: Finished | None, cost: NanoUsd) -> None:
        """The newest attempt. Its cost comes on top: an ambiguous one before it is booked too."""
        if not self.ambiguous or finished is not None:  # else the paid attempt in doubt stays the one to tell of
            self.choice, self.first_token_ms, self.finished = choice, first_token_ms, finished
        self.cost = NanoUsd(self.cost + cost)

    def close(self, outcome: Outcome, now: Now) -> Receipt:
        decision, choice = self.decision, None if outcome is Outcome.REFUSED else self.choice  # nobody answered
        after = None if decision is None else decision.after
        return Receipt(
            id=self.request_id.hex(),
            at_wall_s=self.began.wall_s,
            key_name=self.order.key_name,
            asker="",
            model_asked=self.order.request.model,
            island="" if choice is None else choice.offer.island,
            offer="" if choice is None else choice.offer.name,
            tier=None if choice is None else Tier(choice.offer.tier),
            sensitivity=Sensitivity.RESTRICTED if decision is None else decision.sensitivity,
            sensitivity_after=Sensitivity.RESTRICTED if after is None else after,
            sanitized=choice is not None and choice.sanitize,
            prompt_tokens=0 if self.finished is None else self.finished.prompt_tokens,
            completion_tokens=0 if self.finished is None else self.finished.completion_tokens,
            ttft_ms=None if self.first_token_ms is None else self.first_token_ms - self.began.mono_ms,
            total_ms=now.mono_ms - self.began.mono_ms,
            cost=self.cost,
            outcome=outcome,
            refusals=self.refusals(),
            plan=() if decision is None else tuple(one.offer.name for one in decision.plan),
        )

    def refusals(self) -> tuple[OfferRefusal, ...]:
        return () if self.decision is None else self.decision.refusals


class Receipts:
    """Opens and closes receipts. One a node."""

    def __init__(self, store: Store, clock: Callable[[], Now]) -> None:
        self._store = store
        self._clock = clock

    @contextmanager
    def opened(self, order: Order, request_id: bytes) -> Iterator[OpenReceipt]:
        """The receipt of one request; the block's end says how the request ended."""
        receipt = OpenReceipt(order, request_id, self._clock())
        outcome = Outcome.CUT
        try:
            yield receipt
            outcome = Outcome.ANSWERED
        except RequestError:
            outcome = Outcome.REFUSED
            raise
        except RefusedError:
            outcome = Outcome.AMBIGUOUS if receipt.ambiguous else Outcome.REFUSED
            raise
        except CutAnswerError:
            outcome = Outcome.AMBIGUOUS if receipt.ambiguous else Outcome.CUT
            raise
        except trio.Cancelled:
            outcome = Outcome.CANCELLED
            raise
        finally:
            closed = receipt.close(outcome, self._clock())
            self._store.write_soon(lambda connection: ledger.append(connection, closed))
