"""How private a request is, as it stands and once sanitised, with the reasons. Source: the design's section 2.

The whole request is as private as its most sensitive part. What remains after sanitising is assessed, not assumed:
identifiers taken out lower to internal only what they added; special categories stay what policy says; secrets, parts
that nobody can read and failed detectors stay restricted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.privacy.findings import (
    NAMES,
    OF_NOBODY,
    OF_SOMEBODY,
    SPECIAL,
    SUBJECTS,
    Failure,
    Finding,
    FindingType,
    Masking,
    PartFindings,
)
from node.privacy.policy import SCORE_MIN, PrivacyPolicy, is_masked
from node.privacy.wordlist import words
from protocol.chat import Path
from protocol.terms import Sensitivity

DOUBTFUL = 0.4  # the score of a name that counts for nothing
REASONS_MAX = 200  # the most sensitive ones; a table of thousands of names is one reason a part and type anyway


@dataclass(frozen=True, slots=True)
class SensitivityReason:
    """Why a part has its sensitivity. Holds no text of the request."""

    code: str  # a finding's type in lower case, or a failure's code
    detail: str
    part: str  # such as `messages[0].content`; "" for the whole request
    level: Sensitivity
    after: Sensitivity  # what of it remains once sanitised
    count: int = 1


@dataclass(frozen=True, slots=True)
class Assessed:
    """The assessment of one request.

    Where `names_run` is False only the rules read it: `sensitivity` is then a lower bound, and nothing is known of what
    would remain (`after` is restricted).
    """

    sensitivity: Sensitivity
    after: Sensitivity
    reasons: tuple[SensitivityReason, ...]
    parts: tuple[PartFindings, ...]
    names_run: bool
    personal: bool  # something in it is a person's: what `balanced` keeps otherwise is taken out too
    policy: PrivacyPolicy  # by which it was assessed, and will be sanitised: a newer one may leave more in


def assess(
    parts: Sequence[PartFindings], unreadable: Sequence[str], policy: PrivacyPolicy, *, names_run: bool
) -> Assessed:
    """`unreadable`: where content stands that nobody can read, as `ChatRequest.unreadable` names it."""
    parts = _of_somebody(_of_the_world(parts))
    found = {(finding.type, finding.level) for part in parts for finding in part.findings}
    types = {type_ for type_, _ in found}
    personal = any(type_ in NAMES or level >= Sensitivity.CONFIDENTIAL for type_, level in found)
    named = FindingType.PERSON in types
    reasons = [reason for part in parts for reason in _reasons(part, policy, personal=personal, named=named)]
    reasons += [_failed(Failure("unreadable", "nobody here can read this content"), where) for where in unreadable]
    reasons.sort(key=lambda reason: reason.level, reverse=True)
    return Assessed(
        sensitivity=max((reason.level for reason in reasons), default=Sensitivity.PUBLIC),
        after=max((reason.after for reason in reasons), default=Sensitivity.PUBLIC)
        if names_run
        else Sensitivity.RESTRICTED,
        reasons=tuple(reasons[:REASONS_MAX]),
        parts=parts,
        names_run=names_run,
        personal=personal,
        policy=policy,
    )


def _of_the_world(parts: Sequence[PartFindings]) -> Sequence[PartFindings]:
    """A name that the world knows is public knowledge where nothing in the whole request is anybody's own.

    Else it may be somebody's who only bears it.
    """
    types = {finding.type for part in parts for finding in part.findings}
    if types.isdisjoint(OF_NOBODY.values()):
        return parts
    tied = any(
        type_ is FindingType.TIE or type_ in SUBJECTS or type_.trait.level >= Sensitivity.CONFIDENTIAL
        for type_ in types
    )
    became = {famous: name if tied else FindingType.NAME for name, famous in OF_NOBODY.items()}
    return [
        replace(
            part,
            findings=tuple(
                replace(
                    finding, type=became[finding.type], score=finding.score if tied else min(finding.score, DOUBTFUL)
                )
                if finding.type in became
                else finding
                for finding in part.findings
            ),
        )
        for part in parts
    ]


def _of_somebody(parts: Sequence[PartFindings]) -> tuple[PartFindings, ...]:
    """A subject in general becomes somebody's where anybody is named in the same request."""
    if not any(finding.type in SUBJECTS for part in parts for finding in part.findings):
        return tuple(parts)
    return tuple(
        replace(
            part,
            findings=tuple(
                replace(finding, type=OF_SOMEBODY.get(finding.type, finding.type)) for finding in part.findings
            ),
        )
        for part in parts
    )


def _reasons(part: PartFindings, policy: PrivacyPolicy, *, personal: bool, named: bool) -> list[SensitivityReason]:
    where = dotted(part.path)
    reasons = [_failed(failure, where) for failure in part.failures]
    by_type: dict[FindingType, list[Finding]] = {}
    for finding in part.findings:
        by_type.setdefault(finding.type, []).append(finding)
    for type_, findings in by_type.items():
        levels = {finding: _level(finding, personal=personal, named=named) for finding in findings}
        level = max(levels.values())
        if level is Sensitivity.PUBLIC:
            continue
        after = max(_after(finding, levels[finding], policy, personal=personal) for finding in findings)
        detectors = ", ".join(sorted({finding.detector for finding in findings}))
        reasons.append(SensitivityReason(type_.lower(), f"found by {detectors}", where, level, after, len(findings)))
    return reasons


def _level(finding: Finding, *, personal: bool, named: bool) -> Sensitivity:
    """Organisations and places are public knowledge until somebody stands beside them."""
    if finding.type.trait.masking is Masking.WITH_PERSON and personal and finding.score >= SCORE_MIN:
        return Sensitivity.CONFIDENTIAL if named else Sensitivity.INTERNAL
    return finding.level


def _after(finding: Finding, level: Sensitivity, policy: PrivacyPolicy, *, personal: bool) -> Sensitivity:
    if finding.type in SPECIAL:
        return policy.special_after
    if finding.type.trait.masking is Masking.NEVER:
        return finding.type.trait.after
    return finding.type.trait.after if is_masked(finding, policy.least_level, personal=personal) else level


def _failed(failure: Failure, where: str) -> SensitivityReason:
    return SensitivityReason(failure.code, failure.detail, where, Sensitivity.RESTRICTED, Sensitivity.RESTRICTED)


def dotted(path: Path) -> str:
    """`messages[0].content`. Only members of the API are shown: what somebody named a member of his own is text."""
    shown = ""
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        elif step.isidentifier() and step in _KNOWN_STEPS:
            shown += f".{step}" if shown else step
        else:
            shown += ".…" if shown else "…"
    return shown


_KNOWN_STEPS = words(
    "messages content text refusal name tool_calls function arguments function_call reasoning_content tools functions "
    "parameters description properties response_format json_schema schema metadata user stop prediction file filename "
    "image_url url audio tool_choice logit_bias web_search_options prompt_cache_key safety_identifier enum items "
    "default examples title"
)
