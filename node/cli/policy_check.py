"""What a configuration says twice, in vain or against itself. Each finding names its line."""

from collections.abc import Iterator, Mapping

from node.agents.policy import Policy
from node.cli.policy_bounds import bounds, states
from node.cli.policy_finding import Finding, Kind, Said, closed
from node.config import Config, Settings, config_path, load
from node.island import policy_of
from protocol.errors import ConfigError
from protocol.terms import Sensitivity, Tier

OVERRIDABLE = {"name": ("name",), "api": ("api", "address"), "mesh": ("mesh", "addresses")}
COVERED = frozenset({"en"})


def check(flags: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """In the order of the file."""
    try:
        config = load(flags, environ)
        policy = policy_of(config)
    except ConfigError as error:
        return [_unreadable(str(error), config_path(flags, environ).name)]
    found = [
        Finding(config.source.file, config.source.lines.of(path), kind, detail)
        for of in (_clearance, _tiers, _money, _privacy, _weights, bounds, states)
        for path, kind, detail in of(config, policy)
    ]
    found += _overridden(config, environ)
    return sorted(found, key=lambda one: one.line)


def _unreadable(message: str, file: str) -> Finding:
    name, _, rest = message.partition(":")
    line, _, detail = rest.partition(":")
    if name == file and line.isdigit():
        return Finding(file, int(line), Kind.ERROR, detail.strip())
    return Finding(file, 1, Kind.ERROR, message)


def _clearance(config: Config, policy: Policy) -> Iterator[Said]:
    stated = config.policy.get("clearance", {})
    for nearer, farther in ((Tier.PERSONAL, Tier.EDGE), (Tier.EDGE, Tier.CLOUD)):
        for column in ("as_is", "sanitised"):
            near, far = getattr(policy.clearance[nearer], column), getattr(policy.clearance[farther], column)
            if column == "sanitised" and nearer is Tier.PERSONAL:
                continue  # it takes everything as it is
            if far is not None and (near is None or far > near):
                tier = farther if column in stated.get(farther.label, {}) else nearer
                yield (
                    ("policy", "clearance", tier.label, column),
                    Kind.CONTRADICTION,
                    f"{farther.label} takes up to {far.label} {_how(column)}, and {nearer.label}, which is nearer, "
                    f"{'nothing' if near is None else f'up to {near.label}'}",
                )
    for tier in Tier:
        if policy.clearance[tier].as_is is Sensitivity.RESTRICTED and "sanitised" in stated.get(tier.label, {}):
            path = ("policy", "clearance", tier.label, "sanitised")
            yield path, Kind.SHADOWED, f"{tier.label} takes everything as it is: nothing is sanitised for it"


def _how(column: str) -> str:
    return "as it is" if column == "as_is" else "sanitised"


def _tiers(config: Config, policy: Policy) -> Iterator[Said]:
    for index, provider in enumerate(config.providers):
        why = closed(policy, Tier.CLOUD)
        if why is None and policy.jurisdictions is not None and provider.jurisdiction not in policy.jurisdictions:
            why = f"its jurisdiction ({provider.jurisdiction or 'not stated'}) is none of those that the policy names"
        if why:
            yield ("providers", index), Kind.SHADOWED, f"{provider.name} is never used: {why}"
    for index, backend in enumerate(config.backends):
        why = None if backend.tier is None else closed(policy, backend.tier)
        if why:
            yield ("backends", index), Kind.SHADOWED, f"{backend.name} is never used: {why}"
    for tier in Tier:
        if tier > policy.max_tier and tier.label in config.policy.get("clearance", {}):
            path = ("policy", "clearance", tier.label)
            yield path, Kind.SHADOWED, f"nothing goes to {tier.label}: max_tier is {policy.max_tier.label}"


def _money(config: Config, _policy: Policy) -> Iterator[Said]:
    day, month = config.caps.day, config.caps.month
    if day is not None and month is not None and month < day:
        yield ("caps", "day_usd"), Kind.SHADOWED, "a month's cap is lower than a day's"
    if day is None and month is None:
        return
    for index, provider in enumerate(config.providers):
        for number, model in enumerate(provider.models):
            if model.input_price is None or model.output_price is None:
                path = ("providers", index, "models", number)
                yield path, Kind.SHADOWED, f"{model.name} is never used: under a cap, a price must be known"
            elif 0 in (day, month) and (model.input_price or model.output_price):
                path = ("providers", index, "models", number)
                yield path, Kind.SHADOWED, f"{model.name} is never used: the cap is 0"


def _privacy(config: Config, policy: Policy) -> Iterator[Said]:
    privacy = config.privacy
    for code in sorted(privacy.languages & COVERED):
        yield ("privacy", "languages"), Kind.SHADOWED, f"{code} is read by the name models anyway"
    for tier, _ in privacy.levels:
        why = closed(policy, tier)
        if why:
            yield ("privacy", "level", tier.label), Kind.SHADOWED, f"nothing goes to {tier.label}: {why}"
    takes = [row.sanitised for row in policy.clearance if row.sanitised is not None]
    if (
        privacy.special_after is Sensitivity.CONFIDENTIAL
        and max(takes, default=Sensitivity.PUBLIC) < privacy.special_after
    ):
        yield ("privacy", "special_after"), Kind.SHADOWED, "no tier takes sanitised text that is still confidential"
    seen: dict[str, str] = {}
    for term in privacy.own.terms:
        key = term.text.casefold()
        if key in seen:
            yield ("privacy", "terms"), Kind.SHADOWED, f"a term is there twice, as {seen[key]} and as {term.type.value}"
        seen.setdefault(key, term.type.value)
    patterns = [pattern.text for pattern in privacy.own.patterns]
    for index, text in enumerate(patterns):
        if text in patterns[:index]:
            yield ("privacy", "patterns", index, "pattern"), Kind.SHADOWED, "this pattern is there already"


def _weights(config: Config, policy: Policy) -> Iterator[Said]:
    if not any(policy.weights.values()):
        yield ("policy", "weights"), Kind.CONTRADICTION, "every weight is 0: nothing tells a better offer from a worse"


def _overridden(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    for key, path in OVERRIDABLE.items():
        variable = f"ISLANDRUN_{key.upper()}"
        line = config.source.lines.exact(path)
        if line is not None and environ.get(variable):
            yield Finding(config.source.file, line, Kind.SHADOWED, f"{'.'.join(path)}: {variable} is set, and wins")
