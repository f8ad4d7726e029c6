"""Who works at a machine, told by what machines print: logs, listings, prompts, commits; and whose a host is."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.detectors.handles import NOT_OWNER, SERVICES, is_account
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_LOGIN = r"(?P<login>[a-z][\w.-]{1,30}?)"
_PATTERNS: tuple[tuple[str, re.Pattern[str], tuple[Evidence, ...]], ...] = (
    (
        "sudoers",
        re.compile(rf"(?<!\w)(?:sudo|su|doas|cron|crond|CRON)(?:\[\d{{1,7}}\])?:\s{{1,8}}\(?{_LOGIN}(?:\s:\s|\)\s)"),
        (Evidence(words("sudo su doas cron crond"), holds=(":",)),),
    ),
    (
        "prompts",
        re.compile(rf"^[\[(]?{_LOGIN}@[\w.-]{{1,60}}(?::|\s)[~/\w. -]{{0,60}}\]?[$#%>](?:\s|$)", re.MULTILINE),
        (Evidence(holds=("@",)),),
    ),
    (
        "listings",
        re.compile(
            rf"(?<!\S)[dlcbps-]r(?:wx|w-|--|-x)(?:[r-][w-][xsStT-]){{2}}[.+@]?\s{{1,4}}\d{{1,4}}\s{{1,8}}{_LOGIN}\s{{1,16}}[\w.-]{{1,32}}\s{{1,16}}\d"
        ),
        each(("rwx", "rw-", "r--", "r-x"), digits=1),
    ),
    (
        "owners",
        re.compile(rf"(?<!\w)(?:chown|chgrp)\s(?:-\S{{1,20}}\s){{0,3}}{_LOGIN}(?=[:.\s])"),
        (Evidence(words("chown chgrp")),),
    ),
    (
        "accounts_of_systems",
        re.compile(
            rf"(?<!\w)(?:useradd|adduser|userdel|deluser|usermod|chage|loginctl\s\w{{1,20}}|passwd|gpasswd|finger)\s(?:-{{1,2}}\S{{1,24}}\s(?:[\w/,.]{{1,40}}\s)?){{0,4}}{_LOGIN}(?=$|[\s;|&`\"'])",
            re.MULTILINE,
        ),
        (Evidence(words("useradd adduser userdel deluser usermod chage loginctl passwd gpasswd finger")),),
    ),
    (
        "commits",
        re.compile(
            r"(?<![^\W_])(?:[Aa]uthor|[Cc]ommitter|[Cc]ommit(?:ted)?[ -]by|[Tt]agger|[Mm]aintainer|[Cc]o-[Aa]uthored-[Bb]y|[Ss]igned-[Oo]ff-[Bb]y|[Rr]eviewed-[Bb]y|[Aa]cked-[Bb]y|[Tt]ested-[Bb]y|"
            r"[Rr]eported-[Bb]y|[Ss]uggested-[Bb]y|[Pp]ushed by|[Mm]erged by)[: ]\s{0,4}@?(?P<login>[A-Za-z][\w.-]{1,38})(?=\s<|\s?$|\s\()",
            re.MULTILINE,
        ),
        (
            Evidence(
                words(
                    "author committer committed commit tagger maintainer authored off reviewed acked tested reported suggested pushed merged"
                )
            ),
        ),
    ),
)
_COMMON = words(
    "unknown anonymous bot dependabot renovate github noreply git jenkins buildbot ci wheel staff users nogroup nobody me myself none of by the this that name id email date title is was your you"
)
_DEVICES = r"laptop|notebook|pc|desktop|computer|macbook|mbp|iphone|ipad|handy|phone|telefon|tablet|printer|nas|ordinateur|portable|portatil|ordi|ws|workstation"
_HOST = re.compile(
    rf"(?<![\w.-])(?P<host>(?:{_DEVICES})[-_](?:of|de|von|del|di|van|da|d)[-_](?P<owner>[^\W\d_]{{3,20}})(?:[-_]\d{{1,3}})?(?:\.[a-z][a-z0-9-]{{1,20}}){{0,4}})(?![\w-])",
    re.IGNORECASE,
)
_NOBODYS = words(
    "las los der die den het una une casa oficina bureau büro office sala salle test invitados gast gäste visitas recepcion accueil empfang dev prod backup guest guests"
)
# Keys of settings, records and logs whose value is an account, however it is joined to them: "uid=", "ansible_user: ".
_ACCOUNT_KEYS = (
    "uid|uids|memberuid|username|user_name|usernames|login|loginname|login_name|logon|logname|nick|nickname|handle|screenname|screen_name|alias|samaccountname|"
    "userprincipalname|mailnickname|account_name|accountname|ansible_user|ansible_ssh_user|ansible_become_user|remote_user|become_user|ssh_user|sshuser|sftp_user|"
    "os_user|effective_user|run_as|runas|run_by|owner|owners|assignee|assignees|author|reviewer|reviewers|requested_reviewers|committer|maintainer|maintainers|"
    "created_by|createdby|updated_by|updatedby|modified_by|modifiedby|assigned_to|assignedto|approved_by|approver|requested_by|submitted_by|reported_by|reporter|"
    "opened_by|closed_by|merged_by|pushed_by|invited_by|uploaded_by|deleted_by|locked_by|actor|requester|submitter|on_call|oncall|slack_user|github_user|gitlab_user|"
    "github_username|telegram|instagram|insta|snapchat|discord|skype|twitter|mastodon|gamertag|benutzername|benutzerkennung|kennung|identifiant|pseudo|utilisateur|"
    "usuario|apodo|utente|nomeutente|gebruikersnaam|gebruiker|użytkownik|kullanıcı|логин|пользователь|ユーザー名|用户名|账号|帳號|아이디|사용자"
)
_ACCOUNT_AT = re.compile(
    rf"(?<![^\W_])(?:{_ACCOUNT_KEYS})[\"'`]?[ \t]{{0,2}}(?:=>|[:=：])[ \t]{{0,3}}[\[(]?(?P<quote>[\"'`]?)@?(?P<login>[A-Za-zÀ-ž][\w.-]{{1,40}}[\w])(?P=quote)(?![\w(@/\\\[:]|[ \t]?=|[ \t][\w'’-])",
    re.IGNORECASE,
)
_ACCOUNT_WORDS = frozenset(key.split("_")[0] for key in _ACCOUNT_KEYS.split("|"))
# "ssh://kim@build.example", "git clone kim@host:repo": whoever logs in, not what is asked for by everybody.
_LOGIN_IN_URL = re.compile(r"(?:ssh|sftp|ftp|rsync|smb|scp|svn\+ssh|git\+ssh)://(?P<login>[A-Za-z][\w.-]{1,31})@")
_H = FindingType.HANDLE


def _find_accounts(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_ACCOUNT_WORDS):
        match = _ACCOUNT_AT.match(text.normal, word.start)
        if match and is_account(match.group("login")):
            yield Finding(*match.span("login"), _H, 0.8, "account_names")


def _is_somebodys(login: str) -> bool:
    login = login.lower().strip(".-_")
    return len(login) > 1 and login not in SERVICES and login not in _COMMON and not login.startswith("_")


def _login_detector(name: str, pattern: re.Pattern[str], evidence: tuple[Evidence, ...]) -> Detector:
    def find(text: Text) -> Iterator[Finding]:
        for match in pattern.finditer(text.normal):
            if _is_somebodys(match.group("login")):
                yield Finding(*match.span("login"), _H, 0.8, name)

    return Detector(name, frozenset({_H}), find, evidence)


def _find_hosts(text: Text) -> Iterator[Finding]:
    for match in _HOST.finditer(text.normal):
        owner = match.group("owner").lower()
        if owner not in NOT_OWNER and owner not in _NOBODYS:
            yield Finding(*match.span("host"), _H, 0.75, "hosts")


DETECTORS = (
    *(_login_detector(name, pattern, evidence) for name, pattern, evidence in _PATTERNS),
    _login_detector("logins_in_urls", _LOGIN_IN_URL, (Evidence(holds=("://", "@")),)),
    Detector(
        "account_names",
        frozenset({_H}),
        _find_accounts,
        tuple(Evidence(_ACCOUNT_WORDS, holds=(joint,)) for joint in ":=："),
    ),
    Detector("hosts", frozenset({_H}), _find_hosts, (Evidence(words(_DEVICES.replace("|", " "))),)),
)
