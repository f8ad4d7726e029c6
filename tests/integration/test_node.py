"""A running node with a paid provider: what it costs, what is sent once, what the provider sees, and what is kept."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import openai
import pytest

from tests.integration.running_node import NO_MODEL, Home, RunningNode, running, user
from tests.integration.scripted_cloud import KEY, ScriptedCloud, scripted_cloud
from tests.integration.whole_nodes import wait_until

NAME = "Maria Lindqvist"
EMAIL = "maria.lindqvist@example.org"
PHONE = "+46 70 123 45 67"
IBAN = "DE89 3704 0044 0532 0130 00"
CANARIES = 50
SEED = 20_260_801
NANO_USD = 1_000_000_000
# Of tests/integration/scripted_cloud.py: 0.15 and 0.60 USD for a million tokens.
INPUT_NANO, OUTPUT_NANO = 150, 600
PROMPT_TOKENS_BILLED = 1_000


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, cloud: ScriptedCloud) -> Iterator[RunningNode]:
    with running(Home.make(tmp_path_factory.mktemp("paid") / "solo", config(cloud), key=KEY)) as one:
        wait_until("names are read", lambda: one.chat(user(f"Hello {NAME}.", model="cloud/echo")).status_code == 200)
        yield one


def config(cloud: ScriptedCloud, day_usd: str = "1") -> str:
    return f'{NO_MODEL}[caps]\nday_usd = "{day_usd}"\n{cloud.provider(paid=True)}'


def test_a_paid_answer_tells_its_bound_and_the_ledger_tells_what_it_cost(node: RunningNode) -> None:
    before = spent(node)
    answer = node.chat(user("What is the capital of France?", model="cloud/echo", max_tokens=100))
    assert answer.status_code == 200
    told = nano(answer.headers["x-islandrun-cost"])
    assert 100 * OUTPUT_NANO < told < 200 * OUTPUT_NANO
    receipt = node.call("GET", f"/api/ledger/{answer.headers['x-islandrun-decision']}")
    billed = PROMPT_TOKENS_BILLED * INPUT_NANO + answer.json()["usage"]["completion_tokens"] * OUTPUT_NANO
    assert receipt["cost_nano_usd"] == billed
    assert (receipt["offer"], receipt["tier"], receipt["outcome"]) == ("cloud/echo", "cloud", "answered")
    assert spent(node) - before == billed


def test_a_definite_refusal_of_the_provider_costs_nothing(node: RunningNode) -> None:
    before = spent(node)
    refused = node.chat(user("Anything.", model="cloud/refuse"))
    assert refused.status_code == 400
    assert refused.json()["error"]["islandrun"][0]["offer"] == "cloud/refuse"
    assert spent(node) == before


def test_over_the_requests_own_bound_the_cost_agent_says_no(node: RunningNode, cloud: ScriptedCloud) -> None:
    sent = len(cloud.bodies)
    refused = node.chat(
        user("What is the capital of France?", model="cloud/echo"), headers={"x-islandrun-max-cost": "0.000001"}
    )
    assert refused.status_code == 403
    assert "over_cap" in reasons(refused.json()["error"], "cloud/echo")
    assert len(cloud.bodies) == sent


def test_over_the_owners_cap_the_cost_agent_says_no(node: RunningNode, cloud: ScriptedCloud) -> None:
    sent, before = len(cloud.bodies), spent(node)
    node.home.configure(config(cloud, day_usd="0.000001"))
    node.call("POST", "/api/reload", {})
    try:
        refused = node.chat(user("What is the capital of France?", model="cloud/echo"))
        assert refused.status_code == 403
        assert "over_cap" in reasons(refused.json()["error"], "cloud/echo")
        assert spent(node) == before
    finally:
        node.home.configure(config(cloud))
        node.call("POST", "/api/reload", {})
    assert len(cloud.bodies) == sent


def test_what_ended_in_doubt_is_sent_once_whatever_the_client_repeats(node: RunningNode, cloud: ScriptedCloud) -> None:
    before, sent = spent(node), cloud.asked("cut-before")
    asked: Any = {"model": "cloud/cut-before", "messages": [{"role": "user", "content": "Tell me of Lisbon."}]}
    with node.openai(max_retries=2) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(**asked)
        assert caught.value.status_code == 503
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert cloud.asked("cut-before") == sent + 1
        with pytest.raises(openai.ConflictError) as again:
            client.chat.completions.create(**asked)
        assert again.value.response.headers["x-should-retry"] == "false"
        assert again.value.code == "request_repeated"
    assert cloud.asked("cut-before") == sent + 1
    receipt = node.call("GET", f"/api/ledger/{caught.value.response.headers['x-islandrun-decision']}")
    assert receipt["outcome"] == "ambiguous"
    assert receipt["cost_nano_usd"] == spent(node) - before > 0  # booked as if it had been answered in full


def test_the_same_idempotency_key_is_sent_once_too(node: RunningNode, cloud: ScriptedCloud) -> None:
    sent = cloud.asked("cut-before")
    headers = {"idempotency-key": "order-66"}
    first = node.chat(user("Tell me of Porto.", model="cloud/cut-before"), headers)
    second = node.chat(user("Tell me of Faro.", model="cloud/cut-before"), headers)
    assert (first.status_code, second.status_code) == (503, 409)
    assert cloud.asked("cut-before") == sent + 1


def test_the_provider_sees_placeholders_and_the_client_its_own_words(node: RunningNode, cloud: ScriptedCloud) -> None:
    prompt = f"Write to {NAME}, {EMAIL}, call {PHONE}, and pay to {IBAN}. Thank {NAME} twice."
    sent = len(cloud.bodies)
    with node.openai() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="cloud/echo", messages=[{"role": "user", "content": prompt}], stream=True
        )
        text = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse() if chunk.choices)
    assert raw.headers["x-islandrun-sanitized"] == "true"
    assert text == prompt
    (seen,) = cloud.bodies[sent:]
    body = json.loads(seen)["messages"][0]["content"]
    assert body.count("[PERSON_1]") == 2
    for canary in (*NAME.split(), EMAIL, PHONE, IBAN, "123 45 67", "0044 0532"):
        assert canary not in seen.decode(), canary
    assert json.loads(seen)["model"] == "echo"


def test_explain_sends_nothing_and_shows_what_would_be_sent(node: RunningNode, cloud: ScriptedCloud) -> None:
    sent = len(cloud.bodies)
    told = node.call("POST", "/api/explain", user(f"Write to {NAME}.", model="cloud/echo"))
    assert (told["decision"], told["offer"], told["sanitize"]) == ("route", "cloud/echo", True)
    assert "[PERSON_1]" in json.dumps(told["would_send"])
    assert NAME not in json.dumps(told)
    assert len(cloud.bodies) == sent


def test_nothing_of_what_was_said_is_in_logs_database_or_metrics(node: RunningNode) -> None:
    """Of prompts, of answers, and of requests that nobody may answer."""
    canaries = made_up(random.Random(SEED))
    models = ("cloud/echo", "auto", "cloud/cut-after", "cloud/refuse")  # each of them for each form of canary
    statuses = Counter(
        send(node, user(canary, model=models[number // 4 % 4]), number % 2) for number, canary in enumerate(canaries)
    )
    assert {200, 400, 403, 502} <= statuses.keys()
    with node.client() as client:
        client.post("/v1/chat/completions", json={"model": "auto", "messages": canaries[0]})
        client.post("/v1/chat/completions", content=canaries[0].encode(), headers={"content-type": "application/json"})
        client.get(f"/{canaries[0]}", headers={"x-islandrun-policy": canaries[0]})
    with node.client("owner") as owner:
        kept = [owner.get(path).content for path in ("/metrics", "/api/ledger", "/api/status", "/api/islands")]
    files = [path for path in node.home.state.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    kept += [path.read_bytes() for path in (*files, node.home.log)]
    assert list(found_in(canaries, kept)) == []


def send(node: RunningNode, body: dict[str, Any], stream: int) -> int:
    """The status. An answer that is cut raises in a client that streams."""
    try:
        return node.chat(body | {"stream": bool(stream)}).status_code
    except httpx.RemoteProtocolError:
        return 502


def made_up(chance: random.Random) -> list[str]:
    """Sentences, each with a secret or a name that occurs nowhere else."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

    def word(count: int) -> str:
        return "".join(chance.choices(letters, k=count))

    forms = (
        lambda: f"Write a note to Maria {word(9).capitalize()} of the bakery.",
        lambda: f"My key is sk-proj-{word(40)}",
        lambda: f"Mail {word(10).lower()}@example.org today.",
        lambda: f"The password is {word(16)}",
    )
    return [forms[number % len(forms)]() for number in range(CANARIES)]


def found_in(canaries: Sequence[str], kept: Sequence[bytes]) -> Iterator[str]:
    """The parts of the canaries that can be found."""
    for canary in canaries:
        secret = max(canary.rstrip(".").replace("@", " ").split(), key=len)
        assert len(secret) >= 9
        if any(secret.encode() in data or secret.encode().hex().encode() in data for data in kept):
            yield secret


def reasons(error: dict[str, Any], offer: str) -> set[str]:
    assert error["code"] == "no_eligible_island"
    return {reason["code"] for one in error["islandrun"] if one["offer"] == offer for reason in one["reasons"]}


def spent(node: RunningNode) -> int:
    return nano(node.call("GET", "/api/status")["spent_today_usd"])


def nano(usd: str) -> int:
    """Nano-USD of a decimal text."""
    whole, _, fraction = usd.partition(".")
    return int(whole) * NANO_USD + int(fraction.ljust(9, "0"))
