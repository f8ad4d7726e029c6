"""Vaults of different conversations know nothing of each other, and only what was sent comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from node.privacy.restorer import Mode, Restorer
from node.privacy.tokens import TYPES
from protocol.placeholders import Placeholder
from tests.unit.privacy_texts import chat, sanitized, texts_of

FIRST = ["Ada Lovelace", "Ada", "ada@example.org", "+44 20 7946 0018", "4111 1111 1111 1111"]
SECOND = ["Grace Hopper", "Grace", "grace@example.com", "+49 30 901820", "5555 5555 5555 4444"]
TOKENS = st.builds(Placeholder, st.sampled_from(sorted(TYPES)), st.integers(1, 12), st.integers(0, 4))
SPELLINGS = st.sampled_from(["[{}]", "{}", "**[{}]**", "[**{}**]", "\\[{}\\]", "`{}`", '"[{}]"', "[{}]'s"])


def conversation(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.lists(st.sampled_from(values), min_size=1, max_size=4).map(", ".join), min_size=1, max_size=4)


@settings(max_examples=200, deadline=None)
@given(TOKENS, SPELLINGS, st.booleans(), st.sampled_from(Mode), conversation(FIRST))
def test_a_token_that_was_not_sent_never_restores(
    token: Placeholder, spelling: str, lower: bool, mode: Mode, texts: list[str]
) -> None:
    result = sanitized(chat(*texts))
    name = token.token()[1:-1]
    answer = spelling.format(name.lower() if lower else name)
    answer = f'{{"a": "{answer}"}}' if mode is Mode.JSON and '"' not in answer else answer
    restorer = Restorer(result.vault, mode)
    shown = restorer.feed(answer) + restorer.finish()
    if result.vault.get(token) is None:
        assert shown == answer


@settings(max_examples=100, deadline=None)
@given(conversation(FIRST), conversation(SECOND))
def test_two_conversations_never_share_a_vault(one: list[str], other: list[str]) -> None:
    """Whatever of one is read with the other's vault, nothing of the first is told."""
    first, second = sanitized(chat(*one)), sanitized(chat(*other))
    assert sanitized(chat(*one)).vault is not first.vault
    assert {entry.value for entry in first.vault}.isdisjoint(entry.value for entry in second.vault)
    for mine, text in ((second, texts_of(first.request)), (first, texts_of(second.request))):
        restorer = Restorer(mine.vault)
        shown = "".join(map(restorer.feed, text)) + restorer.finish()
        foreign = one if mine is second else other
        assert not [value for value in ", ".join(foreign).split(", ") if value in shown]
