"""What counts as running here. Each near miss breaks one piece of evidence of a server that does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.backends.local_models import (
    LocalModel,
    from_llama_server,
    from_lm_studio,
    from_ollama,
    from_unknown,
    from_vllm,
    is_forwarder,
)
from node.ports import Origin

TAG = {
    "name": "llama3.2:latest", "model": "llama3.2:latest", "size": 2_019_393_189, "digest": "a8",
    "details": {"format": "gguf", "family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"},
}  # fmt: skip
SHOW = {
    "parameters": 'stop "x"\nnum_ctx    8192',
    "details": {"format": "gguf"},
    "model_info": {"general.architecture": "llama", "llama.context_length": 131072},
    "capabilities": ["completion", "tools"],
}
CLOUD_TAG = {
    "name": "gpt-oss:120b-cloud", "model": "gpt-oss:120b-cloud", "size": 384, "remote_model": "gpt-oss:120b",
    "remote_host": "https://ollama.com:443", "details": {"format": "", "family": "gptoss"},
}  # fmt: skip


def test_ollama_model_with_its_file_here_is_loopback() -> None:
    assert from_ollama(TAG, SHOW) == LocalModel("llama3.2:latest", Origin.LOOPBACK, 8192)


@pytest.mark.parametrize(
    ("show", "context"),
    [
        ({**SHOW, "parameters": ""}, 4096),
        ({**SHOW, "parameters": "num_ctx 999999999"}, 131072),
        ({**SHOW, "parameters": "num_ctx 0"}, 1),
        (
            {**SHOW, "parameters": "", "model_info": {"general.architecture": "llama", "llama.context_length": 2048}},
            2048,
        ),
    ],
)
def test_ollama_context_is_what_it_keeps_and_not_what_the_model_could(show: dict[str, Any], context: int) -> None:
    model = from_ollama(TAG, show)
    assert model is not None and model.context_tokens == context


@pytest.mark.parametrize(
    ("tag", "show"),
    [
        (CLOUD_TAG, SHOW),
        ({**TAG, "name": "llama3.2:cloud"}, SHOW),
        ({**TAG, "name": "llama3.2:70b-CLOUD"}, SHOW),
        ({**TAG, "remote_host": "https://ollama.com:443"}, SHOW),
        ({**TAG, "remote_model": ""}, SHOW),
        (TAG, {**SHOW, "remote_host": "http://10.0.0.9"}),
        (TAG, {**SHOW, "remote_model": "x"}),
        ({**TAG, "size": 384}, SHOW),
        ({**TAG, "size": "2019393189"}, SHOW),
        ({**TAG, "size": True}, SHOW),
        ({**TAG, "details": {"format": ""}}, SHOW),
        ({**TAG, "details": None}, SHOW),
        (TAG, {**SHOW, "model_info": {}}),
        (TAG, {**SHOW, "model_info": None}),
        (TAG, {}),
        (TAG, None),
        (TAG, []),
    ],
)
def test_ollama_model_that_is_forwarded_or_not_shown_to_be_here_is_remote(tag: Any, show: Any) -> None:
    model = from_ollama(tag, show)
    assert model is not None and model.origin is Origin.REMOTE


@pytest.mark.parametrize("tag", [{}, None, {"name": ""}, {"name": 5}, {"name": "a\nb"}, {"name": "x" * 257}])
def test_ollama_entry_without_a_usable_name_is_none(tag: Any) -> None:
    assert from_ollama(tag, SHOW) is None


def test_local_model_takes_tools_where_its_server_says_so() -> None:
    without = from_ollama(TAG, {**SHOW, "capabilities": ["completion"]})
    assert without is not None and not without.tools
    assert from_lm_studio({"data": [LM]})[0].tools
    assert not from_lm_studio({"data": [{**LM, "capabilities": []}]})[0].tools


def test_ollama_embedding_model_gives_vectors_and_no_answers() -> None:
    model = from_ollama(TAG, {**SHOW, "capabilities": ["embedding"]})
    assert model == LocalModel("llama3.2:latest", Origin.LOOPBACK, 8192, tools=False, embeds=True)
    both = from_ollama(TAG, {**SHOW, "capabilities": ["completion", "embedding"]})
    assert both is not None
    assert not both.embeds


@pytest.mark.parametrize("capabilities", [[], ["insert"], ["image"]])
def test_ollama_model_that_neither_chats_nor_embeds_is_none(capabilities: list[str]) -> None:
    assert from_ollama(TAG, {**SHOW, "capabilities": capabilities}) is None


PROPS = {
    "default_generation_settings": {"n_ctx": 8192, "params": {}},
    "total_slots": 4,
    "model_path": "/models/llama.gguf",
    "chat_template": "…",
    "build_info": "b5002-2c3f8b85",
}
LLAMA_MODELS = {"object": "list", "data": [{"id": "llama.gguf", "object": "model", "owned_by": "llamacpp", "meta": {}}]}


def test_llama_server_with_its_file_here_is_loopback() -> None:
    assert from_llama_server(PROPS, LLAMA_MODELS) == (LocalModel("llama.gguf", Origin.LOOPBACK, 8192, 4),)


@pytest.mark.parametrize(
    ("props", "models"),
    [
        ({**PROPS, "model_path": ""}, LLAMA_MODELS),
        ({**PROPS, "model_path": None}, LLAMA_MODELS),
        ({**PROPS, "total_slots": 0}, LLAMA_MODELS),
        ({**PROPS, "default_generation_settings": {}}, LLAMA_MODELS),
        ({**PROPS, "role": "router"}, LLAMA_MODELS),
        ({k: v for k, v in PROPS.items() if k != "build_info"}, LLAMA_MODELS),
        (PROPS, {"data": [{"id": "gpt-5", "owned_by": "openai"}]}),
        (PROPS, {"data": [*LLAMA_MODELS["data"], {"id": "other", "owned_by": "llamacpp"}]}),
        (PROPS, {"data": []}),
        (PROPS, None),
        (None, LLAMA_MODELS),
    ],
)
def test_what_is_not_shown_to_be_a_llama_server_is_not_taken_for_one(props: Any, models: Any) -> None:
    assert from_llama_server(props, models) == ()


LM = {
    "id": "qwen2-7b", "object": "model", "type": "llm", "publisher": "lmstudio-community", "arch": "qwen2",
    "compatibility_type": "gguf", "quantization": "Q4_K_M", "state": "loaded", "max_context_length": 32768,
    "loaded_context_length": 8192, "capabilities": ["tool_use"],
}  # fmt: skip


def test_lm_studio_model_that_is_loaded_is_loopback() -> None:
    assert from_lm_studio({"data": [LM]}) == (LocalModel("qwen2-7b", Origin.LOOPBACK, 8192),)
    without = {key: value for key, value in LM.items() if key != "loaded_context_length"}
    assert from_lm_studio({"data": [without]})[0].context_tokens == 4096


@pytest.mark.parametrize(
    "members",
    [
        {"device": "studio-in-the-office"}, {"remote": True}, {"compatibility_type": "api"}, {"arch": ""},
        {"quantization": None}, {"publisher": 5},
    ],
)  # fmt: skip
def test_lm_studio_model_that_may_run_elsewhere_is_remote(members: dict[str, Any]) -> None:
    assert from_lm_studio({"data": [{**LM, **members}]})[0].origin is Origin.REMOTE


def test_lm_studio_says_which_model_embeds() -> None:
    assert [model.embeds for model in from_lm_studio({"data": [LM, {**LM, "type": "embeddings"}]})] == [False, True]


@pytest.mark.parametrize("members", [{"state": "not-loaded"}, {"type": "tts"}, {"id": None}])
def test_lm_studio_model_that_can_do_nothing_now_is_not_offered(members: dict[str, Any]) -> None:
    assert from_lm_studio({"data": [{**LM, **members}]}) == ()


VLLM = {"id": "meta/Llama-3-8B", "owned_by": "vllm", "root": "meta/Llama-3-8B", "parent": None, "max_model_len": 8192}


def test_vllm_model_is_loopback() -> None:
    assert from_vllm({"version": "0.9.1"}, {"data": [VLLM]}) == (LocalModel("meta/Llama-3-8B", Origin.LOOPBACK, 8192),)


@pytest.mark.parametrize("members", [{"root": None}, {"root": ""}, {"max_model_len": None}, {"max_model_len": "8192"}])
def test_vllm_model_without_its_root_or_length_is_remote(members: dict[str, Any]) -> None:
    assert from_vllm({"version": "0.9.1"}, {"data": [{**VLLM, **members}]})[0].origin is Origin.REMOTE


@pytest.mark.parametrize(
    ("version", "models"),
    [
        (None, {"data": [VLLM]}),
        ({"version": 1}, {"data": [VLLM]}),
        ({"version": "1.60"}, {"data": [VLLM, {"id": "gpt-5", "owned_by": "openai"}]}),
        ({"version": "1.60"}, {"data": []}),
    ],
)
def test_forwarder_that_serves_others_models_is_not_taken_for_vllm(version: Any, models: Any) -> None:
    assert from_vllm(version, models) == ()


def test_server_that_shows_nothing_of_itself_is_remote() -> None:
    assert from_unknown({"data": [{"id": "gpt-5"}, {"id": ""}, 5]}) == (LocalModel("gpt-5", Origin.REMOTE),)


@pytest.mark.parametrize(
    ("program", "forwards"), [("ssh", True), ("docker-proxy", True), ("SSH", True), ("ollama", False), (None, False)]
)
def test_tunnels_are_known_by_the_program_that_listens(program: str | None, forwards: bool) -> None:
    assert is_forwarder(program) is forwards


names = st.sampled_from(
    ["data", "id", "name", "size", "details", "format", "owned_by", "root", "version", "type", "state", "model_info",
     "total_slots", "default_generation_settings", "n_ctx", "parameters"]
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["loaded", "llm", "vllm"])
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=10
)


@settings(max_examples=200, deadline=None)
@given(json_values, json_values)
def test_nothing_that_a_server_says_raises_and_nonsense_is_never_loopback(one: Any, two: Any) -> None:
    models = (
        *from_llama_server(one, two), *from_lm_studio(one), *from_vllm(one, two), *from_unknown(one),
        *filter(None, [from_ollama(one, two)]),
    )  # fmt: skip
    assert all(model.origin is Origin.REMOTE for model in models)
