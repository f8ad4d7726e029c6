"""Which models a server on this machine runs itself, judged from what it says of them. Pure.

LOOPBACK is only what every piece of evidence shows; anything missing, new or odd makes a model REMOTE, which counts
as a cloud until the owner names it. Sources: Ollama docs/api.md; llama.cpp tools/server/README.md, "GET /props"; LM
Studio docs, "REST API v0"; vLLM, `vllm/entrypoints/openai/protocol.py`, ModelCard.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.ports import Origin

CONTEXT_TOKENS_UNKNOWN = 4096  # Ollama's default, and the least that servers are started with
CONTEXT_TOKENS_MAX = 1 << 24
LOCAL_BYTES_MIN = 1_000_000  # the file of a forwarded Ollama model has some hundred bytes
SLOTS_MAX = 256
MODELS_MAX = 256
NAME_CHARACTERS_MAX = 256

# Programs that listen here and compute elsewhere. Not knowing the program proves nothing either way.
_FORWARDERS = frozenset(
    {
        "autossh", "caddy", "cloudflared", "docker-proxy", "envoy", "frpc", "haproxy", "kubectl", "litellm", "ncat",
        "nginx", "ngrok", "rootlessport", "slirp4netns", "socat", "ssh", "sshd", "stunnel", "tailscaled", "traefik",
        "wslrelay.exe",
    }
)  # fmt: skip
_CLOUD_TAGS = (":cloud", "-cloud")
_LM_STUDIO_MEMBERS = frozenset(
    {
        "id", "object", "type", "publisher", "arch", "compatibility_type", "quantization", "state",
        "max_context_length", "loaded_context_length", "capabilities",
    }
)  # fmt: skip
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE | re.ASCII)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model of a server, of chats or of embeddings."""

    name: str
    origin: Origin
    context_tokens: int = CONTEXT_TOKENS_UNKNOWN
    slots: int = 1
    tools: bool = True  # False: the server says that it takes no tool definitions
    embeds: bool = False  # the server says that it gives vectors, and answers to nothing


def is_forwarder(program: str | None) -> bool:
    """Whether the program that listens on the port is known to pass on what it gets."""
    return program is not None and program.lower() in _FORWARDERS


def from_ollama(tag: object, show: object) -> LocalModel | None:
    """One entry of /api/tags, and /api/show of it. None for what neither chats nor embeds."""
    tag, show = _object(tag), _object(show)
    name = _name(tag.get("name"))
    capabilities = show.get("capabilities")
    told = capabilities if isinstance(capabilities, list) else ["completion"]
    embeds = "completion" not in told
    if name is None or (embeds and "embedding" not in told):
        return None
    info = _object(show.get("model_info"))
    architecture = info.get("general.architecture")
    proven = (
        not name.lower().endswith(_CLOUD_TAGS)
        and not any(key.startswith("remote") for key in (*tag, *show))
        and _count(tag.get("size"), 1 << 50) >= LOCAL_BYTES_MIN
        and bool(_object(tag.get("details")).get("format"))
        and isinstance(architecture, str)
    )
    if not proven:
        return LocalModel(name, Origin.REMOTE, embeds=embeds)
    longest = _count(info.get(f"{architecture}.context_length"), CONTEXT_TOKENS_MAX) or CONTEXT_TOKENS_UNKNOWN
    asked = _NUM_CTX.search(show["parameters"]) if isinstance(show.get("parameters"), str) else None
    context = min(longest, int(asked[1]) if asked else CONTEXT_TOKENS_UNKNOWN)  # it cuts longer prompts in silence
    tools = isinstance(capabilities, list) and "tools" in capabilities
    return LocalModel(name, Origin.LOOPBACK, max(context, 1), tools=tools, embeds=embeds)


def from_llama_server(props: object, models: object) -> tuple[LocalModel, ...]:
    """/props and /v1/models of llama.cpp's server. Empty: it is something else, or a router that runs nothing."""
    props = _object(props)
    settings = _object(props.get("default_generation_settings"))
    context, slots = _count(settings.get("n_ctx"), CONTEXT_TOKENS_MAX), _count(props.get("total_slots"), SLOTS_MAX)
    path = props.get("model_path")
    entries = _entries(models)
    shown = isinstance(path, str) and path and context and slots and isinstance(props.get("build_info"), str)
    if not shown or "role" in props or len(entries) != 1 or entries[0].get("owned_by") != "llamacpp":
        return ()
    name = _name(entries[0].get("id"))
    return () if name is None else (LocalModel(name, Origin.LOOPBACK, context, slots),)


def from_lm_studio(models: object) -> tuple[LocalModel, ...]:
    """/api/v0/models. Only what is loaded is served: the rest would first be loaded, for minutes."""
    found = []
    for entry in _entries(models):
        name = _name(entry.get("id"))
        if name is None or entry.get("type") not in ("llm", "vlm", "embeddings") or entry.get("state") != "loaded":
            continue
        proven = (
            set(entry) <= _LM_STUDIO_MEMBERS  # a member that is new may well say on which device it runs
            and entry.get("compatibility_type") in ("gguf", "mlx")
            and all(isinstance(entry.get(key), str) and entry[key] for key in ("arch", "quantization", "publisher"))
        )
        longest = _count(entry.get("max_context_length"), CONTEXT_TOKENS_MAX) or CONTEXT_TOKENS_UNKNOWN
        context = _count(entry.get("loaded_context_length"), CONTEXT_TOKENS_MAX) or CONTEXT_TOKENS_UNKNOWN
        capabilities = entry.get("capabilities")
        tools = isinstance(capabilities, list) and "tool_use" in capabilities
        origin = Origin.LOOPBACK if proven else Origin.REMOTE
        embeds = entry["type"] == "embeddings"
        found.append(LocalModel(name, origin, min(context, longest), tools=tools, embeds=embeds))
    return tuple(found)


def from_vllm(version: object, models: object) -> tuple[LocalModel, ...]:
    """/version and /v1/models. Empty: it is something else."""
    if not isinstance(_object(version).get("version"), str):
        return ()
    found = []
    for entry in _entries(models):
        name, context = _name(entry.get("id")), _count(entry.get("max_model_len"), CONTEXT_TOKENS_MAX)
        if name is None or entry.get("owned_by") != "vllm":
            return ()
        proven = context > 0 and isinstance(entry.get("root"), str) and bool(entry["root"])
        origin = Origin.LOOPBACK if proven else Origin.REMOTE
        found.append(LocalModel(name, origin, context or CONTEXT_TOKENS_UNKNOWN))
    return tuple(found)


def from_unknown(models: object) -> tuple[LocalModel, ...]:
    """/v1/models of a server that did not show what it is."""
    names = [_name(entry.get("id")) for entry in _entries(models)]
    return tuple(LocalModel(name, Origin.REMOTE) for name in names if name is not None)


def _entries(models: object) -> list[Json]:
    listed = _object(models).get("data")
    return [entry for entry in listed[:MODELS_MAX] if isinstance(entry, dict)] if isinstance(listed, list) else []


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= NAME_CHARACTERS_MAX and value.isprintable() else None


def _count(value: object, most: int) -> int:
    """A whole number from 1 to `most`; 0 for anything else."""
    return value if type(value) is int and 0 < value <= most else 0
