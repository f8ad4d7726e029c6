"""A vault that goes on: its numbers stay, and what comes back is still only what a request sends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.findings import FindingType
from node.privacy.restorer import Restorer
from node.privacy.sanitizer import Sanitized, sanitize
from node.privacy.vault import Vault
from protocol.errors import PlaceholderError
from tests.property.test_privacy_vaults import FIRST, SECOND, conversation
from tests.unit.privacy_texts import BALANCED, assessed, chat, texts_of

TYPES = [type_ for type_ in FindingType if type_.trait.token]
VALUES = st.lists(
    st.tuples(st.sampled_from(TYPES), st.one_of(st.sampled_from(FIRST + SECOND), st.text(min_size=1, max_size=12))),
    max_size=30,
)


def went_on(vault: Vault) -> Vault:
    """As after a restart."""
    return Vault.continued(tuple(vault))


def asked(vault: Vault, *texts: str) -> Sanitized:
    request = chat(*texts)
    return sanitize(request, assessed(request), BALANCED.level, vault)


def echoed(sanitized: Sanitized, answer: str) -> str:
    restorer = Restorer(sanitized.vault)
    return restorer.feed(answer) + restorer.finish()


@settings(max_examples=200, deadline=None)
@given(VALUES, VALUES)
def test_a_vault_that_goes_on_numbers_as_if_it_had_never_been_put_away(
    before: list[tuple[FindingType, str]], after: list[tuple[FindingType, str]]
) -> None:
    vault = Vault()
    for type_, value in before:
        vault.put(type_, value)
    again = went_on(vault)
    assert list(again) == list(vault)
    assert [again.put(type_, value) for type_, value in before + after] == [
        vault.put(type_, value) for type_, value in before + after
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(conversation(FIRST + SECOND), min_size=1, max_size=4))
def test_one_value_keeps_one_placeholder_over_requests_that_do_not_carry_the_history(requests: list[list[str]]) -> None:
    vault = Vault()
    told: dict[str, str] = {}
    for texts in requests:
        vault = went_on(vault)
        result = asked(vault, *texts)
        assert [echoed(result, text) for text in texts_of(result.request)] == texts_of(chat(*texts))
        for entry in vault:
            assert told.setdefault(entry.value, entry.placeholder.token()) == entry.placeholder.token()


@settings(max_examples=100, deadline=None)
@given(conversation(FIRST), conversation(FIRST))
def test_a_token_of_an_earlier_request_comes_back_only_where_this_one_sends_it_too(
    earlier: list[str], later: list[str]
) -> None:
    vault = Vault()
    asked(vault, *earlier)
    result = asked(vault, *later)
    sent = "\n".join(texts_of(result.request))
    for entry in vault:
        token = entry.placeholder.token()
        assert echoed(result, token) == (entry.value if token in sent else token)


def test_what_was_taken_out_once_is_taken_out_again_where_no_detector_finds_it() -> None:
    vault = Vault()
    asked(vault, "Ada Lovelace has a question.")
    request = chat("What did Lovelace ask?")
    unknown = assessed(request, names={})
    result = sanitize(request, unknown, BALANCED.level, vault)
    assert "Lovelace" not in texts_of(result.request)[0]
    assert echoed(result, texts_of(result.request)[0]) == "What did Lovelace ask?"


def test_text_that_resembles_a_token_of_the_vault_comes_back_as_it_was() -> None:
    vault = Vault()
    asked(vault, "Ada Lovelace has a question.")
    text = "Grace Hopper wrote [PERSON_1], PERSON_1 and PERSON_2."
    result = asked(vault, text)
    assert "Grace" not in texts_of(result.request)[0]
    assert echoed(result, texts_of(result.request)[0]) == text


def test_a_vault_of_two_values_with_one_token_is_refused() -> None:
    vault = Vault()
    vault.put(FindingType.PERSON, "Ada")
    with pytest.raises(PlaceholderError):
        Vault.continued([*vault, *vault])
