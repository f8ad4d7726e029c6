"""A conversation stays where it was good, as long as it may: the router judges every turn anew."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.agents.hours import WEEK_MINUTES
from node.api.ports import Order
from node.clock import local_minute
from node.store.database import Store
from protocol.chat import ChatRequest
from protocol.terms import Now, Tier
from tests.offers import offer
from tests.pipelines import EDGE, OWN, KnownNames, a_store, open_node, order, says

OTHER = offer("other", tier=Tier.EDGE, ttft_s=0.5)
LATER = [{"role": "assistant", "content": "A tower with a lamp."}, {"role": "user", "content": "And a lightship?"}]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with a_store(tmp_path) as made:
        yield made


def turn(*more: dict[str, str], **changes: object) -> Order:
    messages = [{"role": "user", "content": "What is a lighthouse?"}, *more]
    return order(request=ChatRequest.parse({"model": "auto", "messages": messages}), **changes)


async def test_the_next_turn_stays_with_who_answered_the_last_while_it_is_about_as_good(store: Store) -> None:
    dearer = replace(OTHER, ttft_s=0.4, energy_j_per_token=0.1)  # so that neither dominates the other
    rows = (EDGE, says("A tower with a lamp.")), (dearer, says("no"))
    node = await open_node(store, *rows, names=KnownNames())
    assert (await node.ask(turn())).routes[0].island == EDGE.island
    node.offers.rows[0] = replace(EDGE, ttft_s=0.6), node.offers.rows[0][1]
    fresh = order("Something else altogether")
    assert (await node.ask(fresh)).routes[0].island == OTHER.island, "who begins anew goes where it is best now"
    assert (await node.ask(turn(*LATER))).routes[0].island == EDGE.island


async def test_but_not_when_it_has_become_much_worse(store: Store) -> None:
    node = await open_node(store, (EDGE, says("A tower with a lamp.")), (OTHER, says("yes")), names=KnownNames())
    assert (await node.ask(turn())).routes[0].island == EDGE.island
    node.offers.rows[0] = replace(EDGE, ttft_s=20.0), node.offers.rows[0][1]
    assert (await node.ask(turn(*LATER))).routes[0].island == OTHER.island


async def test_sensitivity_that_rises_in_a_conversation_takes_it_from_who_is_not_cleared_any_more(store: Store) -> None:
    own = replace(OWN, ttft_s=12.0)
    node = await open_node(store, (EDGE, says("A tower with a lamp.")), (own, says("yes")), names=KnownNames())
    assert (await node.ask(turn())).routes[0].island == EDGE.island
    sent = len(node.backend(EDGE).calls)
    private = {"role": "user", "content": "My mother has diabetes. May she climb one?"}
    assert (await node.ask(turn(LATER[0], private))).routes[0].island == OWN.island
    assert len(node.backend(EDGE).calls) == sent
    assert "diabetes" not in node.backend(EDGE).read


async def test_a_named_conversation_stays_too_and_only_its_own_clients(store: Store) -> None:
    node = await open_node(store, (EDGE, says("A tower with a lamp.")), (OTHER, says("no")), names=KnownNames())
    await node.ask(order("What is a lighthouse?", conversation="towers"))
    judge = node.pipeline.judgement.judge
    named = (await judge(order("And a lightship?", conversation="towers"), b"1" * 16)).asked.previous
    assert (named.island, named.model) == (EDGE.island_id, EDGE.model)
    other = order("And a lightship?", conversation="towers", key_name="another client")
    assert (await judge(other, b"2" * 16)).asked.previous.island == ""


async def test_what_was_read_before_is_not_reckoned_with_again(store: Store) -> None:
    node = await open_node(store, (EDGE, says("A tower with a lamp.")), names=KnownNames())
    await node.ask(turn())
    asked = (await node.pipeline.judgement.judge(turn(*LATER), b"1" * 16)).asked
    assert 0 < asked.unread_tokens(EDGE) < asked.prompt_tokens
    assert asked.unread_tokens(OTHER) == asked.prompt_tokens


async def test_an_answer_that_was_cut_is_no_reason_to_stay(store: Store) -> None:
    async def forgets_the_end(_call: object, _emit: object) -> None:
        return

    node = await open_node(store, (EDGE, forgets_the_end), (OTHER, says("A tower with a lamp.")), names=KnownNames())
    assert (await node.ask(turn())).routes[0].island == OTHER.island
    assert (await node.pipeline.judgement.judge(turn(*LATER), b"1" * 16)).asked.previous.island == OTHER.island_id


async def test_the_decision_knows_what_a_request_needs_and_the_minute_of_the_week(store: Store) -> None:
    node = await open_node(store, (OWN, says("yes")), names=KnownNames())
    plain = (await node.pipeline.judgement.judge(order(), b"1" * 16)).asked
    code = (await node.pipeline.judgement.judge(order("Mend this:\n```\nint x\n```"), b"1" * 16)).asked
    assert 0 < plain.need < code.need <= 1
    assert plain.local_minute == local_minute(node.pipeline.clock())


def test_the_minute_of_the_week_is_the_owners() -> None:
    minutes = {local_minute(Now(0, 1_800_000_000 + 60 * minute)) for minute in range(0, WEEK_MINUTES, 60)}
    assert len(minutes) == WEEK_MINUTES // 60
    assert all(0 <= minute < WEEK_MINUTES for minute in minutes)
