"""Secrets: private keys, tokens, passwords in URLs and beside their label."""

import math
import re
from collections import Counter
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=\s:,.\\-]*[A-Za-z0-9+/=-]")  # of a key that was cut
_PEM_START = "PRIVATE KEY"
_USERINFO = re.compile(
    r"(?<![\w])[a-z][a-z0-9+.-]{1,20}://(?P<value>[^\s/:@'\"<>]{0,80}:[^\s/@'\"<>]{1,200})@", re.IGNORECASE
)
# What lets whoever has the address in: "?sig=…", "&X-Amz-Signature=…".
_SIGNED = re.compile(
    r"[?&](?:sig|signature|x-amz-signature|x-amz-security-token|x-goog-signature|access_token|id_token|api_?key|auth)=(?P<value>[^\s&#\"'<>]{12,2000})",
    re.IGNORECASE,
)
_SCHEMES = frozenset({"bearer", "basic", "token", "apikey"})  # of an HTTP Authorization header
_BEARER = re.compile(r"\s{1,3}(?P<value>[A-Za-z0-9._~+/=-]{16,4000})")
_LABELS = words(
    "password passwords passwd passcode passphrase pass pwd pw pin secret secretkey token apikey accesskey privatekey "
    "presharedkey psk clientsecret authtoken accesstoken credential credentials passwort kennwort zugangscode passe "
    "mdp digicode contraseña clave senha wachtwoord hasło hasła parola parolası şifre şifresi şifrem lösenord пароль puk cvv cvc tan otp accountkey sharedaccesskey sessionid sid csrftoken"
)
# "key" alone opens doors and pianos: only with one of these before it does it name a secret.
_KEY_BEFORE = re.compile(
    r"(?:api|access|private|secret|shared|auth|signing|encryption|service|license|account|webhook|master|deploy|ssh|my)[ _-]?$",
    re.IGNORECASE,
)
_UNSPACED_LABEL = re.compile(
    r"(?:密码|口令|密钥|合言葉|パスコード|パスワード|暗証番号|비밀번호|كلمة السر)[ \t]?(?:は|为|是|[:：=]|는|هي)?[ \t]?[\"'「]?(?P<value>(?=[!-~]{0,30}\d)[!-+.-:=?-~-]{4,60})"
)
_UNSPACED_LABELS = words("密码 口令 密钥 合言葉 パスコード パスワード 暗証番号 비밀번호 كلمة")
_VALUE = re.compile(
    r"[\"'`]?(?:[ \t]{0,3}(?P<join>:=|=>|=|:|：)[ \t]{0,3}|"
    r"(?P<prose>[ \t](?:[^\s:=]{1,16}[ \t]){0,6}?(?:is|was|ist|lautet|est|es|é|è|jest|to|c'est)[ \t]:?[ \t]?|[ \t]|是|は))"
    r"(?P<quote>[\"'`]?)(?P<value>[^\s\"'`<>|,;]{4,400})"
)
_PIN_WORDS = words("pin pincode puk cvv cvc cvv2 tan otp passcode geheimzahl pinkod")
_PIN = re.compile(
    r"(?:[ -](?:code|number|nummer|nr|kod))?[ \t]?(?:[:=]|(?:of|for)[ ](?:my|the)[ ][^\W\d_]{1,12})?[ \t](?:is|was|ist|est|es|è|é|jest|to|lautet)?[ \t]?[\"'“]?(?P<value>\d{3,8})(?![\w.,]\d|\w)",
    re.IGNORECASE,
)
_CODE_BEFORE = re.compile(
    r"(?<![^\W_])(?:verification|security|confirmation|one[- ]time|login|sign-in|access|authentication|2fa|sms|recovery|backup)[ -]\Z",
    re.IGNORECASE,
)
_STANDS_FOR_A_VALUE = re.compile(
    r"[A-Za-z][\w.\[\]-]*[=~<>!]=\d[\w.*]*|"  # a program's version: "pin numpy==1.26.4"
    r"[<\[{$%(].*|.*(?:\.\.\.|%[sdr]|…|\*{3}|x{4}|\$\{|environ|getenv|process\.env|example|placeholder|redacted|your[_-]?).*|"
    r"changeme|change-me|password|passwd|secret|token|user|username|none|null|nil|true|false|undefined|string|str|int|bool|bytes|"
    r"required|optional|self\..*|os\..*|config\..*|settings\..*|env\..*|args\..*|request\..*|input.*|function.*|.*\(.*",
    re.IGNORECASE,
)
# A name, a type or a call in code: `key=my_key`, `token: tokenize.TokenInfo`, `= None):`.
_IDENTIFIER = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)*(?:\[[\w.\], :-]*)?[\])}:;]*|[A-Za-z_]+=[A-Za-z_]+")
_PASSWORD_ENDS = (
    "password",
    "passwd",
    "pass",
    "pw",
    "pwd",
    "passphrase",
    "passwort",
    "kennwort",
    "contraseña",
    "senha",
    "clave",
    "mdp",
)
_HEX_CONTEXT = re.compile(r"key|secret|token|credential|schlüssel|密钥|clé", re.IGNORECASE)
_LONG_TOKEN = re.compile(r"(?<![A-Za-z0-9+/_=.-])[A-Za-z0-9+/_-]{24,400}={0,2}(?![A-Za-z0-9+/_.-])")
ENTROPY_BITS_MIN = 3.3  # per character; hexadecimal keys of 24 and more have above 3.3, English words below
_MNEMONIC = re.compile(
    r"(?<![^\W_])(?:seed phrase|recovery phrase|mnemonics?|(?:twelve|12|24|twenty-four) words)(?![^\W_])[^:\n]{0,40}:\s?"
    r"(?P<value>[a-z]{3,8}(?: [a-z]{3,8}){11,23})",
    re.IGNORECASE,
)
_CODES = words(
    "clave senha hasło code codes codice código kod kodu combination combinatie pin zahlenschloss türcode zugangscode schließfach digicode"
)
_CODE = re.compile(
    r"[^\W_]+(?:[ \t][^\s:=.,;!?]{1,18}){0,6}?(?:[ \t](?:is|was|est|es|è|é|ist|lautet|jest|to|de|le|la|el|il)){0,2}[ \t]?[:=]?[ \t]?"
    r"[\"'`«]?(?P<value>(?=[A-Za-z#*]{0,4}\d)[A-Za-z0-9#*]{4,10})(?![\w€$%.-]\w?|[ ]?(?:€|%|h\b|km|kg|min))",
)
_OPENS = re.compile(
    r"(?<![^\W_])(?:door|gate|entry|entrance|alarm|safe|locker|lock|lockbox|garage|building|keypad|key box|wifi|wi-fi|portail|porte|immeuble|"
    r"alarme|coffre|casier|garage|portal|puerta|alarma|caja fuerte|taquilla|portone|cancello|allarme|cassaforte|armadietto|tür|tor|haustür|"
    r"tresor|alarmanlage|schließfach|deur|poort|kluis|porta|portão|cofre|alarme|drzwi|bramy|domofonu|alarmu|sejfu|kapı|kasa|digicode|"
    r"zugangscode|türcode|zahlenschloss)(?![^\W_])",
    re.IGNORECASE,
)
_OPTION = re.compile(
    r"(?<![\w-])(?:(?:-u|--user|--proxy-user)[ =][\"']?[^\s:\"']{1,60}:|sshpass\s-p\s?[\"']?|(?:mysql|mysqldump|mariadb)\s(?:-\S{1,40}\s(?:[\w.]{1,40}\s)?){0,4}-p|"
    r"--(?:password|passwd|passphrase|pass)[ =][\"']?|(?i:identified\sby)\s['\"]|requirepass\s)(?P<value>[^\s\"'<>|;]{4,200})"
)
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
_S = FindingType.SECRET


def entropy_bits(token: str) -> float:
    """Shannon's entropy of the characters, in bits for each."""
    counts = Counter(token).values()
    return -sum(n / len(token) * math.log2(n / len(token)) for n in counts)


def _find_private_keys(text: Text) -> Iterator[Finding]:
    at = 0
    while _PEM_START in text.normal and (begin := _PEM.search(text.normal, at)):
        end = _PEM_END.search(text.normal, begin.end()) or _PEM_BODY.match(text.normal, begin.end()) or begin
        yield Finding(begin.start(), end.end(), _S, 0.99, "private_keys")
        at = end.end()


def _find_urls(text: Text) -> Iterator[Finding]:
    for match in _USERINFO.finditer(text.normal) if "@" in text.normal else ():
        if not _STANDS_FOR_A_VALUE.fullmatch(match.group("value").partition(":")[2]):
            yield Finding(*match.span("value"), _S, 0.97, "url_credentials")

    for match in _SIGNED.finditer(text.normal):
        yield Finding(*match.span("value"), _S, 0.9, "url_credentials")


def _find_labelled(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_SCHEMES):
        bearer = _BEARER.match(text.normal, word.end)
        if bearer and _is_mixed(bearer.group("value")) and entropy_bits(bearer.group("value")) >= ENTROPY_BITS_MIN:
            yield Finding(*bearer.span("value"), _S, 0.9, "bearer_tokens")
    for end in _label_ends(text):
        labelled = _VALUE.match(text.normal, end)
        value = labelled.group("value").rstrip(".?)") if labelled else ""
        if not labelled or len(value) < 4 or (_IDENTIFIER.fullmatch(value) and not _is_password(text, end, labelled)):
            continue
        if _is_secret_value(value, joined=labelled.group("join") is not None):
            start = labelled.start("value")
            yield Finding(start, start + len(value), _S, 0.85, "labelled_secrets")


def _find_mnemonics(text: Text) -> Iterator[Finding]:
    """The words that a wallet is made of."""
    for match in _MNEMONIC.finditer(text.normal):
        yield Finding(*match.span("value"), _S, 0.9, "mnemonics")


def _is_password(text: Text, end: int, labelled: re.Match[str]) -> bool:
    """Only a password in quotes may look like a name in code."""
    return bool(labelled.group("quote")) and text.lower.endswith(_PASSWORD_ENDS, 0, end)


def _label_ends(text: Text) -> Iterator[int]:
    for word in text.at_words(_LABELS):
        yield word.end
    for word in text.at_words(frozenset({"key"})):
        if _KEY_BEFORE.search(text.normal, max(0, word.start - 12), word.start):
            yield word.end


def _find_pins(text: Text) -> Iterator[Finding]:
    """Digits alone are a secret beside few labels; and labels of scripts that set no blank."""
    for end in (*(word.end for word in text.at_words(_PIN_WORDS)), *_code_ends(text)):
        pin = _PIN.match(text.normal, end)
        if pin:
            yield Finding(*pin.span("value"), _S, 0.8, "pins")
    if not text.is_ascii:
        for match in _UNSPACED_LABEL.finditer(text.normal):
            yield Finding(*match.span("value"), _S, 0.85, "pins")


def _code_ends(text: Text) -> Iterator[int]:
    """Of "code", where the word before it says that it lets somebody in."""
    for word in text.at_word("code"):
        if _CODE_BEFORE.search(text.normal[max(0, word.start - 18) : word.start]):
            yield word.end


def _find_codes(text: Text) -> Iterator[Finding]:
    """What opens a door: "the gate code is 74A19", "le code du portail est le 74A19"."""
    for word in text.at_words(_CODES):
        match = _CODE.match(text.normal, word.start)
        if match and (_OPENS.search(match.group()) or _OPENS.search(text.normal, max(0, word.start - 28), word.start)):
            yield Finding(*match.span("value"), _S, 0.8, "access_codes")


def _find_options(text: Text) -> Iterator[Finding]:
    """Passwords among the options of a command."""
    for match in _OPTION.finditer(text.normal):
        value = match.group("value")
        is_group = value.isdigit() and len(value) < 6  # "-u 1000:1000"
        if not is_group and not _STANDS_FOR_A_VALUE.fullmatch(value):
            yield Finding(*match.span("value"), _S, 0.9, "command_options")


def _find_answers(text: Text) -> Iterator[Finding]:
    """Answers to a bank's questions, which are passwords."""
    if not text.has_any(_QUESTION_HINTS):
        return
    for match in _QUESTION.finditer(text.normal):
        yield Finding(*match.span("value"), _S, 0.8, "security_questions")


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


def _is_mixed(value: str) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _is_secret_value(value: str, *, joined: bool) -> bool:
    """`joined`: an equals sign or a colon stands between label and value; in prose the value must look unlike a word."""
    if _STANDS_FOR_A_VALUE.fullmatch(value):
        return False
    has_digit = any(c.isdigit() for c in value)
    has_letter = any(c.isalpha() for c in value)
    has_mark = any(not c.isalnum() for c in value.strip("-.:"))
    mixed_case = value[1:].lower() != value[1:] and value.upper() != value
    if joined:
        return has_digit or has_mark or mixed_case
    return (has_letter and has_digit) or (has_mark and mixed_case and len(value) >= 8)


def _find_entropy(text: Text) -> Iterator[Finding]:
    for match in _LONG_TOKEN.finditer(text.normal):
        token = match.group()
        digits = sum(map(str.isdigit, token))
        if digits < max(2, len(token) / 12) or not _is_mixed(token) or entropy_bits(token) < ENTROPY_BITS_MIN:
            continue
        if _HEX_CONTEXT.search(text.normal, max(0, match.start() - 40), match.start()):
            yield Finding(*match.span(), _S, 0.8, "entropy")


_TYPES = frozenset({_S})
_ENTROPY_HINTS = ("key", "secret", "token", "credential", "schlüssel", "密钥", "clé")
_OPTION_WORDS = words("u user sshpass mysql mysqldump mariadb password passwd passphrase pass identified requirepass")
DETECTORS = (
    Detector("private_keys", _TYPES, _find_private_keys, (Evidence(holds=("-----begin ", "private key")),)),
    Detector(
        "pins",
        _TYPES,
        _find_pins,
        (Evidence(_PIN_WORDS | {"code"}, digits=3), *each(_UNSPACED_LABELS, digits=1, other_script=True)),
    ),
    Detector("access_codes", _TYPES, _find_codes, (Evidence(_CODES, digits=1),)),
    Detector("command_options", _TYPES, _find_options, (Evidence(_OPTION_WORDS),)),
    Detector("security_questions", _TYPES, _find_answers, (Evidence(_QUESTION_WORDS),)),
    Detector("passwords_in_prose", _TYPES, _find_in_prose, (Evidence(_PASSWORDS, digits=1),)),
    Detector("url_credentials", _TYPES, _find_urls, (Evidence(holds=("://",)),)),
    Detector("labelled_secrets", _TYPES, _find_labelled, (Evidence(_LABELS | _SCHEMES | {"key"}),)),
    Detector(
        "mnemonics",
        _TYPES,
        _find_mnemonics,
        (Evidence(words("phrase mnemonic mnemonics words"), holds=(":",)),),
    ),
    Detector("entropy", _TYPES, _find_entropy, each(_ENTROPY_HINTS, digits=2, run=24)),
)
