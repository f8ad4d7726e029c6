"""Passwords in prose and in calls: beside the name that they belong to, as a phrase, or described."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_PASSWORDS = words(
    "password passphrase passcode passwort kennwort passe mdp contraseña clave senha wachtwoord hasło parola şifre пароль"
)
_PHRASE = re.compile(
    r"[^\W_]+(?:\s[^\s:=.,;!?]{1,16}){0,7}?\s(?:is|was|ist|lautet|est|es|è|é|jest)\s(?P<value>[^\W\d_]+(?:[ _-][^\W\d_]+){0,5}?[ _-]\d{1,6})(?![\w.,]\w)"
)
_WORD_AND_NUMBER = re.compile(r"(?<![\w./:@#-])(?P<word>[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]{3,20})\d{2,4}[!?#*]?(?![\w/:-]|\.\w)")
STEMS_MAX = 8
_PRODUCTS = words(
    "windows office outlook exchange python ubuntu debian fedora bitwarden keepass base chapter version server sharepoint"
)
# A phrase of plain words; what is only said about one ("is too short") has one of these.
_PLAIN_PHRASE = re.compile(
    r"(?:passphrase|pass phrase|passwort|kennwort|passwortsatz|phrase de passe|frase de contraseña|frase segreta|wachtwoordzin|parolam|şifrem)(?:[ ][^\W\d_]{1,12}){0,4}?"
    r"(?:[ ](?:is|was|ist|lautet|est|es|è|jest)[ ]|:[ ]?)[\"'“«„]?(?P<value>[^\W\d_]{2,12}(?:[ -][^\W\d_]{2,12}){3,9})(?=[\"'”»“.!?\n,;]|\Z)",
    re.IGNORECASE,
)
_SAYS = words(
    "the too not very enough that what which who it its this how long short wrong right forgotten lost expired required needed used stored saved sent kept safe "
    "secure same never always only still now already written shared hidden by for with and or but because when if in on at from to of has have been be being "
    "die der das den dem ein eine nicht zu sehr falsch richtig vergessen abgelaufen nötig seit auf für mit und oder weil wenn im am bei von es ich wir sie man "
    "le la les un une pas trop très oublié perdu expiré depuis dans sur pour avec et ou que qui par au aux el los las una muy demasiado olvidada perdida en con y o "
    "il lo gli non troppo molto scaduta da per che di het een niet te vergeten verlopen voor met is are was must should can could will would"
)
# How somebody makes his password up: "our cat's name, Biscuit, then the year 1999 and a dash".
_DESCRIBED = re.compile(
    r"(?:(?:the\s)?name\sof\s(?:my|our|his|her|the)\s(?:first\s)?[^\W\d_]{2,14}|(?:my|our|his|her)\s(?:[^\W\d_]{2,12}\s)?[^\W\d_]{2,14}['’]s?\s(?:first\s|middle\s|maiden\s|nick)?(?:name|birthday|birth year|initials)),?\s"
    r"(?:[^.!?\n]{0,60}?[\s,])?(?:then|and|plus|followed\sby|with)\s(?:[^.!?\n]{0,30}?\s)?\d{2,8}"
    r"(?:,?\s(?:and|plus|with|then|followed\sby)\s(?:a|an|the|two|three)\s(?:bang|exclamation\s(?:mark|point)s?|question\smarks?|hash|dollar(?:\ssign)?|dot|dash|star|asterisk|underscore|at\ssign))?"
)
_UNLOCKS = words(
    "password passcode passphrase login laptop wifi unlock unlocks log computer account pin phone tablet router pw pass"
)
_USER_LABEL = r"(?:user(?:name)?|user[ _-]?id|login|benutzer(?:name)?|utilisateur|identifiant|usuario|utente|gebruiker(?:snaam)?|usuário|użytkownik|kullanıcı|пользователь|логин)"
_PASS_LABEL = r"(?:pass(?:word|wd|code|wort)?|pw|pwd|kennwort|mdp|mot[ ]de[ ]passe|contraseña|clave|senha|hasło|şifre|parola|пароль|wachtwoord)"
# Beside its user, after a label, a password may be any word.
_USER_AND_PASSWORD = re.compile(
    rf"{_USER_LABEL}[ ]?(?:[:=]|is|ist|est|es|è)?[ ]?[\"'`]?[^\s\"'`,;:=]{{1,60}}[\"'`]?[ ]?(?:[,;/|\n]|[ ](?:and|und|et|y|e|en|i|ve|и)[ ])[\s-]{{0,4}}(?:the[ ]|la[ ]|le[ ]|a[ ])?"
    rf"{_PASS_LABEL}[ ]?(?::|=|[ ](?:is|ist|est|es|è|to)[ ]|[ ])[ ]?[\"'`“]?(?P<value>[^\s\"'`,;<>{{}}()|]{{4,80}})",
    re.IGNORECASE,
)
_USER_WORDS = words(
    "user username userid login benutzer benutzername utilisateur identifiant usuario utente gebruiker gebruikersnaam usuário użytkownik kullanıcı пользователь логин"
)
# "The router login is admin / …", "credentials: svc | …".
_SLASHED = re.compile(
    r"[^\W_]+(?:[ ][^\s:/|]{1,14}){0,4}?(?:[ ]?[:=]|[ ](?:is|are|ist|sind|lautet|est|sont|es|son|è|sono|jest|to))?[ ]{1,2}[\"'`]?[\w.@+-]{2,40}[\"'`]?(?P<joint>[ ][/|:][ ]|[/:|])[\"'`]?(?P<value>[^\s\"'`<>(){}]{6,80})"
)
_SLASHED_WORDS = words(
    "login logins credentials credential creds account access admin zugangsdaten zugang anmeldedaten anmeldung identifiants identifiant accès connexion "
    "credenciales acceso credenziali accesso inloggegevens credenciais acesso dane giriş user username"
)
_DEFAULT_USERS = words("admin administrator root guest user sa pi postgres test")
_USER_OF = re.compile(r"([\w.@+-]{2,40})[\"'`]?\Z")
_CALL = re.compile(
    r"[^\W_]+\s{0,2}(?:=\s{0,2})?\(\s{0,16}(?:[^()\n\"'`]{0,80}(?:\([^()\n]{0,40}\))?,\s{0,16}|(?P<q0>[\"'`])[^\"'`\n]{1,120}(?P=q0),\s{0,16})?"
    r"(?P<q1>[\"'`])[^\"'`\n]{1,60}(?P=q1)\s{0,2},\s{0,16}(?P<q2>[\"'`])(?P<value>[^\"'`\n]{5,80})(?P=q2)"
)
_CALLS = words(
    "connect connection getconnection createconnection newconnection opendatabase login signin auth basicauth httpbasicauth authenticate credentials "
    "passwordauthentication usernamepasswordcredentials networkcredential signinwithemailandpassword createuserwithemailandpassword mysqli pdo setbasicauth "
    "basic credential smtpauth plainauth passwordcredentials bind"
)
_PLACEHOLDER = re.compile(
    r".*(?:example|placeholder|redacted|changeme|\*{3}|\.\.\.|\$\{|%s|your[_-]?).*|[<\[{$].*|(?:my|the)?[_-]?(?:password|passwd|pass|secret)\d{0,3}",
    re.IGNORECASE,
)
_S = FindingType.SECRET


def _is_told(value: str) -> bool:
    """Unlike a word: letters with digits, or marks among capitals and small letters."""
    letters = any(c.isalpha() for c in value)
    mixed = value[1:].lower() != value[1:] and value.upper() != value
    mark = any(not c.isalnum() for c in value)
    return letters and (any(c.isdigit() for c in value) or (mark and mixed)) and _PLACEHOLDER.fullmatch(value) is None


def _find_in_prose(text: Text) -> Iterator[Finding]:
    """A pass phrase of several words after "is", and what looks like a password in a text that speaks of one."""
    places = sorted(word.start for word in text.at_words(_PASSWORDS))
    for place in places:
        phrase = _PHRASE.match(text.normal, place)
        if phrase and any(c.isdigit() for c in phrase.group("value")):
            yield Finding(*phrase.span("value"), _S, 0.75, "passwords_in_prose")
    if not places or not text.digit_count:
        return
    stems: set[str] = set()
    for match in _WORD_AND_NUMBER.finditer(text.normal, places[0]):
        if match.group("word").lower() not in _PRODUCTS:
            stems.add(match.group("word").lower())
            yield Finding(*match.span(), _S, 0.6, "passwords_in_prose")
    if 0 < len(stems) <= STEMS_MAX:  # half a password is told by its first half
        for word in text.at_words(frozenset(stems)):
            yield Finding(word.start, word.end, _S, 0.6, "passwords_in_prose")


def _find_phrases(text: Text) -> Iterator[Finding]:
    for match in _PLAIN_PHRASE.finditer(text.normal):
        if _SAYS.isdisjoint(re.split(r"[ -]", match.group("value").lower())):
            yield Finding(*match.span("value"), _S, 0.75, "pass_phrases")


def _find_described(text: Text) -> Iterator[Finding]:
    if _UNLOCKS.isdisjoint(text.vocabulary):
        return
    for match in _DESCRIBED.finditer(text.normal):
        yield Finding(*match.span(), _S, 0.7, "described_passwords")


def _find_pairs(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_USER_WORDS):
        pair = _USER_AND_PASSWORD.match(text.normal, word.start)
        if pair and _PLACEHOLDER.fullmatch(pair.group("value")) is None:
            end = pair.start("value") + len(pair.group("value").rstrip(".?!)"))
            if end - pair.start("value") >= 4:
                yield Finding(pair.start("value"), end, _S, 0.8, "login_pairs")
    for word in text.at_words(_SLASHED_WORDS):
        slashed = _SLASHED.match(text.normal, word.start)
        if slashed is None:
            continue
        user = _USER_OF.search(text.normal, slashed.start(), slashed.start("joint"))
        value = slashed.group("value").rstrip(".,;:?!)")
        tight = slashed.group("joint") in ("/", ":", "|")
        if (
            value[:1] in "/\\"
            or not _is_told(value)
            or (tight and (user is None or user[1].lower() not in _DEFAULT_USERS))
        ):
            continue
        yield Finding(slashed.start("value"), slashed.start("value") + len(value), _S, 0.8, "login_pairs")


def _find_calls(text: Text) -> Iterator[Finding]:
    """The literal after the user's among the arguments: `connect(host, "shop", "…")`."""
    for word in text.at_words(_CALLS):
        call = _CALL.match(text.normal, word.start)
        if call and _is_told(call.group("value")) and " " not in call.group("value"):
            yield Finding(*call.span("value"), _S, 0.8, "login_calls")


_TYPES = frozenset({_S})
_PHRASE_WORDS = words("passphrase pass passwort kennwort passwortsatz phrase frase wachtwoordzin parolam şifrem")
DETECTORS = (
    Detector("passwords_in_prose", _TYPES, _find_in_prose, (Evidence(_PASSWORDS, digits=1),)),
    Detector("pass_phrases", _TYPES, _find_phrases, (Evidence(_PHRASE_WORDS),)),
    Detector(
        "described_passwords",
        _TYPES,
        _find_described,
        (Evidence(words("name birthday birth initials nickname"), digits=2),),
    ),
    Detector(
        "login_pairs",
        _TYPES,
        _find_pairs,
        (Evidence(_USER_WORDS), *(Evidence(_SLASHED_WORDS, holds=(joint,)) for joint in "/|:")),
    ),
    Detector("login_calls", _TYPES, _find_calls, (Evidence(_CALLS, holds=("(",)),)),
)
