"""Passwords that are ordinary words: only the place where they stand gives them away. And codes that are sent to somebody."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_S = FindingType.SECRET
_LABELS = words(
    "password passwd passwort kennwort passe mdp contraseña contrasena clave senha wachtwoord hasło haslo parola parolası parolam şifre şifresi şifrem şifremiz lösenord "
    "пароль пароля passphrase passcode pwd pw dbpassword userpassword adminpassword rootpassword"
)
# What is said about a password, or stands for one in programs.
_ABOUT = words(
    "password passwort kennwort contraseña clave senha wachtwoord hasło parola şifre пароль passwd pass secret token username user null none true false string text varchar char integer int bool str "
    "any required optional needed necessary missing empty blank unset wrong right correct incorrect valid invalid weak strong good bad poor long short safe secure insecure unsafe simple easy hard "
    "complex unique same different default temporary permanent plain plaintext visible hidden public private case too very not never always only still already now then here there what which "
    "that this the a an it my your our his her their mine yours known unknown common useless important mandatory sensitive confidential available accepted okay fine ok new old gone lost set reset "
    "bcrypt argon2 scrypt md5 sha1 sha256 hash salt prompt input field value example changeme placeholder masked redacted in on at by for from to of with used just being how when where why "
    "forgotten pflicht geheim wichtig falsch richtig sicher unsicher zu lang kurz leer neu alt weg nötig erforderlich gleich nicht sehr ein eine der die das mein dein ihr unser schwach stark "
    "incorrect oublié perdu trop faible fort vide expiré obligatoire requis le la les un une mon ma votre correcta incorrecta débil fuerte segura larga corta vacía obligatoria nueva una mi muy "
    "corretta errata debole sicura lunga corta vuota nuova una la troppo mia fout juist zwak sterk leeg nodig verplicht te een het de mijn errada fraca forte segura curta muito minha uma złe "
    "słabe silne puste dobre krótkie moje yanlış doğru zayıf güçlü boş kısa неверный слабый пустой надёжный слишком мой safeguard security protection management manager policy"
)
_PARTICIPLE = re.compile(
    r".*(?:ed|ing|able|ible|ive|ous|ful|less|ly|ado|ada|ido|ida|ée?s?|ato|ata|uto|uta|ito|ita|iert|bar|lich|ig|isch|baar|owane|one|ony|miş|mış|muş|müş|lı|li|lu|lü|sız|siz)|ge\w+(?:t|en)",
    re.IGNORECASE,
)
_IN_QUOTES = re.compile(
    r"[\"'`\])]{0,3}\s{0,3}(?::=|=>|=|:|,|value=|\s(?:[^\s\"'`]{1,12}\s){0,5}?(?:is|was|still|ist|est|es|è|jest|to))\s{0,3}(?:value=)?[\"'`“«„](?P<value>[^\s\"'`”»“<>{}|$]{4,60})[\"'`”»“]"
)
_IN_PROSE = re.compile(
    r"(?:['’]s)?(?:[ ][^\s:=.,;!?\"'`(){}]{1,14}){0,6}?(?:[ ](?:is|was|ist|lautet|est|es|è|é|jest|to)(?:[ ](?:now|still|just|jetzt|ahora|now|nu))?[ ]|[ ]?[:：][ ]{1,2})(?P<value>[^\W\d_]{5,24})(?=[.,;!?)\n]|\Z|[ ](?:and|und|et|y|e|en|i|ve|и)[ ])"
)
_OF_PROGRAMS = frozenset("{}();=<>[]")
_AS = re.compile(
    r"(?<!\S)[\"'`“]?(?P<value>[^\s\"'`”,;:(){}=<>]{4,40})[\"'`”]?[ ](?:as|als|comme|como|come|jako|olarak)(?:[ ](?:the|my|our|his|her|a|das|mein|le|la|mon|mi|sua|o|het|mijn))?"
    r"[ ](?:\w{2,10}[ ])?(?:password|passwort|kennwort|mot de passe|contraseña|clave|senha|wachtwoord|hasło|şifre|passphrase|pin)(?![^\W_])",
    re.IGNORECASE,
)
_AS_LABELS = words("password passwort kennwort passe contraseña clave senha wachtwoord hasło şifre passphrase pin")
_IN_CONNECTION = re.compile(
    r"(?<![\w.-])(?:password|passwd|pwd)=[\"']?(?P<value>[^\s\"'&;,<>${}()]{4,80})", re.IGNORECASE
)
_CONNECTED = re.compile(
    r"(?<![\w-])(?:host|server|user|username|uid|user id|dbname|database|data source|login|email)=[\"']?[^\s\"'&;]",
    re.IGNORECASE,
)
_LOGIN_OPTION = re.compile(
    r"(?<!\w)(?:docker|podman|helm|skopeo|buildah|cf|oc|az|nerdctl)\s(?:registry\s)?login\b[^\n]{0,160}?\s(?:-p|--password)[ =][\"']?(?P<value>[^\s\"']{4,120})|"
    r"--from-literal[ =][\"']?[\w.-]{0,40}(?:pass|password|pw|secret|token|key)=(?P<literal>[^\s\"']{4,200})"
)
# Of network devices: "username ada secret 0 …", "tacacs-server key 7 …", "snmp-server community …".
_DEVICE = re.compile(
    r"(?<![\w-])(?:(?:secret|password|key|key-string)\s[0-9]\s(?=\S{0,60}\d|\S{4,60}\s*$)|snmp-server\scommunity\s|community(?:\sstring\s(?:is|=|:)|\s?[:=])\s?)[\"']?(?P<value>[^\s\"'<>{}]{4,120})",
    re.IGNORECASE,
)
_SENT = re.compile(
    r"(?<![^\W_])(?:(?:verification|security|confirmation|one[- ]time|login|sign-in|access|authentication|activation|unlock)[ -]code|(?:bestätigungs|verifizierungs|sicherheits|freischalt|anmelde|aktivierungs)code|"
    r"code[ ]de[ ](?:confirmation|vérification|sécurité|validation|connexion)|c[óo]digo[ ]de[ ](?:verificación|confirmación|seguridad|acceso|verificação|confirmação|segurança|acesso)|"
    r"codice[ ]di[ ](?:verifica|conferma|sicurezza|accesso)|(?:verificatie|bevestigings|beveiligings|toegangs)code|kod[ ](?:weryfikacyjny|potwierdzający|dostępu|bezpieczeństwa|autoryzacyjny)|"
    r"(?:doğrulama|onay|güvenlik)[ ]kodu\w{0,4}|код[ ](?:подтверждения|доступа|безопасности))(?![^\W_])[^\d\n.!?]{0,16}(?P<value>\d{3,4}[- ]\d{3,4}|\d{4,8})(?![\w%€$])|"
    r"(?:認証コード|確認コード|验证码|校验码|驗證碼|動態密碼|인증[ ]?번호|인증[ ]?코드|رمز[ ](?:التحقق|التأكيد|الدخول))[^\d\n。]{0,8}(?P<unspaced>\d{3,4}[- ]\d{3,4}|\d{4,8})(?!\d)|"
    r"(?<![\w.-])(?:[A-Z]-)?(?P<first>\d{4,8})[ ](?:is|ist|est|es|è)[ ](?:your|the|ihr|dein|votre|ton|su|tu|il[ ]tuo)[ ](?:[^\W\d_]{1,16}[ ]){0,3}(?:code|código|codice|pin|otp)(?![^\W_])",
    re.IGNORECASE,
)
_SENT_WORDS = words(
    "code bestätigungscode verifizierungscode sicherheitscode freischaltcode anmeldecode aktivierungscode código codigo codice verificatiecode bevestigingscode beveiligingscode toegangscode "
    "kod kodu kodunuz kodum код pin otp"
)
_SENT_UNSPACED = words("認証コード 確認コード 验证码 校验码 驗證碼 動態密碼 인증 رمز")
# Of locks: "padlock 0-9-1-8", "14 left, 32 right, 7 left".
_LOCK = re.compile(
    r"[^\W_]+(?:[ ](?:code|combination|combo|number|pin|to|for|of|on|the|my|our|his|her|gym|bike|suitcase|vault|safe|shed)){0,6}(?:[ ](?:is|ist|est|es|è|jest|to))?[ ]?[:=]?[ ]"
    r"(?P<value>\d(?:[ ]?-[ ]?\d){2,7}|\d{1,2}(?:[ ]?-[ ]?\d{1,2}){2,4}|\d{3,5}|\d{1,2}[ ](?:left|right|clockwise|links|rechts)(?:,?[ ](?:then[ ])?\d{1,2}[ ](?:left|right|clockwise|links|rechts)){1,4})(?![\w%€$-]|[.,]\d|[ ]?(?:cm|mm|kg))",
    re.IGNORECASE,
)
_LOCK_WORDS = words(
    "padlock lock locker combination combo pin pins lockbox zahlenschloss candado cadenas lucchetto hangslot kłódka kilit spind taquilla casier armadietto kluisje"
)


def _is_word_of_its_own(value: str) -> bool:
    return value.lower() not in _ABOUT and _PARTICIPLE.fullmatch(value) is None


def _find_words(text: Text) -> Iterator[Finding]:
    in_prose = _OF_PROGRAMS.isdisjoint(text.normal)
    for label in text.at_words(_LABELS):
        quoted = _IN_QUOTES.match(text.normal, label.end)
        if quoted and quoted.group("value").lower() not in _ABOUT:
            yield Finding(*quoted.span("value"), _S, 0.8, "told_passwords")
        told = _IN_PROSE.match(text.normal, label.end) if in_prose else None
        if told and _is_word_of_its_own(told.group("value")):
            yield Finding(*told.span("value"), _S, 0.7, "told_passwords")


def _find_as(text: Text) -> Iterator[Finding]:
    for match in _AS.finditer(text.normal):
        value = match.group("value")
        if (_is_word_of_its_own(value) or any(c.isdigit() for c in value)) and value[0] not in "[<$%*":
            yield Finding(*match.span("value"), _S, 0.7, "told_passwords")


def _find_connected(text: Text) -> Iterator[Finding]:
    """Beside the user or the host in a connection string, a form or a query."""
    if not _CONNECTED.search(text.normal):
        return
    for match in _IN_CONNECTION.finditer(text.normal):
        if match.group("value").lower() not in _ABOUT and match.group("value")[0] not in "[%*":
            yield Finding(*match.span("value"), _S, 0.8, "connection_passwords")


def _find_options(text: Text) -> Iterator[Finding]:
    for match in _LOGIN_OPTION.finditer(text.normal):
        group = "value" if match.group("value") else "literal"
        if match.group(group)[0] not in "<[{$":
            yield Finding(*match.span(group), _S, 0.9, "login_options")
    for match in _DEVICE.finditer(text.normal):
        if match.group("value").lower() not in _ABOUT:
            yield Finding(*match.span("value"), _S, 0.75, "login_options")


def _find_sent(text: Text) -> Iterator[Finding]:
    for match in _SENT.finditer(text.normal):
        yield Finding(*match.span(match.lastgroup or 0), _S, 0.8, "sent_codes")


def _find_locks(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_LOCK_WORDS):
        match = _LOCK.match(text.normal, word.start)
        if match is None:
            continue
        is_pin, value = match.group().lower().startswith("pin"), match.group("value")
        if is_pin and (value.isdigit() or len(re.findall(r"\d", value)) > 6):
            continue
        yield Finding(*match.span("value"), _S, 0.75, "locks")


_TYPES = frozenset({_S})
DETECTORS = (
    Detector("told_passwords", _TYPES, _find_words, (Evidence(_LABELS),)),
    Detector("passwords_as", _TYPES, _find_as, (Evidence(_AS_LABELS),)),
    Detector("connection_passwords", _TYPES, _find_connected, (Evidence(words("password passwd pwd"), holds=("=",)),)),
    Detector(
        "login_options",
        _TYPES,
        _find_options,
        (Evidence(words("login literal community")), Evidence(words("secret password key string"), digits=1)),
    ),
    Detector(
        "sent_codes",
        _TYPES,
        _find_sent,
        (Evidence(_SENT_WORDS, digits=4), *each(_SENT_UNSPACED, digits=4, other_script=True)),
    ),
    Detector("locks", _TYPES, _find_locks, (Evidence(_LOCK_WORDS, digits=2),)),
)
