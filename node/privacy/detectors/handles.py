"""What people are called by machines: handles, logins in logs, home directories, names of devices, notes in code."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, pattern_detector
from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import is_software, is_word
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
    r"^(?:[\[(]?(?:\d{4}-\d\d-\d\d[ T])?\d{1,2}:\d\d(?::\d\d)?(?:[ ]?[AaPp][Mm])?[\])]?[ \t]{1,3})?<[@+~&%]?(?P<login>[^\W\d][\w.|^-]{1,29})>[ \t](?=\S)",
    re.MULTILINE,
)
# "[14:02] moss_piglet: hm", "moss.piglet87: hm", "moss_piglet  2:14 PM": a name that only an account has.
_SPEAKER = re.compile(
    r"^(?:(?:[\[(]?(?:\d{4}-\d\d-\d\d[ T]|\d{1,2}[./]\d{1,2}[./]\d{2,4},?[ ])?\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:[ ]?[AaPp][Mm])?[\])]?[ \t]{0,3}(?:-[ ])?)(?P<timed>[^\W\d][\w.-]{2,29})|"
    r"(?P<login>[^\W\d][^\W_]{0,24}(?:[._-][^\W_]{1,24}){1,2}|[^\W\d_]{4,20}\d{1,4}))(?:[ \t]?:[ \t](?=\S+[ \t]\S)|[ \t]{1,4}(?:APP[ \t]{1,2})?[\[(]?\d{1,2}:\d\d(?:[ ]?[AaPp][Mm])?[\])]?[ \t]*$)",
    re.MULTILINE,
)
_SAID = re.compile(r"^[^\s:]{2,30}:[ ]\S+[ ]\S", re.MULTILINE)
SPEAKERS_MIN = 2
# "* moss_piglet has joined #beds", "moss.piglet joined the channel", "@moss changed the topic".
_JOINED = re.compile(
    r"(?:^|[*>-]{1,3}[ ])@?(?P<login>[^\W\d][\w.|^-]{2,29})[ ](?:\([^()\n]{1,80}\)[ ])?(?:(?:has|was)[ ])?(?:joined|left|quit|parted|kicked|banned|muted|pinned|set the (?:channel )?topic|changed the (?:channel )?topic|is now known as)(?=[ \n.!,]|\Z)",
    re.MULTILINE,
)
_JOINED_WORDS = words("joined left quit parted kicked banned muted pinned set changed known")
# An address of e-mail that code puts together: "kim@" + "firm.example". Where "@" stands alone, `emails` finds it.
_PLUS = r"[ \t]{0,2}(?:[+.&,~]|\|\||\.\.)[ \t]{0,2}"
_JOINED_EMAIL = re.compile(
    rf"(?P<q>[\"'`])[\w.+-]{{1,40}}(?:@(?P=q){_PLUS}(?P=q)|(?P=q){_PLUS}(?P=q)@)[\w-]{{1,40}}(?:\.[\w-]{{1,40}}){{0,3}}(?:(?P=q){_PLUS}(?P=q))?\.[A-Za-z]{{2,12}}(?P=q)"
)
# Whose code a package says that it is: the owner's part of "package com.firm.billing;".
_PACKAGE = re.compile(
    r"^[ \t]{0,8}(?:package|namespace|<groupId>|groupId[ =:]{1,3}[\"']?|applicationId[ =]{1,3}[\"']?|PRODUCT_BUNDLE_IDENTIFIER[ =]{1,3}[\"']?|bundle_?[iI]d(?:entifier)?[\"' =:]{1,5})[ \t]{0,2}"
    r"(?:com|org|net|biz|io|co|de|fr|it|es|nl|pl|pt|br|uk\.co|co\.uk|tr|jp|cn|kr|in|eu|ch|at|be|se|no|dk|fi|ru|mx|ar|au|ca|us)\.(?P<owner>[a-z][a-z0-9_]{4,40})(?=[.;\s\"'<]|\Z)",
    re.MULTILINE | re.IGNORECASE,
)
_PACKAGE_WORDS = words("package namespace groupid applicationid identifier bundle bundleid bundleidentifier")
_VENDORS = words(
    "example mycompany company yourcompany acme myapp fasterxml springframework jetbrains mozilla hashicorp atlassian facebook android androidx kotlin scala "
    "netty vertx quarkus micronaut eclipse sourceforge codehaus slf4j junit mockito hibernate googlecode github gitlab bitbucket squareup alibaba baidu tencent"
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


# What stands for a value in code, or says that there is none.
_CODE_WORDS = words(
    "self this req request res response ctx env os config cfg conf settings args argv params param body session form data payload row record props "
    "process auth uuid str int varchar bool null none nil true false undefined enum oauth jwt api db smtp imap ssh ssl tls dns tcp udp nginx isbn issn utf8 login logins username usernames hostname timestamp datasource spring logging utf gif png jpg jpeg svg pdf csv xml html css mp3 mp4 url sql ldap http https url uri async await func fn "
    "const def var let obj ptr len idx tmp src dst cmd init admin1 user1 user2 test1 testuser johndoe jdoe janedoe your-username yourname yourusername "
    "myuser myname someuser somebody john_doe jane_doe jane.doe john.doe xxx www docs repo repos org orgs localhost bot nextval auto uid gid"
)
_PIECE = re.compile(r"[^\W\d_]+")
ACCOUNT_CHARACTERS_MIN = 3


def is_account(value: str) -> bool:
    """Whether what stands where an account's name does can be somebody's: neither a service, nor a placeholder, nor
    an expression of code, which is made of words."""
    lower = value.lower().strip(".-_")
    if len(lower) < ACCOUNT_CHARACTERS_MIN or not _is_of_nobody_known(lower):
        return False
    pieces = [piece for piece in _PIECE.findall(lower) if len(piece) > 1]
    return any(
        not (piece in _CODE_WORDS or piece in SERVICES or is_word(piece) or is_software(piece)) for piece in pieces
    )


def _is_of_nobody_known(login: str) -> bool:
    return login not in SERVICES and login not in _CODE_WORDS and not login.endswith(_FILE_ENDINGS)


_FILE_ENDINGS = (
    ".html",
    ".htm",
    ".php",
    ".py",
    ".js",
    ".ts",
    ".md",
    ".json",
    ".yml",
    ".yaml",
    ".com",
    ".org",
    ".net",
    ".io",
)


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


def _find_speakers(text: Text) -> Iterator[Finding]:
    others_speak = len(_SAID.findall(text.normal)) >= SPEAKERS_MIN
    for match in _SPEAKER.finditer(text.normal):
        group = "timed" if match.group("timed") else "login"
        login = match.group(group)
        # Without a time it is a speaker's only where others speak as well.
        if group == "login" and not (others_speak and login.islower()):
            continue
        if is_account(login):
            yield Finding(*match.span(group), _H, 0.75, "speakers")
    if not _JOINED_WORDS.isdisjoint(text.vocabulary):
        for match in _JOINED.finditer(text.normal):
            login = match.group("login")
            if any(c in "._-|^" or c.isdigit() for c in login) and is_account(login):
                yield Finding(*match.span("login"), _H, 0.75, "speakers")


def _find_packages(text: Text) -> Iterator[Finding]:
    for match in _PACKAGE.finditer(text.normal):
        owner = match.group("owner").lower()
        if not (owner in _VENDORS or is_word(owner) or is_software(owner)):
            yield Finding(*match.span("owner"), FindingType.ORGANISATION, 0.75, "packages")


def _login_detector(name: str, pattern: re.Pattern[str], *evidence: Evidence) -> Detector:
    def find(text: Text) -> Iterator[Finding]:
        for match in pattern.finditer(text.normal):
            if _is_somebodys(match):
                yield Finding(*match.span("login"), _H, 0.8, name)

    return Detector(name, frozenset({_H}), find, evidence)


def _find_logins(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_LOGIN_WORDS):
        logged = _LOGGED.match(text.normal, word.start)
        if logged and _is_somebodys(logged) and is_account(logged.group("login")):
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
    Detector("speakers", frozenset({_H}), _find_speakers, (Evidence(holds=(":",)), Evidence(_JOINED_WORDS))),
    Detector(
        "packages", frozenset({FindingType.ORGANISATION}), _find_packages, (Evidence(_PACKAGE_WORDS, holds=(".",)),)
    ),
    pattern_detector(
        "emails_in_code",
        FindingType.EMAIL,
        _JOINED_EMAIL,
        Evidence(holds=("@",)),
        score=0.9,
    ),
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
