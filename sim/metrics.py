"""What a run was like, from the truth and not from the nodes' books. Source: specs/10-simulator.md, "Figures"."""

from dataclasses import dataclass, field

from protocol.terms import NANO_USD_PER_USD, Tier


@dataclass(slots=True)
class Metrics:
    """Counted while it runs."""

    requests: int = 0
    feasible: int = 0  # requests with an offer in their plan
    answered: int = 0
    refused: int = 0  # no offer was feasible
    failed: int = 0  # every offer of the plan failed
    cut: int = 0
    failovers: int = 0
    sanitised: int = 0
    violations: int = 0
    paid_twice: int = 0
    exposed_units: int = 0
    nano_usd: int = 0
    gossip_bytes: int = 0
    waiting_s: list[float] = field(default_factory=list)  # to the first token
    whole_s: list[float] = field(default_factory=list)  # to the last
    tokens: dict[Tier, int] = field(default_factory=lambda: dict.fromkeys(Tier, 0))
    spread_s: list[float] = field(default_factory=list)  # an island's first statement to each other island

    def share_within(self, tier: Tier) -> float | None:
        """Of the tokens of whole answers, those made at most as far as `tier`."""
        total = sum(self.tokens.values())
        return _rounded(sum(count for made, count in self.tokens.items() if made <= tier) / total) if total else None

    def report(self, islands: int, simulated_s: int) -> dict[str, object]:
        """The figures, rounded so that they are the same text everywhere."""
        return {
            "requests": self.requests,
            "feasible": self.feasible,
            "answered": self.answered,
            "refused": self.refused,
            "failed": self.failed,
            "cut": self.cut,
            "failovers": self.failovers,
            "sanitised": self.sanitised,
            "violations": self.violations,
            "paid_twice": self.paid_twice,
            "exposed_units": self.exposed_units,
            "local_token_share": self.share_within(Tier.EDGE),
            "personal_token_share": self.share_within(Tier.PERSONAL),
            "ttft_p50_s": quantile(self.waiting_s, 0.50),
            "ttft_p95_s": quantile(self.waiting_s, 0.95),
            "ttft_p99_s": quantile(self.waiting_s, 0.99),
            "answer_p50_s": quantile(self.whole_s, 0.50),
            "answer_p95_s": quantile(self.whole_s, 0.95),
            "spread_p50_s": quantile(self.spread_s, 0.50),
            "spread_p99_s": quantile(self.spread_s, 0.99),
            "usd": self.nano_usd / NANO_USD_PER_USD,
            "gossip_bytes_per_island_hour": round(self.gossip_bytes * 3_600 / (islands * simulated_s)),
        }


def quantile(values: list[float], share: float) -> float | None:
    """The nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return _rounded(ordered[min(len(ordered) - 1, int(share * len(ordered)))])


def _rounded(value: float) -> float:
    return round(value, 6)
