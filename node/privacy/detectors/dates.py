"""Dates of birth (beside a word that says so), and other dates, which only `strict` replaces."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_MONTHS = (
    r"jan(?:uary|uar|vier|\.)?|feb(?:ruary|ruar|\.)?|février|mar(?:ch|s|zo|\.)?|märz|apr(?:il|ile|\.)?|avril|may|mai|mayo|"
    r"june?|juin|juni|junio|july?|juillet|juli|julio|aug(?:ust|\.)?|août|agosto|sep(?:t|tember|\.)?|septembre|septiembre|"
    r"o[ck]t(?:ober|obre|ubre|\.)?|nov(?:ember|embre|iembre|\.)?|de[cz](?:ember|embre|\.)?|décembre|dic(?:iembre|embre)|enero|"
    r"janeiro|fevereiro|março|abril|junho|julho|setembro|outubro|novembro|dezembro|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|febrero|agosto|"
    r"januari|februari|maart|mei|augustus|stycznia|lutego|marca|kwietnia|maja|czerwca|lipca|sierpnia|września|października|listopada|grudnia|"
    r"ocak|şubat|mart|nisan|mayıs|haziran|temmuz|ağustos|eylül|ekim|kasım|aralık|января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря"
)
_MONTH_NAMES = (
    "jan january januar feb february februar février mar march märz mars marzo apr april aprile avril may mai mayo jun june juin juni "
    "junio jul july juillet juli julio aug august août agosto sep sept september septembre septiembre oct october okt oktober octobre "
    "octubre nov november novembre noviembre dec december dez dezember décembre dic diciembre dicembre enero "
    "janeiro fevereiro março abril junho julho setembro outubro novembro dezembro gennaio febbraio aprile maggio giugno luglio settembre ottobre febrero agosto "
    "januari februari maart mei augustus stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia "
    "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık января февраля марта апреля мая июня июля августа сентября октября ноября декабря"
)
_NUMERIC = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
# The same without its first digit: a search that begins with a digit is quick.
_TAILS = r"\d{3}[-/.]\d{1,2}[-/.]\d{1,2}|\d?[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})"
_HAN_NUMBER = r"(?:\d{1,4}|[〇○零一二三四五六七八九十廿卅元正初冬腊]{1,4})"
_EAST_ASIAN = rf"(?:明治|大正|昭和|平成|令和|民国|民國|단기|서기|西暦)?\s?{_HAN_NUMBER}\s?[年년]\s?(?:生まれ\s?)?(?:農暦|农历|農曆|阴历|旧暦|음력)?\s?(?:闰|閏|윤)?{_HAN_NUMBER}\s?[月월]\s?{_HAN_NUMBER}(?:\s?[日일号號]|(?![\w]))"
# Short forms of Japanese eras, and days without their year: births only where the text tells one.
_ERA_SHORT = r"(?<![A-Za-z0-9_.])(?:[MTSHRmtshr]|[明大昭平令])\.?\s?\d{1,2}[./-]\d{1,2}[./-]\d{1,2}(?!\d)"
_MONTH_DAY = rf"(?<![\d年년]){_HAN_NUMBER}\s?[月월]\s?{_HAN_NUMBER}\s?[日일号號]"
_DAY_FIRST = rf"\d{{1,2}}(?:st|nd|rd|th|\.|er|º)?\s(?:of\s|de\s)?(?:{_MONTHS})(?:,?\s(?:de\s)?\d{{4}})?"
_MONTH_FIRST = rf"(?:{_MONTHS})\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?"
_DATE = rf"(?:{_EAST_ASIAN}|(?:{_NUMERIC}|{_DAY_FIRST}|{_MONTH_FIRST})(?!\w))"
_BIRTH_WORDS = words(
    "born dob d date birth birthdate birthday b geb geboren geburtsdatum né née nacido nacida fecha nato nata data "
    "geboortedatum nascido nascida urodzony urodzona naissance geburtstag nacimiento cumpleaños nascita "
    "nací nació nasci nasceu nascimento urodziłem urodziłam urodził urodziła urodzin urodzenia urodziny doğumlu doğumluyum doğumlusu doğum doğdu doğdum "
    "родился родилась родились рождения рождён рожден geboorte"
)
_BIRTH = re.compile(
    r"(?:(?:born(?:\son)?|dob|d\.o\.b\.?|date\sof\sbirth(?:\s(?:of|for)\s[^:\n\d]{2,40})?|birth\s?date|birthday(?:\sis)?|b\.|geb(?:oren|\.)?(?:\sam)?|geburtsdatum|"
    r"née?\sle|date\sde\snaissance|nacid[oa](?:\sel)?|fecha\sde\snacimiento|nat[oa]\sil|data\sdi\snascita|geboren\sop|"
    r"geboortedatum|nascid[oa]\sem|urodzon[ya])|生年月日|出生日期|出生于|生于|생년월일|дата рождения|\*)[\"']?\s{0,2}(?:is|was|:|は|为|是|=|on|,|-)?\s{0,2}[\"']?"
    rf"(?P<date>{_DATE})",
    re.IGNORECASE,
)
_BIRTH_MARK_HINTS = ("生年月日", "出生", "生于", "생년월일", "рождения")
_BIRTH_MARKS = re.compile(r"生年月日|出生日期|出生于|生于|생년월일|дата рождения|(?<![\w*])\*(?=\s?\d)")
_ANY_NUMERIC = re.compile(rf"\d(?<![\w./-].)(?:{_TAILS})(?![\w/-])")
_ANY_EAST_ASIAN = re.compile(r"(?!\s)" + _EAST_ASIAN)
_SHORT_EAST_ASIAN = re.compile(rf"{_ERA_SHORT}|{_MONTH_DAY}")
EAST_ASIAN_CHARACTERS, OTHER_CHARACTERS = 30, 48  # between a date and the word that tells the birth
_EAST_ASIAN_BORN = re.compile(
    r"\s?(?:に|で|的)?(?:生まれ|出生|生日|生(?=[，。、,.\s]|\Z|입|인|이)|誕生|태어|출생|생일|생(?=[입인이,.\s]|\Z))"
)
_EAST_ASIAN_BORN_BEFORE = re.compile(
    r"(?:生年月日|出生(?:日期|年月日|于)?|生于|生日|誕生日|생년월일|생일|출생)\s?(?:[:：はが为是은는]|는|은)?\s?\Z"
)
# The same, told in the same sentence.
_EAST_ASIAN_TOLD = re.compile(
    r"生年月日|誕生日|お誕生|生まれ|生日|出生|诞辰|誕辰|寿辰|壽辰|大寿|大壽|周岁|週歲|满月|滿月|還暦|古希|喜寿|傘寿|米寿|白寿|생일|생신|생년월일|출생|태어|환갑|칠순|팔순|돌잔치|첫돌|회갑"
)
_EAST_ASIAN_SENTENCE = re.compile(r"[。！？!?\n]|(?<=[다요까])[.]")
_DEATH_OR_PAST = re.compile(r"(?:1[0-8]\d\d|190[0-4])\s?[年년]|明治")
# Months of other scripts, and the words for a birth beside them.
_OTHER_MONTHS = (
    r"يناير|فبراير|مارس|أبريل|ابريل|إبريل|مايو|يونيو|يوليو|أغسطس|اغسطس|سبتمبر|أكتوبر|اكتوبر|نوفمبر|ديسمبر|كانون الثاني|شباط|آذار|نيسان|أيار|حزيران|تموز|آب|أيلول|تشرين الأول|تشرين الثاني|كانون الأول|"
    r"محرم|صفر|رمضان|شعبان|شوال|ذو الحجة|ذو القعدة|رجب|"
    r"ב?(?:ינואר|פברואר|מרץ|מרס|אפריל|מאי|יוני|יולי|אוגוסט|ספטמבר|אוקטובר|נובמבר|דצמבר)|(?:ב)?(?:תשרי|חשוון|כסלו|טבת|שבט|אדר|ניסן|אייר|סיוון|תמוז|אב|אלול)|"
    r"जनवरी|फ़?रवरी|फरवरी|मार्च|अप्रैल|मई|जून|जुलाई|अगस्त|सितंबर|सितम्बर|अक्टूबर|अक्तूबर|नवंबर|नवम्बर|दिसंबर|दिसम्बर|"
    r"มกราคม|กุมภาพันธ์|มีนาคม|เมษายน|พฤษภาคม|มิถุนายน|กรกฎาคม|สิงหาคม|กันยายน|ตุลาคม|พฤศจิกายน|ธันวาคม|ม\.ค\.|ก\.พ\.|มี\.ค\.|เม\.ย\.|พ\.ค\.|มิ\.ย\.|ก\.ค\.|ส\.ค\.|ก\.ย\.|ต\.ค\.|พ\.ย\.|ธ\.ค\.|"
    r"Ιανουαρίου|Φεβρουαρίου|Μαρτίου|Απριλίου|Μαΐου|Ιουνίου|Ιουλίου|Αυγούστου|Σεπτεμβρίου|Οκτωβρίου|Νοεμβρίου|Δεκεμβρίου|"
    r"января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря|січня|лютого|березня|квітня|травня|червня|липня|серпня|вересня|жовтня|листопада|грудня"
)
_OTHER_DATE = re.compile(
    rf"(?<!\d)\d{{1,2}}(?:-го)?\s?(?:{_OTHER_MONTHS})(?:[ ,]{{1,2}}(?:عام |सन् |พ\.ศ\. |ค\.ศ\. )?\d{{4}})?(?!\d)"
)
_OTHER_TOLD = re.compile(
    r"مواليد|تاريخ الميلاد|ميلاد|وُ?لد(?:ت|تُ)?\b|نولد|נולד|יום ההולדת|יום הולדת|תאריך לידה|יליד|जन्म|जन्मदिन|पैदा|วันเกิด|เกิด|γεννή|γενέθλι|γεννηθ|родил|рожден|рожд|народи"
)
_OTHER_HINTS = (
    "ميلاد", "مواليد", "ولد", "נולד", "הולדת", "לידה", "יליד", "जन्म", "पैदा", "เกิด", "γενν", "γενέθ", "родил", "рожд", "народи"
)  # fmt: skip
_ANY_NAMED = re.compile(rf"(?<![\w./-])(?:{_DAY_FIRST}|{_MONTH_FIRST})(?![\w/-])", re.IGNORECASE)
_MONTH_WORDS = frozenset(_MONTH_NAMES.split())
BEFORE_MONTH = 10  # characters: "23rd of " and a mark


# A date in words, and the year that may follow: "the third of February nineteen fifty-eight".
_ORDINALS = (
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|"
    "nineteenth|twentieth|thirtieth|twenty[- ](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|thirty[- ]first"
)
_UNITS = "one|two|three|four|five|six|seven|eight|nine"
_YEAR = (
    rf"(?:nineteen|twenty)[ -](?:hundred(?: and)?|oh|(?:ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)|"
    rf"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety))(?:[ -](?:{_UNITS}))?|two thousand(?: and)?(?: (?:{_UNITS}|ten|eleven|twelve|\w+teen|twenty(?:[ -](?:{_UNITS}))?))?"
)
_ENGLISH_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_IN_WORDS = re.compile(
    rf"(?<!\w)(?:the )?(?:{_ORDINALS})(?: day)? of (?:{_ENGLISH_MONTHS})(?:,? (?:in )?(?:the year )?(?:{_YEAR}|\d{{4}}))?(?!\w)|"
    rf"(?<!\w)(?:{_ENGLISH_MONTHS}) (?:the )?(?:{_ORDINALS})(?:,? (?:{_YEAR}|\d{{4}}))?(?!\w)",
    re.IGNORECASE,
)
_ORDINAL_WORDS = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth"
)
IN_WORDS_CHARACTERS = 24  # from where a date in words begins to its ordinal
# A birth that is told in the same sentence, somewhere beside the date.
_TOLD_BIRTH = re.compile(
    r"(?<!\w)(?:born|birth ?date|date of birth|birthday|dob|née?e?|naissance|geboren|geburtstag|nacid[oa]|nacimiento|cumpleaños|nat[oa]|nascita|geboortedatum|nascid[oa]|nací|nació|nasci|nasceu|nascimento|urodz\w+|doğ(?:um|du)\w*|родил\w+|рожд\w+)(?!\w)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[.!?](?=\s|\Z)|\n")
TOLD_CHARACTERS = 90  # between the date and the word that says whose birth it is
YEAR_OF_THE_LIVING = 1905  # who was born before is nobody's to protect
_FULL_YEAR = re.compile(r"(?<!\d)(?:1\d|20)\d\d(?!\d)")


_TYPES = frozenset({FindingType.BIRTH_DATE, FindingType.DATE})


def _find_births(text: Text) -> Iterator[Finding]:
    starts = [word.start for word in text.at_words(_BIRTH_WORDS)]
    if text.has_any("*") or (text.other_script and text.has_any(_BIRTH_MARK_HINTS)):
        starts += [match.start() for match in _BIRTH_MARKS.finditer(text.normal)]
    for start in starts:
        birth = _BIRTH.match(text.normal, start)
        if birth:
            type_ = FindingType.BIRTH_DATE if _of_the_living(birth.group("date")) else FindingType.DATE
            yield Finding(*birth.span("date"), type_, 0.9, "births")


def _of_the_living(date: str) -> bool:
    year = _FULL_YEAR.search(date)
    return year is None or int(year.group()) >= YEAR_OF_THE_LIVING


def _date(text: Text, start: int, end: int, name: str) -> Finding:
    """A date with its year in a sentence that tells a birth is that of the birth."""
    date = text.normal[start:end]
    told = _FULL_YEAR.search(date) is not None and _of_the_living(date) and tells_birth(text, start, end)
    return Finding(start, end, FindingType.BIRTH_DATE if told else FindingType.DATE, 0.7 if told else 0.6, name)


def tells_birth(text: Text, start: int, end: int) -> bool:
    if _BIRTH_WORDS.isdisjoint(text.vocabulary):
        return False
    before = _SENTENCE.split(text.normal[max(0, start - TOLD_CHARACTERS) : start])[-1]
    after = _SENTENCE.split(text.normal[end : end + TOLD_CHARACTERS])[0]
    return _TOLD_BIRTH.search(before) is not None or _TOLD_BIRTH.search(after) is not None


def _find_numeric(text: Text) -> Iterator[Finding]:
    for match in text.at_digits(_ANY_NUMERIC, then="/-."):
        yield _date(text, *match.span(), "dates_numeric")


def _find_named(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_MONTH_WORDS):
        named = _ANY_NAMED.search(text.normal, max(0, word.start - BEFORE_MONTH), word.end + 12)
        if named:
            yield _date(text, *named.span(), "dates_named")


def _find_east_asian(text: Text) -> Iterator[Finding]:
    told_anywhere = _EAST_ASIAN_TOLD.search(text.normal) is not None
    patterns = (_ANY_EAST_ASIAN, _SHORT_EAST_ASIAN) if told_anywhere else (_ANY_EAST_ASIAN,)
    for pattern in patterns:
        for match in pattern.finditer(text.normal):
            is_birth = _is_east_asian_birth(text.normal, *match.span())
            if not is_birth and pattern is _SHORT_EAST_ASIAN:
                continue
            type_ = FindingType.BIRTH_DATE if is_birth else FindingType.DATE
            yield Finding(*match.span(), type_, 0.7 if is_birth else 0.6, "dates_east_asian")


def _is_east_asian_birth(text: str, start: int, end: int) -> bool:
    if _DEATH_OR_PAST.search(text, start, end):
        return False
    if _EAST_ASIAN_BORN.match(text, end) or _EAST_ASIAN_BORN_BEFORE.search(text[max(0, start - 12) : start]):
        return True
    before = _EAST_ASIAN_SENTENCE.split(text[max(0, start - EAST_ASIAN_CHARACTERS) : start])[-1]
    after = _EAST_ASIAN_SENTENCE.split(text[end : end + EAST_ASIAN_CHARACTERS])[0]
    return _EAST_ASIAN_TOLD.search(before) is not None or _EAST_ASIAN_TOLD.search(after) is not None


def _find_other(text: Text) -> Iterator[Finding]:
    """Dates in other scripts beside a word that tells a birth: with their month in words, or all in numbers."""
    for pattern in (_OTHER_DATE, _ANY_NUMERIC):
        for match in pattern.finditer(text.normal):
            around = text.normal[max(0, match.start() - OTHER_CHARACTERS) : match.end() + OTHER_CHARACTERS]
            if _OTHER_TOLD.search(around) and _of_the_living(match.group()):
                yield Finding(*match.span(), FindingType.BIRTH_DATE, 0.8, "dates_other")


def _find_in_words(text: Text) -> Iterator[Finding]:
    done = 0
    for word in sorted(text.at_words(_ORDINAL_WORDS)):
        match = _IN_WORDS.search(text.normal, max(done, word.start - IN_WORDS_CHARACTERS), word.end + 64)
        if match is None:
            continue
        done = match.end()
        told = tells_birth(text, *match.span())
        yield Finding(*match.span(), FindingType.BIRTH_DATE if told else FindingType.DATE, 0.7, "dates_in_words")


DETECTORS = (
    Detector(
        "births",
        _TYPES,
        _find_births,
        (
            Evidence(_BIRTH_WORDS, digits=1),
            Evidence(holds=("*",), digits=1),
            *each(_BIRTH_MARK_HINTS, digits=1, other_script=True),
        ),
    ),
    Detector("dates_numeric", _TYPES, _find_numeric, each("/-.", digits=4)),
    Detector("dates_east_asian", _TYPES, _find_east_asian, each("年년月월生誕", other_script=True)),
    Detector(
        "dates_other", frozenset({FindingType.BIRTH_DATE}), _find_other, each(_OTHER_HINTS, digits=2, other_script=True)
    ),
    Detector("dates_named", _TYPES, _find_named, (Evidence(_MONTH_WORDS, digits=1),)),
    Detector("dates_in_words", _TYPES, _find_in_words, (Evidence(_ORDINAL_WORDS),)),
)
