"""The design's sentences on what remains after sanitising."""

import pytest

from node.privacy.findings import Failure, PartFindings
from node.privacy.policy import Level, PrivacyPolicy
from node.privacy.sanitizer import sanitize
from node.privacy.sensitivity import assess
from protocol.chat import ChatRequest
from protocol.terms import Sensitivity
from tests.unit.privacy_texts import assessed, chat, sanitized, texts_of

PUBLIC, INTERNAL, CONFIDENTIAL, RESTRICTED = Sensitivity

LOWERED = [
    "Grace Hopper wrote to ada@example.org from 93.184.216.34",
    "card 4111 1111 1111 1111",
    "IBAN DE89 3704 0044 0532 0130 00",
    "my SSN is 536-22-8726",
    "MRN 4410-77123",
    "I live at 221 Baker Street, London; DOB: 03/12/1970",
    "She earns a salary of $90,000.",
]


@pytest.mark.parametrize("text", LOWERED)
def test_identifiers_taken_out_lower_to_internal_and_not_to_public(text: str) -> None:
    got = assessed(chat(text))
    assert got.sensitivity >= CONFIDENTIAL
    assert got.after is INTERNAL


SPECIAL = [
    "My mother has diabetes.",
    "Grace Hopper was convicted of assault.",
    "My husband is gay.",
    "I am a trade union member.",
    "My daughter's class teacher says she is bullied.",
]


@pytest.mark.parametrize("text", SPECIAL)
def test_special_categories_stay_restricted_until_policy_lets_them_fall_to_confidential(text: str) -> None:
    assert assessed(chat(text)).after is RESTRICTED
    policy = PrivacyPolicy(special_after=CONFIDENTIAL)
    got = assessed(chat(text), policy)
    assert (got.sensitivity, got.after) == (RESTRICTED, CONFIDENTIAL)


def test_policy_cannot_let_special_categories_fall_further() -> None:
    with pytest.raises(ValueError, match="confidential at most"):
        PrivacyPolicy(special_after=INTERNAL)


def test_identifiers_lower_only_what_they_added() -> None:
    got = assessed(chat("Grace Hopper, card 4111 1111 1111 1111, has epilepsy."))
    assert got.after is RESTRICTED
    got = assessed(chat("Grace Hopper was laid off."))
    assert got.after is CONFIDENTIAL  # the contract is still there


@pytest.mark.parametrize(
    "text",
    ["my key is sk-proj-Zx81kQpLm20vTyRw77abCD", "password: Hunter2!x", "postgres://bob:s3cr3tPie@db.example/app"],
)
def test_secrets_stay_restricted(text: str) -> None:
    policy = PrivacyPolicy(special_after=CONFIDENTIAL)
    assert assessed(chat(text), policy).after is RESTRICTED


@pytest.mark.parametrize("level", Level)
def test_failed_detectors_stay_restricted(level: Level) -> None:
    failed = PartFindings(("messages", 0, "content"), "user", (), (Failure("detector_slow", "late"),))
    policy = PrivacyPolicy(level=level, special_after=CONFIDENTIAL)
    assert assess([failed], (), policy, names_run=True).after is RESTRICTED


def test_names_removed_does_not_make_public() -> None:
    got = assessed(chat("Grace Hopper, 7th floor, wants the Thursday off."))
    assert got.after is INTERNAL


def test_without_the_name_models_nothing_is_sanitised() -> None:
    request = chat("Grace Hopper")
    rules_only = assess([], (), PrivacyPolicy(), names_run=False)
    with pytest.raises(ValueError, match="name models"):
        sanitize(request, rules_only, Level.BALANCED)


def test_every_text_of_the_request_is_sanitised() -> None:
    request = ChatRequest.parse(
        {
            "model": "auto",
            "messages": [
                {"role": "system", "content": "You serve Grace Hopper."},
                {"role": "user", "name": "Grace Hopper", "content": [{"type": "text", "text": "I am Grace Hopper."}]},
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_a",
                            "type": "function",
                            "function": {"name": "find", "arguments": '{"who": "Grace Hopper", "Grace Hopper": 1}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "call_a", "content": '{"mail": "grace@example.org"}'},
            ],
            "metadata": {"Grace Hopper": "x"},
            "tools": [{"type": "function", "function": {"name": "find", "description": "of Grace Hopper"}}],
            "future": ["Grace Hopper"],
        }
    )
    result = sanitized(request)
    seen = result.request.to_json().decode()
    assert "Grace" not in seen
    assert "Hopper" not in seen
    assert "grace@" not in seen
    assert result.count == sum(text.count("[PERSON_1]") + text.count("[EMAIL_1]") for text in texts_of(result.request))


def test_harmless_request_is_not_touched() -> None:
    request = chat("What is the capital of France? Keep [PERSON_1] as it is.")
    result = sanitized(request)
    assert (result.request, result.count, len(result.vault)) == (request, 0, 0)
