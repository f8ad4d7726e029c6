"""Text that says something to a program and nothing to a reader: nobody can tell what is in it, so it is not cleared.

Digests and ids are shorter than what is taken for content here; a sentence in base64 inside base64 inside base64, an
image in a `data:` URL are not. What looks like words and is none (a cipher, a made-up alphabet) is not recognised.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from node.privacy.encoded import encoded_runs, is_hexadecimal, said
from node.privacy.findings import Failure

HIDDEN_BYTES_MIN = 20  # so many bytes that decode to plain text are no accident
HEX_CHARACTERS_MIN = 160  # a SHA-512 has 128
BASE64_CHARACTERS_MIN = 100  # a SHA-512 has 88
CLASS_CHANGES_MIN = 0.35  # of neighbours, between small, capital and digit: 0.6 in base64, 0.47 in hex, 0.1 in names
STRANGE_MIN = 8  # characters that no text has, and at least this share of all:
STRANGE_SHARE_MIN = 0.05

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2}){12,}+|(?:&#x?[0-9A-Fa-f]{1,6};){8,}+|(?:\\(?:u00|x)[2-7][0-9A-Fa-f]){8,}+")
_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_CLASSES = (str.islower, str.isupper, str.isdigit)


def opaque(text: str, unread: Iterable[str] | None = None) -> tuple[Failure, ...]:
    """One failure where a part of the text is in an encoding that nobody here can read.

    `unread`: the runs that were not decoded; None: every run.
    """
    runs = (run.letters for run in encoded_runs(text)) if unread is None else unread
    if _has_escapes(text) or _is_strange(text) or any(map(_is_encoded, runs)):
        return (Failure("unreadable", "a part of the text is in an encoding that nobody here can read"),)
    return ()


def _has_escapes(text: str) -> bool:
    return ("%" in text or "&" in text or "\\" in text) and _ESCAPES.search(text) is not None


def _is_strange(text: str) -> bool:
    if text.isascii() and text.isprintable():
        return False
    if text.replace("\n", " ").replace("\t", " ").replace("\r", " ").isprintable() and "\ufffd" not in text:
        return False
    count = len(_STRANGE.findall(text))
    return count >= STRANGE_MIN and count >= STRANGE_SHARE_MIN * len(text)


def _is_encoded(run: str) -> bool:
    if run.isdigit():
        return False
    plain = said(run)
    if plain is not None and len(plain.encode("utf-8")) >= HIDDEN_BYTES_MIN:
        return True
    if is_hexadecimal(run):
        return len(run) >= HEX_CHARACTERS_MIN and _is_mixed(run, 2)
    return len(run) >= BASE64_CHARACTERS_MIN and _is_mixed(run, 3)


def _is_mixed(run: str, classes: int) -> bool:
    """Whether so many classes of characters take turns as they do in no name."""
    kinds = [kind for c in run for kind, is_of in enumerate(_CLASSES) if is_of(c)]
    changes = sum(one != other for one, other in pairwise(kinds))
    return len(set(kinds)) >= classes and changes >= CLASS_CHANGES_MIN * len(kinds)
