"""Names in scripts that the name models do not read: by tables of what people are called there, and by the words before.

Arabic and Persian, Hebrew, the scripts of India, Thai, Greek, Cyrillic, Georgian, Armenian. Two names side by side are
somebody; one alone is where a title, a relation or "to" stands before it. Inflected and with the letters that these
scripts write on to a word (and, to, of), a name is compared by its stem.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import names_in_other_scripts
from node.privacy.wordlist import words

SCORE = 0.65
WEAK = 0.4  # a name that is also a word, with nothing before it that says so
KEY_CHARACTERS_MIN = 2
NAMES_MAX = 4  # words of a name
_TO = frozenset("לل")  # written on to a name: that something is for somebody
_AND = frozenset("וو")

# Vowel points, tatweel and the nukta, which one writer sets and the next leaves out; letters that are written two ways.
_UNPOINTED = dict.fromkeys(
    [*range(0x064B, 0x0660), 0x0670, 0x0640, 0x200C, 0x200D, *range(0x0591, 0x05C8), 0x093C, 0x09BC, 0x0ABC], None
)
_ONE_WAY = str.maketrans("أإآٱىةكي", "اااايهکی")
_PLAIN_ACCENTS = str.maketrans("άέήίόύώϊϋΐΰΆΈΉΊΌΎΏ", "αεηιουωιυιυΑΕΗΙΟΥΩ")


@dataclass(frozen=True, slots=True, eq=False)
class _Script:
    """How names stand in it. `titles`: before a name, a colon or nothing between; `before`: prepositions and verbs that
    somebody follows; `prefixes`, `endings`: what is written on to a word; `after`: marks that it is done to somebody."""

    word: re.Pattern[str]
    titles: frozenset[str]
    before: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    after: frozenset[str] = frozenset()
    particles: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()  # frequent words that no name goes on with
    cased: bool = False
    surname: re.Pattern[str] | None = None


def _word(letters: str) -> re.Pattern[str]:
    return re.compile(rf"[{letters}]+(?:[-'’״׳\u200c.]?[{letters}]+)*")


_ARABIC = _Script(
    _word(r"\u0620-\u065f\u066e-\u06d3\u06d5-\u06ef\u06fa-\u06ff\u200c"),
    words(
        "السيد السيدة سيد سيدة الدكتور الدكتورة دكتور دكتورة الأستاذ الأستاذة أستاذ المهندس المهندسة الشيخ الحاج الحاجة "
        "الآنسة المحامي المحامية المريض المريضة الطالب الطالبة الموظف الموظفة العميل العميلة الزبون المستأجر المستأجرة "
        "القاضي المعلم المعلمة اسمي اسمه اسمها الاسم يدعى تدعى صديقي صديقتي زوجتي زوجي ابني ابنتي أخي أختي عمي خالي "
        "جارتي جاري مديري مديرتي زميلي زميلتي والدي والدتي آقای آقا خانم دکتر مهندس جناب سرکار نامم اسمم بیمار همسرم "
        "دوستم همکارم پسرم دخترم برادرم خواهرم مدیرم"
    ),
    before=words(
        "إلى الى مع ومع معه معها ومعه ومعها برفقة وبرفقة رفقة من عند عن أن قال قالت اتصل اتصلت أخبر أخبرت سأل به با برای از"
    ),
    prefixes=("و", "ف", "ب", "ل", "ك", "لل", "وال"),
    particles=words("بن بنت ابن أبو ابو أم آل عبد ال"),
    plain=words(
        "في من إلى الى على عن مع هذا هذه ذلك تلك التي الذي كان كانت هو هي قد لم لن لا ما ان إن أن يا غدا اليوم أمس و را که "
        "است با از برای این آن هم به در می تا هست بود شد"
    ),
    surname=re.compile(r"ال[\u0621-\u06ff]{2,}[يىیة]|[\u0621-\u06ff]{2,}(?:ی|زاده|پور|نژاد|فر|یان|اوی)"),
)
_HEBREW = _Script(
    _word(r"\u05d0-\u05ea\u0591-\u05c7"),
    words(
        "מר גברת גב' גב׳ גב הגברת ד\"ר ד״ר דר' דר פרופ' פרופ׳ פרופסור הרב עו\"ד עו״ד שמי שמו שמה השם בשם קוראים לכבוד "
        "המטופל המטופלת התלמיד התלמידה הלקוח הלקוחה העובד העובדת השוכר השוכרת אחי אחותי בני בתי בעלי אשתי אמי אבי חברי "
        "חברתי הבוס המנהל המנהלת השכן השכנה דודי דודתי"
    ),
    before=words("אל של עם את על מאת עבור אצל לגבי לפני"),
    prefixes=("ל", "ו", "ול", "מ", "ב", "ש"),
    plain=words(
        "ארוחת ראשון שני שלישי רביעי חמישי שישי שבת ערב בוקר של את על עם הוא היא זה זאת לא כן כי אם גם או אל מה מי איך למה כדי אני אתה אנחנו הם מחר היום אתמול יש אין כל"
    ),
)
_INDIC_WORDS = (
    "श्री श्रीमती सुश्री कुमारी डॉ डॉक्टर प्रो पंडित नाम मरीज मरीज़ रोगी छात्र छात्रा ग्राहक कर्मचारी दोस्त पति पत्नी बेटा बेटी "
    "भाई बहन माँ पिता पड़ोसी बॉस मैनेजर सहकर्मी किरायेदार श्रीमान "
    "জনাব জনাবা বেগম ডা ডাঃ ডাক্তার মিস্টার মিসেস শ্রী শ্রীমতি নাম রোগী বন্ধু স্বামী স্ত্রী ছেলে মেয়ে ভাই বোন সহকর্মী মো মোঃ মোছাঃ "
    "திரு திருமதி செல்வி டாக்டர் பெயர் நண்பர் கணவர் மனைவி மகன் மகள் அண்ணன் தம்பி நோயாளி "
    "શ્રી શ્રીમતી ડૉ નામ ଶ୍ରୀ ଶ୍ରୀମତୀ ଡାକ୍ତର ନାମ"
)
_INDIC = _Script(
    _word(r"\u0900-\u0963\u0971-\u097f\u0980-\u09e3\u09f0-\u09ff\u0a80-\u0ae3\u0b00-\u0b63\u0b80-\u0be3\u0c00-\u0c63"),
    words(_INDIC_WORDS),
    endings=(
        "জি", "কে", "এর", "ের", "র", "রা", "তে", "য়ে", "க்கு", "ுக்கு", "ிடம்", "விடம்", "யிடம்", "இடம்", "ின்", "யின்", "வின்", "ை", "வை", "யை",
        "ால்", "ுடன்", "வுடன்", "ला", "ने", "ची", "चा", "चे", "ना", "नी", "લા", "ને", "નું", "નો", "ની", "ଙ୍କୁ", "ଙ୍କ", "ଙ୍କର", "जी",
    ),
    after=words("को ने से का की के जी और तथा एवं व साहब मैडम भाई बहन कहा है হলেন বলেন এবং ও সাহেব ভাই আপা মাসি தான் மற்றும்"),
    plain=words(
        "को ने से का की के में पर और है हैं था थे थी यह वह मैं हम आप तुम एक इस उस कि जो तो भी ही नहीं कल आज अब लिए साथ कृपया "
        "এবং ও এই সেই আমি আমরা আপনি তুমি একটি যে না কাল আজ জন্য সঙ্গে মনে হয় இது அது நான் நீங்கள் ஒரு மற்றும் இல்லை நாளை இன்று"
    ),
)  # fmt: skip
_GREEK = _Script(
    _word(r"\u0370-\u03ff\u1f00-\u1fff"),
    words(
        "κ κος κα κύριος κύριο κύριε κυρίου κυρία κυρίας δρ δις καθηγητής καθηγητή λένε ονομάζομαι όνομα ασθενής ασθενή πελάτης "
        "πελάτη φίλος φίλη μητέρα πατέρας αδελφός αδελφή σύζυγος γιος κόρη ενοικιαστής"
    ),
    before=words("ο η του της τον την στον στην στη με από για προς και"),
    endings=("ος", "ου", "ο", "ε", "ης", "η", "ας", "α", "ιος", "ιου", "ια", "ις", "ι", "ω", "ους", "εις"),
    cased=True,
)
_CYRILLIC = _Script(
    _word(r"\u0400-\u052f"),
    words(
        "господин госпожа г-н г-жа пан пані пане д-р доктор профессор професор зовут звати имя ім'я фио пациент пациентка "
        "пацієнт клиент клієнт сотрудник товарищ гражданин гражданка друг подруга муж жена сын дочь брат сестра мать отец "
        "коллега сосед соседка начальник колега чоловік дружина син сусід"
    ),
    before=words("к от для с со у о об и від до з зі та й і про"),
    plain=words(
        "меня мне мой моя мою мои моего моей вы вас вам ваш он она они его её ее это этот как что кто где когда почему зачем "
        "какой какая какие сколько если но или а не да нет мы нас нам наш привет здравствуйте добрый пожалуйста спасибо мене "
        "мені мій моя він вона вони це як що хто де коли чому який яка які скільки якщо але або ні так ми нас будь ласка "
        "прошу дякую вітаю столица город страна улица назовите напишите объясните расскажите переведите"
    ),
    endings=(
        "а", "у", "ом", "ем", "ым", "им", "е", "ой", "ей", "ы", "и", "ю", "я", "й", "ь", "ого", "ому", "ая", "ую", "ий", "ій", "ія", "ії", "ію",
        "ия", "ии", "ию", "ией", "ові", "еві", "ою", "о",
    ),
    cased=True,
    surname=re.compile(r"[А-ЯЁІЇЄҐ][а-яёіїєґ'’-]+(?:ов|ев|ёв|ин|ын|ова|ева|ина|ына|енко|ський|ська|ский|ская|чук|юк|ук|ович|евич|вна|вич)(?:[аеуыоюйм]{1,3})?"),
)  # fmt: skip
_CAUCASIAN = _Script(
    _word(r"\u10a0-\u10ff\u0531-\u058a"),
    words("ბატონი ბატონო ქალბატონი ქალბატონო ექიმი სახელი პარոն պարոն տիկին օրիորդ դոկտոր անունս"),
    endings=("ს", "მა", "ის", "ი", "თან", "ზე", "ին", "ը", "ի", "ն", "ից", "ով"),
    surname=re.compile(
        r"[\u10d0-\u10ff]{2,}(?:შვილი|ძე|იანი|ავა|უა|ური)(?:ს|მა|ის)?|[\u0531-\u058a]{2,}(?:յան|յանին|յանի)"
    ),
)
_JOINING = words("और तथा एवं व এবং ও மற்றும் અને ଓ")
_BEARING = words("أم أبو ابو ابن بنت آل")
_SCRIPTS = (_ARABIC, _HEBREW, _INDIC, _GREEK, _CYRILLIC, _CAUCASIAN)

_THAI_TITLE = re.compile(
    r"(?P<title>นางสาว|นาง|นาย|ด\.ช\.|ด\.ญ\.|น\.ส\.|ดร\.|นพ\.|พญ\.|ผศ\.|รศ\.|ศ\.|เด็กชาย|เด็กหญิง|ชื่อ|คุณ|พี่|น้อง|ลุง|ป้า|ครู|หมอ|อาจารย์)(?P<gap>[ :]{0,2})"
)
_THAI_SURE = words("นางสาว นาย นาง ด.ช. ด.ญ. น.ส. ดร. นพ. พญ. ผศ. รศ. เด็กชาย เด็กหญิง")
_THAI_NAME = re.compile(r"[\u0e01-\u0e4e]{2,24}")
_THAI_SURNAME = re.compile(r" (?P<surname>[\u0e01-\u0e4e]{4,24})(?=[\s,.0-9()]|\Z|ที่|และ|กับ|ว่า|ให้|จาก)")
_THAI_END = re.compile(r"ที่|และ|กับ|ว่า|ให้|จาก|ครับ|ค่ะ|มา|ไป|จะ|ได้|เป็น|อยู่|ของ|ใน|หรือ")
_THAI = re.compile(r"[\u0e00-\u0e7f]")
THAI_GIVEN_MIN = 3


def named_in_scripts(text: str) -> Iterator[Finding]:
    """Persons in a text in normal form."""
    if text.isascii():
        return
    for script in _SCRIPTS:
        found = list(script.word.finditer(text))
        if found:
            yield from _in(text, script, found)
    if _THAI.search(text):
        yield from _thai(text)


def _in(text: str, script: _Script, found: list[re.Match[str]]) -> Iterator[Finding]:
    at = 0
    while at < len(found):
        length, score = _name_at(text, script, found, at)
        if length:
            start = found[at].start() + _prefix(script, found[at].group())
            full = length > 1
            type_ = FindingType.PERSON if full else FindingType.GIVEN_NAME
            if score < SCORE:
                type_ = FindingType.NAME
            yield Finding(start, found[at + length - 1].end(), type_, score, "scripts")
        at += max(1, length)


def _name_at(text: str, script: _Script, found: list[re.Match[str]], at: int) -> tuple[int, float]:
    """How many words from `at` on are somebody's name, and how sure that is; 0 where none are."""
    word = found[at].group()
    titled = (
        at > 0 and _follows(text, found[at - 1], found[at], r"[ \t.:：]{1,3}") and _is(found[at - 1], script.titles)
    )
    called = at > 0 and _follows(text, found[at - 1], found[at], " ") and _is(found[at - 1], script.before)
    called = called or (_prefix(script, word) > 0 and word[0] in _TO)
    known = _may_be_name(word, script) and (
        _is_after_and(text, script, found, at)
        or is_name(word, script)
        or _is_before_surname(text, script, found, at)
        or _is_before_name(text, script, found, at, called=titled or called)
    )
    bearing = called and _begins_with_particle(text, script, found, at)
    known = known or bearing
    if not known and not (titled and _may_be_name(word, script)):
        return 0, 0.0
    length = 2 if bearing else 1
    while (
        at + length < len(found)
        and length < NAMES_MAX
        and _follows(text, found[at + length - 1], found[at + length], " ")
    ):
        following = found[at + length]
        particle = _is(following, script.particles) and at + length + 1 < len(found)
        second = length == (2 if bearing else 1) and (known or titled)
        if not particle and not _goes_on(text, script, found, at + length, known=second):
            break
        length += 1
    if length == 1 and not (titled or called) and not (script.cased and known and _is_capital(word)):
        return 1, WEAK
    return length, SCORE


def _is_after_and(text: str, script: _Script, found: list[re.Match[str]], at: int) -> bool:
    """Joined by "and" to a word that people are called, and something is done to both: "… और … को"."""
    if script.cased or at < 2 or not _is(found[at - 1], _JOINING) or not is_name(found[at - 2].group(), script):
        return False
    if not all(_follows(text, found[i], found[i + 1], " ") for i in (at - 2, at - 1)):
        return False
    for length in (1, 2):
        beyond = at + length
        if beyond < len(found) and _follows(text, found[beyond - 1], found[beyond], " "):
            if _is(found[beyond], script.after) and not _is(found[beyond], _JOINING):
                return True
            if _is(found[beyond], script.plain):
                return False
    return False


def _begins_with_particle(text: str, script: _Script, found: list[re.Match[str]], at: int) -> bool:
    """ "Mother of", "son of": with the name after it, a name."""
    if at + 1 == len(found) or not _is(found[at], _BEARING) or not _follows(text, found[at], found[at + 1], " "):
        return False
    return _may_be_name(found[at + 1].group(), script)


def _is_before_surname(text: str, script: _Script, found: list[re.Match[str]], at: int) -> bool:
    """A word with a capital inside a sentence, and then one that only a family is called."""
    if not script.cased or script.surname is None or at + 1 == len(found) or not _is_capital(found[at].group()):
        return False
    inside = re.search(r"[\w,;:«\"(] ?\Z", text[max(0, found[at].start() - 2) : found[at].start()]) is not None
    following = found[at + 1]
    return (
        inside and _follows(text, found[at], following, " ") and script.surname.fullmatch(following.group()) is not None
    )


def _goes_on(text: str, script: _Script, found: list[re.Match[str]], at: int, *, known: bool) -> bool:
    """Whether the name goes on with this word."""
    word = found[at].group()
    if not _may_be_name(word, script):
        return False
    if is_name(word, script) and (not script.cased or _is_capital(word)):
        return True
    if script.surname is not None and script.surname.fullmatch(word):
        return True
    if script.cased:
        return known and _is_capital(word)
    if word[0] in _AND:
        return False
    last = at + 1 == len(found) or not _follows(text, found[at], found[at + 1], " ")
    return known and (last or _is(found[at + 1], script.after))


def _is_before_name(text: str, script: _Script, found: list[re.Match[str]], at: int, *, called: bool) -> bool:
    """A word that no table has, before one that only people are called, where something is done to them."""
    if script.cased or at + 1 == len(found) or not _follows(text, found[at], found[at + 1], " "):
        return False
    following = found[at + 1]
    if not _may_be_name(following.group(), script) or not is_name(following.group(), script):
        return False
    inflected = _key(following.group()) not in _stems(script)
    marked = at + 2 < len(found) and _follows(text, following, found[at + 2], " ") and _is(found[at + 2], script.after)
    return called or inflected or marked


def _may_be_name(word: str, script: _Script) -> bool:
    if script.cased and not _is_capital(word):
        return False
    forms = {word, word.lower()}
    return len(word) >= KEY_CHARACTERS_MIN and forms.isdisjoint(script.plain | script.titles | script.before)


def _is_capital(word: str) -> bool:
    return word[0].isupper()


def _is(match: re.Match[str], of: frozenset[str]) -> bool:
    return match.group() in of or match.group().lower() in of


def _follows(text: str, one: re.Match[str], two: re.Match[str], gap: str) -> bool:
    return re.fullmatch(gap, text[one.end() : two.start()]) is not None


def is_name(word: str, script: _Script) -> bool:
    """Whether people are called so, whatever is written on to it."""
    if script.cased and not _is_capital(word):
        return False
    table = _stems(script)
    return any(key in table for key in _keys(word, script))


def _prefix(script: _Script, word: str) -> int:
    """How many letters before the name are none of it: "to", "and"."""
    table = _stems(script)
    if not script.prefixes or _key(word) in table:
        return 0
    return max(
        (
            len(p)
            for p in script.prefixes
            if word.startswith(p) and len(word) > len(p) + 2 and _key(word[len(p) :]) in table
        ),
        default=0,
    )


def _keys(word: str, script: _Script) -> Iterator[str]:
    key = _key(word)
    yield key
    for prefix in script.prefixes:
        if key.startswith(prefix) and len(key) > len(prefix) + 2:
            yield key[len(prefix) :]
    yield from _bare(key, script)


def _bare(key: str, script: _Script) -> Iterator[str]:
    for ending in script.endings:
        ending = _key(ending)
        if ending and key.endswith(ending) and len(key) - len(ending) >= 3:
            yield key[: -len(ending)]


def _key(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", word).translate(_UNPOINTED) if word[0] > "\u0590" else word
    return decomposed.translate(_ONE_WAY).translate(_PLAIN_ACCENTS).lower().strip("'’״׳.-")


@cache
def _stems(script: _Script) -> frozenset[str]:
    """What people are called in a script, as it is and without its endings: an inflected name has the same stem."""
    table = {_key(name) for name in names_in_other_scripts() if script.word.fullmatch(name)}
    if script.cased:  # names are inflected themselves: "Анна", "Анне"
        table |= {stem for key in table for stem in _bare(key, script)}
    return frozenset(table)


def _thai(text: str) -> Iterator[Finding]:
    table = names_in_other_scripts()
    for title in _THAI_TITLE.finditer(text):
        run = _THAI_NAME.match(text, title.end())
        if run is None:
            continue
        known = next((n for n in range(len(run.group()), THAI_GIVEN_MIN - 1, -1) if run.group()[:n] in table), 0)
        end = run.start() + known
        if not known:
            if title["title"] not in _THAI_SURE and not _THAI_SURNAME.match(text, run.end()):
                continue
            stop = _THAI_END.search(text, run.start() + 2, run.end())
            end = stop.start() if stop else run.end()
        surname = _THAI_SURNAME.match(text, end)
        end = surname.end() if surname else end
        yield Finding(run.start(), end, FindingType.PERSON if surname else FindingType.GIVEN_NAME, SCORE, "scripts")
