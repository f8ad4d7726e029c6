"""What `policy check` finds in bounds, hours and lists of models: what contradicts itself, and what is said in vain."""

from collections.abc import Iterator, Mapping
from typing import Any

from node.agents.policy import Bound, Clearance, Policy
from node.agents.standing import matches
from node.cli.policy_finding import Kind, Said, closed
from node.config import Config
from node.configuration.lines import Path
from protocol.terms import Sensitivity, Tier

KINDS = ("islands", "providers", "models")
STATES = ("metered", "owner_active", "hot")


def bounds(config: Config, policy: Policy) -> Iterator[Said]:
    for kind in KINDS:
        stated = config.policy.get(kind, {})
        for bound in getattr(policy, kind):
            path: Path = ("policy", kind, bound.name)
            yield from _of_nobody(config, kind, bound, path)
            yield from _in_itself(bound, stated[bound.name], path)
            yield from _wider(config, policy, kind, bound, stated[bound.name])
    yield from _forbidden_models(policy)
    yield from _apart(config, policy)
    yield from _models_for(policy)


def states(config: Config, policy: Policy) -> Iterator[Said]:
    """What the order or a missing cap makes idle."""
    for name in STATES:
        if config.policy.get(name) == "avoid" and not policy.weights.energy:
            yield ("policy", name), Kind.SHADOWED, "what is avoided costs energy, and energy weighs nothing here"
    if not config.caps.any and policy.remaining is None:
        for place in (("policy", "at_cap"), ("caps", "at_cap")):
            if config.source.lines.exact(place) is not None:
                yield place, Kind.SHADOWED, "there is no cap"
    for name, on in (
        ("retention_days_max", policy.retention_days_max is not None),
        ("no_training", policy.no_training),
    ):
        why = closed(policy, Tier.CLOUD) if on and name in config.policy else None
        if why:
            yield ("policy", name), Kind.SHADOWED, f"it is about providers, and none is used: {why}"


def _of_nobody(config: Config, kind: str, bound: Bound, path: Path) -> Iterator[Said]:
    if kind == "providers" and bound.name not in {provider.name for provider in config.providers}:
        yield path, Kind.SHADOWED, f"no provider is called {bound.name}"
    if kind == "models" and not any(matches(bound.name, model) for _, model in _models(config)):
        yield path, Kind.SHADOWED, f"{bound.name} matches no model that this file names"


def _in_itself(bound: Bound, stated: Mapping[str, Any], path: Path) -> Iterator[Said]:
    if not bound.allow:
        for key in stated:
            if key != "allow":
                yield (*path, key), Kind.SHADOWED, f"{bound.name} is not allowed: this changes nothing"
    elif bound.hours is not None and not bound.hours.spans:
        yield (*path, "hours"), Kind.CONTRADICTION, "no hours: they never hold; allow = false says so"


def _wider(config: Config, policy: Policy, kind: str, bound: Bound, stated: Mapping[str, Any]) -> Iterator[Said]:
    of_provider = kind == "providers" or (kind == "islands" and bound.name in {one.name for one in config.providers})
    tiers = (Tier.CLOUD,) if of_provider else (Tier.PERSONAL, Tier.EDGE) if kind == "islands" else tuple(Tier)
    for how in ("as_is", "sanitised"):
        level = getattr(bound, how)
        most = max((_rank(policy.clearance[tier], how) for tier in tiers), default=-1)
        if how in stated and level is not None and level > most:
            allowed = "nothing" if most < 0 else f"up to {Sensitivity(most).label}"
            named = " or ".join(tier.label for tier in tiers)
            yield (
                ("policy", kind, bound.name, how),
                Kind.SHADOWED,
                f"a bound only tightens: {named} takes {allowed}, and this is wider",
            )


def _rank(clearance: Clearance, how: str) -> int:
    level = getattr(clearance, how)
    return -1 if level is None else int(level)


def _forbidden_models(policy: Policy) -> Iterator[Said]:
    for wide in policy.models:
        for narrow in policy.models:
            if not wide.allow and narrow is not wide and narrow.allow and matches(wide.name, narrow.name):
                path = ("policy", "models", narrow.name)
                yield path, Kind.SHADOWED, f"models.{wide.name} already allows none of these"


def _apart(config: Config, policy: Policy) -> Iterator[Said]:
    """Bounds that meet at one offer and whose hours never do."""
    timed = [bound for bound in policy.models if bound.hours is not None and bound.hours.spans]
    for owner in policy.providers:
        for bound in timed:
            met = any(provider == owner.name and matches(bound.name, model) for provider, model in _models(config))
            if met and owner.hours and owner.hours.spans and bound.hours and not bound.hours.meet(owner.hours):
                path = ("policy", "models", bound.name, "hours")
                yield path, Kind.CONTRADICTION, f"they never hold together with those of providers.{owner.name}"


def _models_for(policy: Policy) -> Iterator[Said]:
    for place, entry in enumerate(policy.models_for):
        path = ("policy", "models_for", entry.level.label)
        if not entry.patterns and entry.level is Sensitivity.PUBLIC:
            yield path, Kind.CONTRADICTION, "no model may see any text"
        for lower in policy.models_for[:place]:
            for pattern in entry.patterns:
                if not any(matches(one, pattern) or matches(pattern, one) for one in lower.patterns):
                    why = f"{pattern} is in vain: models_for.{lower.level.label} leaves it out, and holds above too"
                    yield path, Kind.SHADOWED, why


def _models(config: Config) -> list[tuple[str, str]]:
    """Who has which, as far as the file names it."""
    found = [(provider.name, model.name) for provider in config.providers for model in provider.models]
    return found + [(backend.name, model) for backend in config.backends for model in backend.models]
