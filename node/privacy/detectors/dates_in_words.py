"""Dates all in words, in the languages that say the day and the year as numbers: "trois février mille neuf cent soixante".

English, whose days are ordinals and whose years are pairs, has its own rule in `dates`.
"""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.detectors.dates import tells_birth
from node.privacy.detectors.spoken import SPOKEN
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_MONTHS = words(
    "januar februar märz april mai juni juli august september oktober november dezember jänner janvier février mars avril juin juillet août septembre octobre novembre décembre "
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre "
    "januari februari maart mei augustus december janeiro fevereiro março maio junho julho setembro outubro novembro dezembro "
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia"
)
_ORDINALS = words(
    "premier primero primo primeiro ersten zweiten dritten vierten fünften sechsten siebten siebenten achten neunten zehnten elften zwölften dreizehnten vierzehnten fünfzehnten sechzehnten "
    "siebzehnten achtzehnten neunzehnten zwanzigsten einundzwanzigsten zweiundzwanzigsten dreiundzwanzigsten vierundzwanzigsten fünfundzwanzigsten sechsundzwanzigsten siebenundzwanzigsten "
    "achtundzwanzigsten neunundzwanzigsten dreißigsten einunddreißigsten eerste tweede derde vierde vijfde zesde zevende achtste negende tiende elfde twaalfde twintigste dertigste "
    "pierwszego drugiego trzeciego czwartego piątego szóstego siódmego ósmego dziewiątego dziesiątego jedenastego dwunastego trzynastego czternastego piętnastego szesnastego siedemnastego "
    "osiemnastego dziewiętnastego dwudziestego trzydziestego veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve "
    "ventuno ventidue ventitré ventiquattro venticinque ventisei ventisette ventotto ventinove trentuno"
)
_DAY = re.compile(
    r"(?P<day>[^\W\d_]{2,20}(?:[ -](?:y|et|e|und|i)[ -][^\W\d_]{2,12}|-[^\W\d_]{2,12}|[ ][^\W\d_]{3,12}ego)?)(?:[ ](?:de|di|van|des|d['’]))?[ ]\Z",
    re.IGNORECASE,
)
# What years are said with, beside the numbers below a hundred.
_THOUSANDS = re.compile(
    r"mil|mille|duemila\w{0,20}|mille\w{4,28}|(?:neunzehn|achtzehn)hundert\w{0,28}|zweitausend\w{0,28}|(?:negentien|achttien)honderd\w{0,28}|tweeduizend\w{0,28}|tysiąc|dwa|deux|dos|dois"
)
_MORE = words(
    "cent cents mil mille tysiąc tysiące dziewięćset tysięczne novecentos novecientos novecento et y e und en i neuf nueve nove thousand mila honderd hundert duizend tausend tysięcznego "
    "veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
)
_WORD = re.compile(r"[ ]?(?P<word>[^\W\d_]+(?:-[^\W\d_]+)*)")
_OF = re.compile(r",?[ ](?:de(?:l)?|van|des|do|roku)(?=[ ])")
DAY_CHARACTERS, YEAR_WORDS_MAX = 40, 9


def _is_day(said: str) -> bool:
    pieces = [piece for piece in re.split(r"[ -]", said) if piece not in ("y", "et", "e", "und", "i")]
    return bool(pieces) and all(piece in SPOKEN or piece in _ORDINALS for piece in pieces)


def _year_end(text: Text, at: int) -> int:
    """Where the year ends that is said after the month; 0 where none is."""
    of = _OF.match(text.lower, at)
    at, end = of.end() if of else at, 0
    for number in range(YEAR_WORDS_MAX):
        word = _WORD.match(text.lower, at)
        said = word.group("word") if word else ""
        if word is None or (
            not _THOUSANDS.fullmatch(said)
            if number == 0
            else said not in _MORE and any(p not in SPOKEN and p not in _MORE for p in said.split("-"))
        ):
            break
        at = word.end()
        if said not in ("et", "y", "e", "und", "en", "i"):
            end = at
    return end


def _find(text: Text) -> Iterator[Finding]:
    for month in text.at_words(_MONTHS):
        window = max(0, month.start - DAY_CHARACTERS)
        before = text.lower[window : month.start]
        day = _DAY.search(before)
        said = day.group("day") if day else ""
        while said and not _is_day(said):  # the words before the day belong to the sentence
            said = re.split(r"[ -]", said, maxsplit=1)[1] if re.search(r"[ -]", said) else ""
        if day is None or not said:
            continue
        start = window + day.end("day") - len(said)
        end = _year_end(text, month.end) or month.end
        if end == month.end and not tells_birth(text, start, end):
            continue
        told = tells_birth(text, start, end)
        yield Finding(start, end, FindingType.BIRTH_DATE if told else FindingType.DATE, 0.7, "dates_spelled")


DETECTORS = (
    Detector("dates_spelled", frozenset({FindingType.BIRTH_DATE, FindingType.DATE}), _find, (Evidence(_MONTHS),)),
)
