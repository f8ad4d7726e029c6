"""The tables [[backends]] and [[providers]]."""

from node.agents.estimates import Claim
from node.agents.table import RETENTION_DAYS_MAX
from node.configuration import places
from node.configuration.secrets import SecretReader
from node.configuration.section import Section
from node.configuration.values import BackendConfig, OutputLimit, ProviderConfig, ProviderKind, ProviderModel
from protocol.errors import ConfigError
from protocol.terms import NanoUsd, Tier

CONTEXT_TOKENS_MAX = 100_000_000
CONTEXT_TOKENS_DEFAULT = 8_192
SLOTS_MAX = 1_024
TTFT_MS_MAX = 3_600_000
TOKENS_PER_S_MAX = 20_000
PRICE_NANO_USD_MAX = 10**15  # node.agents.table: no product of prices and tokens leaves 64 bits
_MODELS_EXPECTED = 'names of models, such as ["llama-3.3-70b"]'
_DEFAULT_LIMIT = {
    ProviderKind.OPENAI: OutputLimit.MAX_COMPLETION_TOKENS,
    ProviderKind.ANTHROPIC: OutputLimit.MAX_TOKENS,
}


def read_services(root: Section, secrets: SecretReader) -> tuple[tuple[BackendConfig, ...], tuple[ProviderConfig, ...]]:
    """Both tables; no two services share a name. Raises ConfigError."""
    names: set[str] = set()
    backends = tuple(_backend(section, secrets, names) for section in root.sections("backends"))
    providers = tuple(_provider(section, secrets, names) for section in root.sections("providers"))
    return backends, providers


def _backend(section: Section, secrets: SecretReader, names: set[str]) -> BackendConfig:
    name = _name(section, names)
    url = section.parsed("url", places.url, places.URL_EXPECTED) if _url_is_safe(section) else None
    if url is None:
        raise section.missing("url", places.URL_EXPECTED)
    tier = section.choice("tier", Tier) if section.has("tier") else section.get("tier")
    models = section.texts("models", _MODELS_EXPECTED) or ()
    if tier is not None and not models:
        # A server may forward some of its models elsewhere: a tier holds only for models that the owner names.
        raise section.error("tier", "models = [...] beside it: a tier holds for models that are named")
    context = section.get("context_tokens")
    backend = BackendConfig(
        name=name,
        url=url,
        tier=tier,
        models=models,
        key=secrets.secret(section, "key"),
        context_tokens=None if context is None else section.integer("context_tokens", None, 1, CONTEXT_TOKENS_MAX),
        slots=section.integer("slots", 1, 1, SLOTS_MAX),
        embeds=_embeds(section, models),
    )
    section.end()
    return backend


def _embeds(section: Section, models: tuple[str, ...]) -> tuple[str, ...]:
    names = section.texts("embeds", _MODELS_EXPECTED) or ()
    if models and not set(names) <= set(models):
        raise section.error("embeds", "some of the models that are named beside it")
    return names


def _provider(section: Section, secrets: SecretReader, names: set[str]) -> ProviderConfig:
    name = _name(section, names)
    kind = section.choice("kind", ProviderKind, ProviderKind.OPENAI)
    expected = places.PROVIDER_URL_EXPECTED
    url = section.parsed("url", places.provider_url, expected) if _url_is_safe(section) else None
    if url is None:
        raise section.missing("url", expected)
    models = tuple(_model(model, kind) for model in section.sections("models"))
    if not models:
        raise section.missing("models", "at least one [[providers.models]]")
    _refuse_twice(section, models)
    provider = ProviderConfig(
        name=name,
        kind=kind,
        url=url,
        key=secrets.secret(section, "key"),
        models=models,
        output_limit=section.choice("output_limit", OutputLimit, _DEFAULT_LIMIT[kind]),
        jurisdiction=section.parsed("jurisdiction", places.jurisdiction, "a country's code, such as DE") or "",
        retention_days=_whole(section, "retention_days", 0, RETENTION_DAYS_MAX),
        trains=section.flag("trains", default=False) if section.has("trains") else section.get("trains"),
    )
    section.end()
    return provider


def _model(section: Section, kind: ProviderKind) -> ProviderModel:
    embeds = section.flag("embeds", default=False)
    if embeds and kind is ProviderKind.ANTHROPIC:
        raise section.error("embeds", 'false, or kind = "openai": there are no vectors in Anthropic\'s API')
    output_price = _price(section, "output_usd")
    model = ProviderModel(
        name=section.text("name", "the model's name at the provider"),
        input_price=_price(section, "input_usd"),
        output_price=NanoUsd(0) if embeds and output_price is None else output_price,  # it writes nothing
        cached_input_price=_price(section, "cached_input_usd"),
        context_tokens=section.integer("context_tokens", CONTEXT_TOKENS_DEFAULT, 1, CONTEXT_TOKENS_MAX),
        quality=section.share("quality", 0.0) if section.has("quality") else section.get("quality"),
        embeds=embeds,
        claim=_claim(section),
    )
    section.end()
    return model


def _claim(section: Section) -> Claim:
    ttft_ms = _whole(section, "ttft_ms", 1, TTFT_MS_MAX)
    tokens_per_s = _whole(section, "tokens_per_s", 1, TOKENS_PER_S_MAX)
    return Claim(
        ttft_s=None if ttft_ms is None else ttft_ms / 1_000,
        tokens_per_s=None if tokens_per_s is None else float(tokens_per_s),
    )


def _whole(section: Section, key: str, least: int, most: int) -> int | None:
    return section.integer(key, None, least, most) if section.has(key) else section.get(key)


def _price(section: Section, key: str) -> NanoUsd | None:
    """For a million tokens, within what an offer can hold."""
    price = section.usd(key)
    if price is not None and price > PRICE_NANO_USD_MAX:
        raise section.error(key, "at most 1000000 US dollars for a million tokens")
    return price


def _name(section: Section, names: set[str]) -> str:
    name = section.parsed("name", places.service_name, places.SERVICE_NAME_EXPECTED)
    if name is None:
        raise section.missing("name", places.SERVICE_NAME_EXPECTED)
    if name in names:
        raise section.error("name", "a name that no other backend or provider has")
    names.add(name)
    return name


def _url_is_safe(section: Section) -> bool:
    """Refuses credentials in a URL without echoing them."""
    value = section.get("url")
    if isinstance(value, str) and ("@" in value or "?" in value):
        raise section.source.problem(
            (*section.path, "url"), 'url: a secret does not belong in a URL: expected key_env = "VARIABLE" beside it'
        )
    return value is not None


def _refuse_twice(section: Section, models: tuple[ProviderModel, ...]) -> None:
    seen: set[str] = set()
    for index, model in enumerate(models):
        if model.name in seen:
            raise _twice(section, index, model)
        seen.add(model.name)


def _twice(section: Section, index: int, model: ProviderModel) -> ConfigError:
    path = (*section.path, "models", index, "name")
    return section.source.error(path, model.name, "each model of a provider once")
