"""What opens a door, a safe or an account, as people tell it to each other."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_CODES = words(
    "clave senha hasło code codes codice código kod kodu combination combinatie pin zahlenschloss türcode zugangscode schließfach digicode"
)
_CODE = re.compile(
    r"[^\W_]+(?:[ \t][^\s:=.,;!?]{1,18}){0,6}?(?:[ \t](?:is|was|est|es|è|é|ist|lautet|jest|to|de|le|la|el|il)){0,2}[ \t]?[:=]?[ \t]?"
    r"[\"'`«]?(?P<value>(?=[A-Za-z#*]{0,4}\d)[A-Za-z0-9#*]{4,10})(?![\w€$%.-]\w?|[ ]?(?:€|%|h\b|km|kg|min))",
)
_OPENS = re.compile(
    r"(?<![^\W_])(?:(?:front|back|side)?door|gate|entry|entrance|key ?safe|key ?box|buzz(?:er)?|intercom|barrier|bike shed|shed|cabinet|padlock|alarm|safe|locker|lock|lockbox|garage|building|keypad|wifi|wi-fi|portail|porte|immeuble|"
    r"alarme|coffre|casier|garage|portal|puerta|alarma|caja fuerte|taquilla|portone|cancello|allarme|cassaforte|armadietto|tür|tor|haustür|"
    r"tresor|alarmanlage|schließfach|deur|poort|kluis|porta|portão|cofre|alarme|drzwi|bramy|domofonu|alarmu|sejfu|kapı|kasa|digicode|"
    r"schlüsselkasten|schlüsselbox|schlüsseltresor|garagentor|boîte à clés|cadenas|interphone|cajetín|candado|portero automático|lucchetto|citofono|sleutelkluis|sleutelkastje|hangslot|cadeado|kłódki?|skrytki|zugangscode|türcode|zahlenschloss)(?![^\W_])",
    re.IGNORECASE,
)
# "the key safe opens with 4190", "buzz flat 4, then type 9021#".
_OPENED = re.compile(
    r"(?:(?:opens?|opened|opening|unlocks?|unlocked|unlock|disarms?|disarm|deactivates?|enter|type|dial|punch|press|key)(?:[ ](?:it|in|up))?(?:[ ](?:with|by|using|on|to))?(?:[ ]the)?"
    r"(?:[ ](?:code|pin|number|combination|combo))?|(?:combination|combo|kombination|combinaison|combinación|combinazione)(?:[ ](?:is|ist|est|es|è))?|(?:geht|öffnet)(?:[ ][^\W\d_]{1,10}){0,2}[ ]mit|(?:tippe|tippen|eingeben|gib|drücke)(?:[ ][^\W\d_]{1,10})?|"
    r"(?:ouvre|ouvrent|désactive)(?:[ ][^\W\d_]{1,10})?[ ]avec(?:[ ]le)?|(?:tapez|tape|composez|compose)(?:[ ]le)?|(?:abre|abren|quita|desactiva|apaga|desbloquea)[ ]con(?:[ ]el)?|(?:marca|marque|teclea)(?:[ ]el)?|"
    r"(?:apre|disattiva|sblocca|spegne)[ ]con(?:[ ]il)?|(?:digita|digitare)(?:[ ]il)?|(?:gaat|opent)(?:[ ][^\W\d_]{1,10}){0,2}[ ]met|toets|(?:abre|desliga)(?:-se)?[ ]com(?:[ ]o)?|digite|wpisz|wciśnij|"
    r"otwiera[ ]się(?:[ ]kodem)?)[ ]?[:=]?[ ]?[\"'`“«]?"
    r"(?P<value>(?:\d{1,2}(?:[ ]?-[ ]?\d{1,2}){2,5}|[#*]?(?=[A-Za-z]{0,3}\d)[A-Za-z0-9]{4,8}[#*]?|[#*]\d{3,8}[#*]?|\d{3,8}[#*]))(?![\w€$%-]|[.,/:]\d|[ ]?(?:€|%|h\b|km|kg|min|hours|Uhr))",
)
_OPENED_WORDS = words(
    "opens open opened opening unlocks unlocked unlock disarms disarm deactivates enter type dial punch press key combination combo kombination combinaison "
    "combinación combinazione geht öffnet tippe tippen eingeben gib drücke ouvre ouvrent désactive tapez tape composez compose abre abren quita desactiva apaga "
    "desbloquea marca marque teclea apre disattiva sblocca spegne digita digitare gaat opent toets desliga digite wpisz wciśnij otwiera"
)
OPENED_CHARACTERS = 56  # before the verb, in which the word for what is opened stands
_QUESTION_HINTS = ("maiden name", "first pet", "pet's name", "memorable", "favourite teacher", "favorite teacher", "first school", "first car",
    "mädchenname", "erstes haustier", "nom de jeune fille", "premier animal", "apellido de soltera", "primera mascota", "cognome da nubile",
    "primo animale", "meisjesnaam", "eerste huisdier", "nazwisko panieńskie", "nome de solteira", "kızlık soyadı")  # fmt: skip
_QUESTION = re.compile(
    r"(?<![^\W_])(?i:(?:mother['’]?s\s)?maiden name|(?:first|childhood)\s(?:pet|school|car|street)(?:['’]s name)?|pet['’]s name|memorable\s(?:place|word|name|date)|"
    r"favou?rite teacher|mädchenname(?:\s(?:der|meiner) mutter)?|erstes haustier|nom de jeune fille(?:\sde\s(?:ma|sa|la)\smère)?|premier animal|"
    r"apellido de soltera(?:\sde\s(?:mi|su)\smadre)?|primera mascota|cognome da nubile(?:\sdi\s(?:mia|sua)\smadre)?|primo animale|meisjesnaam|"
    r"eerste huisdier|nazwisko panieńskie(?:\smatki)?|nome de solteira|kızlık soyadı)(?![^\W_])\s{0,2}(?:is|was|ist|est|es|è|jest|:|=)?\s{0,2}[\"'“«]?"
    r"(?P<value>[A-ZÀ-ÖØ-ÞŁŚŻÇİÖŞÜ][^\W_]+(?:[ '’-][A-ZÀ-ÖØ-Þ][^\W_]+){0,2})"
)
_QUESTION_WORDS = words(
    "maiden pet memorable teacher school car mädchenname haustier jeune animal soltera mascota nubile animale meisjesnaam "
    "huisdier panieńskie solteira kızlık"
)
_S = FindingType.SECRET


def _find_codes(text: Text) -> Iterator[Finding]:
    """What opens a door: "the gate code is 74A19", "le code du portail est le 74A19"."""
    for word in text.at_words(_CODES):
        match = _CODE.match(text.normal, word.start)
        if match and (_OPENS.search(match.group()) or _OPENS.search(text.normal, max(0, word.start - 28), word.start)):
            yield Finding(*match.span("value"), _S, 0.8, "access_codes")
    for word in text.at_words(_OPENED_WORDS):
        match = _OPENED.match(text.normal, word.start)
        if match and (
            _OPENS.search(match.group())
            or _OPENS.search(text.normal, max(0, word.start - OPENED_CHARACTERS), word.start)
        ):
            yield Finding(*match.span("value"), _S, 0.8, "access_codes")


def _find_answers(text: Text) -> Iterator[Finding]:
    """Answers to a bank's questions, which are passwords."""
    if not text.has_any(_QUESTION_HINTS):
        return
    for match in _QUESTION.finditer(text.normal):
        yield Finding(*match.span("value"), _S, 0.8, "security_questions")


_TYPES = frozenset({_S})
DETECTORS = (
    Detector("access_codes", _TYPES, _find_codes, (Evidence(_CODES | _OPENED_WORDS, digits=1),)),
    Detector("security_questions", _TYPES, _find_answers, (Evidence(_QUESTION_WORDS),)),
)
