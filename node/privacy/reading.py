"""One text read: what the rules and the name models found in it, in characters of the original."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from node.privacy.detectors import FINDINGS_MAX, find_by_rules
from node.privacy.findings import Failure, Finding
from node.privacy.languages import language_failure, uncovered
from node.privacy.names import Reading, unite, without_public
from node.privacy.normal_form import NormalForm
from node.privacy.opaque import opaque
from node.privacy.own import Own
from protocol.errors import DetectorError


@dataclass(frozen=True, slots=True)
class Read:
    """What is known of a text. Holds none of it."""

    findings: tuple[Finding, ...]
    language: str | None = None  # one that no installed model covers
    failures: tuple[Failure, ...] = ()

    def judged(self, accepted: Collection[str]) -> tuple[Failure, ...]:
        """The failures, where the owner accepts these languages by name."""
        if self.language is None or self.language in accepted:
            return self.failures
        return (*self.failures, language_failure(self.language))

    def __add__(self, other: "Read") -> "Read":
        return Read(self.findings + other.findings, self.language or other.language, self.failures + other.failures)


def failed(code: str, detail: str) -> Read:
    return Read((), None, (Failure(code, detail),))


def read_by_rules(form: NormalForm) -> Read:
    """Raises DetectorError when a rule crashes or goes over a limit."""
    return Read(
        _in_original(without_public(form.text, find_by_rules(form.text)), form), None, opaque(form.text, form.unread)
    )


def read_by_names(form: NormalForm, reading: Reading) -> Read:
    """Raises DetectorError when the reading cannot be of this text."""
    if any(not 0 <= span.start < span.end <= len(form.text) for span in reading.spans):
        raise DetectorError("the name models answered with spans that are not of the text")
    language = uncovered(form.text, reading.guesses)
    return Read(_in_original(unite(form.text, reading.spans, language=language), form), language)


def read_by_own(form: NormalForm, own: Own) -> Iterator[Read]:
    """In bounded steps, between which a caller may stop. Raises DetectorError over the limit of findings."""
    count = 0
    for found in own.steps(form.text):
        count += len(found)
        if count > FINDINGS_MAX:
            raise DetectorError(f"own terms: more than {FINDINGS_MAX} findings")
        yield Read(_in_original(found, form))


def _in_original(findings: Sequence[Finding], form: NormalForm) -> tuple[Finding, ...]:
    if form.is_original:
        return tuple(findings)
    return tuple(
        Finding(
            *form.original(finding.start, finding.end), finding.type, finding.score, finding.detector, finding.stated
        )
        for finding in findings
    )
