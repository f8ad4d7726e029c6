"""The verbs that ask a running node: what they send, what they print, how they end."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.api.ports import NodeEvent, Order, Sink
from node.cli.data import followed
from protocol.answers import Delta
from protocol.errors import CutAnswerError, EnrolmentError, OfferRefusal, Refusal, RefusedError, StateError
from protocol.terms import Sensitivity, Tier
from tests.api_edge import ROUTE
from tests.unit.cli_node import cli_node

Printed = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

STATUS = {"name": "laptop", "person": "ada", "pairing": False, "members": 2, "models": ["auto"], "warnings": []}
ISLANDS = [
    {"name": "laptop", "this": True, "tier": "personal", "person": "ada", "models": [], "load": None, "up": True,
     "last_seen_s": None},
    {"name": "home", "this": False, "tier": "personal", "person": "ada", "models": ["smollm2"], "up": False,
     "load": {"busy": 1, "slots": 2}, "last_seen_s": 7_300},
]  # fmt: skip
OPENED = {"open": True, "code": "12-ABCD-EFGH", "seconds_left": 120, "person": "ada", "tier": "personal"}
ENROLLED = {"open": False, "enrolled": "desk", "ended": "enrolled"}
EXPIRED = {"open": False, "enrolled": None, "ended": "expired"}
JOINED = {"name": "desk", "person": "ada", "tier": "personal", "archipelago": "00ff"}
COLLECTION = {
    "name": "papers",
    "label": "confidential",
    "island": "office",
    "files": 7,
    "granted": ["ada"],
    "held": True,
}


class Terminal(io.StringIO):
    """Standard input of somebody who is there."""

    def isatty(self) -> bool:
        return True


async def test_islands_are_a_table_with_tier_person_models_load_and_last_seen(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch, {"islands": {"rows": ISLANDS}}) as node:
        assert await node.run("islands") == 0
        assert capsys.readouterr().out.splitlines() == [
            "island             tier      person  models   load  last seen",
            "laptop (this one)  personal  ada     -        -     now",
            "home               personal  ada     smollm2  1/2   2 h ago",
        ]
        assert await node.run("islands", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"islands": ISLANDS}


async def test_status_and_models_are_shown_and_given_as_json(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch, {"status": STATUS}) as node:
        assert await node.run("status") == 0
        assert "pairing          no\n" in capsys.readouterr().out
        assert await node.run("status", "--json") == 0
        assert json.loads(capsys.readouterr().out) == STATUS
        assert await node.run("models") == 0
        assert "home/smollm2  home\n" in capsys.readouterr().out
        assert await node.run("models", "--json") == 0
        assert [row["id"] for row in json.loads(capsys.readouterr().out)["data"]] == ["auto", "home/smollm2"]


async def test_events_come_as_they_happen_and_a_node_that_ends_is_told(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch) as node:
        node.management.happenings = [NodeEvent(1, "peer_up", 1_700_000_000, {"island": "home\x1b[2J"})]
        assert await node.run("events", "--limit", "1") == 0
        assert capsys.readouterr().out.endswith("peer_up  island home�[2J\n")
        assert await node.run("events", "--json") == 1
        told = capsys.readouterr()
        assert json.loads(told.out)["kind"] == "peer_up"
        assert told.err == "islandrun events: the node ended\n"


async def test_pair_shows_the_code_waits_and_tells_who_joined(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    monkeypatch.setattr("node.cli.pair.POLL_S", 0)
    answers = {"status": STATUS, "pair_open": OPENED, "pair_state": [OPENED, ENROLLED]}
    async with cli_node(tmp_path, monkeypatch, answers) as node:
        assert await node.run("pair", "--person", "ada") == 0
        assert ("pair_open", "ada", Tier.PERSONAL, True) in node.management.asked
    printed = capsys.readouterr().out
    assert "  islandrun pair 12-ABCD-EFGH\n" in printed
    assert printed.endswith("desk is enrolled.\n")


async def test_pair_with_json_prints_a_line_when_it_opens_and_a_line_when_it_is_over(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(
        tmp_path, monkeypatch, {"status": STATUS, "pair_open": OPENED, "pair_state": [EXPIRED]}
    ) as node:
        assert await node.run("pair", "--json") == 1
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [OPENED, EXPIRED]


@pytest.mark.parametrize(
    ("typed", "call"),
    [
        ("\n", ("pair_open", "ada", Tier.PERSONAL, True)),
        ("", ("pair_open", "ada", Tier.PERSONAL, True)),
        ("grace\n", ("pair_open", "grace", Tier.EDGE, False)),
    ],
)
async def test_pair_asks_whose_device_it_is_and_only_the_owners_may_enrol_others(
    typed: str, call: tuple[Any, ...], tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    async with cli_node(
        tmp_path, monkeypatch, {"status": STATUS, "pair_open": OPENED, "pair_state": [EXPIRED]}
    ) as node:
        assert await node.run("pair") == 1
        assert call in node.management.asked
    told = capsys.readouterr()
    assert "Whose device will join? [ada] " in told.err
    assert told.err.endswith("no device joined: expired\n")


async def test_device_without_a_live_certificate_opens_no_window_but_can_still_join(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    monkeypatch.setattr("node.cli.pair.socket.gethostname", lambda: "desk.example.org")
    nobody = {**STATUS, "name": None, "person": None}
    async with cli_node(tmp_path, monkeypatch, {"status": nobody, "pair_join": JOINED}) as node:
        assert await node.run("pair") == 1
        assert "no live certificate" in capsys.readouterr().err
        assert await node.run("pair", "12-ABCD-EFGH") == 0
        assert node.management.asked[-1] == ("pair_join", "12-ABCD-EFGH", "desk")


async def test_interrupted_pair_closes_the_window(tmp_path: Path, monkeypatch: Patch, capsys: Printed) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("node.cli.pair.time.sleep", interrupt)
    async with cli_node(tmp_path, monkeypatch, {"status": STATUS, "pair_open": OPENED, "pair_state": OPENED}) as node:
        assert await node.run("pair", "--person", "ada") == 130
        assert node.management.asked[-1] == ("pair_cancel",)


@pytest.mark.parametrize(("typed", "name"), [(None, "laptop"), ("\n", "laptop"), ("desk\n", "desk")])
async def test_joining_asks_for_nothing_but_the_devices_name(
    typed: str | None, name: str, tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed) if typed is not None else io.StringIO())
    async with cli_node(tmp_path, monkeypatch, {"status": STATUS, "pair_join": JOINED}) as node:
        assert await node.run("pair", "12-ABCD-EFGH") == 0
        assert node.management.asked[-1] == ("pair_join", "12-ABCD-EFGH", name)
    told = capsys.readouterr()
    assert told.out == "This device is now ada's island desk, tier personal at most.\n"
    assert told.err == ("" if typed is None else "The name of this device? [laptop] ")


async def test_what_the_node_refuses_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch, {"status": STATUS}) as node:
        node.management.error = EnrolmentError("code", "used before")
        assert await node.run("pair", "12-ABCD-EFGH", "--name", "desk", "--json") == 1
        assert await node.run("revoke", "desk") == 1
    assert capsys.readouterr().err == "islandrun pair: code: used before\nislandrun revoke: code: used before\n"


async def test_revoke_names_the_island_and_says_what_holds_then(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch, {"revoke": {"revoked": "desk", "island_id": "12D3"}}) as node:
        assert await node.run("revoke", "desk") == 0
        assert node.management.asked == [("revoke", "desk")]
        assert capsys.readouterr().out.startswith("desk is out.")
        assert await node.run("revoke", "desk", "--json") == 0
        assert json.loads(capsys.readouterr().out)["island_id"] == "12D3"


async def test_data_verbs_reach_the_node_with_whole_names_and_paths(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    monkeypatch.chdir(tmp_path)
    not_read = [{"file": "scan\x1b.pdf", "why": "damaged"}]
    added = {"name": "papers", "label": "internal", "read": 2, "skipped": {"not_text": 1}, "not_read": not_read}
    async with cli_node(tmp_path, monkeypatch, {"data_add": added, "data_list": {"rows": [COLLECTION]}}) as node:
        assert await node.run("data", "add", "papers", ".", "--label", "internal") == 0
        printed = capsys.readouterr().out
        assert "skipped      not_text 1\n" in printed
        assert "not read: scan\N{REPLACEMENT CHARACTER}.pdf: damaged\n" in printed
        assert await node.run("data", "add", "papers", ".", "--label", "internal", "--json") == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert lines == [{"progress": {"files": 1, "files_total": 4, "bytes": 50, "bytes_total": 200}}, added]
        assert await node.run("data", "grant", "a/b ?", "grace") == 0
        assert await node.run("data", "remove", "a/b ?", "--json") == 0
        capsys.readouterr()
        assert await node.run("data", "list") == 0
        assert "papers      confidential  office  7      ada\n" in capsys.readouterr().out
        assert await node.run("data", "list", "--json") == 0
        assert json.loads(capsys.readouterr().out) == {"collections": [COLLECTION]}
        assert node.management.asked[:4] == [
            ("data_add", "papers", str(tmp_path), Sensitivity.INTERNAL),
            ("data_add", "papers", str(tmp_path), Sensitivity.INTERNAL),
            ("data_grant", "a/b ?", "grace"),
            ("data_remove", "a/b ?"),
        ]


async def test_data_add_shows_a_bar_on_a_terminal_and_takes_it_away(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch, {"data_add": {"name": "papers"}}) as node:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert await node.run("data", "add", "papers", str(tmp_path)) == 0
        assert capsys.readouterr().err == f"\r[{'#' * 7}{'.' * 23}]  25 %  1 of 4 files\r\x1b[K"


async def test_data_add_that_fails_or_ends_before_its_end_says_so(
    tmp_path: Path, monkeypatch: Patch, capsys: Printed
) -> None:
    async with cli_node(tmp_path, monkeypatch) as node:
        node.management.error = StateError("/n: no such folder")
        assert await node.run("data", "add", "papers", "/n") == 1
        assert "/n: no such folder" in capsys.readouterr().err
    with pytest.raises(StateError, match="goes on where it stopped"):
        followed([": begun", 'data: {"progress": {}}', ""], False)


async def test_ask_prints_the_answer_and_who_gave_it(tmp_path: Path, monkeypatch: Patch, capsys: Printed) -> None:
    async with cli_node(tmp_path, monkeypatch) as node:
        assert await node.run("ask", "what", "is", "it?", "--model", "home/smollm2", "--max-tokens", "9") == 0
        request = node.execution.orders[0].request
        assert (request.model, request.max_output_tokens) == ("home/smollm2", 9)
        assert request.texts()[0].text == "what is it?"
        assert node.execution.orders[0].key_name == "inference"
        told = capsys.readouterr()
        assert told.out == "Hello, Ada\n"
        assert told.err == "[home (edge), sanitized: true, decision d1]\n"
        monkeypatch.setattr(sys, "stdin", io.StringIO("from a file"))
        assert await node.run("ask", "-", "--json") == 0
        assert node.execution.orders[1].request.texts()[0].text == "from a file"
        assert json.loads(capsys.readouterr().out)["choices"][0]["message"]["content"] == "Hello, Ada"


async def cut(order: Order, sink: Sink) -> None:
    await sink.started(ROUTE)
    await sink.event(Delta("Hel"))
    raise CutAnswerError("island_died", "home went away")


async def refused(order: Order, sink: Sink) -> None:
    why = Refusal("privacy", "clearance_below_sensitivity", "takes public at most")
    offers = [OfferRefusal("cloud/m", "cloud", (why,))]
    raise RefusedError("no_eligible_island", "no island may answer this", reachable=True, offers=offers)


@pytest.mark.parametrize(
    ("script", "printed", "words"),
    [
        (cut, "Hel\n", ("island_died",)),
        (refused, "", ("no island may answer this", "cloud/m (cloud): privacy: takes public at most")),
    ],
)
async def test_ask_never_passes_a_cut_or_refused_answer_off_as_whole(
    script: Callable[..., Any],
    printed: str,
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: Patch,
    capsys: Printed,
) -> None:
    async with cli_node(tmp_path, monkeypatch, script=script) as node:
        assert await node.run("ask", "hi") == 1
        told = capsys.readouterr()
        assert told.out == printed
        assert all(word in told.err for word in words)
        assert await node.run("ask", "hi", "--json") == 1
        assert capsys.readouterr().out == ""
