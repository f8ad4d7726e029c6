import unicodedata

import pytest

from node.privacy.normal_form import normalise


@pytest.mark.parametrize(
    ("original", "normal"),
    [
        ("plain", "plain"),
        ("zero\u200bwidth", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\u202eabc\u202c", "abc"),
        ("ａｄａ", "ada"),
        ("e\u0301", "é"),
        ("xe\u0301", "xé"),
        ("e\u200b\u0301", "é"),
        ("\u1112\u1161\u11ab", "한"),
        ("ﷺ", unicodedata.normalize("NFKC", "ﷺ")),
        ("\U000e0041tag", "tag"),
        ("\ufeff", ""),
    ],
)
def test_normal_form_is_nfkc_without_what_nobody_sees(original: str, normal: str) -> None:
    assert normalise(original).text == normal


def test_span_maps_back_to_the_original_with_what_is_hidden_inside() -> None:
    original = "to a\u200bd\u200ba@x.org!"
    form = normalise(original)
    start = form.text.index("ada")
    first, last = form.original(start, start + len("ada@x.org"))
    assert original[first:last] == "a\u200bd\u200ba@x.org"


def test_span_of_a_composed_character_covers_its_marks() -> None:
    original = "Jose\u0301 Nun\u0303ez"
    form = normalise(original)
    assert original[slice(*form.original(0, 4))] == "Jose\u0301"
