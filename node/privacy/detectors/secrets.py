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
    r"[?&](?:sig|secret|totp|code_verifier|refresh_token|session_id|signature|x-amz-signature|x-amz-security-token|x-goog-signature|access_token|id_token|api_?key|auth)=(?P<value>[^\s&#\"'<>]{12,2000})",
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
    r"(?:密码|口令|密钥|合言葉|パスコード|パスワード|暗証番号|비밀번호|كلمة السر)[ \t]?(?:は|为|是|[:：=]|는|هي)?[ \t]?[\"'「]?(?P<value>(?=[!-~]{0,30}\d)[!-+.-:=?-~-]{4,60}|[A-Za-z]{6,30})"
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
_OPTION = re.compile(
    r"(?<![\w-])(?:(?:-u|--user|--proxy-user)[ =][\"']?[^\s:\"']{1,60}:|sshpass\s-p\s?[\"']?|(?:mysql|mysqldump|mariadb)\s(?:-\S{1,40}\s(?:[\w.]{1,40}\s)?){0,4}-p|"
    r"--(?:password|passwd|passphrase|pass)[ =][\"']?|(?i:identified\sby)\s['\"]|requirepass\s)(?P<value>[^\s\"'<>|;]{4,200})"
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


def _find_options(text: Text) -> Iterator[Finding]:
    """Passwords among the options of a command."""
    for match in _OPTION.finditer(text.normal):
        value = match.group("value")
        is_group = value.isdigit() and len(value) < 6  # "-u 1000:1000"
        if not is_group and not _STANDS_FOR_A_VALUE.fullmatch(value):
            yield Finding(*match.span("value"), _S, 0.9, "command_options")


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
        (Evidence(_PIN_WORDS | {"code"}, digits=3), *each(_UNSPACED_LABELS, other_script=True)),
    ),
    Detector("command_options", _TYPES, _find_options, (Evidence(_OPTION_WORDS),)),
    Detector("url_credentials", _TYPES, _find_urls, (Evidence(holds=("://",)),)),
    Detector("labelled_secrets", _TYPES, _find_labelled, (Evidence(_LABELS | _SCHEMES | {"key"}),)),
    Detector("entropy", _TYPES, _find_entropy, each(_ENTROPY_HINTS, digits=2, run=24)),
)
