"""Which values share a number, and which names stand for several people."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType
from node.privacy.plural import is_plural, singular
from node.privacy.restorer import Restorer, restore_exactly
from node.privacy.vault import Vault
from tests.unit.privacy_texts import chat, sanitized, texts_of


def numbers(type_: FindingType, *values: str) -> list[int]:
    vault = Vault()
    return [vault.put(type_, value).number for value in values]


SAME = [
    (
        FindingType.PERSON,
        ["Dr. Ada Byron", "Byron", "ada", "Ms Byron", "A. Byron", "Byron, Ada", "ADA BYRON", "Ada’s", "Byrons"],
    ),
    (FindingType.PERSON, ["Byron", "Ada Byron", "Ada King Byron", "A. K. Byron"]),
    (FindingType.PERSON, ["Zoë Doe-Roe", "Zoe Doe Roe", "Roe"]),
    (FindingType.PERSON, ["Seán O’Neil", "O'Neil's", "Sean O'Neil"]),
    (FindingType.PHONE, ["+44 20 7946 0018", "020 7946 0018", "0044 20 7946 0018", "+44 (0)20 7946-0018"]),
    (FindingType.PHONE, ["22 12 34 56", "+47 22 12 34 56"]),
    (FindingType.PHONE, ["(212) 555-0100", "+1 212 555 0100", "1-212-555-0100"]),
    (
        FindingType.DATE,
        ["3 May 1999", "1999-05-03", "03.05.1999", "May 3rd, 1999", "3 de mayo de 1999", "1999年5月3日"],
    ),
    (FindingType.ACCOUNT, ["DE89 3704 0044 0532 0130 00", "DE89370400440532013000", "de89-3704-0044-0532-0130-00"]),
    (FindingType.EMAIL, ["ada.byron@example.org", "ada.byron (at) example.org", "ada dot byron at example dot org"]),
    (FindingType.PEOPLE, ["Abernathys", "ABERNATHYS", "Abernathys'"]),
    (FindingType.PEOPLE, ["Ada and Grace Byron", "Grace & Ada Byron"]),
]


@pytest.mark.parametrize(("type_", "values"), SAME)
def test_one_value_has_one_number_however_it_is_written(type_: FindingType, values: list[str]) -> None:
    assert numbers(type_, *values) == [1] * len(values)


DIFFERENT = [
    (FindingType.PERSON, ["Ada Byron", "George Byron"]),
    (FindingType.PERSON, ["Mr Byron", "Mrs Byron"]),
    (FindingType.PERSON, ["William Smith", "Williams"]),
    (FindingType.PERSON, ["Ada Byron", "A. B."]),
    (FindingType.PERSON, ["Ada Byron", "Augusta Byron"]),
    (FindingType.PHONE, ["+44 20 7946 0018", "+49 20 7946 0018"]),
    (FindingType.PHONE, ["212-555-0100", "555-0100"]),
    (FindingType.DATE, ["03/05/1999", "3 May 1999"]),  # it may be the 5th of March
    (FindingType.DATE, ["May 1999", "3 May 1999"]),
    (FindingType.SECRET, ["hunter2", "Hunter2"]),
    (FindingType.EMAIL, ["ada@example.org", "ada@example.com"]),
]


@pytest.mark.parametrize(("type_", "values"), DIFFERENT)
def test_what_may_be_two_has_two_numbers(type_: FindingType, values: list[str]) -> None:
    for order in itertools.permutations(values):
        assert numbers(type_, *order) == [1, 2]


@pytest.mark.parametrize("alone", ["Byron", "Lord Byron", "B. Byron"])
def test_a_name_that_two_people_bear_is_neithers_and_keeps_its_own_number(alone: str) -> None:
    assert numbers(FindingType.PERSON, "Ada Byron", "Basil Byron", "Byron", "ada", "Byron's") == [1, 2, 3, 1, 3]
    assert numbers(FindingType.PERSON, "Ada Byron", "Boris Byron", "Basil Byron", alone)[3] == 4


def test_an_address_with_a_name_in_it_is_a_value_of_its_own() -> None:
    (sent,) = texts_of(sanitized(chat("Ada Lovelace is ada.lovelace@example.org")).request)
    assert sent == "[PERSON_1] is [EMAIL_1]"


NAMES = ["Ada Byron", "ADA BYRON", "Byron", "Ada", "Dr. Ada Byron", "A. Byron", "Byron, Ada", "Ada's", "Grace Byron"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8), st.data())
def test_each_variant_comes_back_as_it_was_written_there(names: list[str], data: st.DataObject) -> None:
    text = "; ".join(names)
    result = sanitized(chat(text), names=dict.fromkeys(NAMES, "GIVEN_NAME"))
    (sent,) = texts_of(result.request)
    assert "Byron" not in sent
    assert restore_exactly(sent, result.vault) == text
    restorer, cut = Restorer(result.vault), data.draw(st.integers(0, len(sent)))
    assert restorer.feed(sent[:cut]) + restorer.feed(sent[cut:]) + restorer.finish() == text


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=8))
def test_a_value_has_one_token_and_a_token_one_value(names: list[str]) -> None:
    vault = Vault()
    tokens = {name: vault.put(FindingType.PERSON, name) for name in names}
    assert tokens == {name: vault.put(FindingType.PERSON, name) for name in names}
    assert len(set(tokens.values())) == len(tokens)
    assert list(Vault.continued(vault)) == list(vault)


PLURAL = [
    ("We met the Abernathys.", "Abernathys"),
    ("Wir fahren zu Ada; die Müllers kommen auch.", "Müllers"),
    ("Nous dînons chez les Dupont.", "Dupont"),
    ("Vienen los García.", "García"),
    ("for Ada and Grace Byron", "Ada and Grace Byron"),
    ("Mr and Mrs Byron", "Mr and Mrs Byron"),
]
SINGULAR = [
    ("We met Ada Byron.", "Ada Byron"),
    ("Adas Haus", "Adas"),
    ("José Ortega y Gasset", "José Ortega y Gasset"),
    ("the Byron house", "Byron"),
    ("as Williams said", "Williams"),
]


@pytest.mark.parametrize(("text", "name"), PLURAL)
def test_a_name_that_stands_for_several_people_is_plural(text: str, name: str) -> None:
    start = text.index(name)
    assert is_plural(text, start, start + len(name))


@pytest.mark.parametrize(("text", "name"), SINGULAR)
def test_a_name_of_one_person_is_not(text: str, name: str) -> None:
    start = text.index(name)
    assert not is_plural(text, start, start + len(name))


def test_singular_of_a_family() -> None:
    assert [singular(name) for name in ("Abernathys", "Williamses", "Byron", "Byron's")] == [
        "Abernathy",
        "Williams",
        "Byron",
        "Byron's",
    ]


def test_plural_is_seen_in_the_token_and_the_family_is_found_by_the_name_of_one_of_it() -> None:
    text = "Ada Abernathy wrote. The Abernathys and Abernathy's dog. Ada, A. Abernathy."
    result = sanitized(chat(text), names={"Ada Abernathy": "GIVEN_NAME"})
    (sent,) = texts_of(result.request)
    assert sent == "[PERSON_1] wrote. The [PEOPLE_1] and [PERSON_1B]'s dog. [PERSON_1C], [PERSON_1D]."
    assert restore_exactly(sent, result.vault) == text


def test_a_known_name_is_found_with_its_endings_and_not_as_another_word() -> None:
    names = ("Hubert Byron", "Ada Mark", "Eve Mark")
    text = f"{', '.join(names)}. In Byrons Haus, BYRON, H. Byron. Marks are due. The Marks came; a byron, J. Byron."
    result = sanitized(chat(text), names=dict.fromkeys(names, "GIVEN_NAME"))
    (sent,) = texts_of(result.request)
    assert sent.startswith("[PERSON_1], [PERSON_2], [PERSON_3]. In [PERSON_1B] Haus, [PERSON_1C], [PERSON_1D]. ")
    assert sent.endswith("Marks are due. The [PEOPLE_1] came; a byron, J. [PERSON_1E].")
    assert restore_exactly(sent, result.vault) == text


def test_a_name_that_ends_as_another_ones_genitive_is_found_everywhere() -> None:
    text = "Ada William met Eve Williams. Williams left. Williams came back."
    for names in (("Ada William", "Eve Williams"), ("Eve Williams", "Ada William")):
        result = sanitized(chat(text), names=dict.fromkeys(names, "GIVEN_NAME"))
        assert texts_of(result.request) == ["[PERSON_1] met [PERSON_2]. [PERSON_2B] left. [PERSON_2B] came back."]
