"""Names that the grammar around them gives away, in languages that the models do not read, and in small letters.

Honorifics, words of introduction, a person's belongings, speakers of a chat. No list of names decides alone.
"""

import re
from collections.abc import Iterator
from functools import cache

from node.privacy.findings import Finding, FindingType
from node.privacy.gazetteer import (
    han_families,
    han_given,
    is_family,
    is_given,
    is_han_family,
    is_known,
    is_software,
    is_word,
)
from node.privacy.scripts import named_in_scripts
from node.privacy.wordlist import words

SCORE = 0.65
_HAN = r"[\u3400-\u9fff]"
_UPPER = r"[^\W\d_a-zß-öø-ÿ]"

# English, in small letters: what one does to somebody, and his name.
_DONE_TO = re.compile(
    r"(?<![\w'])(?:asked|told|tell|ask|remind|reminded|invite|invited|thank|thanked|met|emailed|texted|married|dated|"
    r"named|called) (?P<name>[a-z]{3,})(?= (?:to|that|about|if|and|how|why|when|where|for|he|she|yesterday|today|again)\b|[,.!?]|$)"
)
# English: somebody does what only people do.
_DOES = re.compile(
    rf"(?<![\w.])(?P<name>(?:{_UPPER}[a-z'’-]{{1,40}} ){{0,2}}{_UPPER}[a-z'’-]{{2,}})(?:(?:,| and) (?P<other>{_UPPER}[a-z'’-]{{2,}}))?"
    r" (?:said|says|told|tells|asked|asks|wants?|wanted|thinks|thought|feels|felt|complained|promised|refused|forgot|"
    r"owes|owed|lives|lived|married|divorced|quit|resigned|phoned|texted|emailed|cried|laughed|hates?|loves?|hopes?)\b"
)
_NO_PERSONS = words(
    "He She It They We You I This That These Those Who Everyone Everybody Someone Somebody Nobody People What "
    "Which There Then But And Or If When While Because Although However Also Mum Mom Dad Grandma Grandpa The My "
    "Our Your His Her Their Its One Some Many Most All Both Each"
)

_ZH_AFTER = r"(?=先生|女士|小姐|太太|老师|老師|同学|同學|医生|醫生|经理|經理|律师|教授|师傅|阿姨|叔叔|的(?:工资|薪水|电话|電話|手机|地址|邮箱|生日|护照|身份证|病历|账号|简历|妻子|丈夫|儿子|女儿|孩子|家))"
_ZH_LABEL = r"(?:姓名|名字|收件人|寄件人|联系人|聯繫人|收货人|申请人|患者|病人|客户|员工|学生|租客|房东|承租人|出租人|负责人|联络人|作者|法人|甲方|乙方|原告|被告|家长|老师|投保人|受益人|我叫|名叫|我是|发给|交给|寄给|告诉|联系|通知|转告|邀请|我的(?:朋友|同事|老板|客户|邻居|室友|妻子|丈夫|儿子|女儿))(?:名)?(?:是|为|叫)?[::]?\s?"
# Family names of two characters that are no word, wherever they stand.
_SURE_COMPOUND = "欧阳|歐陽|端木|上官|司马|司馬|诸葛|諸葛|慕容|皇甫|尉迟|尉遲|公孙|公孫|夏侯|令狐|宇文|长孙|長孫|轩辕|軒轅|独孤|獨孤|澹台|司徒"
_ZH_END = r"(?=[,,。、;;::\s!!??的是在和与跟想要说有已]|$)"
_JA = re.compile(
    r"(?P<name>[\u3400-\u9fff々]{1,6}|[ァ-ヶー]{1,30}(?:・[ァ-ヶー]{1,30}){0,4})(?:さん|様|さま|氏(?![名])|くん|君(?![\u3400-\u9fff])|ちゃん|殿|先輩|部長|課長)"
)
_JA_DAY = re.compile(r"(?:今日|明日|昨日|来週|先週|今週|毎日|本日)")
_JA_LABEL = re.compile(
    r"(?:氏名|名前|担当者?|お名前|私の名前)(?:は|:|:)\s?(?P<name>[\u3400-\u9fff々]{2,6}|[ァ-ヶー・]{3,})"
)
# A family's name and a given one with a blank between, alone in a cell or after a label.
_JA_CELL = re.compile(
    r"(?:(?<=[,、\t|:：\"「])|(?<=\|\s)|(?<=^))(?P<name>[\u3400-\u9fff々]{1,3}[ \u3000](?:[\u3400-\u9fff々]{1,3}|[ぁ-ん]{2,4}|[ァ-ヶー]{2,6}))(?=\s?[,、\t|\n\"」(（]|\s?\Z)",
    re.MULTILINE,
)
_JA_PEOPLE = re.compile(
    r"社員|氏名|名前|担当|生徒|患者|顧客|会員|従業員|職員|先生|姓名|员工|員工|学生|客户|住户|成员|姓"
)
_JA_NOBODY = words(
    "お客 皆 皆様 お母 お父 お兄 お姉 奥 神 王 娘 嬢 患者 店員 客 母 父 兄 姉 叔父 叔母 子供 赤 何 各位 仏 貴 "
    "殿 同 彼 利用者 担当"
)
_KO = re.compile(
    r"(?P<name>[김이박최정강조윤장임한오서신권황안송류전홍유고문양손배백허남심노하곽성차주우구민진나지엄채원천방공][가-힣]{1,2})(?= ?(?:씨|님|선생|대리|과장|부장|대표|교수)(?:에게|께서|께|의|는|은|가|이|를|을|와|과|도|만|한테)?(?![가-힣]))"
    r"|^(?P<first>[김이박최정강조윤장임한오서신권황안송류전홍유고문양손배백허남심노하곽성차주우구민진나지엄채원천방공][가-힣]{2})(?=, )"
    r"|(?:이름은|저는|대표) (?P<said>[가-힣]{2,4}?)(?=입니다|이고|예요|이에요|\s|$)",
    re.MULTILINE,
)
# Two words with capitals in a language that gives them to names alone.
_LATIN_PAIR = re.compile(
    rf"(?<![\w«\"“'’/.@])(?P<name>{_UPPER}[^\W\d_]{{1,40}}(?:[-'’]{_UPPER}[^\W\d_]{{1,40}})?(?: (?:(?:de|del|della|di|da|do|dos|du|van|von|der|den|la|le|y|e|bin|al) ){{0,2}}{_UPPER}[^\W\d_]{{1,40}}(?:-{_UPPER}[^\W\d_]{{1,40}})?){{1,3}})(?![\w»\"”@/.=])"
)
_SPEAKER = re.compile(r"(?m)^[ \t>]*(?P<name>[^\W\d_][^\n:;,.<>|=(){}\[\]\"/\\]{1,24}):[ \t]+(?=\S)")
SPEAKERS_MIN = 2  # lines: one alone is a label
_NO_SPEAKERS = words(
    "user assistant system human agent cust customer bot ai q a question answer subject from to cc bcc date re "
    "fw fwd note error warning info debug title name address phone email tel fax objet asunto betreff de para "
    "an von datum oggetto input output host path file name status code time level message cause at in summary "
    "task context example response instructions step example1 product price total nom nombre nome naam typ type "
    "version author year language"
)

# They answer people in a chat.
_MACHINES = words(
    "bot בוט מערכת بوت бот система ボット システム 机器人 機器人 系统 系統 助手 봇 시스템 बॉट บอท σύστημα"
)


_OTHER_LETTER = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff\uf900-\ufaff]")


def named(text: str, *, language: str | None) -> Iterator[Finding]:
    """`language`: one that the name models do not read, or None."""
    if not text.isascii() and _OTHER_LETTER.search(text):
        yield from _by_script(text)
    if language is None:
        yield from _english(text)
        yield from _pairs(text, english=True)
    elif language in _PAIR_LANGUAGES:
        yield from _pairs(text)
    yield from _speakers(text, language)


_PAIR_LANGUAGES = words("fr es it nl pt pl tr sv da cs ro hu fi id vi")


def _english(text: str) -> Iterator[Finding]:
    for match in _DONE_TO.finditer(text):
        if is_given(match["name"].title()):
            yield _given(*match.span("name"))
    for match in _DOES.finditer(text):
        for group in ("name", "other"):
            if match[group] and _may_be_somebody(match[group]):
                yield _given(*match.span(group))


def _may_be_somebody(name: str) -> bool:
    found = name.split()
    if any(word in _NO_PERSONS for word in found) or is_known(name) or any(is_software(word) for word in found):
        return False
    return any(is_given(word) or not is_word(word.lower()) for word in found)


def _by_script(text: str) -> Iterator[Finding]:
    if re.search(_HAN, text):
        for pattern in _chinese():
            for match in pattern.finditer(text):
                yield _person(*match.span("name"))
    for pattern in (_JA, _JA_LABEL):
        for match in pattern.finditer(text):
            start, end = _japanese(match["name"], match.start("name")), match.end("name")
            if text[start:end] not in _JA_NOBODY:
                yield _person(start, end)
    if _JA_PEOPLE.search(text):
        for match in _JA_CELL.finditer(text):
            yield _person(*match.span("name"))
    yield from named_in_scripts(text)
    for match in _KO.finditer(text):
        yield _person(*match.span(next(name for name, value in match.groupdict().items() if value)))


def _japanese(found: str, start: int) -> int:
    """Where the name begins in a run of Han characters: at the first family name that is known, else after the day."""
    for at in range(len(found) - 1):
        if any(is_han_family(found[at : at + length]) for length in (3, 2)):
            return start + at
    day = _JA_DAY.match(found)
    return start + (day.end() if day and day.end() < len(found) else 0)


@cache
def _chinese() -> tuple[re.Pattern[str], ...]:
    families = "|".join(map(re.escape, han_families()))
    compound = "|".join(re.escape(name) for name in han_families() if len(name) > 1)
    given = "|".join(map(re.escape, han_given()))
    return (
        re.compile(rf"(?P<name>(?:{families}){_HAN}{{0,2}}?){_ZH_AFTER}"),
        re.compile(rf"{_ZH_LABEL}(?P<name>(?:{families}){_HAN}{{1,2}}){_ZH_END}"),
        re.compile(rf"(?<=[A-Za-z] )(?P<name>(?:{families}){_HAN}{{0,2}})(?= ?[(,.A-Za-z])"),
        re.compile(rf"(?P<name>(?:{_SURE_COMPOUND}){_HAN}(?:(?![写说做的是在和与了有发给到]){_HAN})?)"),
        re.compile(rf"(?<!{_HAN})(?P<name>(?:{compound}){_HAN}{{1,2}}?){_ZH_END}"),
        re.compile(rf"(?<!{_HAN})(?P<name>(?:{compound}){_HAN}(?![的是在和与了]){_HAN})"),
        re.compile(rf"(?<!{_HAN})(?P<name>(?:{families})(?:{given}))"),
    )


def _pairs(text: str, *, english: bool = False) -> Iterator[Finding]:
    """A first name and a word that is none in the dictionary; in languages other than English any two such words."""
    for match in _LATIN_PAIR.finditer(text):
        start = match.start("name")
        found = match["name"].split()
        while len(found) > 1 and is_word(found[0].lower()) and not is_given(found[0]):  # "Contact" of "Contact Ada"
            start += len(found.pop(0)) + 1
        capitals = [word for word in found if word[0].isupper()]
        if len(capitals) < 2 or is_known(text[start : match.end("name")]):
            continue
        if any(is_software(word) or word.isupper() or _is_camel(word) for word in capitals):
            continue
        known = any(is_given(word) or is_family(word) for word in capitals)
        strange = not any(is_word(word.lower()) for word in capitals[1:])
        if english and not (strange and is_given(capitals[0])):
            continue
        if known or (strange and not is_word(capitals[0].lower())):
            yield Finding(start, match.end("name"), FindingType.PERSON, SCORE if known else 0.55, "named")


def _is_camel(word: str) -> bool:
    return any(c.isupper() for c in word[1:]) and "-" not in word and "'" not in word


def _speakers(text: str, language: str | None) -> Iterator[Finding]:
    lines = [match for match in _SPEAKER.finditer(text) if _may_speak(match["name"].strip(), language)]
    machines = sum(match["name"].strip().lower() in _MACHINES for match in _SPEAKER.finditer(text))
    if lines and len(lines) + machines >= SPEAKERS_MIN:
        for match in lines:
            yield _given(match.start("name"), match.start("name") + len(match["name"].rstrip()))


def _may_speak(label: str, language: str | None) -> bool:
    found = label.split()
    if len(found) > 3 or any(word.lower() in _NO_SPEAKERS | _MACHINES for word in found):
        return False
    if language == "de" and not any(is_given(word) for word in found):
        return False
    return not any(is_word(word.lower()) and not is_given(word) for word in found) and not label[0].islower()


def _person(start: int, end: int) -> Finding:
    return Finding(start, end, FindingType.PERSON, SCORE, "named")


def _given(start: int, end: int) -> Finding:
    return Finding(start, end, FindingType.GIVEN_NAME, SCORE, "named")
