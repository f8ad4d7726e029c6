"""Street addresses where the word for the street comes first, where it is written on to its name, and in East Asia."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each, pattern_detector
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_A = FindingType.ADDRESS
_UP = r"[A-ZÀ-ÖØ-ÞĀ-ŽŞĞİŁŚŻŹĆŃȘȚ]"
_NAME = rf"{_UP}[\w.'’-]{{0,30}}"
_SMALL = r"(?:de|del|de la|de los|di|da|dos|lui|cel|al|a)"
_WITHIN = (
    r"(?:[ ,/-]{1,2}(?:(?:Bl|Sc|Ap|Et|Piso|Piano|Int|Interior|Interno|Dpto|Depto|Edif|Apto|Appartamento|Apt|Lt|Blok|RT|RW|Kav|m|kv|d|kat|daire|D)\.?:? ?\w{1,6}"
    r"|\d{1,5}))"
)
# The words that stand first, as people write them in Italy, Spain and Latin America, Romania, Indonesia, Poland, the
# Czech lands and Turkey.
_FIRST = (
    r"strada|bulevardul|aleea|calea|intrarea|șoseaua|soseaua|splaiul|piața|borgo|incrocio|contrada|rotonda|piazzale|largo|lungomare|salita|"
    r"calzada|prolongación|privada|cerrada|andador|eje vial|circuito|periférico|callejón|retorno|corredor|pasaje|viaducto|peatonal|ronda|glorieta|urbanización|"
    r"jalan|jl|gang|gg|komplek|ulica|ul(?=\.)|aleja|osiedle|os(?=\.)|plac|ulice|náměstí|třída"
)
_BEFORE = re.compile(
    rf"(?i:{_FIRST})\.? (?:{_SMALL} )?{_NAME}(?: (?:{_SMALL} )?{_NAME}){{0,4}},? (?:(?:No|Nr|N|n|č|č\.p|#)\.?:? ?)?\d{{1,5}}[A-Za-z]?(?!\w){_WITHIN}{{0,4}}"
)
_BEFORE_WORDS = words(
    "strada bulevardul aleea calea intrarea șoseaua soseaua splaiul piața borgo incrocio contrada rotonda piazzale largo "
    "lungomare salita calzada prolongación privada cerrada andador eje circuito periférico callejón retorno corredor pasaje "
    "viaducto peatonal ronda glorieta urbanización jalan jl gang gg komplek ulica ul aleja osiedle os plac ulice náměstí třída"
)
# Written on to the name, or after it: the Nordic countries, Hungary, Turkey.
_ENDS = (
    "torget", "gränd", "stigen", "backen", "gade", "gata", "veien", "vei", "plass", "stræde", "katu", "kuja", "polku", "utca", "körút", "sokak",
    "sokağı", "caddesi", "cad.", "sok.", "mah.",
)  # fmt: skip
_AFTER = re.compile(
    rf"(?<!\w)(?:{_UP}[\w-]{{2,40}}(?:torget|gränd|stigen|backen|gade|gata|veien|vei|plass|stræde|katu|kuja|polku)|(?:{_NAME} ){{1,3}}(?:utca|körút|sokak|sokağı|caddesi|cad\.|sok\.))"
    r"(?:,? (?:No|nr)?[.:]{0,2} ?)\Z",
    re.IGNORECASE,
)
AFTER_CHARACTERS = 64
_NUMBER = re.compile(rf"\d{{1,4}}\s?(?:[A-Za-z](?!\w))?(?:[.](?=\s|\Z))?{_WITHIN}{{0,3}}")
# A German street without a word for it: only with its post code.
_AT = re.compile(
    rf"(?:Am|An der|Im|In der|Zum|Zur|Auf dem|Auf der|Unter den|Beim|Hinter dem) {_NAME}(?: {_NAME})? \d{{1,4}} ?[a-z]?, ?\d{{5}} {_NAME}(?:[ -]{_NAME}){{0,2}}"
)
_AT_WORDS = words("am an im in zum zur auf unter beim hinter")
# A flat or a room before what is left of the address.
_UNIT = re.compile(
    rf"(?:Apt|Apartment|Suite|Flat|Room|Unit)\.? ?[\dA-Z][\dA-Z-]{{0,5}}, (?:\d{{1,5}}(?:/\d{{1,4}})?,? )?"
    rf"(?!(?:Building|Bldg|Block|Floor|Level|Wing|Lesson|Chapter|Section|Exercise)\b){_NAME}(?: {_NAME}){{0,4}}"
)
_UNIT_WORDS = words("apt apartment suite flat room unit")

# Han characters that no name of a place holds: what leads to the address.
_HAN = r"(?:(?![到在址往于是为寄送住至把请给和与的])[\u4e00-\u9fff])"
_CHINESE = re.compile(
    rf"(?:{_HAN}{{2,7}}[省市州区县镇乡]){{0,4}}(?:{_HAN}{{1,8}}?(?:街道))?{_HAN}{{1,8}}(?:路|街|道|巷|弄|胡同|村)(?:[\d一二三四五六七八九十百]{{1,5}}[号號弄栋幢])"
    r"(?:[\dA-Za-z一二三四五六七八九十]{1,5}(?:号楼|[号弄幢栋楼层座室户]|单元)){0,5}"
)
_JAPANESE = re.compile(
    rf"(?:〒? ?\d{{3}}-\d{{4}} ?)?{_HAN}{{1,3}}[都道府県](?:{_HAN}|[\u3041-\u30ffー]){{1,8}}?[市区町村郡][\u3041-\u30ff\u4e00-\u9fffー]{{0,16}}(?:\d{{1,4}}|[一二三四五六七八九十]{{1,3}}(?=丁目|番))(?:(?:丁目|番地|番|号|[-‐−ー])\d{{0,4}}){{0,4}}(?:号室|号|番)?(?:[ 　]?(?![のでにへがはを])[\u30a1-\u30ffー\u3041-\u3096\u4e00-\u9fffA-Z]{{2,14}}?[ 　]?\d{{1,4}}(?:号室|号|階|室))?"
)
_KOREAN = re.compile(
    r"[가-힣]{2,8}(?:시|도) (?:[가-힣]{1,8}(?:시|군|구) ){1,2}[가-힣\d]{1,12}(?:로|길|동|읍|면) ?\d{1,4}(?:-\d{1,4})?(?:번지)?(?:[ ,]{1,2}\d{1,4}(?:동|호|층)){0,3}"
)
# Where the word for the street comes first, in other scripts.
_NATIVE_NUMBER = r"\d{1,5}(?:[/-]\d{1,4})?[^\W\d_]?(?![^\W_])"
_OTHER_SCRIPTS = re.compile(
    rf"(?<![^\W_])(?:[בלמהו]{{0,2}}(?:רחוב|רח['’׳]|שדרות|שד['’׳]|סמטת|סמטה|כיכר|שביל|משעול))[ ](?:[\u05d0-\u05ea'’׳״\"-]{{2,16}}[ ]){{1,4}}{_NATIVE_NUMBER}(?:,?[ ](?:דירה|קומה|כניסה)[ ][\w\u05d0-\u05ea]{{1,4}}){{0,3}}(?:,[ ][\u05d0-\u05ea-]{{2,14}}(?:[ ][\u05d0-\u05ea-]{{2,14}})?(?=[.\n]))?|"
    rf"(?<![^\W_])(?:[بلوف]?(?:شارع|زقاق|نهج|طريق|جادة|ساحة|عمارة|مبنى|برج|بناية|فيلا))[ ](?:(?!رقم)[\u0621-\u064a]{{2,16}}[ ]){{0,4}}(?:[،,][ ]?)?(?:رقم[ ])?{_NATIVE_NUMBER}(?:[،,]?[ ](?:شقة|طابق|الطابق|الشقة|عمارة|حي|مدينة)[ ](?:رقم[ ])?[\w\u0621-\u064a]{{1,14}}){{0,4}}|"
    rf"(?:मकान|फ्लैट|फ़्लैट|प्लॉट|घर|कमरा|दुकान)[ ](?:नंबर|नम्बर|नं\.?|संख्या|सं\.?)[ ]?{_NATIVE_NUMBER}(?:,?[ ](?:गली|सेक्टर|वार्ड|ब्लॉक)[ ](?:नंबर[ ]|नं\.?[ ])?[\w\u0900-\u097f-]{{1,12}}|,[ ][\u0900-\u097f]{{2,14}}(?:[ ](?:नगर|मार्ग|रोड|कॉलोनी|विहार|गंज|बाग|चौक|मोहल्ला|पुरम|गली))?){{0,4}}|"
    rf"\d{{1,4}}[^\W\d_]?,?[ ](?:[\u0900-\u097f]{{2,16}}[ ]){{1,3}}(?:मार्ग|रोड|नगर|गली|कॉलोनी|विहार|चौक|मोहल्ला|सड़क)(?:,[ ][\u0900-\u097f]{{2,14}}){{0,2}}(?:[ -]{{1,3}}\d{{6}})?|"
    rf"(?:(?:บ้าน)?เลขที่[ ]?)?\d{{1,4}}(?:/\d{{1,4}})?[ ](?:หมู่(?:ที่)?[ ]?\d{{1,2}}[ ])?(?:หมู่บ้าน|ซอย|ซ\.|ถนน|ถ\.|แขวง|ตำบล|ต\.)[ ]?[\u0e01-\u0e4e]{{2,24}}(?:[ ]?\d{{1,3}}(?:/\d{{1,3}})?)?(?:[ ](?:ซอย|ถนน|ถ\.|แขวง|เขต|ตำบล|ต\.|อำเภอ|อ\.|จังหวัด|จ\.)[ ]?[\u0e01-\u0e4e]{{2,24}}){{0,4}}(?:[ ](?:กรุงเทพ\S{{0,10}}|[\u0e01-\u0e4e]{{3,14}})?[ ]?\d{{5}})?|"
    rf"(?<![^\W_])(?:ул\.|улица|улице|пр\.|пр-т|просп\.|проспект|проспекте|пер\.|переулок|бульвар|бул\.|шоссе|наб\.|набережная|вул\.|вулиця)[ ]?[А-ЯЁІЇЄа-яёіїє0-9][А-Яа-яЁёІіЇїЄє0-9-]{{0,24}}(?:[ ][А-ЯЁ][а-яё-]{{1,24}}){{0,3}},?[ ](?:д\.|дом|буд\.|№)?[ ]?{_NATIVE_NUMBER}(?:,?[ ](?:корп\.|корпус|к\.|стр\.|кв\.|квартира|оф\.|подъезд)[ ]?\w{{1,4}}){{0,4}}|"
    rf"(?<![^\W_])(?:Οδός|οδός|οδό|Λεωφόρος|λεωφόρο|Λεωφ\.|Πλατεία)[ ][Α-ΩΆΈΉΊΌΎΏ][\u0370-\u03ff]{{1,20}}(?:[ ][Α-ΩΆΈΉΊΌΎΏ][\u0370-\u03ff]{{1,20}}){{0,2}},?[ ]{_NATIVE_NUMBER}(?:,[ ](?:\d{{3}}[ ]\d{{2}}[ ])?[Α-ΩΆΈΉΊΌΎΏ][\u0370-\u03ff]{{1,20}})?"
)
_OTHER_HINTS = (
    "רחוב", "רח'", "רח’", "רח׳", "שדרות", "שד'", "שד’", "שד׳", "סמטת", "סמטה", "כיכר", "שביל", "משעול",
    "شارع", "زقاق", "نهج", "طريق", "جادة", "ساحة", "عمارة", "مبنى", "برج", "بناية", "فيلا",
    "मकान", "फ्लैट", "फ़्लैट", "प्लॉट", "घर", "कमरा", "दुकान", "मार्ग", "रोड", "नगर", "गली", "कॉलोनी", "विहार", "चौक", "मोहल्ला", "सड़क",
    "หมู่", "ซอย", "ซ.", "ถนน", "ถ.", "แขวง", "ตำบล", "ต.",
    "ул", "пр", "пер", "бул", "шоссе", "наб", "вул", "οδό", "λεωφ", "πλατεία",
)  # fmt: skip
# Latin America counts streets: "Calle 45 # 12-34", "Cra. 15 No. 93-60 apto 402"; and blocks and lots: "Mz. 4 Lt. 12".
_COUNTED = re.compile(
    r"(?:calle|cll|cl|carrera|cra|kra|kr|diagonal|diag|dg|transversal|transv|tv|avenida|av|avda|circular)\.? ?\d{1,3} ?[a-z]{0,2}(?: ?bis)?(?: (?:sur|norte|este|oeste|[NSEO]))? ?(?:#|no?\.?|nº|n°|número|con) ?\d{1,3} ?[a-z]{0,2} ?[-–] ?\d{1,3}"
    r"(?:,? (?:apto|apartamento|ap|int|interior|torre|bloque|casa|piso|of|oficina|local)\.? ?\w{1,5}){0,3}|"
    r"(?:mz|mza|manzana|sm|supermanzana)\.? ?\w{1,4},? (?:lt|lte|lote|casa)\.? ?\w{1,5}",
    re.IGNORECASE,
)
_COUNTED_WORDS = words(
    "calle cll cl carrera cra kra kr diagonal diag dg transversal transv tv avenida av avda circular mz mza manzana sm supermanzana"
)
# India: the house, then its cross, main, sector, layout or colony.
_INDIAN_PLACE = r"(?:Cross|Main|Main Road|Stage|Phase|Block|Layout|Nagar|Colony|Enclave|Vihar|Puram|Marg|Chowk|Bagh|Ganj|Apartments?|Society|Complex|Towers?|Heights|Residency|Gali|Galli|Lane|Road|Street|Extension|Extn|Sector)"
_INDIAN = re.compile(
    rf"(?:(?:H\.? ?No|House No|Flat No|Flat|Plot No|Plot|Door No|D\.? ?No|Shop No|Qtr No|Quarter No|Villa|Room No|Block)\.?:? ?#?[\dA-Z][\w/-]{{0,10}}|#\d{{1,4}}(?:/\d{{1,4}})?),? "
    rf"(?=[^\n]{{0,60}}?(?<![^\W_]){_INDIAN_PLACE}(?![^\W_]))(?:(?:Sector|Phase|Block|Stage|Ward) [\dA-Z-]{{1,4}}|\d{{1,3}}(?:st|nd|rd|th) (?:{_UP}\w+[ ]?){{1,3}}|{_NAME}(?: {_NAME}){{0,3}})"
    rf"(?:, (?:(?:Sector|Phase|Block|Stage|Ward) [\dA-Z-]{{1,4}}|\d{{1,3}}(?:st|nd|rd|th) {_NAME}(?: {_NAME}){{0,2}}|{_NAME}(?: {_NAME}){{0,3}})){{0,4}}(?:,? ?[-–]? ?\d{{3}} ?\d{{3}}(?!\d))?"
)
_INDIAN_WORDS = words("h house flat plot door d shop qtr quarter villa room block")


def _find_counted(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_COUNTED_WORDS):
        if street := _COUNTED.match(text.normal, word.start):
            yield Finding(*street.span(), _A, 0.85, "street_counted")


def _find_indian(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_INDIAN_WORDS):
        if street := _INDIAN.match(text.normal, word.start):
            yield Finding(*street.span(), _A, 0.8, "street_indian")


def _find_before(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_BEFORE_WORDS):
        if street := _BEFORE.match(text.normal, word.start):
            yield Finding(*street.span(), _A, 0.8, "street_before")


def _find_after(text: Text) -> Iterator[Finding]:
    done = 0
    for at, _ in text.digit_runs:
        first = max(done, at - AFTER_CHARACTERS)
        street = _AFTER.search(text.normal[first:at]) if _has_end(text.lower[first:at]) else None
        number = _NUMBER.match(text.normal, at) if street else None
        if street and number:
            done = number.end()
            yield Finding(first + street.start(), done, _A, 0.8, "street_after")


def _has_end(before: str) -> bool:
    return before.rstrip(" ,.:").removesuffix("no").removesuffix("nr").rstrip(" ,:").rstrip(".").endswith(_BARE_ENDS)


_BARE_ENDS = tuple(end.rstrip(".") for end in _ENDS)


def _find_units(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_UNIT_WORDS):
        if unit := _UNIT.match(text.normal, word.start):
            yield Finding(*unit.span(), _A, 0.7, "street_units")


def _find_at(text: Text) -> Iterator[Finding]:
    for word in text.at_words(_AT_WORDS):
        if street := _AT.match(text.normal, word.start):
            yield Finding(*street.span(), _A, 0.8, "street_at")


DETECTORS: tuple[Detector, ...] = (
    Detector("street_before", frozenset({_A}), _find_before, (Evidence(_BEFORE_WORDS, digits=1),)),
    Detector("street_after", frozenset({_A}), _find_after, (*each(_BARE_ENDS, digits=1),)),
    Detector("street_at", frozenset({_A}), _find_at, (Evidence(_AT_WORDS, digits=6),)),
    Detector("street_counted", frozenset({_A}), _find_counted, (Evidence(_COUNTED_WORDS, digits=2),)),
    Detector("street_indian", frozenset({_A}), _find_indian, (Evidence(_INDIAN_WORDS),)),
    pattern_detector(
        "street_other_scripts", _A, _OTHER_SCRIPTS, *each(_OTHER_HINTS, digits=1, other_script=True), score=0.8
    ),
    Detector("street_units", frozenset({_A}), _find_units, (Evidence(_UNIT_WORDS),)),
    pattern_detector("street_chinese", _A, _CHINESE, *each("路街道巷弄村胡", other_script=True), score=0.8),
    pattern_detector("street_japanese", _A, _JAPANESE, *each("都道府県", digits=1, other_script=True), score=0.8),
    pattern_detector("street_korean", _A, _KOREAN, *each("로길동읍면", digits=1, other_script=True), score=0.8),
)
