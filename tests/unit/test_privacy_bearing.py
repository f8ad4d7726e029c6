"""What bears a person's name and is nobody, and names that the form of their text gives away; without any model."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.bearing import are_languages, bears_a_name
from node.privacy.gazetteer import is_fiction, is_kind, is_make
from node.privacy.stated import stated
from node.privacy.works import is_anybody, is_prover, is_said_to_be_thing, names_work


@pytest.mark.parametrize(
    ("text", "name", "bears"),
    [
        ("When does Sweet William bloom?", "William", True),
        ("Is Ohm's law exact?", "Ohm", True),
        ("Ask Granny Smith about it", "Granny Smith", False),
        ("A Bosch drill or a Makita drill?", "Bosch", True),
        ("Our John Deere tractor stalls", "John Deere", True),
        ("Siri or Alexa?", "Alexa", True),
        ("Alexa called again", "Alexa", False),
        ("Karen's law degree is new", "Karen", False),
        ("Mercedes from accounting called", "Mercedes", False),
    ],
)
def test_thing_that_bears_a_name_is_told_from_who_is_called_so(text: str, name: str, bears: bool) -> None:
    start = text.index(name)
    assert bears_a_name(text, start, start + len(name)) is bears


def test_languages_are_programs_where_several_stand_together_or_one_is_ported() -> None:
    assert are_languages("Port it from Haskell to Julia", "Julia")
    assert not are_languages("Julia is late", "Julia")
    assert not are_languages("Julia and Ruby fell out", "Julia")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("贾宝玉在《红楼梦》里", True),
        ("Was will Gretchen in Goethes Faust?", True),
        ("Which character links Kill Bill and Pulp Fiction?", True),
        ("Which film shall Petra and Pavel see?", False),
        ("What does Petra do in Pavels Haus?", False),
    ],
)
def test_work_is_named_by_its_title(text: str, names: bool) -> None:
    assert names_work(text) is names


def test_tables_know_kinds_makers_fiction_and_anybody() -> None:
    assert is_kind("granny smiths")
    assert is_make("Haskell")
    assert is_fiction("Pulp Fiction")
    assert is_anybody("Max Mustermann")
    assert is_said_to_be_thing("Hope is a virtue", 4)
    assert is_prover("Πώς απέδειξε ο Ευκλείδης", 15, 24)
    assert not is_kind("petra vance")
    assert not is_anybody("Petra Vance")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"Quarshie, Perpetua"\n"Wójtowicz, Halina"', {"Quarshie, Perpetua", "Wójtowicz, Halina"}),
        ('"Paris, France"', set()),
        ('["T. Makoni", "Ingeborg Vik"]', {"T. Makoni", "Ingeborg Vik"}),
        ("The contact is Thandeka.", {"Thandeka"}),
        ("Please contact is Support.", set()),
        ("Passt. Gruß, Wiebke\nMehr nicht", {"Wiebke"}),
        ("Okonjo v Brightling Roofing Ltd, our hearing", {"Okonjo", "Brightling Roofing Ltd", "Brightling Roofing"}),
        ("What was held in Okonjo v Brightling?", set()),
        ("Die Schreinerei Lindqvist liefert", {"Schreinerei Lindqvist"}),
        ("told hope that joy is late and joy is upset", {"joy"}),
        ("the joy is late", set()),
    ],
)
def test_form_gives_names_away(text: str, found: set[str]) -> None:
    assert {text[f.start : f.end] for f in stated(text)} == found


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="Ab \"',.\n()vé-:李是", max_size=60))
def test_any_text_is_read_and_findings_are_of_it(text: str) -> None:
    assert all(0 <= f.start < f.end <= len(text) for f in stated(text))
    assert bears_a_name(text, 0, len(text)) in (True, False)
