"""/api, /metrics and /health over the management port."""

import json
from typing import Any

import pytest
import trio

from node.api.rendering import json_form
from protocol.errors import ConfigError, EnrolmentError, LinkError, MembershipError, StateError
from protocol.terms import Sensitivity, Tier
from tests.api_edge import OWNER_KEY, QUESTION, Edge, edge


async def post(at: Edge, path: str, value: object) -> tuple[int, Any]:
    reply = await at.exchange(at.post(path, json.dumps(value).encode(), key=OWNER_KEY))
    return reply.status, json.loads(reply.body)


@pytest.mark.parametrize(
    ("path", "body", "call"),
    [
        ("/api/pair", {"person": "ada", "tier": "edge"}, ("pair_open", "ada", Tier.EDGE, False)),
        ("/api/pair", {"person": "ada", "tier": "personal", "signer": True}, ("pair_open", "ada", Tier.PERSONAL, True)),
        ("/api/pair/join", {"code": "12-AAAA-BBBB", "name": "desk"}, ("pair_join", "12-AAAA-BBBB", "desk")),
        ("/api/revoke", {"name": "laptop"}, ("revoke", "laptop")),
        (
            "/api/data",
            {"name": "notes", "path": "/n", "label": "confidential"},
            ("data_add", "notes", "/n", Sensitivity.CONFIDENTIAL),
        ),
        ("/api/data/notes/grant", {"person": "bob"}, ("data_grant", "notes", "bob")),
        ("/api/reload", {}, ("reload",)),
    ],
)
async def test_each_action_reaches_the_port_once_with_its_members(
    path: str, body: dict[str, Any], call: tuple[Any, ...]
) -> None:
    async with edge() as at:
        assert await post(at, path, body) == (200, {"did": call[0]})
        assert at.management.asked == [call]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/api/pair", {"person": "ada"}, "tier"),
        ("/api/pair", {"person": "ada", "tier": "cloud"}, "tier"),
        ("/api/pair", {"person": "ada", "tier": "near"}, "tier"),
        ("/api/pair", {"person": "", "tier": "edge"}, "person"),
        ("/api/pair", {"person": "ada", "tier": "edge", "signer": 1}, "signer"),
        ("/api/pair", {"person": "ada", "tier": "edge", "singer": True}, "body"),
        ("/api/revoke", {"name": 7}, "name"),
        ("/api/revoke", {"name": "a" * 4_097}, "name"),
        ("/api/data", {"name": "n", "path": "/n", "label": "secret"}, "label"),
        ("/api/reload", {"now": True}, "body"),
        ("/api/revoke", ["laptop"], "body"),
    ],
)
async def test_action_with_a_member_that_is_not_understood_does_nothing(path: str, body: object, param: str) -> None:
    async with edge() as at:
        status, told = await post(at, path, body)
        assert (status, told["error"]["param"]) == (400, param)
        assert at.management.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (EnrolmentError("code", "used before"), 409, "not_allowed"),
        (MembershipError("name", "no such island"), 409, "not_allowed"),
        (ConfigError("config.toml:1: what"), 400, "bad_configuration"),
        (LinkError("the mesh is away"), 503, "node_part_unavailable"),
        (StateError("newer"), 503, "node_part_unavailable"),
        (KeyError("a mistake"), 500, "internal_error"),
    ],
)
async def test_action_that_fails_says_why(error: Exception, status: int, code: str) -> None:
    async with edge() as at:
        at.management.error = error
        got, told = await post(at, "/api/reload", {})
        assert (got, told["error"]["code"]) == (status, code)


async def test_reading_a_folder_tells_how_far_it_is_to_whoever_wants_to_hear_it() -> None:
    async with edge() as at:
        body = json.dumps({"name": "notes", "path": "/n", "label": "public"}).encode()
        reply = await at.exchange(at.post("/api/data", body, "accept: text/event-stream", key=OWNER_KEY))
        events = [json.loads(line[6:]) for line in reply.body.decode().splitlines() if line.startswith("data: ")]
        assert events == [
            {"progress": {"files": 1, "files_total": 4, "bytes": 50, "bytes_total": 200}},
            {"done": {"did": "data_add"}},
        ]
        at.management.error = StateError("another one is being read")
        reply = await at.exchange(at.post("/api/data", body, "accept: text/event-stream", key=OWNER_KEY))
        assert b'"done"' not in reply.body
        assert b'"code":"node_part_unavailable"' in reply.body


async def test_status_islands_and_ledger_are_read() -> None:
    async with edge() as at:
        assert json.loads((await at.get("/api/status")).body) == {"did": "status"}
        assert json.loads((await at.get("/api/islands")).body) == {"islands": [{"name": "home", "tier": "edge"}]}
        assert json.loads((await at.get("/api/ledger?limit=3")).body) == {"entries": []}
        assert (await at.get("/api/ledger/d1")).status == 200
        assert (await at.get("/api/ledger/d2")).status == 404
        assert (await at.get("/api/pair")).status == 200
        assert ("ledger", 3) in at.management.asked


async def test_what_is_deleted_is_named_by_its_path() -> None:
    async with edge() as at:
        for path in ("/api/pair", "/api/data/my%20notes"):
            assert (await at.exchange(at.head(f"DELETE {path}", key=OWNER_KEY))).status == 200
        assert at.management.asked == [("pair_cancel",), ("data_remove", "my notes")]
        assert (await post(at, "/api/data/notes/share", {"person": "bob"}))[0] == 404


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1&limit=2", "most=1", "limit=%FF"]
)
async def test_query_that_is_not_understood_is_refused(query: str) -> None:
    async with edge() as at:
        assert (await at.get(f"/api/ledger?{query}")).status == 400


async def test_explain_takes_the_order_that_a_request_would_be() -> None:
    async with edge() as at:
        request = at.post("/api/explain", QUESTION, "x-islandrun-max-tier: personal", key=OWNER_KEY)
        assert (await at.exchange(request)).status == 200
        _, order = at.management.asked[0]
        assert (order.max_tier, order.key_name, order.request.model) == (Tier.PERSONAL, "owner", "auto")
        assert at.execution.orders == []


async def test_events_come_as_they_happen_and_end_with_the_client() -> None:
    async with edge() as at:
        async with await at.connect() as stream:
            await stream.send_all(at.head("GET /api/events", key=OWNER_KEY))
            received = b""
            while b"peer_came" not in received:
                received += await stream.receive_some(1_000)
            assert b'id: 1\ndata: {"id":1,"kind":"peer_came","at_s":1700000000,"data":{"tier":"edge"}}\n\n' in received
        with trio.fail_after(1):
            await at.management.left.wait()


async def test_metrics_are_in_prometheus_form() -> None:
    async with edge() as at:
        await at.get("/health")
        reply = await at.get("/metrics")
        lines = reply.body.decode().splitlines()
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE islandrun_islands gauge" in lines
    assert 'islandrun_islands{tier="e\\"dge"} 2' in lines
    assert 'islandrun_http_requests_total{path="/health",status="200"} 1' in lines


def test_results_are_written_with_names_for_levels_and_hex_for_bytes() -> None:
    value = {"tier": Tier.CLOUD, "of": (Sensitivity.PUBLIC, b"\x0a", None, 1.5), "set": frozenset({"a"})}
    assert json_form(value) == {"tier": "cloud", "of": ["public", "0a", None, 1.5], "set": ["a"]}
    with pytest.raises(TypeError):
        json_form(object())
