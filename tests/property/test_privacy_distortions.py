"""A token comes back whatever a model makes of it, wherever the stream is cut, and nothing else is held back."""

import functools
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType
from node.privacy.restorer import Mode, Restorer, restore_exactly
from node.privacy.tokens import WITHHELD_CHARACTERS_MAX
from node.privacy.vault import Vault
from tests.distortions import DISTORTIONS, Distortion
from tests.unit.privacy_texts import chat, sanitized, texts_of

VALUES = (
    (FindingType.PERSON, "Ada Lovelace"),
    (FindingType.PERSON, "ADA LOVELACE"),  # [PERSON_1B]
    (FindingType.PERSON, 'Jo "J" O\\Neil'),
    (FindingType.EMAIL, "ada@example.org"),
    (FindingType.ADDRESS, "1 Way\nTown"),
    (FindingType.DATE, "3 May 1999"),
)


def filled() -> Vault:
    made = Vault()
    for type_, value in VALUES:
        made.put(type_, value)
    return made


ENTRIES = [(entry.placeholder.token()[1:-1], entry.value) for entry in filled()]
WORDS = st.sampled_from(
    ["the", "said", "(", ")", "*", "[", "]", "\\", "é", "漢", "\n", "PERSON_9", "[PERSON_", "1", "_"]
)
TOKENS = st.tuples(st.sampled_from(DISTORTIONS), st.sampled_from(ENTRIES))
PARTS = st.lists(WORDS | TOKENS, max_size=10)
Part = str | tuple[Distortion, tuple[str, str]]


def fed(restorer: Restorer, text: str, cuts: list[int]) -> str:
    edges = sorted({min(cut, len(text)) for cut in cuts})
    pieces = [text[a:b] for a, b in zip([0, *edges], [*edges, len(text)], strict=True)]
    return "".join([*map(restorer.feed, pieces), restorer.finish()])


def written(parts: list[Part]) -> str:
    """Prose: what begins as JSON does has its values as parts of strings."""
    return "So: " + "".join(f"{part if isinstance(part, str) else part[0].write(part[1][0])} " for part in parts)


def expected(parts: list[Part]) -> str:
    return "So: " + "".join(f"{part if isinstance(part, str) else part[0].show(part[1][1])} " for part in parts)


CUTS = st.lists(st.integers(0, 200), max_size=8)


@settings(max_examples=400, deadline=None)
@given(PARTS, CUTS)
def test_a_token_comes_back_whatever_a_model_makes_of_it(parts: list[Part], cuts: list[int]) -> None:
    assert fed(Restorer(filled()), written(parts), cuts) == expected(parts)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text("abc", max_size=3), PARTS, max_size=3), CUTS, st.booleans())
def test_json_stays_the_same_json_with_the_values_in_it(
    members: dict[str, list[Part]], cuts: list[int], ascii_only: bool
) -> None:
    answer = json.dumps({key: written(parts) for key, parts in members.items()}, ensure_ascii=ascii_only)
    if ascii_only and "\\u" in answer:  # full-width brackets that are escaped are no brackets any more
        return
    shown = fed(Restorer(filled(), Mode.JSON), answer, cuts)
    assert json.loads(shown) == {key: expected(parts) for key, parts in members.items()}


SUFFIXES = sorted({d.write(name)[at:] for d in DISTORTIONS for name, _ in ENTRIES for at in range(len(d.write(name)))})
ANSWER = st.lists(
    st.one_of(
        st.text(alphabet="[]［］【】*_`'’s\\ PERSONperson12BC.-", max_size=8),
        TOKENS.flatmap(lambda t: st.integers(0, 24).map(lambda n: t[0].write(t[1][0])[:n])),
    ),
    max_size=5,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(ANSWER)
def test_what_is_withheld_is_never_more_than_a_token_that_may_still_be_finished(answer: str) -> None:
    restorer = Restorer(filled())
    for character in answer:
        restorer.feed(character)
        held = restorer.withheld
        assert len(held) <= WITHHELD_CHARACTERS_MAX
        assert not held or may_be_finished(held)


@functools.cache
def may_be_finished(held: str) -> bool:
    """Whether some continuation makes a value of it, from its first character on."""
    return any(not Restorer(filled()).feed(f"{held}{suffix} ").startswith(held) for suffix in SUFFIXES)


@settings(max_examples=300, deadline=None)
@given(ANSWER, CUTS)
def test_text_of_the_writer_that_looks_like_a_distorted_token_comes_back_as_it_was(text: str, cuts: list[int]) -> None:
    texts = [f"Ada Lovelace, ADA LOVELACE {text}", text, f"{text}Grace Hopper"]
    result = sanitized(chat(*texts))
    for sent, original in zip(texts_of(result.request), texts, strict=True):
        if "](" not in sent and "]:" not in sent:
            assert fed(Restorer(result.vault), sent, cuts) == original
        assert restore_exactly(sent, result.vault) == original
