"""A question as a full-text query that no text can break: its most telling words, quoted, any of them enough."""

import re
import unicodedata
from collections.abc import Callable

QUESTION_CHARACTERS_MAX = 4_096
TERMS_MAX = 32
TERM_CHARACTERS_MAX = 64
POSTINGS_MAX = 4_000  # passages that are scored, summed over the words: 2 to 3 µs each, 10 where others use the machine
_WORD = re.compile(r"[^\W_]+")

Frequency = Callable[[str], int]
"""In how many passages a word stands."""


def words_of(question: str) -> tuple[str, ...]:
    """The distinct words of a question as the index spells them, without accents and capitals, the first TERMS_MAX."""
    bare = "".join(
        mark
        for mark in unicodedata.normalize("NFKD", question[:QUESTION_CHARACTERS_MAX])
        if not unicodedata.combining(mark)
    )
    words = dict.fromkeys(word.casefold()[:TERM_CHARACTERS_MAX] for word in _WORD.findall(bare))
    return tuple(words)[:TERMS_MAX]


def match_query(question: str, frequency: Frequency) -> str | None:
    """The argument of FTS5's MATCH; None when no word of the question is in the index.

    Rare words tell most and cost least, so they come first, until scoring would take too long. Made of quoted letters
    and digits alone.
    """
    counted = sorted((count, word) for word in words_of(question) if (count := frequency(word)) > 0)
    telling: list[str] = []
    postings = 0
    for count, word in counted:
        postings += count
        if telling and postings > POSTINGS_MAX:
            break
        telling.append(f'"{word}"')
    return " OR ".join(telling) or None
