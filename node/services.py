"""This node's own backends: the embedded model, servers found on loopback, those that the owner names, providers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.agents.estimates import NO_CLAIM, Claim, Estimate
from node.backends.configured import from_backend, from_provider
from node.backends.discovery import LocalServers, ModelServer
from node.backends.http_backend import HttpBackend
from node.backends.llama_cpp import EmbeddedLlama
from node.backends.measured import Load
from node.configuration.values import BackendConfig, Config, ProviderConfig
from node.ports import Backend, BackendModel, Origin
from protocol.errors import RecordError
from protocol.records import ModelOffer, ModelOrigin
from protocol.terms import Tier


class OwnBackend(Backend, Protocol):
    """A backend of this node: it knows how busy it is and how quick it has been."""

    def load(self) -> Load: ...

    def measured(self, model: str) -> Estimate: ...


@dataclass(frozen=True, slots=True)
class OwnOffer:
    """One model of this node's own backends."""

    backend: OwnBackend
    model: BackendModel
    provider: str | None = None  # the provider's name, where the model is a cloud's
    configured: Tier | None = None  # what the owner's configuration says of it
    jurisdiction: str = ""
    claim: Claim = NO_CLAIM  # how quick the owner's configuration says that it is
    retention_days: int | None = None  # how long it keeps what it is sent; None: not known
    trains: bool | None = None

    @property
    def servable(self) -> bool:
        """A node never serves a peer from its cloud offers; vectors are asked for in no frame of an envelope."""
        return (
            not self.model.embeds and self.provider is None and self.model.origin in (Origin.EMBEDDED, Origin.LOOPBACK)
        )


class Services:
    """All of them, of one configuration. One a node; a new configuration takes the place of the old whole."""

    def __init__(
        self,
        embedded: EmbeddedLlama | None,
        local: LocalServers,
        config: Config,
        embedder: EmbeddedLlama | None = None,
    ) -> None:
        self._in_workers = tuple(one for one in (embedded, embedder) if one is not None)
        self._local = local
        self._named: tuple[tuple[ModelServer, BackendConfig], ...] = ()
        self._providers: tuple[tuple[HttpBackend, ProviderConfig], ...] = ()
        self.configure(config)

    def configure(self, config: Config) -> tuple[HttpBackend, ...]:
        """Takes a new configuration over; returns the backends that nobody uses from now on, to be closed.

        Raises ConfigError, and changes nothing then.
        """
        named = tuple((from_backend(one), one) for one in config.backends)
        providers = tuple((from_provider(one), one) for one in config.providers)
        old = (*(one for one, _ in self._named), *(one for one, _ in self._providers))
        self._named, self._providers = named, providers
        return old

    @property
    def provider_names(self) -> frozenset[str]:
        """Of every provider that the configuration names, whether it answers or not."""
        return frozenset(config.name for _, config in self._providers)

    async def refresh(self) -> None:
        """Looks again for servers on loopback, and at those that the owner names."""
        await self._local.refresh()
        for server, _ in self._named:
            await server.refresh()

    async def offers(self) -> Sequence[OwnOffer]:
        """The embedded model first, then what the owner names, then what is found here, then the clouds."""
        found = await self._near()
        for provider, config in self._providers:
            claims = {model.name: model.claim for model in config.models}
            found += [
                OwnOffer(
                    provider,
                    model,
                    provider=config.name,
                    jurisdiction=config.jurisdiction,
                    claim=claims.get(model.name, NO_CLAIM),
                    retention_days=config.retention_days,
                    trains=config.trains,
                )
                for model in await provider.models()
            ]
        return tuple(found)

    async def servable(self) -> Sequence[OwnOffer]:
        """What peers may be served, each model once, as far as a statement can name it."""
        first: dict[str, OwnOffer] = {}
        for own in await self._near():
            if own.servable and _can_be_stated(own.model):
                first.setdefault(own.model.name, own)
        return tuple(first.values())

    async def aclose(self) -> None:
        await self._local.aclose()
        for backend in (*(one for one, _ in self._named), *(one for one, _ in self._providers)):
            await backend.aclose()

    async def _near(self) -> list[OwnOffer]:
        """What the owner names comes before what is found: the same server may be both, and the owner's word holds."""
        found: list[OwnOffer] = []
        for worker in self._in_workers:
            found += [OwnOffer(worker, model) for model in await worker.models()]
        for server, config in self._named:
            found += [OwnOffer(server, model, configured=config.tier) for model in await server.models()]
        for server in self._local.backends:
            found += [OwnOffer(server, model) for model in await server.models()]
        return found


def _can_be_stated(model: BackendModel) -> bool:
    try:
        ModelOffer(model.name, model.context_tokens, model.slots, 0, 0, ModelOrigin(model.origin.value), model.tools)
    except RecordError:
        return False
    return True
