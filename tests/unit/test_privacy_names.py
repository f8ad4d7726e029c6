"""How the models' spans are united, and what decides about the language."""

import pytest

from node.privacy.findings import FindingType
from node.privacy.languages import LETTERS_MIN, segments
from node.privacy.names import PROPER_NOUN, RAMPART, SPACY, WEAK, ModelSpan, unite

T = FindingType


def span(text: str, words: str, label: str, model: str) -> ModelSpan:
    start = text.index(words)
    return ModelSpan(start, start + len(words), label, 0.9, model)


def united(text: str, *spans: tuple[str, str, str]) -> set[tuple[FindingType, str]]:
    """Ties left out: they name nothing."""
    found = unite(text, [span(text, *one) for one in spans])
    return {(f.type, text[f.start : f.end]) for f in found if f.type is not T.TIE}


def test_given_name_and_surname_become_one_person() -> None:
    text = "I met Ada Lovelace there"
    assert united(text, ("Ada", "GIVEN_NAME", RAMPART), ("Lovelace", "SURNAME", RAMPART)) == {
        (T.PERSON, "Ada Lovelace")
    }


def test_person_of_either_model_counts() -> None:
    assert united("ask ada", ("ada", "GIVEN_NAME", RAMPART)) == {(T.GIVEN_NAME, "ada")}
    assert united("ask Ada Lovelace", ("Ada Lovelace", "PERSON", SPACY)) == {(T.PERSON, "Ada Lovelace")}


def test_single_word_that_only_spacy_takes_for_a_person_is_only_some_name() -> None:
    assert united("Use Django here", ("Django", "PERSON", SPACY)) == {(T.NAME, "Django")}
    assert (T.GIVEN_NAME, "Ada") in united("ask Ada", ("Ada", "PERSON", SPACY), ("Ada", "GIVEN_NAME", RAMPART))


def test_lower_case_words_are_no_part_of_a_person_that_only_spacy_sees() -> None:
    assert united("il metodo di Paolo Ruffini", ("il metodo di Paolo Ruffini", "PERSON", SPACY)) >= {
        (T.PERSON, "Paolo Ruffini")
    }
    assert T.PERSON not in {type_ for type_, _ in united("The GH_TOKEN X", ("GH_TOKEN X", "PERSON", SPACY))}


def test_imperative_before_a_name_is_no_part_of_it() -> None:
    assert united("Tell Priya that", ("Tell Priya", "PERSON", SPACY)) == {(T.GIVEN_NAME, "Priya")}
    assert united("Mention Madison here", ("Mention Madison", "PERSON", SPACY)) == {(T.NAME, "Madison")}
    assert united("I met Priya", ("Priya", "PERSON", SPACY)) == {(T.GIVEN_NAME, "Priya")}


def test_nation_or_language_is_no_given_name() -> None:
    text = "translate into German"
    assert united(text, ("German", "GIVEN_NAME", RAMPART), ("German", "NORP", SPACY)) == {(T.GROUP, "German")}


def test_organisations_look_like_names() -> None:
    assert (T.ORGANISATION, "Bank of the West") in united("the Bank of the West", ("Bank of the West", "ORG", SPACY))
    for odd in ("=", "price(user", "el auto", "un", "a\nB"):
        assert united(f"x {odd} y", (odd, "ORG", SPACY)) == set()


def test_what_spacy_sees_in_languages_that_it_does_not_read_is_for_strict_alone() -> None:
    text = "Der Aushang hängt"
    (found,) = unite(text, [span(text, "Aushang", "ORG", SPACY)], language="de")
    assert found.score <= WEAK


def test_proper_noun_is_some_name_that_strict_takes_out() -> None:
    text = "we met Quillan Zorbax at NATO on Monday"
    tagged = [(word, PROPER_NOUN, SPACY) for word in ("Quillan", "Zorbax", "NATO", "Monday")]
    assert united(text, *tagged) == {(T.NAME, "Quillan Zorbax"), (T.NAME, "NATO")}
    assert united("Working Hours", ("Working", PROPER_NOUN, SPACY), ("Hours", PROPER_NOUN, SPACY)) == set()
    assert united("at the World Bank now", ("World", PROPER_NOUN, SPACY), ("Bank", PROPER_NOUN, SPACY)) == {
        (T.NAME, "World Bank")
    }


def test_name_that_a_program_gives_is_no_proper_noun() -> None:
    for text in ("call android::Surface::Queue(x)", "x = HttpClient.Create(Handler);", "see `Quux` here"):
        word = max(text.replace("::", " ").replace(".", " ").replace("`", " ").split(), key=len)[:6]
        assert united(text, (word, PROPER_NOUN, SPACY)) == set()


def test_piece_of_a_word_becomes_the_whole_word() -> None:
    assert united("O'Brien-Nakamura", ("Naka", "SURNAME", RAMPART)) == {(T.GIVEN_NAME, "Nakamura")}


def test_possessive_and_marks_are_left_outside() -> None:
    assert united("Ada Lovelace's. Cat", ("Ada Lovelace's.", "PERSON", SPACY)) == {(T.PERSON, "Ada Lovelace")}


def test_pieces_of_an_address_become_one() -> None:
    text = "at 221 Baker Street, London now"
    spans = [("221", "BUILDING_NUMBER", RAMPART), ("Baker Street", "STREET_NAME", RAMPART), ("London", "CITY", RAMPART)]
    assert united(text, *spans) == {(T.ADDRESS, "221 Baker Street, London")}


def test_number_alone_is_no_address() -> None:
    assert united("port 51200 is open", ("51200", "ZIP_CODE", RAMPART)) == {(T.PLACE, "51200")}
    assert united("room 12", ("12", "BUILDING_NUMBER", RAMPART)) == set()


def test_name_in_a_script_without_blanks_does_not_grow_into_its_sentence() -> None:
    assert united("明日佐々木さんと会う", ("佐々木", "SURNAME", RAMPART)) == {(T.PERSON, "佐々木")}


def test_town_alone_is_a_place() -> None:
    assert united("in London", ("London", "CITY", RAMPART)) == {(T.PLACE, "London")}


@pytest.mark.parametrize(("value", "found"), [("X1234567", True), ("12", False)])
def test_number_needs_digits_enough(value: str, found: bool) -> None:
    assert bool(united(f"id {value}", (value, "GOVERNMENT_ID", RAMPART))) is found


def test_organisations_come_from_spacy_and_an_abbreviation_is_doubtful() -> None:
    text = "Acme Corp and QA"
    spans = [span(text, "Acme Corp", "ORG", SPACY), span(text, "QA", "ORG", SPACY)]
    scores = {text[f.start : f.end]: f.score for f in unite(text, spans) if f.type is T.ORGANISATION}
    assert scores["Acme Corp"] > 0.5 > scores["QA"]


def test_segments_leave_out_code_numbers_and_plain_english() -> None:
    assert segments("Please explain to me what this is and why it does that") == ()
    assert segments("`Bitte schreibe einen kurzen Aushang`") == ()
    assert segments("x = foo(bar); y = 12 + 13") == ()
    assert segments("Hallo Welt") == ()


def test_paragraph_of_another_language_inside_english_is_a_segment() -> None:
    text = "Please translate this to English for me:\nBitte schreibe einen kurzen Aushang an die Nachbarn"
    assert segments(text) == ("Bitte schreibe einen kurzen Aushang an die Nachbarn",)


def test_many_short_lines_are_told_together() -> None:
    lines = "\n".join(["Guten Tag", "schöne Grüße", "auf Wiedersehen", "bis bald mein Freund"])
    (segment,) = segments(lines)
    assert len(segment) > LETTERS_MIN


def test_persons_who_give_each_other_away_are_found_once() -> None:
    text = "Priya and Tobias and Ottilie came"
    found = unite(text, [span(text, "Tobias", "GIVEN_NAME", RAMPART)])
    assert len(found) < 2 * len(text.split())
    assert {text[f.start : f.end] for f in found if f.type is T.GIVEN_NAME} == {"Priya", "Tobias", "Ottilie"}
