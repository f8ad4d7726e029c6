"""Names that mean several people: "the Abernathys", "die Müllers", "les Dupont", "Ada and Grace Byron".

A model that is told of one person writes "he or she"; told of several, "they".
"""

import re

from node.privacy.gazetteer import is_family, is_given
from node.privacy.wordlist import words

_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ-][^\W\d_]+)*")
# No y, e or i: "Ortega y Gasset" is one man.
CONJUNCTIONS = words("and und et en og och ja ve и та")
_AND = re.compile(rf"\s(?:{'|'.join(sorted(CONJUNCTIONS))})\s|\s?[&+]\s?", re.IGNORECASE)
_BEFORE = re.compile(r"([^\W\d_]+)[ \t]+\Z")
_BEFORE_CHARACTERS = 12
# After these the s at a name's end is a plural's, …
_ARTICLES_BEFORE_S = words("the those these both die den bei")
# … and after these any name stands for a family.
_PLURAL_ARTICLES = words("les los las gli os")
_SINGULAR_CHARACTERS_MIN = 3


def is_plural(text: str, start: int, end: int) -> bool:
    """Whether the name at this place of the text stands for several people."""
    name = text[start:end]
    if _AND.search(name):
        return True
    before = _BEFORE.search(text, max(0, start - _BEFORE_CHARACTERS), start)
    if before is None or " " in name.strip():
        return False
    article = before[1].casefold()
    return article in _PLURAL_ARTICLES or (article in _ARTICLES_BEFORE_S and singular(name) != name)


def singular(name: str) -> str:
    """Abernathy of Abernathys, Williams of Williamses; a name that ends so itself, Hastings say, stays."""
    match = _WORD.search(name)
    if match is None or not name.endswith("s") or "'" in name or "’" in name:
        return name
    if name.endswith(("ses", "xes", "zes", "ches", "shes")):
        return name[:-2]
    stem = name[:-1]
    if len(stem) < _SINGULAR_CHARACTERS_MIN or stem.endswith("s"):
        return name
    return name if _is_name(name) and not _is_name(stem) else stem


def _is_name(word: str) -> bool:
    return is_family(word) or is_given(word)
