"""Health, belief, sexuality, crime, childhood, money and contracts: as a subject in general, or somebody's.

A word of the lexicon is a *topic*. It becomes somebody's when its sentence, or the one beside it, speaks of a person: the
writer, a relation, a patient. A name anywhere in the request does the same, in `sensitivity`.
"""

import bisect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node.privacy.detectors.base import Detector, Evidence, Text
from node.privacy.detectors.lexicon import LEXICON
from node.privacy.findings import OF_SOMEBODY, Finding, FindingType
from node.privacy.wordlist import words

STEM_KEY = 4  # stems are looked up by their first characters
SENTENCES_BESIDE = 1
_SENTENCE_END = re.compile(r"[.!?。！？](?=\s|$)|[。！？\n]")

# "Explain diabetes to me" speaks of nobody: these are taken away before a first person is looked for.
ASKING = re.compile(
    r"(?:tell|explain(?:\sto)?|help|give|show|teach|let|send|write|remind|for|to|with)\s(?:me|us)\b|"
    r"\bI(?:'m|\sam)\s(?:writing|studying|reading|learning|curious|wondering|preparing|working on|looking for|researching|making)\b|"
    r"\bI(?:'d|\swould)?\s(?:want|need|like|have|wish|am trying|try)\sto\s(?:know|understand|learn|write|explain|compare|describe|make|create|find)\b|"
    r"\b(?:my|our)\s(?:\w+\s)?(?:essay|homework|class|teacher|presentation|paper|project|question|code|thesis|students?|exam|blog|book|novel|story|"
    r"article|app|team|understanding|prompt|course|script|report|website|assignment|research|readers|audience)\b|"
    r"\b(?:can|could|may|should|how (?:do|can|should|would)|where can|what should)\sI\s(?:write|explain|say|describe|spell|translate|use|cite|format|find)\b",
    re.IGNORECASE,
)
_RELATION = (
    r"mother|father|mom|mum|dad|parents?|wife|husband|spouse|partner|boyfriend|girlfriend|fianc[eé]e?|son|daughter|child|children|kids?|baby|twins|"
    r"brother|sister|sibling|uncle|aunt|cousin|nephew|niece|grandmother|grandfather|grandma|grandpa|grandson|granddaughter|friend|"
    r"colleague|coworker|co-worker|boss|manager|employee|neighbou?r|roommate|flatmate|landlord|tenant|client|patient|student|pupil|ex"
)
# Who may be meant whatever is asked. The words that set blanks between them are looked up, the others searched.
_SOMEBODY = words(
    "im mine myself he she his her hers him himself herself ich mir mich mein meine meinem meinen meiner meines ihm sein seine "
    "seinem seinen seiner seines ihre ihren ihrem ihrer ihres je mon ma mes elle yo mi mis tengo estoy ella io mia mio ho ik "
    "mijn hij zijn eu meu minha ela tenho я мой моя 我的 他 她 私 僕 彼"
)
_SOMEBODY_UNSPACED = ("我", "私の", "彼女")
# Scripts that set no blanks, or few stems for: searched in the text as it stands.
_UNSPACED_TOPICS: dict[FindingType, re.Pattern[str]] = {
    FindingType.HEALTH_TOPIC: re.compile(
        r"おねしょ|夜尿|妊娠|流産|うつ病|鬱病|適応障害|双極性|統合失調|がん(?:と診断|の手術|治療|が)|乳がん|肺がん|癌|糖尿病|透析|認知症|発達障害|自閉症|不妊治療|抗がん剤|入院|手術|休職|障害者手帳|診断書|持病|てんかん|喘息|"
        r"怀孕|流产|抑郁|焦虑症|躁郁|精神分裂|癌症|肿瘤|化疗|糖尿|尿毒|透析|痴呆|自闭症|尿床|住院|艾滋|乙肝|残疾|病假|确诊|手术|癫痫|哮喘|"
        r"임신|유산|우울증|공황장애|조현병|양극성|암 (?:진단|수술|치료)|유방암|당뇨|투석|치매|자폐|야뇨증|입원|장애인|병가|수술|간질|천식|"
        r"حامل|حمل[هها]|إجهاض|اكتئاب|سرطان|السكري|سكري|غسيل الكلى|التوحد|توحد|إعاقة|معاق|الصرع|مستشفى|عملية جراحية|كيماوي|الإيدز|يتبول|"
        r"בהריון|בהיריון|היריון|הפלה|דיכאון|סרטן|סוכרת|דיאליזה|אוטיז|אפילפסיה|נכות|נכה|אשפוז|מאושפז|ניתוח|כימותרפיה|מרטיב|חרדה|"
        r"गर्भवती|गर्भपात|अवसाद|डिप्रेशन|कैंसर|मधुमेह|डायबिटीज|डायलिसिस|ऑटिज़्म|मिर्गी|विकलांग|दिव्यांग|अस्पताल|ऑपरेशन|कीमो|बिस्तर गीला|एचआईवी|टीबी|"
        r"ตั้งครรภ์|ตั้งท้อง|แท้ง|ซึมเศร้า|มะเร็ง|เบาหวาน|ฟอกไต|ออทิสติก|ลมชัก|พิการ|ผ่าตัด|เคมีบำบัด|ฉี่รดที่นอน|เอชไอวี|วัณโรค|"
        r"беременн|выкидыш|депресси|рак[аеу]? |онколог|диабет|диализ|аутизм|эпилепси|инвалид|больниц|хими[юе]терап|писается|έγκυος|κατάθλιψη|καρκίνο|διαβήτη|επιληψία|αυτισμ|νοσοκομείο|χημειοθεραπεία"
    ),
    FindingType.BELIEF_TOPIC: re.compile(
        r"創価学会|エホバ|イスラム教徒|クリスチャン|信者|改宗|入信|礼拝|断食|洗礼|共産党員|労働組合|穆斯林|信教|基督徒|佛教徒|受洗|礼拜|斋月|封斋|党员|法轮|기독교인|불교 신자|이슬람|세례|금식|예배|교회에 다|노조|"
        r"يصوم|تصوم|يصلي|تصلي|الصلاة|اعتنق|مسيحي|شيعي|ملحد|שומר שבת|שומרת שבת|צם ב|חוזר בתשובה|כשרות|התנצר|नमाज़|नमाज|रोज़ा|रोजा रख|व्रत रख|बपतिस्मा|धर्म बदल|मुस्लिम|ละหมาด|ถือศีลอด|รับบัพติศมา|เปลี่ยนศาสนา|มุสลิม"
    ),
    FindingType.SEXUALITY_TOPIC: re.compile(
        r"同性愛|ゲイ(?:で|だ|と)|レズビアン|トランスジェンダー|性的指向|不倫|カミングアウト|同性恋|出柜|变性|跨性别|婚外情|동성애|게이|레즈비언|트랜스젠더|커밍아웃|불륜|مثلي|مثلية|متحول جنسي|הומו|לסבית|טרנסג|समलैंगिक|ट्रांसजेंडर|เกย์|เลสเบี้ยน|คนข้ามเพศ"
    ),
    FindingType.CRIMINAL_TOPIC: re.compile(
        r"前科|逮捕|執行猶予|服役|起訴|懲役|保護観察|万引き|犯罪记录|被捕|判刑|坐牢|缓刑|拘留|刑满|전과|체포|집행유예|구속|징역|복역|سجن|سجين|سوابق|اعتقل|محكوم|محبوس|נעצר|מאסר|עבר פלילי|הורשע|בכלא|जेल|गिरफ़्तार|गिरफ्तार|ज़मानत|जमानत|सज़ा|มีประวัติอาชญากรรม|ติดคุก|ถูกจับ|คุมประพฤติ|судимост|осужд|арестова|тюрьм|условный срок"
    ),
    FindingType.CHILDHOOD_TOPIC: re.compile(
        r"停学|不登校|児童相談所|里親|いじめ|通知表|保育園|幼稚園|小学[校生]|休学处分|记过|霸凌|幼儿园|小学生|留守儿童|정학|왕따|학교폭력|유치원|초등학생|위탁가정|فصل من المدرسة|روضة|تنمر|הושעה|הושעתה|גן ילדים|בריונות|स्कूल से निकाल|निलंबित|आँगनवाड़ी|พักการเรียน|อนุบาล|ถูกแกล้ง|детский сад|детсад|травля в|травят|отстранён от уроков|отстранили от"
    ),
}
_FIRST_PERSON = re.compile(r"(?<![^\W_])(?:I(?!\.\s?e\b)|my|j['’]ai)(?![^\W_])", re.IGNORECASE)
_FIRST_PERSON_WORDS = words("i my j")
_RELATED = re.compile(
    rf"(?<![^\W_])(?:our\s(?:\w+\s)?(?:{_RELATION})|(?:the|this|that|one\sof\s(?:my|our))\s(?:\w+\s)?(?:{_RELATION}|defendant|plaintiff|"
    r"accused|deceased|victim|claimant|applicant|neighbou?r)|an?\s(?:\w+\s)?(?:friend|colleague|coworker|neighbou?r|relative|client|patient)"
    r"\sof\s(?:mine|ours)|patient:)(?![^\W_])",
    re.IGNORECASE,
)
_RELATED_WORDS = words(
    "mother father mom mum dad parent parents wife husband spouse partner boyfriend girlfriend fiance fiancee fiancé fiancée "
    "son daughter child children kid kids baby twins brother sister sibling uncle aunt cousin nephew niece grandmother "
    "grandfather grandma grandpa grandson granddaughter friend colleague coworker worker boss manager employee neighbor "
    "neighbour roommate flatmate landlord tenant client patient student pupil ex defendant plaintiff accused deceased "
    "victim claimant applicant relative"
)
_AGED = re.compile(r"\d(?<![^\W_].)\d{0,2}(?:[ -]?(?:years?|yrs?|y)[ -]?(?:old|o)\b|\s?yo(?![^\W_]))", re.IGNORECASE)
CURRENCY_CHARACTERS = 4  # before the first digit: "Rs. "
AMOUNT_CHARACTERS_MAX = 60
_AMOUNT = re.compile(
    r"(?:[$€£¥₹]|USD|EUR|GBP|CHF|Rs\.?)\s?\d+(?:[.,']\d+)*\s?(?:k|K|m|million|bn)?(?!\w)|"
    r"(?<![\w.,])\d+(?:[.,']\d+)*\s?(?:k|K|thousand|million)?\s?(?:[$€£¥₹元円]|USD|EUR|GBP|CHF|dollars|euros?|pounds|kr|zł|yuan)(?!\w)|"
    r"(?<![\w.,/-])\d{1,3}(?:[,.]\d{3})+(?:[.,]\d{2})?(?![\w])"
)


@dataclass(frozen=True, slots=True)
class _Entry:
    stem: str  # the beginning of its first word, where that is inflected; else ""
    pattern: re.Pattern[str]  # of the whole term, in lower case
    type: FindingType


def _entries() -> tuple[dict[str, tuple[_Entry, ...]], dict[str, tuple[_Entry, ...]]]:
    """By their first word where it stands in texts as it is, and by the first characters of those that are inflected."""
    whole: dict[str, list[_Entry]] = {}
    stems: dict[str, list[_Entry]] = {}
    for type_, terms in LEXICON.items():
        for term in sorted(terms):
            parts = term.rstrip("*").split("_")
            ending = r"[^\W_]*" if term.endswith("*") else ""
            pattern = re.compile(r"[\s_-]{1,3}".join(map(re.escape, parts)) + ending + r"(?![^\W_])")
            if ending and len(parts) == 1:
                stems.setdefault(term[:STEM_KEY], []).append(_Entry(parts[0], pattern, type_))
            else:
                whole.setdefault(parts[0], []).append(_Entry("", pattern, type_))
    return {key: tuple(of) for key, of in whole.items()}, {key: tuple(of) for key, of in stems.items()}


# Abbreviations that are an illness's only where somebody has it: not "MS Office".
_ABBREVIATED = re.compile(
    r"(?<![^\W_])(?:has|have|having|had|with|got|gets|from|of|is|hat|haben|mit|an|a|avec|de|tiene|con|ha|heeft|met|tem|com|ma|z|mam|her|his|my|your|their|our|years?)[ ](?:got[ ]|early[ ]|severe[ ]|advanced[ ]|mild[ ]|recently[ ]|the[ ]|la[ ]|une?[ ]|eine?[ ]|un[ ])?"
    r"(?P<term>MS|MND|ALS|CF|BPD|OCD|PTSD|CPTSD|ADHD|ADD|ADHS|TDAH|ASD|ASS|TSA|HIV|VIH|AIDS|SIDA|IBS|IBD|COPD|BPCO|EPOC|CKD|UTI|STI|STD|PCOS|DVT|TIA|CFS|TB|TBI|FASD|EDS|AML|CLL|T1D|T2D|SEP|SLA|PTBS|POTS|RA)"
    r"(?![^\W_]|[ -](?:[A-Z]|office|word|team|degree|file|sql|project|exchange|outlook|in[ ]|per[ ]))"
)
_ABBREVIATIONS = words(
    "ms mnd als cf bpd ocd ptsd cptsd adhd add adhs tdah asd ass tsa hiv vih aids sida ibs ibd copd bpco epoc ckd uti sti std pcos dvt tia cfs tb tbi fasd "
    "eds aml cll t1d t2d sep sla ptbs pots ra"
)
# What a school does to a pupil, where the class says that it is one: "excluded for two days (Year 5)", "9B, detention".
_DISCIPLINE = words(
    "excluded exclusion suspended suspension detention expelled expulsion truancy truant absences sanction sanctions behaviour misbehaved ing vaping "
    "bullied bullying disruptive cheated cheating plagiarised s verweis nachsitzen suspendiert ausgeschlossen schulausschluss tadel exclu exclue "
    "retenue avertissement expulsado expulsada suspendido suspendida castigado castigada amonestación sospeso sospesa espulso espulsa geschorst nablijven "
    "suspenso suspensa advertência zawieszony zawieszona nagana uzaklaştırma uzaklaştırıldı отстранён исключили выговор прогулы "
)
_CLASS = re.compile(
    r"(?<![^\W_])(?:(?:[Yy]ear|[Yy]r|[Gg]rade|[Cc]lass|[Ff]orm|[Rr]oom|Klasse|Kl\.|Stufe|[Cc]lasse(?:[ ]de)?|[Gg]rado|[Cc]urso|[Gg]roep|[Aa]no|[Kk]lasa|[Kk]lasie|[Ss]ınıf|класс)[ ](?:1[0-3]|[1-9])[A-Za-z]?|"
    r"(?:1[0-3]|[1-9])(?:[A-Fa-f]|[./-]?[A-F]\d?)|(?:1[0-3]|[1-9])(?:st|nd|rd|th)[ -]grad(?:e|er)|(?:[1-9]|1[0-3])\.?[ ]?(?:Klasse|classe|klas|klasa|klasy|sınıf|класс\w?)|(?:CP|CE[12]|CM[12]|[3-6](?:e|ème|°)|[1-6]º)[ ]?[A-F]?)(?![^\W_])"
)
CLASS_CHARACTERS = 90  # between the class and what is told of the pupil

_WHOLE, _STEMS = _entries()
_WHOLE_WORDS = frozenset(_WHOLE)
assert all(len(entry.stem) >= STEM_KEY for entries in _STEMS.values() for entry in entries)


def _topics(text: Text) -> list[tuple[int, int, FindingType]]:
    """In their order."""
    found = [(word, entry) for word in text.vocabulary & _WHOLE_WORDS for entry in _WHOLE[word]]
    for word in text.vocabulary:
        if word[:STEM_KEY] in _STEMS:
            found += [(word, entry) for entry in _STEMS[word[:STEM_KEY]] if word.startswith(entry.stem)]
    topics = [
        (*match.span(), entry.type)
        for word, entry in found
        for place in text.at_word(word)
        if (match := entry.pattern.match(text.lower, place.start))
    ]
    if not _ABBREVIATIONS.isdisjoint(text.vocabulary):
        topics += [(*match.span("term"), FindingType.HEALTH_TOPIC) for match in _ABBREVIATED.finditer(text.normal)]
    topics += [
        (word.start, word.end, FindingType.CHILDHOOD_TOPIC)
        for word in text.at_words(_DISCIPLINE)
        if _CLASS.search(text.normal, max(0, word.start - CLASS_CHARACTERS), word.end + CLASS_CHARACTERS)
    ]
    if text.other_script:
        for type_, pattern in _UNSPACED_TOPICS.items():
            topics += [(*match.span(), type_) for match in pattern.finditer(text.normal)]
    return sorted(set(topics))


class _Sentences:
    """Where sentences end, and which of them speak of somebody."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._ends = [match.end() for match in _SENTENCE_END.finditer(text.normal)] + [len(text.normal)]
        self._somebody: dict[int, bool] = {}

    def of(self, position: int) -> int:
        return bisect.bisect_right(self._ends, position)

    def speaks_of_somebody(self, position: int) -> bool:
        here = min(self.of(position), len(self._ends) - 1)
        first, last = max(0, here - SENTENCES_BESIDE), min(len(self._ends) - 1, here + SENTENCES_BESIDE)
        return any(self._has_somebody(sentence) for sentence in range(first, last + 1))

    def _has_somebody(self, sentence: int) -> bool:
        if sentence not in self._somebody:
            start, end = self._ends[sentence - 1] if sentence else 0, self._ends[sentence]
            said, words_ = self._text.normal[start:end], self._text.spaced[start + 1 : end + 1].split()
            self._somebody[sentence] = _names_somebody(said, words_) or (
                self._text.other_script and any(mark in said for mark in _SOMEBODY_UNSPACED)
            )
        return self._somebody[sentence]


def _names_somebody(said: str, words_: Sequence[str]) -> bool:
    if not _SOMEBODY.isdisjoint(words_):
        return True
    if not _FIRST_PERSON_WORDS.isdisjoint(words_) and _FIRST_PERSON.search(ASKING.sub(" ", said)):
        return True
    if not _RELATED_WORDS.isdisjoint(words_) and _RELATED.search(ASKING.sub(" ", said)):
        return True
    return _AGED.search(said) is not None


def _find(text: Text) -> Iterator[Finding]:
    topics = _topics(text)
    if not topics:
        return
    sentences = _Sentences(text)
    money = set()
    for start, end, type_ in topics:
        if type_ is FindingType.MONEY_TOPIC:
            money.add(sentences.of(start))
            continue
        if sentences.speaks_of_somebody(start):
            type_ = OF_SOMEBODY[type_]
        yield Finding(start, end, type_, 0.8, "special")
    if money:
        for start, end in _amounts(text, sentences, money):
            somebody = sentences.speaks_of_somebody(start)
            yield Finding(start, end, FindingType.AMOUNT if somebody else FindingType.MONEY_TOPIC, 0.8, "special")


def _amounts(text: Text, sentences: _Sentences, money: set[int]) -> Iterator[tuple[int, int]]:
    """Sums in the sentences `money`."""
    done = 0
    for at, _ in text.digit_runs:
        if at >= done and sentences.of(at) in money:
            match = _AMOUNT.search(text.normal, max(done, at - CURRENCY_CHARACTERS), at + AMOUNT_CHARACTERS_MAX)
            if match and match.start() <= at:
                done = match.end()
                yield match.span()


DETECTORS = (Detector("special", frozenset(OF_SOMEBODY) | frozenset(OF_SOMEBODY.values()), _find, (Evidence(),)),)
