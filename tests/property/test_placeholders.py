"""Placeholders of any text: found where they are, escaped and brought back. specs/08-placeholders.md."""

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import PlaceholderError
from protocol.placeholders import NUMBER_MAX, SPELLING_MAX, Placeholder, escape, find, parse, unescape

TYPES = st.from_regex(r"[A-Z][A-Z0-9]{0,5}(_[A-Z][A-Z0-9]{0,5}){0,2}", fullmatch=True)
PLACEHOLDERS = st.builds(Placeholder, TYPES, st.integers(1, NUMBER_MAX), st.integers(0, SPELLING_MAX))
PIECES = st.text(max_size=6) | st.sampled_from(["[", "]", "_", "1", "LITERAL", "[LITERAL_1]"])
TEXTS = st.lists(PIECES | PLACEHOLDERS.map(Placeholder.token), max_size=12).map("".join)


@settings(max_examples=200, deadline=None)
@given(PLACEHOLDERS)
def test_every_placeholder_comes_back_from_its_token(placeholder):
    assert parse(placeholder.token()) == placeholder


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_found_tokens_are_the_text_at_their_place(text):
    for start, end, placeholder in find(text):
        assert text[start:end] == placeholder.token()


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_any_text_comes_back_from_its_escaped_form(text):
    escaped, literals = escape(text)
    assert all(placeholder.type == "LITERAL" for _, _, placeholder in find(escaped))
    assert unescape(escaped, literals) == text


@settings(max_examples=200, deadline=None)
@given(st.text("[]_ABZ019b ", max_size=14))
def test_parse_takes_exactly_what_token_writes(text):
    try:
        placeholder = parse(text)
    except PlaceholderError:
        return
    assert placeholder.token() == text
