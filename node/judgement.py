"""The decision for an order, on what is known now. Sends no text anywhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from node.agents.policy import PRESETS, Policy
from node.agents.privacy import is_cleared_for_everything
from node.agents.request import ModelSelector, Selection
from node.agents.router import Decision, decide
from node.api.ports import Order
from node.detection import Assessed, Detection
from node.facts import Asked, longest_text_tokens, output_tokens, prompt_tokens
from node.offers import Offers, Survey
from node.privacy.vault import Vault
from protocol.errors import RefusedError, RequestError
from protocol.terms import Now, Sensitivity


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision with all that it was made from."""

    asked: Asked
    assessed: Assessed
    survey: Survey
    decision: Decision


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
    ) -> None:
        self._detection = detection
        self._offers = offers
        self._policy = policy
        self._output_tokens_default = output_tokens_default
        self._clock = clock

    async def judge(
        self, order: Order, request_id: bytes, tried: Tried = NOTHING_TRIED, kept: Vault | None = None
    ) -> Judged:
        """The name models run only where their word can change the decision, or where `tried` asks for them.

        `kept`: the vault of the lasting conversation that the order belongs to.

        Raises RequestError for a header or a model name that cannot be, RefusedError (404) for an unknown model.
        """
        policy = tightened(self._policy(), order.policy)
        survey = await self._offers.survey()
        asked = self._asked(order, request_id, survey, tried)
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
        return Asked(
            order=order,
            request_id=request_id,
            selector=selector,
            collection_name=name,
            prompt_tokens=prompt_tokens(order.request),
            output_tokens=0 if order.embed else output_tokens(order.request, self._output_tokens_default()),
            longest_text_tokens=longest_text_tokens(order.request) if order.embed else 0,
            collection=None if found is None else found.id,
            label=None if found is None else found.label,
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
