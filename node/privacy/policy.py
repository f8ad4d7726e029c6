"""What the owner may say about privacy: how much is masked, accepted languages, how far special matters fall."""

from dataclasses import dataclass
from enum import StrEnum

from node.privacy.findings import Finding, Masking
from protocol.terms import Sensitivity


class Level(StrEnum):
    """How much the sanitiser takes out."""

    BALANCED = "balanced"  # keeps what is public knowledge and tied to nobody's private matter
    STRICT = "strict"  # replaces every name that it finds


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """`languages`: ISO 639-1 codes that the owner accepted by name although no installed name model covers them."""

    languages: frozenset[str] = frozenset()
    level: Level = Level.BALANCED
    special_after: Sensitivity = Sensitivity.RESTRICTED  # what a special category falls to once sanitised

    def __post_init__(self) -> None:
        if self.special_after < Sensitivity.CONFIDENTIAL:
            raise ValueError("special categories fall to confidential at most")


SCORE_MIN = 0.5  # below, a finding is too doubtful for `balanced`


def is_masked(finding: Finding, level: Level, *, personal: bool) -> bool:
    """`personal`: something in the same request is confidential or more."""
    match finding.type.trait.masking:
        case Masking.ALWAYS:
            return True
        case Masking.WITH_PERSON:
            return level is Level.STRICT or (personal and finding.score >= SCORE_MIN)
        case Masking.STRICT:
            return level is Level.STRICT
        case Masking.NEVER:
            return False
