"""The real `openai` client against a running node: models, chats, streams, and each error in its own class."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import openai
import pytest

from tests.integration.running_node import NO_MODEL, Home, RunningNode, running, user
from tests.integration.scripted_cloud import KEY, ScriptedCloud, scripted_cloud
from tests.integration.whole_nodes import wait_until

pytestmark = pytest.mark.model

SECRET = "sk-proj-Zt4Kq9vWm2Xc7Rb1Ny8Hd5Lf3Gj6Ps0A"
LOCAL = "smollm2-135m"
BODY_BYTES_MAX = 8 * 1024 * 1024
WEATHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def cloud() -> Iterator[ScriptedCloud]:
    with scripted_cloud() as one:
        yield one


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, cloud: ScriptedCloud) -> Iterator[RunningNode]:
    home = Home.make(tmp_path_factory.mktemp("client") / "solo", cloud.provider(), key=KEY)
    with running(home) as one:
        wait_until("the model is loaded", lambda: LOCAL in one.call("GET", "/api/status")["models"])
        yield one


@pytest.fixture
def client(node: RunningNode) -> Iterator[openai.OpenAI]:
    with node.openai() as one:
        yield one


def messages(content: str) -> Any:
    return [{"role": "user", "content": content}]


def test_models_are_listed_with_auto_and_the_island_of_each(client: openai.OpenAI) -> None:
    listed = {model.id: model.owned_by for model in client.models.list()}
    assert {"auto", LOCAL, f"solo/{LOCAL}", "echo", "cloud/echo"} <= set(listed)
    assert listed[f"solo/{LOCAL}"] == "solo"
    assert client.models.retrieve(f"solo/{LOCAL}").owned_by == "solo"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-99")


@pytest.mark.parametrize("model", ["auto", LOCAL, f"solo/{LOCAL}"])
def test_a_chat_is_answered_by_the_embedded_model(client: openai.OpenAI, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=messages("Say hello."), max_tokens=8, temperature=0
    )
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 8
    assert (raw.headers["x-islandrun-island"], raw.headers["x-islandrun-tier"]) == ("solo", "personal")
    assert (raw.headers["x-islandrun-sanitized"], raw.headers["x-islandrun-cost"]) == ("false", "0")


def test_a_streamed_chat_says_the_same_as_a_whole_one_and_ends_with_usage(client: openai.OpenAI) -> None:
    asked: Any = {"model": LOCAL, "messages": messages("Say hello."), "max_tokens": 8, "temperature": 0, "seed": 1}
    whole = client.chat.completions.create(**asked)
    *pieces, last = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == whole.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == whole.choices[0].finish_reason
    assert last.choices == []
    assert last.usage.completion_tokens == whole.usage.completion_tokens


def test_a_request_without_any_output_limit_is_answered(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=LOCAL, messages=messages("Say hello."), temperature=0)
    assert answer.choices[0].message.content


def test_a_prompt_of_the_old_completions_is_answered(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=LOCAL, prompt="Say hello.", max_tokens=4)
    assert answer.choices[0].text


def test_a_stop_ends_the_answer_before_it(client: openai.OpenAI) -> None:
    asked: Any = {"model": LOCAL, "messages": messages("Say hello."), "max_tokens": 12, "temperature": 0}
    first_word = str(client.chat.completions.create(**asked).choices[0].message.content).split()[1]
    stopped = client.chat.completions.create(**asked, stop=[first_word])
    assert first_word not in str(stopped.choices[0].message.content)
    assert stopped.choices[0].finish_reason == "stop"


def test_several_answers_at_once_are_refused_by_name_where_no_offer_gives_them(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=LOCAL, messages=messages("Say hello."), max_tokens=4, n=2)
    assert "unsupported_n" in caught.value.message


def test_an_image_is_refused_where_the_model_reads_text_alone(client: openai.OpenAI) -> None:
    image: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=LOCAL, messages=[{"role": "user", "content": [image]}], max_tokens=4)
    assert "unsupported_content" in caught.value.message


def test_a_prompt_over_the_context_is_refused_with_the_reason(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model=LOCAL, messages=messages("word and sea " * 3000), max_tokens=4)
    assert "context_too_small" in codes(caught.value)


def test_tools_may_be_offered_but_not_forced_on_the_embedded_model(client: openai.OpenAI) -> None:
    asked: Any = {"model": LOCAL, "messages": messages("Say hello."), "tools": [WEATHER], "max_tokens": 4}
    assert client.chat.completions.create(**asked).choices[0].message
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**asked, tool_choice="required")
    assert "unsupported_tool_choice" in caught.value.message


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-99", messages=messages("Hi."))
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "owner", "content": "Hi."}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_bad_body_names_the_member_at_fault(client: openai.OpenAI, members: Any, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{"model": "auto", "messages": messages("Hi."), **members})
    assert caught.value.param == param


def test_what_is_no_json_is_a_bad_request_in_openais_shape(node: RunningNode) -> None:
    with node.client() as http:
        response = http.post("/v1/chat/completions", content=b"{", headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_body_over_the_limit_is_refused_with_413(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="auto", messages=messages("a" * BODY_BYTES_MAX))
    assert caught.value.status_code == 413


def test_a_wrong_key_is_an_authentication_error(node: RunningNode) -> None:
    with node.openai(key="wrong") as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.chat.completions.create(model="auto", messages=messages("Hi."))
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()


def test_an_inference_key_does_not_manage(node: RunningNode) -> None:
    with node.client("inference") as http:
        assert http.get("/api/status").status_code in (401, 403)


def test_a_secret_for_the_cloud_alone_is_refused_with_the_reason_of_each_offer(
    client: openai.OpenAI, cloud: ScriptedCloud
) -> None:
    sent = len(cloud.bodies)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(model="cloud/echo", messages=messages(f"My key is {SECRET}. What is it?"))
    assert caught.value.code == "no_eligible_island"
    body: Any = caught.value.body
    offers = {offer["offer"]: offer["tier"] for offer in body["islandrun"]}
    assert offers["cloud/echo"] == "cloud"
    assert f"solo/{LOCAL}" in offers
    assert "clearance_below_sensitivity" in codes(caught.value)
    assert caught.value.response.headers["x-islandrun-decision"]
    assert SECRET not in caught.value.response.text
    assert len(cloud.bodies) == sent


def test_a_request_may_tighten_the_tier_and_never_loosen_it(client: openai.OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(
            model="cloud/echo", messages=messages("Hi."), extra_headers={"x-islandrun-max-tier": "personal"}
        )
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="auto", messages=messages("Hi."), extra_headers={"x-islandrun-max-tier": "everything"}
        )
    assert caught.value.param == "x-islandrun-max-tier"


def test_with_no_model_anywhere_the_error_says_what_to_install_or_start(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with ExitStack() as stack:
        node = stack.enter_context(running(Home.make(tmp_path_factory.mktemp("bare") / "solo", NO_MODEL)))
        client = stack.enter_context(node.openai())
        assert [model.id for model in client.models.list()] == ["auto"]
        with pytest.raises(openai.InternalServerError) as caught:
            client.chat.completions.create(model="auto", messages=messages("Hi."))
        assert caught.value.status_code == 503
        assert caught.value.code == "no_eligible_island"
        for advice in ("Ollama", "[embedded]", "islandrun pair"):
            assert advice in caught.value.message
        refused = node.chat(user("Hi.", stream=True))
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/json")


def codes(error: openai.APIStatusError) -> set[str]:
    body: Any = error.body
    return {reason["code"] for offer in body["islandrun"] for reason in offer["reasons"]}


def test_a_page_of_another_site_gets_nothing(node: RunningNode) -> None:
    with node.client() as http:
        foreign = http.get("/v1/models", headers={"origin": "https://example.org"})
        rebound = http.get("/v1/models", headers={"host": "example.org"})
    assert isinstance(foreign, httpx.Response)
    assert foreign.status_code == 403
    assert rebound.status_code in (400, 403, 421)
