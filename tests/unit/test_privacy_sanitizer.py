"""Positions, overlaps, lookalikes and JSON."""

import json

import pytest

from node.privacy.findings import FindingType
from node.privacy.occurrences import KnownValues
from node.privacy.policy import Level, PrivacyPolicy
from node.privacy.restorer import restore_exactly
from node.privacy.sanitizer import Span, merged
from protocol.chat import ChatRequest
from tests.unit.privacy_texts import chat, sanitized, texts_of

STRICT = PrivacyPolicy(level=Level.STRICT)


def with_arguments(arguments: str) -> ChatRequest:
    call = {"id": "call_a", "type": "function", "function": {"name": "f", "arguments": arguments}}
    return ChatRequest.parse({"model": "auto", "messages": [{"role": "assistant", "tool_calls": [call]}]})


def arguments_of(request: ChatRequest) -> str:
    (text,) = (part.text for part in request.texts() if part.path[-1] == "arguments")
    return text


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ({"to": "Ada Lovelace"}, {"to": "[PERSON_1]"}),
        ({"Ada Lovelace": True}, {"[PERSON_1]": True}),
        ({"note": 'say "Ada Lovelace"\nnow'}, {"note": 'say "[PERSON_1]"\nnow'}),
        ({"card": 4111111111111111}, {"card": "[CARD_1]"}),
        ({"password": "Hunter2!x"}, {"password": "[SECRET_1]"}),
        ({"a": ["Ada Lovelace", "Grace Hopper"]}, {"a": ["[PERSON_1]", "[PERSON_2]"]}),
    ],
)
def test_tool_arguments_stay_json(arguments: object, seen: object) -> None:
    result = sanitized(with_arguments(json.dumps(arguments)))
    assert json.loads(arguments_of(result.request)) == seen


def test_escapes_in_tool_arguments_hide_nothing() -> None:
    escaped = '{"to": "\\u0041da Lovelace", "x": "a\\\\b"}'
    result = sanitized(with_arguments(escaped))
    assert json.loads(arguments_of(result.request)) == {"to": "[PERSON_1]", "x": "a\\b"}
    assert [entry.value for entry in result.vault] == ["Ada Lovelace"]


def test_arguments_that_are_no_json_are_sanitised_as_text() -> None:
    result = sanitized(with_arguments('{"to": "Ada Lovelace'))
    assert arguments_of(result.request) == '{"to": "[PERSON_1]'


def test_text_that_looks_like_a_token_is_escaped_and_comes_back() -> None:
    text = "Ada Lovelace fills in [PERSON_1], [PERSON_7] and [FOO_2]."
    result = sanitized(chat(text))
    (seen,) = texts_of(result.request)
    assert seen == "[PERSON_1] fills in [LITERAL_1], [LITERAL_2] and [LITERAL_3]."
    assert restore_exactly(seen, result.vault) == text


def test_what_only_resembles_a_token_keeps_its_number() -> None:
    text = "PERSON_1 = 'x'; Ada Lovelace wrote [person 2]"
    result = sanitized(chat(text))
    assert texts_of(result.request) == ["PERSON_1 = 'x'; [PERSON_3] wrote [person 2]"]


def test_what_resembles_a_token_that_was_given_out_is_escaped() -> None:
    result = sanitized(chat("Ada Lovelace", "ok", "PERSON_1 is a constant"))
    assert texts_of(result.request)[2] == "[LITERAL_1] is a constant"
    assert restore_exactly("[LITERAL_1]", result.vault) == "PERSON_1"


def test_overlapping_spans_become_one_of_the_most_sensitive_type() -> None:
    spans = [
        Span(0, 5, FindingType.PHONE, 0.7),
        Span(3, 9, FindingType.CARD, 0.9),
        Span(9, 12, FindingType.EMAIL, 0.9),
    ]
    assert merged(spans) == [Span(0, 9, FindingType.CARD, 0.9), Span(9, 12, FindingType.EMAIL, 0.9)]


def test_strict_takes_out_public_names_and_dates_that_balanced_keeps() -> None:
    names = {"Lutetia": "CITY"}
    request = chat("Was Lutetia founded on 3 May 1999?")
    assert texts_of(sanitized(request, names=names).request) == texts_of(request)
    assert texts_of(sanitized(request, STRICT, names).request) == ["Was [PLACE_1] founded on [DATE_1]?"]


def test_balanced_takes_out_places_beside_a_person() -> None:
    names = {"Lutetia": "CITY", "Ada Lovelace": "SURNAME"}
    seen = texts_of(sanitized(chat("Ada Lovelace left Lutetia"), names=names).request)
    assert seen == ["[PERSON_1] left [PLACE_1]"]


def test_known_names_are_found_with_a_capital_and_as_whole_words() -> None:
    known = KnownValues()
    known.add(FindingType.PERSON, "Will Smith")
    text = "Will you? will smith and Smithson met Smith; WILL SMITH"
    found = {text[start:end] for start, end, _ in known.find(text)}
    assert found == {"Will", "will smith", "Smith", "SMITH", "WILL SMITH"}


def test_known_names_are_found_in_scripts_without_blanks() -> None:
    known = KnownValues()
    known.add(FindingType.PERSON, "佐々木")
    assert [(start, end) for start, end, _ in known.find("明日、佐々木さんと")] == [(3, 6)]


def test_known_secret_is_found_inside_other_text() -> None:
    known = KnownValues()
    known.add(FindingType.SECRET, "hunter2x")
    assert [(start, end) for start, end, _ in known.find("pwhunter2xyz")] == [(2, 10)]
