"""Names in questions about works, proofs and inventions: who stands in a work that is named is nobody around us.

Also the names that stand for anybody ("Max Mustermann"). All of it holds only where nothing ties the text to a life.
"""

import re

from node.privacy.gazetteer import is_famous, is_fiction, is_known
from node.privacy.wordlist import words

REACH = 48  # characters on either side of a name
_UP = r"[^\W\d_a-zß-öø-ÿа-яё]"
# "in 《…》", "в «…»", "dans « … »", "in „…“"; of a work by somebody famous: "in Goethes Faust".
_IN_TITLE = re.compile(
    r"《[^》\n]{1,60}》|『[^』\n]{1,60}』|"
    rf"(?<!\w)(?:in|im|dans|en|no|na|nel|nella|em|w|i|в|во|из|конце|начале|романе|повести|пьесе|поэме|рассказе|у|στο|στον|στην|στη) (?:[«„“‘]\s?|\"){_UP}"
)
_BY_MAKER = re.compile(
    r"(?<!\w)(?:in|im|aus|von|of|from) (?P<maker>[A-ZÄÖÜ][\w]{2,20}?)(?:['’]s|['’]|s) (?P<title>[A-ZÄÖÜ]\w+)"
)
_OF_FICTION = re.compile(
    r"\b(?:novels?|films?|movies?|series|episodes?|characters?|plot|protagonists?|narrators?|villain|hero|heroine|scenes?|chapters?|books?|plays?|sequel|"
    r"prequel|ending|symboli[sz]\w*|irony|satire|motifs?|trilogy|adaptation|remake|author)\b",
    re.IGNORECASE,
)
_RUN = re.compile(r"(?<!\w)[A-Z][\w'’.-]*(?: (?:(?:of|the|and|to|a|in|for|on) ){0,2}[A-Z][\w'’.-]*){1,5}")
# Who did this is spoken of in books; verbs that neighbours do too are not among them.
_PROVED = re.compile(
    r"(?<!\w)(?:bewies(?:en)?|erfand|erfunden|komponiert\w*|démontr\w+|inventa|demostró|inventó|dimostr\w+|inventò|scoprì|bewees|udowodnił\w*|"
    r"απέδειξε|απόδειξε|ανακάλυψε|εφηύρε|доказал\w*|изобр[её]л\w*|сочинил\w*|довів|винайшов|أثبت|اكتشف|اخترع|הוכיח\w*|המציא\w*)(?!\w)|"
    r"证明|發明|发明|证出|証明|発明|증명|발명|सिद्ध किया|आविष्कार"
)
_IS_THING = re.compile(
    r" (?:is|was|è|era|est|était|es|ist|war|é) (?:the name of )?(?:an?|une?|una?|uno|eine?|uma?|the|la|le|il|der|die|das) (?:[\w-]{2,14} )?(?:song|canzone|chanson|canción|"
    r"lied|canção|poem|film|novel|romanzo|romance|roman|painting|quadro|opera|play|quartiere|street|city|band|brand|river|mountain|programming language|"
    r"theological term|term|virtue|month|colou?r|flower|plant|planet|herb|spice|dish|cheese|dance|font|typeface|breed|unit)\b",
    re.IGNORECASE,
)
_LINE_ON = re.compile(
    r"\b(?:lines?|words?|sentences?|paragraphs?|essay|lecture|talk|slides?|quiz|facts?) (?:on|about) \Z", re.IGNORECASE
)
_ANYBODY = frozenset(
    " ".join(name.split("_"))
    for name in words(
        "Max_Mustermann Erika_Mustermann Otto_Normalverbraucher Lieschen_Müller Otto_Normalo Hans_Mustermann John_Doe Jane_Doe "
        "Joe_Bloggs Fred_Bloggs Joe_Public Joe_Sixpack Richard_Roe Jan_Modaal Jan_Jansen Jan_Kowalski Mario_Rossi Juan_Pérez "
        "Fulano_de_Tal Jean_Dupont Pierre_Dupont Ola_Nordmann Kari_Nordmann Medel_Svensson Matti_Meikäläinen Zé_Povinho "
        "João_Ninguém Иван_Иванов Вася_Пупкин 山田太郎 山田花子 张三 李四 王五 홍길동 ישראל_ישראלי"
    )
)


def is_anybody(name: str) -> bool:
    """A name that stands for whoever it may be."""
    return name in _ANYBODY


def is_subject(text: str, start: int) -> bool:
    """Asked about in so many words: "one line on Yang Hui"."""
    return _LINE_ON.search(text, max(0, start - REACH), start) is not None


def is_said_to_be_thing(text: str, end: int) -> bool:
    """Said in so many words: "Santa Lucia is a song"."""
    return _IS_THING.match(text, end) is not None


def is_prover(text: str, start: int, end: int) -> bool:
    """Beside a verb of what is told in books of science and art, in a language other than English."""
    return _PROVED.search(text, max(0, start - REACH), end + REACH) is not None


def tells_of_fiction(text: str) -> bool:
    return _OF_FICTION.search(text) is not None


def names_work(text: str) -> bool:
    """Whether it asks about what stands in a work that it names."""
    if _IN_TITLE.search(text):
        return True
    if any(is_famous(match["maker"]) or is_famous(match["maker"] + "s") for match in _BY_MAKER.finditer(text)):
        return True
    return tells_of_fiction(text) and any(
        is_fiction(run) or (is_known(run) and " and " in run)
        for match in _RUN.finditer(text)
        for run in _parts(match.group())
    )


def _parts(run: str) -> tuple[str, ...]:
    """The run, the same without its first word ("Is" of "Is Blade Runner"), and what an "and" joins."""
    bare = run.rstrip(".")
    return bare, bare.partition(" ")[2], *bare.split(" and ")
