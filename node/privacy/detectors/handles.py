"""What people are called by machines: handles, logins in logs, home directories, names of devices, notes in code."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_HANDLE = re.compile(r"@(?<![\w@/.].)[A-Za-z_][\w.]{2,30}(?<!\.)(?![\w@{]|\.\w|/|[\"']\s?:)")
# Words of code that begin with "@": decorators, annotations and directives are no handles.
_NOT_HANDLE = re.compile(
    r"@(?:raises?|exception|version|license|copyright|brief|file|details|property|staticmethod|classmethod|dataclass|override|deprecated|param|return|returns|throws|media|import|charset|"
    r"keyframes|font|supports|interface|app|router|pytest|component|injectable|autowired|bean|test|entity|since|author|see|"
    r"todo|types|angular|babel|here|everyone|channel|all|latest|next|beta|requestmapping|getmapping|postmapping|service|repository|"
    r"controller|restcontroller|transactional|column|id|table|nullable|notnull|suppresswarnings|functionalinterface|beforeeach|"
    r"aftereach|mock|patch|fixture|given|when|then|cached_property|abstractmethod|overload|final|state|binding|published|main|"
    r"mainactor|objc|escaping|layer|tailwind|apply|include|extends|mixin|use|example|link|code|type|typedef|namespace|if|else|"
    r"foreach|section|yield|lru_cache|cache|wraps|task|click|flask|given|settings|contextmanager|validator|jit|inject|output|"
    r"viewchild|hostlistener|pipe|directive|module|query|mutation|skip|prefix|vocab|base|attribute|client)(?:\W.*)?",
    re.IGNORECASE | re.DOTALL,
)
_HOME = re.compile(
    r"(?:(?<![\w.])/(?:home|Users)/|(?<![^\W_])[A-Za-z]:\\{1,2}(?:Users|Benutzer|Utilisateurs|Usuarios|Utenti)\\{1,2})(?P<login>[^\s/\\:\"'<>|]{2,32}(?: [A-ZÀ-Þ][^\s/\\:\"'<>|]{1,24})?)"
)
_NOTE = re.compile(r"(?<![^\W_])(?:TODO|FIXME|XXX|HACK|NOTE|REVIEW)\s?\(@?(?P<login>[A-Za-z][\w.-]{1,30})\)")
_DEVICE = re.compile(
    r"(?<![\w.-])(?:[a-z]{2,16}[.-])?(?P<owner>[A-Za-z]{3,16}?)(?:s|['’]s)?[-_ ](?:iphone|ipad|macbook(?:[-_](?:pro|air))?|mbp|laptop|notebook|pixel|galaxy|"
    r"thinkpad|surface|airpods|handy|telefon|telefoon|pc|desktop|phone|watch)(?:[-_]?\d{1,2})?(?![\w])",
    re.IGNORECASE,
)
NOT_OWNER = words(
    "the my your his her our their this that new old work home office gaming test dev build company corporate personal a an any "
    "smart cell mobile apple samsung google microsoft dell lenovo windows linux mac android desktop laptop host pro max plus mini "
    "remote virtual cloud lab demo guest spare shared team staff student family media server web business school own first second used "
    "refurbished cheap best good budget another each every which what tablet"
)
_LOGIN_WORDS = words("user login logged su sudo")
_LOGGED = re.compile(
    r"(?:user|login|logged in as|su:|sudo:)[ \t=:]{1,3}[\"']?"
    r"(?P<login>[a-z][a-z0-9]{1,20}[._-][a-z0-9._-]{1,30}|[a-z][a-z0-9]{2,20}(?=(?:\(uid| from \d|@[\w.-]{3,40}[\s:$])))"
)
_FROM = re.compile(r"for (?P<login>[a-z][a-z0-9._-]{2,30}) from [\da-f]{1,4}[.:]")
_SSH_USER = re.compile(r"^[ \t]{1,8}User[ \t=]{1,3}(?P<login>[\w.-]{2,32})[ \t]*$", re.MULTILINE)
_LOGIN_AT = re.compile(
    r"(?<![\w.@/-])(?:ssh|scp|rsync|sftp|mosh)\s(?:-\S{1,20}\s(?:\S{1,60}\s)?){0,3}(?P<login>[\w.-]{2,32})@[\w.-]{2,80}"
)
_PROFILE = re.compile(
    r"/(?:people|person|users?|profiles?|in|members?|employees?|staff|customers?|clients?|contacts?|patients?|students?|authors?|u)/"
    r"@?(?P<login>[^\W\d_]{2,20}(?:(?:[._-]|%20)[^\W_]{1,24}){1,4})(?![\w/.-]*\.(?:html?|php|py|js|ts|css|md|json)\b)"
)
_PROFILE_WORDS = words(
    "people person user users profile profiles in member members employee employees staff customer customers client clients "
    "contact contacts patient patients student students author authors u"
)
_HOME_WORDS = words("users benutzer utilisateurs usuarios utenti")
_NICK = re.compile(
    r"^(?:\[?\d{1,2}:\d\d(?::\d\d)?\]?[ \t]{1,3})?<[@+~&%]?(?P<login>[^\W\d][\w|^-]{1,19})>[ \t](?=\S)", re.MULTILINE
)
_TAGS = words(
    "p div span b i em strong a li ul ol td tr th code pre br hr img h1 h2 h3 body head html table form input button script name date text title"
)
SERVICES = words(
    "admin administrator root user test tester guest none default system service daemon nobody anonymous sign-in sign-up sign-out log-in log-out reset-password forgot-password change-password my-account new-user public www-data ubuntu debian "
    "ec2-user centos postgres mysql oracle redis git deploy jenkins runner vagrant docker backup nginx apache sa dev app shared example "
    "username foo bar you me all everyone invalid unknown systemd-network systemd-resolve root. pi vscode node default.migrated"
)
OWNER_CHARACTERS = 36
_DEVICES = words(
    "iphone ipad macbook mbp laptop notebook pixel galaxy thinkpad surface airpods handy telefon telefoon pc desktop phone watch"
)
_H = FindingType.HANDLE


def _find_handles(text: Text) -> Iterator[Finding]:
    for match in _HANDLE.finditer(text.normal):
        if not _NOT_HANDLE.fullmatch(match.group()) and not _is_decorator(text.normal, *match.span()):
            yield Finding(*match.span(), _H, 0.7, "handles")


def _is_decorator(text: str, start: int, end: int) -> bool:
    """Alone on its line, or with arguments: "@registry.layers("."""
    if text[end : end + 1] == "(":
        return True
    before = text[text.rfind("\n", max(0, start - 40), start) + 1 : start]
    return text[end : end + 1] in ("", "\n") and not before.strip() and "\n" in text


def _find_nicks(text: Text) -> Iterator[Finding]:
    """Who speaks in a log of a chat; not in HTML."""
    if "</" in text.normal:
        return
    for match in _NICK.finditer(text.normal):
        nick = match.group("login").lower()
        if nick not in _TAGS and nick not in SERVICES:
            yield Finding(*match.span("login"), _H, 0.8, "nicks")


def _login_detector(name: str, pattern: re.Pattern[str], *evidence: Evidence) -> Detector:
    def find(text: Text) -> Iterator[Finding]:
        for match in pattern.finditer(text.normal):
            if _is_somebodys(match):
                yield Finding(*match.span("login"), _H, 0.8, name)

    return Detector(name, frozenset({_H}), find, evidence)


def _find_logins(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_LOGIN_WORDS):
        logged = _LOGGED.match(text.normal, word.start)
        if logged and _is_somebodys(logged):
            yield Finding(*logged.span("login"), _H, 0.8, "logins")


def _is_somebodys(match: re.Match[str]) -> bool:
    login = match.group("login").lower().strip(".")
    return login not in SERVICES and not login.endswith((".html", ".htm", ".php", ".py", ".js", ".md", ".json"))


def _find_devices(text: Text) -> Iterator[Finding]:
    """A name such as "noras-iphone" says who carries it. Joined by a blank it must be a possessive."""
    for word in text.at_words(_DEVICES):
        match = _DEVICE.search(text.normal, max(0, word.start - OWNER_CHARACTERS), word.end + 8)
        if match is None or not match.start() < word.end <= match.end():
            continue
        owner = match.group("owner").lower()
        if owner in NOT_OWNER or owner + "s" in NOT_OWNER:
            continue
        joint = text.normal[match.end("owner") : match.end()].lstrip("sS'’")[:1]
        if joint == " " and "'" not in match.group() and "’" not in match.group():
            continue
        yield Finding(*match.span(), _H, 0.7, "devices")


DETECTORS = (
    Detector("handles", frozenset({_H}), _find_handles, (Evidence(holds=("@",)),)),
    Detector("nicks", frozenset({_H}), _find_nicks, (Evidence(holds=("<",)),)),
    _login_detector(
        "homes",
        _HOME,
        Evidence(words("home"), holds=("/",)),
        Evidence(_HOME_WORDS, holds=(":\\",)),
        Evidence(words("users"), holds=("/",)),
    ),
    _login_detector("notes", _NOTE, Evidence(words("todo fixme xxx hack note review"), holds=("(", ")"))),
    _login_detector("accepted", _FROM, Evidence(words("from"), holds=("for ",))),
    _login_detector("profiles", _PROFILE, Evidence(_PROFILE_WORDS, holds=("/",))),
    _login_detector("ssh_users", _SSH_USER, Evidence(words("user"))),
    _login_detector("remote_logins", _LOGIN_AT, Evidence(words("ssh scp rsync sftp mosh"), holds=("@",))),
    Detector("logins", frozenset({_H}), _find_logins, (Evidence(_LOGIN_WORDS),)),
    Detector("devices", frozenset({_H}), _find_devices, (Evidence(_DEVICES),)),
)
