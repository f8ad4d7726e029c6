"""The table [caps], with one of its own for each provider that is capped by itself."""

from types import MappingProxyType

from node.agents.policy import AtCap
from node.configuration import places
from node.configuration.section import Section
from node.configuration.values import CapsConfig, ProviderCapsConfig


def read_caps(section: Section) -> CapsConfig:
    """Whole, and closed against unknown keys. A provider may be capped that another device alone has a key for.

    Raises ConfigError.
    """
    caps = CapsConfig(
        day=section.usd("day_usd"),
        month=section.usd("month_usd"),
        providers=_providers(section.section("providers")),
        at_cap=section.choice("at_cap", AtCap, AtCap.LOCAL),
    )
    section.end()
    return caps


def _providers(section: Section) -> MappingProxyType[str, ProviderCapsConfig]:
    found: dict[str, ProviderCapsConfig] = {}
    for name in sorted(section.keys()):
        try:
            places.service_name(name)
        except ValueError:
            raise section.error(name, f"the name of a provider: {places.SERVICE_NAME_EXPECTED}") from None
        inner = section.section(name)
        found[name] = ProviderCapsConfig(day=inner.usd("day_usd"), month=inner.usd("month_usd"))
        inner.end()
    return MappingProxyType(found)
