"""Accounts, columns, births, ages, addresses and matters of somebody that the words beside them tell."""

import pytest

from node.privacy.findings import SPECIAL, FindingType
from tests.unit.privacy_texts import found_by_rules

T = FindingType

TOLD = (
    (T.HANDLE, "memberuid=ovalk,uid=t.brimble7,ou=staff", "ovalk"),
    (T.HANDLE, "memberuid=ovalk,uid=t.brimble7,ou=staff", "t.brimble7"),
    (T.HANDLE, "web01: {ansible_user: dquorne}", "dquorne"),
    (T.HANDLE, "assigned_to: 'pell_ivko'", "pell_ivko"),
    (T.HANDLE, "rsync -a . sftp://ovalk@files.example/in", "ovalk"),
    (T.HANDLE, "[09:12] velvet_newt: is the shed open?", "velvet_newt"),
    (T.HANDLE, "velvet.newt: is the shed open?\nbob: not yet I think", "velvet.newt"),
    (T.HANDLE, "* velvet_newt has joined #sheds", "velvet_newt"),
    (T.HANDLE, "apodo;cuota\nla_zurda_88;12", "la_zurda_88"),
    (T.HANDLE, 'reviewers: ["ovalk", "t.brimble7"]', "t.brimble7"),
    (T.EMAIL, 'to = "ovalk@" + "quillshed.example"', '"ovalk@" + "quillshed.example"'),
    (T.ORGANISATION, "package com.quillshedvets.rota;", "quillshedvets"),
    (T.PERSON, '"last, first","seat"\n"Brimble-Okoro, Tansy","4A"', "Brimble-Okoro, Tansy"),
    (T.PERSON, "日付,社員,出勤\n4/1,鷹取 澪,9:00", "鷹取 澪"),
    (T.PERSON, "이름,좌석\n도하린,3", "도하린"),
    (T.PERSON, 'rota = {"who": ["Tansy Brimblethwaite", "K. Ovalk"]}', "K. Ovalk"),
    (T.BIRTH_DATE, "과장님 생신이 음력 1971년 2월 8일이에요", "1971년 2월 8일"),
    (T.BIRTH_DATE, "父は昭和三十三年五月六日生まれです", "昭和三十三年五月六日"),
    (T.BIRTH_DATE, "誕生日はS58.3.4です", "S58.3.4"),
    (T.BIRTH_DATE, "她的生日是农历九月初六日", "九月初六日"),
    (T.BIRTH_DATE, "ولدت في 4 مايو 1979", "4 مايو 1979"),
    (T.BIRTH_DATE, "נולדתי ב-4 במאי 1979", "4 במאי 1979"),
    (T.BIRTH_DATE, "मेरा जन्म 4 मई 1979 को हुआ", "4 मई 1979"),
    (T.BIRTH_DATE, "ฉันเกิดวันที่ 4 พฤษภาคม 2522", "4 พฤษภาคม 2522"),
    (T.BIRTH_AGE, "ابنتي عمرها 6 سنوات", "6 سنوات"),
    (T.BIRTH_AGE, "ลูกชายอายุ 6 ขวบ", "6 ขวบ"),
    (T.BIRTH_AGE, "сыну 6 лет", "6 лет"),
    (T.BIRTH_AGE, "祖母は九十一歳です", "九十一歳"),
    (T.ADDRESS, "荷物は仮想県ひばり市若葉町2丁目5-9 ハイツ椿101号に", "仮想県ひばり市若葉町2丁目5-9 ハイツ椿101号"),
    (T.ADDRESS, "אני גר ברחוב הרימון 8, תבואו", "ברחוב הרימון 8"),
    (T.ADDRESS, "أسكن في شارع الرمان رقم 8", "شارع الرمان رقم 8"),
    (T.ADDRESS, "मकान नंबर 8, गली 3 में", "मकान नंबर 8, गली 3"),
    (T.ADDRESS, "บ้านเลขที่ 8/21 ซอยทับทิม 5", "บ้านเลขที่ 8/21 ซอยทับทิม 5"),
    (T.ADDRESS, "живу: ул. Гранатовая, д. 8, кв. 3", "ул. Гранатовая, д. 8, кв. 3"),
    (T.ADDRESS, "vivo en la Cra. 81 # 12-07 apto 301", "Cra. 81 # 12-07 apto 301"),
    (T.ADDRESS, "Plot No. 8, Lotus Colony, Sector 3", "Plot No. 8, Lotus Colony, Sector 3"),
    (T.HEALTH, "my nephew still wets the bed", "wets the bed"),
    (T.HEALTH, "my boss told us that she has MS", "MS"),
    (T.HEALTH, "mi primo tiene TDAH", "TDAH"),
    (T.BELIEF, "my cashier keeps the Sabbath", "Sabbath"),
    (T.CHILDHOOD, "his mother says he was suspended in Year 6", "suspended"),
    (T.HEALTH_TOPIC, "הבת בהריון", "בהריון"),
)


@pytest.mark.parametrize(("type_", "text", "value"), TOLD, ids=[value[:24] for _, _, value in TOLD])
def test_rule_finds_the_value_that_the_words_beside_it_tell(type_: FindingType, text: str, value: str) -> None:
    assert (type_, value) in found_by_rules(text)


@pytest.mark.parametrize(
    "text",
    [
        "owner = models.ForeignKey(User, on_delete=CASCADE)",
        "username = request.form.username",
        "owner: platform-team",
        "author: unknown",
        "login=true",
        "sha256: see the file below\nutf-8: the default one",
        "product name,price\nApple Pie,3",
        "alias,command\nco,git checkout",
        'names = ["red", "blue", "dark green"]',
        'cities = {"names": ["New York", "Hong Kong"]}',
        "package com.example.billing;",
        "import com.fasterxml.jackson.databind;",
        "Is 221B Baker Street a real address?",
    ],
)
def test_what_only_stands_where_somebodys_value_does_is_left_alone(text: str) -> None:
    assert {type_ for type_, _ in found_by_rules(text)} <= {T.NAME, T.DATE, T.URL}


@pytest.mark.parametrize(
    "text",
    [
        "I have MS Office on my laptop",
        "my account was suspended",
        "Release 3A of our app is behind",
        "my test results are red",
        "ho preso il treno, mi scuso per il disturbo",
        "quiero darme de baja del boletín",
        "мне нужна зависимость от пакета",
        "the film is coming out in my town",
    ],
)
def test_ordinary_words_of_other_subjects_are_no_special_category(text: str) -> None:
    assert {type_ for type_, _ in found_by_rules(text)}.isdisjoint(SPECIAL)
