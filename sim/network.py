"""How long bytes take between two islands, and what is lost. Source: specs/10-simulator.md, "The network"."""

from dataclasses import dataclass, field

from sim.data.latency_quantiles import BETWEEN_DEVICES_US, BETWEEN_SITES_US
from sim.kernel import SECOND_US, Draws

# No data set of home networks is at hand: a switch at the low end, a busy access point at the high one. An assumption.
WITHIN_SITE_US = (300, 600, 1_000, 1_600, 2_500, 4_000, 7_000, 12_000, 25_000)
RESENT_AFTER_US = 200_000  # TCP's least retransmission time-out in Linux; what a lost segment costs a stream
HEADERS_BYTES = 90  # Noise, Yamux, TCP and IP around one frame
JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Link:
    """One island's way into the network."""

    site: str
    roams: bool  # a personal device outside: its ways are those measured between personal devices
    bits_per_s: int
    loss: float


@dataclass(slots=True)
class Network:
    """Ways are fixed for each pair of islands, by name, so that more islands change no other's."""

    seed: int
    links: dict[str, Link]
    draws: Draws
    bytes_sent: dict[str, int] = field(default_factory=dict)
    _round_trips_us: dict[tuple[str, str], int] = field(default_factory=dict)

    def round_trip_us(self, one: str, other: str) -> int:
        """Of a small frame, on a quiet network."""
        pair = (one, other) if one < other else (other, one)
        known = self._round_trips_us.get(pair)
        if known is None:
            known = self._round_trips_us[pair] = self._drawn(*pair)
        return known

    def delay_us(self, sender: str, receiver: str, size: int) -> int:
        """Of one frame on a stream: half a round trip, the bytes themselves, and what was lost and sent again."""
        here, there = self.links[sender], self.links[receiver]
        self.bytes_sent[sender] = self.bytes_sent.get(sender, 0) + size + HEADERS_BYTES
        if sender == receiver:
            return 0
        way = self.round_trip_us(sender, receiver) * (1.0 + JITTER * self.draws.unit()) / 2
        bytes_us = (size + HEADERS_BYTES) * 8 * SECOND_US / min(here.bits_per_s, there.bits_per_s)
        loss = max(here.loss, there.loss)
        while loss and self.draws.unit() < loss:
            way += RESENT_AFTER_US
        return int(way + bytes_us)

    def _drawn(self, one: str, other: str) -> int:
        draws = Draws(self.seed, f"way/{one}/{other}")
        here, there = self.links[one], self.links[other]
        if here.roams or there.roams:
            return draws.quantile(BETWEEN_DEVICES_US)
        return draws.quantile(WITHIN_SITE_US if here.site == there.site else BETWEEN_SITES_US)
