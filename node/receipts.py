"""What becomes of each request, written to the ledger when it ends, however it ends. No text of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from node.agents.router import Choice, Decision
from node.api.ports import Order
from node.bill import Bill
from node.dispatch import Attempt
from node.store import ledger
from node.store.database import Store
from node.store.ledger import Outcome, Receipt, Usage
from protocol.answers import AnswerEvent, Finished
from protocol.errors import BackendError, CutAnswerError, OfferRefusal, Refusal, RefusedError, RequestError
from protocol.keys import IslandId
from protocol.terms import NanoUsd, Now, Sensitivity, Tier

AUTO_AT = "auto@"


class OpenReceipt:
    """A receipt that is being filled in while its request runs."""

    def __init__(self, order: Order, request_id: bytes, began: Now) -> None:
        self.order = order
        self.request_id = request_id
        self.began = began
        self.decision: Decision | None = None
        self.collection: bytes | None = None  # the random id of the one that answers, where it is known
        self.choice: Choice | None = None
        self.first_token_ms: int | None = None
        self.finished: Finished | None = None
        self.cost = NanoUsd(0)
        self.usage = Usage.REPORTED
        self.ambiguous = False
        self.failed: dict[str, OfferRefusal] = {}

    def note(self, choice: Choice, first_token_ms: int | None, finished: Finished | None, bill: Bill | None) -> None:
        """The newest attempt. Its cost comes on top: an ambiguous one before it is booked too."""
        if bill is not None and bill.counted is not None:
            finished = bill.counted
        if not self.ambiguous or finished is not None:  # else the paid attempt in doubt stays the one to tell of
            self.choice, self.first_token_ms, self.finished = choice, first_token_ms, finished
            self.usage = estimated_or_not(finished) if bill is None else bill.usage
        self.cost = NanoUsd(self.cost + (NanoUsd(0) if bill is None else bill.booked))

    def tried(self, choice: Choice, attempts: Sequence[Attempt]) -> None:
        """What came of an attempt at `choice`, if it failed."""
        for one in attempts:
            if one.offer == choice.offer.name:
                why = Refusal("dispatch", one.code, f"it was tried and failed: {one.failure}")
                self.failed[one.offer] = OfferRefusal(one.offer, choice.offer.tier.label, (why,))

    def beside(self, choices: Sequence[Choice]) -> None:
        """Who was asked at the same time as who answers: the text went there too."""
        for choice in choices:
            why = Refusal("dispatch", "hedged", "it was asked beside another, whose first token came before its own")
            self.failed[choice.offer.name] = OfferRefusal(choice.offer.name, choice.offer.tier.label, (why,))

    def close(self, outcome: Outcome, now: Now) -> Receipt:
        decision, choice = self.decision, None if outcome is Outcome.REFUSED else self.choice  # nobody answered
        after = None if decision is None else decision.after
        return Receipt(
            id=self.request_id.hex(),
            at_wall_s=self.began.wall_s,
            key_name=self.order.key_name,
            asker="",
            model_asked=self._model_asked(),
            island="" if choice is None else choice.offer.island,
            offer="" if choice is None else choice.offer.name,
            tier=None if choice is None else Tier(choice.offer.tier),
            sensitivity=Sensitivity.RESTRICTED if decision is None else decision.sensitivity,
            sensitivity_after=Sensitivity.RESTRICTED if after is None else after,
            sanitized=choice is not None and choice.sanitize,
            prompt_tokens=0 if self.finished is None else self.finished.prompt_tokens,
            completion_tokens=0 if self.finished is None else self.finished.completion_tokens,
            cached_tokens=0 if self.finished is None else self.finished.cached_tokens,
            usage=self.usage,
            ttft_ms=None if self.first_token_ms is None else self.first_token_ms - self.began.mono_ms,
            total_ms=now.mono_ms - self.began.mono_ms,
            cost=self.cost,
            outcome=outcome,
            refusals=self.refusals(),
            plan=() if decision is None else tuple(one.offer.name for one in decision.plan),
        )

    def _model_asked(self) -> str:
        """A collection is named by its random id alone."""
        model = self.order.request.model
        if self.order.collection is None and not model.startswith(AUTO_AT):
            return model
        collection = "unknown" if self.collection is None else self.collection.hex()
        return f"{'auto' if model.startswith(AUTO_AT) else model}@{collection}"

    def refusals(self) -> tuple[OfferRefusal, ...]:
        """Who failed, and who might not."""
        refused = () if self.decision is None else self.decision.refusals
        return (*self.failed.values(), *(one for one in refused if one.offer not in self.failed))


class ServedReceipt:
    """What this island did for a peer. How private the text is, who asked has judged: here it is restricted."""

    def __init__(self, receipt_id: str, me: str, asker: IslandId, asked: str, began: Now) -> None:
        """`asked`: the model, or `passages@` with the random id of a collection."""
        self.id = receipt_id
        self.me = me
        self.asker = asker
        self.asked = asked
        self.began = began
        self.first_token_ms: int | None = None
        self.finished: Finished | None = None
        self.refused: BackendError | None = None

    def event(self, event: AnswerEvent, now: Now) -> None:
        """A piece of the answer, on its way out."""
        if self.first_token_ms is None:
            self.first_token_ms = now.mono_ms
        if isinstance(event, Finished):
            self.finished = event

    def close(self, now: Now) -> Receipt:
        finished, error = self.finished, self.refused
        if finished is not None:
            outcome = Outcome.ANSWERED
        elif error is None:
            outcome = Outcome.CANCELLED
        else:
            outcome = Outcome.REFUSED if self.first_token_ms is None else Outcome.CUT
        why = () if error is None else (Refusal("backend", error.code, f"it failed: {error.failure}"),)
        return Receipt(
            id=self.id,
            at_wall_s=self.began.wall_s,
            key_name="",
            asker=self.asker,
            model_asked=self.asked,
            island=self.me,
            offer=f"{self.me}/{self.asked}",
            tier=None,
            sensitivity=Sensitivity.RESTRICTED,
            sensitivity_after=Sensitivity.RESTRICTED,
            sanitized=False,
            prompt_tokens=0 if finished is None else finished.prompt_tokens,
            completion_tokens=0 if finished is None else finished.completion_tokens,
            cached_tokens=0 if finished is None else finished.cached_tokens,
            usage=estimated_or_not(finished),
            ttft_ms=None if self.first_token_ms is None else self.first_token_ms - self.began.mono_ms,
            total_ms=now.mono_ms - self.began.mono_ms,
            cost=NanoUsd(0),
            outcome=outcome,
            refusals=(OfferRefusal(f"{self.me}/{self.asked}", "", why),) if why else (),
        )


def estimated_or_not(finished: Finished | None) -> Usage:
    return Usage.ESTIMATED if finished is not None and finished.estimated else Usage.REPORTED


class Receipts:
    """Opens and closes receipts. One a node."""

    def __init__(self, store: Store, clock: Callable[[], Now]) -> None:
        self._store = store
        self._clock = clock

    @contextmanager
    def served(self, receipt_id: str, me: str, asker: IslandId, asked: str) -> Iterator["ServedReceipt"]:
        """The receipt of a request that this island, called `me`, serves to a peer, as `opened`."""
        receipt = ServedReceipt(receipt_id, me, asker, asked, self._clock())
        try:
            yield receipt
        finally:
            closed = receipt.close(self._clock())
            self._store.write_soon(lambda connection: ledger.append(connection, closed))

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
