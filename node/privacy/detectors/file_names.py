"""Full names in the names of documents: "contract_Ada_Lovelace_signed.pdf", "CV-AdaLovelace.docx"."""

import re
from collections.abc import Iterator
from itertools import pairwise

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import is_family, is_given, is_word
from node.privacy.wordlist import words

_ENDINGS = words(
    "pdf doc docx odt rtf txt xls xlsx ods ppt pptx odp pages jpg jpeg png heic tif tiff zip eml msg mp3 mp4 m4a wav"
)
_FILE = re.compile(rf"(?<![\w.-])[\w.-]{{4,240}}\.(?:{'|'.join(sorted(_ENDINGS))})(?!\w)", re.IGNORECASE)
_PART = re.compile(r"[A-ZÀ-ÖØ-ÞŁŚŻ][a-zß-öø-ÿłśżźćńęąőűčšžěřů]+")
_JOINTS = frozenset({"", "_", "-", "."})


# In a document that is called so, the other parts of its name are its owner's.
_OF_SOMEBODY = words(
    "cv resume résumé coverletter vitae lebenslauf bewerbung anschreiben motivationsschreiben zeugnis curriculum currículum curriculo candidature lettre carta candidatura życiorys özgeçmiş "
    "passport reisepass passeport pasaporte passaporto ausweis payslip gehaltsabrechnung lohnabrechnung nomina busta fiche bulletin arztbrief befund attest rezept prescription diagnosis discharge "
    "headshot bewerbungsfoto passfoto biodata reference referral testament will birthcert"
)
_NOT_NAME = _OF_SOMEBODY | words(
    "cover letter final draft signed new old copy scan scanned version rev edit edited update updated latest my the of for to from and und de la le du mit von van template sample example blank form form "
    "en fr es it nl pl pt tr eng ger deu english german french spanish italian page pages photo image img doc document file pdf docx jan feb mar apr may jun jul aug sep oct nov dec letters motivation "
    "application job senior junior engineer developer manager designer data software short long one two public private redacted anonymous anon test demo europass format builder tips guide"
)
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
NAME_PARTS_MIN, NAME_PARTS_MAX = 2, 4


def _of_its_owner(name: str) -> tuple[int, int] | None:
    """Where its owner stands in the name of a document that is somebody's: neighbouring words, none an ordinary one."""
    tokens = list(_TOKEN.finditer(name.rpartition(".")[0]))
    if all(token.group().lower() not in _OF_SOMEBODY for token in tokens):
        return None
    part: list[re.Match[str]] = []
    for token in tokens:
        said = token.group().lower()
        is_part = (
            said.isalpha() and len(said) > 1 and said not in _NOT_NAME and (is_given(said.title()) or not is_word(said))
        )
        if is_part:
            part.append(token)
        elif len(part) >= NAME_PARTS_MIN:
            break
        else:
            part = []
    return (part[0].start(), part[-1].end()) if NAME_PARTS_MIN <= len(part) <= NAME_PARTS_MAX else None


def _is_name(first: str, second: str) -> bool:
    if is_given(first):
        return is_family(second) or not is_word(second.lower())
    return is_family(first) and is_given(second) and not is_word(first.lower())


def _find(text: Text) -> Iterator[Finding]:
    for file in _FILE.finditer(text.normal):
        if owner := _of_its_owner(file.group()):
            yield Finding(file.start() + owner[0], file.start() + owner[1], FindingType.PERSON, 0.8, "file_names")
        done = file.start()
        for one, other in pairwise(_PART.finditer(text.normal, *file.span())):
            joint = text.normal[one.end() : other.start()]
            if one.start() >= done and joint in _JOINTS and _is_name(one.group(), other.group()):
                done = other.end()
                yield Finding(one.start(), other.end(), FindingType.PERSON, 0.8, "file_names")


DETECTORS = (Detector("file_names", frozenset({FindingType.PERSON}), _find, (Evidence(_ENDINGS, holds=(".",)),)),)
