"""Vaults that last, on a real store: what is written comes back, and two conversations never share one."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from node.api.ports import Order
from node.lasting import LastingVaults, _vault, _written
from node.privacy.findings import FindingType
from node.privacy.sanitizer import sanitize
from node.privacy.vault import Vault
from node.store.conversations import Conversations
from node.store.database import Store
from protocol.terms import Now
from tests.pipelines import entropy
from tests.property.test_privacy_vaults import FIRST, SECOND, conversation
from tests.unit.privacy_texts import BALANCED, assessed, chat, texts_of

TYPES = st.sampled_from([type_ for type_ in FindingType if type_.trait.token])
NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
VALUES = {"first": FIRST, "second": SECOND}
STEPS = st.lists(
    st.sampled_from(sorted(VALUES)).flatmap(lambda who: st.tuples(st.just(who), conversation(VALUES[who]))),
    min_size=1,
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(TYPES, st.text(st.characters(), min_size=1, max_size=20)), max_size=40))
def test_any_vault_comes_back_as_it_was_written(values: list[tuple[FindingType, str]]) -> None:
    """Halves of surrogate pairs too: a JSON text within a text may hold one."""
    vault = Vault()
    for type_, value in values:
        vault.put(type_, value)
    again = _vault(_written(vault))
    assert list(again) == list(vault)
    assert [again.put(*value) for value in values] == [vault.put(*value) for value in values]


@settings(max_examples=30, deadline=None)
@given(STEPS, NAMES, NAMES, st.booleans())
def test_two_conversations_never_share_a_vault(
    steps: list[tuple[str, list[str]]], one: str, other: str, same_key: bool
) -> None:
    """Of two names of one key, or of one name (or two) of two keys, whatever was asked in which order."""
    if same_key and one == other:
        other = f"{one[:63]}~" if one[63:] != "~" else one[:63]
    whose = {"first": ("app", one), "second": ("app" if same_key else "editor", other)}
    with_store(lambda lasting: _check_apart(lasting, steps, whose))


async def _check_apart(
    lasting: Callable[[], LastingVaults], steps: list[tuple[str, list[str]]], whose: dict[str, tuple[str, str]]
) -> None:
    for who, texts in steps:
        key_name, name = whose[who]
        request = chat(*texts)
        mine = lasting().of(Order(request, key_name, conversation=name), b"")  # each as after a start
        assert mine.vault is not None
        sent = texts_of(sanitize(request, assessed(request), BALANCED.level, mine.vault).request)
        await mine.keep()
        foreign = {value for whoever, values in VALUES.items() if whoever != who for value in values}
        assert not foreign & {entry.value for entry in mine.vault}
        assert not any(value in text for text in sent for value in foreign)


def with_store(check: Callable[..., object]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as name, Store.open(Path(name) / "islandrun.db") as store:

            def lasting() -> LastingVaults:
                return LastingVaults(
                    Conversations(store, Path(name) / "conversations.key", lambda: Now(0, 1_700_000_000), entropy)
                )

            await check(lasting)  # type: ignore[misc]

    trio.run(run)
