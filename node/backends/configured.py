"""The owner's [[backends]] and [[providers]] to Backends."""

from node.backends.anthropic_http import AnthropicHttp
from node.backends.discovery import ModelServer
from node.backends.http_backend import HttpBackend
from node.backends.http_client import Endpoint
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import BackendConfig, ProviderConfig, ProviderKind, Secret
from node.ports import BackendModel, Origin

PROVIDER_SLOTS = 16  # requests at once; the node runs no more either


def from_provider(config: ProviderConfig) -> HttpBackend:
    """A cloud. Raises ConfigError where URL or key cannot be used."""
    endpoint = Endpoint.parse(config.url, _text(config.key))
    models = [
        BackendModel(
            model.name,
            Origin.REMOTE,
            model.context_tokens,
            model.input_price,
            model.output_price,
            PROVIDER_SLOTS,
            model.quality,
            tools=not model.embeds,
            embeds=model.embeds,
            cached_input_price=model.cached_input_price,
        )
        for model in config.models
    ]
    if config.kind is ProviderKind.ANTHROPIC:
        return AnthropicHttp(config.name, endpoint, models)
    return OpenAIHttp(config.name, endpoint, models, limit=config.output_limit)


def from_backend(config: BackendConfig) -> ModelServer:
    """A model server that the owner names. It serves nothing before its first `refresh`. Raises ConfigError."""
    return ModelServer(config.name, Endpoint.parse(config.url, _text(config.key)), named=config)


def _text(key: Secret | None) -> str | None:
    return key.reveal() if key else None
