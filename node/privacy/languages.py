"""Whether a text's language is one that the installed name models read. Source: the design's section on sensitivity.

Told by script where that suffices, else by what a language model guesses of the letters. Text too short to tell,
numbers and code count as covered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from node.privacy.findings import Failure
from node.privacy.wordlist import words

COVERED = frozenset({"en"})  # spaCy's small model and the Rampart model read English
LATIN_LANGUAGES = words("de fr es it nl pt pl tr sv da cs ro hu fi id vi")  # told apart by a guess about the letters
CAPITAL_NOUNS = frozenset({"de"})  # written with a capital for every noun
LETTERS_MIN = 24  # of Latin script: below, and below so many words, nobody can tell
WORDS_MIN = 5
CONFIDENCE_MIN = 0.75
SEGMENT_CHARACTERS = 400  # a paragraph of another language inside an English text is seen
SEGMENTS_MAX = 64  # of one text, spread over it evenly

_CODE = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]{1,200}`|https?://\S+|(?<!\S)\S*[_{}<>=;/\\@|$#]\S*|\b\w*\d\w*\b", re.DOTALL
)
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*")

# Language by script, and how many of its letters say that text, and not a symbol, is written in it.
_SCRIPTS: tuple[tuple[str, int, re.Pattern[str]], ...] = (
    ("ja", 2, re.compile(r"[\u3040-\u30ff]")),
    ("ko", 3, re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("zh", 3, re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")),
    ("ru", 6, re.compile(r"[\u0400-\u052f]")),
    ("ar", 5, re.compile(r"[\u0600-\u06ff\u0750-\u077f]")),
    ("he", 5, re.compile(r"[\u0590-\u05ff]")),
    ("el", 10, re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
    ("hi", 5, re.compile(r"[\u0900-\u097f]")),
    ("th", 5, re.compile(r"[\u0e00-\u0e7f]")),
    ("bn", 5, re.compile(r"[\u0980-\u09ff]")),
    ("ta", 5, re.compile(r"[\u0b80-\u0bff]")),
    ("te", 5, re.compile(r"[\u0c00-\u0c7f]")),
    ("ka", 5, re.compile(r"[\u10a0-\u10ff]")),
    ("hy", 5, re.compile(r"[\u0530-\u058f]")),
    ("am", 5, re.compile(r"[\u1200-\u137f]")),
)
_OTHER_SCRIPT = re.compile(r"[^\W\d_A-Za-zÀ-ɏ\u0250-\u02af\u1e00-\u1eff\u0370-\u03ff]")
OTHER_LETTERS_MIN = 8
UNKNOWN = "und"  # BCP 47: undetermined

# Frequent English words that are no words of the other languages: what a guess about a short text is checked against.
_ENGLISH = words(
    "the and of to is it you that he was for on are with his they at be this have from or had by but not what all "
    "were we when your can said there use each which she do how their if will up about out many then them these so "
    "some her would make like him into has two more my than been who its now did get made over only why i im please "
    "write explain give me create list could should does"
)
ENGLISH_SHARE_MIN = 0.25


_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def is_unspaced(text: str) -> bool:
    """Whether it has letters of a script that sets no blanks between words."""
    return _UNSPACED.search(text) is not None


@dataclass(frozen=True, slots=True)
class Guess:
    """What a language model makes of a segment: the likeliest ISO 639-1 code and how sure it is, 0 to 1."""

    language: str
    confidence: float


def script_language(text: str) -> str | None:
    """The language of a script other than Latin, if there is enough of one in the text."""
    if text.isascii() or (not _OTHER_SCRIPT.search(text) and not _SCRIPTS[6][2].search(text)):
        return None
    for language, least, letters in _SCRIPTS:
        if len(letters.findall(text)) >= least:
            return language
    return UNKNOWN if len(_OTHER_SCRIPT.findall(text)) >= OTHER_LETTERS_MIN else None


def segments(text: str) -> tuple[str, ...]:
    """The pieces of `text`, without code and numbers, whose language should be guessed; none where nobody can tell."""
    pieces: list[str] = []
    for paragraph in re.split(r"\n\s*\n|\n", _CODE.sub(" ", text)):
        pieces += [paragraph[i : i + SEGMENT_CHARACTERS] for i in range(0, len(paragraph), SEGMENT_CHARACTERS)]
    telling = [piece for piece in pieces if _is_telling(piece)]
    if not telling and _is_telling(whole := " ".join(pieces)):
        telling = [whole[:SEGMENT_CHARACTERS]]
    step = max(1, -(-len(telling) // SEGMENTS_MAX))
    return tuple(telling[::step])


def _is_telling(piece: str) -> bool:
    words = _LATIN_WORD.findall(piece)
    if len(words) < WORDS_MIN or sum(map(len, words)) < LETTERS_MIN:
        return False
    return sum(word.lower() in _ENGLISH for word in words) < ENGLISH_SHARE_MIN * len(words)


def uncovered(text: str, guesses: Sequence[Guess]) -> str | None:
    """The language of `text` that no installed model covers; None where all of it is covered."""
    by_script = script_language(text)
    if by_script is not None:
        return by_script
    for guess in guesses:
        if guess.language not in COVERED and guess.confidence >= CONFIDENCE_MIN:
            return guess.language
    return None


def language_failure(language: str) -> Failure:
    """The refusal's reason, with the command that accepts the language."""
    return Failure(
        "language_not_covered",
        f"no installed name model reads this language ({language}); to accept that, start the node with: "
        f"islandrun start --language {language}",
    )
