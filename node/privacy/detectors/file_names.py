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


def _is_name(first: str, second: str) -> bool:
    if is_given(first):
        return is_family(second) or not is_word(second.lower())
    return is_family(first) and is_given(second) and not is_word(first.lower())


def _find(text: Text) -> Iterator[Finding]:
    for file in _FILE.finditer(text.normal):
        done = file.start()
        for one, other in pairwise(_PART.finditer(text.normal, *file.span())):
            joint = text.normal[one.end() : other.start()]
            if one.start() >= done and joint in _JOINTS and _is_name(one.group(), other.group()):
                done = other.end()
                yield Finding(one.start(), other.end(), FindingType.PERSON, 0.8, "file_names")


DETECTORS = (Detector("file_names", frozenset({FindingType.PERSON}), _find, (Evidence(_ENDINGS, holds=(".",)),)),)
