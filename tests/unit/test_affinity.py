"""Whom a conversation is known to have been answered by: by hashes alone, bounded, for half an hour."""

import gc
from dataclasses import replace
from typing import Any

import pytest

from node.affinity import CONVERSATIONS_MAX, FORGOTTEN_AFTER_MS, KEY_BYTES, NOBODY, Affinity, HearingSink
from node.agents.table import Offer
from node.api.ports import Order
from node.lengths import prompt_tokens
from protocol.answers import Delta, Finished
from protocol.chat import ChatRequest
from protocol.terms import Now
from tests.offers import offer, paid

HOME = offer("home")
SYSTEM = {"role": "system", "content": "Answer briefly."}
FIRST = {"role": "user", "content": "What is a lighthouse?"}
ANSWER = {"role": "assistant", "content": "A tower with a lamp."}
SECOND = {"role": "user", "content": "And a lightship?"}


def at(milliseconds: int) -> Now:
    return Now(milliseconds, 0)


def order(*messages: dict[str, Any], **changes: Any) -> Order:
    body = {"model": "auto", "messages": list(messages), **changes.pop("body", {})}
    return replace(Order(ChatRequest.parse(body), "a client"), **changes)


def answered(affinity: Affinity, asked: Order, *pieces: str | Delta, by: Offer = HOME, at_ms: int = 0) -> None:
    hearing = affinity.hear(asked)
    for piece in pieces:
        hearing.event(Delta(piece) if isinstance(piece, str) else piece)
    hearing.event(Finished("stop", 1, 1))
    affinity.remember(asked, b"\1" * 16, hearing, by, at(at_ms))


@pytest.fixture
def affinity() -> Affinity:
    return Affinity(bytes(KEY_BYTES))


def test_the_next_turn_knows_who_answered_the_last_and_how_much_of_the_prompt_was_read(affinity: Affinity) -> None:
    answered(affinity, order(SYSTEM, FIRST), "A tower ", "with a lamp.")
    again = order(SYSTEM, FIRST, ANSWER, SECOND)
    found = affinity.previous(again, at(1))
    assert (found.island, found.model) == ("id-home", "small")
    read = prompt_tokens(order(SYSTEM, FIRST, ANSWER).request)
    assert 0 <= read - found.tokens <= 8, "all but what the request has once"
    assert found.tokens < prompt_tokens(again.request)
    assert found.answers(HOME)
    assert not found.answers(offer("office"))
    assert not found.answers(offer("home", "large"))


def test_the_longest_beginning_counts(affinity: Affinity) -> None:
    answered(affinity, order(FIRST), "A tower with a lamp.")
    answered(affinity, order(FIRST, ANSWER, SECOND), "A ship with a lamp.", by=paid("cloud", island_id=""))
    third = order(FIRST, ANSWER, SECOND, {"role": "assistant", "content": "A ship with a lamp."}, FIRST)
    assert affinity.previous(third, at(1)).island == "cloud", "a provider has no id"
    assert affinity.previous(order(FIRST, ANSWER, FIRST), at(1)).island == "id-home"


@pytest.mark.parametrize(
    "answer",
    [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "A tower "}, {"type": "text", "text": "with a lamp."}],
        },
        {"role": "assistant", "content": "A tower with a lamp.", "refusal": None, "name": "helper"},
        {"role": "assistant", "content": "A tower with …"},
    ],
    ids=["in parts", "with members more", "shortened by its client"],
)
def test_an_answer_is_known_in_whatever_form_it_comes_back(affinity: Affinity, answer: dict[str, Any]) -> None:
    answered(affinity, order(FIRST), "A tower with a lamp.")
    assert affinity.previous(order(FIRST, answer, SECOND), at(1)).island == "id-home"


def test_tool_calls_and_their_results_go_on_with_a_conversation(affinity: Affinity) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    answered(affinity, order(FIRST), Delta("", b'{"tool_calls":[]}'))
    result = {"role": "tool", "tool_call_id": "c1", "content": "42"}
    again = order(FIRST, {"role": "assistant", "content": None, "tool_calls": [call]}, result)
    assert affinity.previous(again, at(1)).island == "id-home"


@pytest.mark.parametrize(
    "other",
    [
        order(FIRST),
        order(SECOND, ANSWER, FIRST),
        order(SYSTEM, FIRST, ANSWER, SECOND),
        order(FIRST, SECOND),
        order(FIRST, ANSWER, SECOND, key_name="another client"),
    ],
    ids=["the same question anew", "another question", "other instructions", "no answer in it", "another client"],
)
def test_what_does_not_go_on_with_it_is_another_conversation(affinity: Affinity, other: Order) -> None:
    answered(affinity, order(FIRST), "A tower with a lamp.")
    assert affinity.previous(other, at(1)) == NOBODY


def test_named_conversations_and_stored_responses_are_known_by_their_names(affinity: Affinity) -> None:
    answered(affinity, order(FIRST, conversation="holidays", stored=True), "A tower with a lamp.")
    named = affinity.previous(order(SECOND, conversation="holidays"), at(1))
    assert (named.island, named.tokens) == ("id-home", 0), "what was read is not in this prompt"
    assert affinity.previous(order(SECOND, previous=f"resp_{'01' * 16}"), at(1)).island == "id-home"
    assert affinity.previous(order(SECOND, conversation="other"), at(1)) == NOBODY
    assert affinity.previous(order(SECOND, conversation="holidays", key_name="another"), at(1)) == NOBODY


def test_it_is_forgotten_after_half_an_hour_and_goes_on_with_each_turn(affinity: Affinity) -> None:
    again = order(FIRST, ANSWER, SECOND)
    answered(affinity, order(FIRST), "A tower with a lamp.")
    assert affinity.previous(again, at(FORGOTTEN_AFTER_MS - 1)) != NOBODY
    assert affinity.previous(again, at(FORGOTTEN_AFTER_MS)) == NOBODY
    answered(affinity, order(SYSTEM), "Yes.", at_ms=FORGOTTEN_AFTER_MS)
    assert len(affinity) == 2, "what is old takes no room"


def test_what_is_remembered_is_bounded(affinity: Affinity) -> None:
    for number in range(CONVERSATIONS_MAX):
        answered(affinity, order({"role": "user", "content": str(number)}), "Yes.")
    assert len(affinity) == CONVERSATIONS_MAX
    assert (
        affinity.previous(order({"role": "user", "content": "0"}, {"role": "assistant", "content": "Yes."}), at(1))
        == NOBODY
    )


def test_another_start_has_another_key_and_knows_nothing() -> None:
    one, other = Affinity(b"1" * KEY_BYTES), Affinity(b"2" * KEY_BYTES)
    for affinity in (one, other):
        answered(affinity, order(FIRST), "A tower with a lamp.")
    assert not set(one._last) & set(other._last)


def test_no_text_is_kept(affinity: Affinity) -> None:
    answered(affinity, order(FIRST, conversation="CANARY-NAME"), "A tower with a lamp.")
    seen, left = [], [affinity]
    while left:
        one = left.pop()
        seen.append(repr(one) if isinstance(one, str | bytes) else "")
        if isinstance(one, Affinity | dict | tuple | list):
            left += gc.get_referents(one)
    assert not [text for text in seen if "lighthouse" in text or "tower" in text or "CANARY" in text]
    assert any("id-home" in text for text in seen), "what is kept was searched"


async def test_the_client_hears_all_that_is_heard_beside_it(affinity: Affinity) -> None:
    class Client:
        def __init__(self) -> None:
            self.heard: list[object] = []

        def decided(self, decision_id: str) -> None:
            self.heard.append(decision_id)

        async def started(self, route: Any) -> None:
            self.heard.append(route)

        async def event(self, event: Any) -> None:
            self.heard.append(event)

    client = Client()
    sink = HearingSink(client, affinity.hear(order(FIRST)))
    sink.decided("d1")
    await sink.event(Delta("A"))
    assert client.heard == ["d1", Delta("A")]
