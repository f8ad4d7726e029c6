"""Text that says something to a program and nothing to a reader: nobody can tell what is in it, so it is not cleared.

Digests and ids are shorter than what is taken for content here; a sentence in base64, an image in a `data:` URL, a word
in percent signs are not. What looks like words and is none (a cipher, a made-up alphabet) is not recognised.
"""

import binascii
import re
from base64 import b32decode, b64decode
from itertools import pairwise

from node.privacy.findings import Failure

HIDDEN_BYTES_MIN = 20  # so many bytes that decode to plain text are no accident
HEX_CHARACTERS_MIN = 160  # a SHA-512 has 128
BASE64_CHARACTERS_MIN = 100  # a SHA-512 has 88
CLASS_CHANGES_MIN = 0.35  # of neighbours, between small, capital and digit: 0.6 in base64, 0.47 in hex, 0.1 in names
STRANGE_MIN = 8  # characters that no text has, and at least this share of all:
STRANGE_SHARE_MIN = 0.05

# A run begins where a word could and takes all that it can, so that time is linear in the text.
_WORD = "A-Za-z0-9+/_-"
_RUN = re.compile(rf"(?<![{_WORD}])[{_WORD}]{{27,}}+(?:\r?\n[{_WORD}]{{27,}}+)*+(?:\r?\n[{_WORD}]++)?+")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2}){12,}+|(?:&#x?[0-9A-Fa-f]{1,6};){8,}+|(?:\\(?:u00|x)[2-7][0-9A-Fa-f]){8,}+")
_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\x7f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_HEX = re.compile(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_BASE32 = re.compile(r"[A-Z2-7]+")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e\u00a0-\u024f\u0370-\u07ff\u0e00-\u0eff\u2010-\u2044\u3000-\u9fff\uac00-\ud7af]+")
_URL_SAFE = str.maketrans("-_", "+/")
_CLASSES = (str.islower, str.isupper, str.isdigit)


def opaque(text: str) -> tuple[Failure, ...]:
    """One failure where a part of the text is in an encoding that nobody here can read."""
    runs = (re.sub(r"[\r\n]", "", run[0]) for run in _RUN.finditer(text))
    if _ESCAPES.search(text) or _is_strange(text) or any(map(_is_encoded, runs)):
        return (Failure("unreadable", "a part of the text is in an encoding that nobody here can read"),)
    return ()


def _is_strange(text: str) -> bool:
    count = len(_STRANGE.findall(text))
    return count >= STRANGE_MIN and count >= STRANGE_SHARE_MIN * len(text)


def _is_encoded(run: str) -> bool:
    if run.isdigit():
        return False
    if _HEX.fullmatch(run):
        return _is_plain(bytes.fromhex(run)) or (len(run) >= HEX_CHARACTERS_MIN and _is_mixed(run, 2))
    if _BASE32.fullmatch(run) and _is_plain(_decoded_base32(run)):
        return True
    return _is_plain(_decoded_base64(run)) or (len(run) >= BASE64_CHARACTERS_MIN and _is_mixed(run, 3))


def _decoded_base32(run: str) -> bytes:
    try:
        return b32decode(run + "=" * (-len(run) % 8))
    except binascii.Error:
        return b""


def _decoded_base64(run: str) -> bytes:
    try:
        return b64decode(run.translate(_URL_SAFE) + "=" * (-len(run) % 4))
    except binascii.Error:
        return b""


def _is_plain(data: bytes) -> bool:
    try:
        return len(data) >= HIDDEN_BYTES_MIN and _PLAIN.fullmatch(data.decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def _is_mixed(run: str, classes: int) -> bool:
    """Whether so many classes of characters take turns as they do in no name."""
    kinds = [kind for c in run for kind, is_of in enumerate(_CLASSES) if is_of(c)]
    changes = sum(one != other for one, other in pairwise(kinds))
    return len(set(kinds)) >= classes and changes >= CLASS_CHANGES_MIN * len(kinds)
