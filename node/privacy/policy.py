"""What the owner may say about privacy: how much is masked, accepted languages, how far special matters fall."""

from dataclasses import dataclass
from enum import StrEnum

from node.privacy.findings import Finding, Masking
from node.privacy.own import NOTHING_OWN, Own
from protocol.terms import Sensitivity, Tier


class Level(StrEnum):
    """How much the sanitiser takes out."""

    BALANCED = "balanced"  # keeps what is public knowledge and tied to nobody's private matter
    STRICT = "strict"  # replaces every name that it finds


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """`languages`: ISO 639-1 codes that the owner accepted by name although no installed name model covers them.

    Into a tool's arguments come back: nothing where it is one of `remote_tools`; URLs too where it is one of
    `local_tools`; all but secrets and URLs otherwise.
    """

    languages: frozenset[str] = frozenset()
    level: Level = Level.BALANCED
    special_after: Sensitivity = Sensitivity.RESTRICTED  # what a special category falls to once sanitised
    levels: tuple[tuple[Tier, Level], ...] = ()  # where a tier's is another than `level`
    own: Own = NOTHING_OWN
    remote_tools: frozenset[str] = frozenset()
    local_tools: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.special_after < Sensitivity.CONFIDENTIAL:
            raise ValueError("special categories fall to confidential at most")

    def level_for(self, tier: Tier) -> Level:
        return dict(self.levels).get(tier, self.level)

    @property
    def least_level(self) -> Level:
        """What is masked for every tier: what remains for the worst of them."""
        every = {self.level_for(tier) for tier in Tier}
        return Level.BALANCED if Level.BALANCED in every else Level.STRICT


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
