"""Things that bear a person's name: plants, foods, laws of physics, goods by their makers, programs, assistants.

What says so is the table of kinds, the noun that follows, or the article before. Such a name is nobody's, whoever speaks.
"""

import re
from collections.abc import Iterator

from node.privacy.gazetteer import is_family, is_famous, is_given, is_kind, is_known, is_make, is_software
from node.privacy.wordlist import words

REACH = 40  # characters on either side
KIND_WORDS_MAX = 4
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# What only a person does, or is done to: then the words are somebody's after all.
_LIVES = re.compile(
    r"['’]s (?:house|flat|phone|desk|birthday|wife|husband|mother|father|daughter|son|room|email|number)\b|"
    r",? (?:said|says|called|calls|told|tells|asked|asks|wrote|lives?|lived|owes?|owed|wants?|wanted|phoned|emailed|texted|married|"
    r"resigned|quit|and I|has been|is (?:ill|sick|late|away|off|here|coming|moving|leaving|my|our))\b"
)
_DONE_TO = re.compile(
    r"\b(?:ask|asked|tell|told|call|called|dear|hi|hello|hey|email|e-mail|invite|invited|meet|met|thank|remind|with our|my friend|from|for|to|by) \Z",
    re.IGNORECASE,
)
_GOODS = (
    r"manuals?|tractors?|mowers?|engines?|pumps?|printers?|phones?|laptops?|watch(?:es)?|bikes?|motorbikes?|guitars?|pianos?|amps?|amplifiers?|ovens?|"
    r"dishwashers?|washing machines?|fridges?|drills?|saws?|warrant(?:y|ies)|keyboards?|headphones|speakers?|cameras?|lens(?:es)?|cars?|vans?|trucks?|"
    r"lorr(?:y|ies)|suv|saloon|hatchback|dealers?(?:hip)?|spark plugs?|batter(?:y|ies)|charger|tyres?|brakes?|gearbox|kettle|toaster|mixer|vacuum|boiler|"
    r"scooter|parts|showroom|models?|thermostat|bandsaw|chainsaw|sewing machine"
)
_MADE = re.compile(rf"(?:['’]s)?(?: [\w.-]{{1,20}})? (?:{_GOODS})\b", re.IGNORECASE)
_ARTICLE = re.compile(
    r"(?<!\w)(?:an?|used|second-hand|new|old|vintage|electric|ein|eine[nmr]?|une?|un|una|um|uma|een) \Z", re.IGNORECASE
)
# After these a name with an article is somebody: "a Mr Bosch", "a Picasso".
_BEARER = re.compile(
    r",? (?:from|of|who|called|works|in (?:accounts|sales|hr)|at (?:reception|the door))\b", re.IGNORECASE
)
_PHYSICS = re.compile(
    r"(?:['’]s?)?[ -](?:models?|cages?|sequences?|series|circles?|curves?|squares?|axioms?|identit(?:y|ies)|formulas?|formulae|diagrams?|cycles?|"
    r"processe?s?|doctrines?|wheels?|engines?|fractals?|sets?|rings?|groups?|spaces?|distributions?|functions?|polynomials?|matri(?:x|ces)|integrals?|"
    r"coefficients?|numbers?|laws?|triangles?|spirals?|sieve|codes?|radiation|motion|sort|charts?|limits?|units?|coils?|bridges?|rules?|keys?)\b"
)
_ASSISTANTS = words("siri alexa cortana bixby")
_SPOKEN_TO = re.compile(
    r"(?:pair(?:ed|ing|s)?|voice|speaker|bluetooth|wifi|wi-fi|smart|echo|homepod|routine|timer|skill|wake word|iphone|android|app|device|command)s?\b",
    re.IGNORECASE,
)
_PORTED = re.compile(r"\b(?:port(?:ed|ing)?|convert|rewrite|transpil\w+|migrate)\b", re.IGNORECASE)
LANGUAGES_MIN = 3  # of which one asks in a breath, where nothing else says that they are programs


def bears_a_name(text: str, start: int, end: int) -> bool:
    """Whether what stands there is part of a thing's name, and nobody's own."""
    if _LIVES.match(text, end):
        return False
    name = text[start:end].removesuffix("'s").removesuffix("’s")
    if _is_kind(text, start, end) and not _DONE_TO.search(text, max(0, start - REACH), start):
        return True
    if is_famous(name) and " " not in name and _PHYSICS.match(text, end) and not is_given(name):
        return True
    if _is_assistant(text, name):
        return True
    article = _ARTICLE.search(text, max(0, start - REACH), start) is not None
    if article and " " not in name and _MADE.match(text, end):
        return True
    if not (is_make(name) or is_famous(name) or is_software(name) or is_known(name)):
        return False
    if _MADE.match(text, end):
        return is_make(name) or " " in name or not (is_given(name) or is_family(name))
    return article and is_make(name) and not _BEARER.match(text, end)


def are_languages(text: str, name: str) -> bool:
    """Whether a text speaks of programming languages, of which `name` is one."""
    if not (is_make(name) or is_software(name)):
        return False
    named = {word for word in _WORD.findall(text) if word[0].isupper() and _is_language(word.removesuffix("'s"))}
    return len(named) >= LANGUAGES_MIN or (len(named) > 1 and _PORTED.search(text) is not None)


def _is_language(word: str) -> bool:
    return is_make(word) and (is_software(word) or is_given(word) or is_family(word))


def _is_kind(text: str, start: int, end: int) -> bool:
    """Part of a longer run of words, in which the table knows a kind of thing."""
    return any(first <= start < last and is_kind(phrase) for first, last, phrase in _runs(text, start, end))


def _runs(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    found = list(_WORD.finditer(text, max(0, start - REACH), end + REACH))
    for at, one in enumerate(found):
        if one.start() > start:
            break
        for other in found[at : at + KIND_WORDS_MAX]:
            if other.end() >= end and one is not other and "  " not in text[one.start() : other.end()]:
                yield one.start(), other.end(), text[one.start() : other.end()].lower().replace("’", "'")


def _is_assistant(text: str, name: str) -> bool:
    if name.lower() not in _ASSISTANTS:
        return False
    others = {word.lower() for word in _WORD.findall(text)} & _ASSISTANTS - {name.lower()}
    return bool(others) or _SPOKEN_TO.search(text) is not None
