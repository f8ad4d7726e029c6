"""The rules, as small uniform units. `find_by_rules` runs, on every text, all that have a chance on it."""

from itertools import islice

from node.privacy.detectors import (
    access_codes,
    addresses,
    ages,
    bank,
    cards,
    code_lists,
    credentials,
    dates,
    dates_in_words,
    emails,
    fields,
    file_names,
    handles,
    labelled,
    logins,
    national_ids,
    network,
    passphrases,
    people,
    phones,
    provider_keys,
    secrets,
    special,
    spelled,
    streets,
    told_passwords,
    wallets,
)
from node.privacy.detectors.base import Detector, Text
from node.privacy.detectors.screen import Screen
from node.privacy.findings import Finding
from protocol.errors import DetectorError

DETECTORS: tuple[Detector, ...] = (
    *provider_keys.DETECTORS,
    *secrets.DETECTORS,
    *access_codes.DETECTORS,
    *passphrases.DETECTORS,
    *told_passwords.DETECTORS,
    *credentials.DETECTORS,
    *code_lists.DETECTORS,
    *cards.DETECTORS,
    *bank.DETECTORS,
    *wallets.DETECTORS,
    *national_ids.DETECTORS,
    *labelled.DETECTORS,
    *emails.DETECTORS,
    *fields.DETECTORS,
    *file_names.DETECTORS,
    *handles.DETECTORS,
    *logins.DETECTORS,
    *phones.DETECTORS,
    *network.DETECTORS,
    *addresses.DETECTORS,
    *streets.DETECTORS,
    *ages.DETECTORS,
    *dates.DETECTORS,
    *dates_in_words.DETECTORS,
    *people.DETECTORS,
    *special.DETECTORS,
    *spelled.DETECTORS,
)
TEXT_CHARACTERS_MAX = 1 << 20  # of one text; longer ones are not read, and so restricted
FINDINGS_MAX = 50_000  # of one text


_SCREEN = Screen(DETECTORS)


def find_by_rules(normal: str, screen: Screen = _SCREEN) -> tuple[Finding, ...]:
    """Everything the rules find in a text in normal form. Raises DetectorError, never skips a rule that has a chance."""
    text = Text(normal)
    findings: list[Finding] = []
    for detector in screen.candidates(text):
        try:
            findings += islice(detector.find(text), FINDINGS_MAX + 1 - len(findings))
        except DetectorError:
            raise
        except Exception as error:  # noqa: BLE001 - a rule that crashes must not pass for one that found nothing
            raise DetectorError(f"{detector.name}: {type(error).__name__}") from None
        if len(findings) > FINDINGS_MAX:
            raise DetectorError(f"{detector.name}: more than {FINDINGS_MAX} findings")
    return tuple(findings)
