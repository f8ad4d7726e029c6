"""Addresses and births in the shapes of many countries."""

import pytest

from node.privacy.detectors import find_by_rules
from node.privacy.findings import FindingType

T = FindingType


def found(text: str, type_: FindingType) -> set[str]:
    return {text[f.start : f.end] for f in find_by_rules(text) if f.type is type_}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Deliver to Jalan Melati Raya No. 17, thanks", "Jalan Melati Raya No. 17"),
        ("locuiesc pe Strada Crinului Nr. 12 Bl. 4 Sc. B Ap. 9", "Strada Crinului Nr. 12 Bl. 4 Sc. B Ap. 9"),
        ("siamo in Incrocio Bruno, 65 Piano 2.", "Incrocio Bruno, 65 Piano 2"),
        ("en Calzada Las Rosas 343 664", "Calzada Las Rosas 343 664"),
        ("Osoite: Mannerheiminkatu 5 A 12", "Mannerheiminkatu 5 A 12"),
        ("adres: Gül Sokak No: 7", "Gül Sokak No: 7"),
        ("wohnhaft Am Mühlbach 4b, 00331 Dorfheim", "Am Mühlbach 4b, 00331 Dorfheim"),
        ("at Suite 222, 949, Verma", "Suite 222, 949, Verma"),
        ("请把样品寄到青川市柳湖区松影路58弄12号602室,谢谢", "青川市柳湖区松影路58弄12号602室"),
        ("住所は東京都港区芝公園4-2-8です", "東京都港区芝公園4-2-8"),
        ("경기도 성남시 분당구 판교로 12, 301호", "경기도 성남시 분당구 판교로 12, 301호"),
    ],
)
def test_address_is_found_whole_in_the_shape_of_its_country(text: str, address: str) -> None:
    assert address in found(text, T.ADDRESS)


@pytest.mark.parametrize(
    "text", ["Suite 14, the best", "a gang of 5", "macOS X 10", "unit 5 tests", "街道很长", "via 5 hops"]
)
def test_what_only_has_a_word_of_addresses_is_none(text: str) -> None:
    assert found(text, T.ADDRESS) == set()


@pytest.mark.parametrize(
    ("text", "born"),
    [
        ("the fourth of June nineteen sixty-one is when dad was born, so", "the fourth of June nineteen sixty-one"),
        ("Née le 3 floréal an 203, soit le 16 juin 1995, je cherche", "16 juin 1995"),
        ("She was born in Oslo, on 4 June 1961.", "4 June 1961"),
    ],
)
def test_date_in_a_sentence_that_tells_a_birth_is_that_of_the_birth(text: str, born: str) -> None:
    assert found(text, T.BIRTH_DATE) == {born}


@pytest.mark.parametrize(
    "text", ["He was born on 15 August 1769.", "Born here. We meet on 4 June 2031.", "The first of May"]
)
def test_date_of_no_living_persons_birth_is_a_date(text: str) -> None:
    assert found(text, T.BIRTH_DATE) == set()
    assert found(text, T.DATE)
