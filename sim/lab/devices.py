"""What the laboratory's requests can be answered by: what each offer says of itself, and what is true.

Speeds, noise, drift and failures are assumptions, and so is the quality; prices are quantiles of real ones (sim/data).
"""

from dataclasses import dataclass

from node.agents.estimates import Claim
from node.agents.table import Offer
from node.agents.tier import distance
from node.ports import Origin
from protocol.terms import NanoUsd, Tier
from sim.data.price_quantiles import INPUT_NANO_USD, OUTPUT_NANO_USD

HOSTED_SLOTS = 16  # requests at once, as the node allows
UNPAID = NanoUsd(0)


@dataclass(frozen=True, slots=True)
class Machine:
    """One model of one island or provider. `fixed_s`, `prefill` and `rate` are the truth, in the mean of its drift.

    `drift`: by how much it is slower or quicker at the ends of its period; `burdened`: while its owner works at it, for
    the second third of each period, everything takes so many times as long.
    """

    island: str
    model: str
    tier: Tier
    slots: int
    context_tokens: int
    fixed_s: float
    prefill: float
    rate: float
    quality: float
    claim: Claim
    here: bool = False
    input_price: NanoUsd = UNPAID
    output_price: NanoUsd = UNPAID
    energy_j_per_token: float = 0.0
    noise: float = 0.25  # of the logarithm of the seconds
    failure: float = 0.01
    drift: float = 0.2
    period_s: float = 3_600.0
    burdened: float = 1.0

    @property
    def offer(self) -> Offer:
        """Its row of the table, but for what changes."""
        own, hosted = self.tier is Tier.PERSONAL, self.tier is Tier.CLOUD
        return Offer(
            island=self.island,
            island_id="" if hosted else self.island,
            model=self.model,
            backend="lab",
            tier=self.tier,
            own=own,
            origin=Origin.REMOTE if hosted else Origin.EMBEDDED,
            distance=distance(self.tier, here=self.here, own=own),
            context_tokens=self.context_tokens,
            tools=True,
            slots=self.slots,
            free=self.slots,
            queue=0,
            ttft_s=0.0,
            prefill_tokens_per_s=1.0,
            tokens_per_s=1.0,
            input_price=self.input_price,
            output_price=self.output_price,
            member_live=True,
            fresh=True,
            alive=True,
            provider=self.island if hosted else "",
            quality=self.quality,
            energy_j_per_token=self.energy_j_per_token,
        )


def _hosted(percent: int, quality: float, fixed_s: float, prefill: float, rate: float, boast: float) -> Machine:
    """A hosted model at that percentile of the prices; it is said to be `boast` times as quick as it is."""
    return Machine(
        island=f"provider{percent}",
        model=f"hosted{percent}",
        tier=Tier.CLOUD,
        slots=HOSTED_SLOTS,
        context_tokens=200_000,
        fixed_s=fixed_s,
        prefill=prefill,
        rate=rate,
        quality=quality,
        claim=Claim(fixed_s / boast, rate * boast, prefill * boast),
        input_price=NanoUsd(INPUT_NANO_USD[percent // 10]),
        output_price=NanoUsd(OUTPUT_NANO_USD[percent // 10]),
        noise=0.35,
        failure=0.015,
    )


HOUSEHOLD = (
    Machine(
        *("laptop", "small", Tier.PERSONAL, 1, 16_384, 0.3, 350.0, 22.0, 0.35, Claim()),
        here=True,
        energy_j_per_token=1.5,
        burdened=2.5,
    ),
    Machine(
        *("desktop", "medium", Tier.PERSONAL, 2, 131_072, 0.25, 1_800.0, 55.0, 0.55, Claim(0.2, 70.0, 2_200.0)),
        energy_j_per_token=4.0,
        burdened=1.5,
        period_s=7_200.0,
    ),
    Machine(  # an old box that says what its makers say
        *("attic", "medium", Tier.PERSONAL, 2, 131_072, 1.5, 120.0, 7.0, 0.55, Claim(0.3, 45.0, 1_500.0)),
        energy_j_per_token=9.0,
        failure=0.05,
    ),
    Machine(
        *("server", "big", Tier.EDGE, 8, 131_072, 0.4, 4_000.0, 42.0, 0.75, Claim(0.3, 60.0, 5_000.0)),
        energy_j_per_token=6.0,
        drift=0.35,
    ),
    Machine(
        *("neighbour", "medium", Tier.EDGE, 2, 32_768, 0.5, 1_200.0, 38.0, 0.55, Claim(0.5, 40.0, 1_200.0)),
        energy_j_per_token=4.0,
        failure=0.08,
    ),
    _hosted(10, 0.5, 0.6, 12_000.0, 90.0, 1.2),
    _hosted(30, 0.65, 0.5, 10_000.0, 110.0, 1.0),
    _hosted(50, 0.75, 0.9, 9_000.0, 70.0, 1.5),
    _hosted(70, 0.88, 0.7, 8_000.0, 80.0, 1.2),
    _hosted(80, 0.95, 1.2, 6_000.0, 60.0, 2.5),
)
"""A laptop that asks, two more devices of its person, two islands of others, and five hosted models."""
