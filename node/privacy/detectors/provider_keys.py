"""Keys of the common providers, each by the shape that its provider gave it."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.findings import Finding, FindingType

_T = r"[A-Za-z0-9]"
# (lower-case hint, pattern): the hint is looked for first, so that most texts run none of the patterns.
_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (hint, re.compile(rf"(?<![A-Za-z0-9_]){pattern}"))
    for hint, pattern in (
        ("sk-", r"sk-(?:proj-|ant-|svcacct-|or-)?[A-Za-z0-9_-]{16,200}"),
        ("gh", rf"gh[pousr]_{_T}{{20,255}}"),
        ("github_pat", r"github_pat_[A-Za-z0-9_]{20,255}(?:\n[A-Za-z0-9_]{8,255}){0,3}"),
        ("glpat", r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{16,64}"),
        ("xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,250}"),
        ("xapp", r"xapp-[A-Za-z0-9-]{10,250}"),
        ("hooks.slack", r"https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}"),
        ("discord", r"https://discord(?:app)?\.com/api/webhooks/\d{10,25}/[\w-]{30,100}"),
        ("aki", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
        ("asia", r"ASIA[A-Z0-9]{16}"),
        ("aiza", r"AIza[A-Za-z0-9_-]{30,40}"),
        ("ya29.", r"ya29\.[A-Za-z0-9_-]{20,250}"),
        ("gocspx", r"GOCSPX-[A-Za-z0-9_-]{20,40}"),
        ("hf_", rf"hf_{_T}{{20,80}}"),
        ("k_live_", rf"[rsp]k_live_{_T}{{10,250}}"),
        ("k_test_", rf"[rs]k_test_{_T}{{10,250}}"),
        ("whsec_", rf"whsec_{_T}{{16,80}}"),
        ("sg.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
        ("npm_", rf"npm_{_T}{{30,50}}"),
        ("pypi-", r"pypi-[A-Za-z0-9_-]{40,250}"),
        ("dop_v1_", r"do[opr]_v1_[a-f0-9]{40,80}"),
        ("shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,40}"),
        ("sq0", r"sq0[a-z]{3}-[A-Za-z0-9_-]{20,50}"),
        ("age-secret-key", r"AGE-SECRET-KEY-1[A-Z0-9]{50,70}"),
        ("key-", r"key-[0-9a-f]{32}"),
        ("lin_api_", rf"lin_api_{_T}{{30,60}}"),
        ("ntn_", rf"ntn_{_T}{{30,60}}"),
        ("gsk_", rf"gsk_{_T}{{20,80}}"),
        ("xai-", rf"xai-{_T}{{20,120}}"),
        ("pplx-", rf"pplx-{_T}{{20,80}}"),
        ("r8_", rf"r8_{_T}{{30,60}}"),
        ("eyj", r"eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,8000}(?:\.[A-Za-z0-9_-]{0,2000}){0,3}"),
        ("$2", r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{40,60}"),
        ("$argon2", r"\$argon2(?:id|i|d)\$[^\s'\"]{20,250}"),
        ("hv", r"hv[sbr]\.[A-Za-z0-9_-]{20,300}"),
        ("sbp_", r"sbp_[a-f0-9]{40}"),
        ("dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{20,60}"),
        ("tskey-", r"tskey-[a-z]{2,12}-[A-Za-z0-9-]{16,100}"),
        ("figd_", r"figd_[A-Za-z0-9_-]{30,60}"),
        ("atatt3", r"ATATT3[A-Za-z0-9_=-]{20,250}"),
        ("gl", r"gl(?:sa|c)_[A-Za-z0-9_=+/-]{20,250}"),
        ("fo1_", r"fo1_[A-Za-z0-9_-]{30,60}"),
        ("fm2_", r"fm2_[A-Za-z0-9_+/=-]{30,400}"),
        ("rnd_", rf"rnd_{_T}{{20,60}}"),
        ("ops_eyj", r"ops_eyJ[A-Za-z0-9_-]{20,2000}"),
        ("sntrys_", r"sntrys_[A-Za-z0-9_=+/-]{20,400}"),
        ("pmak-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
        ("nrak-", r"NRAK-[A-Z0-9]{20,40}"),
        ("dapi", r"dapi[a-f0-9]{32}(?:-\d)?"),
        ("eaa", r"EAA[A-Za-z0-9]{30,400}"),
        ("secret_", rf"secret_{_T}{{40,60}}"),
        ("ac", r"AC[0-9a-f]{32}(?![A-Za-z0-9_])"),
        ("sk", r"SK[0-9a-f]{32}(?![A-Za-z0-9_])"),
        ("vercel_", rf"vercel_{_T}{{20,60}}"),
        ("nvapi-", r"nvapi-[A-Za-z0-9_-]{40,100}"),
        ("tvly-", r"tvly-[A-Za-z0-9-]{20,60}"),
        ("ltai", rf"LTAI{_T}{{12,26}}"),
        ("pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_=.-]{30,70}"),
        ("dp.", rf"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{{2,35}}\.)?{_T}{{40,44}}"),
        ("sl.", r"sl\.[A-Za-z0-9_-]{60,200}"),
        ("cloudinary:", r"cloudinary://\d{10,20}:[A-Za-z0-9_-]{20,40}@\w{2,60}"),
        (":aa", r"\d{8,10}:AA[A-Za-z0-9_-]{30,40}"),
        # What passwords are kept as.
        ("$apr1$", r"\$apr1\$[^\s:'\"]{8,60}"),
        ("$1$", r"\$1\$[^\s:'\"]{8,60}"),
        ("$5$", r"\$5\$[^\s:'\"]{16,150}"),
        ("$6$", r"\$6\$[^\s:'\"]{16,200}"),
        ("$y$", r"\$y\$[^\s:'\"]{16,150}"),
        ("sha", r"\{S?SHA(?:256|512)?\}[A-Za-z0-9+/=]{16,200}"),
        ("pbkdf2", r"pbkdf2[_:]sha\d{1,3}[$:]\d{3,8}[$:][^\s'\"]{16,250}"),
        ("scrypt:", r"scrypt:\d{3,8}:\d:\d\$[^\s'\"]{16,250}"),
    )
)
KEY_CHARACTERS_MIN = 14  # the shortest that a pattern above takes

_SHARED_KEY = re.compile(
    r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?:[\s:,;|/\"'=]|(?:aws_)?secret(?:_access)?(?:_key)?|and|und|et|y|key|with){1,12}?(?P<value>(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    re.IGNORECASE,
)
_PREFIXES = r"gh[pousr]_|github_pat_|hf_|sk-|[rsp]k_(?:live|test)_|glpat-|xox[abeoprs]-|npm_|AKIA|AIza|ya29\.|gsk_|dop_v1_|pypi-|SG\.|whsec_|shpat_|eyJ"
_PARTED = re.compile(
    rf"(?<![A-Za-z0-9_])(?P<one>(?:{_PREFIXES})[A-Za-z0-9_.-]{{4,400}})(?:\\[ ]?\n[ \t]{{0,8}}|[\"'`]\s{{0,8}}(?:\+|\.\.?|&|\\|~)?\s{{0,12}}[\"'`])(?P<two>[A-Za-z0-9_.-]{{5,400}})"
)


def _find_keys(text: Text) -> Iterator[Finding]:
    long_words = "\n".join(word for word in text.normal.split() if len(word) >= KEY_CHARACTERS_MIN).lower()
    if not long_words:
        return
    hinted = [(hint, pattern) for hint, pattern in _KEYS if hint in long_words]
    if not hinted:
        return
    for match in _PARTED.finditer(text.normal):  # it goes on in the next line
        yield Finding(*match.span("one"), FindingType.SECRET, 0.95, "provider_keys")
        yield Finding(*match.span("two"), FindingType.SECRET, 0.95, "provider_keys")
    for hint, pattern in hinted:
        if hint in ("aki", "asia"):
            for match in _SHARED_KEY.finditer(text.normal):
                yield Finding(*match.span("value"), FindingType.SECRET, 0.95, "provider_keys")
        for match in pattern.finditer(text.normal):
            yield Finding(*match.span(), FindingType.SECRET, 0.98, "provider_keys")


DETECTORS = (
    Detector("provider_keys", frozenset({FindingType.SECRET}), _find_keys, (Evidence(run=KEY_CHARACTERS_MIN),)),
)
