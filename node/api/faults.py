"""What a client is told when there is no answer: status, OpenAI's error object, headers. No internals.

Anthropic's and Ollama's clients get the same in their shapes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from protocol.errors import (
    BackendError,
    BackendFailure,
    ConfigError,
    CutAnswerError,
    EnrolmentError,
    HttpError,
    LinkError,
    MembershipError,
    OfferRefusal,
    RefusedError,
    RequestError,
    StateError,
)
from protocol.strict_json import dump_json

Headers = tuple[tuple[str, str], ...]

NO_RETRY: Headers = (("x-should-retry", "false"),)  # what OpenAI's clients obey


class Dialect(StrEnum):
    """Whose shape errors take on a path."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"


@dataclass(frozen=True, slots=True)
class Fault:
    """One refusal or failure, ready to be told."""

    status: int
    code: str
    message: str
    param: str | None = None
    offers: tuple[OfferRefusal, ...] = ()
    headers: Headers = ()

    def body(self, dialect: Dialect = Dialect.OPENAI) -> bytes:
        if dialect is Dialect.OLLAMA:
            return dump_json(self._flat())
        error: dict[str, Any] = {"message": self.message, "type": _type(self.status, dialect)}
        if dialect is Dialect.OPENAI:
            error |= {"param": self.param, "code": self.code}
        if self.offers:
            error["islandrun"] = [_refusal(offer) for offer in self.offers]
        return dump_json({"error": error} if dialect is Dialect.OPENAI else {"type": "error", "error": error})

    def event(self, dialect: Dialect = Dialect.OPENAI) -> bytes:
        """The same inside a stream of events; what follows it is the end, and never `[DONE]`."""
        if dialect is Dialect.OLLAMA:
            return self.body(dialect) + b"\n"
        name = b"event: error\n" if dialect is Dialect.ANTHROPIC else b""
        return name + b"data: " + self.body(dialect) + b"\n\n"

    def _flat(self) -> dict[str, Any]:
        """Ollama's `error` is the message itself; what else there is to tell stands beside it."""
        offers = {"islandrun": [_refusal(offer) for offer in self.offers]} if self.offers else {}
        return {"error": self.message, "code": self.code, **offers}


INTERNAL = Fault(500, "internal_error", "The node failed on this request; its log says where.")


def fault_of(error: Exception) -> Fault | None:
    """How `error` is told to the client; None for what is no error of the project: a mistake of ours."""
    match error:
        case HttpError():
            return Fault(error.status, error.code, error.problem, headers=error.headers)
        case RequestError():
            return Fault(400, "invalid_request", str(error), param=error.field)
        case RefusedError():
            retry = () if error.should_retry else NO_RETRY
            return Fault(error.status, error.code, str(error), offers=error.offers, headers=retry)
        case CutAnswerError():
            return Fault(502, error.code, str(error), headers=() if error.should_retry else NO_RETRY)
        case BackendError():
            retry = NO_RETRY if error.failure is BackendFailure.AMBIGUOUS else ()
            return Fault(502, error.code, str(error), headers=retry)
        case EnrolmentError() | MembershipError():
            return Fault(409, "not_allowed", str(error), param=error.field)
        case ConfigError():
            return Fault(400, "bad_configuration", str(error))
        case LinkError() | StateError():
            return Fault(503, "node_part_unavailable", str(error))
        case _:
            return None


_TYPES = {
    400: ("invalid_request_error", "invalid_request_error"),
    401: ("authentication_error", "authentication_error"),
    403: ("permission_error", "permission_error"),
    404: ("not_found_error", "not_found_error"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("rate_limit_error", "rate_limit_error"),
}


def _type(status: int, dialect: Dialect) -> str:
    fallback = ("server_error", "api_error") if status >= 500 else ("invalid_request_error", "invalid_request_error")
    openai, anthropic = _TYPES.get(status, fallback)
    return openai if dialect is Dialect.OPENAI else anthropic


def _refusal(offer: OfferRefusal) -> dict[str, Any]:
    reasons = [{"agent": reason.agent, "code": reason.code, "detail": reason.detail} for reason in offer.reasons]
    return {"offer": offer.offer, "tier": offer.tier, "reasons": reasons}


def where(error: BaseException) -> str:
    """Kind and place of an error, without its message: that could hold text of the request."""
    frame = error.__traceback__
    places = []
    while frame is not None:
        code = frame.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    inner = [where(each) for each in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    return f"{type(error).__name__} at {' > '.join(places[-6:])}" + "".join(f" [{each}]" for each in inner)
