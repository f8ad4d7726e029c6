"""What a configuration says, checked: frozen values that the rest of the node is handed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from node.agents.estimates import NO_CLAIM, Claim
from node.agents.policy import AtCap
from node.configuration.source import Source
from node.privacy.policy import PrivacyPolicy
from protocol.terms import NanoUsd, Tier


@dataclass(frozen=True, slots=True)
class Secret:
    """A key of a provider. Its text shows nowhere unless asked for."""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str  # an IP address, or localhost
    port: int  # 0: any free one

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ProviderKind(StrEnum):
    """Which dialect a provider speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class OutputLimit(StrEnum):
    """Under which name a provider takes the limit of the answer's length."""

    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    MAX_TOKENS = "max_tokens"
    MAX_OUTPUT_TOKENS = "max_output_tokens"


@dataclass(frozen=True, slots=True)
class EmbeddedConfig:
    """The model that comes with the node."""

    enabled: bool = True
    slots: int = 2
    context_tokens: int = 4096  # of each slot


class Pooling(StrEnum):
    """How an embedding model's vectors of all tokens become one."""

    MEAN = "mean"
    CLS = "cls"  # of the first token
    LAST = "last"


@dataclass(frozen=True, slots=True)
class EmbeddingConfig:
    """A model of the owner's that gives vectors, in a worker of this node."""

    model: Path  # a GGUF file
    pooling: Pooling | None = None  # None: as the file says
    context_tokens: int = 512  # of one text


@dataclass(frozen=True, slots=True)
class BackendConfig:
    """A model server that the owner names. Without a tier, what it serves counts as discovery finds it."""

    name: str
    url: str  # up to and including /v1, without a slash at its end
    tier: Tier | None = None  # holds for `models` alone
    models: tuple[str, ...] = ()  # empty: whatever it lists, none of it at a tier by name
    key: Secret | None = None
    context_tokens: int | None = None  # None: as it says, or the protocol's least
    slots: int = 1
    embeds: tuple[str, ...] = ()  # models of it that give vectors, where it does not say so


@dataclass(frozen=True, slots=True)
class ProviderModel:
    """One model of a provider. Prices: nano-USD per million tokens; None is unknown, and infeasible under any cap."""

    name: str
    input_price: NanoUsd | None
    output_price: NanoUsd | None
    cached_input_price: NanoUsd | None
    context_tokens: int
    quality: float | None = None  # 0 to 1; None: by its name
    embeds: bool = False  # gives vectors, and no answers
    claim: Claim = NO_CLAIM  # how quick it is said to be


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """A cloud that this node reaches with a key of its owner."""

    name: str
    kind: ProviderKind
    url: str
    key: Secret | None
    models: tuple[ProviderModel, ...]
    output_limit: OutputLimit
    jurisdiction: str = ""  # ISO 3166 code, "" where unknown
    retention_days: int | None = None  # how long it keeps what it is sent; None: not known
    trains: bool | None = None  # whether it trains on it; None: not known


@dataclass(frozen=True, slots=True)
class ProviderCapsConfig:
    """What the owner lets be spent at one provider; None: no cap."""

    day: NanoUsd | None = None
    month: NanoUsd | None = None


@dataclass(frozen=True, slots=True)
class CapsConfig:
    """What the owner lets be spent; None: no cap."""

    day: NanoUsd | None = None
    month: NanoUsd | None = None
    providers: Mapping[str, ProviderCapsConfig] = field(default_factory=lambda: MappingProxyType({}))
    at_cap: AtCap = AtCap.LOCAL

    @property
    def any(self) -> bool:
        """Whether anything is capped."""
        amounts = [self.day, self.month]
        amounts += [amount for one in self.providers.values() for amount in (one.day, one.month)]
        return any(amount is not None for amount in amounts)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the local API and of what is sent on."""

    body_bytes_max: int = 8 * 1024 * 1024
    connections_max: int = 64
    running_max: int = 16  # requests that run at once
    queued_max: int = 64  # requests that wait; beyond, 429
    output_tokens_default: int = 1024  # where a request names no limit
    conversation_days: int = 30  # a lasting conversation that nobody used for so long is removed


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that an owner can set. Made by `node.config.load` alone, whole or not at all."""

    name: str | None  # None: the host's name
    state: Path
    api: Address
    mesh: tuple[Address, ...]
    interfaces: tuple[str, ...] | None  # None: every one that is up
    privacy: PrivacyPolicy
    embedded: EmbeddedConfig
    backends: tuple[BackendConfig, ...]
    providers: tuple[ProviderConfig, ...]
    caps: CapsConfig
    limits: Limits
    source: Source = field(repr=False, compare=False)
    policy: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The [policy] table as it stands, read-only, for node.agents.policy; `source.error` names its lines."""
    embedding: EmbeddingConfig | None = None
