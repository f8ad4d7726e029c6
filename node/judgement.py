"""The decision for an order, on what is known now. Sends no text anywhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from node.affinity import NOBODY, Affinity
from node.agents.need import need
from node.agents.policy import PRESETS, Policy
from node.agents.privacy import is_cleared_for_everything
from node.agents.request import ModelSelector, Selection
from node.agents.router import Decision, decide
from node.api.ports import Order
from node.clock import local_minute
from node.detection import Assessed, Detection
from node.directory import KnownCollection
from node.facts import Asked, longest_text_tokens, output_tokens, prompt_tokens
from node.offers import Offers, Survey
from node.passages import Holder, reading
from node.privacy.vault import Vault
from node.shape import shape_of
from protocol.errors import OfferRefusal, RefusedError, RequestError
from protocol.terms import Now, Sensitivity


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with all that it was made from."""

    asked: Asked
    assessed: Assessed
    survey: Survey
    decision: Decision
    holder: Holder | None = None  # who is to give passages before anything is sent; None: nobody has to
    may_not_read: tuple[OfferRefusal, ...] = ()  # the holder, and why it may not be asked for them
    at_holder: Decision | None = None  # where nobody on the holder may answer: that decision


@dataclass(frozen=True, slots=True)
class Tried:
    """What an earlier plan of the same request leaves: offers not to be tried again, and whether money is in doubt."""

    offers: frozenset[str] = frozenset()
    unpaid_only: bool = False
    names: bool = False  # the name models are to read the text in any case


NOTHING_TRIED = Tried()


class Judgement:
    """Judges orders. One a node."""

    def __init__(
        self,
        detection: Detection,
        offers: Offers,
        policy: Callable[[], Policy],
        output_tokens_default: Callable[[], int],
        clock: Callable[[], Now],
        affinity: Affinity | None = None,
    ) -> None:
        """`affinity`: who answered whom; None: no conversation is known again."""
        self.affinity = affinity
        self._detection = detection
        self._offers = offers
        self._policy = policy
        self._output_tokens_default = output_tokens_default
        self._clock = clock

    async def judge(
        self,
        order: Order,
        request_id: bytes,
        tried: Tried = NOTHING_TRIED,
        kept: Vault | None = None,
        carried: bool = False,
    ) -> Judged:
        """The name models run only where their word can change the decision, or where `tried` asks for them.

        `kept`: the vault of the lasting conversation that the order belongs to. `carried`: passages of the collection
        that it names are in its request. Where they are not and no offer on the holder may answer, what is judged is
        the request as it would be with them: `holder` gives them, and then it is judged again.

        Raises RequestError for a header or a model name that cannot be, RefusedError (404) for an unknown model.
        """
        policy = tightened(self._policy(), order.policy)
        survey = await self._offers.survey()
        asked = replace(self._asked(order, request_id, survey, tried), carried=carried)
        judged = await self._judged(asked, survey, policy, tried, kept)
        known = None if asked.collection_name is None else survey.collection(asked.collection_name)
        if judged.decision.plan or carried or known is None or order.embed is not None or tried.offers:
            return judged
        return await self._by_passages(judged, known, policy, tried, kept)

    async def _by_passages(
        self, at_holder: Judged, known: KnownCollection, policy: Policy, tried: Tried, kept: Vault | None
    ) -> Judged:
        """The second way, where the holder may read the question and somebody may take passages at their label."""
        holder = self._offers.holder(known)
        if holder is None:
            return replace(at_holder, at_holder=at_holder.decision)
        asked = replace(at_holder.asked, carried=True)
        judged = await self._judged(asked, at_holder.survey, policy, tried, kept)
        judged = replace(judged, at_holder=at_holder.decision)
        if not judged.decision.plan:
            return judged
        refused = await self._may_not_read(holder, judged, policy, kept)
        if refused:
            return replace(at_holder, at_holder=at_holder.decision, may_not_read=refused)
        return replace(judged, holder=holder)

    async def _may_not_read(
        self, holder: Holder, judged: Judged, policy: Policy, kept: Vault | None
    ) -> tuple[OfferRefusal, ...]:
        """Nothing where the holder may be told the question. The name models read it first, but for who reads all."""
        if holder.reads is None:
            return ()
        assessed = judged.assessed
        for names in (assessed.names_run, True):
            if names and not assessed.names_run:
                assessed = await self._detection.assess(judged.asked.order.request, names=True, kept=kept)
            facts = judged.asked.facts(assessed, names_known=names, excluded=frozenset(), unpaid_only=False)
            decision = reading(facts, holder.reads, policy, self._clock())
            if decision.plan:
                return ()
        return decision.refusals

    async def _judged(self, asked: Asked, survey: Survey, policy: Policy, tried: Tried, kept: Vault | None) -> Judged:
        order = asked.order
        assessed = await self._detection.assess(order.request, names=tried.names, kept=kept)
        after = max((reason.after for reason in assessed.reasons), default=Sensitivity.PUBLIC)  # names can only add
        best_case = assessed if tried.names else replace(assessed, after=after)
        decision = self._decide(asked, best_case, survey, policy, tried, names_known=True)
        if (
            not tried.names
            and decision.plan
            and is_cleared_for_everything(survey.table, decision.plan[0].offer, policy)
        ):
            # A name more can only refuse other offers, and refusing those never changes this choice.
            decision = self._decide(asked, assessed, survey, policy, tried, names_known=False)
        elif decision.plan and not tried.names:
            assessed = await self._detection.assess(order.request, names=True, kept=kept)
            decision = self._decide(asked, assessed, survey, policy, tried, names_known=True)
        return Judged(asked, assessed, survey, decision)

    def _asked(self, order: Order, request_id: bytes, survey: Survey, tried: Tried) -> Asked:
        selector = ModelSelector.parse(order.request.model, survey.islands)
        known = not selector.names_model or survey.knows(selector)
        if not known and not tried.offers and not survey.problem:  # what was tried has gone away, and is not unknown
            raise RefusedError(
                "model_not_found", "no such model here: GET /v1/models lists them", reachable=True, status=404
            )
        name = selector.text if selector.kind is Selection.COLLECTION else order.collection
        found = None if name is None else survey.collection(name)
        now, prompt = self._clock(), prompt_tokens(order.request)
        affinity = self.affinity if order.embed is None else None
        return Asked(
            order=order,
            request_id=request_id,
            selector=selector,
            collection_name=name,
            prompt_tokens=prompt,
            output_tokens=0 if order.embed else output_tokens(order.request, self._output_tokens_default()),
            longest_text_tokens=longest_text_tokens(order.request) if order.embed else 0,
            collection=None if found is None else found.id,
            label=None if found is None else found.label,
            previous=NOBODY if affinity is None else affinity.previous(order, now),
            need=need(shape_of(order.request, prompt)),
            local_minute=local_minute(now),
        )

    def _decide(
        self, asked: Asked, assessed: Assessed, survey: Survey, policy: Policy, tried: Tried, *, names_known: bool
    ) -> Decision:
        facts = asked.facts(assessed, names_known=names_known, excluded=tried.offers, unpaid_only=tried.unpaid_only)
        return decide(facts, survey.table, policy, self._clock())


def tightened(policy: Policy, name: str | None) -> Policy:
    """The owner's policy, and the named one on top. Raises RequestError."""
    if name is None:
        return policy
    if name not in PRESETS:
        raise RequestError("x-islandrun-policy", f"expected one of {', '.join(PRESETS)}")
    return policy.intersect(PRESETS[name])
