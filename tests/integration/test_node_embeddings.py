"""The real `openai` client asks a running node for vectors: of a model in its worker, and of a provider's."""

import json
import math
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from node.link import BlockingLink
from node.workers.llama import packaged_model
from tests.integration.running_node import Home, RunningNode, running
from tests.integration.scripted_cloud import KEY, ScriptedCloud, scripted_cloud
from tests.integration.whole_nodes import wait_until

pytestmark = pytest.mark.model

# The chat model that is here, read as one of vectors: it shows that everything works, not that the vectors are good.
LOCAL = packaged_model().stem
WORKER = (
    f'[embedded]\nenabled = false\n[embedding]\nmodel = "{packaged_model()}"\npooling = "last"\ncontext_tokens = 256\n'
)
CLOUD_MODEL = '[[providers.models]]\nname = "vectors"\nembeds = true\ninput_usd = "0"\n'
NAMED = "Maria Lindqvist moved to Turku last spring."
CAT, PET, RATE = "Our cat sleeps on the sofa.", "The pet dozes on the couch.", "Interest rates went up again."


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, cloud: ScriptedCloud) -> Iterator[RunningNode]:
    home = Home.make(tmp_path_factory.mktemp("vectors") / "solo", WORKER + cloud.provider() + CLOUD_MODEL, key=KEY)
    with running(home) as one:
        wait_until("the model is loaded", lambda: LOCAL in one.call("GET", "/api/status")["models"])
        wait_until("names are read", lambda: one.call("GET", "/api/status")["names_ready"])
        yield one


@pytest.fixture
def client(node: RunningNode) -> Iterator[openai.OpenAI]:
    with node.openai() as one:
        yield one


def test_the_owners_model_gives_vectors_that_are_nearer_where_the_meaning_is(client: openai.OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model=f"solo/{LOCAL}", input=[CAT, PET, RATE])
    answer = raw.parse()
    cat, pet, rate = (item.embedding for item in answer.data)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert len({len(vector) for vector in (cat, pet, rate)}) == 1
    assert cosine(cat, pet) > cosine(cat, rate)
    assert answer.model == LOCAL
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 10
    assert (raw.headers["x-islandrun-island"], raw.headers["x-islandrun-tier"]) == ("solo", "personal")
    assert raw.headers["x-islandrun-sanitized"] == "false"


def test_numbers_and_base64_are_one_vector_and_a_text_alone_is_a_list_of_one(client: openai.OpenAI) -> None:
    asked: Any = {"model": LOCAL, "input": CAT}
    (plain,) = client.embeddings.create(**asked, encoding_format="float").data
    (packed,) = client.embeddings.create(**asked).data  # the client asks for base64 by itself
    assert plain.embedding == pytest.approx(packed.embedding, abs=1e-6)


def test_what_is_private_is_embedded_at_home_and_never_sent_away_sanitised(
    client: openai.OpenAI, cloud: ScriptedCloud
) -> None:
    sent = len(cloud.bodies)
    assert client.embeddings.create(model="auto", input=NAMED).model == LOCAL
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.embeddings.create(model="cloud/vectors", input=[CAT, NAMED])
    body: Any = caught.value.body
    reasons = {one["offer"]: {reason["code"] for reason in one["reasons"]} for one in body["islandrun"]}
    assert caught.value.code == "no_eligible_island"
    assert "clearance_below_sensitivity" in reasons["cloud/vectors"]
    assert "no_embeddings" in reasons["cloud/echo"]
    assert len(cloud.bodies) == sent


def test_what_is_public_may_be_embedded_by_a_provider_in_batches(
    client: openai.OpenAI, node: RunningNode, cloud: ScriptedCloud
) -> None:
    sent = len(cloud.bodies)
    texts = [f"What is the number {number} in Roman numerals?" for number in range(70)]
    raw = client.embeddings.with_raw_response.create(model="cloud/vectors", input=texts)
    assert [item.embedding[0] for item in raw.parse().data] == [len(text) for text in texts]
    asked = [json.loads(body) for body in cloud.bodies[sent:]]
    assert [text for body in asked for text in body["input"]] == texts
    assert {body["model"] for body in asked} == {"vectors"}
    entry = node.call("GET", f"/api/ledger/{raw.headers['x-islandrun-decision']}")
    assert (entry["offer"], entry["tier"], entry["sanitized"]) == ("cloud/vectors", "cloud", False)


def test_dimensions_that_a_model_does_not_give_are_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=LOCAL, input=CAT, dimensions=7)
    assert caught.value.param == "dimensions"


def test_tokens_are_refused_by_name_and_a_long_text_with_the_reason(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model=LOCAL, input=[1, 2, 3])
    assert caught.value.param == "input"
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.embeddings.create(model=LOCAL, input="word and sea " * 300)
    assert "context_too_small" in refused.value.response.text


def test_an_embedding_model_answers_no_chat_and_a_chat_model_gives_no_vectors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model=LOCAL, messages=[{"role": "user", "content": "Hi."}])
    assert "embeds_only" in caught.value.response.text
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.embeddings.create(model="cloud/echo", input=CAT)
    assert "no_embeddings" in refused.value.response.text


def test_a_file_that_gives_no_vectors_is_not_loaded_and_the_log_says_what_is_missing() -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    with ours, theirs:
        model = ["--model", str(packaged_model()), "--context", "64"]
        command = [sys.executable, "-m", "node.workers.embedding", str(theirs.fileno()), *model]
        worker = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        told = BlockingLink(ours).receive()
        assert worker.wait(20) == 0
    assert told.kind == "unusable"
    assert "pooling" in told.text("why")


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))
