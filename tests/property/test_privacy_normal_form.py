import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.detectors import find_by_rules
from node.privacy.normal_form import normalise
from node.privacy.reading import read_by_rules

ODD = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("ae\u0301\u200b\u00ad\u1112\u1161\u11abﷺ１@.0 \n")))


@settings(max_examples=300, deadline=None)
@given(ODD)
def test_every_character_of_the_normal_form_has_a_place_in_the_original(original: str) -> None:
    form = normalise(original)
    at = 0
    for index in range(len(form.text)):
        start, end = form.original(index, index + 1)
        assert 0 <= start < end <= len(original)
        assert start >= at or (start, end) == form.original(index - 1, index)
        at = start


@settings(max_examples=300, deadline=None)
@given(ODD)
def test_normal_form_is_stable(original: str) -> None:
    once = normalise(original).text
    assert normalise(once).text == once or unicodedata.normalize("NFKC", once) != once


@settings(max_examples=200, deadline=None)
@given(ODD)
def test_rules_read_any_text(original: str) -> None:
    for finding in read_by_rules(normalise(original)).findings:
        assert original[finding.start : finding.end]


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789 .-/()+@:aB[]_=", max_size=300))
def test_rules_read_any_run_of_numbers_and_marks(text: str) -> None:
    for finding in find_by_rules(text):
        assert 0 <= finding.start < finding.end <= len(text)


ENCODED = st.lists(
    st.sampled_from(
        [
            "%41",
            "%C3%A9",
            "&eacute;",
            "&#x200b;",
            "\\u0041",
            "\\ud83d",
            "\\n",
            "YWRhQGV4YW1wbGUub3Jn",
            "а",
            "a",
            " ",
            "ﷺ",
            "e\u0301",
            "?q=a+b",
        ]
    )
).map("".join)


@settings(max_examples=300, deadline=None)
@given(ENCODED)
def test_every_character_of_what_was_decoded_has_a_place_in_the_original(original: str) -> None:
    form = normalise(original)
    for index in range(len(form.text)):
        start, end = form.original(index, index + 1)
        assert 0 <= start < end <= len(original)
    if form.text:
        start, end = form.original(0, len(form.text))
        assert 0 <= start < end <= len(original)
