"""Passwords and keys where files and programs keep them: each format gives them away, whatever they look like."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_S = FindingType.SECRET
# What stands for a value, or is a setting of another kind.
_NO_VALUE = re.compile(
    r"[<\[{$%(].*|.*(?:\.\.\.|\$\{|\{\{|\*{3}|example|placeholder|redacted|changeme|change_me|your[_-]?).*|(?:my|the|a)?[_-]?(?:password|passwd|pass|secret|token|key)|"
    r"x+|none|null|nil|true|false|yes|no|on|off|undefined|string|str|text|int|bool|bytes|required|optional|basic|digest|strict|enabled|disabled|default|plain|"
    r"database|username|user|prompt|hidden|masked|secure|weak|strong|empty|blank|unset|missing|invalid|expired|wrong|scram-sha-256|md5|trust|peer|"
    r"[a-z_]+\(.*|(?:self|os|env|config|settings|args|request|process|vault|var|local|data|module|secrets)\..*",
    re.IGNORECASE,
)
_WIFI = re.compile(r"WIFI:(?P<fields>(?:[A-Z0-9]{1,3}:(?:\\.|[^;\\\n]){0,80};){1,8};?)")
_WIFI_FIELD = re.compile(r"(?P<key>[A-Z0-9]{1,3}):(?P<value>(?:\\.|[^;\\\n]){1,80});")
_ENDINGS = r"pass|passwd|passwort|password|passphrase|passcode|pw|pwd|secret|psk|kennwort|mdp|clave|contrasena|senha|haslo|sifre"
# A setting on a line of its own, whose name ends so: the value may be any word. And one of the environment anywhere.
_SETTING = re.compile(
    rf"^[ \t]*(?:(?:export|set|setx|ENV|ARG|-|\$env:)[ \t]*)?[\"']?(?P<key>[A-Za-z][\w.\[\]-]{{0,60}}[_.-](?:{_ENDINGS}))[\"']?"
    r"(?:[ \t]?=[ \t]?|:[ \t]{1,4}|[ \t]{1,4}(?=[\"']))[\"']?(?P<value>[^\s\"'#<>${}()\[\],;]{4,120})[\"']?[ \t]*[,;]?[ \t]*(?:#[^\n]*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_ENVIRONMENT_ENDS = tuple(
    before + end
    for before in ("", "PG", "SSH", "DB", "SMTP", "FTP", "SMB", "MYSQL", "USER", "ADMIN", "ROOT")
    for end in ("PASS", "PASSWD", "PASSWORD", "PASSPHRASE", "PW", "PWD", "SECRET")
)
_ENVIRONMENT_WORDS = frozenset(map(str.lower, _ENVIRONMENT_ENDS)) | {"auth"}
_ENVIRONMENT = re.compile(r"=[\"']?(?P<value>[^\s\"'$<>{}();,]{4,120})(?![^\s\"';,])")
_PGPASS = re.compile(
    r"(?<![\w.:/-])(?:[A-Za-z][\w.-]{1,80}|\*|\d{1,3}(?:\.\d{1,3}){3}):(?:\d{2,5}|\*):(?:[\w-]{1,40}|\*):[\w.-]{1,40}:(?P<value>[^\s:\"']{4,120})(?![\w:])"
)
_PORT = re.compile(r":(?:\d{2,5}|\*):[\w*]")
_NETRC_WORDS = words("password passwd")
_NETRC = re.compile(r"(?<!\w)(?:login|user)\s{1,8}\S{1,80}\s{1,8}(?:password|passwd)\s{1,8}(?P<value>\S{3,120})")
_STORED = re.compile(r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?P<value>[A-Za-z0-9+/_.~-]{12,4000}={0,2})(?![\w+/=])")
_STORED_WORDS = words("auth identitytoken registrytoken authtoken token data")
_KEY_DATA = ("client-key-", "client_key_", "clientkey")
_HEADER = re.compile(
    r"(?<![^\W_])(?:proxy-)?authorization[\"']?\s{0,2}[:=,]\s{0,2}[\"']?(?:(?P<scheme>basic|digest|negotiate|ntlm|token|apikey|key|bearer|hawk|aws4-hmac-sha256)\s{1,3})?(?P<value>[^\s\"',]{8,4000})",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"(?<!\w)(?:response|signature|mac)=\"?(?P<value>[A-Za-z0-9+/=]{16,128})", re.IGNORECASE)
_SESSION = re.compile(
    r"(?:sess(?:ion)?(?:_?id)?|sid|remember_?me|remember_(?:user_)?token|csrftoken|csrf_token|xsrf-token|auth(?:_?token)?|jwt|access_token|logged_in)"
    r"(?:_[0-9a-f]{8,32})?=\"?(?P<value>[^\s;,\"'&<>$]{8,4000})",
    re.IGNORECASE,
)
_SESSION_HINTS = ("sess", "sid=", "remember", "csrf", "xsrf", "auth", "jwt=", "access_token", "logged_in")


def _is_value(value: str) -> bool:
    return _NO_VALUE.fullmatch(value) is None


def _found(pattern: re.Pattern[str], text: Text, name: str, score: float = 0.85) -> Iterator[Finding]:
    for match in pattern.finditer(text.normal):
        if _is_value(match.group("value")):
            yield Finding(*match.span("value"), _S, score, name)


def _find_wifi(text: Text) -> Iterator[Finding]:
    """What a code for guests says: the network, which is called like those who live there, and its password."""
    for match in _WIFI.finditer(text.normal):
        for field in _WIFI_FIELD.finditer(text.normal, *match.span("fields")):
            if field.group("key") in ("S", "P", "I", "PH2") and _is_value(field.group("value")):
                type_ = FindingType.HANDLE if field.group("key") == "S" else _S
                yield Finding(*field.span("value"), type_, 0.9, "wifi_codes")


def _find_settings(text: Text) -> Iterator[Finding]:
    if not text.has_any("=:"):
        return
    yield from _found(_SETTING, text, "settings", 0.8)
    for word in text.at_words(_ENVIRONMENT_WORDS):
        name = text.normal[word.start : word.end]
        value = _ENVIRONMENT.match(text.normal, word.end) if name.isupper() else None
        is_name = name != "AUTH" or text.normal[word.start - 1 : word.start] == "_"
        if value and is_name and _is_value(value.group("value")):
            yield Finding(*value.span("value"), _S, 0.8, "settings")


def _find_in_files(text: Text) -> Iterator[Finding]:
    if _PORT.search(text.normal):
        yield from _found(_PGPASS, text, "password_files")
    if not _NETRC_WORDS.isdisjoint(text.vocabulary):
        yield from _found(_NETRC, text, "password_files")


def _find_stored(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_STORED_WORDS):
        match = _STORED.match(text.normal, word.end)
        if match is None or (
            text.lower.startswith("data", word.start) and not text.lower.endswith(_KEY_DATA, 0, word.start)
        ):
            continue
        value = match.group("value")
        if _is_value(value) and (any(c.isdigit() for c in value) or value.endswith("=")) and not value.isdigit():
            yield Finding(*match.span("value"), _S, 0.8, "stored_tokens")


def _find_headers(text: Text) -> Iterator[Finding]:
    for header in _HEADER.finditer(text.normal):
        if (header.group("scheme") or "").lower() == "digest":
            yield from _found(_DIGEST, text, "authorization")
        elif (
            _is_value(header.group("value"))
            and (header.group("scheme") or any(map(str.isdigit, header.group("value"))))
            and (any(map(str.isdigit, header.group("value"))) or header.group("value").endswith("="))
        ):
            yield Finding(*header.span("value"), _S, 0.9, "authorization")


def _find_sessions(text: Text) -> Iterator[Finding]:
    for match in _SESSION.finditer(text.normal):
        if any(c.isdigit() for c in match.group("value")) and _is_value(match.group("value")):
            yield Finding(*match.span("value"), _S, 0.85, "sessions")


_TYPES = frozenset({_S})
_SETTING_WORDS = words(_ENDINGS.replace("|", " ")) | _ENVIRONMENT_WORDS
DETECTORS = (
    Detector("wifi_codes", _TYPES | {FindingType.HANDLE}, _find_wifi, (Evidence(holds=("wifi:",)),)),
    Detector("settings", _TYPES, _find_settings, (Evidence(_SETTING_WORDS),)),
    Detector("password_files", _TYPES, _find_in_files, (Evidence(_NETRC_WORDS), Evidence(holds=(":",), digits=2, run=11), Evidence(holds=(":*:",)))),
    Detector("stored_tokens", _TYPES, _find_stored, (Evidence(_STORED_WORDS, run=11),)),
    Detector("authorization", _TYPES, _find_headers, (Evidence(words("authorization")),)),
    Detector("sessions", _TYPES, _find_sessions, each(_SESSION_HINTS, digits=1, run=11)),
)  # fmt: skip
