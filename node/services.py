"""This node's own backends: the embedded model, servers found on loopback, those that the owner names, providers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from node.backends.anthropic_http import AnthropicHttp
from node.backends.discovery import LocalServers
from node.backends.http_client import Endpoint
from node.backends.llama_cpp import EmbeddedLlama
from node.backends.measured import Load, Measured
from node.backends.openai_http import OpenAIHttp
from node.configuration.values import BackendConfig, Config, OutputLimit, ProviderConfig, ProviderKind, Secret
from node.ports import Backend, BackendModel, Origin
from protocol.terms import NanoUsd, Tier

CONTEXT_TOKENS_UNKNOWN = 4_096
PROVIDER_SLOTS = 64
REFRESH_S = 15.0
UNPAID = NanoUsd(0)


class OwnBackend(Backend, Protocol):
    """A backend of this node: it knows how busy it is and how quick it has been."""

    def load(self) -> Load: ...

    def measured(self, model: str) -> Measured: ...


@dataclass(frozen=True, slots=True)
class OwnOffer:
    """One model of this node's own backends."""

    backend: OwnBackend
    model: BackendModel
    provider: str | None = None  # the provider's name, where the model is a cloud's
    configured: Tier | None = None  # what the owner's configuration says of it
    jurisdiction: str = ""

    @property
    def servable(self) -> bool:
        """A node never serves a peer from its cloud offers."""
        return self.provider is None and self.model.origin in (Origin.EMBEDDED, Origin.LOOPBACK)


class Services:
    """All of them, of one configuration. One a node; a new configuration takes the place of the old whole."""

    def __init__(self, embedded: EmbeddedLlama | None, local: LocalServers, config: Config) -> None:
        self._embedded = embedded
        self._local = local
        self._configured: tuple[tuple[OpenAIHttp, BackendConfig], ...] = ()
        self._providers: tuple[tuple[OpenAIHttp | AnthropicHttp, ProviderConfig], ...] = ()
        self.configure(config)

    def configure(self, config: Config) -> tuple[OpenAIHttp | AnthropicHttp, ...]:
        """Takes a new configuration over; returns the backends that nobody uses from now on, to be closed."""
        old = (*(one for one, _ in self._configured), *(one for one, _ in self._providers))
        self._configured = tuple((_configured(one), one) for one in config.backends)
        self._providers = tuple((_provider(one), one) for one in config.providers)
        return old

    async def refresh(self) -> None:
        """Looks again for servers on loopback."""
        await self._local.refresh()

    async def offers(self) -> Sequence[OwnOffer]:
        """The embedded model first, then what is found here, then what the owner names, then the clouds."""
        found = await self._here()
        for backend, config in self._configured:
            found += [_named(OwnOffer(backend, model), config) for model in await backend.models()]
        for provider, named in self._providers:
            found += [
                OwnOffer(provider, model, provider=named.name, jurisdiction=named.jurisdiction)
                for model in await provider.models()
            ]
        return tuple(found)

    async def servable(self) -> Sequence[OwnOffer]:
        """What peers may be served, each model once."""
        first: dict[str, OwnOffer] = {}
        for own in await self._here():
            if own.servable:
                first.setdefault(own.model.name, own)
        return tuple(first.values())

    async def aclose(self) -> None:
        await self._local.aclose()
        for backend, _ in (*self._configured, *self._providers):
            await backend.aclose()

    async def _here(self) -> list[OwnOffer]:
        backends: list[OwnBackend] = [] if self._embedded is None else [self._embedded]
        backends += self._local.backends
        return [OwnOffer(backend, model) for backend in backends for model in await backend.models()]


def _named(own: OwnOffer, config: BackendConfig) -> OwnOffer:
    """A tier holds for the models that the configuration names, and for no other of that server."""
    if config.tier is None or own.model.name not in config.models:
        return own
    return replace(own, model=replace(own.model, origin=Origin.CONFIGURED), configured=config.tier)


def _configured(config: BackendConfig) -> OpenAIHttp:
    models = [
        BackendModel(
            name=name,
            origin=Origin.REMOTE,
            context_tokens=config.context_tokens or CONTEXT_TOKENS_UNKNOWN,
            input_price=UNPAID if config.tier is not None else None,
            output_price=UNPAID if config.tier is not None else None,
            slots=config.slots,
        )
        for name in config.models
    ]
    return OpenAIHttp(config.name, Endpoint.parse(config.url, _text(config.key)), models, limit=OutputLimit.MAX_TOKENS)


def _provider(config: ProviderConfig) -> OpenAIHttp | AnthropicHttp:
    models = [
        BackendModel(
            name=model.name,
            origin=Origin.REMOTE,
            context_tokens=model.context_tokens,
            input_price=model.input_price,
            output_price=model.output_price,
            slots=PROVIDER_SLOTS,
            quality=model.quality,
        )
        for model in config.models
    ]
    endpoint = Endpoint.parse(config.url, _text(config.key))
    if config.kind is ProviderKind.ANTHROPIC:
        return AnthropicHttp(config.name, endpoint, models)
    return OpenAIHttp(config.name, endpoint, models, limit=config.output_limit)


def _text(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
