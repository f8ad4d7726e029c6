"""Names that their surroundings give away, with no model: after a title, a label, or "my name is"."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_UP = r"[^\W\d_a-zß-öø-ÿ]"
_NAME = rf"(?:{_UP}[^\W\d_]*(?:['’-]{_UP}?[^\W\d_]+){{0,3}}|{_UP}\.)"
_PARTICLE = r"(?:van|von|de|der|den|del|della|da|dos|di|du|la|le|bin|al|el|ter|ten|zu)"
_FULL = rf"{_NAME}(?:[ \t](?:{_PARTICLE}[ \t]){{0,2}}{_NAME}){{0,3}}"
_TITLED = re.compile(
    r"(?<!\w)(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Rev|Herr|Herrn|Frau|Monsieur|Madame|Mme|Mlle|Señora?|Sra?|Don|Doña|"
    rf"Signora?|Sig|Sig\.ra|Dott|Avv|mw|mevr|dhr|Pan|Pani|Senhora?)\.?[ \t](?:(?:Dr|Prof|med)\.[ \t]){{0,3}}(?P<name>(?:(?:{_PARTICLE}|De|Van)[ \t]){{0,2}}{_FULL})"
)
_LABELLED = re.compile(
    r"(?<!\w)(?i:(?:full |first |last |family |maiden |patient'?s? |customer |client |employee |sur)?name|patient|tenant|defendant|plaintiff|"
    r"claimant|applicant|employee|beneficiary|cardholder|account holder|attn|von|kunde|mitarbeiter(?:in)?|patientin|nom|nombre|nome|naam)"
    rf"[\"']?[ \t]?[:=][ \t]?[\"']?(?P<name>{_FULL})"
)
_SAID = re.compile(
    r"(?<!\w)(?:[Mm]y name is|[Nn]ame'?s|I am called|[Ii]ch heiße|[Mm]ein Name ist|[Jj]e m'appelle|[Mm]e llamo|[Mm]i chiamo|[Ii]k heet|"
    rf"[Mm]y (?:wife|husband|son|daughter|mother|father|mom|mum|dad|brother|sister|boss|manager|friend|colleague|partner|boyfriend|girlfriend|neighbou?r|patient|client),?)[ \t](?P<name>{_FULL})"
)
_GREETED = re.compile(
    rf"(?<![^\s\"“«])(?:Dear|Hi|Hello|Hey|Liebe[rs]?|Hallo|Cher|Chère|Bonjour|Querid[oa]|Hola|Car[oa]|Ciao|Beste)[ \t](?P<name>{_FULL})(?=[,!:\n])"
)
# Capitalised words that follow a greeting or a label and are nobody's name.
_NOBODY = words(
    "Sir Madam Team All Everyone Everybody Hiring Manager Customer Committee Friend Friends Reader Students "
    "Colleagues World There Sirs Professor Doctor Support God Diary Santa Kollegen Kollegin Kollege Damen Herren "
    "Unknown None Null True False The This String Editor Admissions Recruiter Landlord Parents Guest Guests Members "
    "User Assistant Name"
)
_TITLES = words(
    "mr mrs ms miss mx dr prof professor sir dame rev herr herrn frau monsieur madame mme mlle señor señora sr sra "
    "don doña signor signora sig dott avv mw mevr dhr pan pani senhor senhora"
)
_LABELS = words(
    "full first last family maiden patient patient's patients customer client employee surname name tenant defendant "
    "plaintiff claimant applicant beneficiary cardholder account attn von kunde mitarbeiter mitarbeiterin patientin "
    "nom nombre nome naam"
)
_SAYING = words("my name name's i ich mein je me mi ik")
_GREETINGS = words(
    "dear hi hello hey liebe lieber liebes hallo cher chère bonjour querida querido hola cara caro ciao beste"
)
_PATTERNS = (
    ("titled", _TITLES, _TITLED, 0.9),
    ("labelled", _LABELS, _LABELLED, 0.85),
    ("said", _SAYING, _SAID, 0.85),
    ("greeted", _GREETINGS, _GREETED, 0.75),
)


def _find(text: Text) -> Iterator[Finding]:
    for how, triggers, pattern, score in _PATTERNS:
        for trigger in text.at_words(triggers):
            match = pattern.match(text.normal, trigger.start)
            if match is None or match.group("name").split()[0] in _NOBODY:
                continue
            if match.group()[: -len(match.group("name"))].lower().startswith("name") and " " not in match.group("name"):
                continue  # things have names too: only a full one is somebody's
            full = how == "titled" or len(match.group("name").split()) > 1
            type_ = FindingType.PERSON if full else FindingType.GIVEN_NAME
            yield Finding(*match.span("name"), type_, score, "people")


# Address cards and calendars (RFC 6350, RFC 5545).
_CARD = re.compile(
    r"^(?:FN(?:;[^:\n]{0,80})?:(?P<full>[^\r\n;]{2,80})|N(?:;[^:\n]{0,80})?:(?P<parts>[^\r\n]{2,120})"
    r"|(?:ATTENDEE|ORGANIZER)[^\r\n]{0,200}?;CN=\"?(?P<called>[^\":;\r\n]{2,60})"
    rf"|SUMMARY(?:;[^:\n]{{0,80}})?:[^\r\n]{{0,80}}?(?<![^\W_])(?:with|mit|avec|con|met|com|z)[ ](?P<met>{_NAME}(?:[ ]{_NAME}){{1,2}}))",
    re.MULTILINE,
)
_CARD_PART = re.compile(r"[^;,\r\n]{2,60}")


def _find_in_cards(text: Text) -> Iterator[Finding]:
    if "begin:v" not in text.lower:
        return
    for match in _CARD.finditer(text.normal):
        spans = [match.span(group) for group in ("full", "called", "met") if match.group(group)]
        if match.group("parts"):
            spans += [part.span() for part in _CARD_PART.finditer(text.normal, *match.span("parts"))]
        for start, end in spans:
            if not text.normal[start:end].isspace():
                yield Finding(start, end, FindingType.PERSON, 0.9, "address_cards")


DETECTORS = (
    Detector("address_cards", frozenset({FindingType.PERSON}), _find_in_cards, (Evidence(holds=("begin:v",)),)),
    Detector(
        "people",
        frozenset({FindingType.PERSON, FindingType.GIVEN_NAME}),
        _find,
        (Evidence(frozenset().union(*(triggers for _, triggers, _, _ in _PATTERNS))),),
    ),
)
