"""Every error of the project.

IslandRunError
├── EncodingError        bytes that are not the canonical form
├── RecordError          a record that breaks a rule of specs/02-records.md; names the field
├── PeerError            a peer's fault; carries the reply that it earns
│   ├── SessionError
│   ├── EnvelopeError
│   └── EnrolmentError
├── MisuseError          a machine of ours was driven against its own rules: a bug here, not a peer's fault
├── MembershipError      this archipelago's own log does not allow what was asked of it
├── RequestError         a client's request is malformed; names the field
├── HttpError            the HTTP edge lets it no further; carries the status that it earns
├── PlaceholderError
├── ConfigError          a line of the configuration; names file, line and what would be right
├── StateError           what is on disk cannot be used
├── LinkError            a process of the node went away or spoke nonsense
├── DetectorError        a detector is missing, slow or crashed: what it should have read is restricted
├── DocumentError        a document of a collection cannot be read; says why
├── BackendError         no whole answer came; says how far the request got
├── RefusedError         no offer is feasible, or the money rule forbids to go on
└── CutAnswerError       the answer ended after its first token
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class IslandRunError(Exception):
    """The root of the project's errors."""


class EncodingError(IslandRunError):
    """Bytes that are not the canonical form, or beyond its limits (specs/01-encoding.md)."""


class _FieldError(IslandRunError):
    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class RecordError(_FieldError):
    """A record that breaks a rule; `field` is dotted, such as `statement.signature`."""


class Reply(StrEnum):
    """What a peer's fault earns."""

    DROP = "drop"
    RESET_STREAM = "reset_stream"
    CLOSE = "close"


class PeerError(_FieldError):
    """A peer's fault. Never raised for a mistake of our own."""

    def __init__(self, field: str, problem: str, reply: Reply = Reply.DROP) -> None:
        super().__init__(field, problem)
        self.reply = reply


class SessionError(PeerError):
    """A connection did what its state does not allow."""


class EnvelopeError(PeerError):
    """A sealed stream that was cut, forged, replayed, reordered or over its credit."""


class EnrolmentError(PeerError):
    """A pairing that must not go on."""


class MisuseError(IslandRunError):
    """A machine was driven against its own rules. A bug of ours; the machine is as it was before the call."""


class MembershipError(_FieldError):
    """What was asked is against the rules of this archipelago's log."""


class RequestError(_FieldError):
    """A client's request is malformed; `field` is a path such as `messages[2].content`."""


class HttpError(IslandRunError):
    """A request that the HTTP edge lets no further: bad bytes, a wrong key, a foreign page, a limit."""

    def __init__(self, status: int, code: str, problem: str, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(f"{code}: {problem}")
        self.status = status
        self.code = code
        self.problem = problem
        self.headers = tuple(headers)


class PlaceholderError(IslandRunError):
    """A token that is not of the grammar of placeholders."""


class ConfigError(IslandRunError):
    """`config.toml:12: tier = "persnal": expected personal, edge or cloud`."""

    def __init__(self, problem: str, *, key: str = "") -> None:
        """`key`: dotted, by whoever knows no lines; whoever does names the line."""
        super().__init__(problem)
        self.key = key


class StateError(IslandRunError):
    """What is on disk cannot be used: held by another node, newer than this program, unreadable or corrupt."""


class LinkError(IslandRunError):
    """A process of this node went away or spoke nonsense."""


class DetectorError(IslandRunError):
    """A detector is missing, slow or crashed. What it should have read counts as restricted."""


class DocumentError(IslandRunError):
    """A document of a collection cannot be read. The others can: one bad file stops nothing."""

    def __init__(self, why: str) -> None:
        """`why`: words of ours, never the document's."""
        super().__init__(why)
        self.why = why


class BackendFailure(StrEnum):
    """How far a request got before it failed; the money rule (design, section 2) hangs on it."""

    NOT_CONNECTED = "not_connected"  # nothing was sent
    REFUSED = "refused"  # a definite no: 4xx other than 408
    AMBIGUOUS = "ambiguous"  # it may have run, and may be billed


class BackendError(IslandRunError):
    """No whole answer came from a backend or a peer. `detail` holds no text of prompt or answer."""

    def __init__(self, failure: BackendFailure, code: str, detail: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.failure = failure
        self.code = code
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one agent says no to one offer."""

    agent: str  # privacy | resources | cost | trust | locality | router
    code: str  # stable, e.g. "clearance_below_sensitivity"
    detail: str  # for people; no prompt text


@dataclass(frozen=True, slots=True)
class OfferRefusal:
    """Why one offer was not taken."""

    offer: str  # ISLAND/MODEL
    tier: str
    reasons: tuple[Refusal, ...]


class RefusedError(IslandRunError):
    """No offer may answer. `reachable` is False where nothing could be reached at all (503, else 403)."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        reachable: bool,
        offers: Sequence[OfferRefusal] = (),
        should_retry: bool = True,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reachable = reachable
        self.offers = tuple(offers)
        self.should_retry = should_retry
        self.status = status if status is not None else (403 if reachable else 503)


class CutAnswerError(IslandRunError):
    """The answer ended after its first token; what came is not a whole answer."""

    def __init__(self, code: str, detail: str, *, should_retry: bool = True) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.should_retry = should_retry
