"""Names in scripts that the models do not read, without any model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType
from node.privacy.policy import SCORE_MIN
from node.privacy.scripts import named_in_scripts

T = FindingType


def sure(text: str) -> set[str]:
    return {text[f.start : f.end] for f in named_in_scripts(text) if f.score >= SCORE_MIN}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("أرسل الرسالة إلى خديجة البغدادي غدا.", "خديجة البغدادي"),
        ("اسمي يوسف بن طارق المصري وأعمل مهندسا", "يوسف بن طارق المصري"),
        ("لطفاً به خانم مریم کاظمی زنگ بزنید", "مریم کاظمی"),
        ("תתקשר מחר אל אביגיל רוזנבלום.", "אביגיל רוזנבלום"),
        ("שלום, שמי נועם פרידמן ואני גר כאן", "נועם פרידמן"),
        ("कृपया अनन्या चतुर्वेदी को यह पत्र भेजें।", "अनन्या चतुर्वेदी"),
        ("দয়া করে রহিমা খাতুনকে চিঠি পাঠান", "রহিমা খাতুনকে"),
        ("திரு முருகன் அவர்களுக்கு கடிதம்", "முருகன்"),
        ("กรุณาโทรหาคุณสมชาย ศรีสุวรรณ", "สมชาย ศรีสุวรรณ"),
        ("Μίλησα με την Ελένη Παπαδοπούλου χθες", "Ελένη Παπαδοπούλου"),
        ("Передайте Ольге Смирновой привет", "Ольге Смирновой"),
        ("Напишіть листа Оксані Коваленко", "Оксані Коваленко"),
        ("ბატონი გიორგი ბერიძე მოვა", "გიორგი ბერიძე"),
    ],
)
def test_name_is_found_whole_in_its_script(text: str, name: str) -> None:
    assert sure(text) == {name}


@pytest.mark.parametrize(
    "text",
    [
        "ما هي عاصمة فرنسا؟",
        "كيف أطبخ الأرز؟",
        "איך מבשלים אורז לבן?",
        "נא לכתוב שיר על האביב והגשם",
        "भारत की राजधानी क्या है?",
        "এই বইটি কে লিখেছে?",
        "อากาศวันนี้เป็นอย่างไร",
        "คุณสามารถช่วยแปลได้ไหม",
        "Почему небо голубое?",
        "Πόσο μακριά είναι ο ήλιος;",
    ],
)
def test_question_about_the_world_names_nobody(text: str) -> None:
    assert sure(text) == set()


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("אבלו' ابنلو كरामन्को คุณนายสม ОльгаК Ελένη.ბერ\n"), max_size=120))
def test_any_text_is_read_and_findings_are_of_it(text: str) -> None:
    for finding in named_in_scripts(text):
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.type in (T.PERSON, T.GIVEN_NAME, T.NAME)
