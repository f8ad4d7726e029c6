"""One request, from assessment to restored answer: the whole way, left to right, never back.

    api -> Order -> privacy.assess -> agents judge -> router.decide -> sanitize -> seal -> island -> open -> backend
        -> seal -> open -> restore -> api -> ledger

Assessing and deciding are in node/judgement.py, sealing and opening in node/backends/peer.py, what follows a failure in
node/dispatch.py, and the restored answer's way back in node/attempt.py. This file joins them, and keeps the money rule.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from node.affinity import HearingSink
from node.agents.patience import patience_ms
from node.agents.router import Choice
from node.agents.table import Offer
from node.api.ports import Order, Route, Sink
from node.attempt import Attempt, Tell
from node.bill import Bill, Possible
from node.detection import Detection
from node.dispatch import Action, Cut, Dispatch, Fail, Failed, Try
from node.facts import lacking, prompt_tokens_sent, wants_json, worst_cost
from node.judgement import NOTHING_TRIED, Judged, Judgement, Tried
from node.lasting import Lasting, LastingVaults
from node.passages import Holder, carrying
from node.ports import Call
from node.privacy.answer import AnswerRestorer
from node.privacy.restorer import Mode
from node.race import Race
from node.receipts import OpenReceipt, Receipts
from node.refusals import nobody_answered, nobody_may_answer, repeated
from node.store.budget import Caps, OverCap, PaidBefore
from node.store.files import Entropy
from node.store.money import Money, Repeated
from protocol.answers import Finished
from protocol.chat import ChatRequest
from protocol.errors import BackendFailure, CutAnswerError, StateError
from protocol.terms import NanoUsd, Now

REQUEST_ID_BYTES = 16
Supply = Callable[[Mapping[str, NanoUsd]], Awaitable[bool]]
"""Amounts by provider; whether any of them can be paid now."""


class Payload(NamedTuple):
    """What one offer is sent, and what brings its answer back."""

    request: ChatRequest
    restorer: AnswerRestorer | None


class Pipeline:
    """Runs orders (`node.api.ports.Execution`). One a node; keeps nothing of a request but a lasting vault."""

    def __init__(
        self,
        judgement: Judgement,
        detection: Detection,
        money: Money,
        caps: Callable[[], Caps],
        receipts: Receipts,
        clock: Callable[[], Now],
        entropy: Entropy,
        lasting: LastingVaults,
        supply: Supply | None = None,
    ) -> None:
        """`supply`: gets more of the owner's cap for what it is told is needed; None: what is here is all."""
        self.supply = supply
        self.judgement = judgement
        self.detection = detection
        self.money = money
        self.caps = caps
        self.clock = clock
        self.lasting = lasting
        self._receipts = receipts
        self.entropy = entropy

    async def run(self, order: Order, sink: Sink) -> None:
        """Whatever comes of it, a receipt says so."""
        request_id = self.entropy(REQUEST_ID_BYTES)
        sink.decided(request_id.hex())
        marks = self.money.marks(order.key_name, order.idempotency_key, order.content)
        with self._receipts.opened(order, request_id) as receipt:
            if self.money.repeated(marks, request_id, self.clock()):
                raise repeated()
            lasting = self.lasting.of(order, request_id)
            affinity = self.judgement.affinity
            hearing = None if affinity is None or order.embed is not None else affinity.hear(order)
            heard = sink if hearing is None else HearingSink(sink, hearing)
            offer = await _Run(self, order, request_id, marks, heard, receipt, lasting).to_its_end()
            if affinity is not None and hearing is not None:
                affinity.remember(order, request_id, hearing, offer, self.clock())


class _Run:
    """One request's way."""

    def __init__(
        self,
        pipeline: Pipeline,
        order: Order,
        request_id: bytes,
        marks: tuple[bytes, ...],
        sink: Sink,
        receipt: OpenReceipt,
        lasting: Lasting,
    ) -> None:
        self._pipeline = pipeline
        self._order = order
        self._request_id = request_id
        self._marks = marks
        self._sink = sink
        self._receipt = receipt
        self._lasting = lasting
        self._carried = False  # whether passages of a collection are in the order's request

    async def to_its_end(self) -> Offer:
        """Raises RequestError, RefusedError or CutAnswerError; returns who answered when the client has it all."""
        judged = await self._judge(NOTHING_TRIED)
        if judged.decision.plan and judged.holder is not None:
            judged = await self._carrying(judged, judged.holder)
        if not judged.decision.plan:
            raise nobody_may_answer(judged)
        plan, action = await self._down(judged, NOTHING_TRIED)
        if isinstance(action, Fail) and not judged.assessed.names_run:
            # Only what is cleared for everything was tried. Others may follow, once the name models have read the text.
            tried = Tried(frozenset(one.offer for one in plan.attempts), plan.ambiguous, names=True)
            again = await self._judge(tried)
            if again.decision.plan:
                judged = again
                plan, action = await self._down(judged, tried)
        match action:
            case Cut(code, should_retry):
                raise CutAnswerError(code, "the answer ended before it was whole", should_retry=should_retry)
            case Fail():
                raise nobody_answered(judged, plan, action)
        assert plan.current is not None
        return plan.current.offer

    async def _carrying(self, judged: Judged, holder: Holder) -> Judged:
        """Judged anew, with passages of the collection in the request and at their label."""
        best = judged.decision.plan[0].offer
        fresh = self._pipeline.entropy(REQUEST_ID_BYTES)
        self._order = await carrying(self._order, judged.asked, holder, best, fresh)
        self._carried = True
        return await self._judge(NOTHING_TRIED)

    async def _judge(self, tried: Tried) -> Judged:
        pipeline, asked = self._pipeline, (self._order, self._request_id, tried, self._lasting.vault, self._carried)
        judged = await pipeline.judgement.judge(*asked)
        needs = {} if pipeline.supply is None else lacking(judged.asked, judged.decision)
        if needs and pipeline.supply is not None and await pipeline.supply(needs):
            judged = await pipeline.judgement.judge(*asked)
        self._receipt.decision, self._receipt.collection = judged.decision, judged.asked.collection
        return judged

    async def _down(self, judged: Judged, tried: Tried) -> tuple[Dispatch, Action]:
        """Down the plan, until an offer answered or none may follow."""
        clock, asked = self._pipeline.clock, judged.asked

        def patience(offer: Offer) -> int | None:
            return patience_ms(offer, asked.unread_tokens(offer), asked.output_tokens_expected)

        plan = Dispatch(judged.decision.plan, unpaid_only=tried.unpaid_only, patience=patience)

        async def attempt(tried: Try, tell: Tell) -> Action:
            action = await self._attempt(judged, plan, tried.choice, tell)
            self._receipt.ambiguous = plan.ambiguous
            self._receipt.tried(tried.choice, plan.attempts)
            return action

        try:
            return plan, await Race(plan, attempt, clock).to_its_end(plan.start(clock()))
        finally:
            self._receipt.beside(plan.asked_beside)

    async def _attempt(self, judged: Judged, plan: Dispatch, choice: Choice, tell: Tell) -> Action:
        """One offer. A paid one is reserved on disk before anything is sent, and booked before its end is told."""
        money, clock = self._pipeline.money, self._pipeline.clock
        payload = self._payload(judged, choice)
        prompt = prompt_tokens_sent(judged.asked, payload.request)
        bill: Bill | None = None
        if choice.offer.paid:
            amount = worst_cost(judged.asked, choice, prompt)
            if self._order.max_cost is not None and amount > self._order.max_cost:
                return tell(Failed(BackendFailure.REFUSED, "not_reserved"))  # tokens made it longer
            try:
                reserved = await money.reserve(
                    self._request_id, choice.offer.name, amount, self._pipeline.caps(), self._marks, clock()
                )
            except StateError:
                return tell(Failed(BackendFailure.REFUSED, "not_reserved"))
            match reserved:
                case Repeated():
                    raise repeated()
                case OverCap() | PaidBefore():
                    return tell(Failed(BackendFailure.REFUSED, "not_reserved"))
            possible = Possible.of(payload.request, choice.offer, judged.asked.output_tokens)
            bill = Bill(money, reserved, choice.offer, prompt, possible, clock)
        attempt = self._prepared(judged, tell, choice, payload, bill)
        try:
            action = tell(await attempt.run())
            if bill is not None:
                await bill.failed(ambiguous=plan.ambiguous)
            return action
        except BaseException:
            if bill is not None:
                await bill.cancelled(attempt.tokens)
            raise
        finally:
            if choice not in plan.asked_beside:
                self._receipt.note(choice, attempt.first_token_ms, attempt.finished, bill)

    def _payload(self, judged: Judged, choice: Choice) -> Payload:
        """The text as this offer may see it."""
        if not choice.sanitize:
            return Payload(self._order.request, None)
        assessed = judged.assessed
        sanitized = self._pipeline.detection.sanitize(
            self._order.request, assessed, choice.offer.tier, self._lasting.vault
        )
        mode = Mode.JSON if wants_json(self._order.request) else Mode.TEXT
        return Payload(sanitized.request, AnswerRestorer(sanitized.vault, mode, assessed.policy))

    def _prepared(self, judged: Judged, tell: Tell, choice: Choice, payload: Payload, bill: Bill | None) -> Attempt:
        asked, offer = judged.asked, choice.offer
        route = Route(
            decision_id=self._request_id.hex(),
            island=offer.island,
            tier=offer.tier,
            sanitized=choice.sanitize,
            sensitivity=judged.decision.sensitivity,
            model=offer.model,
            cost_nano_usd=worst_cost(asked, choice, prompt_tokens_sent(asked, payload.request)) if offer.paid else 0,
            at_least=asked.at_least,
        )

        async def before_end(finished: Finished) -> None:
            """The client hears of the end only when what was paid is booked and what is to last is kept."""
            if bill is not None:
                await bill.finished(finished)
            await self._lasting.keep()

        return Attempt(
            tell=tell,
            backend=judged.survey.backend(offer.name),
            call=Call(
                self._request_id,
                offer.model,
                payload.request,
                asked.output_tokens,
                None if asked.carried else asked.collection,
                self._order.embed,
            ),
            restorer=payload.restorer,
            route=route,
            sink=self._sink,
            clock=self._pipeline.clock,
            before_end=before_end,
        )
