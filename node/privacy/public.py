"""Whether a name is public knowledge in its text: somebody famous, a work, a program, a theorem's author.

Private is what nothing speaks for: a name must be one that the world knows, *and* the text must ask about the world where it
stands. A name that an ordinary person may bear too (Henry James, Newton, Julia) needs a word of history, science or art
beside it. And nothing may tie it to anybody's life, in its text or anywhere else in the request (`sensitivity` sees the
whole). Only `balanced` heeds this; `strict` takes every name out.
"""

import re
from enum import Enum, auto
from functools import cached_property

from node.privacy.bearing import are_languages, bears_a_name
from node.privacy.gazetteer import is_family, is_famous, is_given, is_known, is_place, is_software, is_word
from node.privacy.ties import find_tie, tells_of_now
from node.privacy.wordlist import words
from node.privacy.works import is_anybody, is_prover, is_said_to_be_thing, is_subject, names_work, tells_of_fiction


class Standing(Enum):
    """What a person's name is where it stands."""

    PRIVATE = auto()
    UNTIED = auto()  # public knowledge, unless the request is tied to somebody's life
    PUBLIC = auto()  # part of the name of a thing, whoever speaks of it


_ASKS = re.compile(
    r"[?？¿؟]|[\u03ac-\u03ce];|(?:^|[.!\n]\s*)(?:who|what|when|where|why|how|which|explain|compare|describe|summari[sz]e|discuss|analy[sz]e|list|tell me about|tell the (?:story|tale|myth|legend)|"
    r"name|define|outline|explica|explique|erkläre|vergleiche|spiega|resume|leg uit)\b",
    re.IGNORECASE,
)
_WORKS = (
    r"novels?|poems?|poetry|plays?|films?|movies?|songs?|albums?|paintings?|sculptures?|symphon(?:y|ies)|operas?|sonatas?|sonnets?|"
    r"poèmes?|poesi[ae]|romanz[oi]|chansons?|canzon[ei]|pièces?|stücke?|obras?|quadr[oi]|опер[аы]|"
    r"traged(?:y|ies)|comed(?:y|ies)|theor(?:y|ies|em)|philosophy|novelas?|poemas?|cuadros?|romane?|gedichte?|gemälde|tableaux?"
)
# Words of history, science, art and faith: who stands beside one is spoken of as the world speaks.
_OF_THE_WORLD = re.compile(
    rf"\b(?:{_WORKS}|novelists?|poets?|composers?|composed|painters?|painted|philosoph\w+|physic(?:s|ists?)|mathematic\w+|scien(?:ce|tists?|tific)|"
    r"histor(?:y|ic|ical|ians?)|wars?|battles?|kings?|queens?|emperors?|empress|empires?|dynast(?:y|ies)|centur(?:y|ies)|revolutions?|president(?:s|ial|ency)?|"
    r"prime minister|treat(?:y|ies)|conquer\w*|reign\w*|exiled?|crowned|biograph\w+|autobiograph\w+|myth\w*|legends?|gods?|goddess\w*|bible|testament|gospels?|"
    r"dramas?|nobel|pulitzer|relativity|gravit\w+|evolution|calculus|renaissance|baroque|romanticism|enlightenment|fugues?|fifths?|sixths?|counterpoint|"
    r"imperative|capitalism|communism|liberalism|utilitarianism|theolog\w+|reformation|invent(?:ed|ions?|or)|discover(?:ed|y|ies)|coined|prov(?:ed|en) that|"
    r"famous|fictional|characters?|protagonist|plot|chapters?|sonnets?|verses?|memoirs?|essays|literature|literary|siglo|siècle|secolo|jahrhundert|"
    r"guerra|guerre|krieg|roi|rey|könig|kaiser|pintor|peintre|maler|versi[oó]n|cálculo|ley|loi|gesetz|theorie|teoría|théorie|the (?:1[0-9]|\d)00s)\b|"
    r"\b1[0-8]\d\d\b|\bBCE?\b|\bAD \d",
    re.IGNORECASE,
)
_WHO_IS = re.compile(
    r"\b(?:who|what) (?:is|was|were|are) \Z|\b(?:tell me about|life of|born|works of) \Z", re.IGNORECASE
)
# A title that only somebody of history bears, or works that are published: whoever is named so is written about.
_MAKER_BEFORE = re.compile(
    r"\b(?:(?:emperor|empress|king|queen|pope|saint|goddess|god|pharaoh|sultan|tsar|poet|novelist|composer|philosopher),? |"
    rf"(?:{_WORKS}) (?:by|of|von|de|di|van) |song |(?:story|myth|legend|tale|plot) of (?:[A-Z]\w+ and )?)\Z",
    re.IGNORECASE,
)
_WORK_AFTER = re.compile(rf"['’]s? (?:\w+ )?(?:{_WORKS})\b", re.IGNORECASE)
_IN_WORK = re.compile(
    r"(?:^|[.!?]\s)In (?:the (?:novel|book|play|film|movie|story|series|tale|epic|opera) )?(?P<quote>[\"“«]?)(?P<title>[A-Z][\w'’]+(?: (?:(?:and|of|the|to|in|a|for|&|on) )*[A-Z][\w'’]+){0,6})[\"”»]?,? "
    r"(?:why|how|who|what|when|where|does|did|is|was)\b"
)
_ABOUT = re.compile(r"[\"”»’“] about (?:an?|the|any|some|real|which|what|who|somebody|someone)\b")
_WORK_NEAR = re.compile(
    rf"\b(?:{_WORKS}|lyrics|chorus|episode|title|novel|book|series|soundtrack|sung|sang|track)\b", re.IGNORECASE
)
# What bears its finder's name: "Halley's Comet", "Luhn checksum", "metodo di Ruffini".
_EPONYM_AFTER = re.compile(
    r"(?:['’]s)?[ -](?:comet|theorem|lemma|equations?|algorithm|checksum|conjecture|inequality|paradox|hypothesis|transform|"
    r"constant|syndrome|telescope|salad|sauce|satz|algorithmus)\b",
    re.IGNORECASE,
)
_FAMOUS_EPONYM = re.compile(
    r"(?:['’]s)?[ -](?:disease|laws?|scale|numbers?|test|effect|principle|razor|prize|award|method|triangle|pendulum|cat|dog|box|machine)\b"
)
_EPONYM_BEFORE = re.compile(
    r"\b(?:(?:theorem|law|laws|method|rule|principle|paradox) of|(?:metodo|teorema|legge|regola|ley|regla|método|principio|teorema) d[ei]|"
    r"(?:théorème|loi|méthode|règle) d[eu]|(?:Satz|Gesetz|Regel) (?:von|des)) \Z",
    re.IGNORECASE,
)
# A program's name among programs, whoever speaks of it: "our Jenkins job".
_OF_PROGRAM = re.compile(
    r" (?:jobs?|builds?|pipelines?|servers?|steps?|scripts?|programs?|containers?|clusters?|code|errors?|plugins?|library|version|"
    r"app|API|query|database|repo|repository|notebook|file|config|module|package|client|docs)\b"
)
_PROGRAMS = re.compile(
    r"\b(?:programm\w+|languages?|compile[rs]?|code|coding|library|libraries|framework|package|install\w*|syntax|variables?|functions?|"
    r"import|API|CI|script\w*|software|runtime|version|decorators?|arrays?|loops?|gems?|macros?|type[ds]?|garbage collect\w+|(?:is|are|still) used (?:for|in))\b",
    re.IGNORECASE,
)
_AT_PLACE = re.compile(
    r"\b(?:in|to|from|near|at|around|across|through|visit|visiting|city of|capital of|map of|population of|weather in|flights? to|trip to|days in|between) \Z",
    re.IGNORECASE,
)
# Dishes and plants that bear a name, without a possessive: "Granny Smith apples", "Victoria sponge".
_OF_KITCHEN = re.compile(
    r" (?:sponges?|apples?|pears?|plums?|cherry|cherries|potato(?:es)?|tomato(?:es)?|rose(?:s|bush)?|dahlias?|cake|pie|biscuits?|cookies?|pizza|sandwich(?:es)?|"
    r"tea|cheese|soup|stew|steak|omelette|pudding|buns?|bread|martini|cocktail)(?![\w'’])"
)
# "Give Karen cake": who stands there gets it.
_GIVING = re.compile(
    r"\b(?:g[ia]ves?|given|giving|sen[dt]s?|brings?|brought|buys?|bought|bakes?|baked|makes?|made|serves?|served|offers?|offered|feeds?|fed|hands?|handed|owes?|gets?|got|"
    r"pass(?:ed)?|cooks?|cooked|orders?|ordered|and|did|does|for|with|to|let|lets) \Z",
    re.IGNORECASE,
)
_OF_COLOUR = re.compile(
    r"\b(?:colou?rs?|shades?|paint|lipstick|hue|hex) (?:of |called |named )?\Z|\b(?:warmer|cooler|darker|lighter) than \Z"
)
_JOINED = re.compile(r"(?: and |, (?:and )?|,? or | & | vs\.? | versus | with | und | y | et | e )")
_RUN = re.compile(
    r"(?<!\w)[A-ZÀ-ÖØ-Þ][^\W\d_]+(?: (?:(?:of|the|van|von|de|da|di|del|la) ){0,2}[A-ZÀ-ÖØ-Þ][^\W\d_]+){0,3}"
)
_QUOTED = ('""', "“”", "«»", "„“", "‘’")
_HONORIFIC = words("Mr Mrs Ms Miss Dr Prof Sir Lady Lord Dame Captain King Queen President Saint St")
_SENTENCE_END = re.compile(
    r"[?!。？！\n]|(?<!\b[A-Z])(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\bProf)\.(?=\s|\Z)"
)
# Those between whom every textbook of cryptography sends messages.
_CAST = words("Alice Bob Carol Charlie Dave Eve Mallory Trent Oscar Peggy Victor Trudy")
_CIPHER = re.compile(
    r"\b(?:keys?|encrypt\w*|decrypt\w*|cipher\w*|eavesdrop\w*|qubits?|nonce|diffie|signature|protocol|plaintext)\b",
    re.IGNORECASE,
)
_FILLER = re.compile(r"\blorem ipsum\b", re.IGNORECASE)
REACH = 40  # characters around a name that tell what it stands for


class PublicMatter:
    """What a text is about, as far as it decides about the names in it."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def tie(self) -> tuple[int, int] | None:
        """Where this text ties the request to somebody's life."""
        return find_tie(self._text)

    def standing(self, start: int, end: int) -> Standing:
        """Of a person's name, which stands there, as far as this text alone tells."""
        if self._is_part_of_thing(start, end):
            return Standing.PUBLIC
        if self.tie is not None or tells_of_now(self._sentence(start, end)):
            return Standing.PRIVATE
        return Standing.UNTIED if self._is_of_the_world(start, end) else Standing.PRIVATE

    def _is_part_of_thing(self, start: int, end: int) -> bool:
        name = self._text[start:end]
        if bears_a_name(self._text, start, end) or is_said_to_be_thing(self._text, end):
            return True
        single = " " not in name.strip()
        if (
            single
            and _OF_KITCHEN.match(self._text, end)
            and not _GIVING.search(self._text, max(0, start - REACH), start)
        ):
            return True
        if is_software(name) and _OF_PROGRAM.match(self._text, end):
            return True
        if _OF_COLOUR.search(self._text, max(0, start - REACH), start):
            return all(is_word(word.lower()) or is_place(word) for word in name.split())
        return single and self._is_eponym(start, end)

    def _is_eponym(self, start: int, end: int) -> bool:
        name = self._text[start:end]
        if _EPONYM_AFTER.match(self._text, end) and not is_given(name):
            return (
                is_famous(name) or self._text[end : end + 1] not in "'’" or not _is_ordinary(name) or self.tie is None
            )
        if _FAMOUS_EPONYM.match(self._text, end) and is_famous(name):
            return True
        return _EPONYM_BEFORE.search(self._text, max(0, start - REACH), start) is not None

    def _is_of_the_world(self, start: int, end: int) -> bool:
        name = " ".join(self._text[start:end].split())
        bare = " ".join(word for word in name.split() if word.rstrip(".") not in _HONORIFIC)
        if any(is_anybody(run) for run in (bare, *_cut(self._whole(start, end)))) or (
            self._asks and (self._names_work or is_prover(self._text, start, end))
        ):
            return True
        if self._is_filler or (self._asks and bare in _CAST and self._is_textbook):
            return True
        if self._asks and (are_languages(self._text, bare) or self._is_eponym_elsewhere(bare)):
            return True
        if is_software(bare):
            return not _is_ordinary(bare) or self._is_of_programs
        if self._is_known_somebody(bare, start, end):
            return True
        if is_known(bare) and not is_famous(bare):
            return not _is_ordinary(bare) or bool(_AT_PLACE.search(self._text, max(0, start - REACH), start))
        return self._asks and (
            self._is_told_of(start)
            or self._is_quoted_work(start, end)
            or self._is_maker(start, end)
            or self._in_company(start, end)
            or (bool(self._famous) and is_subject(self._text, start))
        )

    def _is_eponym_elsewhere(self, name: str) -> bool:
        """Of whom the text also names a law or a triangle."""
        if not is_famous(name):
            return False
        return any(
            self._is_part_of_thing(*match.span()) for match in re.finditer(rf"\b{re.escape(name)}\b", self._text)
        )

    def _is_known_somebody(self, bare: str, start: int, end: int) -> bool:
        """Famous by that name, by the longer one that it is a part of, or by a longer one that stands elsewhere."""
        known = [
            run
            for run in (bare, *_cut(self._whole(start, end)), *self._famous)
            if is_famous(run) and bare in [*run.split(), run]
        ]
        if not known:
            return False
        name = max(known, key=len)
        if not _is_ordinary(name.split()[-1]) and (" " in name or not is_given(name)):
            return self._asks or " " in name
        return self._asks and self._speaks_as_the_world_does(name, start, end)

    def _speaks_as_the_world_does(self, name: str, start: int, end: int) -> bool:
        if _WHO_IS.search(self._text, max(0, start - REACH), start) and " " in name:
            return True
        if _OF_THE_WORLD.search(self._sentence(start, end)):
            return True
        others = [run for run in self._famous if run not in name and name not in run]
        if " " in name and len([run for run in self._places if run not in name]) >= PLACES_MIN:
            return True
        return any(not _is_ordinary(run.split()[-1]) for run in others)

    def _whole(self, start: int, end: int) -> str:
        """The words with capitals around the name, of which a model may have seen a part."""
        for match in _RUN.finditer(self._text, max(0, start - REACH), end + REACH):
            if match.start() <= start and end <= match.end():
                return match.group()
        return ""

    def _in_company(self, start: int, end: int) -> bool:
        """Named in one breath with somebody famous, in words about the world."""
        if not _OF_THE_WORLD.search(self._sentence(start, end)):
            return False
        for match in _RUN.finditer(self._text, max(0, start - REACH), end + REACH):
            if match.end() <= start:
                between = self._text[match.end() : start]
            elif end <= match.start():
                between = self._text[end : match.start()]
            else:
                continue
            if _JOINED.fullmatch(between) and any(is_famous(run) and " " in run for run in _cut(match.group())):
                return True
        return False

    def _is_maker(self, start: int, end: int) -> bool:
        return bool(
            _MAKER_BEFORE.search(self._text, max(0, start - REACH), start) or _WORK_AFTER.match(self._text, end)
        )

    def _is_told_of(self, start: int) -> bool:
        """In a work that is named: with its title in quotation marks, one that is known, or said to be one."""
        for match in _IN_WORK.finditer(self._text, 0, start):
            title = match["title"]
            if match["quote"] or is_known(title) or is_famous(title) or tells_of_fiction(self._text):
                return True
        return False

    def _is_quoted_work(self, start: int, end: int) -> bool:
        if self._text[start - 1 : start] + self._text[end : end + 1] not in _QUOTED:
            return False
        return bool(_ABOUT.match(self._text, end) or _WORK_NEAR.search(self._sentence(start, end)))

    def _sentence(self, start: int, end: int) -> str:
        first = 0
        for match in _SENTENCE_END.finditer(self._text, max(0, start - SENTENCE_REACH), start):
            first = match.end()
        last = _SENTENCE_END.search(self._text, end, end + SENTENCE_REACH)
        return self._text[max(first, start - SENTENCE_REACH) : last.start() if last else end + SENTENCE_REACH]

    @cached_property
    def _asks(self) -> bool:
        return _ASKS.search(self._text) is not None

    @cached_property
    def _famous(self) -> tuple[str, ...]:
        """The names of the text that the world knows."""
        runs = (run for match in _RUN.finditer(self._text) for run in _cut(match.group()))
        return tuple(dict.fromkeys(run for run in runs if is_famous(run)))[:FAMOUS_MAX]

    @cached_property
    def _places(self) -> frozenset[str]:
        return frozenset(run for match in _RUN.finditer(self._text) for run in _cut(match.group()) if is_place(run))

    @cached_property
    def _names_work(self) -> bool:
        return names_work(self._text)

    @cached_property
    def _is_of_programs(self) -> bool:
        if _PROGRAMS.search(self._text):
            return True
        runs = (word for match in _RUN.finditer(self._text) for word in match.group().split())
        return any(is_software(run) and not _is_ordinary(run) for run in runs)

    @cached_property
    def _is_textbook(self) -> bool:
        cast = {word for match in _RUN.finditer(self._text) for word in match.group().split()} & _CAST
        return {"Alice", "Bob"} <= cast and bool(_CIPHER.search(self._text))

    @cached_property
    def _is_filler(self) -> bool:
        return _FILLER.match(self._text.lstrip()) is not None


SENTENCE_REACH = 400  # characters of a sentence on either side of a name that are looked at
PLACES_MIN = 2  # beside a name that is famous as a whole: who moves to one is a neighbour
FAMOUS_MAX = 50  # names of a text: each mention is compared with so many


def _is_ordinary(name: str) -> bool:
    """Whether people around us are called so."""
    return any(is_given(form) or is_family(form) for word in name.split() for form in (word, word.title()))


def _cut(run: str) -> tuple[str, ...]:
    """Words with capitals, and the same without the first, and the last alone: "Is" of "Is Sherlock Holmes"."""
    return tuple(dict.fromkeys((run, run.partition(" ")[2], run.rpartition(" ")[2]))) if " " in run else (run,)
