"""The design's sentences on a conversation and its vault."""

from itertools import pairwise

from node.privacy.findings import FindingType
from node.privacy.restorer import Restorer
from node.privacy.vault import Vault
from tests.unit.privacy_texts import chat, sanitized, texts_of


def values(vault: Vault) -> dict[str, str]:
    return {entry.placeholder.token(): entry.value for entry in vault}


def test_vault_is_rebuilt_from_the_whole_history() -> None:
    whole = chat("I met Ada Lovelace.", "How nice.", "And Grace Hopper, at ada@example.org.")
    assert values(sanitized(whole).vault) == values(sanitized(whole).vault)
    assert values(sanitized(whole).vault) == {
        "[PERSON_1]": "Ada Lovelace",
        "[PERSON_2]": "Grace Hopper",
        "[EMAIL_1]": "ada@example.org",
    }


def test_tokens_are_numbered_by_first_appearance() -> None:
    result = sanitized(chat("Grace Hopper, Ada Lovelace, Grace Hopper"))
    assert texts_of(result.request) == ["[PERSON_1], [PERSON_2], [PERSON_1]"]


def test_equal_prefixes_number_equally() -> None:
    texts = [
        "Ada Lovelace met Grace",
        "ok",
        "grace@example.org and ADA LOVELACE",
        "ok",
        "Grace Hopper? +44 20 7946 0018",
    ]
    seen = [texts_of(sanitized(chat(*texts[: n + 1])).request) for n in range(len(texts))]
    for earlier, later in pairwise(seen):
        assert later[: len(earlier)] == earlier


def test_two_requests_share_no_vault() -> None:
    first, second = sanitized(chat("Ada Lovelace")), sanitized(chat("Grace Hopper"))
    assert first.vault is not second.vault
    assert Restorer(second.vault).feed("[PERSON_1]") == "Grace Hopper"
    assert Restorer(first.vault).feed("[PERSON_1]") == "Ada Lovelace"


def test_token_of_another_conversation_never_restores() -> None:
    first = sanitized(chat("Ada Lovelace and Grace Hopper"))
    second = sanitized(chat("Ada Lovelace"))
    assert "[PERSON_2]" in texts_of(first.request)[0]
    assert Restorer(second.vault).feed("[PERSON_2]!") == "[PERSON_2]!"


def test_name_learnt_late_masks_the_earlier_messages_too() -> None:
    late = chat("ask Quillan about it", "who?", "His name is Quillan Zorbax.", "fine")
    result = sanitized(late, names={"Quillan Zorbax": "GIVEN_NAME"})
    assert texts_of(result.request)[0] == "ask [PERSON_1B] about it"
    assert texts_of(result.request)[2] == "His name is [PERSON_1]."


def test_one_value_has_one_number_and_its_variants_share_it() -> None:
    written = "Ada Lovelace's cat. ADA LOVELACE! Ada? +44 20 7946 0018 or 020 7946 0018"
    result = sanitized(chat(written))
    (text,) = texts_of(result.request)
    assert text == "[PERSON_1]'s cat. [PERSON_1B]! [PERSON_1C]? [PHONE_1] or [PHONE_1B]"
    restorer = Restorer(result.vault)
    assert restorer.feed(text) + restorer.finish() == written


def test_first_name_of_two_people_is_neither() -> None:
    vault = Vault()
    tokens = [vault.put(FindingType.PERSON, name).token() for name in ("Ada Lovelace", "Ada Byron", "Ada")]
    assert tokens == ["[PERSON_1]", "[PERSON_2]", "[PERSON_3]"]


def test_vault_and_its_entries_show_no_value() -> None:
    vault = Vault()
    vault.put(FindingType.PERSON, "Ada Lovelace")
    assert "Ada" not in repr(vault)
    assert "Ada" not in repr(list(vault))
