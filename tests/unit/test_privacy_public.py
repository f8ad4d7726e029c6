"""What is public knowledge, and what its grammar says is somebody's name, without any model."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType, PartFindings
from node.privacy.gazetteer import is_famous, is_given, is_known, is_word
from node.privacy.named import named
from node.privacy.names import PROPER_NOUN, RAMPART, SPACY, ModelSpan, unite
from node.privacy.policy import SCORE_MIN, PrivacyPolicy
from node.privacy.proper import links, said_so, times
from node.privacy.public import PublicMatter, Standing
from node.privacy.sensitivity import assess
from node.workers.reading_plan import WHOLE_CHARACTERS_MAX, stretches
from protocol.terms import Sensitivity

T = FindingType


def is_public(text: str, name: str) -> bool:
    start = text.index(name)
    return PublicMatter(text).standing(start, start + len(name)) is not Standing.PRIVATE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("What did Napoleon do after Waterloo?", "Napoleon"),
        ("Who taught Marie Curie?", "Marie"),
        ("Does Jenkins build with Django?", "Jenkins"),
        ("My Victoria sponge sinks", "Victoria"),
        ("Is it the oven or the Granny Smith apples?", "Granny Smith"),
        ("In the novel “Cold Comfort Farm”, why does Flora Poste stay?", "Flora Poste"),
        ("Please draft my lecture on Halley's Comet", "Halley"),
        ('Is "Billie Jean" about somebody?', "Billie Jean"),
        ("Which novels by Ottessa Quimbley are long?", "Ottessa Quimbley"),
    ],
)
def test_name_that_the_world_knows_is_public_where_the_text_asks_about_the_world(text: str, name: str) -> None:
    assert is_public(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Is my landlord Newton right about the deposit?", "Newton"),
        ("Mary and Thomas broke up, what now?", "Thomas"),
        ("Bach from accounting has not paid, why?", "Bach"),
        ("What is Dougal's number?", "Dougal"),
        ("Who is Rebekka Holm?", "Rebekka Holm"),
        ("Priyanka's test was fine, what next?", "Priyanka"),
        ("Write to Einstein (a@b.example): is he well?", "Einstein"),
        ("The novel that Petra Vance wrote in our club?", "Petra Vance"),
        ("In Accounts and Records, why does Petra Vance refuse?", "Petra Vance"),
        ("Why does Petra Vance dislike Isaac Newton?", "Petra Vance"),
        ("When does Henry James arrive?", "Henry James"),
        ("Should I give Karen cake?", "Karen"),
        ("Is julia ill?", "julia"),
    ],
)
def test_name_that_may_be_a_private_persons_is_private(text: str, name: str) -> None:
    assert not is_public(text, name)


def test_public_name_counts_for_nothing_and_is_left_to_strict() -> None:
    text = "What did Napoleon do?"
    (found,) = unite(text, [ModelSpan(9, 17, "SURNAME", 0.99, RAMPART)])
    assert found.type is T.FAMOUS_NAME
    parts = [PartFindings(("messages", 0, "content"), "user", (found,))]
    assessed = assess(parts, (), PrivacyPolicy(), names_run=True)
    ((left,),) = [part.findings for part in assessed.parts]
    assert (left.type, assessed.sensitivity) == (T.NAME, Sensitivity.PUBLIC)
    assert left.score < SCORE_MIN


@pytest.mark.parametrize("other", ["My landlord is cross.", "Call 020 7946 0321.", "He is off sick today."])
def test_tie_anywhere_in_the_request_makes_a_famous_name_somebodys(other: str) -> None:
    text = "What did Napoleon do?"
    found = unite(text, [ModelSpan(9, 17, "SURNAME", 0.99, RAMPART)])
    parts = [
        PartFindings(("messages", 0, "content"), "user", found),
        PartFindings(("messages", 1, "content"), "user", unite(other, [])),
    ]
    assessed = assess(parts, (), PrivacyPolicy(), names_run=True)
    assert [finding.type for finding in assessed.parts[0].findings] == [T.GIVEN_NAME]
    assert assessed.sensitivity >= Sensitivity.INTERNAL


def persons(text: str, language: str | None) -> set[str]:
    return {text[f.start : f.end] for f in named(text, language=language) if f.type in (T.PERSON, T.GIVEN_NAME)}


@pytest.mark.parametrize(
    ("text", "language", "names"),
    [
        ("i told priya that it is late", None, {"priya"}),
        ("Zorbina said no", None, {"Zorbina"}),
        ("She said no. Nobody wants it", None, set()),
        ("给王小明先生打电话", None, {"王小明"}),
        ("联系人:欧阳娜娜。", None, {"欧阳娜娜"}),
        ("李白和杜甫的诗", None, set()),
        ("明日、田中さんに会う", None, {"田中"}),
        ("お客様とお母さん", None, set()),
        ("김민수 씨에게 전화", None, {"김민수"}),
        ("Меня зовут Анна Петрова", None, {"Анна Петрова"}),
        ("ayer vi a Leocadia Zurriaga allí", "es", {"Leocadia Zurriaga"}),
        ("uso LibreOffice Calc en casa", "es", set()),
        ("das ist Gute Laune hier", "de", set()),
        ("Zilla: hi\nBorka: hello", None, {"Zilla", "Borka"}),
        ("Subject: hi\nFrom: me", None, set()),
    ],
)
def test_grammar_around_a_name_gives_it_away(text: str, language: str | None, names: set[str]) -> None:
    assert persons(text, language) == names


def texts_of(text: str, find: object) -> set[str]:
    assert callable(find)
    return {text[f.start : f.end] for f in find(text)}


def test_strict_sees_links_ages_firms_and_what_is_called_something() -> None:
    assert texts_of("see https://a.example/b?c=d.", links) == {"https://a.example/b?c=d"}
    assert texts_of("on shop.example.com, not e.g. this", links) == {"shop.example.com"}
    assert texts_of("he turned 47; aged 12; 3 years old; 5%", times) == {"47", "12", "3"}
    assert "Zorbax Tools GmbH" in texts_of("bei Zorbax Tools GmbH", said_so)
    assert "zorbaxia" in texts_of("the russian company zorbaxia", said_so)
    assert texts_of("the company that we like", said_so) == set()


def test_tables_tell_names_from_words() -> None:
    assert is_famous("Isaac Newton") and is_known("Lisbon") and is_given("Maria")
    assert is_word("working") and is_word("the") and not is_word("lisbon") and not is_word("zorbax")


def test_long_plain_text_is_not_read_by_the_slow_model_and_names_are() -> None:
    plain = "the kettle boiled over while nobody watched it. " * 20
    assert list(stretches(plain, 480)) == []
    text = plain + "Then Zorbina came. " + plain
    ((start, end),) = stretches(text, 480)
    assert text[start:end].strip() == "Then Zorbina came."
    assert list(stretches("short", 480)) == [(0, 5)]


def test_name_is_read_where_it_first_stands() -> None:
    text = "Then Zorbina came here. " * 40
    assert len(text) > WHOLE_CHARACTERS_MAX
    assert list(stretches(text, 480)) == [(0, 24)]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.sampled_from([None, "es", "de", "zh"]))
def test_any_text_is_read_and_findings_are_of_it(text: str, language: str | None) -> None:
    spans = [ModelSpan(0, len(text), label, 0.9, SPACY) for label in ("PERSON", "ORG", PROPER_NOUN) if text]
    for finding in unite(text, spans, language=language):
        assert 0 <= finding.start < finding.end <= len(text)
    stretch = list(stretches(text, 100))
    assert all(a < b or not text for a, b in stretch)
    assert all(one[1] <= two[0] for one, two in pairwise(stretch))
