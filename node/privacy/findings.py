"""What detectors find: typed spans of a text, and what each type means for sensitivity.

Source: specs/00-overview.md, and the design's section on sensitivity.
"""

from dataclasses import dataclass
from enum import StrEnum

from protocol.chat import Path
from protocol.terms import Sensitivity


class FindingType(StrEnum):
    """The kind of a finding. The value is its stable name, in explanations and in the output of `scrub`."""

    PERSON = "PERSON"  # a full name, or a surname with its title
    GIVEN_NAME = "GIVEN_NAME"  # a first name alone
    PEOPLE = "PEOPLE"  # several persons in one: a family, a couple
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    ADDRESS = "ADDRESS"
    BIRTH_DATE = "BIRTH_DATE"
    BIRTH_AGE = "BIRTH_AGE"  # one that says when somebody was born: a child's, or a birthday's
    COORDINATES = "COORDINATES"
    IP = "IP"
    PRIVATE_IP = "PRIVATE_IP"
    MAC = "MAC"
    HANDLE = "HANDLE"
    REFERENCE = "REFERENCE"  # a customer's, a case's or a file's number
    AMOUNT = "AMOUNT"  # somebody's salary, debt or fortune
    CONTRACT = "CONTRACT"  # that and how somebody is bound or dismissed
    CARD = "CARD"
    ACCOUNT = "ACCOUNT"  # IBAN, account, sort code
    WALLET = "WALLET"
    NATIONAL_ID = "NATIONAL_ID"  # also tax numbers, passports, licences
    MEDICAL_ID = "MEDICAL_ID"  # medical record and insurance numbers
    SECRET = "SECRET"
    ORGANISATION = "ORGANISATION"
    PLACE = "PLACE"
    NAME = "NAME"  # of something or somebody, too doubtful to count
    FAMOUS_PERSON = "FAMOUS_PERSON"  # a full name that the world knows: somebody's where anything ties the request
    FAMOUS_NAME = "FAMOUS_NAME"  # the same, of one word
    TIE = "TIE"  # what ties a request to the life of somebody whom the world does not know
    DATE = "DATE"
    AGE = "AGE"
    GROUP = "GROUP"  # nationality, religious or political group
    URL = "URL"
    TERM = "TERM"  # what the owner names his organisation's own
    LITERAL = "LITERAL"  # text of the writer that looks like a placeholder
    HEALTH = "HEALTH"
    BELIEF = "BELIEF"
    SEXUALITY = "SEXUALITY"
    CRIMINAL = "CRIMINAL"
    CHILDHOOD = "CHILDHOOD"
    HEALTH_TOPIC = "HEALTH_TOPIC"
    BELIEF_TOPIC = "BELIEF_TOPIC"
    SEXUALITY_TOPIC = "SEXUALITY_TOPIC"
    CRIMINAL_TOPIC = "CRIMINAL_TOPIC"
    CHILDHOOD_TOPIC = "CHILDHOOD_TOPIC"
    MONEY_TOPIC = "MONEY_TOPIC"
    CONTRACT_TOPIC = "CONTRACT_TOPIC"

    @property
    def trait(self) -> "Trait":
        return TRAITS[self]


class Masking(StrEnum):
    """When the sanitiser takes a finding out."""

    ALWAYS = "always"
    WITH_PERSON = "with_person"  # at `balanced` only where something personal stands in the same request
    STRICT = "strict"  # at `strict` only
    NEVER = "never"  # what it says is the subject of the request: nothing is left of it without


@dataclass(frozen=True, slots=True)
class Trait:
    """What a type adds to a text's sensitivity, as it stands and once sanitised."""

    level: Sensitivity
    after: Sensitivity  # once taken out; where masking is NEVER, once the rest is taken out
    masking: Masking
    token: str  # the type of its placeholder


_PUBLIC, _INTERNAL, _CONFIDENTIAL, _RESTRICTED = Sensitivity


def _identifier(level: Sensitivity, token: str) -> Trait:
    return Trait(level, _INTERNAL, Masking.ALWAYS, token)


_T = FindingType
_SPECIAL = Trait(_RESTRICTED, _RESTRICTED, Masking.NEVER, "")
_TOPIC = Trait(_PUBLIC, _PUBLIC, Masking.NEVER, "")

TRAITS: dict[FindingType, Trait] = {
    _T.PERSON: _identifier(_CONFIDENTIAL, "PERSON"),
    _T.GIVEN_NAME: _identifier(_INTERNAL, "PERSON"),
    _T.PEOPLE: _identifier(_CONFIDENTIAL, "PEOPLE"),
    _T.EMAIL: _identifier(_CONFIDENTIAL, "EMAIL"),
    _T.PHONE: _identifier(_CONFIDENTIAL, "PHONE"),
    _T.ADDRESS: _identifier(_CONFIDENTIAL, "ADDRESS"),
    _T.BIRTH_DATE: _identifier(_CONFIDENTIAL, "DATE"),
    _T.BIRTH_AGE: _identifier(_CONFIDENTIAL, "AGE"),
    _T.COORDINATES: _identifier(_CONFIDENTIAL, "COORDINATES"),
    _T.IP: _identifier(_CONFIDENTIAL, "IP"),
    _T.PRIVATE_IP: _identifier(_INTERNAL, "IP"),
    _T.MAC: _identifier(_CONFIDENTIAL, "MAC"),
    _T.HANDLE: _identifier(_CONFIDENTIAL, "HANDLE"),
    _T.REFERENCE: _identifier(_CONFIDENTIAL, "REFERENCE"),
    _T.AMOUNT: _identifier(_CONFIDENTIAL, "AMOUNT"),
    _T.CONTRACT: Trait(_CONFIDENTIAL, _CONFIDENTIAL, Masking.NEVER, ""),
    _T.CARD: _identifier(_RESTRICTED, "CARD"),
    _T.ACCOUNT: _identifier(_RESTRICTED, "ACCOUNT"),
    _T.WALLET: _identifier(_RESTRICTED, "WALLET"),
    _T.NATIONAL_ID: _identifier(_RESTRICTED, "ID"),
    _T.MEDICAL_ID: _identifier(_RESTRICTED, "ID"),
    _T.SECRET: Trait(_RESTRICTED, _RESTRICTED, Masking.ALWAYS, "SECRET"),
    _T.ORGANISATION: Trait(_PUBLIC, _INTERNAL, Masking.WITH_PERSON, "ORG"),
    _T.PLACE: Trait(_PUBLIC, _INTERNAL, Masking.WITH_PERSON, "PLACE"),
    _T.NAME: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "NAME"),
    _T.FAMOUS_PERSON: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "NAME"),
    _T.FAMOUS_NAME: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "NAME"),
    _T.TIE: _TOPIC,
    _T.DATE: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "DATE"),
    _T.AGE: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "AGE"),
    _T.GROUP: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "GROUP"),
    _T.URL: Trait(_PUBLIC, _PUBLIC, Masking.STRICT, "URL"),
    _T.TERM: _identifier(_INTERNAL, "TERM"),
    _T.LITERAL: Trait(_PUBLIC, _PUBLIC, Masking.ALWAYS, "LITERAL"),
    _T.HEALTH: _SPECIAL,
    _T.BELIEF: _SPECIAL,
    _T.SEXUALITY: _SPECIAL,
    _T.CRIMINAL: _SPECIAL,
    _T.CHILDHOOD: _SPECIAL,
    _T.HEALTH_TOPIC: _TOPIC,
    _T.BELIEF_TOPIC: _TOPIC,
    _T.SEXUALITY_TOPIC: _TOPIC,
    _T.CRIMINAL_TOPIC: _TOPIC,
    _T.CHILDHOOD_TOPIC: _TOPIC,
    _T.MONEY_TOPIC: _TOPIC,
    _T.CONTRACT_TOPIC: _TOPIC,
}
assert TRAITS.keys() == set(FindingType)

OF_SOMEBODY: dict[FindingType, FindingType] = {
    _T.HEALTH_TOPIC: _T.HEALTH,
    _T.BELIEF_TOPIC: _T.BELIEF,
    _T.SEXUALITY_TOPIC: _T.SEXUALITY,
    _T.CRIMINAL_TOPIC: _T.CRIMINAL,
    _T.CHILDHOOD_TOPIC: _T.CHILDHOOD,
    _T.MONEY_TOPIC: _T.AMOUNT,
    _T.CONTRACT_TOPIC: _T.CONTRACT,
}
"""What a subject in general becomes when it is somebody's."""

OF_NOBODY: dict[FindingType, FindingType] = {_T.PERSON: _T.FAMOUS_PERSON, _T.GIVEN_NAME: _T.FAMOUS_NAME}
"""What a name becomes that the world knows, as far as its own text tells; a tie anywhere in the request undoes it."""

SPECIAL = frozenset({_T.HEALTH, _T.BELIEF, _T.SEXUALITY, _T.CRIMINAL, _T.CHILDHOOD})
NAMES = frozenset({_T.PERSON, _T.GIVEN_NAME, _T.PEOPLE})
SUBJECTS = NAMES | {_T.NATIONAL_ID, _T.MEDICAL_ID}
"""What says that somebody in particular is spoken of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One span of a text, in characters of that text. Never holds the text itself."""

    start: int
    end: int
    type: FindingType
    score: float  # 0 to 1
    detector: str
    stated: Sensitivity = Sensitivity.PUBLIC  # the least that its owner says of it

    @property
    def level(self) -> Sensitivity:
        return max(self.type.trait.level, self.stated)

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a finding of {self.start}:{self.end}")


@dataclass(frozen=True, slots=True)
class PartFindings:
    """What was found in one text of a request, and what failed on it."""

    path: Path
    role: str
    findings: tuple[Finding, ...]
    failures: tuple["Failure", ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a text was not wholly read. What was not read is restricted."""

    code: str  # detector_failed | detector_missing | detector_slow | text_too_long | language_not_covered | unreadable
    detail: str  # for people; no text of the request
