"""The rules, as small uniform units. `find_by_rules` runs them all: rules always run, on every text."""

from node.privacy.detectors import (
    addresses,
    ages,
    bank,
    cards,
    dates,
    emails,
    fields,
    handles,
    labelled,
    national_ids,
    network,
    people,
    phones,
    secrets,
    special,
    spelled,
)
from node.privacy.detectors.base import Detector, Text
from node.privacy.findings import Finding
from protocol.errors import DetectorError

DETECTORS: tuple[Detector, ...] = (
    *secrets.DETECTORS,
    *cards.DETECTORS,
    *bank.DETECTORS,
    *national_ids.DETECTORS,
    *labelled.DETECTORS,
    *emails.DETECTORS,
    *fields.DETECTORS,
    *handles.DETECTORS,
    *phones.DETECTORS,
    *network.DETECTORS,
    *addresses.DETECTORS,
    *ages.DETECTORS,
    *dates.DETECTORS,
    *people.DETECTORS,
    *special.DETECTORS,
    *spelled.DETECTORS,
)
TEXT_CHARACTERS_MAX = 1 << 20  # of one text; longer ones are not read, and so restricted
FINDINGS_MAX = 50_000  # of one text


def find_by_rules(normal: str, detectors: tuple[Detector, ...] = DETECTORS) -> tuple[Finding, ...]:
    """Everything the rules find in a text in normal form. Raises DetectorError, never skips a rule."""
    text = Text(normal)
    findings: list[Finding] = []
    for detector in detectors:
        try:
            for finding in detector.find(text):
                findings.append(finding)
                if len(findings) > FINDINGS_MAX:
                    raise DetectorError(f"{detector.name}: more than {FINDINGS_MAX} findings")
        except DetectorError:
            raise
        except Exception as error:  # noqa: BLE001 - a rule that crashes must not pass for one that found nothing
            raise DetectorError(f"{detector.name}: {type(error).__name__}") from None
    return tuple(findings)
