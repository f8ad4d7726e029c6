"""specs/08-placeholders.md."""

import pytest

from protocol.errors import PlaceholderError
from protocol.placeholders import (
    NUMBER_MAX,
    SPELLING_MAX,
    TOKEN_CHARS_MAX,
    TYPE_CHARS_MAX,
    Placeholder,
    escape,
    find,
    parse,
    unescape,
)


@pytest.mark.parametrize(
    ("token", "placeholder"),
    [
        ("[PERSON_1]", Placeholder("PERSON", 1)),
        ("[PERSON_1B]", Placeholder("PERSON", 1, 1)),
        ("[PERSON_12ZZ]", Placeholder("PERSON", 12, SPELLING_MAX)),
        ("[PERSON_1AA]", Placeholder("PERSON", 1, 26)),
        ("[TAX_NUMBER_999999]", Placeholder("TAX_NUMBER", NUMBER_MAX)),
        ("[A1_B2_3]", Placeholder("A1_B2", 3)),
        ("[A_1]", Placeholder("A", 1)),
    ],
)
def test_a_token_and_its_placeholder_are_one(token, placeholder):
    assert parse(token) == placeholder
    assert placeholder.token() == token


@pytest.mark.parametrize(
    "token",
    [
        "",
        "PERSON_1",
        "[PERSON_1",
        "[PERSON]",
        "[PERSON_]",
        "[PERSON_0]",
        "[PERSON_01]",
        "[PERSON_1000000]",
        "[PERSON_1A]",
        "[PERSON_1BBB]",
        "[PERSON_1b]",
        "[person_1]",
        "[_PERSON_1]",
        "[PERSON__1]",
        "[1PERSON_1]",
        "[PERSON_1_1]",
        "[PERSON 1]",
        "[ PERSON_1]",
        "[PERSON_1] ",
        "[PERSON_١]",
        "[PERSÖN_1]",
        f"[{'A' * (TYPE_CHARS_MAX + 1)}_1]",
    ],
)
def test_what_is_not_exactly_a_token_is_refused(token):
    with pytest.raises(PlaceholderError):
        parse(token)
    assert [text for start, end, _ in find(token) if (text := token[start:end]) == token] == []


@pytest.mark.parametrize(
    ("type_", "number", "spelling"),
    [("", 1, 0), ("person", 1, 0), ("A_1", 1, 0), ("A", 0, 0), ("A", NUMBER_MAX + 1, 0), ("A", 1, -1), ("A", 1, 702)],
)
def test_a_placeholder_cannot_be_built_wrong(type_, number, spelling):
    with pytest.raises(PlaceholderError):
        Placeholder(type_, number, spelling)


def test_no_token_is_longer_than_what_a_restorer_holds():
    longest = Placeholder("A" * TYPE_CHARS_MAX, NUMBER_MAX, SPELLING_MAX).token()
    assert len(longest) == TOKEN_CHARS_MAX
    assert parse(longest).token() == longest


def test_find_gives_every_token_with_its_place():
    text = "[[PERSON_1]] and [EMAIL_2], not [NOTE] or [person_1]"
    assert [(text[start:end], found.number) for start, end, found in find(text)] == [
        ("[PERSON_1]", 1),
        ("[EMAIL_2]", 2),
    ]


def test_lookalikes_come_back_byte_for_byte():
    text = "see [PERSON_1], [LITERAL_1], [PERSON_1] and [LITERAL_2]"
    escaped, literals = escape(text)
    assert escaped == "see [LITERAL_1], [LITERAL_2], [LITERAL_1] and [LITERAL_3]"
    assert literals == ("[PERSON_1]", "[LITERAL_1]", "[LITERAL_2]")
    assert unescape(escaped, literals) == text


def test_what_was_put_back_is_not_looked_at_again():
    assert unescape("[LITERAL_1][LITERAL_2]", ("[LITERAL_2]", "x")) == "[LITERAL_2]x"
    assert unescape("[LITERAL_3] [LITERAL_1B]", ("x",)) == "[LITERAL_3] [LITERAL_1B]"
