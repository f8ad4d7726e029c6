"""Keys, Host, Origin and content type, on the running edge."""

import json

import pytest

from tests.api_edge import INFERENCE_KEY, OWNER_KEY, QUESTION, Reply, edge

CHAT = "/v1/chat/completions"


def code(reply: Reply) -> tuple[int, str]:
    return reply.status, json.loads(reply.body)["error"]["code"]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
async def test_host_is_one_of_three_names_with_the_port(name: str) -> None:
    async with edge() as at:
        assert (await at.exchange(at.head("GET /health", host=f"{name}:{at.port}"))).status == 200
        assert (await at.exchange(at.head("GET /health", host=name))).status == 421


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Host:"],
        ["Host: evil.example"],
        ["Host: evil.example:{port}"],
        ["Host: 127.0.0.1.evil.example:{port}"],
        ["Host: 127.0.0.1:1"],
        ["Host: 127.0.0.1:{port}", "Host: 127.0.0.1:{port}"],
        ["Host: 127.0.0.1:{port}", "Host: evil.example"],
        ["Host: node.local:{port}"],
        ["Host: 0.0.0.0:{port}"],
        ["Host: LOCALHOST:{port}"],
    ],
)
async def test_any_other_host_gets_421_on_every_path_and_reaches_no_handler(lines: list[str]) -> None:
    async with edge() as at:
        for line in ("GET / HTTP/1.1", "GET /health HTTP/1.1", "GET /api/status HTTP/1.1", "GET /v1/models HTTP/1.1"):
            hosts = [each.format(port=at.port) for each in lines]
            request = "\r\n".join([line, *hosts, f"Authorization: Bearer {OWNER_KEY}", "", ""]).encode()
            assert code(await at.exchange(request)) == (421, "wrong_host")
        assert at.management.asked == []


async def test_foreign_origin_gets_403_even_with_the_right_key() -> None:
    async with edge() as at:
        for origin in (
            "http://evil.example",
            "null",
            "file://",
            f"https://127.0.0.1:{at.port}",
            "http://localhost:1",
            "",
        ):
            reply = await at.exchange(at.post(CHAT, QUESTION, f"Origin: {origin}"))
            assert code(reply) == (403, "foreign_origin")
            assert "access-control-allow-origin" not in reply.headers
        preflight = at.head(f"OPTIONS {CHAT}", "Origin: http://evil.example", "Access-Control-Request-Method: POST")
        assert code(await at.exchange(preflight)) == (403, "foreign_origin")
        assert at.execution.orders == []
        own = await at.exchange(at.post(CHAT, QUESTION, f"Origin: http://127.0.0.1:{at.port}"))
        assert own.status == 200


async def test_inference_paths_take_any_key_of_this_node() -> None:
    async with edge() as at:
        assert (await at.get("/v1/models", key=INFERENCE_KEY)).status == 200
        assert (await at.get("/v1/models", key=OWNER_KEY)).status == 200
        assert code(await at.get("/v1/models", key="\xe9")) == (401, "invalid_api_key")
        assert code(await at.get("/v1/models", key="wrong")) == (401, "invalid_api_key")
        assert code(await at.get("/v1/models", key=None)) == (401, "invalid_api_key")


OWNER_PATHS = ["status", "islands", "ledger", "ledger/d1", "events", "pair", "data"]


@pytest.mark.parametrize("path", [*(f"/api/{name}" for name in OWNER_PATHS), "/metrics"])
async def test_owner_paths_take_the_owner_key_alone(path: str) -> None:
    async with edge() as at:
        assert code(await at.get(path, key=INFERENCE_KEY)) == (403, "owner_key_needed")
        assert code(await at.get(path, key=None)) == (401, "invalid_api_key")
        assert code(await at.get(f"{path}?key={OWNER_KEY}&api_key={OWNER_KEY}", key=None)) == (401, "invalid_api_key")
        assert at.management.asked == []


async def test_key_comes_as_bearer_or_x_api_key_and_two_different_ones_are_none() -> None:
    async with edge() as at:
        assert (await at.get("/v1/models", f"x-api-key: {INFERENCE_KEY}", key=None)).status == 200
        assert (await at.get("/v1/models", f"x-api-key: {INFERENCE_KEY}", key=INFERENCE_KEY)).status == 200
        for other in ("x-api-key: wrong", "Authorization: Bearer wrong", f"Authorization: Basic {INFERENCE_KEY}"):
            assert code(await at.get("/v1/models", other, key=INFERENCE_KEY)) == (401, "invalid_api_key")


async def test_name_of_the_key_goes_into_the_order() -> None:
    async with edge() as at:
        await at.exchange(at.post(CHAT))
        assert at.execution.orders[0].key_name == "app"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"]
)
async def test_body_that_is_not_called_json_gets_415(kind: str) -> None:
    async with edge() as at:
        line = at.head(f"POST {CHAT}", f"Content-Type: {kind}", f"Content-Length: {len(QUESTION)}")
        assert code(await at.exchange(line + QUESTION)) == (415, "not_json")
        reload = at.head("POST /api/reload", "Content-Length: 0", key=OWNER_KEY)
        assert code(await at.exchange(reload)) == (415, "not_json")
        assert at.execution.orders == [] and at.management.asked == []


async def test_json_may_name_its_charset() -> None:
    async with edge() as at:
        line = at.head(
            f"POST {CHAT}", "Content-Type: Application/JSON; charset=utf-8", f"Content-Length: {len(QUESTION)}"
        )
        assert (await at.exchange(line + QUESTION)).status == 200


async def test_dashboard_and_health_are_open_and_hold_nothing_of_the_owner() -> None:
    async with edge() as at:
        for path in ("/", "/dashboard.js", "/dashboard.css", "/health"):
            assert (await at.get(path, key=None)).status == 200
        assert at.management.asked == []


async def test_dashboard_runs_under_a_strict_policy_without_inline_code() -> None:
    async with edge() as at:
        reply = await at.get("/", key=None)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy and "data:" not in policy
        assert "frame-ancestors 'none'" in policy
        page = reply.body.decode()
        assert "<style" not in page and " style=" not in page and " on" not in page.replace(" on the", "")
        assert page.count("<script") == page.count('<script src="/dashboard.js"') == 1
        script = (await at.get("/dashboard.js", key=None)).body.decode()
        assert "innerHTML" not in script and "eval" not in script and "localStorage" not in script


async def test_unknown_path_and_method_are_told() -> None:
    async with edge() as at:
        for path in ("/nothing", "/v1", "/v1/models/", "/api/ledger/", "/../etc/passwd", "/dashboard.js/"):
            assert code(await at.get(path)) == (404, "not_found")
        reply = await at.get(CHAT)
        assert code(reply) == (405, "method_not_allowed")
        assert reply.headers["allow"] == "POST"
