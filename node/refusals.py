"""What a client is told when nobody answers: the reason for each island."""

from node.dispatch import Attempt, Dispatch, Fail
from node.judgement import Judged
from protocol.errors import BackendFailure, OfferRefusal, Refusal, RefusedError

NOT_READ = frozenset({"language_not_covered", "detector_missing", "detector_failed", "detector_slow", "text_too_long"})
OF_THE_REQUEST = frozenset({"invalid_request", "context_overflow", "too_large", "refused"})  # codes of backends
NO_OFFERS = (
    "no model is here and no other island is known. Start a local model server (Ollama, llama.cpp, LM Studio, vLLM), "
    "switch the embedded model on (`[embedded] enabled = true`), name a provider in config.toml, or pair another "
    "device: `islandrun pair`"
)


def nobody_may_answer(judged: Judged) -> RefusedError:
    """No offer is feasible: every one with its reasons."""
    decision = judged.decision
    if not len(decision.table):
        return _refused(judged.survey.problem or NO_OFFERS, reachable=False, offers=())
    refusals = (*judged.may_not_read, *decision.refusals)
    reasons = {reason.code: reason.detail for refusal in refusals for reason in refusal.reasons}
    unread = sorted({reason.detail for reason in judged.assessed.reasons if reason.code in NOT_READ})
    message = f"no island may answer this {decision.sensitivity.label} request: {'; '.join(reasons.values())}"
    return _refused(". ".join([message, *unread]), reachable=decision.reachable, offers=refusals)


def nobody_answered(judged: Judged, plan: Dispatch, fail: Fail) -> RefusedError:
    """Offers were tried, and each failed before its first token."""
    tried = tuple(
        OfferRefusal(one.offer, _tier(judged, one.offer), (Refusal("dispatch", one.code, f"it failed: {one.failure}"),))
        for one in plan.attempts
    )
    if fail.should_retry and all(_is_of_the_request(one) for one in plan.attempts):
        told = ", ".join(f"{one.offer} ({one.code})" for one in plan.attempts)
        problem = f"every island that may answer refused the request as it is: {told}"
        return RefusedError("invalid_request", problem, reachable=True, offers=tried, status=400)
    message = (
        "a paid request may have run and got no whole answer: it is not sent again by itself"
        if not fail.should_retry
        else f"every island that may answer failed: {', '.join(one.offer for one in plan.attempts)}"
    )
    return RefusedError(
        fail.code if not fail.should_retry else "no_eligible_island",
        message,
        reachable=False,
        offers=(*tried, *judged.decision.refusals),
        should_retry=fail.should_retry,
    )


def _is_of_the_request(attempt: Attempt) -> bool:
    """Whether the request itself was refused, so that the same again is refused again."""
    code = attempt.code
    return attempt.failure is BackendFailure.REFUSED and (code in OF_THE_REQUEST or code.startswith("unsupported_"))


def repeated() -> RefusedError:
    """The same paid request runs, or ended in doubt less than a minute ago."""
    return RefusedError(
        "request_repeated",
        "the same request is running on a paid offer, or may have run there within the last minute",
        reachable=True,
        should_retry=False,
        status=409,
    )


def _refused(message: str, *, reachable: bool, offers: tuple[OfferRefusal, ...]) -> RefusedError:
    return RefusedError("no_eligible_island", message, reachable=reachable, offers=offers)


def _tier(judged: Judged, offer: str) -> str:
    return next(one.tier.label for one in judged.decision.table.offers if one.name == offer)
