"""Whether a name is public knowledge in its text: somebody famous, a work, a program, a theorem's author.

It is where the text asks about the world and nothing in it ties the name to anybody's private matter. In doubt it is
private. Only `balanced` heeds this; `strict` takes every name out.
"""

import re

from node.privacy.gazetteer import is_famous, is_given, is_known, is_place, is_software
from node.privacy.wordlist import words

# What ties a text to somebody: a relation, a message to somebody, an account, a way to reach somebody.
_TIES = re.compile(
    r"(?<!\w)(?:my|mine|our|ours|we|us|i (?:asked|told|met|met|know|called|wrote|got|have an? (?:friend|client|patient))|dear|regards|sincerely|"
    r"boss|landlord|tenant|client|customer|patient|employee|colleague|coworker|neighbou?r|salary|owes?|owed|invoice|"
    r"appointment|interview|complain\w*|contract|lawsuit|settlement|passport|diagnos\w+|dismiss\w*|fired|promotion|"
    r"remind|invite|congratulate|reply|e-?mail (?:to|from|for)|(?:letter|note|message|card|text|email|mail) (?:to|for|from)|"
    r"phone|telephone|address|tomorrow|yesterday|tonight|birthday|wedding|meeting|office|lunch|dinner|party|last week|next week|rent|flat|"
    r"apartment|accounting|upstairs|downstairs|coming (?:to|over)|paid|unpaid|without notice|is (?:ill|sick|late|pregnant|leaving)|broke up|"
    r"should i (?:tell|say|ask|write|reply|answer)|(?:help|comfort|convince|persuade) (?:him|her|them)|meine?[mnrs]?|unsere?[mnrs]?|mon|ma|mes|notre|mi|mis|nuestr[oa]s?|mio|mia|nostr[oa]|mijn|onze|meu|minha)"
    r"(?!\w)|@|\d{7}|\d[\d -]{8,}\d",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"[?？¿]|(?:^|[.!\n]\s*)(?:who|what|when|where|why|how|which|explain|compare|describe|summari[sz]e|discuss|analy[sz]e|list|tell me about|tell the (?:story|tale|myth|legend)|"
    r"name|define|outline|explica|explique|erkläre|vergleiche|spiega|resume|leg uit)\b",
    re.IGNORECASE,
)
_MAKERS = (
    r"poet|novelist|author|writer|composer|painter|sculptor|architect|philosopher|physicist|mathematician|scientist|president|emperor|"
    r"empress|king|queen|pope|general|character|hero|heroine|detective|singer|band|rapper|actor|actress|director|saint|goddess|god|"
    r"dichter|maler|poeta|pintor|écrivain|peintre|poète|roi|rey|scrittore|pittore"
)
_WORKS = (
    r"novels?|poems?|poetry|plays?|films?|movies?|songs?|albums?|paintings?|sculptures?|symphon(?:y|ies)|operas?|sonatas?|sonnets?|"
    r"tragedy|comedies|theor(?:y|ies|em)|philosophy|novelas?|poemas?|cuadros?|romane?|gedichte?|gemälde|tableaux?"
)
_MAKER_BEFORE = re.compile(
    rf"\b(?:(?:{_MAKERS}),? |(?:{_WORKS}) (?:by|of|von|de|di|van) |song |(?:story|myth|legend|tale|plot) of (?:[A-Z]\w+ and )?)\Z",
    re.IGNORECASE,
)
_WORK_AFTER = re.compile(rf"['’]s? (?:\w+ )?(?:{_WORKS})\b", re.IGNORECASE)
_WORK = re.compile(
    r"(?:^|[.!?]\s)In (?:[\"“«]?[A-Z][\w'’]+(?: (?:and|of|the|to|in|a|for|&|on)(?: the)?)* ?)+[\"”»]?,? "
    r"(?:why|how|who|what|when|where|does|did|is|was)\b"
)
# What bears its finder's name: "Halley's Comet", "Luhn checksum", "metodo di Ruffini".
_EPONYM_AFTER = re.compile(
    r"(?:['’]s)?[ -](?:comet|theorem|lemma|equations?|algorithm|checksum|conjecture|inequality|paradox|hypothesis|transform|"
    r"constant|syndrome|telescope|salad|sauce|satz|algorithmus)\b",
    re.IGNORECASE,
)
# A program's name among programs, whoever speaks of it: "our Jenkins job".
_OF_PROGRAM = re.compile(
    r" (?:jobs?|builds?|pipelines?|servers?|steps?|scripts?|programs?|containers?|clusters?|code|errors?|plugins?|library|version|"
    r"app|API|query|database|repo|repository|notebook|file|config|module|package|client|docs)\b"
)
_FAMOUS_EPONYM = re.compile(
    r"(?:['’]s)?[ -](?:disease|laws?|scale|numbers?|test|effect|principle|razor|prize|award|method)\b"
)
_EPONYM_BEFORE = re.compile(
    r"\b(?:(?:theorem|law|laws|method|rule|principle|paradox) of|(?:metodo|teorema|legge|regola|ley|regla|método|principio|teorema) d[ei]|"
    r"(?:théorème|loi|méthode|règle) d[eu]|(?:Satz|Gesetz|Regel) (?:von|des)) \Z",
    re.IGNORECASE,
)
_RUN = re.compile(r"(?<!\w)[A-ZÀ-ÖØ-Þ][^\W\d_]+(?: [A-ZÀ-ÖØ-Þ][^\W\d_]+){0,3}")
_QUOTED = ('""', "“”", "«»", "„“", "‘’")
_HONORIFIC = words("Mr Mrs Ms Miss Dr Prof Sir Lady Lord Dame Captain King Queen President Saint St")
REACH = 24  # characters around a name that tell what it stands for


class PublicMatter:
    """What a text is about, as far as it decides about the names in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        tied = _TIES.search(text) is not None
        asks = not tied and _ASKS.search(text) is not None
        self._free = not tied
        self._asks = asks
        runs = [run for match in _RUN.finditer(text) for run in _cut(match.group())] if asks else []
        self._learned = any(is_famous(run) and not is_given(run) for run in runs)
        self._in_company = any(" " in run and is_famous(run) for run in runs)
        self._of_work = asks and _WORK.search(text) is not None

    def holds(self, start: int, end: int) -> bool:
        """Whether the person's name there is public knowledge."""
        name = " ".join(self._text[start:end].split())
        if self._is_eponym(start, end):
            return True
        if is_software(name) and _OF_PROGRAM.match(self._text, end):
            return True
        if not self._free:
            return False
        bare = " ".join(word for word in name.split() if word.rstrip(".") not in _HONORIFIC)
        if is_software(bare) or is_known(bare) or is_place(bare):
            return True
        if is_famous(bare) and (" " in bare or (self._asks and (self._learned or not is_given(bare)))):
            return True
        if self._asks and any(is_famous(run) for run in _cut(self._whole(start, end)) if bare in run):
            return True
        return self._asks and (
            self._of_work or self._in_company or self._is_quoted(start, end) or self._is_maker(start, end)
        )

    def _whole(self, start: int, end: int) -> str:
        """The words with capitals around the name, of which a model may have seen a part."""
        for match in _RUN.finditer(self._text, max(0, start - REACH), end + REACH):
            if match.start() <= start and end <= match.end():
                return match.group()
        return ""

    def _is_maker(self, start: int, end: int) -> bool:
        return bool(
            _MAKER_BEFORE.search(self._text, max(0, start - REACH), start) or _WORK_AFTER.match(self._text, end)
        )

    def _is_eponym(self, start: int, end: int) -> bool:
        if " " in self._text[start:end].strip():
            return False
        if _EPONYM_AFTER.match(self._text, end) and not is_given(self._text[start:end]):
            return True
        if _FAMOUS_EPONYM.match(self._text, end) and is_famous(self._text[start:end]):
            return True
        return _EPONYM_BEFORE.search(self._text, max(0, start - REACH), start) is not None

    def _is_quoted(self, start: int, end: int) -> bool:
        around = self._text[start - 1 : start] + self._text[end : end + 1]
        return around in _QUOTED


def _cut(run: str) -> tuple[str, str]:
    """Words with capitals, and the same without the first: "Is" of "Is Sherlock Holmes"."""
    return run, run.partition(" ")[2]
