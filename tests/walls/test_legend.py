"""The line that tells the order of withheld dates: seen by the model alone, and paid for as all that is sent."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.facts import prompt_tokens
from protocol.errors import RefusedError
from protocol.terms import NanoUsd
from tests.pipelines import CLOUD, KnownNames, a_store, echoes, open_node, order

BIRTHS = "Ada Lovelace was born on 3 May 1999 and Grace Hopper on 1999-02-01. Born 2001-01-01, born 4 June 1988."
AGAIN = BIRTHS.replace("Born", "And born") + " Tell"


async def test_what_is_reserved_counts_the_legend_and_the_tokens(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        node = await open_node(store, (CLOUD, echoes), names=KnownNames())
        asked, again = order(BIRTHS), order(AGAIN)
        sink = await node.ask(asked)
        (call,) = node.backend(CLOUD).calls
        assert call.request.body["messages"][0]["content"].startswith("Order of the dates withheld: ")
        assert sink.text == BIRTHS
        assert prompt_tokens(call.request) > prompt_tokens(asked.request)
        dearer = (await node.ask(again)).routes[0].cost_nano_usd
        assert dearer > sink.routes[0].cost_nano_usd
        one_less = replace(order(AGAIN + " me"), max_cost=NanoUsd(dearer - 1))
        with pytest.raises(RefusedError) as caught:
            await node.ask(one_less)
        assert caught.value.code == "no_eligible_island"
        assert len(node.backend(CLOUD).calls) == 2
