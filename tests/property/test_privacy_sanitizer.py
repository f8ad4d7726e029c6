"""An echoed text comes back byte for byte, however it is cut."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.restorer import Mode, Restorer, restore_exactly
from tests.unit.privacy_texts import chat, sanitized, texts_of
from tests.unit.test_privacy_sanitizer import arguments_of, with_arguments

PIECES = st.sampled_from(
    [
        "Ada Lovelace",
        "ADA LOVELACE",
        "Ada",
        "Grace Hopper",
        "Grace's",
        "ada@example.org",
        "+44 20 7946 0018",
        "020 7946 0018",
        "4111 1111 1111 1111",
        "[PERSON_1]",
        "PERSON_1",
        "[person 2]",
        "[LITERAL_1]",
        "[PERSON_1B]",
        "PERSON_",
        "[PERSON_",
        "[",
        "]",
        "\\",
        "*",
        "_1",
        " ",
        "\n",
        ", ",
        "2",
        "é",
        "\u200b",
        "x",
        "Person",
        "E",
    ]
)
TEXT = st.lists(PIECES, max_size=14).map("".join)
ANY = st.one_of(TEXT, st.text(max_size=60), st.tuples(TEXT, st.text(max_size=20), TEXT).map("".join))


@settings(max_examples=400, deadline=None)
@given(ANY)
def test_exact_restoring_is_the_inverse_of_sanitising(text: str) -> None:
    if not text:
        return
    result = sanitized(chat(text))
    assert restore_exactly(texts_of(result.request)[0], result.vault) == text


EXCEPTED = ("://", "www.", "](", "<", "]:")  # beside these a text may be in a position where nothing comes back


@settings(max_examples=600, deadline=None)
@given(ANY, st.data())
def test_echo_comes_back_whole_for_any_chunking(text: str, data: st.DataObject) -> None:
    if not text or any(mark in text for mark in EXCEPTED):
        return
    result = sanitized(chat(text))
    if any(mark in texts_of(result.request)[0] for mark in EXCEPTED):
        return
    echo = texts_of(result.request)[0]
    cuts = sorted(data.draw(st.sets(st.integers(0, len(echo)), max_size=8)))
    restorer = Restorer(result.vault)
    shown = "".join(restorer.feed(echo[a:b]) for a, b in zip([0, *cuts], [*cuts, len(echo)], strict=True))
    assert shown + restorer.finish() == text


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="[]()<>:/\\*`_ \nPERSONperson12BC.wx", max_size=60), st.data())
def test_any_answer_restores_alike_for_any_chunking(answer: str, data: st.DataObject) -> None:
    vault = sanitized(chat("Ada Lovelace and Grace Hopper and ADA LOVELACE")).vault
    whole = Restorer(vault)
    expected = whole.feed(answer) + whole.finish()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(answer)), max_size=8)))
    restorer = Restorer(vault)
    shown = "".join(restorer.feed(answer[a:b]) for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True))
    assert shown + restorer.finish() == expected


JSON = st.recursive(
    st.one_of(TEXT, st.integers(), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=3))
def test_tool_arguments_stay_json_and_come_back(arguments: dict[str, object]) -> None:
    result = sanitized(with_arguments(json.dumps(arguments)))
    seen = arguments_of(result.request)
    json.loads(seen)
    restorer = Restorer(result.vault, Mode.JSON)
    back = "".join(map(restorer.feed, seen)) + restorer.finish()
    numbers_as_text = json.loads(back)
    assert _as_text(numbers_as_text) == _as_text(arguments)


def _as_text(value: object) -> object:
    """A number that was masked comes back as a string."""
    if isinstance(value, dict):
        return {key: _as_text(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return value if isinstance(value, bool) or value is None else str(value)
