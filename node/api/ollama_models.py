"""What Ollama's clients ask before they ask anything: GET /api/tags and /api/version, POST /api/show."""

from datetime import UTC, datetime
from typing import Any

from node.api.exchange import Exchange
from node.api.ports import Management, ModelEntry
from protocol.errors import RefusedError, RequestError

API_VERSION = "0.12.0"  # of the Ollama whose documentation these paths follow; clients refuse those that are older
LATEST = ":latest"  # what a name without a tag means

Members = dict[str, Any]


class OllamaModels:
    """The names of models here, and what is known of each. Sizes and digests are of files, and an offer has none."""

    def __init__(self, management: Management) -> None:
        self._management = management

    async def version(self, exchange: Exchange) -> None:
        exchange.query()
        await exchange.json({"version": API_VERSION})

    async def tags(self, exchange: Exchange) -> None:
        exchange.query()
        await exchange.json({"models": [_tag(entry) for entry in await self._management.models()]})

    async def show(self, exchange: Exchange) -> None:
        body = await exchange.json_object("model", "name", "verbose", "system", "template", "options")
        model = body.get("model") or body.get("name")
        if not isinstance(model, str):
            raise RequestError("model", "expected the name of a model")
        entry = await self.check(await self.named(model))
        await exchange.json(_shown(entry))

    async def named(self, model: str) -> str:
        """The name that this node has for what a client calls `model` in Ollama's way; the same where it has none."""
        bare = model.removesuffix(LATEST)
        if bare == "auto":
            return bare
        if model.startswith("auto@") or ":" in bare:
            return model
        names = {entry.id for entry in await self._management.models()}
        return next((name for name in (model, bare, bare + LATEST) if name in names), model)

    async def check(self, model: str) -> ModelEntry:
        """Raises RefusedError (404)."""
        for entry in await self._management.models():
            if entry.id == model:
                return entry
        raise RefusedError("model_not_found", "no island offers this model now", reachable=True, status=404)


def _tag(entry: ModelEntry) -> Members:
    modified = datetime.fromtimestamp(entry.created_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    names = {"name": entry.id, "model": entry.id}
    return names | {"modified_at": modified, "size": 0, "digest": "", "details": _details()}


def _shown(entry: ModelEntry) -> Members:
    info: Members = {"general.architecture": "islandrun"}
    if entry.context_tokens:
        info["islandrun.context_length"] = entry.context_tokens
    return {
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": _details(),
        "model_info": info,
        "capabilities": ["embedding"] if entry.embeds else ["completion", *(["tools"] if entry.tools else [])],
    }


def _details() -> Members:
    texts = dict.fromkeys(("parent_model", "format", "family", "parameter_size", "quantization_level"), "")
    return {**texts, "families": []}
