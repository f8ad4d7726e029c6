"""Ages that say when somebody was born: of children, and on a birthday that is near. Others are no more than facts."""

import re
from collections.abc import Iterator

from node.privacy.detectors.base import Detector, Evidence, Text, each
from node.privacy.findings import Finding, FindingType
from node.privacy.wordlist import words

_NUMBER = (
    r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-[a-z]{3,5})?|"
    r"zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|[a-zäöüß]{3,12}zehn|[a-zäöüß]{2,14}zig|"
    r"deux|trois|quatre|cinq|six|sept|huit|neuf|dix|onze|douze|treize|quatorze|quinze|seize|vingt|trente|quarante|cinquante|soixante|"
    r"dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|once|doce|trece|catorce|quince|veinte|treinta|cuarenta|cincuenta|sesenta|"
    r"due|tre|quattro|cinque|sei|sette|otto|nove|dieci|undici|dodici|[a-zàé]{2,14}(?:anta|enti)|settant|ottant|novant|sessant|cinquant|quarant|trent|vent|"
    r"twee|drie|vier|vijf|zes|zeven|acht|negen|tien|elf|twaalf|dertien|veertien|vijftien|[a-zë]{4,18}tig|"
    r"dois|três|quatro|sete|oito|dez|doze|vinte|trinta|quarenta|cinquenta|dwa|trzy|cztery|pięć|sześć|siedem|osiem|dziewięć|dziesięć)"
)
_HALF = r"(?:\s(?:and a half|einhalb|et demi|y medio|e mezzo|en een half)|½|\.5)?"
_UNIT = (
    r"(?:['’ \t-]{0,2}(?:years?|yrs?|y/?o|months?|weeks?|days?|Jahren?|Monaten?|Wochen|ans|mois|semaines|años|meses|anni|mesi|"
    r"jaar|maanden|weken|anos|lat|lata|miesięcy|yaşında|yaşına|aylık)(?:[ -](?:old|alt|oud))?)"
)
_AGE = rf"{_NUMBER}{_HALF}(?:{_UNIT}{_HALF})?"
_DATE = r"(?:\s(?:on|am|le|il|el|op|em|w dniu)\s(?:the\s)?\d{1,2}(?:st|nd|rd|th|\.|er|º)?(?:\s(?:of|de|di)?\s?[^\W\d_]{3,10})?)?"
# A birthday: with its age or without.
_TURNING = re.compile(
    rf"(?:turn(?:s|ed|ing)?|compi(?:e|rà|ono|to)|cumpl(?:e|en|irá|ió)|wordt|werd|fait|fête(?:\sses)?|aura|"
    rf"faz|fez|kończy|skończył[ay]?)\s(?P<age>{_AGE}{_DATE})(?![\w%€$£°]|\s(?:times|degrees|pages|percent|fois|veces|volte|keer|razy|vezes))",
    re.IGNORECASE,
)
_TURNING_WORDS = words(
    "turn turns turned turning compie compirà compiono compito cumple cumplen cumplirá cumplió wordt werd fait fête aura "
    "faz fez kończy skończył skończyła"
)
_CHILD = re.compile(
    r"(?:twins?|triplets|baby|babies|toddler|son|daughter|sons|daughters|kid|kids|child|children|grandson|granddaughter|niece|nephew|boy|girl|"
    r"Sohn|Söhne|Tochter|Töchter|Kind|Kinder|Baby|Zwillinge|Enkel|Enkelin|fils|fille|enfants?|bébé|jumeaux|jumelles|petit-fils|"
    r"hij[oa]s?|niñ[oa]s?|bebé|gemel[oa]s|niet[oa]|figli[oaie]|bambin[oaie]|gemelli|nipote|zoon|zoontje|dochter|dochtertje|kind|kinderen|tweeling|"
    rf"filh[oa]s?|menin[oa]|gémeos|syn|córka|dzieci|dziecko|oğlum|kızım|bebeğim)[\s,(]{{1,2}}(?:(?:[A-Z][^\W\d_]+[\s,(]{{1,2}})?"
    r"(?:is|are|was|has just turned|just turned|aged|now|ist|sind|a|ont|tiene|tienen|ha|hanno|heeft|is nu|tem|têm|ma|mają)\s)?"
    rf"(?:\(|(?:only|just|now|erst|gerade|nur|jetzt)\s)?(?P<age>{_AGE})(?![\w%€$£]|\s(?:o'clock|times|of|more|less|to|cm|kg|pounds|euros?))",
)
_CHILD_WORDS = words(
    "twin twins triplets baby babies toddler son daughter sons daughters kid kids child children grandson granddaughter "
    "niece nephew boy girl sohn söhne tochter töchter kind kinder zwillinge enkel enkelin fils fille enfant enfants bébé "
    "jumeaux jumelles hijo hija hijos hijas niño niña niños niñas bebé gemelos gemelas nieto nieta figlio figlia figli "
    "figlie bambino bambina bambini gemelli nipote zoon zoontje dochter dochtertje kinderen tweeling filho filha filhos "
    "filhas menino menina gémeos syn córka dzieci dziecko oğlum kızım bebeğim"
)
_BEFORE_CHILD = re.compile(
    rf"(?<![\w.])(?P<age>{_NUMBER}{_HALF}[ -](?:year|month|week|day|yr)s?[ -]old)[ -](?:[a-z]+[ -])?(?:twins?|baby|toddler|son|daughter|kid|child|boy|girl|"
    r"grandson|granddaughter|niece|nephew|brother|sister|stepson|stepdaughter|cousin)\b",
    re.IGNORECASE,
)
_OWNED = re.compile(
    r"(?:my|our|his|her|their|the|mein\w{0,2}|unser\w{0,2}|meine|mon|ma|mes|notre|nos|mi|mis|nuestr\w+|mi[ao]|miei|mie|nostr\w|la|il|"
    r"mijn|ons|onze|meu|minha|nosso|nossa|mój|moja|moje)\s(?:[^\W\d_]+\s)?\Z",
    re.IGNORECASE,
)
# Anybody's, in a text that tells the birth.
_TELLING = words("am m is s now bin ist ai a tengo tiene ho ha ben heeft tenho tem mam ma")
_TELLER = re.compile(
    r"(?<![^\W_])(?:I|I['’]|s?he|s?he['’]|who|who['’]|and|ich|er|sie|j['’]|il|elle|yo|él|ella|io|lui|lei|ik|hij|zij|ze|eu|ele|ela|[^\W\d_]{3,14})\s?\Z",
    re.IGNORECASE,
)
_TOLD = re.compile(
    rf"\s(?:now |already |jetzt |schon |déjà |ya |già |nu )?(?P<age>{_NUMBER}{_UNIT}?)"
    r"(?=[.,;!?)\n]|\s(?:and|but|now|today|years?|und|et|y|e|en|i)(?![^\W_])|\Z)",
    re.IGNORECASE,
)
TELLER_CHARACTERS = 16
_BORN = words(
    "born birth birthdate birthday dob geboren geburtstag geburtsdatum née né naissance nacida nacido nací nacimiento nata nato nascita nascido nascida nasci nascimento geboortedatum urodzona urodzony doğumlu"
)
# In scripts that set no blank: 四十二歳, 今年12岁, 올해 7살.
_UNSPACED = re.compile(
    r"(?P<how>今年で?|母[はが]?|父[はが]?|妻[はが]?|夫[はが]?|祖母[はが]?|祖父[はが]?|妹[はが]?|弟[はが]?|姉[はが]?|兄[はが]?|長男[はが]?|長女[はが]?|次男[はが]?|次女[はが]?|甥[はが]?|姪[はが]?|私[はも]?|妈妈|爸爸|奶奶|爷爷|外婆|外公|妹妹|弟弟|姐姐|哥哥|孙子|孙女|老公|老婆|엄마[는가]?|아빠[는가]?|할머니[는가]?|할아버지[는가]?|동생[은이]?|손자[는가]?|손녀[는가]?|저는?|もうすぐ|まもなく|今|現在|来年|息子[はが]?|娘[はが]?|孫[はが]?|子ども?[はが]?|儿子|女儿|孩子|快|刚满|刚|满|올해|이제|곧|아들[은이]?|딸[은이]?|아이[는가]?)[ 、,]{0,2}[은는이가は]?[ ]?"
    r"(?P<age>[〇零一二三四五六七八九十百\d]{1,4}[ ]?(?:歳|才|岁|歲|周岁|살|세)(?:半)?)(?!児)"
)
# A child's age, or the one that somebody reaches, in the other scripts with blanks: "my son is 7", "turned 40".
_OTHER = re.compile(
    r"(?:(?:ابني|ابنتي|بنتي|ولدي|طفلي|طفلتي|حفيدي|حفيدتي)[^\d\n.]{0,24}(?:عمره|عمرها|يبلغ|تبلغ)?[^\d\n.]{0,6}|(?:بلغ|بلغت|أتم|أتمت)[ ](?:سن[ ])?)(?P<ar>\d{1,3}[ ]?(?:سنوات|سنة|عاما|عامًا|أعوام|شهرا|أشهر|أسابيع)?)|"
    r"(?:הבן|הבת|בני|בתי|הנכד|הנכדה|התינוק|התינוקת|הילד|הילדה)[^\d\n.]{0,24}(?:בן|בת|בגיל|גיל)[ ](?P<he>\d{1,3}(?:[ ](?:וחצי|חודשים|שבועות))?)|(?:חוגג|חוגגת|מלאו לו|מלאו לה)[ ](?P<he2>\d{1,3})|"
    r"(?:(?:मेरा|मेरी|मेरे|हमारा|हमारी)[ ]?(?:बेटा|बेटी|पोता|पोती|बच्चा|बच्ची|भतीजा|भतीजी|नाती|नातिन)[^\d\n।]{0,16})(?P<hi>\d{1,3}[ ]?(?:साल|वर्ष|महीने|माह)(?:[ ]की|[ ]का)?)|(?P<hi2>\d{1,2}[ ]?(?:साल|वर्ष|महीने)[ ](?:की|का|के))[ ](?:बेटी|बेटा|बेटे|बच्ची|बच्चा|बच्चे|पोती|पोता)|"
    r"(?:ลูกชาย|ลูกสาว|ลูก|หลานชาย|หลานสาว|หลาน|น้อง)[^\d\n]{0,20}?(?:อายุ|วัย)?[ ]?(?P<th>\d{1,3}[ ]?(?:ขวบ|ปี|เดือน)(?:ครึ่ง)?)|"
    r"(?:сын\w{0,2}|доч\w{1,5}|внук\w?|внучк\w|ребён\w{1,3}|ребен\w{1,3}|племянни\w{1,3})[^\d\n.]{0,16}(?P<ru>\d{1,3}(?:[ ](?:года?|лет|месяц\w{0,3}|недел\w{1,2}))?)|(?:исполнилось|исполнится|исполняется)[ ](?P<ru2>\d{1,3}(?:[ ](?:года?|лет))?)|"
    r"(?:ο γιος|η κόρη|ο εγγονός|η εγγονή|το παιδί|το μωρό)[^\d\n.]{0,20}(?P<el>\d{1,3}[ ](?:ετών|χρονών|χρόνων|μηνών|μήνες|χρόνια))|(?:έκλεισε τα|κλείνει τα|γίνεται)[ ](?P<el2>\d{1,3})"
)
_OTHER_HINTS = (
    "ابن", "بنت", "ولدي", "طفل", "حفيد", "بلغ", "أتم", "הבן", "הבת", "בני", "בתי", "הנכד", "התינוק", "הילד", "חוגג", "מלאו", "बेट", "बच्च", "पोत", "नाती", "नातिन", "भतीज",
    "ลูก", "หลาน", "น้อง", "сын", "доч", "внук", "внучк", "реб", "племянни", "исполн", "γιος", "κόρη", "εγγον", "παιδί", "μωρό", "κλείνει", "έκλεισε", "γίνεται",
)  # fmt: skip
_UNSPACED_UNITS = "歳才岁歲살세"
_CJK_BORN = ("生まれ", "生年月日", "出生", "생일", "출생", "태어", "년생", "일생")
_UNSPACED_ANY = re.compile(
    r"(?P<age>[〇零一二三四五六七八九十百\d]{1,4}[ ]?(?:歳|才|岁|歲|周岁|살|세)(?:半)?)(?!児|以|未)"
)
AGE_YEARS_MAX = 125
AGE_CHARACTERS = 40  # of an age in words, or of what follows "old"


def _is_age(text: str) -> bool:
    digits = re.match(r"\d+", text)
    return digits is None or int(digits.group()) <= AGE_YEARS_MAX


def _find(text: Text) -> Iterator[Finding]:
    for triggers, pattern in ((_TURNING_WORDS, _TURNING), (_CHILD_WORDS, _CHILD)):
        for word in text.at_words(triggers):
            match = pattern.match(text.normal, word.start)
            if match is None or not _is_age(match.group("age")):
                continue
            if pattern is _CHILD and not _is_owned(text, word.start):
                continue
            if pattern is _TURNING and not _follows_somebody(text, word.start):
                continue
            yield Finding(*match.span("age"), FindingType.BIRTH_AGE, 0.8, "ages")
    if "old" in text.vocabulary:
        for word in text.at_word("old"):
            match = _BEFORE_CHILD.search(text.normal, max(0, word.start - AGE_CHARACTERS), word.end + AGE_CHARACTERS)
            if match and match.start() < word.start and _is_owned(text, match.start()):
                yield Finding(*match.span("age"), FindingType.BIRTH_AGE, 0.8, "ages")


def _find_told(text: Text) -> Iterator[Finding]:
    if not _BORN.isdisjoint(text.vocabulary):
        for word in text.at_words(_TELLING):
            match = _TOLD.match(text.normal, word.end)
            if match is None or match.group("age").isdecimal() or not _is_age(match.group("age")):
                continue
            if _TELLER.search(text.normal[max(0, word.start - TELLER_CHARACTERS) : word.start]):
                yield Finding(*match.span("age"), FindingType.BIRTH_AGE, 0.7, "ages_told")
    if text.other_script:
        pattern = _UNSPACED_ANY if text.has_any(_CJK_BORN) else _UNSPACED
        for match in pattern.finditer(text.normal):
            yield Finding(*match.span("age"), FindingType.BIRTH_AGE, 0.7, "ages_told")


def _find_other(text: Text) -> Iterator[Finding]:
    for match in _OTHER.finditer(text.normal):
        if match.lastgroup is not None and _is_age(match.group(match.lastgroup)):
            yield Finding(*match.span(match.lastgroup), FindingType.BIRTH_AGE, 0.7, "ages_other")


def _is_owned(text: Text, start: int) -> bool:
    return _OWNED.search(text.normal, max(0, start - 32), start) is not None


_SOMEBODY = re.compile(
    r"(?<![^\W_])(?:I|he|she|who|baby|twins|son|daughter|kid|child|mother|father|mum|mom|dad|wife|husband|grand\w+|"
    r"suocer[oa]|madre|padre|nonn[oa]|zi[oa]|sorella|fratello|moglie|marito|figli[oa]|abuel[oa]|hij[oa]|herman[oa]|espos[oa]|"
    r"mère|père|mamie|papi|fille|fils|femme|mari|sœur|frère|moeder|vader|oma|opa|zus|broer|vrouw|man|zoon|dochter|mãe|pai|avó|avô|filh[oa]|"
    r"(?!The|That|This|Then|When|It|What|And)[A-ZÀ-ÞŁŚŻ][^\W\d_]{2,20})(?:\s[^\W\d_]{1,20}){0,2}\s\Z"
)


def _follows_somebody(text: Text, start: int) -> bool:
    """As in "the baby turned 11 months"; but not "turn 5 pages" nor "it turned 30 degrees"."""
    return _SOMEBODY.search(text.normal, max(0, start - 64), start) is not None


DETECTORS = (
    Detector(
        "ages", frozenset({FindingType.BIRTH_AGE}), _find, (Evidence(_TURNING_WORDS | _CHILD_WORDS | words("old")),)
    ),
    Detector(
        "ages_told",
        frozenset({FindingType.BIRTH_AGE}),
        _find_told,
        (Evidence(_BORN), *each(_UNSPACED_UNITS, other_script=True)),
    ),
    Detector(
        "ages_other", frozenset({FindingType.BIRTH_AGE}), _find_other, each(_OTHER_HINTS, digits=1, other_script=True)
    ),
)
